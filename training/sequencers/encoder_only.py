"""`TransformerEncoderOnlyModel`: each frame looks at the `window_size` frames up to itself, in every layer, and says the next one.

The seeds' architecture (facts 1.4): descriptors beside a sinusoidal code of their position, post-norm ReLU layers, noise on the input in
training. They ran the whole growing sequence again for every frame. Here attention has a *band*, and the keys and values of the band are
kept from step to step, which repeats the training's computation exactly.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from training.recipe import SequencerRecipe
from training.sequencers.attention import MAX_POSITIONS, EncoderLayer, band, positions
from training.sequencers.forms import OneStepModel, State

__all__ = ["TransformerEncoderOnlyModel"]

# Training windows are so many bands long. With one, no frame in training would look back as far as every frame on stage does.
TRAINED_BANDS = 2


class TransformerEncoderOnlyModel(OneStepModel):
    """Banded causal attention over descriptors beside positions.

    States: ``keys_N`` and ``values_N`` of each layer (B, window_size - 1, width), the latest last, and ``position`` (1,), frames heard. It
    counts 0 .. 4999 and then for ever round from 5000 to 9999: the code is that of the position modulo 5000, and a cache is full after
    `window_size` frames, which 5000 covers. Training starts windows anywhere, so that every code is known.
    """

    def __init__(self, recipe: SequencerRecipe, descriptors: int):
        width = descriptors + recipe.dim_pos_encoding
        super().__init__(recipe, descriptors, width)
        self.band = recipe.window_size
        self.width = width
        self.layers = nn.ModuleList(
            EncoderLayer(width, recipe.nhead, recipe.dim_feedforward, recipe.dropout) for _ in range(recipe.num_layers)
        )
        self.input_dropout = nn.Dropout(recipe.positional_encoding_dropout)
        self.own_state: tuple[str, ...] = (
            *(f"{kind}_{layer}" for layer in range(recipe.num_layers) for kind in ("keys", "values")),
            "position",
        )
        self.code: Tensor
        self.register_buffer("code", positions(recipe.dim_pos_encoding), persistent=False)

    multi_step: ClassVar[bool] = False

    @property
    def history_frames(self) -> int:
        """Frames of a training window."""
        return TRAINED_BANDS * self.band

    def own_fresh(self, batch: int) -> State:
        """Return empty caches and position 0."""
        cache = self.lowest.new_zeros(batch, self.band - 1, self.width)
        return (*(torch.zeros_like(cache) for _ in range(2 * len(self.layers))), self.lowest.new_zeros(1))

    def run(self, frames: Tensor, state: State | None) -> tuple[Tensor, State]:
        """See `OneStepModel.run`."""
        batch, steps = frames.shape[:2]
        *caches, position = state if state is not None else self.own_fresh(batch)
        first = torch.randint(MAX_POSITIONS, (batch, 1), device=frames.device) if self.training else position.long().unsqueeze(1)
        place = (first + torch.arange(steps, device=frames.device)) % MAX_POSITIONS  # (B or 1, S)
        code = self.code[place].expand(batch, -1, -1)  # (B, S, P)
        x = self.input_dropout(torch.cat([frames, code], dim=-1))  # (B, S, width)
        kept_frames = self.band - 1
        seen = band(steps, kept_frames + steps, self.band, frames.device)
        # A cache is filled from its end; what is before its first frame is nothing.
        seen = seen & (torch.arange(kept_frames + steps, device=frames.device) + position >= kept_frames)
        # A fresh start has nothing in its caches: it is not looked at.
        begin = kept_frames if state is None else 0
        kept = []
        for index, layer in enumerate(self.layers):
            new = layer.attention.keys_values(x)
            keys, values = (torch.cat([cache, part], dim=1) for cache, part in zip(caches[2 * index : 2 * index + 2], new, strict=True))
            x = layer(x, keys[:, begin:], values[:, begin:], seen[:, begin:])
            kept += [keys[:, steps:], values[:, steps:]]
        heard = position + steps
        return x, (*kept, torch.where(heard < 2 * MAX_POSITIONS, heard, heard - MAX_POSITIONS))
