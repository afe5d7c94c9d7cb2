"""What a mosaic hears at its input: the row of what sounds now, to follow, and the frames of a call, to answer.

It knows samples and z-scores, not units. A row has C = D + 3 columns, as in `realtime.voices.mosaic_target`.
"""

from dataclasses import replace

import numpy as np

from patches.descriptors import ATTRIBUTES, DescriptorSpec
from realtime.descriptors.live import LiveDescriptors, Rows
from realtime.kernels.views import Floats

LIVE_HOP_FRAMES = 256
"""A row of what sounds now is at most this old, 6 ms at 44.1 kHz, wherever the voice's own hops fall."""
QUIET_DBFS = -60.0
"""An input below this is nobody playing."""
UNKNOWN_GROUPS = ("movement", "onset")
"""Descriptors that look ahead, or back by a whole hop: not known of what sounds now."""


class Listener:
    """The input of one voice.

    Parameters
    ----------
    spec : DescriptorSpec
        Of the corpus.
    mean, std : float32 array, shape (C,)
        The z-score of the corpus' rows.

    Thread
    ------
    The deck's. Owner: the voice.
    """

    def __init__(self, spec: DescriptorSpec, mean: Floats, std: Floats) -> None:
        names = tuple(name for name in spec.names if spec.group_of(name) not in UNKNOWN_GROUPS)
        self._known = np.array([*(name in names for name in spec.names), *(True for _ in ATTRIBUTES)])
        with_f0 = "f0" in spec.names
        self._mean, self._std = mean, std
        self._size = len(spec.names)
        self._now = LiveDescriptors(replace(spec, hop_frames=LIVE_HOP_FRAMES), static_only=True, with_f0=with_f0)
        self._whole = LiveDescriptors(spec, with_f0=with_f0)
        self.reset()

    def reset(self) -> None:
        """Back to having heard nothing, with nobody asking."""
        self._wanted = False
        self._now.reset()
        self._whole.reset()
        self._newest: Rows | None = None
        self._call: list[Rows] = []
        self._calling = False
        self._edge = 0

    def warm(self) -> None:
        """Describe a little silence, so that the first live row compiles nothing."""
        silence = np.zeros(4 * self._whole.spec.hop_frames, np.float32)
        self._now.push(silence)
        self._whole.push(silence)
        self._whole.flush()
        self.reset()

    def blank_row(self) -> Floats:
        """A row for `row` to fill, shape (C,)."""
        return np.zeros_like(self._mean)

    def attend(self, wanted: bool) -> None:
        """Say whether anybody will ask for `row` or `frames`: what nobody asks for is not described."""
        if self._wanted and not wanted:
            self.reset()
        self._wanted = wanted

    def take(self, samples: Floats) -> None:
        """Hear what came in, float32 (T,), mono at the rate of the spec."""
        if not self._wanted or not len(samples):
            return
        rows = self._now.push(samples)
        if len(rows):
            self._newest = rows
        if self._calling:
            self._call.append(self._whole.push(samples))

    @property
    def quiet(self) -> bool:
        """Nobody plays."""
        return self._newest is None or float(self._newest.attributes[-1, 0]) < QUIET_DBFS

    def row(self, out: Floats) -> bool:
        """Write the z-scores of what sounds now into `out`, shape (C,); false if nothing was heard yet."""
        if self._newest is None:
            return False
        out[: self._size] = self._newest.frames[-1]
        out[self._size :] = self._newest.attributes[-1]
        out -= self._mean
        out /= self._std
        return True

    def blend(self, share: float, live: Floats, row: Floats) -> None:
        """Move `row` towards the live one by `share`, in the columns that are known of what sounds now."""
        np.copyto(row, row + np.float32(share) * (live - row), where=self._known)

    def begin_call(self) -> None:
        """From here on keep every frame but the first few, which look at the silence before."""
        self._whole.reset()
        self._call.clear()
        self._calling = True
        self._edge = -(-self._whole.lookahead_frames // self._whole.spec.hop_frames)

    def end_call(self) -> None:
        """The call is over. Frames that would look beyond its end are not made: they would describe a silence that was not played."""
        self._calling = False

    def frames(self) -> list[Floats]:
        """The z-scored frames, each (D,), of the call since the last asking."""
        size = self._size
        frames = [(frame - self._mean[:size]) / self._std[:size] for rows in self._call for frame in rows.frames]
        self._call.clear()
        dropped = min(self._edge, len(frames))
        self._edge -= dropped
        return frames[dropped:]


class Call:
    """Whose turn it is in a call and response: the input's for some seconds, then the sequencer's for as long, and again.

    Parameters
    ----------
    steps_hz : float
        Steps per second.
    """

    def __init__(self, steps_hz: float) -> None:
        self._steps_hz = steps_hz
        self.reset()

    def reset(self) -> None:
        """Nobody's turn."""
        self._phase = ""
        self._steps = 0

    def turn(self, on: bool, seconds: float, listener: Listener) -> bool:
        """Count one step, and tell whether it is the input's turn. A turn begins when something is played: silence is not answered."""
        if not on:
            if self._phase == "call":
                listener.end_call()
            self.reset()
            return False
        length = max(1, round(seconds * self._steps_hz))
        if self._phase == "call":
            self._steps = 0 if self._steps == 0 and listener.quiet else self._steps + 1
            if self._steps >= length:
                listener.end_call()
                self._phase, self._steps = "response", 0
        elif self._phase == "response":
            self._steps += 1
            if self._steps >= length:
                self._phase = ""
        if not self._phase:
            listener.begin_call()
            self._phase, self._steps = "call", 0
        return self._phase == "call"
