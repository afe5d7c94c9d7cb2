"""The lanes of a file laid along the frame clock: which value is due at which frame, live and in a render the same.

It knows no core and no thread.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from realtime.control.address import Address, take_argument
from realtime.control.automation_file import AutomationFile
from realtime.control.hands import Key, key
from realtime.control.lane import GRID_FRAMES, STEP_GRID_FRAMES, AutomationError, Even, LaneCursor, Timeline
from realtime.control.namespace import Spot
from realtime.control.table import TABLE, TEMPO_DEFAULT, Row
from realtime.control.transport import Transport

_FOREVER = 1 << 62


class Event(NamedTuple):
    """A value due at a frame."""

    frame: int
    path: str
    value: float


@dataclass(frozen=True)
class Beats:
    """Times are beats from a beat on: where they lie on the frame clock moves with the tempo."""

    transport: Transport
    start_beat: float
    start_frame: int

    @staticmethod
    def of(transport: Transport, start_beat: float) -> "Beats":
        """Times from a beat on."""
        start_frame = transport.frame_of(start_beat)
        return Beats(transport, start_beat, _FOREVER if start_frame is None else start_frame)

    def frame_at(self, time: float) -> int:
        """Frame of a time; for ever away while the clock stands."""
        frame = self.transport.frame_of(self.start_beat + time)
        return _FOREVER if frame is None else frame

    def time_at(self, frame: int) -> float:
        """Time of a frame."""
        return max(self.transport.beat_at(frame) - self.start_beat, 0.0)


class AutomationTrack:
    """The lanes of a file along a timeline, window by window.

    Parameters
    ----------
    file : AutomationFile
    timeline : callable
        The timeline of the pass that begins at a time: 0 for the first, `length` for the second of a loop, and so on.

    Thread
    ------
    Any one.
    """

    def __init__(self, file: AutomationFile, timeline: Callable[[float], Timeline]) -> None:
        self._file = file
        self._timeline = timeline
        self._begun = 0.0
        now = timeline(0.0)
        self._cursors = [LaneCursor(lane, now, _grid_frames(lane.address)) for lane in file.lanes]
        self.ended = False

    def until(self, start: int, end: int) -> Iterator[Event]:
        """What is due from frame `start` to before frame `end`, in order; windows follow each other. What is overdue is due at `start`."""
        while start < end and not self.ended:
            # The tempo may have moved it since.
            next_pass = self._timeline(self._begun + self._file.length)
            last = max(next_pass.start_frame, start + 1)
            if not self._file.loop:
                yield from self._window(start, end)
                self.ended = end > last
                return
            stop = min(end, last)
            yield from self._window(start, stop)
            start = stop
            if start == last:
                self._begun += self._file.length
                for cursor in self._cursors:
                    cursor.again(next_pass)

    def _window(self, start: int, end: int) -> Iterator[Event]:
        return heapq.merge(*(self._lane(cursor, start, end) for cursor in self._cursors), key=itemgetter(0))

    def _lane(self, cursor: LaneCursor, start: int, end: int) -> Iterator[Event]:
        return (Event(frame, cursor.lane.address, value) for frame, value in cursor.until(start, end))


def evenly(file: AutomationFile, sample_rate_hz: int, start_frame: int = 0, tempo_bpm: float = TEMPO_DEFAULT) -> AutomationTrack:
    """The track of a file from a frame on, in seconds, or in beats at one tempo: what a render plays, and the stage where no clock runs."""
    unit_frames = sample_rate_hz * (60.0 / tempo_bpm if file.unit == "beats" else 1.0)
    return AutomationTrack(file, lambda begun: Even(start_frame + round(begun * unit_frames), unit_frames))


class Due:
    """A track read by frames that only grow: what is due by now.

    Parameters
    ----------
    track : AutomationTrack

    Thread
    ------
    Any one.
    """

    def __init__(self, track: AutomationTrack) -> None:
        self._track = track
        self._done = 0

    def by(self, frame: int) -> list[Event]:
        """What is due at or before a frame and has not been taken yet."""
        events = list(self._track.until(self._done, frame + 1))
        self._done = max(self._done, frame + 1)
        return events


def check_lanes(file: AutomationFile, addresses: Mapping[str, Address], spots: Mapping[str, Spot]) -> list[str]:
    """Check that every lane is for a value there can be; returns the addresses that are not there now and sleep.

    Parameters
    ----------
    file : AutomationFile
    addresses : mapping
        The namespace now.
    spots : mapping
        Where the value of each address is.

    Raises
    ------
    AutomationError — an address of no row, of a command, a query or a text; one control by two addresses.
    """
    sleeping = []
    seen: dict[Key, str] = {}
    for lane in file.lanes:
        address = addresses.get(lane.address)
        if address is None:
            if _row(lane.address) is None:
                raise AutomationError("automation: no such address", got=lane.address, hint="/q/all lists all there are")
            sleeping.append(lane.address)
            continue
        if address.kind != "value" or address.argument.tag == "s":
            raise AutomationError("automation: this is no control", got=lane.address, allowed="an address of a number that can be set")
        other = seen.setdefault(key(lane.address, spots.get(lane.address)), lane.address)
        if other != lane.address:
            raise AutomationError("automation: two lanes for one control", got=f"{other}, {lane.address}", hint="leave one out")
    return sleeping


def fit(address: Address, value: float) -> tuple[float | int, bool]:
    """A lane's value as its address takes it, and whether it had to be clipped."""
    argument = address.argument
    taken, clipped = take_argument(argument, float(round(value)) if argument.tag == "i" else value)
    assert not isinstance(taken, str)  # lanes of texts are refused by `check_lanes`
    return taken, clipped


def _grid_frames(path: str) -> int:
    row = _row(path)
    return STEP_GRID_FRAMES if row is not None and row.place == "patch" else GRID_FRAMES


def _row(path: str) -> Row | None:
    """The value of the table that could have this address, with another patch or more decks."""
    parts = path.split("/")
    return next((row for row in TABLE if row.kind == "value" and _matches(row.path.split("/"), parts)), None)


def _matches(row: list[str], parts: list[str]) -> bool:
    return len(row) == len(parts) and all(
        (part.isdecimal() if want == "{deck}" else bool(part)) if want.startswith("{") else want == part
        for want, part in zip(row, parts, strict=True)
    )
