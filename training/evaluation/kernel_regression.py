"""Kernel ridge regression that chooses its own dials; it does not know what its numbers are of.

Small data sets of many features want little to tune: a Gaussian kernel, whose width, penalty and number of features are those with the
least error when each group of examples is left out in turn. The left-out error needs no refit (it follows from the inverse).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["KernelRegression", "fit_kernel_regression", "folds_of"]

Array = NDArray[np.float64]
SCREENS = (20, 60, None)
WIDTHS = (0.5, 1.0, 2.0, 4.0)
PENALTIES = np.geomspace(1e-4, 1.0, 7)
# In standard deviations: how far beyond the examples a feature may lie before it is taken for the nearest example's.
MARGIN = 0.5


@dataclass(frozen=True, eq=False)
class KernelRegression:
    """A fitted regression.

    Attributes
    ----------
    columns : int array, shape (F,)
        The features it looks at.
    mean, scale, low, high : float64 arrays, shape (F,)
        Statistics of the examples; what lies outside `low`..`high` is brought back to the edge, so that an odd sound is judged by its
        likeness to real ones and not by how far the fit can be stretched.
    examples : float64 array, shape (N, F)
    weights : float64 array, shape (N, Y)
    offset : float64 array, shape (Y,)
    reach : float
        Twice the squared width of the kernel.
    left_out_error : float
        Mean squared error with each group left out.
    """

    columns: NDArray[np.int64]
    mean: Array
    scale: Array
    low: Array
    high: Array
    examples: Array
    weights: Array
    offset: Array
    reach: float
    left_out_error: float

    def predict(self, features: Array) -> Array:
        """Return the predictions, shape (M, Y), for features of shape (M, all features)."""
        scaled = np.clip((features[:, self.columns] - self.mean) / self.scale, self.low, self.high)
        return np.exp(-_distances(scaled, self.examples) / self.reach) @ self.weights + self.offset


def fit_kernel_regression(
    features: Array, targets: Array, groups: NDArray[np.int64], screens: tuple[int | None, ...] = SCREENS
) -> KernelRegression:
    """Fit a regression and choose its dials.

    Parameters
    ----------
    features : float64 array, shape (N, F)
    targets : float64 array, shape (N, Y)
    groups : int array, shape (N,)
        Examples of one group (pieces of one recording) are left out together.
    screens : tuple of int or None
        How many features to try, those first whose ranks follow a target best; None is all.

    Returns
    -------
    KernelRegression

    Source
    ------
    Leave-one-group-out from the inverse: Rifkin and Lippert 2007, Notes on regularized least squares, section 4, for blocks.
    """
    mean, scale = np.mean(features, axis=0), np.std(features, axis=0)
    # What never changes among the examples tells nothing, and divided by its own spread would shout.
    useful = np.flatnonzero(scale > 1e-9 * (1.0 + np.abs(mean)))
    order = useful[np.argsort(-_strength(features[:, useful], targets), kind="stable")]
    offset = np.mean(targets, axis=0)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    best = None
    for count in dict.fromkeys(len(order) if screen is None else min(screen, len(order)) for screen in screens):
        columns = order[:count]
        scaled = (features[:, columns] - mean[columns]) / scale[columns]
        distances = _distances(scaled, scaled)
        middle = float(np.median(distances)) or 1.0
        for width in WIDTHS:
            values, vectors = np.linalg.eigh(np.exp(-distances / (2.0 * middle * width)))
            for penalty in PENALTIES:
                inverse = (vectors / (np.maximum(values, 0.0) + penalty)) @ vectors.T
                weights = inverse @ (targets - offset)
                error = _left_out_error(inverse, weights, members)
                if best is None or error < best[0]:
                    best = (error, columns, scaled, weights, 2.0 * middle * width)
    error, columns, scaled, weights, reach = best
    low, high = np.min(scaled, axis=0) - MARGIN, np.max(scaled, axis=0) + MARGIN
    return KernelRegression(columns, mean[columns], scale[columns], low, high, scaled, weights, offset, reach, error)


def folds_of(count: int, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return for each of `count` things the fold it is in, of near equal sizes, in random order."""
    return rng.permutation(np.arange(count) % min(folds, count))


def _distances(a: Array, b: Array) -> Array:
    return np.maximum(0.0, np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None, :] - 2.0 * a @ b.T)


def _strength(features: Array, targets: Array) -> Array:
    """Return the greatest rank correlation of each feature with any target."""
    ranks = rankdata(features, axis=0)
    wanted = rankdata(targets, axis=0)
    ranks -= np.mean(ranks, axis=0)
    wanted -= np.mean(wanted, axis=0)
    size = np.linalg.norm(ranks, axis=0)[:, None] * np.linalg.norm(wanted, axis=0)[None, :] + 1e-12
    return np.max(np.abs(ranks.T @ wanted / size), axis=1)


def _left_out_error(inverse: Array, weights: Array, members: list[NDArray[np.int64]]) -> float:
    if len(members) == len(inverse):
        return float(np.mean(np.square(weights / np.diag(inverse)[:, None])))
    total = sum(float(np.sum(np.square(np.linalg.solve(inverse[np.ix_(rows, rows)], weights[rows])))) for rows in members)
    return total / weights.size
