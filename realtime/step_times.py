"""What a step of each patch took on this machine, remembered from show to show. It knows a file and snapshots, no engine.

A time is kept by the hash of the patch's manifest, so that another patch of the same name has none, and with the name of the machine, so
that a home folder that several machines share tells each its own.
"""

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_state_path

from patches.errors import PatchError
from patches.strict_json import loads
from realtime.control.event_log import EventLog
from realtime.controls import DECK_CONTROLS, FREEZE_LEVEL
from realtime.errors import RenderError
from realtime.instance import FOLDER_VARIABLE
from realtime.journal import hash_manifest
from realtime.snapshot import DeckSnapshot, Snapshot
from realtime.text_file import TextFileWriter

FILE_NAME = "step-times.json"
AFTER_S = 10.0
"""A deck has to play this long before its mean says anything of the patch rather than of its start."""
LOOK_S = 1.0
MOST = 512
"""Patches remembered; the one that was measured longest ago goes first."""
MAX_BYTES = 2**20
LONGEST_MS = 60_000.0
CLOSE_LIMIT_S = 2.0

_FREEZE = next(place for place, control in enumerate(DECK_CONTROLS) if control.id == "freeze")


def times_path() -> Path:
    """The file, which may not be there yet."""
    given = os.environ.get(FOLDER_VARIABLE)
    return (Path(given) if given else user_state_path("starling")) / FILE_NAME


def read_times(path: Path | None = None) -> dict[str, float]:
    """Mean step time in ms on this machine by hash of the manifest (`realtime.journal.hash_manifest`).

    What cannot be read is not remembered: no error, as nothing but a number in a list is lost.

    Thread
    ------
    Any that may wait for the disk.
    """
    machine = platform.node()
    return {sha256: step_ms for sha256, (step_ms, where) in _read(path or times_path()).items() if where == machine}


def remember_time(sha256: str, step_ms: float, path: Path | None = None) -> None:
    """Keep the step time of a patch.

    Raises
    ------
    RenderError — the file cannot be written; what was there before still is.

    Thread
    ------
    One at a time.
    """
    path = path or times_path()
    known = _read(path)
    known.pop(sha256, None)
    known[sha256] = (step_ms, platform.node())
    kept = {key: {"step_ms": round(ms, 4), "machine": machine} for key, (ms, machine) in list(known.items())[-MOST:]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RenderError(f"{path}: not written", got=error.strerror or str(error)) from None
    with TextFileWriter() as files:
        files.write(path, json.dumps(kept, indent=1) + "\n")


def _read(path: Path) -> dict[str, tuple[float, str]]:
    try:
        if path.stat().st_size > MAX_BYTES:
            return {}
        raw = loads(path.read_bytes(), file=str(path))
    except (OSError, PatchError):
        return {}
    found = {}
    for sha256, entry in raw.items() if isinstance(raw, dict) else ():
        step_ms, machine = (entry.get("step_ms"), entry.get("machine")) if isinstance(entry, dict) else (None, None)
        if isinstance(step_ms, float) and 0.0 < step_ms < LONGEST_MS and isinstance(machine, str):
            found[sha256] = (step_ms, machine)
    return found


@dataclass(frozen=True)
class _Playing:
    """What a deck plays without a break: another process, load or mode begins anew."""

    sha256: str
    pid: int
    load: int
    since_s: float


class StepTimeWatch:
    """Remembers the mean step time of whatever plays for ten seconds, once per load, the hidden deck's too.

    A frozen deck makes no steps, and one in a cheaper mode other ones: neither is measured.

    Parameters
    ----------
    snapshot : callable
    log : EventLog
        Told once if the file cannot be written.
    clock : callable, optional
        Seconds.

    Thread
    ------
    `start` and `close` from one; the file is written in its own.
    """

    def __init__(self, snapshot: Callable[[], Snapshot], log: EventLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._snapshot = snapshot
        self._log = log
        self._clock = clock
        self._playing: dict[int, _Playing] = {}
        self._noted: set[tuple[int, int, int]] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._thread = threading.Thread(target=self._watch, name="step times", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(CLOSE_LIMIT_S)

    def look(self) -> None:
        """Look once at every deck."""
        now, stage = self._clock(), self._snapshot()
        for deck in (*stage.decks, *(() if stage.audition is None else (stage.audition,))):
            self._look_at(deck, now)

    def _look_at(self, deck: DeckSnapshot, now: float) -> None:
        key = (deck.number, deck.pid, deck.playing)
        measurable = deck.state == "playing" and deck.playing and not deck.coming and deck.mode_place == 0 and deck.manifest is not None
        if not measurable or (deck.stage and deck.stage[_FREEZE] >= FREEZE_LEVEL):
            self._playing.pop(deck.number, None)
            return
        playing = self._playing.get(deck.number)
        if playing is None or (playing.pid, playing.load) != key[1:]:
            assert deck.manifest is not None  # or it would not be measurable
            self._playing[deck.number] = _Playing(hash_manifest(deck.manifest), deck.pid, deck.playing, now)
            return
        if now - playing.since_s < AFTER_S or key in self._noted or not playing.sha256 or deck.step_ms <= 0.0:
            return
        self._noted.add(key)
        try:
            remember_time(playing.sha256, deck.step_ms)
        except RenderError as error:
            self._log.say("engine", f"step times are not remembered: {error}", "step times")

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.look()
