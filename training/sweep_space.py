"""The search space of a sweep: which dials it turns, and how far; read from a TOML file and checked once.

::

    learning_rate = { low = 1e-4, high = 1e-2, log = true }    a range
    hidden_size = { low = 64, high = 256, step = 64 }          a range in steps
    head = ["mixture", "mean"]                                 a choice
    batch_size = 32                                            fixed

It knows the dials of a recipe, not what they do, and not who searches.
"""

import dataclasses
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from training.dials import Dials
from training.errors import RecipeError
from training.sweep_errors import SearchSpaceError

__all__ = ["Among", "Between", "SearchSpace", "Suggester", "read_space", "space_from_dict"]

RANGE_KEYS = ("low", "high", "log", "step")
MAX_CHOICES = 256

Value = int | float | str | bool


class Suggester(Protocol):
    """Who proposes values: an Optuna trial is one."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Propose a whole number."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> float:
        """Propose a number."""
        ...

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Propose one of some values."""
        ...


@dataclass(frozen=True)
class Between:
    """A range, both ends included; `whole` for dials that count."""

    low: float
    high: float
    whole: bool
    log: bool = False
    step: float | None = None


@dataclass(frozen=True)
class Among:
    """Some values; of one alone there is nothing to search."""

    values: tuple[Value, ...]


@dataclass(frozen=True)
class SearchSpace:
    """What a sweep turns: dial -> how far, in the order of the file."""

    dials: dict[str, Between | Among]

    @property
    def searched(self) -> tuple[str, ...]:
        """Dials that have more than one value."""
        return tuple(name for name, entry in self.dials.items() if not (isinstance(entry, Among) and len(entry.values) == 1))

    def suggest(self, trial: Suggester) -> dict[str, Value]:
        """Let someone propose a value for every dial; what is fixed is not asked for."""
        values: dict[str, Value] = {}
        for name, entry in self.dials.items():
            if isinstance(entry, Among):
                values[name] = entry.values[0] if len(entry.values) == 1 else trial.suggest_categorical(name, entry.values)
            elif entry.whole:
                values[name] = trial.suggest_int(name, int(entry.low), int(entry.high), step=int(entry.step or 1), log=entry.log)
            else:
                values[name] = trial.suggest_float(name, entry.low, entry.high, step=entry.step, log=entry.log)
        return values

    def fixed(self, **values: Value | None) -> "SearchSpace":
        """Return the space with some dials no longer searched; None leaves one as it is."""
        return SearchSpace(self.dials | {name: Among((value,)) for name, value in values.items() if value is not None})

    def canonical(self) -> str:
        """Return one text that is equal for equal spaces."""
        plain = {name: dataclasses.asdict(entry) for name, entry in self.dials.items()}
        return json.dumps(plain, sort_keys=True, allow_nan=False)


def read_space(file: Path, kind: type[Dials]) -> SearchSpace:
    """Read a search space.

    Parameters
    ----------
    file : Path
    kind : type
        The recipe whose dials are turned.

    Raises
    ------
    SearchSpaceError
        Not TOML, or a line that cannot be; says which.
    """
    try:
        lines = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SearchSpaceError("cannot read the search space", where=file, got=error.strerror, hint="--space takes a TOML file") from error
    except UnicodeDecodeError as error:
        raise SearchSpaceError("not a text file", where=file, allowed="UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise SearchSpaceError("not TOML", where=file, got=str(error), allowed="lines of dial = values") from error
    return space_from_dict(lines, kind, file)


def space_from_dict(lines: dict[str, Any], kind: type[Dials], file: Path | None = None) -> SearchSpace:
    """Build a search space from plain values.

    Raises
    ------
    SearchSpaceError
        A line cannot be, or nothing is left to search.
    """
    rows = {row.name: row for row in dataclasses.fields(kind)}
    entries: dict[str, Between | Among] = {}
    for name, value in lines.items():
        if name not in rows:
            raise SearchSpaceError("unknown dial", where=_place(file, name), got=repr(value), allowed=", ".join(sorted(rows)))
        entries[name] = _entry(rows[name], value, _place(file, name))
    space = SearchSpace(entries)
    if not space.searched:
        raise SearchSpaceError("nothing to search", where=file or "search space", allowed="a dial with a range or several values")
    return space


def _entry(row: dataclasses.Field, value: Any, place: str) -> Between | Among:
    if isinstance(value, dict):
        return _range(row, value, place)
    values = value if isinstance(value, list) else [value]
    if not 1 <= len(values) <= MAX_CHOICES:
        raise SearchSpaceError("no values", where=place, got=f"{len(values)} values", allowed=f"1 to {MAX_CHOICES}")
    for one in values:
        _check(row, one, place)
    values = [float(one) if row.type is float else one for one in values]
    if len(set(values)) != len(values):
        raise SearchSpaceError("a value stands twice", where=place, got=repr(value))
    return Among(tuple(values))


def _range(row: dataclasses.Field, value: dict[str, Any], place: str) -> Between:
    if row.type not in (int, float):
        allowed = f"a list of values: {row.metadata['allowed']}"
        raise SearchSpaceError("this dial has no range", where=place, got=repr(value), allowed=allowed)
    for key in value:
        if key not in RANGE_KEYS:
            raise SearchSpaceError("unknown key", where=f"{place}.{key}", got=repr(value[key]), allowed=", ".join(RANGE_KEYS))
    for key in ("low", "high"):
        if key not in value:
            raise SearchSpaceError("missing key", where=f"{place}.{key}", allowed=row.metadata["allowed"])
        _check(row, value[key], f"{place}.{key}")
    log, step, low, high = value.get("log", False), value.get("step"), value["low"], value["high"]
    if not isinstance(log, bool):
        raise SearchSpaceError("wrong type", where=f"{place}.log", got=repr(log), allowed="true or false")
    if not low < high:
        raise SearchSpaceError("an empty range", where=place, got=f"{low} to {high}", allowed="low below high")
    if log and low <= 0:
        raise SearchSpaceError("no logarithm of it", where=f"{place}.low", got=repr(low), allowed="over 0 where log = true")
    if step is not None:
        kinds = (int,) if row.type is int else (int, float)
        if log:
            hint = "Leave out one of log and step"
            raise SearchSpaceError("steps on a logarithmic range", where=f"{place}.step", got=repr(step), hint=hint)
        if isinstance(step, bool) or not isinstance(step, kinds) or not math.isfinite(step) or not 0 < step <= high - low:
            raise SearchSpaceError("no step of this range", where=f"{place}.step", got=repr(step), allowed=f"over 0, up to {high - low:g}")
        if abs((high - low) / step - round((high - low) / step)) > 1e-9:
            hint = f"Set high to {low + math.floor((high - low) / step) * step:g}"
            raise SearchSpaceError("the range is no number of steps", where=place, got=f"{low} to {high} by {step}", hint=hint)
    return Between(low, high, row.type is int, log, step)


def _check(row: dataclasses.Field, value: Any, place: str) -> None:
    """Refuse a value that the dial itself would refuse."""
    allowed = row.metadata["allowed"]
    kinds = (int, float) if row.type is float else (row.type,)
    if (isinstance(value, bool) and row.type is not bool) or not isinstance(value, kinds):
        name = getattr(row.type, "__name__", row.type)
        raise SearchSpaceError("wrong type", where=place, got=repr(value), allowed=f"{name}, {allowed}")
    try:
        inside = value in allowed
    except (TypeError, RecipeError):
        inside = False
    if not inside:
        raise SearchSpaceError("out of range", where=place, got=repr(value), allowed=allowed)


def _place(file: Path | None, name: str) -> str:
    return f"search space dial {name}" if file is None else f"{file}: {name}"
