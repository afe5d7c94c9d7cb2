"""The dials of one sequencer training, read from a TOML file and checked once.

It does not know what the model does with them. Every dial is one row of `SequencerRecipe`: its type, its allowed values, its meaning.
"""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.errors import RecipeError

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "sequencer.toml"
HEADS = ("mixture", "mean")


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


def _dial(allowed: Range | Choice) -> Any:
    return field(metadata={"allowed": allowed})


@dataclass(frozen=True)
class SequencerRecipe:
    """All dials of a sequencer training; building one checks every value.

    Parameters
    ----------
    hidden_size : int
        Width of each LSTM layer.
    layers : int
        LSTM layers on top of each other.
    head : str
        ``mixture`` predicts a distribution of the next frame, ``mean`` only its mean (as the published sequencer did).
    components : int
        Gaussians in the mixture. The mean head has one, whatever this says.
    window_frames : int
        Descriptor frames the loss sees at once: 43 are one second at 44.1 kHz.
    batch_size : int
        Windows per optimiser step.
    learning_rate : float
        Peak rate; it falls along a half cosine over `updates`.
    updates : int
        Optimiser steps at most.
    dropout : float
        Share of units dropped between layers and before the head, in training.
    input_noise : float
        Standard deviation, in z-score units, of the noise on input frames in training. It teaches the model to come back
        from its own small errors when it feeds on its own output.
    splice_share : float
        Share of training windows that jump to another place of the folder on the way. It teaches the model to wander from one sound to
        another instead of staying in the first for ever; the held-out score gets a little worse, as held-out clips do not wander.
    validation_interval : int
        Updates between two looks at the held-out audio.
    held_out_share : float
        Share of the audio kept out of training.
    patience : int
        Looks without improvement after which training stops.
    seed : int
        Start of every random draw.

    Raises
    ------
    RecipeError
        A value has the wrong type or is out of range.
    """

    hidden_size: int = _dial(Range(4, 1024))
    layers: int = _dial(Range(1, 6))
    head: str = _dial(Choice(HEADS))
    components: int = _dial(Range(1, 64))
    window_frames: int = _dial(Range(4, 4096))
    batch_size: int = _dial(Range(1, 1024))
    learning_rate: float = _dial(Range(1e-6, 0.1))
    updates: int = _dial(Range(1, 10_000_000))
    dropout: float = _dial(Range(0.0, 0.9))
    input_noise: float = _dial(Range(0.0, 2.0))
    splice_share: float = _dial(Range(0.0, 1.0))
    validation_interval: int = _dial(Range(1, 100_000))
    held_out_share: float = _dial(Range(0.01, 0.5))
    patience: int = _dial(Range(1, 10_000))
    seed: int = _dial(Range(0, 2**31 - 1))

    def __post_init__(self) -> None:
        """Check every value against its row."""
        for row in dataclasses.fields(self):
            _check_dial(row, getattr(self, row.name), None)

    @property
    def mixture_size(self) -> int:
        """Gaussians the model has."""
        return self.components if self.head == "mixture" else 1

    def with_changes(self, **changes: Any) -> "SequencerRecipe":
        """Return a checked copy with some dials changed; None leaves a dial as it is."""
        return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        """Return the dials as plain values, in the order of this class."""
        return dataclasses.asdict(self)


def read_recipe(file: Path = DEFAULT_RECIPE) -> SequencerRecipe:
    """Read a recipe file; dials it leaves out come from the default recipe.

    Parameters
    ----------
    file : Path
        A TOML file of ``dial = value`` lines.

    Returns
    -------
    SequencerRecipe

    Raises
    ------
    RecipeError
        The file cannot be read, is not TOML, or has an unknown, mistyped or out-of-range dial.
    """
    dials = _read_toml(file)
    if file != DEFAULT_RECIPE:
        dials = _read_toml(DEFAULT_RECIPE) | dials
    return recipe_from_dict(dials, file)


def recipe_from_dict(dials: dict[str, Any], file: Path | None = None) -> SequencerRecipe:
    """Build a recipe from plain values.

    Raises
    ------
    RecipeError
        A dial is unknown, missing, of the wrong type or out of range.
    """
    rows = {row.name: row for row in dataclasses.fields(SequencerRecipe)}
    for name in dials:
        if name not in rows:
            raise RecipeError("unknown dial", where=_place(file, name), got=repr(dials[name]), allowed=", ".join(sorted(rows)))
    for name, row in rows.items():
        if name not in dials:
            raise RecipeError("missing dial", where=_place(file, name), allowed=row.metadata["allowed"])
        _check_dial(row, dials[name], file)
    # TOML writes 0 for 0.0: a whole number is a good value of a fractional dial.
    return SequencerRecipe(**{name: float(dials[name]) if row.type is float else dials[name] for name, row in rows.items()})


def _check_dial(row: dataclasses.Field, value: Any, file: Path | None) -> None:
    allowed = row.metadata["allowed"]
    kinds = (int, float) if row.type is float else (row.type,)
    # bool is an int to Python, never to a recipe.
    if isinstance(value, bool) or not isinstance(value, kinds):
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
