"""How good a sequencer is on held-out frames, beside two guesses that need no model, and whether its samples stay alive.

It does not know files or the trainer.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.evaluation.linear_predictor import fit_linear
from training.horizon_scores import horizon_scores
from training.sequencer import LOG_SIGMA_FLOOR, Mixture, NoiseShape, expected_frames, nll
from training.sequencers.model import Batch, SequencerModel

FREE_RUN_SECONDS = 10.0
# Frames a free run listens to before it goes on alone: 1.5 s, more than a sequencer needs to find out where it is.
PRIME_ROWS = 64
# Clips primed side by side; more would not change the mean in the second decimal.
FREE_RUN_CLIPS = 16
RATIO_HORIZONS = range(1, 9)
# Moments predicted from at the end of a training. The report takes more.
RATIO_ORIGINS = 400
SIGMA_FLOOR = math.exp(LOG_SIGMA_FLOOR)

Array = NDArray[np.float32]


@dataclass
class Errors:
    """Sums over forecasts, from which every score follows.

    Owner
    -----
    One caller; `add` batch by batch, then read the properties.

    Attributes
    ----------
    nll_sum : float, nats
    squared, frames : float64
        Squared errors of the expected frames, (F, D), and how many frames there were at each place of a forecast, (F,).
    """

    nll_sum: float = 0.0
    squared: Tensor | None = None
    frames: Tensor | None = None

    def add(self, mixture: Mixture, target: Tensor, real: Tensor, shape: NoiseShape) -> None:
        """Count one batch of forecasts: target (B, N, F, D), real (B, N, F) is 1 where the target is a frame and 0 where it fills up."""
        self.nll_sum += float(nll(mixture, target, real, shape).sum())
        squared = ((expected_frames(mixture) - target).square() * real.unsqueeze(-1)).sum((0, 1)).double().cpu()
        frames = real.sum((0, 1)).double().cpu()
        self.squared = squared if self.squared is None else self.squared + squared
        self.frames = frames if self.frames is None else self.frames + frames

    @property
    def nll(self) -> float:
        """Negative log likelihood, nats per descriptor value."""
        return self.nll_sum / float(self.frames.sum()) / self.squared.shape[-1]

    @property
    def mse(self) -> float:
        """Squared error of the expected frame per descriptor value, in z-score units, mean over all frames of the forecasts."""
        return float(self.squared.sum()) / float(self.frames.sum()) / self.squared.shape[-1]

    @property
    def first_mse(self) -> float:
        """The same of the first frame of each forecast."""
        return float(self.squared[0].mean() / self.frames[0])

    @property
    def gaussian_nll(self) -> float:
        """Negative log likelihood of independent errors of `residual_std`: what the mean head, which learns no spread, is judged by."""
        judged = self.frames > 0
        squared = self.squared[judged] / self.frames[judged].unsqueeze(-1)
        return gaussian_nll(squared.numpy(), self.residual_std[judged].double().numpy())

    @property
    def residual_std(self) -> Tensor:
        """Root of the squared error of each descriptor at each place of a forecast, (F, D) float32, at least a model's smallest spread."""
        # A forecast longer than every held-out clip: what was never judged is taken to be as bad as the worst that was.
        judged = self.frames > 0
        squared = self.squared[judged] / self.frames[judged].unsqueeze(-1)
        places = judged.nonzero().squeeze(-1)
        index = torch.bucketize(torch.arange(len(judged)), places).clamp(max=len(places) - 1)
        return squared[index].sqrt().clamp(min=SIGMA_FLOOR).float()


def gaussian_nll(squared_error: Array, sigma: Array) -> float:
    """Return the mean over descriptors of the NLL of normal errors of this mean square under this spread, in nats per value."""
    return float(np.mean(0.5 * np.log(2 * np.pi * sigma**2) + 0.5 * squared_error / sigma**2))


def baseline_scores(training: list[Array], held_out: list[Array], forecast: int = 1) -> dict[str, float]:
    """Return the scores of two guesses that need no model.

    ``repeat`` says the last frame again, ``mean`` says the training mean always; each with the spread its errors have in training.

    Parameters
    ----------
    training, held_out : list of float32 array, shape (S, D), z-score units
    forecast : int
        Frames that are guessed at once; the scores are means over them.

    Returns
    -------
    dict
        ``repeat_nll``, ``repeat_mse``, ``mean_nll``, ``mean_mse``, on the held-out frames a model predicts.
    """
    judged: dict[str, list[tuple[float, float]]] = {"repeat": [], "mean": []}
    longest = min(max(map(len, training)), max(map(len, held_out)))
    for ahead in range(1, min(forecast, longest - 1) + 1):
        steps = [[clip[ahead:] - clip[:-ahead] for clip in side if len(clip) > ahead] for side in (training, held_out)]
        values = [[clip[ahead:] for clip in side if len(clip) > ahead] for side in (training, held_out)]
        for name, sides in (("repeat", steps), ("mean", values)):
            seen, heard = (np.concatenate(side).astype(np.float64) for side in sides)
            sigma = np.maximum(np.sqrt(np.mean(seen**2, axis=0)), SIGMA_FLOOR)
            squared = np.mean(heard**2, axis=0)
            judged[name].append((gaussian_nll(squared, sigma), float(squared.mean())))
    means = {name: np.mean(scores, axis=0) for name, scores in judged.items()}
    return {f"{name}_{kind}": float(means[name][place]) for name in means for place, kind in enumerate(("nll", "mse"))}


@torch.no_grad()
def model_scores(
    model: SequencerModel, held_out: list[Array], batches: Iterable[Batch], seed: int, frames_per_second: float
) -> dict[str, float]:
    """Return a trained sequencer's scores on held-out frames.

    Parameters
    ----------
    model : SequencerModel
    held_out : list of float32 array, shape (S, D), z-score units
    batches : the same frames as `HeldOutBatches` cuts them
    seed : int
        Of the free runs.
    frames_per_second : float

    Returns
    -------
    dict
        ``validation_nll``, ``validation_mse``, ``one_step_error`` (root of the error of the very next frame, z-score units), and
        ``sample_std_ratio_t`` at the temperatures 1, 0.7 and 0: near 1 samples move as the held-out sound does, near 0 they are flat.
    """
    model.eval()
    errors = Errors()
    for frames, target, real in batches:
        errors.add(model(frames), target, real, model.noise_shape)
    likelihood = errors.gaussian_nll if model.head.head == "mean" else errors.nll
    scores = {"validation_nll": likelihood, "validation_mse": errors.mse, "one_step_error": math.sqrt(errors.first_mse)}
    for name, temperature in (("1", 1.0), ("07", 0.7), ("0", 0.0)):
        scores[f"sample_std_ratio_t{name}"] = sample_std_ratio(model, held_out, temperature, seed, frames_per_second)
    return scores


def sample_std_ratio(model: SequencerModel, held_out: list[Array], temperature: float, seed: int, frames_per_second: float) -> float:
    """Return how much free-running samples move, over how much the clips that primed them do.

    Parameters
    ----------
    model : SequencerModel
    held_out : list of float32 array, shape (S, D), z-score units
    temperature : float
    seed : int
    frames_per_second : float

    Returns
    -------
    float
        Root of the ratio of variances over time, each averaged over descriptors and clips: spread between clips does not count.
    """
    longest = sorted(held_out, key=len)[-FREE_RUN_CLIPS:]
    rows = min(PRIME_ROWS, len(longest[0]))
    prime = torch.from_numpy(np.stack([clip[:rows] for clip in longest]))
    samples = model.eval().forecast(prime, round(FREE_RUN_SECONDS * frames_per_second), temperature, torch.Generator().manual_seed(seed))
    heard = np.mean([clip.var(axis=0).mean() for clip in longest])
    return math.sqrt(float(samples.var(dim=1, correction=0).mean()) / max(float(heard), SIGMA_FLOOR**2))


def horizon_ratios(model: SequencerModel, training: list[Array], held_out: list[Array], names: Sequence[str]) -> dict[str, float]:
    """Return the squared error of a model over that of saying the last frame again, and over a linear predictor's, frame by frame ahead.

    Returns
    -------
    dict
        ``repeat_ratio_1`` .. ``repeat_ratio_8`` and ``linear_ratio_1`` .. ``linear_ratio_8``, as far as some held-out clip reaches.
    """
    judged = horizon_scores(
        model.eval(),
        held_out,
        fit_linear(training, PRIME_ROWS),
        names,
        context=PRIME_ROWS,
        horizons=RATIO_HORIZONS,
        most_origins=RATIO_ORIGINS,
    )
    return {
        f"{who}_ratio_{ahead}": float(ratio)
        for who in ("repeat", "linear")
        for ahead, ratio in zip(judged.horizons, judged.ratio[who], strict=True)
    }
