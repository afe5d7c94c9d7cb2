"""Whether a sequencer's samples are as various as the sound: neither flat, as the seed's regressors were, nor wild.

It knows neither files nor models: anything with `forecast` can be judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.evaluation.linear_predictor import LinearPredictor
from training.horizon_scores import HORIZONS, Origin, batches, choose_origins

__all__ = ["Drawing", "SpreadScores", "crps", "energy_score", "spread_scores"]

Frames = NDArray[np.float32]
Wide = NDArray[np.float64]

SAMPLES = 16
ORIGINS = 64
TINY = 1e-12


class Drawing(Protocol):
    """A model that can draw how it might go on: `SequencerModel` is one."""

    def forecast(self, history: Tensor, steps: int, temperature: float, generator: torch.Generator) -> Tensor:
        """Return one draw of the next frames, (B, steps, D), after each history (B, S, D), z-score units."""
        ...


@dataclass(frozen=True, eq=False)
class SpreadScores:
    """How samples at temperature 1 lie about the truth, per horizon.

    Attributes
    ----------
    horizons : tuple of int
    spread_over_error : float64 array, shape (H,)
        Spread of the samples over the error of their mean: 1 is right, near 0 is sure of itself without reason, above 1 is too wild.
    crps : dict, "model", "linear" or "repeat" -> float64 array, shape (H,)
        Continuous ranked probability score, z-score units: smaller is better. Of a single guess it is the absolute error.
    energy : dict, same keys -> float64 array, shape (H,)
        Energy score of whole frames over the root of their size.
    movement : float or None
        How much sampled trajectories move over time, over how much the held-out sound does over the same stretches. None where no clip is
        long enough.
    flat : float or None
        The same of the expected trajectories: they are flatter than any sound and no fault.
    samples, origins : int
    """

    horizons: tuple[int, ...]
    spread_over_error: Wide
    crps: dict[str, Wide]
    energy: dict[str, Wide]
    movement: float | None
    flat: float | None
    samples: int
    origins: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "horizons": list(self.horizons),
            "spread_over_error": self.spread_over_error.tolist(),
            "crps": {who: values.tolist() for who, values in self.crps.items()},
            "energy": {who: values.tolist() for who, values in self.energy.items()},
            "movement": self.movement,
            "expected_movement": self.flat,
            "samples": self.samples,
            "origins": self.origins,
        }


def crps(samples: Frames, truth: Frames) -> Wide:
    """Return the score of each value of some frames.

    Parameters
    ----------
    samples : float32 array, shape (N, ..., D)
    truth : float32 array, shape (..., D)

    Returns
    -------
    float64 array, shape (..., D)

    Source
    ------
    Gneiting and Raftery 2007, equation 21, in the form that is fair to a few samples (Ferro 2014): pairs of different samples only.
    """
    wide = np.sort(samples.astype(np.float64), axis=0)
    count = len(wide)
    score = np.abs(wide - truth).mean(0)
    if count > 1:
        # The sum of all |x_i - x_j| from sorted values: each is the larger of (rank) pairs and the smaller of the rest.
        weight = (2.0 * np.arange(count) - (count - 1)).reshape(-1, *(1,) * (wide.ndim - 1))
        score -= (weight * wide).sum(0) / (count * (count - 1))
    return score


def energy_score(samples: Frames, truth: Frames) -> Wide:
    """Return the score of each frame, over the root of the number of descriptors.

    Parameters
    ----------
    samples : float32 array, shape (N, ..., D)
    truth : float32 array, shape (..., D)

    Returns
    -------
    float64 array, shape (...)

    Source
    ------
    Gneiting and Raftery 2007, equation 22 with exponent 1, pairs of different samples only.
    """
    wide = samples.astype(np.float64)
    count = len(wide)
    score = np.linalg.norm(wide - truth, axis=-1).mean(0)
    if count > 1:
        pairs = np.zeros_like(score)
        for first in range(count - 1):
            pairs += np.linalg.norm(wide[first + 1 :] - wide[first], axis=-1).sum(0)
        score -= pairs / (count * (count - 1))
    return score / np.sqrt(truth.shape[-1])


def spread_scores(
    model: Drawing,
    held_out: Sequence[Frames],
    linear: LinearPredictor,
    *,
    context: int,
    horizons: Sequence[int] = HORIZONS,
    samples: int = SAMPLES,
    most_origins: int = ORIGINS,
    seed: int = 0,
) -> SpreadScores:
    """Draw from a model after held-out histories and hold the draws against what came.

    Parameters
    ----------
    model : Drawing
        With `expected` too.
    held_out : sequence of float32 array, shape (S, D), z-score units
    linear : LinearPredictor
        Draws beside it, with the errors it had in training.
    context : int
    horizons : sequence of int
    samples : int
        Draws after each history; 2 or more.
    most_origins : int
    seed : int

    Raises
    ------
    ValueError
        No clip is long enough to judge a single step.
    """
    lengths = [len(clip) for clip in held_out]
    steps, origins = _reaching(lengths, context, horizons, most_origins)
    horizons = tuple(horizon for horizon in horizons if horizon <= steps)
    generator, random = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    drawn: dict[str, list[Frames]] = {"model": [], "linear": [], "repeat": []}
    truth, expected = [], []
    for part, history in batches(held_out, origins):
        past = torch.from_numpy(history)
        with torch.inference_mode():
            # All draws of all histories at once: the model's cost is in its steps.
            made = model.forecast(past.repeat(samples, 1, 1), steps, 1.0, generator).cpu().numpy()
            expected.append(model.expected(past, steps).cpu().numpy())  # type: ignore[attr-defined]
        drawn["model"].append(made.reshape(samples, len(part), steps, -1))
        drawn["linear"].append(linear.sample(np.tile(history, (samples, 1, 1)), steps, random).reshape(samples, len(part), steps, -1))
        drawn["repeat"].append(np.repeat(history[None, :, -1:], steps, axis=2))
        truth.append(np.stack([held_out[origin.clip][origin.row : origin.row + steps] for origin in part]))
    real, mean_path = np.concatenate(truth), np.concatenate(expected)  # (O, steps, D)
    columns = [horizon - 1 for horizon in horizons]
    at = {who: np.concatenate(parts, axis=1)[:, :, columns] for who, parts in drawn.items()}  # (N, O, H, D)
    target = real[:, columns]
    model_at = at["model"].astype(np.float64)
    variance = model_at.var(0, ddof=1).mean((0, 2))
    error = np.square(model_at.mean(0) - target).mean((0, 2))
    # The mean of N samples strays by itself: a perfect ensemble has an error of (1 + 1/N) times its variance.
    spread = np.sqrt((1.0 + 1.0 / samples) * variance / np.maximum(error, TINY))
    paths = np.concatenate(drawn["model"], axis=1)
    return SpreadScores(
        horizons,
        spread,
        {who: crps(values, target).mean((0, 2)) for who, values in at.items()},
        {who: energy_score(values, target).mean(0) for who, values in at.items()},
        _movement(paths, real),
        _movement(mean_path[None], real),
        samples,
        len(origins),
    )


def _reaching(lengths: Sequence[int], context: int, horizons: Sequence[int], most: int) -> tuple[int, list[Origin]]:
    """Return the longest horizon that some clip has after its origin, and the origins with as much sound after them."""
    everywhere, _ = choose_origins(lengths, context, sum(lengths) + 1)
    room = max((lengths[origin.clip] - origin.row for origin in everywhere), default=0)
    fitting = [horizon for horizon in horizons if horizon <= room]
    if not fitting:
        raise ValueError("no held-out clip is long enough to hold samples against")
    steps = max(fitting)
    reaching = [origin for origin in everywhere if lengths[origin.clip] - origin.row >= steps]
    chosen = np.unique(np.linspace(0, len(reaching) - 1, min(most, len(reaching))).round().astype(int))
    return steps, [reaching[index] for index in chosen]


def _movement(paths: Frames, real: Frames) -> float | None:
    """Return the root of the ratio of variances over time, each a mean over descriptors and origins."""
    if real.shape[1] < 2:
        return None
    heard = float(real.astype(np.float64).var(axis=1).mean())
    return float(np.sqrt(float(paths.astype(np.float64).var(axis=2).mean()) / max(heard, TINY)))
