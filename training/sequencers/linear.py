"""What of a sound's next frames is linear: fitted once, in closed form, on the training frames. It knows no model and no gradient.

A row's derivatives look four hops ahead, so the rows heard so far already hold the next four cepstra, as the solution of a few linear
equations. A network finds that solution slowly and never quite; least squares finds it at once. What it leaves over, the *innovation* of
each frame, is strongly correlated between descriptors (four fifths of it is one movement seen by cepstrum, first and second derivative),
and noise that ignores this makes samples that no sound could have.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LinearFit", "fit_linear", "white_fit"]

# As if every input had this spread of noise on it: keeps the equations solvable where columns repeat each other. With less, cepstra leave
# next to no innovation, and a first window, whose frames do not fit together, counts as all but impossible: at 0.02 the held-out NLL of the
# TransformerModel on 27 clips was 2.7 nats, at 0.05 it was -1.1. With more, the very next frame is guessed worse: at 0.2 by a quarter.
INPUT_NOISE = 0.05
# Share of white noise in the innovations, so that their correlation has an inverse.
WHITE_SHARE = 0.02
# An innovation is at least so large beside the frames: digital silence predicts itself exactly.
SIGMA_FLOOR = 1e-3
# Largest growth per frame of a free run. Fitted on little sound, the growth can exceed 1 and a forecast would leave the numbers.
MAX_GROWTH = 0.999
# Frames after which an innovation is forgotten in a forecast's noise: 1.5 s.
MAX_LAGS = 64

Array = NDArray[np.float32]
Wide = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A linear predictor and what it leaves over.

    Attributes
    ----------
    weights : float64 array, shape (R, D, D)
        The next frame is the sum over i of ``weights[i] @ frame``, where frame 0 is the latest. R may be 0: nothing is linear.
    sigma : float64 array, shape (D,)
        Spread of the innovation of each descriptor, z-score units.
    cholesky : float64 array, shape (D, D)
        Lower triangular; times itself transposed it is the correlation of the innovations.
    """

    weights: Wide
    sigma: Wide
    cholesky: Wide

    def ahead(self, steps: int) -> Wide:
        """Return the predictor of each of the next frames, (steps, R, D, D): the one-step predictor fed with its own output."""
        order, size = self.weights.shape[:2]
        if order == 0:
            return np.zeros((steps, 0, size, size))
        # Row block 0 of the companion matrix makes the next frame, the others move the frames on by one place.
        companion = _companion(self.weights)
        power, out = np.eye(order * size), np.empty((steps, order, size, size))
        for step in range(steps):
            power = companion @ power
            out[step] = power[:size].reshape(size, order, size).transpose(1, 0, 2)
        return out

    def response(self, steps: int) -> Wide:
        """Return what white noise of one frame does to the frames from then on, (min(steps, 64), D, D), z-score units."""
        lags = min(steps, MAX_LAGS)
        innovation = self.sigma[:, None] * self.cholesky
        if len(self.weights) == 0:
            later = np.zeros((lags - 1, *innovation.shape))
        else:
            later = self.ahead(lags - 1)[:, 0] @ innovation
        return np.concatenate([innovation[None], later])

    def spread(self, steps: int) -> Wide:
        """Return the spread of the error of each of the next frames, (steps, D), z-score units."""
        variance = np.cumsum(np.square(self.response(steps)).sum(-1), axis=0)
        return np.sqrt(np.concatenate([variance, np.repeat(variance[-1:], steps - len(variance), axis=0)]))


def white_fit(descriptors: int) -> LinearFit:
    """Return the fit of a model that knows nothing: no prediction, innovations of spread 1 without correlation."""
    return LinearFit(np.zeros((0, descriptors, descriptors)), np.ones(descriptors), np.eye(descriptors))


def fit_linear(pieces: list[Array], order: int) -> LinearFit:
    """Fit a linear predictor by least squares.

    Parameters
    ----------
    pieces : list of float32 array, shape (S, D), z-score units
        Nothing is predicted across the end of a piece.
    order : int
        Frames looked back on. 0 fits nothing: `white_fit`.

    Returns
    -------
    LinearFit
        `white_fit`'s where no piece is longer than `order`.

    Source
    ------
    Vector autoregression by ridge regression: Hoerl & Kennard 1970; Lütkepohl 2005, "New Introduction to Multiple Time Series Analysis",
    section 3.2 (estimate) and 2.2 (forecast errors from the responses).
    """
    size = pieces[0].shape[1]
    usable = [piece for piece in pieces if len(piece) > order]
    if order == 0 or not usable:
        return white_fit(size)
    width = order * size
    gram, mixed, rows = np.zeros((width, width)), np.zeros((width, size)), 0
    for piece in usable:
        past, following = _past(piece, order)
        gram += past.T @ past
        mixed += past.T @ following
        rows += len(past)
    solved = np.linalg.solve(gram + rows * INPUT_NOISE**2 * np.eye(width), mixed)  # (R * D, D)
    weights = _tamed(solved.reshape(order, size, size).transpose(0, 2, 1))
    solved = weights.transpose(0, 2, 1).reshape(width, size)
    squared = np.zeros((size, size))
    for piece in usable:
        past, following = _past(piece, order)
        left = following - past @ solved
        squared += left.T @ left
    covariance = squared / rows
    sigma = np.maximum(np.sqrt(covariance.diagonal()), SIGMA_FLOOR)
    correlation = (1 - WHITE_SHARE) * covariance / np.outer(sigma, sigma)
    np.fill_diagonal(correlation, 1.0)
    return LinearFit(weights, sigma, np.linalg.cholesky(correlation))


def _past(piece: Array, order: int) -> tuple[Wide, Wide]:
    """Return the frames before each frame of a piece, latest first, (N, R * D), and these frames, (N, D)."""
    wide = piece.astype(np.float64)
    count = len(wide) - order
    return np.concatenate([wide[order - 1 - lag : order - 1 - lag + count] for lag in range(order)], axis=1), wide[order:]


def _companion(weights: Wide) -> Wide:
    order, size = weights.shape[:2]
    companion = np.eye(order * size, k=-size)
    companion[:size] = weights.transpose(1, 0, 2).reshape(size, order * size)
    return companion


def _tamed(weights: Wide) -> Wide:
    """Return the weights, slowed down so that no movement grows for ever by itself."""
    growth = np.abs(np.linalg.eigvals(_companion(weights))).max()
    if growth <= MAX_GROWTH:
        return weights
    # Dividing the weights of lag i by g^i divides every eigenvalue of the companion matrix by g.
    slower = (MAX_GROWTH / growth) ** np.arange(1, len(weights) + 1)
    return weights * slower[:, None, None]
