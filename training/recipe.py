"""The dials of one sequencer training, read from a TOML file and checked once.

It does not know what the model does with them. Every dial is one row of `SequencerRecipe`: its type, its allowed values, its meaning.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.dials import Choice, Dials, Range, Switch, dial, dials_from_dict, read_dials

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "sequencer.toml"
MODELS = ("LSTM", "LSTMEncoderDecoderModel", "TransformerEncoderOnlyModel", "TransformerModel")
HEADS = ("mixture", "mean")
SCHEDULES = ("cosine", "constant", "decay")


@dataclass(frozen=True)
class SequencerRecipe(Dials):
    """All dials of a sequencer training; building one checks every value.

    The first twelve are those of the Descriptor Transformer, under its names (facts 1.2).

    Parameters
    ----------
    selected_model : str
        ``LSTM`` and ``TransformerEncoderOnlyModel`` say the next frame, frame by frame; ``LSTMEncoderDecoderModel`` and
        ``TransformerModel`` say the next `forecast_size` frames from the last `window_size`.
    window_size : int
        Descriptor frames: 43 are one second at 44.1 kHz and a hop of 1024. What the loss sees at once (LSTM), what attention looks back
        on (encoder-only), what is heard before a forecast (the other two).
    forecast_size : int
        Frames said at once by the two multi-step models.
    hidden_size : int
        Width of each LSTM layer. A transformer is as wide as the descriptors and `dim_pos_encoding` together.
    num_layers : int
        Layers on top of each other; encoder and decoder have so many each.
    dim_pos_encoding : int
        Length of the positional code beside the descriptors, even. 0 leaves it out. The LSTM has none.
    nhead : int
        Attention heads of a transformer; they divide the number of descriptors plus `dim_pos_encoding`.
    dim_feedforward : int
        Width of the feed-forward part of a transformer's layers.
    dropout : float
        Share of units dropped within and between layers, in training.
    positional_encoding_dropout : float
        Share of inputs, descriptors and codes, dropped in training. The LSTM has none.
    learning_rate : float
        Peak rate.
    batch_size : int
        Windows per optimiser step; every one is learned from.
    remove_outliers : bool
        Leave out training frames that are five standard deviations or more from their file's mean in any descriptor. A file is cut
        there: no window reaches across. Held-out files are judged whole.
    head : str
        ``mixture`` predicts a distribution, ``mean`` only its mean by squared error (as the Descriptor Transformer did).
    components : int
        Gaussians in the mixture. The mean head has one, whatever this says.
    skip_frames : int
        Frames that a linear predictor looks back on, which is fitted in closed form before training; the network learns what it leaves
        over. 0 leaves it out (as the Descriptor Transformer did).
    updates : int
        Optimiser steps at most.
    schedule : str
        ``cosine`` warms up and then falls along half a cosine over `updates`; ``constant`` stays; ``decay`` falls by a twentieth at every
        `validation_interval`.
    weight_decay : float
        Of AdamW; 0 is Adam.
    input_noise : float
        Standard deviation, in z-score units, of the noise on the network's input frames in training. It teaches the model to come back
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

    selected_model: str = dial(Choice(MODELS))
    window_size: int = dial(Range(2, 4096))
    forecast_size: int = dial(Range(1, 4096))
    hidden_size: int = dial(Range(4, 1024))
    num_layers: int = dial(Range(1, 8))
    dim_pos_encoding: int = dial(Range(0, 512))
    nhead: int = dial(Range(1, 64))
    dim_feedforward: int = dial(Range(4, 4096))
    dropout: float = dial(Range(0.0, 0.9))
    positional_encoding_dropout: float = dial(Range(0.0, 0.9))
    learning_rate: float = dial(Range(1e-6, 0.1))
    batch_size: int = dial(Range(1, 1024))
    remove_outliers: bool = dial(Switch())
    head: str = dial(Choice(HEADS))
    components: int = dial(Range(1, 64))
    skip_frames: int = dial(Range(0, 16))
    updates: int = dial(Range(1, 10_000_000))
    schedule: str = dial(Choice(SCHEDULES))
    weight_decay: float = dial(Range(0.0, 1.0))
    input_noise: float = dial(Range(0.0, 2.0))
    splice_share: float = dial(Range(0.0, 1.0))
    validation_interval: int = dial(Range(1, 100_000))
    held_out_share: float = dial(Range(0.01, 0.5))
    patience: int = dial(Range(1, 10_000))
    seed: int = dial(Range(0, 2**31 - 1))


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
