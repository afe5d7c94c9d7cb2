"""The streams of a mosaic: which unit each plays, and what would come next in it by itself.

It knows units and the player, not why a unit is chosen.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realtime.kernels.views import Floats
from realtime.voices.corpus import UnitCorpus
from realtime.voices.unit_player import UnitPlayer
from realtime.voices.unit_shape import STREAMS, Shape
from realtime.voices.voice import UnitEvent

NOTHING = -1


class Played(NamedTuple):
    """What one stream plays from a frame of a hop on: the unit, the first corpus frame, and whether the unit begins there."""

    stream: int
    unit: int
    start: int
    began: bool
    frame: int


class MosaicStreams:
    """Up to four lines of units from one corpus.

    Parameters
    ----------
    corpus : UnitCorpus
    hop_frames, steps : int
        How long a hop is, and in how many steps it is played.
    channels, sample_rate_hz : int
        Of the output.

    Thread
    ------
    The deck's. Owner: the voice.
    """

    def __init__(self, corpus: UnitCorpus, *, hop_frames: int, steps: int, channels: int, sample_rate_hz: int) -> None:
        self._corpus = corpus
        self._hop_frames = hop_frames
        self._step_frames = hop_frames // steps
        self._steps = steps
        self.gone: NDArray[np.bool_] = np.zeros(len(corpus), np.bool_)
        """Units, (N,), that are not played on into: their sound is not there any more."""
        self._player = UnitPlayer(corpus.audio, step_frames=self._step_frames, channels_out=channels, sample_rate_hz=sample_rate_hz)
        self.reset()

    def reset(self) -> None:
        """Silence, at once."""
        self._player.reset()
        self._step = 0
        self._hop_rate = 1.0
        self._began = [False] * STREAMS
        self._aside = [False] * STREAMS
        self._backwards = [False] * STREAMS
        self.units = [NOTHING] * STREAMS

    @property
    def begins_hop(self) -> bool:
        """Whether the next step is the first of a hop."""
        return self._step == 0

    def sounding(self, stream: int) -> bool:
        """Tell whether a unit sounds in a stream that was not let go."""
        return self._player.sounding(stream)

    def silent(self, streams: int) -> int:
        """The first of so many streams in which nothing sounds, `NOTHING` if all do."""
        return next((stream for stream in range(streams) if not self._player.sounding(stream)), NOTHING)

    def ending(self, shape: Shape) -> int:
        """Within a hop: the first stream whose file ends before the hop does, because the rate was turned up since; else `NOTHING`."""
        if self.begins_hop or shape.valid_rate() <= self._hop_rate:
            return NOTHING
        left = self._hop_frames - self._step * self._step_frames
        ends = (s for s in range(shape.valid_streams()) if self._player.sounding(s) and not self._goes_on(s, left * shape.valid_rate()))
        return next(ends, NOTHING)

    def natural(self, stream: int, shape: Shape) -> int:
        """The unit that sounds next in a stream if nothing is chosen; `NOTHING` where nothing does, or its file or its sound ends."""
        if not self._player.sounding(stream) or self.units[stream] < 0:
            return NOTHING
        left = self._hop_frames - self._step * self._step_frames
        if not self._goes_on(stream, left * shape.valid_rate()):
            return NOTHING
        natural = self._following(stream) if self.begins_hop else self.units[stream]
        return NOTHING if natural >= 0 and self.gone[natural] else natural

    def _goes_on(self, stream: int, travel: float) -> bool:
        """Tell whether there is sound for so many corpus frames before the last unit of a stream's file ends."""
        corpus, position = self._corpus, self._player.position(stream)
        file = int(corpus.file_index[self.units[stream]])
        # A joined start may be off by half a period. A unit that began within a hop is off by more, and every frame of it counts.
        spare = 0 if self._aside[stream] else self._hop_frames // 2
        first, last = (corpus.unit_at(file, int(limits[file])) for limits in (corpus.file_first, corpus.file_last))
        if self._backwards[stream]:
            return bool(position - travel >= int(corpus.start_frames[first]) - spare)
        # Behind the last unit of a file there is not enough sound for a step.
        return bool(position + travel <= int(corpus.start_frames[last]) + int(corpus.length_frames[last]) + spare)

    def _following(self, stream: int) -> int:
        """The unit of the next hop, looked up in its middle: that is the same wherever in the corpus' own hops a stream is."""
        file, half = int(self._corpus.file_index[self.units[stream]]), self._hop_frames // 2
        return self._corpus.unit_at(file, self._player.position(stream) + (-half if self._backwards[stream] else half))

    def begin(self, stream: int, unit: int, shape: Shape) -> None:
        """Let a unit begin with the next step; earlier in its file, where a high rate would be through with the file within a hop."""
        corpus = self._corpus
        first, end = corpus.limit(unit)
        start, length = int(corpus.start_frames[unit]), int(corpus.length_frames[unit])
        beyond = math.ceil(self._hop_frames * (shape.valid_rate() - 1.0))
        if beyond > 0:
            room = self._hop_frames + beyond
            start = min(start, end - room) if not shape.reverse else max(start, first + room - length)
            start = min(max(start, first), max(end - length, first))
        self._player.begin(stream, start, length, float(corpus.f0_hz[unit]), (first, end - 1), shape)
        self.units[stream] = unit
        self._began[stream] = True
        self._aside[stream] = not self.begins_hop
        # It keeps its direction, whatever is turned while it sounds.
        self._backwards[stream] = shape.reverse

    def let_go(self, shape: Shape) -> None:
        """Let everything fade out."""
        for stream in range(STREAMS):
            self._player.let_go(stream, shape)

    def step(self, shape: Shape, out: Floats) -> list[Played]:
        """Fill one step, and tell what each stream plays: all of them where a hop begins, within it those in which a unit begins."""
        starts = [self._player.position(stream) for stream in range(STREAMS)]
        if self.begins_hop:
            self._hop_rate = shape.valid_rate()
        self._player.step(shape, out)
        played = []
        for stream, start in enumerate(starts):
            if not (self.begins_hop or self._began[stream]):
                continue
            if start < 0 or stream >= shape.valid_streams():
                self.units[stream] = NOTHING
                continue
            if not self._began[stream]:
                file = int(self._corpus.file_index[self.units[stream]])
                half = self._hop_frames // 2
                middle = start - half if self._backwards[stream] else start + half
                self.units[stream] = self._corpus.unit_at(file, middle)
            played.append(Played(stream, self.units[stream], start, self._began[stream], self._step * self._step_frames))
        self._began = [False] * STREAMS
        self._step = (self._step + 1) % self._steps
        return played

    def event(self, played: Played, hop_frame: int) -> UnitEvent:
        """An entry of the log: what a stream plays in the hop that begins with output frame `hop_frame`."""
        corpus = self._corpus
        file, label = int(corpus.file_index[played.unit]), int(corpus.label_index[played.unit])
        return UnitEvent(
            hop_frame + played.frame,
            played.unit,
            played.start,
            played.began,
            played.stream,
            corpus.files[file],
            corpus.source_frame(played.unit, played.start),
            corpus.labels[label] if label >= 0 else "",
            self._hop_frames - played.frame,
        )
