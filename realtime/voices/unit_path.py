"""Which unit to play now so that the next few hops go well: the cheapest path through the candidates of each hop.

It knows rows, costs and which unit follows which, not where candidates come from nor what is made of the ranking.

At hop m a path is at one of the hop's candidates, or goes on naturally from where it was, even where the natural continuation is no
candidate. It pays each unit's target cost and, for each join, `join_weight` times the weighted squared distance between the row that would
have come naturally and the row that comes instead; a natural continuation costs no join.

Source: Hunt & Black 1996, "Unit selection in a concatenative speech synthesis system using a large speech database"; Schwarz 2004
(data-driven concatenative sound synthesis); Viterbi 1967.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float32, float64, int64, njit
from numpy.typing import NDArray

from realtime.voices.unit_scan import insert_sorted

__all__ = ["MAXIMUM_CANDIDATES", "MAXIMUM_HOPS", "UnitPath", "choose_path"]

MAXIMUM_HOPS = 8
MAXIMUM_CANDIDATES = 32


@njit(
    int64(
        int64, float32[:, ::1], float32[:, ::1], float32[::1], boolean[::1], int64[:, ::1], float64[:, ::1], int64[::1],
        int64, float64, float64[:, ::1], float64[:, :, ::1], float64[::1], int64[::1], float64[::1],
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def choose_path(
    hops: int,
    targets: NDArray[np.float32],
    rows: NDArray[np.float32],
    weights: NDArray[np.float32],
    follows: NDArray[np.bool_],
    candidates: NDArray[np.int64],
    costs: NDArray[np.float64],
    counts: NDArray[np.int64],
    natural: int,
    join_weight: float,
    across: NDArray[np.float64],
    onward: NDArray[np.float64],
    joins: NDArray[np.float64],
    out_index: NDArray[np.int64],
    out_cost: NDArray[np.float64],
) -> int:
    """Rank the units of the first hop by the cheapest path each begins.

    Parameters
    ----------
    hops : int, M, 1..MAXIMUM_HOPS
    targets : float32 array, shape (M or more, C)
        What is asked for in each hop.
    rows : float32 array, shape (N, C), z-scores as the targets
    weights : float32 array, shape (C,)
    follows : bool array, shape (N,)
        Unit i + 1 is the natural continuation of i.
    candidates : int64 array, shape (M or more, K), each hop's without repeats
    costs : float64 array, as `candidates`: their target costs
    counts : int64 array, shape (M or more,): how many candidates each hop has
        Paths end before the first later hop that has none.
    natural : int
        The natural continuation of what sounds now, a candidate of the first hop even where it is not among those; −1 for none, and then
        the first join costs nothing.
    join_weight : float, 0 or more
        A join's cost over a target's.
    across, onward, joins : float64 arrays, shapes (C, K), (2, M, K + 1) and (K,)
        Workspace, overwritten.
    out_index, out_cost : int64 and float64 array, at least (K + 1,)
        Overwritten with the ranking, the cheapest path first; equal costs go by the lower unit number.

    Returns
    -------
    int
        How many were ranked: the first hop's candidates, and the natural continuation.

    Thread
    ------
    Any, one at a time. No allocation, no exception.
    """
    columns = rows.shape[1]
    for hop in range(1, hops):
        if counts[hop] == 0:
            hops = hop
            break
    # From the last hop back: `onward[hop % 2, j, i]` is the cost from this hop on of a path that was at candidate i of hop j and has gone
    # on naturally since. The natural continuation of what sounds now is the first hop's candidate number `counts[0]`.
    for hop in range(hops - 1, -1, -1):
        here, there = hop % 2, (hop + 1) % 2
        following = counts[hop + 1] if hop + 1 < hops else 0
        for entry in range(following):
            for column in range(columns):
                across[column, entry] = rows[candidates[hop + 1, entry], column]
        for begun in range(hop + 1):
            entries = counts[begun] + (1 if begun == 0 and natural >= 0 else 0)
            for entry in range(entries):
                first = candidates[begun, entry] if entry < counts[begun] else natural
                unit = first
                while unit < first + hop - begun and follows[unit]:
                    unit += 1
                if unit < first + hop - begun:
                    onward[here, begun, entry] = math.inf
                    continue
                cost = 0.0
                if begun == hop and entry < counts[begun]:
                    cost = costs[hop, entry]
                else:
                    for column in range(columns):
                        difference = np.float64(targets[hop, column]) - np.float64(rows[unit, column])
                        cost += weights[column] * (difference * difference)
                if hop + 1 < hops:
                    # A unit that nothing follows is compared by its own row.
                    continuation = unit + 1 if follows[unit] else unit
                    best = onward[there, begun, entry] if follows[unit] else math.inf
                    joins[:following] = 0.0
                    for column in range(columns):
                        expected = np.float64(rows[continuation, column])
                        weight = np.float64(weights[column])
                        # Candidates side by side, so that the machine adds several at a time, each in column order.
                        for other in range(following):
                            difference = expected - across[column, other]
                            joins[other] += weight * (difference * difference)
                    for other in range(following):
                        join = 0.0 if follows[unit] and candidates[hop + 1, other] == continuation else join_weight * joins[other]
                        best = min(best, join + onward[there, hop + 1, other])
                    cost += best
                onward[here, begun, entry] = cost

    found = 0
    known = False
    for entry in range(counts[0] + 1):
        if entry == counts[0] and (natural < 0 or known):
            break
        unit = candidates[0, entry] if entry < counts[0] else natural
        known = known or unit == natural
        cost = onward[0, 0, entry]
        if natural >= 0 and unit != natural:
            join = 0.0
            for column in range(columns):
                difference = np.float64(rows[natural, column]) - np.float64(rows[unit, column])
                join += np.float64(weights[column]) * (difference * difference)
            cost += join_weight * join
        found = insert_sorted(out_index, out_cost, found, out_index.shape[0], unit, cost)
    return found


class UnitPath:
    """The arrays of one path search, which its owner fills and asks.

    Parameters
    ----------
    columns : int, C

    Attributes
    ----------
    targets : float32 array, shape (MAXIMUM_HOPS, C)
    candidates, costs : int64 and float64 array, shape (MAXIMUM_HOPS, MAXIMUM_CANDIDATES)
        Row m is what `UnitSearch.search` writes for hop m.
    counts : int64 array, shape (MAXIMUM_HOPS,)
        What it returns.

    Owner
    -----
    The thread that chooses.

    Example
    -------
    >>> for hop in range(hops):
    ...     path.counts[hop] = search.search(path.targets[hop], k, ..., out_index=path.candidates[hop], out_distance=path.costs[hop])
    >>> found = path.choose(hops, rows, weights, follows, natural, join_weight, out_index, out_cost)
    """

    def __init__(self, columns: int) -> None:
        self.targets = np.zeros((MAXIMUM_HOPS, columns), np.float32)
        self.candidates = np.zeros((MAXIMUM_HOPS, MAXIMUM_CANDIDATES), np.int64)
        self.costs = np.zeros((MAXIMUM_HOPS, MAXIMUM_CANDIDATES))
        self.counts = np.zeros(MAXIMUM_HOPS, np.int64)
        self._across = np.zeros((columns, MAXIMUM_CANDIDATES))
        self._onward = np.zeros((2, MAXIMUM_HOPS, MAXIMUM_CANDIDATES + 1))
        self._joins = np.zeros(MAXIMUM_CANDIDATES)
        # A compiled function's first call costs milliseconds; the first live one must not.
        units, ranked = np.zeros(MAXIMUM_CANDIDATES + 1, np.int64), np.zeros(MAXIMUM_CANDIDATES + 1)
        row = np.zeros((1, columns), np.float32)
        self.choose(1, row, row[0], np.zeros(1, np.bool_), -1, 0.0, units, ranked)

    def choose(
        self,
        hops: int,
        rows: NDArray[np.float32],
        weights: NDArray[np.float32],
        follows: NDArray[np.bool_],
        natural: int,
        join_weight: float,
        out_index: NDArray[np.int64],
        out_cost: NDArray[np.float64],
    ) -> int:
        """Rank the units to play now; see `choose_path`. The outputs hold `MAXIMUM_CANDIDATES` + 1.

        Raises
        ------
        ValueError
            More hops than `MAXIMUM_HOPS`, none, or outputs too short.
        TypeError
            An array of another type or not contiguous.

        Thread
        ------
        The owner's. No allocation but the interpreter's own small ones for the call; the GIL is free meanwhile.
        """
        if not 1 <= hops <= MAXIMUM_HOPS:
            raise ValueError(f"unit path: hops: got {hops}; allowed: 1..{MAXIMUM_HOPS}")
        if min(len(out_index), len(out_cost)) <= MAXIMUM_CANDIDATES:
            raise ValueError(
                f"unit path: output length: got {min(len(out_index), len(out_cost))}; allowed: {MAXIMUM_CANDIDATES + 1} or more"
            )
        work = (self._across, self._onward, self._joins)
        given = (self.candidates, self.costs, self.counts)
        found: int = choose_path(hops, self.targets, rows, weights, follows, *given, natural, join_weight, *work, out_index, out_cost)
        return found
