"""The dials of one sequencer training, read from a TOML file and checked once.

It does not know what the model does with them. Every dial is one row of `SequencerRecipe`: its type, its allowed values, its meaning.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.dials import Choice, Dials, Range, dial, dials_from_dict, read_dials

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "sequencer.toml"
HEADS = ("mixture", "mean")


@dataclass(frozen=True)
class SequencerRecipe(Dials):
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

    hidden_size: int = dial(Range(4, 1024))
    layers: int = dial(Range(1, 6))
    head: str = dial(Choice(HEADS))
    components: int = dial(Range(1, 64))
    window_frames: int = dial(Range(4, 4096))
    batch_size: int = dial(Range(1, 1024))
    learning_rate: float = dial(Range(1e-6, 0.1))
    updates: int = dial(Range(1, 10_000_000))
    dropout: float = dial(Range(0.0, 0.9))
    input_noise: float = dial(Range(0.0, 2.0))
    splice_share: float = dial(Range(0.0, 1.0))
    validation_interval: int = dial(Range(1, 100_000))
    held_out_share: float = dial(Range(0.01, 0.5))
    patience: int = dial(Range(1, 10_000))
    seed: int = dial(Range(0, 2**31 - 1))

    @property
    def mixture_size(self) -> int:
        """Gaussians the model has."""
        return self.components if self.head == "mixture" else 1


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
    return read_dials(SequencerRecipe, file, DEFAULT_RECIPE)


def recipe_from_dict(dials: dict[str, Any], file: Path | None = None) -> SequencerRecipe:
    """Build a recipe from plain values.

    Raises
    ------
    RecipeError
        A dial is unknown, missing, of the wrong type or out of range.
    """
    return dials_from_dict(SequencerRecipe, dials, file)
