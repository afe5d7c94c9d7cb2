"""What a model has to beat: a linear predictor of descriptor frames, fitted on the frames the model learned from.

It does not know models, files or torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LinearPredictor", "fit_linear"]

Frames = NDArray[np.float32]
Wide = NDArray[np.float64]

ORDERS = (1, 2, 4, 8)
"""Frames looked back on that are tried. Eight are as far as a derivative of nine frames reaches."""
RIDGES = (1e-6, 1e-3, 1e-2)
"""Penalties that are tried, as a share of the mean square of the inputs."""
JUDGED_STEPS = 8
INNER_SHARE = 5
"""One clip in so many is kept back to choose by."""
JUDGED_ORIGINS = 2000


@dataclass(frozen=True, eq=False)
class LinearPredictor:
    """A vector autoregression, iterated: x[t+1] = c + A1 x[t] + … + Ap x[t-p+1].

    Attributes
    ----------
    weights : float64 array, shape (1 + p D, D)
        The constant, then the newest frame's matrix, then older ones'.
    noise : float64 array, shape (D, D)
        Lower triangle whose product with standard normal numbers has the covariance of the training's errors.
    lowest, highest : float64 array, shape (D,)
        Range of the training frames, which no prediction leaves, as no model's does.
    order : int
    ridge : float

    Source
    ------
    Lütkepohl 2005, *New Introduction to Multiple Time Series Analysis*, 2.1 and 3.2; ridge: Hoerl and Kennard 1970.
    """

    weights: Wide
    noise: Wide
    lowest: Wide
    highest: Wide
    order: int
    ridge: float

    def expected(self, history: Frames, steps: int) -> Frames:
        """Return the expected next frames, (B, steps, D), after histories (B, S, D)."""
        return self._run(history, steps, None)

    def sample(self, history: Frames, steps: int, random: np.random.Generator) -> Frames:
        """Return one draw of the next frames, (B, steps, D): each step with the training's own errors."""
        return self._run(history, steps, random)

    def _run(self, history: Frames, steps: int, random: np.random.Generator | None) -> Frames:
        batch, seen, size = history.shape
        past = np.empty((batch, self.order, size))  # newest first
        for back in range(self.order):
            # A history shorter than the order goes on as its first frame.
            past[:, back] = history[:, max(0, seen - 1 - back)]
        made = np.empty((batch, steps, size), dtype=np.float32)
        for step in range(steps):
            frame = self.weights[0] + past.reshape(batch, -1) @ self.weights[1:]
            if random is not None:
                frame += random.standard_normal((batch, size)) @ self.noise.T
            frame = np.clip(frame, self.lowest, self.highest)
            past[:, 1:] = past[:, :-1].copy()
            past[:, 0] = frame
            made[:, step] = frame
        return made


class _Sums:
    """What a regression needs to know of some clips: the products of lagged frames, for every order up to the longest."""

    def __init__(self, size: int, order: int) -> None:
        self.size = size
        self.order = order
        wide = 1 + order * size
        self.inputs = np.zeros((wide, wide))
        self.cross = np.zeros((wide, size))
        self.outputs = np.zeros((size, size))
        self.count = 0

    def add(self, clip: Frames) -> None:
        if len(clip) <= self.order:
            return
        frames = clip.astype(np.float64)
        columns = [np.ones((len(clip) - self.order, 1))]
        columns += [frames[self.order - 1 - back : len(clip) - 1 - back] for back in range(self.order)]
        lagged, target = np.concatenate(columns, axis=1), frames[self.order :]
        self.inputs += lagged.T @ lagged
        self.cross += lagged.T @ target
        self.outputs += target.T @ target
        self.count += len(target)

    def solve(self, order: int, ridge: float) -> tuple[Wide, Wide]:
        """Return weights and the covariance of their errors."""
        wide = 1 + order * self.size
        inputs, cross = self.inputs[:wide, :wide], self.cross[:wide]
        penalty = np.full(wide, ridge * np.trace(inputs[1:, 1:]) / (wide - 1) + 1e-12)
        penalty[0] = 1e-12  # the constant is no slope: it is not pulled towards 0
        weights = np.linalg.solve(inputs + np.diag(penalty), cross)
        errors = self.outputs - weights.T @ cross - cross.T @ weights + weights.T @ inputs @ weights
        return weights, errors / max(1, self.count)


def fit_linear(training: Sequence[Frames], longest: int) -> LinearPredictor:
    """Fit the predictor; order and ridge are those that predict best, iterated, on clips kept back from the training ones.

    Parameters
    ----------
    training : sequence of float32 array, shape (S, D)
        At least one of them with two frames.
    longest : int
        Frames of history that the model it stands beside gets: the order is not longer.

    Returns
    -------
    LinearPredictor
    """
    size = training[0].shape[1]
    frames = np.concatenate([np.asarray(clip, dtype=np.float64) for clip in training])
    lowest, highest = frames.min(0), frames.max(0)
    inner, kept = _inner_split(training)
    # All orders are fitted on the same frames, so the longest order must leave some of every ordinary clip.
    room = int(np.median([len(clip) for clip in inner])) // 2
    orders = [order for order in ORDERS if order <= min(longest, room)] or [1]
    sums = _Sums(size, orders[-1])
    for clip in inner:
        sums.add(clip)
    judged = _origins(kept, orders[-1])
    best = (np.inf, orders[0], RIDGES[-1])
    for order in orders:
        for ridge in RIDGES:
            tried = LinearPredictor(sums.solve(order, ridge)[0], np.zeros((size, size)), lowest, highest, order, ridge)
            best = min(best, (_judge(tried, *judged), order, ridge))
    whole = _Sums(size, orders[-1])
    for clip in training:
        whole.add(clip)
    weights, covariance = whole.solve(best[1], best[2])
    return LinearPredictor(weights, _root(covariance), lowest, highest, best[1], best[2])


def _inner_split(training: Sequence[Frames]) -> tuple[list[Frames], list[Frames]]:
    if len(training) > 1:
        every = min(INNER_SHARE, len(training))
        kept = list(training[every - 1 :: every])
        inner = [clip for index, clip in enumerate(training) if index % every != every - 1]
        if max(map(len, inner)) > 1 and max(map(len, kept)) > 1:
            return inner, kept
    # One clip: its end is kept back.
    cuts = [max(2, len(clip) - max(2, len(clip) // INNER_SHARE)) for clip in training]
    inner = [clip[:cut] for clip, cut in zip(training, cuts, strict=True)]
    kept = [clip[cut:] for clip, cut in zip(training, cuts, strict=True) if len(clip) - cut > 1]
    return inner, kept or inner


def _judge(predictor: LinearPredictor, histories: Frames, futures: Frames) -> float:
    """Return the mean squared error over the horizons, each as a mean of its own; futures that end early end in NaN."""
    squared = np.square(predictor.expected(histories, futures.shape[1]) - futures, dtype=np.float64).mean(-1)  # (O, steps)
    return float(np.mean(np.nanmean(squared[:, ~np.isnan(squared).all(0)], axis=0)))


def _origins(clips: Sequence[Frames], history: int) -> tuple[Frames, Frames]:
    """Return histories (O, history, D), short ones filled up with their first frame, and what came after each (O, steps, D)."""
    places = [(clip, row) for clip in clips for row in range(max(1, min(history, len(clip) - 1)), len(clip))]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), JUDGED_ORIGINS)).round().astype(int))
    size = clips[0].shape[1]
    histories = np.empty((len(chosen), history, size), dtype=np.float32)
    futures = np.full((len(chosen), JUDGED_STEPS, size), np.nan, dtype=np.float32)
    for place, index in enumerate(chosen):
        clip, row = places[index]
        histories[place] = clip[np.maximum(np.arange(row - history, row), 0)]
        future = clip[row : row + JUDGED_STEPS]
        futures[place, : len(future)] = future
    return histories, futures


def _root(covariance: Wide) -> Wide:
    """Return a square root of a covariance that rounding may have left a little negative."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2.0)
    return vectors * np.sqrt(np.maximum(values, 0.0))
