"""The four sequencers by name, and what a recipe must keep to for each. It knows neither files nor training."""

from patches.descriptors import DescriptorSpec
from training.errors import RecipeError
from training.recipe import SequencerRecipe
from training.sequencers.attention import MAX_POSITIONS
from training.sequencers.encoder_decoder import LSTMEncoderDecoderModel
from training.sequencers.encoder_only import TransformerEncoderOnlyModel
from training.sequencers.lstm import LSTM
from training.sequencers.model import SequencerModel
from training.sequencers.transformer import TransformerModel

__all__ = ["MODELS", "build_model", "check_recipe"]

MODELS: dict[str, type[SequencerModel]] = {
    model.__name__: model for model in (LSTM, LSTMEncoderDecoderModel, TransformerEncoderOnlyModel, TransformerModel)
}
WITH_HEADS = ("TransformerEncoderOnlyModel", "TransformerModel")
MULTI_STEP = tuple(name for name, model in MODELS.items() if model.multi_step)


def build_model(recipe: SequencerRecipe, spec: DescriptorSpec) -> SequencerModel:
    """Return the untrained model of a recipe for these descriptors, ready for `begin`.

    Raises
    ------
    RecipeError
        Dials that contradict each other, or the descriptors: see `check_recipe`.
    """
    check_recipe(recipe, len(spec))
    return MODELS[recipe.selected_model](recipe, len(spec))


def check_recipe(recipe: SequencerRecipe, descriptors: int) -> None:
    """Refuse dials that cannot be together.

    Raises
    ------
    RecipeError
        An odd positional code; heads that do not divide the width; a window and forecast beyond the positions there are, or a window
        shorter than what the linear predictor looks back on.
    """
    code, heads, window = recipe.dim_pos_encoding, recipe.nhead, recipe.window_size
    if code % 2:
        raise RecipeError(
            "a positional code has sines and cosines in pairs", where="recipe dial dim_pos_encoding", got=code, allowed="even"
        )
    if recipe.selected_model in WITH_HEADS and (descriptors + code) % heads:
        fits = [size for size in range(0, 2 * heads + code + 2, 2) if (descriptors + size) % heads == 0]
        nearest = min(fits, key=lambda size: abs(size - code), default=None)
        hint = (
            "Choose another nhead"
            if nearest is None
            else f"With {descriptors} descriptors and nhead {heads} take dim_pos_encoding {nearest}"
        )
        got = f"({descriptors} + {code}) / {heads}"
        raise RecipeError("heads must divide descriptors + dim_pos_encoding", where="recipe dial nhead", got=got, hint=hint)
    if recipe.selected_model in MULTI_STEP and window + recipe.forecast_size > MAX_POSITIONS:
        got = f"{window} + {recipe.forecast_size}"
        raise RecipeError(
            "more positions than there are", where="recipe dial window_size", got=got, allowed=f"at most {MAX_POSITIONS} together"
        )
    if recipe.skip_frames > window:
        raise RecipeError(
            "looks back further than the window", where="recipe dial skip_frames", got=recipe.skip_frames, allowed=f"<= {window}"
        )
