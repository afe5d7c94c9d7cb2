"""The dials of one training of a token transformer. It does not know what the model does with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.dials import Choice, Dials, Range, dial, dials_from_dict, read_dials
from training.errors import RecipeError
from training.tokens_model import TransformerSize

__all__ = ["DEFAULT_RECIPE", "RECIPES", "TokensRecipe", "read_tokens_recipe", "tokens_recipe_from_dict"]

_FOLDER = Path(__file__).parent / "recipes"
# What --recipe may name without a path.
RECIPES = {name: _FOLDER / f"tokens-{name}.toml" for name in ("small", "seed", "large")}
DEFAULT_RECIPE = RECIPES["small"]


@dataclass(frozen=True)
class TokensRecipe(Dials):
    """All dials of a token transformer's training; building one checks every value, alone and together.

    Parameters
    ----------
    width, layers, heads, feed_forward, head_width, attention_window, codebook_order, conditioning, output, dropout
        As in `TransformerSize`.
    priming : str
        What an export stores to start a stream from: ``context`` is real sound, ``random`` is random codes.
    window_steps : int
        Steps the loss sees at once: 86 are one second of a codec of 512 frames at 44.1 kHz.
    batch_size : int
        Windows per optimiser step.
    learning_rate : float
        Peak rate: it rises over `warmup_updates`, then falls along half a cosine to a hundredth.
    weight_decay, gradient_norm : float
        Of AdamW, and the norm that gradients are clipped to.
    warmup_updates, updates : int
    ema_decay : float
        Of the moving average of the weights, which is what is judged and kept.
    precision : str
        ``auto`` is bfloat16 where there is a GPU, else float32; ``bfloat16`` is a third faster on processors with matrix instructions for
        it, and far slower on all others.
    corruption : float
        Share of input steps whose codes are drawn at random. It teaches the model to come back from its own errors.
    codebook_dropout : float
        Share of windows that hear only the first few codebooks, as the light step of a patch does.
    start_share : float
        Share of windows that begin with nothing heard, as a stream without priming does.
    splice_share : float
        Share of windows that go on as another clip under its condition. It teaches the model to follow a control at once.
    near_share : float
        Share of those that go on in the same class. It teaches the model to leave what it hears for the parameters it is told.
    blend_share : float
        Share of windows of clips with more than one class, where there are any; the others are spread evenly over the classes.
    parameter_jitter : float
        Standard deviation of the noise on parameter values, which span 0..1.
    validation_interval : int
        Updates between two looks at the held-out clips.
    held_out_windows : int
        Windows looked at, spread over all held-out clips.
    patience : int
        Looks without improvement after which training stops.
    seed : int
        Start of every random draw.

    Raises
    ------
    RecipeError
        A value has the wrong type or is out of range, or two do not go together.
    """

    width: int = dial(Range(4, 4096))
    layers: int = dial(Range(1, 64))
    heads: int = dial(Range(1, 64))
    feed_forward: int = dial(Range(1, 8))
    head_width: int = dial(Range(4, 4096))
    attention_window: int = dial(Range(2, 4096))
    codebook_order: str = dial(Choice(("ordered", "independent")))
    conditioning: str = dial(Choice(("film", "concat")))
    output: str = dial(Choice(("tied", "untied")))
    dropout: float = dial(Range(0.0, 0.9))
    priming: str = dial(Choice(("context", "random")))

    window_steps: int = dial(Range(4, 16384))
    batch_size: int = dial(Range(1, 4096))
    learning_rate: float = dial(Range(1e-6, 0.1))
    weight_decay: float = dial(Range(0.0, 1.0))
    gradient_norm: float = dial(Range(0.01, 100.0))
    warmup_updates: int = dial(Range(0, 1_000_000))
    updates: int = dial(Range(1, 10_000_000))
    ema_decay: float = dial(Range(0.0, 0.99999))
    precision: str = dial(Choice(("auto", "float32", "bfloat16")))
    corruption: float = dial(Range(0.0, 0.9))
    codebook_dropout: float = dial(Range(0.0, 1.0))
    start_share: float = dial(Range(0.0, 1.0))
    splice_share: float = dial(Range(0.0, 1.0))
    near_share: float = dial(Range(0.0, 1.0))
    blend_share: float = dial(Range(0.0, 1.0))
    parameter_jitter: float = dial(Range(0.0, 0.5))
    validation_interval: int = dial(Range(1, 100_000))
    held_out_windows: int = dial(Range(1, 100_000))
    patience: int = dial(Range(1, 10_000))
    seed: int = dial(Range(0, 2**31 - 1))

    def __post_init__(self) -> None:
        """Check every value, and that the heads divide the width into parts that can be rotated."""
        super().__post_init__()
        if self.width % self.heads or self.width < 2 * self.heads:
            allowed = f"a multiple of {self.heads}, at least {2 * self.heads}"
            raise RecipeError("does not go with heads", where="recipe dial width", got=self.width, allowed=allowed)

    def size(self, codebooks: int, codebook_size: int, condition_size: int) -> TransformerSize:
        """Return the shape of the model for a dataset."""
        return TransformerSize(
            codebooks,
            codebook_size,
            condition_size,
            self.width,
            self.layers,
            self.heads,
            self.feed_forward,
            self.head_width,
            self.attention_window,
            self.codebook_order,
            self.conditioning,
            self.output,
            self.dropout,
        )


def read_tokens_recipe(name: str | Path = DEFAULT_RECIPE) -> TokensRecipe:
    """Read a recipe by its short name or its file; dials it leaves out are those of `small`.

    Raises
    ------
    RecipeError
        The file cannot be read, is not TOML, or has an unknown, mistyped or out-of-range dial.
    """
    return read_dials(TokensRecipe, RECIPES.get(str(name), Path(name)), DEFAULT_RECIPE)


def tokens_recipe_from_dict(dials: dict[str, Any]) -> TokensRecipe:
    """Build a recipe from plain values; raises RecipeError as `read_tokens_recipe`."""
    return dials_from_dict(TokensRecipe, dials)
