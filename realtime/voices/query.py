"""The index of a corpus: which units are nearest to a descriptor, asked once per step.

It knows rows of numbers: not what a descriptor is, not which unit was played, and not why one is banned.

Target and concatenation cost are one query. A unit's cost |q − u|² + c |p − u|² (q the target, p the descriptor that goes on from the
last unit) differs from (1 + c) |u − (q + c p)/(1 + c)|² by a number that is the same for all units, so `blend_targets` makes one point of
q and p, and `UnitIndex.search` around it ranks by both.

Example
-------
>>> index = UnitIndex(descriptors * np.sqrt(weights))
>>> blend_targets(target, table_row_after_the_last_unit, 0.5, point)
>>> found = index.search(point, 8, recent_units, 2, last_unit + 1, last_unit + 1, out_index, out_distance)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.voices.query_kernel import CODE_MAX, ROTATION_ERROR, blend_targets, search_units
from realtime.voices.query_vector import GROUP, LANES

__all__ = ["MAXIMUM_COLUMNS", "MAXIMUM_FOUND", "QueryShapeError", "UnitIndex", "UnitTableError", "blend_targets"]

MAXIMUM_COLUMNS = 128
MAXIMUM_FOUND = 32

# The bytes span the middle 99.8 % of the widest axis; what lies outside is clamped and still found exactly.
_TAIL_PERCENT = 0.1
# A sum of squares saturates at 255 steps. The distance between two typical rows is put at 220, and what is near is well below that.
_TYPICAL_DISTANCE_STEPS = 220.0
# The middle 99.8 % of a normal distribution is this many standard deviations wide.
_TAIL_WIDTH_DEVIATIONS = 6.18


class UnitTableError(ValueError):
    """A table that cannot be searched: `got` is what it is, `allowed` what it may be."""

    def __init__(self, failed: str, got: object, allowed: str) -> None:
        super().__init__(f"unit table: {failed}: got {got}; allowed: {allowed}")
        self.got = got
        self.allowed = allowed


class QueryShapeError(ValueError):
    """A query whose arrays do not fit the index: `got` is what it is, `allowed` what it may be."""

    def __init__(self, failed: str, got: object, allowed: str) -> None:
        super().__init__(f"unit query: {failed}: got {got}; allowed: {allowed}")
        self.got = got
        self.allowed = allowed


class UnitIndex:
    """Exact nearest units of a fixed table, without allocation after construction.

    Parameters
    ----------
    table : float32 array, shape (N, D), N ≥ 1, 1 ≤ D ≤ 128, finite
        One row per unit, each column already multiplied by the square root of its weight. It is copied.

    Raises
    ------
    UnitTableError
        A shape or type other than that, or a value that is not finite.

    Owner
    -----
    The thread that searches: the workspace is one search's, so an index is used by one thread at a time.

    Capacity
    --------
    N rows, kept in about N · (5 D + 18) bytes. 50 000 rows of 39 take 11 MB, 100 MB while they are laid out, and 0.2 s of one core.

    Source
    ------
    See `realtime.voices.query_kernel`. Rows are put in order by halving along the widest axis, Bentley 1975 (k-d trees).
    """

    def __init__(self, table: NDArray[np.float32]) -> None:
        _check_table(table)
        self.rows_count, self.columns_count = table.shape
        axes = -(-self.columns_count // GROUP) * GROUP
        blocks = -(-self.rows_count // LANES)
        shelves = -(-blocks // LANES)

        centre = table.mean(axis=0, dtype=np.float64)
        rotation = np.zeros((self.columns_count, axes))
        centred = table - centre
        rotation[:, : self.columns_count] = _principal_axes(centred)
        rotated = centred @ rotation
        units = _neighbourhood_order(rotated[:, : self.columns_count])
        step, offset = _code_grid(rotated)
        coordinates = rotated / step + offset
        clamped = np.clip(coordinates, 0.0, float(CODE_MAX))
        rounded = np.floor(clamped + 0.5)
        error = math.sqrt(((clamped - rounded) ** 2).sum(axis=1).max())
        longest = math.sqrt(((rotated / step) ** 2).sum(axis=1).max()) * (1.0 + ROTATION_ERROR)

        # The last block is filled up by repeating a row, so that its box stays tight; the kernel masks those lanes out.
        filled = np.concatenate([units, np.repeat(units[-1:], blocks * LANES - self.rows_count)])
        blocked = rounded.astype(np.uint8)[filled].reshape(blocks, LANES, axes)
        edges = np.zeros((shelves * LANES, 2, axes), np.uint8)
        edges[:blocks, 0] = blocked.min(axis=1)
        edges[:blocks, 1] = blocked.max(axis=1)
        slots = np.empty(self.rows_count, np.int64)
        slots[units] = np.arange(self.rows_count)

        self._arrays = (
            rotation,
            centre,
            np.stack([coordinates.min(axis=0), coordinates.max(axis=0), offset]),
            np.array([1.0 / step, error, longest]),
            np.ascontiguousarray(blocked.reshape(blocks, LANES, axes // GROUP, GROUP).transpose(2, 0, 3, 1)).reshape(-1),
            np.ascontiguousarray(edges.reshape(shelves, LANES, 2, axes).transpose(0, 3, 2, 1)).reshape(-1),
            table[units],
            units,
            slots,
            np.zeros(axes),
            np.zeros(axes, np.int16),
            np.zeros(shelves * LANES, np.uint16),
            np.zeros(LANES * LANES, np.uint16),
            np.zeros(LANES, np.int64),
        )
        # A compiled function's first call costs milliseconds; the first live one must not.
        self.search(table[0].copy(), 1, np.full(1, -1, np.int64), 0, -1, -1, np.zeros(1, np.int64), np.zeros(1))

    def search(
        self,
        query: NDArray[np.float32],
        k: int,
        banned: NDArray[np.int64],
        ban_radius: int,
        allowed: int,
        hint: int,
        out_index: NDArray[np.int64],
        out_distance: NDArray[np.float64],
    ) -> int:
        """Write the k nearest units that are not banned, nearest first.

        The distances are those of a plain loop over the columns in float64; equal distances go by the lower unit number.

        Parameters
        ----------
        query : float32 array, shape (D,), scaled as the table is
        k : int, 1..32
        banned : int64 array, shape (R,)
            Unit numbers, −1 for an empty slot: units within `ban_radius` of one are refused.
        ban_radius : int, 0 or more
        allowed : int
            The natural continuation, never refused; −1 for none.
        hint : int
            A unit likely to be near, as the last answer; it changes the time, never the answer. −1 for none.
        out_index : int64 array, at least (k,)
            Overwritten from 0 up to the number found.
        out_distance : float64 array, at least (k,)
            The same units' squared distances.

        Returns
        -------
        int
            How many were found: k, or fewer where the table or the bans leave fewer. A query that is not finite is near nothing: 0.

        Raises
        ------
        QueryShapeError
            The query's length is not the table's, or k is not in 1..32, or an output is shorter than k.
        TypeError
            An array of another type or not contiguous.

        Thread
        ------
        The deck's. No allocation but the interpreter's own small ones for the call; the GIL is free meanwhile.
        """
        if query.shape[0] != self.columns_count:
            raise QueryShapeError("query length", query.shape[0], f"{self.columns_count}, as the table")
        if not 1 <= k <= MAXIMUM_FOUND:
            raise QueryShapeError("k", k, f"1..{MAXIMUM_FOUND}")
        if out_index.shape[0] < k or out_distance.shape[0] < k:
            raise QueryShapeError("output length", min(out_index.shape[0], out_distance.shape[0]), f"k = {k} or more")
        found: int = search_units(query, k, banned, ban_radius, allowed, hint, out_index, out_distance, *self._arrays)
        return found


def _check_table(table: NDArray[np.float32]) -> None:
    """Raise `UnitTableError` unless the table can be indexed."""
    if not isinstance(table, np.ndarray) or table.dtype != np.float32:
        raise UnitTableError("type", getattr(table, "dtype", type(table).__name__), "a float32 array; convert with .astype(np.float32)")
    if table.ndim != 2 or table.shape[0] < 1 or not 1 <= table.shape[1] <= MAXIMUM_COLUMNS:
        raise UnitTableError("shape", table.shape, f"(N, D) with N of 1 or more and D in 1..{MAXIMUM_COLUMNS}")
    finite = np.isfinite(table)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise UnitTableError(f"value in row {row}, column {column}", table[row, column], "finite numbers; leave such units out")


def _principal_axes(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return orthonormal columns, the direction of most variance first."""
    # To the scale of 1, so that no square overflows or vanishes.
    size = float(np.abs(centred).max()) or 1.0
    scaled = centred / size
    _, directions = np.linalg.eigh(scaled.T @ scaled)
    return np.ascontiguousarray(directions[:, ::-1])


def _code_grid(rotated: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Choose the step of the codes and the offset, in steps, that puts each axis in the middle of the bytes."""
    low, high = np.percentile(rotated, [_TAIL_PERCENT, 100.0 - _TAIL_PERCENT], axis=0)
    width = high - low
    typical = math.sqrt(2.0) * math.hypot(*(width / _TAIL_WIDTH_DEVIATIONS))
    step = max(float(width.max()) / CODE_MAX, typical / _TYPICAL_DISTANCE_STEPS)
    if step == 0.0:
        # All but a few rows are the same.
        step = float(np.ptp(rotated, axis=0).max()) / CODE_MAX or 1.0
    return step, CODE_MAX / 2.0 - (low + high) / 2.0 / step


def _neighbourhood_order(rotated: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order rows so that each run of `LANES` is a small neighbourhood."""
    order = np.arange(len(rotated), dtype=np.int64)
    waiting = [(0, len(rotated))]
    while waiting:
        first, last = waiting.pop()
        if last - first <= LANES:
            continue
        rows = order[first:last]
        widest = int(np.argmax(rotated[rows].var(axis=0)))
        half = -(-(last - first) // LANES) // 2 * LANES
        order[first:last] = rows[np.argpartition(rotated[rows, widest], half)]
        waiting += [(first, first + half), (first + half, last)]
    return order
