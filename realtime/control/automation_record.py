"""Records what every control does into an automation file. It knows the core's changes, not who made them."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.control.address import Address, Value
from realtime.control.automation_file import MAX_LANES, MAX_POINTS, AutomationFile, automation_text
from realtime.control.automation_thin import TICK_S, Thinner
from realtime.control.hands import Key, key
from realtime.control.lane import AutomationError, Lane
from realtime.control.morph import SWITCHES

if TYPE_CHECKING:
    from realtime.control.core import ControlCore

LOOK_S = 0.01
"""How often it looks what changed: finer than any ear hears a control move, and than most controllers send."""
MAX_TAKES = 1000
"""Numbers tried where a name is taken."""


class AutomationRecorder:
    """One recording at a time.

    Parameters
    ----------
    core : ControlCore

    Thread
    ------
    `start` and `stop` from the clerk's; `tick` from the conductor's.
    """

    def __init__(self, core: "ControlCore") -> None:
        self._core = core
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._recording = False
        self._start = 0
        self._length_s = 0.0
        self._cursor = 0
        self._before: dict[Key, float] = {}
        self._lanes: dict[Key, tuple[str, Thinner]] = {}

    @property
    def recording(self) -> bool:
        """Whether it records now."""
        return self._recording

    @property
    def name(self) -> str:
        """Name of the file that is recorded into; empty: none is."""
        path = self._path
        return path.name if path is not None and self._recording else ""

    @property
    def points(self) -> int:
        """Breakpoints so far."""
        with self._lock:
            return sum(len(thinner) for _, thinner in self._lanes.values())

    def start(self, path: Path) -> Path:
        """Record into a file; one of this name is not overwritten, the new one is numbered. Returns the file.

        Raises
        ------
        AutomationError — it records already, the last recording is not written yet, or the file cannot be made.
        """
        if self._recording:
            raise AutomationError("automation: it records already", got=str(self._path), hint="/automation/stop ends it")
        if self._path is not None:
            raise AutomationError(
                "automation: the last recording is not written yet", got=str(self._path), hint="/automation/stop tries again"
            )
        taken = _reserve(path)
        cursor, values = self._core.changes(0)
        with self._lock:
            self._path, self._cursor, self._length_s = taken, cursor, 0.0
            self._lanes, self._before = {}, {}
            for name, (value, *_) in values.items():
                if not isinstance(value, str):
                    self._before.setdefault(key(name, self._core.spot(name)), float(value))
            self._start = self._core.frame_now()
            self._recording = True
        self._core.wake()
        return taken

    def stop(self) -> Path | None:
        """End and write what was recorded; None: nothing was. What cannot be written is kept, and the next stop tries again.

        Raises
        ------
        AutomationError — the file cannot be written.
        """
        path = self._path
        if path is None:
            return None
        if self._recording:
            self._look(self._core.frame_now())
            self._recording = False
        with self._lock:
            lanes = tuple(Lane(name, thinner.points()) for name, thinner in self._lanes.values())
        if lanes:
            length = max([self._length_s, *(lane.end for lane in lanes)])
            _write(path, automation_text(AutomationFile(lanes, length=length)))
        else:
            path.unlink(missing_ok=True)
        self._path = None
        return path if lanes else None

    def tick(self, frame: int) -> int | None:
        """Note what changed."""
        if not self._recording:
            return None
        self._look(frame)
        return frame + round(LOOK_S * self._core.sample_rate_hz) if self._recording else None

    def _look(self, frame: int) -> None:
        with self._lock:
            self._cursor, changed = self._core.changes(self._cursor)
            self._length_s = max((frame - self._start) / self._core.sample_rate_hz, self._length_s)
            addresses = self._core.addresses()
            for name, values in changed.items():
                if name in addresses:
                    self._note(addresses[name], values[0])
            full = sum(len(thinner) for _, thinner in self._lanes.values()) >= MAX_POINTS - MAX_LANES
        if full:
            self._recording = False
            self._core.log.say("automation", f"recording full at {MAX_POINTS} points; /automation/stop writes it")

    def _note(self, address: Address, value: Value) -> None:
        name = address.path
        if isinstance(value, str):
            return
        spot = self._core.spot(name)
        if spot is None or spot.place == "own":
            # The clock and how controllers behave are the player's business, not the sound's.
            return
        control = key(name, spot)
        lane = self._lanes.get(control)
        if lane is None:
            before = self._before.get(control)
            if value == before or len(self._lanes) >= MAX_LANES:
                return
            lane = self._lanes[control] = (name, Thinner(address.argument, moves=control_moves(address.row)))
            if before is not None:
                lane[1].add(0.0, before)
        if lane[0] == name:
            # Of two addresses of one control, the one that came first stands for both.
            lane[1].add(round(max(self._length_s, TICK_S), 4), float(value))


def control_moves(row: str) -> bool:
    """Whether a control of this row moves; switches jump."""
    return row.rpartition("/")[2] not in SWITCHES


def _reserve(path: Path) -> Path:
    """Make an empty file of this name, or of the next free number, so that a place that cannot be written to is known before anybody plays.

    Raises
    ------
    AutomationError
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, MAX_TAKES):
            taken = path if number == 1 else path.with_name(f"{path.stem} {number}{path.suffix}")
            try:
                with taken.open("x"):
                    return taken
            except FileExistsError:
                continue
    except (OSError, ValueError) as error:
        raise AutomationError(f"automation {path}: cannot be made", got=str(error), hint="choose another place") from None
    raise AutomationError(f"automation {path}: {MAX_TAKES} files have this name", hint="choose another")


def _write(path: Path, text: str) -> None:
    """Write the whole file or leave what was there."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        hint = "free some space; /automation/stop tries again"
        raise AutomationError(f"automation {path}: not written", got=error.strerror or str(error), hint=hint) from None
