"""How far two sets of sounds are apart as a whole: the Fréchet distance of Gaussians fitted to their embeddings.

It does not know what the embedding hears.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

__all__ = ["Subspace", "fit_subspace", "frechet_distance", "matched_halves"]

Array = NDArray[np.float64]
LARGEST_SUBSPACE = 32
# Rows per dimension below which a covariance is mostly chance.
ROWS_PER_DIMENSION = 4


@dataclass(frozen=True, eq=False)
class Subspace:
    """Where real sounds differ most: mean and scale of each column, and the principal directions, shape (columns, dimensions)."""

    mean: Array
    scale: Array
    directions: Array

    def project(self, embeddings: Array) -> Array:
        """Return embeddings, shape (N, columns), in the subspace, shape (N, dimensions)."""
        return (embeddings - self.mean) / self.scale @ self.directions


def fit_subspace(embeddings: Array) -> Subspace:
    """Find the principal directions of standardised embeddings: at most 32, and few enough for their number of rows.

    A covariance of all columns needs far more sounds than anybody holds out.
    """
    mean = np.mean(embeddings, axis=0)
    scale = np.std(embeddings, axis=0) + 1e-9
    count = int(np.clip(len(embeddings) // ROWS_PER_DIMENSION, 1, LARGEST_SUBSPACE))
    _, _, directions = np.linalg.svd((embeddings - mean) / scale, full_matrices=False)
    return Subspace(mean, scale, directions[:count].T)


def frechet_distance(a: Array, b: Array) -> float:
    """Return the squared Fréchet distance of two sets, each taken for a Gaussian.

    Parameters
    ----------
    a, b : float64 arrays, shapes (N, D) and (M, D)

    Source
    ------
    |μa - μb|² + tr(Σa + Σb - 2 (Σa Σb)^½), Dowson and Landau 1982; for audio Kilgour et al. 2019.
    """
    difference = np.mean(a, axis=0) - np.mean(b, axis=0)
    one, other = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # The root of a product of two covariances by way of one's own root, which stays symmetric and real.
    values, vectors = linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    shared = np.sum(np.sqrt(np.maximum(linalg.eigvalsh(root @ other @ root), 0.0)))
    return float(max(0.0, difference @ difference + np.trace(one) + np.trace(other) - 2.0 * shared))


def matched_halves(values: Array, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part clips in two halves that are alike in their parameters: neighbours are paired, and one of each pair goes to either side.

    Parameters
    ----------
    values : float64 array, shape (clips, parameters), parameters in 0..1; no columns where nothing is known

    Returns
    -------
    int arrays, shape (clips // 2,) each
        Row i of one is the neighbour of row i of the other. An odd clip is left out.
    """
    order = rng.permutation(len(values))
    if values.shape[1] == 0:
        half = len(order) // 2
        return order[:half], order[half : 2 * half]
    left, first, second = list(order), [], []
    # From the edge inwards, so that no lonely extremes are left over to be paired with each other.
    centre = np.mean(values, axis=0)
    while len(left) > 1:
        here = max(left, key=lambda clip: float(np.sum(np.square(values[clip] - centre))))
        left.remove(here)
        near = min(left, key=lambda clip: float(np.sum(np.square(values[clip] - values[here]))))
        left.remove(near)
        pair = (here, near) if rng.uniform() < 0.5 else (near, here)
        first.append(pair[0])
        second.append(pair[1])
    return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)
