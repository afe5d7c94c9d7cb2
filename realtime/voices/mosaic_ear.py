"""What a mosaic makes of its live input: how much of it is followed, whose turn it is, and what the sequencer hears of a call.

It knows the performer's controls and the listener, not the corpus or what is played.
"""

from collections.abc import Iterator

import numpy as np

from realtime.kernels.views import Floats
from realtime.voices.listener import Call, Listener
from realtime.voices.mosaic_settings import MosaicSettings

INPUT_LIMIT = 4.0
"""The sequencer never saw descriptors this many standard deviations out."""
FOLLOWS_NOTHING = 1e-3
"""A smoothed control that was turned to 0 comes ever nearer to it and never there."""
DEAF_HOPS = 8
"""Hops without a frame of input after which there is none: it comes with every step, or not at all."""
FOLLOWS = 0.5
"""From here up the input leads: a unit is chosen every hop, so that what comes back is what was just played in."""
DEAF = "there is no input to follow or to answer: the sequencer leads (start with --input)"


class Ear:
    """The input of a mosaic.

    Parameters
    ----------
    settings : MosaicSettings
    listener : Listener
    hops_hz : float
        Hops per second.

    Attributes
    ----------
    follow : float, 0..1
        How much of what is asked for is the input's, in this hop.
    silent : bool
        The voice is to be silent in this hop: it is the input's turn, or what is followed is quiet.

    Thread
    ------
    The deck's. Owner: the voice. `begin_hop` once per hop, before `call`.
    """

    def __init__(self, settings: MosaicSettings, listener: Listener, hops_hz: float) -> None:
        self._settings = settings
        self._listener = listener
        self._call = Call(hops_hz)
        self._live = listener.blank_row()
        self._notes: list[str] = []
        listener.warm()
        self.reset()

    def reset(self) -> None:
        """Back to having heard nothing."""
        self._listener.reset()
        self._call.reset()
        self.follow = 0.0
        self.silent = False
        self._deaf_hops = 0
        self._said_deaf = False

    def take_notes(self) -> list[str]:
        """What there is to say once, since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def listen(self, frames: Floats) -> None:
        """Take what came in since the last step; see `Voice.listen`."""
        self._deaf_hops = 0
        self._listener.take(frames)

    def begin_hop(self) -> None:
        """Take note of the input as far as it is asked for. Followed, an input that is quiet has quiet for an answer."""
        answer, follow = self._settings.is_on("answer"), self._settings["follow"]
        if follow < FOLLOWS_NOTHING:
            follow = 0.0
        self._deaf_hops += 1
        if (answer or follow > 0.0) and self._deaf_hops > DEAF_HOPS:
            # Without an input there is nothing to follow, and nobody to wait for.
            if not self._said_deaf:
                self._notes.append(DEAF)
            self._said_deaf = True
            answer, follow = False, 0.0
        self._listener.attend(answer or follow > 0.0)
        calling = self._call.turn(answer, self._settings["listen_time"], self._listener)
        self.follow = follow
        self.silent = calling or (follow >= FOLLOWS and self._listener.quiet)

    def call(self) -> Iterator[Floats]:
        """The frames of the call that the sequencer has not heard yet, each (D,), z-scores it can take."""
        return (np.clip(frame, -INPUT_LIMIT, INPUT_LIMIT) for frame in self._listener.frames())

    def blend(self, row: Floats) -> float:
        """Move a row to search for, shape (C,), towards what sounds at the input, and return by how much, 0 to 1."""
        if self.follow <= 0.0 or not self._listener.row(self._live):
            return 0.0
        self._listener.blend(self.follow, self._live, row)
        return self.follow
