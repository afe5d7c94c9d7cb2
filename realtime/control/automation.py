"""Plays automation files live, and serves the rows ``/automation/...``. It knows files, the beat and the core, no sound.

Values are handed to the scheduler before their time, so that they sound at their frame whatever Python does meanwhile. A control that a
hand sets is the hand's until automation is started again.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.control.address import Address, Value
from realtime.control.automation_file import AutomationFile, read_automation
from realtime.control.automation_record import AutomationRecorder
from realtime.control.automation_track import AutomationTrack, Beats, check_lanes, evenly, fit
from realtime.control.conductor import AHEAD_S
from realtime.control.downbeat import Downbeat
from realtime.control.hands import Hands, key
from realtime.control.lane import AutomationError
from realtime.control.outcome import Origin, Outcome
from realtime.control.transport import Transport

if TYPE_CHECKING:
    from realtime.control.core import ControlCore

STEP_S = 0.05
"""How often it looks ahead."""
REACH_S = AHEAD_S + 2 * STEP_S
"""How far it looks: as far ahead as the core hands values on, and what a busy computer may keep its thread waiting."""
LOOK_S = 0.25
"""While it waits for a bar it looks at the clock at least this often."""
_SHOWN = 5


@dataclass
class _Playing:
    """One file being played. `done` is the frame up to which its values are handed on, `mark` when it was asked for."""

    name: str
    file: AutomationFile
    start: Downbeat
    mark: int
    track: AutomationTrack | None = None
    done: int = 0


class AutomationPlayer:
    """Plays one file at a time and records one at a time.

    Parameters
    ----------
    core : ControlCore
    transport : Transport
    folder : Path
        Where files are that are named without a folder.
    hands : Hands, optional
        What hands touched; without it automation has the last word on every control it moves.

    Thread
    ------
    Rows from any; `tick` from the conductor's. The core is never called with the lock held: whoever asks holds the core's.
    """

    def __init__(self, core: "ControlCore", transport: Transport, folder: Path, hands: Hands | None = None) -> None:
        self._core = core
        self._transport = transport
        self._folder = folder
        self._hands = hands
        self._lock = threading.Lock()
        self._playing: _Playing | None = None
        self._owed: dict[str, float] = {}
        self._origin = Origin("automation", "", self._tell)
        self.recorder = AutomationRecorder(core)

    @property
    def playing(self) -> str:
        """Name of what plays or waits for its bar; empty: nothing."""
        playing = self._playing
        return playing.name if playing is not None else ""

    def serve(self) -> None:
        """Answer the rows, and be called by the conductor."""
        # In the clerk's order, files as they are: a stop that overtakes its play would stop nothing.
        self._core.serve("/automation/play", self._serve_play, slow=True)
        self._core.serve("/automation/stop", self._serve_stop, slow=True)
        self._core.serve("/automation/record", self._serve_record, slow=True)
        self._core.tick(self)
        self._core.tick(self.recorder)

    def _serve_play(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        path = self.path(str(values[0]))
        with suppress(OSError):
            # A file of another ending, named in full.
            named = self._folder / str(values[0])
            path = named if named.is_file() else path
        self.play(read_automation(path), path.name)

    def _serve_stop(self, address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        """Done says the file that was recorded, if one was."""
        self.stop()
        written = self.recorder.stop()
        return () if written is None else (str(written),)

    def _serve_record(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        self.recorder.start(self.path(str(values[0])))

    def path(self, name: str) -> Path:
        """The file a name stands for: a path, or a name in the folder, with or without ``.toml``.

        Raises
        ------
        AutomationError — no name of a file.
        """
        path = Path(name)
        if "\0" in name or path.name in ("", ".."):
            raise AutomationError("automation: not a name", got=repr(name[:80]), allowed="NAME, NAME.toml or a path to it")
        return self._folder / (path if path.suffix == ".toml" else path.with_name(f"{path.name}.toml"))

    def play(self, file: AutomationFile, name: str = "") -> None:
        """Play a file from the next bar, or at once where no clock runs; what played before ends.

        Raises
        ------
        AutomationError — a lane that is for no control.
        """
        addresses = self._core.addresses()
        spots = {path: spot for path in addresses if (spot := self._core.spot(path)) is not None}
        sleeping = check_lanes(file, addresses, spots)
        if sleeping:
            more = f" and {len(sleeping) - _SHOWN} more" if len(sleeping) > _SHOWN else ""
            self._core.log.say("automation", f"{name}: not there now, asleep: {', '.join(sleeping[:_SHOWN])}{more}")
        # Where nothing has to be waited for, it begins as soon as its first value can be on time.
        start = self._core.frame_now()
        if self._transport.next_boundary(start) is None:
            start += round((AHEAD_S + STEP_S) * self._core.sample_rate_hz)
        playing = _Playing(name, file, Downbeat(self._transport, start), self._hands.mark if self._hands is not None else 0)
        with self._lock:
            self._playing, self._owed = playing, {}
        self._core.wake()

    def stop(self) -> None:
        """Stop; every control stays where it is. What is already handed on still comes, for `REACH_S` at most."""
        with self._lock:
            self._playing = None

    panic = stop

    def tick(self, frame: int) -> int | None:
        """Hand on what comes next."""
        playing, rate = self._playing, self._core.sample_rate_hz
        if playing is None:
            return None
        until = frame + round(REACH_S * rate)
        if playing.track is None:
            start = playing.start.frame(frame)
            if start >= until:
                return min(start - until + frame + 1, frame + round(LOOK_S * rate))
            self._begin(playing, start)
        assert playing.track is not None  # just begun
        self._hand_on(playing, playing.track, frame, until)
        if playing.track.ended and not self._owed:
            with self._lock:
                if self._playing is playing:
                    self._playing = None
            return None
        return frame + round(STEP_S * rate)

    def _begin(self, playing: _Playing, start: int) -> None:
        transport, beat = self._transport, playing.start.beat
        playing.done = start
        if playing.file.unit == "beats" and beat is not None:
            playing.track = AutomationTrack(playing.file, lambda begun: Beats.of(transport, beat + begun))
        else:
            playing.track = evenly(playing.file, self._core.sample_rate_hz, start, transport.tempo_bpm)

    def _hand_on(self, playing: _Playing, track: AutomationTrack, frame: int, until: int) -> None:
        addresses = self._core.addresses()
        owed, self._owed = self._owed, {}
        if owed:
            self._schedule(frame, owed, addresses)
        for due, events in groupby(track.until(playing.done, until), key=attrgetter("frame")):
            self._schedule(due, {event.path: event.value for event in events if not self._touched(playing, event.path)}, addresses)
        playing.done = max(until, playing.done)

    def _schedule(self, frame: int, values: dict[str, float], addresses: Mapping[str, Address]) -> None:
        messages: list[tuple[str, tuple[Value, ...]]] = []
        for path, value in values.items():
            address = addresses.get(path)
            if address is None:
                continue
            fitting, clipped = fit(address, value)
            if clipped:
                why = f"{path}: {value:g} is out of range, {fitting:g} was set; allowed: {address.argument.allowed}"
                self._core.log.say("automation", why, f"clipped {path}")
            messages.append((path, (fitting,)))
        if messages and not self._core.schedule(frame, messages, self._origin):
            # The next look tries again, so that no last value is lost.
            self._owed.update(values)
        else:
            for path in values:
                self._owed.pop(path, None)

    def _touched(self, playing: _Playing, path: str) -> bool:
        return self._hands is not None and self._hands.touched(key(path, self._core.spot(path)), playing.mark)

    def _tell(self, outcome: Outcome) -> None:
        if outcome.state == "failed":
            self._core.log.say("automation", f"{outcome.path}: {outcome.why}", f"{outcome.path} {outcome.why[:40]}")
