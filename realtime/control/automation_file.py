"""An automation file read as lanes, and lanes written as one. It knows TOML and breakpoints, no stage and no clock.

::

    format = 1
    unit = "seconds"              # or "beats"
    loop = false
    length = 24.0                 # where it ends or begins again; by default at the last point

    [[lane]]
    address = "/deck/1/class/bees"
    shape = "linear"              # of points that name none: linear, step, exponential
    points = [[0.0, 0.0], [8.0, 1.0], [8.0, 0.25, "step"], [16.0, 0.0]]

    [[sequence]]                  # condition vectors and their times, as shares of `length`
    addresses = ["/deck/1/class/rain", "/deck/1/class/wind", "/deck/1/param/strength"]
    length = 20.0
    times = [0.0, 0.5, 0.5, 1.0]
    vectors = [[1.0, 0.0, 0.2], [1.0, 0.0, 0.8], [0.0, 1.0, 0.8], [0.0, 1.0, 0.2]]

Two points of one time are a jump. A sequence is as many lanes as its vectors have elements.
"""

import math
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

from realtime.control.lane import SHAPES, AutomationError, Lane, Point, Shape

FORMAT = 1
Unit = Literal["seconds", "beats"]
UNITS: tuple[Unit, ...] = ("seconds", "beats")
MAX_FILE_BYTES = 8 << 20
MAX_POINTS = 200_000
"""Two hours of a hand that never rests, thinned; read in seconds by a reader that lets other threads run."""
MAX_LANES = 256
MAX_TIME = 24 * 3600.0
MIN_LOOP = 0.01
_KEYS: dict[str, tuple[type, ...]] = {
    "format": (int,),
    "unit": (str,),
    "loop": (bool,),
    "length": (int, float),
    "lane": (list,),
    "sequence": (list,),
}
_LANE_KEYS: dict[str, tuple[type, ...]] = {"address": (str,), "shape": (str,), "points": (list,)}
_SEQUENCE_KEYS: dict[str, tuple[type, ...]] = {
    "addresses": (list,),
    "length": (int, float),
    "times": (list,),
    "vectors": (list,),
    "shape": (str,),
}


@dataclass(frozen=True)
class AutomationFile:
    """What a file says: lanes in the unit of its times."""

    lanes: tuple[Lane, ...]
    unit: Unit = "seconds"
    loop: bool = False
    length: float = 0.0
    """Where it ends, in its unit; not before the last point."""

    @property
    def points(self) -> int:
        """Breakpoints of all lanes."""
        return sum(len(lane.points) for lane in self.lanes)

    def only(self, wanted: Callable[[str], bool]) -> "AutomationFile":
        """The file with the lanes whose address is wanted; it ends where the whole does."""
        return replace(self, lanes=tuple(lane for lane in self.lanes if wanted(lane.address)))


def read_automation(path: Path) -> AutomationFile:
    """Read an automation file.

    Raises
    ------
    AutomationError — missing, too big, not TOML, another format, an unknown key, a value of the wrong kind, times that fall, an address
    twice.
    """
    try:
        if not path.is_file():
            raise AutomationError(f"automation {path}: not a file", hint="name a TOML file, see docs/automation.md")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise AutomationError(f"automation {path}: too big", got=f"{path.stat().st_size} bytes", allowed=f"up to {MAX_FILE_BYTES}")
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise AutomationError(f"automation {path!s:.200}: cannot be read", got=str(error)) from None
    try:
        raw = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: not TOML, not UTF-8, a number of a million digits
        raise AutomationError(f"automation {path}: not TOML", got=str(error)[:200]) from None
    return _Reader(str(path)).file(raw)


def automation_text(file: AutomationFile) -> str:
    """The file as TOML, one point a line; read again it is the same."""
    head = [f"format = {FORMAT}", f'unit = "{file.unit}"', f"loop = {str(file.loop).lower()}", f"length = {file.length!r}"]
    parts = ["\n".join(head)]
    for lane in file.lanes:
        rows = [
            f"  [{point.time!r}, {point.value!r}{'' if point.shape == 'linear' else f', {_quoted(point.shape)}'}]," for point in lane.points
        ]
        parts.append("\n".join(["[[lane]]", f"address = {_quoted(lane.address)}", "points = [", *rows, "]"]))
    return "\n\n".join(parts) + "\n"


def _quoted(text: str) -> str:
    """A basic string of TOML. Addresses are printable ASCII (checked on reading), so two characters need care."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Reader:
    """Checks what TOML said, naming the place."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen: set[str] = set()
        self._points = 0

    def file(self, raw: dict[str, Any]) -> AutomationFile:
        self._check(raw, _KEYS, "file")
        if raw.get("format") != FORMAT:
            raise self._error("format", str(raw.get("format", "none")), str(FORMAT))
        unit = raw.get("unit", UNITS[0])
        if unit not in UNITS:
            raise self._error("unit", repr(unit), ", ".join(UNITS))
        lanes = []
        for number, table in enumerate(raw.get("lane", []), 1):
            lanes.append(self._lane(f"lane {number}", table))
        for number, table in enumerate(raw.get("sequence", []), 1):
            lanes += self._sequence(f"sequence {number}", table)
        if not 1 <= len(lanes) <= MAX_LANES:
            raise self._error("lanes", str(len(lanes)), f"1 to {MAX_LANES}")
        end = max(lane.end for lane in lanes)
        length = self._time("length", raw.get("length", end))
        if length < end:
            raise self._error("length", f"{length:g}", f"not before the last point, {end:g}")
        loop = raw.get("loop", False)
        if loop and length < MIN_LOOP:
            raise self._error("loop", f"length {length:g}", f"a length of {MIN_LOOP} at least")
        return AutomationFile(tuple(lanes), cast(Unit, unit), loop, length)

    def _lane(self, where: str, table: Any) -> Lane:
        self._check(table, _LANE_KEYS, where, needed=("address", "points"))
        address = self._address(where, table["address"])
        shape = self._shape(where, table.get("shape", SHAPES[0]))
        points = []
        for number, raw in enumerate(table["points"], 1):
            place = f"{where}, point {number}"
            if not isinstance(raw, list) or not 2 <= len(raw) <= 3:
                raise self._error(place, repr(raw)[:80], "[time, value] or [time, value, shape]")
            own = self._shape(place, raw[2]) if len(raw) == 3 else shape
            points.append(Point(self._time(place, raw[0]), self._number(place, raw[1]), own))
        return self._checked(where, address, points)

    def _sequence(self, where: str, table: Any) -> list[Lane]:
        self._check(table, _SEQUENCE_KEYS, where, needed=("addresses", "length", "times", "vectors"))
        addresses = [self._address(where, address) for address in table["addresses"]]
        shape = self._shape(where, table.get("shape", SHAPES[0]))
        length = self._time(f"{where}: length", table["length"])
        shares = [self._number(f"{where}: times", share) for share in table["times"]]
        if any(not 0.0 <= share <= 1.0 for share in shares):
            raise self._error(f"{where}: times", f"{min(shares):g} to {max(shares):g}", "0 to 1, as shares of its length")
        vectors = table["vectors"]
        if len(vectors) != len(shares):
            raise self._error(where, f"{len(vectors)} vectors, {len(shares)} times", "one time for each vector")
        for number, vector in enumerate(vectors, 1):
            if not isinstance(vector, list) or len(vector) != len(addresses):
                raise self._error(f"{where}, vector {number}", repr(vector)[:80], f"{len(addresses)} numbers, one for each address")
        lanes = []
        for element, address in enumerate(addresses):
            values = [self._number(f"{where}, vector {number}", vector[element]) for number, vector in enumerate(vectors, 1)]
            points = [Point(share * length, value, shape) for share, value in zip(shares, values, strict=True)]
            lanes.append(self._checked(where, address, points))
        return lanes

    def _checked(self, where: str, address: str, points: Sequence[Point]) -> Lane:
        self._points += len(points)
        if not points or self._points > MAX_POINTS:
            raise self._error(f"{where}: points", str(self._points), f"at least one in each lane, {MAX_POINTS} in all")
        for number, (here, there) in enumerate(pairwise(points), 1):
            if there.time < here.time:
                raise self._error(f"{where}, point {number + 1}", f"{there.time:g} after {here.time:g}", "times that do not fall")
            if here.shape == "exponential" and there.time > here.time and here.value * there.value <= 0.0:
                got = f"{here.value:g} to {there.value:g}"
                raise self._error(f"{where}, point {number}: exponential", got, "two values of one sign, neither of them 0")
        return Lane(address, tuple(points))

    def _check(self, table: Any, keys: dict[str, tuple[type, ...]], where: str, needed: Iterable[str] = ()) -> None:
        if not isinstance(table, dict):
            raise self._error(where, repr(table)[:80], "a table")
        for key, value in table.items():
            kinds = keys.get(key)
            # A bool is an int to Python, but no number to a person.
            if kinds is None or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise self._error(f"{where}: unknown key or wrong kind", repr(key)[:80], ", ".join(keys))
        for key in needed:
            if key not in table:
                raise self._error(where, f"no {key}", ", ".join(keys))

    def _address(self, where: str, address: Any) -> str:
        if (
            not isinstance(address, str)
            or not address.startswith("/")
            or len(address) > 256
            or not address.isascii()
            or not address.isprintable()
        ):
            raise self._error(f"{where}: address", repr(address)[:80], "an address as /deck/1/gain")
        if address in self._seen:
            raise self._error(f"{where}: address", address, "each address once")
        self._seen.add(address)
        return address

    def _shape(self, where: str, shape: Any) -> Shape:
        if shape not in SHAPES:
            raise self._error(f"{where}: shape", repr(shape)[:80], ", ".join(SHAPES))
        return cast(Shape, shape)

    def _time(self, where: str, raw: Any) -> float:
        time = self._number(where, raw)
        if not 0.0 <= time <= MAX_TIME:
            raise self._error(where, f"{time:g}", f"a time from 0 to {MAX_TIME:g}")
        return time

    def _number(self, where: str, raw: Any) -> float:
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            raise self._error(where, repr(raw)[:80], "a number")
        try:
            number = float(raw)
        except OverflowError:
            raise self._error(where, "a number of more than 308 digits", "a number") from None
        if not math.isfinite(number):
            raise self._error(where, f"{number}", "a finite number")
        return number

    def _error(self, where: str, got: str, allowed: str) -> AutomationError:
        return AutomationError(f"automation {self._name}: {where}", got=got, allowed=allowed)
