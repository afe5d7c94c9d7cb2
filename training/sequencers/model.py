"""What all four sequencers are: a model that says what comes next, trained on batches of windows and run ahead by itself.

It knows no architecture: `training.sequencers.forms` has the two forms, and each architecture is a file beside this one. Frames are
z-scores of the training's descriptors throughout, in the order of its `DescriptorSpec`.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.recipe import SequencerRecipe
from training.sequencer import Head, Mixture, NoiseShape, draw, expected_frames, nll
from training.sequencers.linear import LinearFit, fit_linear, white_fit

__all__ = ["MAX_LINEAR_FRAMES", "Batch", "SequencerModel"]

# Frames ahead that the linear predictor has equations of its own for; beyond, it says what it says of the last of them.
MAX_LINEAR_FRAMES = 32

Batch = tuple[Tensor, Tensor, Tensor]
"""frames (B, S, D); the forecasts that follow (B, N, F, D); which of their frames are real (B, N, F). N is S, and 1 if multi-step."""


class SequencerModel(nn.Module, ABC):
    """A sequencer.

    Parameters
    ----------
    recipe : SequencerRecipe
    descriptors : int
        D, the length of the spec.
    width : int
        Of the architecture's hidden state.
    forecast_frames : int
        F: frames it says at once.

    Owner
    -----
    Buffers, set once by `begin`: the linear predictor (`linear`), the shape of its errors (`noise_shape`), and the range of the training
    frames (`lowest`, `highest`, each (D,)), which no sample may leave: a model that feeds on its own output for hours stays in it.
    """

    multi_step: ClassVar[bool]

    def __init__(self, recipe: SequencerRecipe, descriptors: int, width: int, forecast_frames: int):
        super().__init__()
        self.recipe = recipe
        self.descriptors = descriptors
        self.forecast_frames = forecast_frames
        self.order = recipe.skip_frames
        self.head = Head(width, descriptors, forecast_frames, recipe.components, recipe.head)
        self.noise_shape = NoiseShape(descriptors, self.order, forecast_frames)
        self.linear: Tensor
        self.lowest: Tensor
        self.highest: Tensor
        self.register_buffer("linear", torch.zeros(min(forecast_frames, MAX_LINEAR_FRAMES), self.order, descriptors, descriptors))
        self.register_buffer("lowest", torch.full((descriptors,), -1e6))
        self.register_buffer("highest", torch.full((descriptors,), 1e6))

    @property
    def components(self) -> int:
        """Gaussians K of the mixture; 1 for the mean head."""
        return self.head.components

    @property
    @abstractmethod
    def history_frames(self) -> int:
        """Frames of one training window before the last frame to predict."""

    def begin(self, pieces: list[NDArray[np.float32]]) -> None:
        """Fit what has a closed form, on the training frames: pieces (S, D). Called once, before the first update."""
        heard = np.concatenate(pieces)
        self.lowest.copy_(torch.from_numpy(heard.min(0)))
        self.highest.copy_(torch.from_numpy(heard.max(0)))
        self.set_fit(fit_linear(pieces, self.order))

    def set_fit(self, fit: LinearFit) -> None:
        """Take a linear predictor and the shape of its errors."""
        if len(fit.weights) != self.order:
            # Too little sound to fit anything: nothing is linear.
            fit = LinearFit(np.zeros((self.order, self.descriptors, self.descriptors)), *_unfitted(self.descriptors))
        self.linear.copy_(torch.from_numpy(fit.ahead(len(self.linear))))
        self.noise_shape.set_fit(fit)
        self.head.start.copy_(self.noise_shape.spread)

    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar: mean over every real frame of every forecast of every window.

        Nats per descriptor value with the mixture head, squared error in z-score units with the mean head.
        """
        frames, target, real = batch
        mixture = self(frames)
        if self.head.head == "mean":
            loss = (expected_frames(mixture) - target).square().mean(-1) * real  # (B, N, F)
        else:
            loss = nll(mixture, target, real, self.noise_shape) / self.descriptors  # (B, N)
        return loss.sum() / real.sum()

    @abstractmethod
    def forward(self, frames: Tensor) -> Mixture:
        """Return the distribution of every forecast that a batch (B, S, D) of `Batch` asks for."""

    @abstractmethod
    def forecast(self, history: Tensor, steps: int, temperature: float, generator: torch.Generator) -> Tensor:
        """Hear some frames and go on alone, drawing.

        Parameters
        ----------
        history : float32, shape (B, S, D), z-score units, S at least 1
        steps : int
        temperature : float
        generator : torch.Generator
            Equal seeds, equal frames.

        Returns
        -------
        float32, shape (B, steps, D), z-score units
        """

    @abstractmethod
    def expected(self, history: Tensor, steps: int) -> Tensor:
        """Return the frames expected after a history (B, S, D), without chance: (B, steps, D), z-score units.

        Where the model feeds on its own output, it is fed with expected frames.
        """

    @abstractmethod
    def step_form(self) -> Any:
        """Return the form that is exported and played, in evaluation mode: `SequencerStep` or `ForecastStep`."""

    def noisy(self, frames: Tensor) -> Tensor:
        """Return frames with the recipe's input noise in training, as they are otherwise."""
        if self.training and self.recipe.input_noise > 0:
            return frames + self.recipe.input_noise * torch.randn_like(frames)
        return frames

    def draw(self, mixture: Mixture, gumbel: Tensor, normal: Tensor, temperature: Tensor) -> Tensor:
        """Draw the last forecast of a distribution: gumbel (B, K), normal (B, F, D), temperature (1,) -> (B, F, D), within range."""
        frames = draw(mixture, gumbel, self.noise_shape.colour(normal), temperature)
        return torch.minimum(torch.maximum(frames, self.lowest), self.highest)

    def noise(self, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return gumbel (B, K) and normal (B, F, D) noise for one draw."""
        gumbel = -torch.empty(batch, self.components).exponential_(generator=generator).log()
        return gumbel, torch.randn(batch, self.forecast_frames, self.descriptors, generator=generator)

    def clipped(self, mixture: Mixture) -> Tensor:
        """Return the expected frames of the last forecast, (B, F, D), within the range of the training frames."""
        return torch.minimum(torch.maximum(expected_frames(mixture)[:, -1], self.lowest), self.highest)


def _unfitted(descriptors: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fit = white_fit(descriptors)
    return fit.sigma, fit.cholesky
