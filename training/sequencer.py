"""What every sequencer says: a mixture of forecasts. How it is made of a hidden state, scored, and drawn from.

It knows no architecture, no audio, no files and no optimiser. A *forecast* is F frames in a row: one for the models that say the next frame
(F = 1), many for those that say a stretch at once. One component is drawn per forecast, so a forecast is one path and no jumble of several.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.sequencers.linear import LinearFit, white_fit

__all__ = ["HEADS", "LOG_SIGMA_FLOOR", "Head", "Mixture", "NoiseShape", "draw", "expected_frames", "nll"]

HEADS = ("mixture", "mean")
# exp(-4) is a spread of 0.018 standard deviations. Digital silence repeats frames exactly; without a floor its density has no upper bound.
LOG_SIGMA_FLOOR = -4.0
# The weights of a new head are so much smaller than torch makes them: it starts near the linear predictor, with components that differ.
HEAD_SCALE = 0.1


class Mixture(NamedTuple):
    """The predicted distribution of each forecast: K components, each a path with a spread.

    Parameters
    ----------
    log_weight : float32, shape (B, S, K), log of probabilities that sum to 1
    mean : float32, shape (B, S, F, K, D), z-score units
    log_sigma : float32, shape (B, S, F, K, D), log of z-score units
    """

    log_weight: Tensor
    mean: Tensor
    log_sigma: Tensor


class NoiseShape(nn.Module):
    """How the error of a forecast hangs together, between descriptors and over its frames: standard normal in, such noise out, and back.

    Every descriptor of every frame that comes out has spread 1 for a standard normal input. The correlation is that of the linear
    predictor's errors: an innovation in one frame goes on in the next ones as the sound would. Held as buffers; nothing is learned.

    Parameters
    ----------
    descriptors : int, D
    order : int, R
        Frames the linear predictor looks back on.
    frames : int, F
    """

    def __init__(self, descriptors: int, order: int, frames: int):
        super().__init__()
        lags = len(white_fit(descriptors).response(frames))
        self.order = order
        self.frames = frames
        self.lags = lags
        for name, shape in {
            "response": (lags, descriptors, descriptors),
            "spread": (frames, descriptors),
            "sigma": (descriptors,),
            "whiten": (descriptors, descriptors),
            "weights": (order, descriptors, descriptors),
        }.items():
            self.register_buffer(name, torch.zeros(shape))
        self.log_volume: Tensor
        self.register_buffer("log_volume", torch.zeros(frames))
        white = white_fit(descriptors)
        self.set_fit(dataclasses.replace(white, weights=np.zeros((order, descriptors, descriptors))))

    def set_fit(self, fit: LinearFit) -> None:
        """Take the shape of a linear predictor's errors."""
        response, spread = (torch.from_numpy(part) for part in (fit.response(self.frames), fit.spread(self.frames)))
        whiten = torch.linalg.inv(torch.from_numpy(fit.cholesky))
        self.response.copy_(response)
        self.spread.copy_(spread)
        self.sigma.copy_(torch.from_numpy(fit.sigma))
        self.whiten.copy_(whiten)
        self.weights.copy_(torch.from_numpy(fit.weights))
        self.log_volume.copy_((spread.log() - torch.from_numpy(fit.sigma).log()).sum(-1) + whiten.diagonal().log().sum())

    def colour(self, normal: Tensor) -> Tensor:
        """Turn standard normal noise (B, F, D) into noise with the shape of an error, spread 1."""
        if self.frames == 1:
            return normal @ (self.response[0] / self.spread[0].unsqueeze(1)).T
        padded = functional.pad(normal.transpose(1, 2), (self.lags - 1, 0))  # (B, D, lags - 1 + F)
        kernel = self.response.permute(1, 2, 0).flip(-1)  # (D, D, lags)
        return functional.conv1d(padded, kernel).transpose(1, 2) / self.spread

    def log_density(self, noise: Tensor) -> Tensor:
        """Return the log density of each frame of noise (..., F, K, D) given the frames before it, (..., F, K)."""
        grown = noise * self.spread.unsqueeze(1)
        left = grown
        for lag in range(min(self.order, self.frames - 1)):
            # What an innovation `lag` + 1 frames ago does to this frame is known by now.
            earlier = functional.pad(grown, (0, 0, 0, 0, lag + 1, 0))[..., : self.frames, :, :]
            left = left - earlier @ self.weights[lag].T
        white = (left / self.sigma) @ self.whiten.T
        return -0.5 * white.square().sum(-1) - 0.5 * math.log(2 * math.pi) * white.shape[-1] + self.log_volume.unsqueeze(1)


class Head(nn.Module):
    """A hidden state, and what is linear, to a mixture of forecasts.

    Parameters
    ----------
    width : int
        Of the hidden state.
    descriptors : int, D
    frames : int, F
    components : int
        K of the mixture; the mean head has one.
    head : str
        ``mixture``, or ``mean``: one path and no spread of its own, learned by squared error as in the Descriptor Transformer.

    Owner
    -----
    Buffers: `residual_std` (F, D), the spread of the mean head's error, measured on held-out frames by the training; `start` (F, D), the
    spread a mixture starts from.
    """

    def __init__(self, width: int, descriptors: int, frames: int, components: int, head: str):
        super().__init__()
        self.head = head
        self.descriptors = descriptors
        self.components = components if head == "mixture" else 1
        per_component = 1 + 2 * descriptors if head == "mixture" else descriptors
        self.projection = nn.Linear(width, self.components * per_component)
        with torch.no_grad():
            self.projection.weight *= HEAD_SCALE
            self.projection.bias *= HEAD_SCALE
        self.residual_std: Tensor
        self.start: Tensor
        self.register_buffer("residual_std", torch.ones(frames, descriptors))
        self.register_buffer("start", torch.ones(frames, descriptors))

    def forward(self, hidden: Tensor, base: Tensor) -> Mixture:
        """Return the mixture of forecasts.

        Parameters
        ----------
        hidden : float32, shape (B, S, F, H)
        base : float32, shape (B, S, F, D)
            What the linear predictor says; every component's path is added to it.
        """
        size, count = self.descriptors, self.components
        projected = self.projection(hidden)  # (B, S, F, K * per_component)
        if self.head == "mean":
            mean = (base + projected).unsqueeze(-2)  # (B, S, F, 1, D)
            log_weight = mean[:, :, 0, :, 0] * 0.0
            return Mixture(log_weight, mean, self.residual_std.log().unsqueeze(-2).expand_as(mean))
        weight, path = projected.split([count, 2 * count * size], dim=-1)
        path, raw_sigma = path.unflatten(-1, (count, 2 * size)).chunk(2, dim=-1)  # (B, S, F, K, D) each
        # Softplus reaches the floor smoothly, so the gradient never stops there as it would at a clamp.
        log_sigma = LOG_SIGMA_FLOOR + functional.softplus(raw_sigma + self.start.log().unsqueeze(-2) - LOG_SIGMA_FLOOR)
        return Mixture(functional.log_softmax(weight.mean(2), dim=-1), base.unsqueeze(-2) + path, log_sigma)


def nll(mixture: Mixture, target: Tensor, real: Tensor, shape: NoiseShape) -> Tensor:
    """Return the negative log likelihood of each forecast.

    Parameters
    ----------
    mixture : Mixture of (B, S) forecasts
    target : float32, shape (B, S, F, D)
    real : float32, shape (B, S, F)
        1 where the target is a frame, 0 where it fills up after the last one.
    shape : NoiseShape

    Returns
    -------
    float32, shape (B, S), nats for all real frames of the forecast together

    Source
    ------
    Mixture density network: Bishop 1994, "Mixture Density Networks", equations 21 to 24, with a covariance of `shape` times the spreads.
    """
    noise = (target.unsqueeze(-2) - mixture.mean) * torch.exp(-mixture.log_sigma)  # (B, S, F, K, D)
    log_density = shape.log_density(noise) - mixture.log_sigma.sum(-1)  # (B, S, F, K)
    return -torch.logsumexp(mixture.log_weight + (log_density * real.unsqueeze(-1)).sum(2), dim=-1)


def expected_frames(mixture: Mixture) -> Tensor:
    """Return the mean of the whole distribution, (B, S, F, D): the guess with the least squared error."""
    return (mixture.log_weight.exp().unsqueeze(2).unsqueeze(-1) * mixture.mean).sum(-2)


def draw(mixture: Mixture, gumbel: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
    """Draw the last forecast of a distribution, with noise from outside.

    Parameters
    ----------
    mixture : Mixture of (B, S) forecasts
    gumbel : float32, shape (B, K), standard Gumbel noise
    noise : float32, shape (B, F, D), of spread 1: `NoiseShape.colour` makes it
    temperature : float32, shape (1,), 0 or more
        Multiplies both noises: at 0 the forecast is the mean of the likeliest component.

    Returns
    -------
    float32, shape (B, F, D), z-score units

    Source
    ------
    The index of the largest ``log p / t + gumbel`` is a draw from p sharpened by t (Gumbel 1954). Times t the order is the same,
    and t = 0 is allowed.
    """
    chosen = torch.argmax(mixture.log_weight[:, -1] + temperature * gumbel, dim=-1)  # (B,)
    frames, size = noise.shape[1:]
    pick = chosen.reshape(-1, 1, 1, 1).expand(-1, frames, 1, size)
    mean = mixture.mean[:, -1].gather(2, pick).squeeze(2)  # (B, F, D)
    sigma = mixture.log_sigma[:, -1].gather(2, pick).squeeze(2).exp()
    return mean + temperature * sigma * noise
