"""`LSTMEncoderDecoderModel`: one LSTM hears the window, a second one goes on from where it ended and says the next frames at once.

The seeds' architecture (facts 1.4): the decoder gets zeros and a sinusoidal code of the position, no frames, so nothing is fed back within
a forecast. With `dim_pos_encoding` 0 it gets zeros alone.
"""

import torch
from torch import Tensor, nn

from training.recipe import SequencerRecipe
from training.sequencers.attention import positions
from training.sequencers.forms import MultiStepModel

__all__ = ["LSTMEncoderDecoderModel"]


class LSTMEncoderDecoderModel(MultiStepModel):
    """Two LSTMs, `num_layers` deep, `hidden_size` wide; the first one's last state is the second one's first."""

    def __init__(self, recipe: SequencerRecipe, descriptors: int):
        super().__init__(recipe, descriptors, recipe.hidden_size)
        code, between = recipe.dim_pos_encoding, recipe.dropout if recipe.num_layers > 1 else 0.0
        shape = {"hidden_size": recipe.hidden_size, "num_layers": recipe.num_layers, "batch_first": True, "dropout": between}
        self.encoder = nn.LSTM(descriptors + code, **shape)
        self.decoder = nn.LSTM(1 + code, **shape)
        self.input_dropout = nn.Dropout(recipe.positional_encoding_dropout)
        self.dropout = nn.Dropout(recipe.dropout)
        self.code: Tensor
        self.register_buffer("code", positions(code), persistent=False)

    def hidden(self, window: Tensor) -> Tensor:
        """See `MultiStepModel.hidden`."""
        batch = window.shape[0]
        heard = torch.cat([window, self.code[: self.window_frames].expand(batch, -1, -1)], dim=-1)
        coming = self.code[: self.forecast_frames].expand(batch, -1, -1)
        coming = torch.cat([window.new_zeros(batch, self.forecast_frames, 1), coming], dim=-1)  # (B, F, 1 + P)
        _, state = self.encoder(self.input_dropout(heard))
        return self.dropout(self.decoder(coming, state)[0])
