"""How good a sequencer is on held-out frames, beside two guesses that need no model, and whether its samples stay alive.

It does not know files or the trainer.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.descriptors import HOP_FRAMES, NAMES, SAMPLE_RATE_HZ
from training.sequencer import LOG_SIGMA_FLOOR, Mixture, Sequencer, expected_frame, nll_per_value

FREE_RUN_SECONDS = 10.0
# Frames a free run listens to before it goes on alone: 1.5 s, more than the LSTM needs to find out where it is.
PRIME_ROWS = 64
# Clips primed side by side; more would not change the mean in the second decimal.
FREE_RUN_CLIPS = 16
SIGMA_FLOOR = math.exp(LOG_SIGMA_FLOOR)

Array = NDArray[np.float32]


@dataclass
class Errors:
    """Sums over predicted frames, from which every score follows.

    Owner
    -----
    One caller; `add` batch by batch, then read the properties.
    """

    frames: float = 0.0
    nll_sum: float = 0.0
    squared: Tensor = field(default_factory=lambda: torch.zeros(len(NAMES), dtype=torch.float64))

    def add(self, mixture: Mixture, target: Tensor, real: Tensor) -> None:
        """Count one batch: target (B, S, 39), real (B, S) is 1 where the target is a frame and 0 where it fills up."""
        self.frames += float(real.sum())
        self.nll_sum += float((nll_per_value(mixture, target) * real).sum())
        squared = (expected_frame(mixture) - target).square() * real.unsqueeze(-1)
        self.squared += squared.sum((0, 1)).double().cpu()

    @property
    def nll(self) -> float:
        """Negative log likelihood, nats per descriptor value."""
        return self.nll_sum / self.frames

    @property
    def mse(self) -> float:
        """Squared error of the expected frame per descriptor value, in z-score units."""
        return float(self.squared.mean()) / self.frames

    @property
    def residual_std(self) -> Tensor:
        """Root of the squared error of each descriptor, (39,) float32, at least the model's smallest spread."""
        return (self.squared / self.frames).sqrt().clamp(min=SIGMA_FLOOR).float()


def gaussian_nll(squared_error: Array, sigma: Array) -> float:
    """Return the mean over descriptors of the NLL of normal errors of this mean square under this spread, in nats per value."""
    return float(np.mean(0.5 * np.log(2 * np.pi * sigma**2) + 0.5 * squared_error / sigma**2))


def baseline_scores(training: list[Array], held_out: list[Array]) -> dict[str, float]:
    """Return the scores of two guesses that need no model.

    ``repeat`` says the last frame again, ``mean`` says the training mean always; each with the spread its errors have in training.

    Parameters
    ----------
    training, held_out : list of float32 array, shape (S, 39), z-score units

    Returns
    -------
    dict
        ``repeat_nll``, ``repeat_mse``, ``mean_nll``, ``mean_mse``, on the held-out frames a model predicts.
    """
    steps = [np.concatenate([np.diff(clip, axis=0) for clip in side]).astype(np.float64) for side in (training, held_out)]
    values = [np.concatenate([clip[1:] for clip in side]).astype(np.float64) for side in (training, held_out)]
    scores = {}
    for name, (seen, judged) in {"repeat": steps, "mean": values}.items():
        sigma = np.maximum(np.sqrt(np.mean(seen**2, axis=0)), SIGMA_FLOOR)
        squared = np.mean(judged**2, axis=0)
        scores[f"{name}_nll"] = gaussian_nll(squared, sigma)
        scores[f"{name}_mse"] = float(squared.mean())
    return scores


def model_scores(
    sequencer: Sequencer, held_out: list[Array], batches: Iterable[tuple[Tensor, Tensor, Tensor]], seed: int
) -> dict[str, float]:
    """Return a trained sequencer's scores on held-out frames.

    Parameters
    ----------
    sequencer : Sequencer
    held_out : list of float32 array, shape (S, 39), z-score units
    batches : the same frames as `HeldOutBatches` cuts them
    seed : int
        Of the free runs.

    Returns
    -------
    dict
        ``validation_nll``, ``validation_mse``, ``one_step_error`` (root of the latter, z-score units), and ``sample_std_ratio_t`` at the
        temperatures 1, 0.7 and 0: near 1 samples move as the held-out sound does, near 0 they are flat.
    """
    sequencer.eval()
    errors = Errors()
    with torch.no_grad():
        for frames, target, real in batches:
            errors.add(sequencer(frames)[0], target, real)
    scores = {"validation_nll": errors.nll, "validation_mse": errors.mse, "one_step_error": math.sqrt(errors.mse)}
    for name, temperature in (("1", 1.0), ("07", 0.7), ("0", 0.0)):
        scores[f"sample_std_ratio_t{name}"] = sample_std_ratio(sequencer, held_out, temperature, seed)
    return scores


def sample_std_ratio(sequencer: Sequencer, held_out: list[Array], temperature: float, seed: int) -> float:
    """Return how much free-running samples move, over how much the clips that primed them do.

    Parameters
    ----------
    sequencer : Sequencer
    held_out : list of float32 array, shape (S, 39), z-score units
    temperature : float
    seed : int

    Returns
    -------
    float
        Root of the ratio of variances over time, each averaged over descriptors and clips: spread between clips does not count.
    """
    longest = sorted(held_out, key=len)[-FREE_RUN_CLIPS:]
    rows = min(PRIME_ROWS, len(longest[0]))
    prime = torch.from_numpy(np.stack([clip[:rows] for clip in longest]))
    steps = round(FREE_RUN_SECONDS * SAMPLE_RATE_HZ / HOP_FRAMES)
    samples = free_run(sequencer, prime, steps, temperature, torch.Generator().manual_seed(seed))
    heard = np.mean([clip.var(axis=0).mean() for clip in longest])
    return math.sqrt(float(samples.var(dim=1, correction=0).mean()) / max(float(heard), SIGMA_FLOOR**2))


@torch.no_grad()
def free_run(sequencer: Sequencer, prime: Tensor, steps: int, temperature: float, random: torch.Generator) -> Tensor:
    """Let a sequencer hear some frames and then feed on its own draws.

    Parameters
    ----------
    sequencer : Sequencer
    prime : float32, shape (B, P, 39), z-score units
    steps : int
    temperature : float
    random : torch.Generator

    Returns
    -------
    float32, shape (B, steps, 39), z-score units
    """
    sequencer.eval()
    batch = prime.shape[0]
    heat = torch.tensor([temperature])
    mixture, state = sequencer(prime)
    drawn = []
    for _ in range(steps):
        gumbel = -torch.empty(batch, sequencer.components).exponential_(generator=random).log()
        normal = torch.randn(batch, len(NAMES), generator=random)
        drawn.append(sequencer.draw(mixture, gumbel, normal, heat))
        mixture, state = sequencer(drawn[-1].unsqueeze(1), state)
    return torch.stack(drawn, dim=1)
