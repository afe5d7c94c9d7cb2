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
    """What one stream played in one step: the unit, the first corpus frame, and whether it began with this step."""

    stream: int
    unit: int
    start: int
    began: bool


class MosaicStreams:
    """Up to four lines of units from one corpus.

    Parameters
    ----------
    corpus : UnitCorpus
    step_frames, channels, sample_rate_hz : int
        Of the output.

    Thread
    ------
    The deck's. Owner: the voice.
    """

    def __init__(self, corpus: UnitCorpus, *, step_frames: int, channels: int, sample_rate_hz: int) -> None:
        self._corpus = corpus
        self._step_frames = step_frames
        self.gone: NDArray[np.bool_] = np.zeros(len(corpus), np.bool_)
        """Units, (N,), that are not played on into: their sound is not there any more."""
        self._player = UnitPlayer(corpus.audio, step_frames=step_frames, channels_out=channels, sample_rate_hz=sample_rate_hz)
        self.reset()

    def reset(self) -> None:
        """Silence, at once."""
        self._player.reset()
        self._began = [False] * STREAMS
        self._backwards = [False] * STREAMS
        self.units = [NOTHING] * STREAMS

    def sounding(self, stream: int) -> bool:
        """Tell whether a unit sounds in a stream that was not let go."""
        return self._player.sounding(stream)

    def silent(self, streams: int) -> int:
        """The first of so many streams in which nothing sounds, `NOTHING` if all do."""
        return next((stream for stream in range(streams) if not self._player.sounding(stream)), NOTHING)

    def natural(self, stream: int, shape: Shape) -> int:
        """The unit that sounds next in a stream if nothing is chosen; `NOTHING` where nothing does, or its file or its sound ends."""
        natural = self._following(stream, shape)
        return NOTHING if natural >= 0 and self.gone[natural] else natural

    def _following(self, stream: int, shape: Shape) -> int:
        position, unit = self._player.position(stream), self.units[stream]
        if position < 0 or unit < 0:
            return NOTHING
        corpus = self._corpus
        file = int(corpus.file_index[unit])
        travel = self._step_frames * shape.valid_rate()
        # Looked up in the middle of a hop: a joined start may be off by half a period.
        half = self._step_frames // 2
        if self._backwards[stream]:
            natural = corpus.unit_at(file, position - half)
            return natural if position - travel >= int(corpus.start_frames[natural]) - half and natural >= 0 else NOTHING
        last = corpus.unit_at(file, int(corpus.file_last[file]))
        # Behind the last unit of a file there is not enough sound for a step.
        if position + travel > int(corpus.start_frames[last]) + int(corpus.length_frames[last]) + half:
            return NOTHING
        return corpus.unit_at(file, position + half)

    def begin(self, stream: int, unit: int, shape: Shape) -> None:
        """Let a unit begin with the next step; earlier in its file, where a high rate would be through with the file within the step."""
        corpus = self._corpus
        first, end = corpus.limit(unit)
        start, length = int(corpus.start_frames[unit]), int(corpus.length_frames[unit])
        beyond = math.ceil(self._step_frames * (shape.valid_rate() - 1.0))
        if beyond > 0:
            room = self._step_frames + beyond
            start = min(start, end - room) if not shape.reverse else max(start, first + room - length)
            start = min(max(start, first), max(end - length, first))
        self._player.begin(stream, start, length, float(corpus.f0_hz[unit]), (first, end - 1), shape)
        self.units[stream] = unit
        self._began[stream] = True
        # It keeps its direction, whatever is turned while it sounds.
        self._backwards[stream] = shape.reverse

    def let_go(self, shape: Shape) -> None:
        """Let everything fade out."""
        for stream in range(STREAMS):
            self._player.let_go(stream, shape)

    def step(self, shape: Shape, out: Floats) -> list[Played]:
        """Fill one step, and tell what each stream played."""
        starts = [self._player.position(stream) for stream in range(STREAMS)]
        self._player.step(shape, out)
        played = []
        for stream, start in enumerate(starts):
            if start < 0 or stream >= shape.valid_streams():
                self.units[stream] = NOTHING
                continue
            if not self._began[stream]:
                file = int(self._corpus.file_index[self.units[stream]])
                half = self._step_frames // 2
                middle = start - half if self._backwards[stream] else start + half
                self.units[stream] = self._corpus.unit_at(file, middle)
            played.append(Played(stream, self.units[stream], start, self._began[stream]))
        self._began = [False] * STREAMS
        return played

    def event(self, played: Played, frame: int) -> UnitEvent:
        """An entry of the log: what a stream played from output frame `frame` on."""
        corpus = self._corpus
        file, label = int(corpus.file_index[played.unit]), int(corpus.label_index[played.unit])
        return UnitEvent(
            frame,
            played.unit,
            played.start,
            played.began,
            played.stream,
            corpus.files[file],
            corpus.source_frame(played.unit, played.start),
            corpus.labels[label] if label >= 0 else "",
        )
