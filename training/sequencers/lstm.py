"""`LSTM`: reads frame after frame and says the next one.

The seeds' LSTM (facts 1.4) with three differences. What is linear in the last frames is not learned but solved (`skip_frames`; 0 leaves it
out, as theirs did). The head may be a mixture. A step is written out in matrices, with the state outside.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.recipe import SequencerRecipe
from training.sequencers.forms import OneStepModel, State

__all__ = ["LSTM"]


class LSTM(OneStepModel):
    """Recurrent, `num_layers` deep, `hidden_size` wide; its memory has no fixed end. States: ``hidden``, ``cell`` (layers, B, hidden)."""

    own_state: ClassVar[tuple[str, ...]] = ("hidden", "cell")

    def __init__(self, recipe: SequencerRecipe, descriptors: int):
        super().__init__(recipe, descriptors, recipe.hidden_size)
        self.layers = recipe.num_layers
        self.hidden_size = recipe.hidden_size
        between = recipe.dropout if self.layers > 1 else 0.0
        self.lstm = nn.LSTM(descriptors, recipe.hidden_size, self.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(recipe.dropout)

    @property
    def history_frames(self) -> int:
        """Frames the loss sees at once."""
        return self.recipe.window_size

    def own_fresh(self, batch: int) -> State:
        """Return hidden and cell of an LSTM that has heard nothing."""
        hidden = self.lowest.new_zeros(self.layers, batch, self.hidden_size)
        return hidden, torch.zeros_like(hidden)

    def run(self, frames: Tensor, state: State | None) -> tuple[Tensor, State]:
        """See `OneStepModel.run`."""
        hidden, state = self.lstm(frames, state if state is not None else self.own_fresh(frames.shape[0]))  # (B, S, H)
        return self.dropout(hidden), state

    def run_one(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        """See `OneStepModel.run_one`; in matrices, as the export has no sequence to loop over.

        Source
        ------
        The equations in the documentation of `torch.nn.LSTM`.
        """
        hidden, cell = state
        layer_input = frame[:, 0]
        hidden_next, cell_next = [], []
        for layer in range(self.layers):
            into, across, into_bias, across_bias = self.lstm.all_weights[layer]
            gates = functional.linear(layer_input, into, into_bias) + functional.linear(hidden[layer], across, across_bias)  # (B, 4 H)
            let_in, forget, candidate, let_out = gates.chunk(4, dim=-1)
            layer_cell = torch.sigmoid(forget) * cell[layer] + torch.sigmoid(let_in) * torch.tanh(candidate)
            layer_input = torch.sigmoid(let_out) * torch.tanh(layer_cell)
            hidden_next.append(layer_input)
            cell_next.append(layer_cell)
        return self.dropout(layer_input).unsqueeze(1), (torch.stack(hidden_next), torch.stack(cell_next))
