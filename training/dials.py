"""The dials of a training: a frozen dataclass whose every field says what it may be, read from a TOML file and checked once.

It does not know what any dial does.
"""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from training.errors import RecipeError

__all__ = ["Choice", "Dials", "Range", "Switch", "dial", "dials_from_dict", "read_dials"]


@dataclass(frozen=True)
class Range:
    """The numbers a dial may take, both ends included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Tell whether `value` lies within; NaN lies nowhere."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        """Return the range as a person reads it."""
        return f"{self.low:g} .. {self.high:g}"


@dataclass(frozen=True)
class Choice:
    """The words a dial may take."""

    words: tuple[str, ...]

    def __contains__(self, value: str) -> bool:
        """Tell whether `value` is one of the words."""
        return value in self.words

    def __str__(self) -> str:
        """Return the words as a person reads them."""
        return " | ".join(self.words)


@dataclass(frozen=True)
class Switch:
    """A dial that is on or off."""

    def __contains__(self, value: bool) -> bool:
        """Tell whether `value` is on or off and nothing else."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        """Return what TOML calls on and off."""
        return "true | false"


def dial(allowed: Range | Choice | Switch) -> Any:
    """Declare one dial of a `Dials` class."""
    return field(metadata={"allowed": allowed})


@dataclass(frozen=True)
class Dials:
    """Base of every recipe; building one checks every value.

    Raises
    ------
    RecipeError
        A value has the wrong type or is out of range.
    """

    def __post_init__(self) -> None:
        """Check every value against its row."""
        for row in dataclasses.fields(self):
            _check_dial(row, getattr(self, row.name), None)

    def with_changes(self, **changes: Any) -> Any:
        """Return a checked copy with some dials changed; None leaves a dial as it is."""
        return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        """Return the dials as plain values, in the order of the class."""
        return dataclasses.asdict(self)


D = TypeVar("D", bound=Dials)


def read_dials(kind: type[D], file: Path, default: Path) -> D:
    """Read a recipe file; dials it leaves out come from the default recipe.

    Parameters
    ----------
    kind : type
        A subclass of `Dials`.
    file : Path
        A TOML file of ``dial = value`` lines.
    default : Path
        One that names every dial.

    Raises
    ------
    RecipeError
        The file cannot be read, is not TOML, or has an unknown, mistyped or out-of-range dial.
    """
    dials = _read_toml(file)
    if file != default:
        dials = _read_toml(default) | dials
    return dials_from_dict(kind, dials, file)


def dials_from_dict(kind: type[D], dials: dict[str, Any], file: Path | None = None) -> D:
    """Build a recipe from plain values.

    Raises
    ------
    RecipeError
        A dial is unknown, missing, of the wrong type or out of range.
    """
    rows = {row.name: row for row in dataclasses.fields(kind)}
    for name in dials:
        if name not in rows:
            raise RecipeError("unknown dial", where=_place(file, name), got=repr(dials[name]), allowed=", ".join(sorted(rows)))
    for name, row in rows.items():
        if name not in dials:
            raise RecipeError("missing dial", where=_place(file, name), allowed=row.metadata["allowed"])
        _check_dial(row, dials[name], file)
    # TOML writes 0 for 0.0: a whole number is a good value of a fractional dial.
    return kind(**{name: float(dials[name]) if row.type is float else dials[name] for name, row in rows.items()})


def _check_dial(row: dataclasses.Field, value: Any, file: Path | None) -> None:
    allowed = row.metadata["allowed"]
    kinds = (int, float) if row.type is float else (row.type,)
    # bool is an int to Python, never to a recipe.
    if isinstance(value, bool) is not (row.type is bool) or not isinstance(value, kinds):
        raise RecipeError("wrong type", where=_place(file, row.name), got=repr(value), allowed=f"{row.type.__name__}, {allowed}")
    if value not in allowed:
        raise RecipeError("out of range", where=_place(file, row.name), got=repr(value), allowed=allowed)


def _place(file: Path | None, name: str) -> str:
    return f"recipe dial {name}" if file is None else f"{file}: {name}"


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError("cannot read the recipe", where=file, got=error.strerror, hint="--recipe takes a TOML file") from error
    except UnicodeDecodeError as error:
        raise RecipeError("not a text file", where=file, allowed="UTF-8") from error
    except (ValueError, RecursionError) as error:
        # tomllib's own error, a number of too many digits, or brackets too deep.
        raise RecipeError("not TOML", where=file, got=str(error), allowed="lines of dial = value") from error
