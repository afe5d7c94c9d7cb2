"""`TransformerModel`: an encoder over the window, a decoder over the positions to come, all of a forecast at once.

The seeds' architecture (facts 1.4): descriptors beside a sinusoidal code; the decoder's input is zeros beside the codes of the positions
that follow the window; the encoder sees no frame after a frame, the decoder sees all of its own. One thing is left out on purpose: the
seeds took the first 39 numbers of the last layer norm for the forecast, which therefore could not leave the norm's fixed length. Here a
projection reads the norm.
"""

import torch
from torch import Tensor, nn

from training.recipe import SequencerRecipe
from training.sequencers.attention import DecoderLayer, EncoderLayer, band, positions
from training.sequencers.forms import MultiStepModel

__all__ = ["TransformerModel"]


class TransformerModel(MultiStepModel):
    """`num_layers` encoder layers and as many decoder layers, each `nhead` heads; width D + `dim_pos_encoding`."""

    def __init__(self, recipe: SequencerRecipe, descriptors: int):
        width = descriptors + recipe.dim_pos_encoding
        super().__init__(recipe, descriptors, width)
        shape = (width, recipe.nhead, recipe.dim_feedforward, recipe.dropout)
        self.encoder = nn.ModuleList(EncoderLayer(*shape) for _ in range(recipe.num_layers))
        self.decoder = nn.ModuleList(DecoderLayer(*shape) for _ in range(recipe.num_layers))
        self.norm_encoder = nn.LayerNorm(width)
        self.norm_decoder = nn.LayerNorm(width)
        self.input_dropout = nn.Dropout(recipe.positional_encoding_dropout)
        self.code: Tensor
        self.causal: Tensor
        self.register_buffer("code", positions(recipe.dim_pos_encoding), persistent=False)
        self.register_buffer("causal", band(self.window_frames, self.window_frames, self.window_frames), persistent=False)

    def hidden(self, window: Tensor) -> Tensor:
        """See `MultiStepModel.hidden`."""
        batch, heard, coming = window.shape[0], self.window_frames, self.forecast_frames
        memory = torch.cat([window, self.code[:heard].expand(batch, -1, -1)], dim=-1)  # (B, W, width)
        x = torch.cat(
            [torch.zeros_like(window[:, :1]).expand(-1, coming, -1), self.code[heard : heard + coming].expand(batch, -1, -1)], dim=-1
        )
        memory, x = self.input_dropout(memory), self.input_dropout(x)  # (B, W, width), (B, F, width)
        for layer in self.encoder:
            memory = layer(memory, *layer.attention.keys_values(memory), self.causal)
        memory = self.norm_encoder(memory)
        for layer in self.decoder:
            x = layer(x, memory)
        return self.norm_decoder(x)
