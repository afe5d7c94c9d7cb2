"""The sequencer: an LSTM that predicts the next descriptor frame, as a distribution or as its mean.

It knows no audio, no files and no optimiser: z-scored frames go in, the mixture of the next frame comes out. `Sequencer` runs whole
sequences for training; `SequencerStep` is the same model as one explicit-state tick, the form that is exported and played.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

DESCRIPTORS = 39

# exp(-4) is a spread of 0.018 standard deviations. Digital silence repeats frames exactly; without a floor its density has no upper bound.
LOG_SIGMA_FLOOR = -4.0

State = tuple[Tensor, Tensor]


class Mixture(NamedTuple):
    """The predicted distribution of each next frame: K diagonal Gaussians.

    Parameters
    ----------
    log_weight : float32, shape (B, S, K), log of probabilities that sum to 1
    mean : float32, shape (B, S, K, 39), z-score units
    log_sigma : float32, shape (B, S, K, 39), log of z-score units
    """

    log_weight: Tensor
    mean: Tensor
    log_sigma: Tensor


class Sequencer(nn.Module):
    """Whole sequences of z-scored descriptors in, the distribution of every next frame out.

    Parameters
    ----------
    hidden_size : int
    layers : int
    components : int
        Gaussians K. The mean head uses one.
    head : str
        ``mixture`` or ``mean``. The mean head learns no spread: its `residual_std` is measured on held-out frames afterwards.
    dropout, input_noise : float
        Act in training mode only.

    Owner
    -----
    Buffers `residual_std` (39,), `lowest` (39,), `highest` (39,), set once by the training: the spread of the mean head's error,
    and the range of the training frames, which no sample may leave: a model that feeds on its own output for hours stays in it.
    """

    def __init__(self, hidden_size: int, layers: int, components: int, head: str, dropout: float = 0.0, input_noise: float = 0.0):
        super().__init__()
        self.hidden_size = hidden_size
        self.layers = layers
        self.components = components if head == "mixture" else 1
        self.head = head
        self.input_noise = input_noise
        self.lstm = nn.LSTM(DESCRIPTORS, hidden_size, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        per_component = 1 + 2 * DESCRIPTORS if head == "mixture" else DESCRIPTORS
        # The projection sees the input frame too, so that "like the last frame" is a straight line and the LSTM learns the rest.
        self.projection = nn.Linear(hidden_size + DESCRIPTORS, self.components * per_component)
        self.residual_std: Tensor
        self.lowest: Tensor
        self.highest: Tensor
        self.register_buffer("residual_std", torch.ones(DESCRIPTORS))
        self.register_buffer("lowest", torch.full((DESCRIPTORS,), -1e6))
        self.register_buffer("highest", torch.full((DESCRIPTORS,), 1e6))

    def fresh_state(self, batch: int = 1) -> State:
        """Return hidden and cell of a sequencer that has heard nothing, each (layers, batch, hidden)."""
        hidden = self.lowest.new_zeros(self.layers, batch, self.hidden_size)
        return hidden, torch.zeros_like(hidden)

    def forward(self, frames: Tensor, state: State | None = None) -> tuple[Mixture, State]:
        """Predict the frame after each frame.

        Parameters
        ----------
        frames : float32, shape (B, S, 39), z-score units
        state : (hidden, cell), each (layers, B, hidden), or None for a fresh start

        Returns
        -------
        Mixture
            Entry s is the distribution of frame s + 1, from frames 0..s.
        (hidden, cell)
        """
        if self.training and self.input_noise > 0:
            frames = frames + self.input_noise * torch.randn_like(frames)
        hidden, state = self.lstm(frames, state if state is not None else self.fresh_state(frames.shape[0]))  # (B, S, H)
        return self.mixture(hidden, frames), state

    def mixture(self, hidden: Tensor, frames: Tensor) -> Mixture:
        """Turn LSTM output (B, S, H) and its input frames (B, S, 39) into the next frames' distribution."""
        batch, steps = frames.shape[0], frames.shape[1]
        projected = self.projection(torch.cat([self.dropout(hidden), frames], dim=-1))  # (B, S, K * per_component)
        if self.head == "mean":
            mean = projected.reshape(batch, steps, 1, DESCRIPTORS)
            log_sigma = self.residual_std.log().expand(batch, steps, 1, DESCRIPTORS)
            return Mixture(mean.new_zeros(batch, steps, 1), mean, log_sigma)
        weight, spread = projected.split([self.components, 2 * self.components * DESCRIPTORS], dim=-1)
        mean, raw_sigma = spread.reshape(batch, steps, self.components, 2 * DESCRIPTORS).chunk(2, dim=-1)  # (B, S, K, 39) each
        # Softplus reaches the floor smoothly, so the gradient never stops there as it would at a clamp.
        log_sigma = LOG_SIGMA_FLOOR + functional.softplus(raw_sigma - LOG_SIGMA_FLOOR)
        return Mixture(functional.log_softmax(weight, dim=-1), mean, log_sigma)

    def draw(self, mixture: Mixture, gumbel: Tensor, normal: Tensor, temperature: Tensor) -> Tensor:
        """Draw one frame from the last step of a distribution, with noise from outside.

        Parameters
        ----------
        mixture : Mixture of shape (B, S, ...)
        gumbel : float32, shape (B, K), standard Gumbel noise
        normal : float32, shape (B, 39), standard normal noise
        temperature : float32, shape (1,), 0 or more
            Multiplies both noises: at 0 the frame is the mean of the likeliest component.

        Returns
        -------
        float32, shape (B, 39), z-score units, within the range of the training frames

        Source
        ------
        The index of the largest ``log p / t + gumbel`` is a draw from p sharpened by t (Gumbel 1954). Times t the order is the same,
        and t = 0 is allowed.
        """
        chosen = torch.argmax(mixture.log_weight[:, -1] + temperature * gumbel, dim=-1)  # (B,)
        pick = chosen.reshape(-1, 1, 1).expand(-1, 1, DESCRIPTORS)
        mean = mixture.mean[:, -1].gather(1, pick).squeeze(1)  # (B, 39)
        sigma = mixture.log_sigma[:, -1].gather(1, pick).squeeze(1).exp()
        frame = mean + temperature * sigma * normal
        return torch.minimum(torch.maximum(frame, self.lowest), self.highest)


def nll_per_value(mixture: Mixture, target: Tensor) -> Tensor:
    """Return the negative log likelihood of each frame, per descriptor value.

    Parameters
    ----------
    mixture : Mixture of (B, S) frames
    target : float32, shape (B, S, 39)

    Returns
    -------
    float32, shape (B, S), nats per descriptor value

    Source
    ------
    Mixture density network: Bishop 1994, "Mixture Density Networks", equations 21 to 24 with one spread per dimension.
    """
    distance = (target.unsqueeze(2) - mixture.mean) * torch.exp(-mixture.log_sigma)  # (B, S, K, 39)
    log_density = -0.5 * distance.square() - mixture.log_sigma - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(mixture.log_weight + log_density.sum(-1), dim=-1) / target.shape[-1]


def expected_frame(mixture: Mixture) -> Tensor:
    """Return the mean of the whole distribution, (B, S, 39): the guess with the least squared error."""
    return (mixture.log_weight.exp().unsqueeze(-1) * mixture.mean).sum(2)


class SequencerStep(nn.Module):
    """One tick of a `Sequencer` with all state and all randomness outside: the form that is exported and played.

    The inputs and outputs are those of the patch format's `sequencer` role, in its order. The weights are the sequencer's own, not copies.

    Parameters
    ----------
    sequencer : Sequencer
        Put into evaluation mode.
    """

    INPUTS = ("frame", "hidden", "cell", "gumbel", "normal", "temperature")
    OUTPUTS = ("next_frame", "hidden_next", "cell_next")
    FEEDBACK = (("hidden_next", "hidden"), ("cell_next", "cell"))

    def __init__(self, sequencer: Sequencer):
        super().__init__()
        self.sequencer = sequencer
        self.eval()

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each input, in order."""
        state = (self.sequencer.layers, 1, self.sequencer.hidden_size)
        return {
            "frame": (1, DESCRIPTORS),
            "hidden": state,
            "cell": state,
            "gumbel": (1, self.sequencer.components),
            "normal": (1, DESCRIPTORS),
            "temperature": (1,),
        }

    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each output, in order."""
        inputs = self.input_shapes()
        return {"next_frame": inputs["frame"], "hidden_next": inputs["hidden"], "cell_next": inputs["cell"]}

    def forward(self, frame: Tensor, hidden: Tensor, cell: Tensor, gumbel: Tensor, normal: Tensor, temperature: Tensor):
        """Advance by one frame.

        Parameters
        ----------
        frame : float32, shape (1, 39), z-score units
        hidden, cell : float32, shape (layers, 1, hidden)
        gumbel : float32, shape (1, K), standard Gumbel noise
        normal : float32, shape (1, 39), standard normal noise
        temperature : float32, shape (1,), 0 or more
            Multiplies both noises: at 0 the result is the mean of the likeliest component.

        Returns
        -------
        next_frame : float32, shape (1, 39)
        hidden_next, cell_next : float32, shape (layers, 1, hidden)

        Source
        ------
        The LSTM's equations are those in the documentation of `torch.nn.LSTM`.
        """
        lstm = self.sequencer.lstm
        layer_input = frame
        hidden_next, cell_next = [], []
        for layer in range(self.sequencer.layers):
            into, across, into_bias, across_bias = lstm.all_weights[layer]
            gates = functional.linear(layer_input, into, into_bias) + functional.linear(hidden[layer], across, across_bias)  # (1, 4 H)
            let_in, forget, candidate, let_out = gates.chunk(4, dim=-1)
            layer_cell = torch.sigmoid(forget) * cell[layer] + torch.sigmoid(let_in) * torch.tanh(candidate)
            layer_input = torch.sigmoid(let_out) * torch.tanh(layer_cell)
            hidden_next.append(layer_input)
            cell_next.append(layer_cell)
        mixture = self.sequencer.mixture(layer_input.unsqueeze(1), frame.unsqueeze(1))
        next_frame = self.sequencer.draw(mixture, gumbel, normal, temperature)
        return next_frame, torch.stack(hidden_next), torch.stack(cell_next)
