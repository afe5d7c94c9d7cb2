"""Which units of a corpus are nearest to a target under weights that are turned while it plays; asked a few times per step.

It knows rows of z-scores, label numbers and times in steps: not what a column means, not what a unit sounds like.

A unit's cost is its weighted squared distance Σ w (q − u)² over its favour: its own weight times its label's. Up to `EXACT_LIMIT` units the
answer is exact whatever is turned; above, units are kept in lists (`training.inverted_lists` makes them) and the nearest lists are read
until a budget is spent.

Example
-------
>>> search = UnitSearch(table, weights, label_index, len(labels), unit_weight, ivf)
>>> search.set_weights(weights * turned)
>>> found = search.search(target, 8, now=step, natural=last + 1, hint=last + 1, radius=math.inf, out_index=units, out_distance=costs)
>>> search.played(int(units[0]), until=step + 200, neighbours=2)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.voices.unit_blocks import NO_LABEL_BIT, lay_out
from realtime.voices.unit_checks import (
    MAXIMUM_COLUMNS,
    QueryShapeError,
    UnitTableError,
    can_weigh,
    check_lists,
    check_table,
    check_units,
)
from realtime.voices.unit_dials import Dials, Work, turn_weights
from realtime.voices.unit_scan import search_blocks
from realtime.voices.unit_vector import GROUP, LANES

__all__ = ["EXACT_LIMIT", "MAXIMUM_COLUMNS", "MAXIMUM_FOUND", "QueryShapeError", "UnitSearch", "UnitTableError"]

MAXIMUM_FOUND = 32
EXACT_LIMIT = 100_000
"""Units that are searched exactly: where a query stays under a millisecond at the 99th percentile whatever the weights (measured: 0.3 ms
for textures, 0.8 ms for independent numbers, of which nothing can be left out)."""
BUDGET_GROUPS = 6_000
"""Groups of columns added, over all blocks, before no further list is opened. It bounds the time and decides how often the nearest of a
million units is found (measured on textures: 0.4 ms, 0.6 ms at the 99th percentile; 0.98 to 1.00, and 0.94 under weights far from those
that the lists were made with)."""

_NEVER = np.iinfo(np.int64).max


class UnitSearch:
    """The nearest units of a table, with everything a performer turns, without allocation after construction.

    Parameters
    ----------
    table : float32 array, shape (N, C), N ≥ 1, 1 ≤ C ≤ 128, finite
        One row of z-scores per unit, not scaled by any weight. Kept, not copied, where it is C-contiguous and writeable: leave it be.
    weights : float32 array, shape (C,), 0 or more, not all 0
        What the columns weigh at first.
    label_index : int16 array, shape (N,), −1..label_count − 1
        −1 for a unit without a label.
    label_count : int
    unit_weight : float32 array, shape (N,), 0 or more
        2 makes a unit as good as one at 0.71 of its distance; 0 leaves it out for ever.
    ivf : (centroids, list_start (L + 1,), order (N,)) or None
        Lists of units, used above `EXACT_LIMIT`. Only who is in which list is read: centroids are the means of the lists' rows in this
        table, so lists of several corpora can simply be put one after another. None searches any number exactly, in its own time: 5 ms for
        a million.

    Raises
    ------
    UnitTableError
        An argument other than that.

    Owner
    -----
    The thread that searches: the workspace is one search's, so it is used by one thread at a time.

    Capacity
    --------
    N units, kept beside the table in about N · (C + 28) bytes: 5 MB for 50 000 × 42, 78 MB for a million.

    Source
    ------
    See `realtime.voices.unit_blocks` and `realtime.voices.unit_scan`.
    """

    def __init__(
        self,
        table: NDArray[np.float32],
        weights: NDArray[np.float32],
        label_index: NDArray[np.int16],
        label_count: int,
        unit_weight: NDArray[np.float32],
        ivf: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]] | None = None,
    ) -> None:
        check_table(table)
        self.units_count, self.columns_count = table.shape
        check_units(self.units_count, label_index, label_count, unit_weight)
        if not can_weigh(weights, self.columns_count):
            raise UnitTableError("weights", weights, f"{self.columns_count} finite numbers of 0 or more, not all 0")
        lists = None
        if ivf is not None and self.units_count > EXACT_LIMIT:
            lists = check_lists(ivf[1], ivf[2], self.units_count)
        # The kernel's arrays are writeable, as a file mapped to memory is not.
        table = np.require(table, requirements=["C", "W"])
        self._blocks = lay_out(table, weights, label_index, unit_weight, lists)
        axes = len(self._blocks.columns)
        count = len(self._blocks.list_labels) if lists is not None else len(self._blocks.block_labels)
        self._dials = Dials(
            np.zeros(self.columns_count),
            np.zeros(self.columns_count, np.int64),
            np.zeros(axes, np.float32),
            np.zeros(axes // GROUP, np.int64),
            np.zeros(4),
            np.zeros(2, np.int64),
            np.zeros(axes // GROUP),
            np.ones(label_count + 1),
            np.zeros(1, np.uint64),
            np.zeros(self.units_count, np.int64),
        )
        # As many blocks as are read in one go: a shelf, or a list.
        most = max(LANES, int(np.diff(self._blocks.list_blocks).max())) if lists is not None else LANES
        self._work = Work(
            np.zeros(axes, np.float32),
            np.zeros(most * LANES, np.float32),
            np.zeros(1, np.float32),
            np.zeros(-(-count // LANES) * LANES, np.float32),
            np.zeros(count, np.int64),
            np.zeros(most, np.int64),
            np.zeros(2, np.int64),
        )
        # What a label offers: its units that are not left out for ever, and the best favour among them; last, units without a label.
        offered = unit_weight > 0.0
        place = np.where(label_index < 0, label_count, label_index)
        self._label_units = np.bincount(place[offered], minlength=label_count + 1)
        self._label_favour = np.zeros(label_count + 1)
        np.maximum.at(self._label_favour, place, unit_weight)
        self._label_bits = np.left_shift(np.uint64(1), np.append(np.arange(label_count) % NO_LABEL_BIT, NO_LABEL_BIT).astype(np.uint64))
        self._given_labels = np.ones(label_count)
        self._labels_taken = self._apply_labels(self._given_labels)
        self._gone = np.zeros(0, np.int64)
        self._given_weights = np.full(self.columns_count, np.nan)
        self.set_weights(weights)
        # A compiled function's first call costs milliseconds; the first live one must not.
        self.search(
            table[0].copy(), 1, now=0, natural=-1, hint=-1, radius=math.inf, out_index=np.zeros(1, np.int64), out_distance=np.zeros(1)
        )

    def set_weights(self, weights: NDArray[np.floating]) -> bool:
        """Weigh the columns anew; from the next search on.

        Parameters
        ----------
        weights : array, shape (C,), 0 or more

        Returns
        -------
        bool
            False where they are all 0, negative or not finite: then everything would be equally near, and the last ones stay.

        Thread
        ------
        The one that searches. Nothing changed costs 2 µs, a change 5 µs; nothing is laid out again.
        """
        if np.array_equal(weights, self._given_weights):
            return True
        if not can_weigh(weights, self.columns_count):
            return False
        self._given_weights[:] = weights
        turn_weights(self._given_weights, self._blocks, self._dials)
        return True

    def set_label_weights(self, weights: NDArray[np.floating]) -> bool:
        """Weigh the labels anew; from the next search on. Units without a label always count as they are.

        Parameters
        ----------
        weights : array, shape (L,), 0 or more
            0 leaves a label out, 1 takes it as it is; between, its units must be nearer by the square root of that.

        Returns
        -------
        bool
            False where that leaves no unit, or a weight is negative or not finite: then the last weights stay.

        Thread
        ------
        The one that searches. Nothing changed costs 2 µs.
        """
        if np.array_equal(weights, self._given_labels):
            return self._labels_taken
        if weights.shape != self._given_labels.shape:
            return False
        self._given_labels[:] = weights
        self._labels_taken = bool(np.isfinite(weights).all() and (weights >= 0.0).all()) and self._apply_labels(weights)
        return self._labels_taken

    def _apply_labels(self, weights: NDArray[np.floating]) -> bool:
        """Let the kernel see the labels' weights; return False, with nothing changed, where no unit is left."""
        dials = self._dials
        on = np.append(weights > 0.0, True) & (self._label_units > 0)
        if not on.any():
            return False
        dials.label_weight[:-1] = weights
        dials.label_weight[-1] = 1.0
        dials.label_mask[0] = np.bitwise_or.reduce(self._label_bits[on])
        dials.scale[3] = float((self._label_favour * dials.label_weight)[on].max())
        return True

    def search(
        self,
        query: NDArray[np.float32],
        k: int,
        *,
        now: int,
        natural: int,
        hint: int,
        radius: float,
        out_index: NDArray[np.int64],
        out_distance: NDArray[np.float64],
    ) -> int:
        """Write the k units of least cost, the least first; equal costs go by the lower unit number.

        Parameters
        ----------
        query : float32 array, shape (C,), z-scores as the table has
        k : int, 1..32
        now : int
            The step: units that were `played` until a later one are left out; where that leaves none, they are not.
        natural : int
            The natural continuation, never left out for having sounded; −1 for none.
        hint : int
            A unit likely to be near; it changes the time and, without lists, never the answer. −1 for none.
        radius : float, 0 or more
            Units further away are left out. In standard deviations: the root of the weighted mean of a unit's squared differences; as far
            as that is before any favour. `math.inf` for no limit.
        out_index : int64 array, at least (k,)
            Overwritten from 0 up to the number found.
        out_distance : float64 array, at least (k,)
            The same units' costs: Σ w (q − u)² in float64, column by column, over the unit's favour.

        Returns
        -------
        int
            How many were found: k, or fewer where fewer are left. A query that is not finite is near nothing: 0.

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
        reach = radius * radius * float(self._dials.scale[2]) if radius >= 0.0 else math.inf
        fixed = (self._blocks, self._dials, self._work, out_index, out_distance)
        found: int = search_blocks(query, k, now, natural, hint, reach, BUDGET_GROUPS, *fixed)
        if found == 0 and self._work.tally[0] > 0:
            # Everything there is has sounded too lately: then the nearest of all.
            found = search_blocks(query, k, _NEVER - 1, natural, hint, reach, BUDGET_GROUPS, *fixed)
        return found

    def played(self, unit: int, until: int, neighbours: int) -> None:
        """Leave a unit and its neighbours out of every search before step `until`.

        Parameters
        ----------
        unit : int
            Outside the table, nothing happens.
        until : int
        neighbours : int, 0 or more
            So many units to each side: they share sound with it.

        Thread
        ------
        The one that searches. 2 µs.
        """
        around = self._dials.blocked_until[max(unit - neighbours, 0) : max(unit + neighbours + 1, 0)]
        np.maximum(around, until, out=around)

    def forget(self) -> None:
        """Let every unit sound again that is not left out for good, as before the first was `played`."""
        self._dials.blocked_until.fill(0)
        self._dials.blocked_until[self._gone] = _NEVER

    def leave_out(self, gone: NDArray[np.bool_]) -> None:
        """Never answer with these units, bool (N,), again."""
        self._gone = np.flatnonzero(gone)
        self._dials.blocked_until[self._gone] = _NEVER
