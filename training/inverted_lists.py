"""Lists of like units for a large corpus: which units the stage looks at together when it cannot look at all of them.

It knows rows of numbers, not what they describe, nor how the lists are searched (`realtime.voices.unit_search` does that).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.errors import StudioError

LISTS_ABOVE = 100_000
"""Units that a corpus must have for lists to be of use: the stage searches up to so many exactly (`unit_search.EXACT_LIMIT`)."""
LISTS_PER_ROOT = 4
"""Lists per square root of the number of units: a list then holds about a quarter of that root, FAISS's own guideline (wiki, "Guidelines to
choose an index")."""
SAMPLES_PER_LIST = 64
ITERATIONS = 10
_ASSIGNED_AT_ONCE = 65_536
_SEED_LIMIT = 2**31


class UnitRowsError(StudioError):
    """Rows of which no lists can be made."""

    exit_code = 2


class Ivf(NamedTuple):
    """Inverted lists of N units.

    centroids : float32 (L, C). list_start : int64 (L + 1,). order : int64 (N,): units `order[list_start[i] : list_start[i + 1]]` are
    nearest to centroid i, in ascending order.
    """

    centroids: NDArray[np.float32]
    list_start: NDArray[np.int64]
    order: NDArray[np.int64]


def train_lists(table: NDArray[np.float32], seed: int, *, lists: int | None = None, threads: int = 1) -> Ivf:
    """Group units by k-means.

    Parameters
    ----------
    table : float32 array, shape (N, C), finite; may be mapped to memory
        One row per unit, scaled as the columns usually weigh. It is read in pieces.
    seed : int, 0 or more
        Same rows, seed and threads: same lists.
    lists : int, optional
        How many; by default `LISTS_PER_ROOT` · √N.
    threads : int
        FAISS's, while this runs.

    Returns
    -------
    Ivf

    Raises
    ------
    UnitRowsError
        No rows, another type or shape, a value that is not finite, or more lists than rows.

    Source
    ------
    Sivic & Zisserman 2003, "Video Google"; k-means by FAISS, Douze et al. 2024, "The Faiss library".
    """
    # Local: FAISS takes half a second to import, which only large corpora pay.
    import faiss

    if not isinstance(table, np.ndarray) or table.dtype != np.float32 or table.ndim != 2 or 0 in table.shape:
        got = f"{getattr(table, 'dtype', type(table).__name__)} {getattr(table, 'shape', '')}"
        raise UnitRowsError("these are no rows to group", got=got, allowed="a float32 array of shape (N, C)")
    units, columns = table.shape
    count = lists if lists is not None else max(1, min(units, round(LISTS_PER_ROOT * math.sqrt(units))))
    if not 1 <= count <= units:
        raise UnitRowsError("so many lists cannot be made", got=count, allowed=f"1 to {units}, the number of rows")
    for first in range(0, units, _ASSIGNED_AT_ONCE):
        finite = np.isfinite(table[first : first + _ASSIGNED_AT_ONCE]).all(axis=1)
        if not finite.all():
            raise UnitRowsError("a row is not a number", got=f"row {first + int(np.argmin(finite))}", hint="Leave such units out.")

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        generator = np.random.Generator(np.random.PCG64(seed))
        chosen = np.sort(generator.permutation(units)[: SAMPLES_PER_LIST * count])
        # FAISS warns on the terminal below 39 rows per list, which a small corpus may well have.
        kmeans: Any = faiss.Kmeans(
            columns, count, niter=ITERATIONS, seed=seed % _SEED_LIMIT, min_points_per_centroid=1, max_points_per_centroid=SAMPLES_PER_LIST
        )
        kmeans.train(np.ascontiguousarray(table[chosen]))
        nearest = np.empty(units, np.int64)
        for first in range(0, units, _ASSIGNED_AT_ONCE):
            rows = np.ascontiguousarray(table[first : first + _ASSIGNED_AT_ONCE])
            nearest[first : first + len(rows)] = kmeans.index.search(rows, 1)[1][:, 0]
        centroids = np.array(kmeans.centroids, np.float32).reshape(count, columns)
    finally:
        faiss.omp_set_num_threads(before)
    order = np.argsort(nearest, kind="stable").astype(np.int64)
    start = np.concatenate([[0], np.cumsum(np.bincount(nearest, minlength=count))]).astype(np.int64)
    return Ivf(centroids, start, order)
