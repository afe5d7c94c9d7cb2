"""A performance played again, offline and to the same samples. It knows what was noted, not who asked for it.

The voices step through what their steps heeded, the mixer through its frames: the same voice, stream, rings and mixer as live. What was
timing then (when a ring began to flow, where it ran dry, what came between) is data now.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from patches.library import find
from patches.reader import read_manifest
from realtime.audio_file import AudioFileWriter
from realtime.controls import FREEZE_LEVEL
from realtime.corpora import read_options
from realtime.errors import PerformanceError
from realtime.journal import hash_manifest
from realtime.kernels import layout as at
from realtime.kernels.mixer import mix
from realtime.kernels.ring import fill, write
from realtime.kernels.views import Floats
from realtime.performance import EVENTS, STEP_EVENTS, MixerEvent, Performance, PerformedTake, fingerprint, machine
from realtime.performance_file import read_performance
from realtime.shared import SharedBlock
from realtime.stream import VoiceStream
from realtime.tap import StemTap, start_all
from realtime.voices.voice import make_voice

BLOCK_FRAMES = 4_096


class TakeAgain:
    """One take from its first step on.

    Raises
    ------
    PerformanceError — the patch, a corpus or the prime is not what was played.
    PatchError, VoiceError — it does not load.
    """

    def __init__(self, take: PerformedTake, sample_rate_hz: int) -> None:
        where = f"deck {take.deck + 1}, {take.slug}"
        folder = Path(take.folder)
        if not folder.is_dir():
            folder = find(take.slug)
        manifest = read_manifest(folder)
        if hash_manifest(manifest) != take.manifest_sha256:
            raise PerformanceError(f"{where}: the patch has changed since", got=str(folder), hint="install the one that was played")
        for path, known in take.files.items():
            if fingerprint(path) != known:
                raise PerformanceError(f"{where}: what it played has changed since", got=path)
        voice = make_voice(folder, manifest, read_options(take.options))
        voice.prepare()
        self._stream = VoiceStream(voice, manifest, sample_rate_hz)
        self._stream.start(take.seed)
        self._take = take
        self._controls = np.zeros(at.MAX_CONTROLS, np.float32)
        self._frozen = False
        self._step = 0
        self._next = 0
        self._pending = np.zeros((0, at.CHANNELS), np.float32)

    def frames(self, count: int) -> Floats:
        """The next `count` frames, shape (count, 2)."""
        pieces = []
        while count:
            if not len(self._pending):
                self._pending = self._make().copy()
                continue
            pieces.append(self._pending[:count])
            self._pending = self._pending[count:]
            count -= len(pieces[-1])
        return np.ascontiguousarray(np.concatenate(pieces))

    def _make(self) -> Floats:
        take = self._take
        reset: int | None = None
        while self._next < len(take.steps) and take.steps[self._next] <= self._step:
            name, value = take.names[take.whats[self._next]], take.values[self._next]
            number = int(take.numbers[self._next])
            if name == STEP_EVENTS[at.J_FREEZE]:
                self._frozen = value >= FREEZE_LEVEL
            elif name == STEP_EVENTS[at.J_RESET]:
                reset = number
            elif name == STEP_EVENTS[at.J_MODE]:
                self._set_mode(number)
            elif name != STEP_EVENTS[at.J_HEARD]:
                self._controls[take.whats[self._next]] = value
            self._next += 1
        self._step += 1
        if reset is not None:
            return self._stream.restart(reset, self._controls, self._frozen)
        return self._stream.next(self._controls, self._frozen)

    def _set_mode(self, number: int) -> None:
        modes = self._stream.voice.modes
        if number >= len(modes):
            where = f"deck {self._take.deck + 1}, {self._take.slug}"
            raise PerformanceError(f"{where}: its voice has no such mode", got=str(number), allowed=f"0 to {len(modes) - 1}")
        self._stream.voice.set_mode(number)


class Replay:
    """The mixer at its frames.

    Thread: any one.
    """

    def __init__(self, performance: Performance) -> None:
        self._performance = performance
        self._block = SharedBlock.private(performance.sample_rate_hz)
        words = self._block.words
        words[at.W_FADE_FRAMES] = performance.fade_frames
        words[at.W_RAMP_FRAMES] = performance.ramp_frames
        self._on: dict[tuple[int, int], int] = {}
        self._again: dict[tuple[int, int], TakeAgain] = {}
        self._flowing: dict[tuple[int, int], TakeAgain] = {}

    def blocks(self) -> Iterator[tuple[Floats, list[Floats]]]:
        """Master (T, 2) and stems, each (T, 2), from `from_frame` to `to_frame`; valid until the next."""
        performance, block = self._performance, self._block
        stems = [StemTap(block, deck) for deck in range(performance.decks)]
        out = np.zeros((BLOCK_FRAMES, at.CHANNELS), np.float32)
        # Where something changes a block ends, and where the part that is wanted begins.
        edges = sorted({performance.from_frame, performance.to_frame, *(event.frame for event in performance.events)})
        events = iter(performance.events)
        event = next(events, None)
        frame = 0
        for edge in edges:
            while frame < edge:
                count = min(edge - frame, BLOCK_FRAMES)
                for place, take in self._flowing.items():
                    self._feed(place, take, count)
                mix(block.words, block.floats, out[:count])
                if frame >= performance.from_frame:
                    yield out[:count], [stem.read() for stem in stems]
                frame += count
            if frame == performance.from_frame:
                start_all(block, performance.decks)
            while event is not None and event.frame <= frame:
                self._heed(event)
                event = next(events, None)

    def _feed(self, place: tuple[int, int], take: TakeAgain, count: int) -> None:
        """Give a ring that flows exactly what it gives away in the next `count` frames: it runs dry where it did."""
        words = self._block.words
        ring = at.ring_words(*place)
        missing = count - int(fill(words, ring))
        # One that is no longer heard is not emptied either.
        if missing > 0:
            data = at.ring_floats(*place) + at.RF_DATA
            write(words, self._block.floats, ring, data, take.frames(missing), missing)

    def _heed(self, event: MixerEvent) -> None:
        words, floats = self._block.words, self._block.floats
        place = (event.deck, event.ring)
        what = _WHATS[event.what]
        if what == at.J_MASTER:
            floats[at.F_MASTER_GAIN] = event.value
        elif what in _WORDS:
            words[_WORDS[what]] = int(event.value)
        elif what == at.J_ACTIVE:
            if event.take >= 0 and self._on.get(place) != event.take:
                self._open(place, event.take)
            words[at.deck_words(event.deck) + at.D_ACTIVE] = int(event.value)
        elif what == at.J_FLOW:
            take = self._again.get(place)
            if take is not None:
                self._flowing[place] = take
        elif what == at.J_DRY:
            self._flowing.pop(place, None)
        else:
            floats[at.deck_floats(event.deck) + what - at.J_MIXED] = event.value

    def _open(self, place: tuple[int, int], index: int) -> None:
        self._block.open_ring(*place)
        self._on[place] = index
        self._flowing.pop(place, None)
        self._again.pop(place, None)
        take = self._performance.takes[index]
        if take.needed:
            self._again[place] = TakeAgain(take, self._performance.sample_rate_hz)


_WHATS = {name: what for what, name in EVENTS.items()}
_WORDS = {at.J_RUN: at.W_RUN, at.J_GATE: at.W_GATE}


def render_performance(path: Path) -> Iterator[tuple[Floats, list[Floats]]]:
    """Play a performance again.

    Parameters
    ----------
    path : Path
        What `write_performance` wrote.

    Yields
    ------
    float32 array, shape (T, 2), and a list of one such array per deck
        The master as it went to the device, and the stems; valid until the next.

    Raises
    ------
    PerformanceError — before the first block: no performance; from a block: what was played is not there any more, or has changed.
    """
    return Replay(read_performance(path)).blocks()


def render_performance_command(path: Path, out: Path) -> str:
    """Render the master of a performance into a WAV file and say what was made.

    Raises
    ------
    PerformanceError, RenderError, PatchError — nothing was written; what was there before still is.
    """
    performance = read_performance(path)
    frames = performance.to_frame - performance.from_frame
    with AudioFileWriter(out, performance.sample_rate_hz, frames) as file:
        for master, _ in Replay(performance).blocks():
            file.write(master)
    other = [f"{name} {known}" for name, known in performance.made_with.items() if machine().get(name) != known]
    doubt = f"; played with {', '.join(other)}, so single samples may differ" if other else ""
    return f"{out}: {frames / performance.sample_rate_hz:.2f} s of a performance{doubt}"
