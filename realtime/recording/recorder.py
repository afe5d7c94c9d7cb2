"""The recorder: listens from the start of the show on, keeps the last minute, and writes takes. It knows the shared block, not the engine.

Two threads: *recorder* moves what the taps hold into the reel every `LISTEN_S`; *writer* moves the reel to the disk. The disk may stand
still for as long as the reel holds before anything is lost, and whatever it does, the reel goes on: after a take has failed, the last
minute can still be saved somewhere else.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from realtime.control.event_log import EventLog
from realtime.errors import StageError
from realtime.kernels.layout import CHANNELS
from realtime.kernels.views import Floats
from realtime.recording.errors import RecordingError
from realtime.recording.listener import Listener
from realtime.recording.reel import Reel
from realtime.recording.take import CHANNEL, Take, TakeSummary, disk_room_s
from realtime.recording.take_names import MASTER, deck_label, default_folder, take_names
from realtime.shared import SharedBlock
from realtime.tap import StemTap, Tap, start_all, stop_all

PREROLL_S = 60.0
SPARE_S = 20.0
"""The reel is longer than the pre-roll by this, so that nothing of it is lost while it is being saved."""
LISTEN_S = 0.05
WRITE_S = 0.1
ROOM_S = 5.0
"""Between two looks at how much room the disk has."""
STOP_LIMIT_S = 30.0
"""A disk that has not taken the rest of a take by then does not answer."""
CLOSE_LIMIT_S = 10.0
_STUMBLE_S = 0.5
_TRIES = 5


class Collected(Protocol):
    """What is emptied together with the taps: the journal."""

    def collect(self) -> None:
        """Take in what there is."""


@dataclass(frozen=True)
class RecorderSnapshot:
    """The recorder now. Without a take everything up to `waiting_s` is empty."""

    recording: bool
    path: str = ""
    seconds: float = 0.0
    size_bytes: int = 0
    lost_frames: int = 0
    """Frames that neither tap nor reel could hold; silence stands for them."""
    clipped: int = 0
    waiting_s: float = 0.0
    """What is only in memory so far."""
    preroll_s: float = 0.0
    """What a pre-roll would save now."""
    problem: str = ""
    """What went wrong with the take that runs or, when none does, with the last one."""
    room_s: float = -1.0
    """How long a take the disk has room for, at least; -1: not known."""
    last: str = ""
    """Master of the last take or pre-roll that was completed."""
    last_s: float = 0.0


class Recorder:
    """Keeps what is heard.

    Parameters
    ----------
    block : SharedBlock
    decks : int
        Each has a stem.
    log : EventLog
    folder : Path, optional
        Where takes go; by default `Starling` in the user's music folder. Made when it is needed.
    stems : bool
        Whether a take has a file for each deck beside the master, unless it is asked for otherwise.
    deck_name : callable, optional
        Slug of what plays in a deck (0-based), for the names of stems.
    journal : Collected, optional
        Emptied together with the taps.
    performance : callable, optional
        Called at the end of each take with a path and the first and the last frame (exclusive) on the stage clock: writes what repeats it.

    Capacity
    --------
    `PREROLL_S` + `SPARE_S` of master and stems: 31 MB each at 48 kHz, taken at once.

    Thread
    ------
    Control, any. No tap of the block may be read by anybody else.
    """

    def __init__(
        self,
        block: SharedBlock,
        decks: int,
        log: EventLog,
        folder: Path | None = None,
        *,
        stems: bool = False,
        deck_name: Callable[[int], str] = lambda deck: "",
        journal: Collected | None = None,
        performance: Callable[[Path, int, int], None] | None = None,
    ) -> None:
        self.folder = folder or default_folder()
        self.stems = stems
        self._block = block
        self._decks = decks
        self._log = log
        self._deck_name = deck_name
        self._journal = journal
        self._performance = performance
        self._rate_hz = block.sample_rate_hz
        self._reel = Reel(1 + decks, round((PREROLL_S + SPARE_S) * self._rate_hz))
        self._listener: Listener | None = None
        self._listening = threading.Lock()
        self._door = threading.Lock()
        self._take: Take | None = None
        self._last: TakeSummary | None = None
        self._saved: TakeSummary | None = None
        """The last take or pre-roll that there is a file of."""
        self._room_s = -1.0
        self._unheard = False
        """The last take ended by itself and nobody has been told."""
        self._done = threading.Event()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to listen, with the next block."""
        start_all(self._block, self._decks)
        taps = [Tap(self._block), *(StemTap(self._block, deck) for deck in range(self._decks))]
        self._listener = Listener(taps, self._reel)
        tasks = {"recorder": self._listen, "writer": self._write}
        self._threads = [threading.Thread(target=task, name=name, daemon=True) for name, task in tasks.items()]
        for thread in self._threads:
            thread.start()

    def record(self, path: str = "", *, stems: bool | None = None) -> tuple[Path, ...]:
        """Begin a take with what is heard from now on; returns its files, the master first.

        Parameters
        ----------
        path : str
            See `take_names.take_names`.
        stems : bool, optional

        Raises
        ------
        RecordingError — a take runs already, or the files cannot be made.
        """
        with self._door:
            if self._take is not None:
                raise RecordingError("a take is being recorded", got=self._take.names.master.name, hint="/record/stop ends it")
            self._hear()
            take = self._open(path, stems, self._reel.head)
            self._done.clear()
            self._unheard = False
            self._take = take
        self._wake.set()
        return take.names.tracks

    def stop(self, limit_s: float = STOP_LIMIT_S) -> TakeSummary:
        """End the take with what is heard now, and wait until the disk has it.

        Raises
        ------
        RecordingError — there is none, it ended by itself, or the disk does not answer.
        """
        with self._door:
            take = self._take
            if take is None:
                raise self._none()
            if take.end is None:
                self._hear()
                take.end = self._reel.head
        self._wake.set()
        if not self._done.wait(limit_s):
            what = f"{take.names.master.name}: the disk does not answer; the take is completed when it does"
            raise RecordingError(what, got=f"{take.waiting_s:.1f} s waiting")
        with self._door:
            self._unheard = False
            last = self._last
        assert last is not None  # set before `_done`
        return _something(last)

    def preroll(self, path: str = "", *, stems: bool | None = None) -> TakeSummary:
        """Save the last `PREROLL_S` seconds, or what there was; a take that runs goes on. Returns when they are written.

        Raises
        ------
        RecordingError — nothing was heard yet, or the files cannot be made or not be written to their end; what there is of them plays.
        """
        with self._door:
            self._hear()
            end = self._reel.head
            start = max(end - round(PREROLL_S * self._rate_hz), 0)
            if end == start:
                raise RecordingError("nothing has been heard yet", hint="the device has not asked for a block")
            take = self._open(path, stems, start)
            take.end = end
        while take.advance():
            pass
        summary = _something(self._concluded(take))
        self._saved = summary
        if summary.problem:
            raise RecordingError(f"{summary.paths[0].name}: saved in part, which plays", got=summary.problem, hint="choose another place")
        return summary

    def heard(self, after: int, most: int) -> tuple[Floats, int]:
        """The newest frames of the master: those after a frame of the stage clock, at most `most`. Any thread, at the reader's own rate.

        Returns
        -------
        float32 array, shape (T, 2), and the frame of the stage clock that they end at; none and `after` where nothing is new.
        """
        listener, end = self._listener, self._reel.head
        if listener is None or end == 0:
            return np.zeros((0, CHANNELS), np.float32), after
        origin = listener.origin_frame
        start = max(after - origin, end - most, self._reel.oldest)
        if start >= end:
            return np.zeros((0, CHANNELS), np.float32), after
        return self._reel.read(0, start, end - start)[0], origin + end

    def snapshot(self) -> RecorderSnapshot:
        """The recorder now. Any thread, at the reader's own rate."""
        take, last, saved = self._take, self._last, self._saved
        always = RecorderSnapshot(
            recording=False,
            preroll_s=min(self._reel.head / self._rate_hz, PREROLL_S),
            problem=last.problem if last else "",
            room_s=self._room_s,
            last=str(saved.paths[0]) if saved else "",
            last_s=saved.seconds if saved else 0.0,
        )
        if take is None:
            return always
        return replace(
            always,
            recording=True,
            path=str(take.names.master),
            seconds=take.seconds,
            size_bytes=take.size_bytes,
            lost_frames=take.lost_frames,
            clipped=take.clipped,
            waiting_s=take.waiting_s,
            problem=take.problem,
        )

    def close(self) -> None:
        """End the take, stop listening. Before the block is closed."""
        with contextlib.suppress(RecordingError):
            self.stop(CLOSE_LIMIT_S)
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(CLOSE_LIMIT_S)
        if self._listener is not None:
            stop_all(self._block)
            self._listener = None

    # --- what the doors above have in common --------------------------------------------------------------------------------

    def _open(self, path: str, stems: bool | None, start: int) -> Take:
        wanted = self.stems if stems is None else stems
        decks = range(self._decks) if wanted else range(0)
        labels = [MASTER, *(deck_label(deck, self._deck_name(deck)) for deck in decks)]
        for _ in range(_TRIES):
            names = take_names(self.folder, path, labels, datetime.now())
            with contextlib.suppress(FileExistsError):
                return Take(self._reel, names, range(len(labels)), start, self._rate_hz, self._log)
        raise RecordingError(f"{names.master}: somebody else takes every name", hint="choose another place")

    def _none(self) -> RecordingError:
        last = self._last
        if last is not None and self._unheard:
            self._unheard = False
            return RecordingError(f"{last.paths[0].name} ended by itself after {last.seconds:.1f} s, and plays", got=last.problem)
        return RecordingError("nothing is being recorded", hint="/record/start begins a take")

    def _concluded(self, take: Take) -> TakeSummary:
        """What came of a take that is finished, with what repeats it beside it."""
        listener = self._listener
        if self._performance is None or listener is None or take.position == take.start:
            return take.summary()
        sidecar = take.names.sidecar
        try:
            if self._journal is not None:
                self._journal.collect()
            self._performance(sidecar, listener.origin_frame + take.start, listener.origin_frame + take.position)
        except (StageError, OSError) as error:
            self._log.say(CHANNEL, f"{sidecar.name}: not written, the sound is: {error}", "sidecar")
            return take.summary()
        return take.summary(sidecar)

    def _hear(self) -> None:
        """Move what the taps hold to the reel."""
        with self._listening:
            if self._listener is None:
                raise RecordingError("the recorder has not been started")
            lost = self._listener.drain()
            if lost:
                if self._take is not None:
                    self._take.missed_frames += lost
                self._log.say(CHANNEL, "the machine was too busy to listen: a part of what is kept is silence", "tap dropped")

    # --- its threads --------------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        while not self._stopping.wait(LISTEN_S):
            try:
                self._hear()
                if self._journal is not None:
                    self._journal.collect()
            except Exception as error:  # noqa: BLE001 - without this thread nothing is ever kept again: it says so and goes on
                self._log.say(CHANNEL, f"the recorder stumbled and goes on: {type(error).__name__}: {error}", "stumble")
                self._stopping.wait(_STUMBLE_S)

    def _write(self) -> None:
        looked_s = -math.inf
        while not self._stopping.is_set():
            self._wake.wait(WRITE_S)
            self._wake.clear()
            take = self._take
            if time.monotonic() - looked_s > ROOM_S:
                looked_s = time.monotonic()
                self._look_at_room(take)
            if take is None:
                continue
            try:
                if take.advance():
                    continue
                summary = self._concluded(take)
            except Exception as error:  # noqa: BLE001 - a take that goes wrong in an unforeseen way must not take the next one along
                take.problem = take.problem or f"{type(error).__name__}: {error}"
                self._log.say(CHANNEL, f"{take.names.master.name}: the take ended: {take.problem}")
                summary = take.summary()
            with self._door:
                self._last, self._unheard, self._take = summary, take.end is None, None
                self._saved = summary if summary.seconds else self._saved
                self._done.set()

    def _look_at_room(self, take: Take | None) -> None:
        """Note how much room there is for the take that runs, or for the next one."""
        tracks = len(take.names.tracks) if take is not None else 1 + self._decks * self.stems
        folder = self.folder if take is None else take.names.master.parent
        # The folder is made when it is needed; until then its disk is that of the nearest folder above it.
        rooms_s = (disk_room_s(place, tracks, self._rate_hz) for place in (folder, *folder.parents))
        self._room_s = next((room_s for room_s in rooms_s if math.isfinite(room_s)), -1.0)


def _something(summary: TakeSummary) -> TakeSummary:
    if summary.seconds == 0.0:
        raise RecordingError(f"{summary.paths[0].name}: nothing was recorded", got=summary.problem)
    return summary
