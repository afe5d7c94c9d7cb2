"""What a mosaic asks its corpus for: a row of descriptors and attributes, made from a predicted frame and the performer's offsets.

It knows z-scores, not units that sound or controls by name. A row has C = D + 3 columns: descriptors, then loudness, brightness, noisiness.
"""

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import ATTRIBUTES, GROUPS, DescriptorSpec
from realtime.kernels.views import Floats
from realtime.voices.corpus import UnitCorpus

ATTRIBUTE_WEIGHT = 12.0
"""An attribute that is asked for counts as much as a dozen descriptors: it is what the performer turned."""
EXPECTED_LIMIT = 2.0
RIDGE = 0.1
"""Share of the variance added to each descriptor in the regression: a sampled frame has noise in directions the corpus never varies in."""
SAMPLE_UNITS = 50_000
"""Units the regression is learned from at most: more change nothing in the third decimal and take the loading of a large corpus seconds."""


class MosaicTarget:
    """Makes rows to search for.

    Parameters
    ----------
    corpus : UnitCorpus
    mean, std : float32 array, shape (C,)
        The z-score of the rows.
    weights : float32 array, shape (D,)
        Of the descriptors' columns, before any control.

    Attributes
    ----------
    rows : float32 array, shape (N, C)
        The corpus in z-scores.
    weights : float32 array, shape (C,)
        Of all columns, before any control.
    group : int64 array, shape (C,)
        Which of `GROUPS` each column belongs to.

    Thread
    ------
    The deck's. `fill`, `offset` and `weigh` allocate little and nothing that stays.
    """

    def __init__(self, corpus: UnitCorpus, mean: Floats, std: Floats, weights: Floats) -> None:
        self.mean, self.std = mean, std
        # In place: of a million units every copy is 170 MB.
        self.rows: Floats = np.ascontiguousarray(corpus.described(), np.float32)
        self.rows -= mean
        self.rows /= std
        self._size = corpus.descriptors.shape[1]
        self.weights: Floats = np.concatenate([weights, np.full(len(ATTRIBUTES), ATTRIBUTE_WEIGHT, np.float32)]).astype(np.float32)
        self.group = column_groups(corpus.spec)
        step = -(-len(self.rows) // SAMPLE_UNITS)
        sample = self.rows[::step]
        described, attributes = sample[:, : self._size], sample[:, self._size :]
        # What the attributes of a predicted frame would be: their regression on its descriptors.
        self._expect = _regression(described, attributes)  # (D + 1, 3)
        # An offset moves the target by what usually goes with its attribute: the slope of every column on that attribute alone. (On all
        # attributes at once, two that go together in this corpus would ask for frames it has never had.)
        self._slope = (attributes.T @ sample / np.maximum((attributes**2).sum(axis=0), 1e-6)[:, None]).astype(np.float32)  # (3, C)

    def offset(self, attributes: Floats, out: Floats) -> None:
        """Write what attribute offsets, shape (3,), add to each column, into `out`, shape (C,)."""
        np.matmul(attributes, self._slope, out=out)

    def fill(self, frame: Floats, out: Floats) -> None:
        """Write the row for a frame, shape (D,): itself, and the attributes that would go with it."""
        size = self._size
        out[:size] = frame
        np.clip(frame @ self._expect[:-1] + self._expect[-1], -EXPECTED_LIMIT, EXPECTED_LIMIT, out=out[size:])

    def weigh(self, groups: Floats, follow: float, out: Floats) -> None:
        """Write the weight of each column into `out`, shape (C,), from the performer's of each group, shape (len(GROUPS),).

        What is followed is as it is, in every column: an attribute then counts like any other.
        """
        np.multiply(self.weights, groups[self.group], out=out)
        out[self._size :] *= np.float32(1.0 + follow * (1.0 / ATTRIBUTE_WEIGHT - 1.0))


def column_groups(spec: DescriptorSpec) -> NDArray[np.int64]:
    """Which of `GROUPS` each of the C columns belongs to; the attributes to the groups of their names."""
    names = [spec.group_of(name) for name in spec.names]
    return np.array([GROUPS.index(name) for name in (*names, *ATTRIBUTES)], np.int64)


def _regression(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ridge regression with a bias as last row, shape (source columns + 1, target columns)."""
    padded = np.hstack([source, np.ones((len(source), 1), np.float32)]).astype(np.float64)
    ridge = RIDGE * len(source) * np.eye(padded.shape[1])
    ridge[-1, -1] = 0.0
    return np.asarray(np.linalg.solve(padded.T @ padded + ridge, padded.T @ target.astype(np.float64)), np.float32)
