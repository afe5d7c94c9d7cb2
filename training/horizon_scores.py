"""How far ahead a sequencer sees: its error at each horizon on held-out files, beside guesses that need no model.

It knows neither files nor models: anything with `expected` can be judged. What a sample should look like is `evaluation.sequencer_spread`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.evaluation.linear_predictor import LinearPredictor

__all__ = ["BASELINES", "HORIZONS", "Expecting", "HorizonScores", "Origin", "choose_origins", "group_columns", "horizon_scores"]

Frames = NDArray[np.float32]
Wide = NDArray[np.float64]

HORIZONS = (1, 2, 3, 4, 5, 6, 7, 8, 16, 32)
"""Steps ahead: each of the first eight, and two that show where memory ends. 32 steps are 0.74 s."""
BASELINES = ("repeat", "linear", "mean")
"""The last frame again; a linear predictor; the training mean always."""
ORIGINS = 2000
BATCH = 64
RESAMPLES = 2000
SURE = (2.5, 97.5)
NUMBERED = re.compile(r"(mfcc|delta|delta_delta)\d+")


class Expecting(Protocol):
    """A model that can say what it expects: `SequencerModel` is one."""

    def expected(self, history: Tensor, steps: int) -> Tensor:
        """Return the expected next frames, (B, steps, D), after histories (B, S, D), z-score units."""
        ...


@dataclass(frozen=True)
class Origin:
    """A moment to predict from: the index of the clip, and the rows of it that are known, `first` .. `row` - 1."""

    clip: int
    first: int
    row: int


@dataclass(frozen=True, eq=False)
class HorizonScores:
    """Errors per horizon on held-out clips, z-score units squared per descriptor value.

    Attributes
    ----------
    horizons : tuple of int, those of `HORIZONS` that some clip is long enough for
    mse : dict, "model" or one of `BASELINES` -> float64 array, shape (H,)
    ratio : dict, baseline -> float64 array, shape (H,), the model's error over the baseline's; below 1 the model is better
    interval : dict, baseline -> float64 array, shape (H, 2), or None
        Range that holds 95 % of the ratios when the clips are drawn again with replacement. None where there is only one clip.
    groups : dict, group -> who -> float64 array, shape (H,)
    clips : int, clips judged
    origins, possible : int, moments predicted from, and how many there are in the clips
    counted : tuple of int, predictions judged at each horizon
    context : int, frames of history at most
    """

    horizons: tuple[int, ...]
    mse: dict[str, Wide]
    ratio: dict[str, Wide]
    interval: dict[str, Wide] | None
    groups: dict[str, dict[str, Wide]]
    clips: int
    origins: int
    possible: int
    counted: tuple[int, ...]
    context: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "horizons": list(self.horizons),
            "mse": {who: values.tolist() for who, values in self.mse.items()},
            "ratio": {who: values.tolist() for who, values in self.ratio.items()},
            "interval": None if self.interval is None else {who: values.tolist() for who, values in self.interval.items()},
            "groups": {name: {who: values.tolist() for who, values in group.items()} for name, group in self.groups.items()},
            "clips": self.clips,
            "origins": self.origins,
            "possible_origins": self.possible,
            "predictions": list(self.counted),
            "context": self.context,
        }


def group_columns(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns of each group of descriptors: mfcc, delta, delta_delta together, any other alone."""
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        numbered = NUMBERED.fullmatch(name)
        groups.setdefault(numbered[1] if numbered else name, []).append(column)
    return groups


def choose_origins(lengths: Sequence[int], context: int, most: int) -> tuple[list[Origin], int]:
    """Return moments to predict from, spread evenly over all clips, and how many there would be.

    Parameters
    ----------
    lengths : sequence of int
        Rows of each clip.
    context : int
        Rows of history. A clip shorter than twice that is predicted from its middle on, with what history there is.
    most : int

    Returns
    -------
    list of Origin
        In the order of the clips.
    int
    """
    places = []
    for clip, rows in enumerate(lengths):
        known = min(context, max(1, rows // 2))
        places += [Origin(clip, row - known, row) for row in range(known, rows)]
    if len(places) <= most:
        return places, len(places)
    chosen = np.linspace(0, len(places) - 1, most).round().astype(int)
    return [places[index] for index in chosen], len(places)


def batches(held_out: Sequence[Frames], origins: Sequence[Origin], size: int = BATCH) -> Iterator[tuple[list[Origin], Frames]]:
    """Yield origins with histories of one length, and these histories (B, S, D)."""
    by_length: dict[int, list[Origin]] = {}
    for origin in origins:
        by_length.setdefault(origin.row - origin.first, []).append(origin)
    for same in by_length.values():
        for first in range(0, len(same), size):
            part = same[first : first + size]
            yield part, np.stack([held_out[origin.clip][origin.first : origin.row] for origin in part])


def horizon_scores(
    model: Expecting,
    held_out: Sequence[Frames],
    linear: LinearPredictor,
    names: Sequence[str],
    *,
    context: int,
    horizons: Sequence[int] = HORIZONS,
    most_origins: int = ORIGINS,
    seed: int = 0,
    progress: Callable[[int], object] = lambda count: None,
) -> HorizonScores:
    """Judge a model's expected trajectories at each horizon.

    Parameters
    ----------
    model : Expecting
    held_out : sequence of float32 array, shape (S, D), z-score units
        One array a clip. No history and no target crosses from one to the next.
    linear : LinearPredictor
        Fitted on the training clips.
    names : sequence of str, length D
    context : int
        Frames of history that everyone gets.
    horizons : sequence of int
    most_origins : int
    seed : int
        Of the bootstrap.
    progress : callable
        Told how many more origins are done.

    Raises
    ------
    ValueError
        No clip has two frames.

    Source
    ------
    Interval: Efron 1979, percentile bootstrap over clips, as errors within one clip are not independent.
    """
    origins, possible = choose_origins([len(clip) for clip in held_out], context, most_origins)
    if not origins:
        raise ValueError("no held-out clip has a frame to predict from another")
    reach = max(len(held_out[origin.clip]) - origin.row for origin in origins)
    horizons = tuple(horizon for horizon in horizons if horizon <= reach)
    size, steps = len(names), horizons[-1]
    squared = {who: np.zeros((len(held_out), len(horizons), size)) for who in ("model", *BASELINES)}
    count = np.zeros((len(held_out), len(horizons)))
    for part, history in batches(held_out, origins):
        with torch.inference_mode():
            expected = model.expected(torch.from_numpy(history), steps).cpu().numpy()  # (B, steps, D)
        guesses = {
            "model": expected,
            "repeat": np.repeat(history[:, -1:], steps, axis=1),
            "linear": linear.expected(history, steps),
            "mean": np.zeros_like(expected),
        }
        for row, origin in enumerate(part):
            clip = held_out[origin.clip]
            for place, horizon in enumerate(horizons):
                at = origin.row + horizon - 1
                if at >= len(clip):
                    break
                count[origin.clip, place] += 1
                for who, guess in guesses.items():
                    squared[who][origin.clip, place] += np.square(guess[row, horizon - 1].astype(np.float64) - clip[at])
        progress(len(part))
    total = count.sum(0)  # (H,)
    mse = {who: values.sum(0).mean(-1) / total for who, values in squared.items()}
    groups = {
        name: {who: values[:, :, columns].sum(0).mean(-1) / total for who, values in squared.items()}
        for name, columns in group_columns(names).items()
    }
    ratio = {who: _ratio(mse["model"], mse[who]) for who in BASELINES}
    per_clip = {who: values.mean(-1) for who, values in squared.items()}  # (clips, H)
    judged = int((count[:, 0] > 0).sum())
    interval = {who: _interval(per_clip["model"], per_clip[who], seed) for who in BASELINES} if judged > 1 else None
    return HorizonScores(
        horizons, mse, ratio, interval, groups, judged, len(origins), possible, tuple(int(value) for value in total), context
    )


def _ratio(error: Wide, other: Wide) -> Wide:
    """Return error over error; where the other is perfect, 1 if so is this one, else a number that says "far worse"."""
    tiny = 1e-12
    return (error + tiny) / (other + tiny)


def _interval(error: Wide, other: Wide, seed: int) -> Wide:
    """Return the interval of the ratio of sums over clips, (H, 2)."""
    random = np.random.default_rng(seed)
    clips = len(error)
    drawn = random.multinomial(clips, np.full(clips, 1.0 / clips), size=RESAMPLES).astype(np.float64)  # (R, clips)
    ratios = _ratio(drawn @ error, drawn @ other)  # (R, H)
    return np.percentile(ratios, SURE, axis=0).T
