"""The compiled search through `Blocks`: one thread, no allocation, weights and labels as they are turned at that moment.

It knows arrays only: no corpus, no patch, no control. `realtime.voices.unit_search` owns them.

Why no true neighbour is lost in a block that is read
    A row's distance is at least the weighted distance between the query and the row's codes, less what rounding moved the row (`error`:
    half a step in every column). The query is first moved to the nearest point of the box that the whole table fills: every row owes it the
    squared length of that move (`excess`), for a box is convex; clamping to the bytes then moves no two points apart. So
    |query − row|² ≤ R² implies that the distance between codes is at most sqrt(R² − excess) + error, with R² the cost of the current
    k-th best times the largest favour any row has; `code_limit` is that, squared. Rows that are left get their distance in float64 from
    the originals, in column order, which alone decides.

Which blocks are read
    Without lists every block whose bounding box is within the limit: the answer is exact. With lists, those of the lists nearest to the
    query under the weights of the moment, until `budget` groups of columns have been added: the time is bounded, the answer is the
    nearest of what was read. Blocks without a unit whose label is on cost nothing, so a label of few units is searched to the end.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from realtime.voices.unit_blocks import CODE_MAX, Blocks
from realtime.voices.unit_dials import BLOCKS, DIALS, WORK, Dials, Work
from realtime.voices.unit_vector import GROUP, LANES, add_box_squares, add_squares, lanes_within, lowest_lane

# Slack on the limit: a float32 sum of 128 squares is wrong by at most 1.6e-5 of itself.
LIMIT_SLACK = 4e-5
# Rows looked at one by one in the time that a group of columns takes to be added.
LANES_PER_GROUP = 8
# Groups of columns added in the time that a list takes to be opened.
GROUPS_PER_LIST = 8

_INDEX, _COST = types.int64[::1], types.float64[::1]


@njit(types.int64(_INDEX, _COST, types.int64, types.int64, types.int64, types.float64), cache=True, nogil=True)
def insert_sorted(out_index: NDArray[np.int64], out_cost: NDArray[np.float64], found: int, k: int, unit: int, cost: float) -> int:
    """Put a unit into the ascending list of the k best, the lower number first where costs are equal, and return the list's length."""
    place = found
    if found == k:
        place = k - 1
        if cost > out_cost[place] or (cost == out_cost[place] and unit > out_index[place]):
            return found
    while place > 0 and (out_cost[place - 1] > cost or (out_cost[place - 1] == cost and out_index[place - 1] > unit)):
        out_cost[place] = out_cost[place - 1]
        out_index[place] = out_index[place - 1]
        place -= 1
    out_cost[place] = cost
    out_index[place] = unit
    return found + 1 if found < k else found


@njit(types.float64(types.float32[::1], BLOCKS, DIALS, types.float32[::1]), cache=True, nogil=True)
def aim_at(query: NDArray[np.float32], blocks: Blocks, dials: Dials, aim: NDArray[np.float32]) -> float:
    """Write minus the query's weighted coordinates.

    Returns
    -------
    float
        `excess`, the squared weighted distance that the query lies outside the table's range; −1 where the query is not finite.

    Thread
    ------
    Any. No allocation.
    """
    for column in range(query.shape[0]):
        if not math.isfinite(query[column]):
            return -1.0
    excess = 0.0
    for axis in range(aim.shape[0]):
        column = blocks.columns[axis]
        if column < 0:
            aim[axis] = np.float32(0.0)
            continue
        step = blocks.grid[1, axis]
        coordinate = (np.float64(query[column]) - blocks.grid[0, axis]) / step
        inside = min(max(coordinate, blocks.grid[2, axis]), blocks.grid[3, axis])
        beyond = (coordinate - inside) * step
        excess += dials.weights[column] * (beyond * beyond)
        inside = min(max(inside, 0.0), np.float64(CODE_MAX))
        aim[axis] = np.float32(-inside * np.float64(dials.roots[axis]))
    return excess * (1.0 - LIMIT_SLACK)


@njit(types.float32(types.float64, types.float64, types.float64[::1]), cache=True, nogil=True)
def code_limit(distance: float, excess: float, scale: NDArray[np.float64]) -> np.float32:
    """Return the largest weighted squared distance between codes that a row at the given squared distance, or nearer, can have.

    Parameters
    ----------
    distance, excess : float, squared
    scale : float64 array, as `Dials.scale`

    Thread
    ------
    Any. No allocation.
    """
    root = math.sqrt(max(distance - excess, 0.0)) + scale[1]
    return np.float32(root * root / scale[0] * (1.0 + LIMIT_SLACK))


@njit(
    types.int64(
        types.int64, types.float32[::1], types.int64, types.int64, types.int64, types.float64, types.float64, types.int64,
        BLOCKS, DIALS, WORK, _INDEX, _COST,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def scan_blocks(
    count: int,
    query: NDArray[np.float32],
    k: int,
    now: int,
    natural: int,
    reach: float,
    excess: float,
    found: int,
    blocks: Blocks,
    dials: Dials,
    work: Work,
    out_index: NDArray[np.int64],
    out_cost: NDArray[np.float64],
) -> int:
    """Read the first `count` waiting blocks into the list of the k best, `found` long; return its length. `reach`: the radius, squared."""
    # Taken out of the tuples once: each is a handful of words that a loop would otherwise load again after every write.
    codes, roots, groups, aim, sums = blocks.codes, dials.roots, dials.groups, work.aim, work.sums
    favour, label_weight = dials.scale[3], dials.label_weight
    waiting, axes, used, weighing = work.waiting, blocks.columns.shape[0], dials.counts[1], dials.counts[0]
    one = np.uint64(1)
    limit = work.limit[0]
    base = waiting[0] if count > 0 else 0
    added = 0
    examined = 0
    refused = 0
    # Group by group through all blocks that are left: whether a block stays is a number that is added, not a branch that is guessed wrong
    # every other time.
    left = count
    for turn in range(used):
        column = groups[turn] * GROUP
        kept = 0
        for entry in range(left):
            block = waiting[entry]
            place = (block - base) * LANES
            alive = add_squares(codes, (block * axes + column) * LANES, aim, roots, column, turn, sums, place, limit)
            waiting[kept] = block
            kept += int(alive != 0)
        added += left
        left = kept
    for entry in range(left):
        block = waiting[entry]
        place = (block - base) * LANES
        alive = lanes_within(sums, place, limit)
        if blocks.block_labels[block] & ~dials.label_mask[0] != 0:
            # Not all of the block's labels are on: lanes of one that is off go at once.
            others = alive
            while others != 0:
                lane = lowest_lane(others)
                others &= others - one
                examined += 1
                if label_weight[blocks.labels[block * LANES + lane]] <= 0.0:
                    alive &= ~(one << np.uint64(lane))
        while alive != 0:
            examined += 1
            lane = lowest_lane(alive)
            if found < k:
                # No limit yet: the most promising row first, so that the limit is a good one.
                others = alive & (alive - one)
                while others != 0:
                    other = lowest_lane(others)
                    others &= others - one
                    if sums[place + other] < sums[place + lane]:
                        lane = other
            alive &= ~(one << np.uint64(lane))
            slot = block * LANES + lane
            unit = blocks.units[slot]
            if sums[place + lane] > limit or unit < 0:
                continue
            if found == k and out_cost[k - 1] == 0.0 and unit > out_index[k - 1]:
                # As near as can be, and a lower number, are k others: of many units alike not one more is measured.
                continue
            weight = np.float64(blocks.favour[slot]) * label_weight[blocks.labels[slot]]
            if weight <= 0.0:
                continue
            if now < dials.blocked_until[unit] and unit != natural:
                refused += 1
                continue
            added += 1
            distance = 0.0
            for number in range(weighing):
                axis = dials.active[number]
                difference = np.float64(query[axis]) - np.float64(blocks.table[unit, axis])
                distance += dials.weights[axis] * (difference * difference)
            if distance > reach:
                continue
            found = insert_sorted(out_index, out_cost, found, k, unit, distance / weight)
            if found == k:
                limit = code_limit(min(reach, out_cost[k - 1] * favour), excess, dials.scale)
    work.limit[0] = limit
    work.tally[0] += refused
    # A block costs about as much as a group even where the first group already leaves it; so does a row that is measured in full, and so
    # do some rows looked at one by one.
    work.tally[1] += added + count + examined // LANES_PER_GROUP
    return found


@njit(types.void(types.float32[::1], types.int64[::1], types.int64, types.int64), cache=True, nogil=True)
def sift_down(keys: NDArray[np.float32], heap: NDArray[np.int64], place: int, length: int) -> None:
    """Let an item of a binary heap sink below the items with lower keys."""
    item = heap[place]
    while True:
        child = 2 * place + 1
        if child >= length:
            break
        if child + 1 < length and keys[heap[child + 1]] < keys[heap[child]]:
            child += 1
        if keys[heap[child]] >= keys[item]:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = item


@njit(
    types.int64(
        types.float32[::1], types.int64, types.int64, types.int64, types.int64, types.float64, types.int64,
        BLOCKS, DIALS, WORK, _INDEX, _COST,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def search_blocks(
    query: NDArray[np.float32],
    k: int,
    now: int,
    natural: int,
    hint: int,
    reach: float,
    budget: int,
    blocks: Blocks,
    dials: Dials,
    work: Work,
    out_index: NDArray[np.int64],
    out_cost: NDArray[np.float64],
) -> int:
    """Find the k units of least cost; the arguments are those of `UnitSearch.search`, nothing is checked.

    Parameters
    ----------
    reach : float
        The largest squared distance, not yet divided by any favour.
    budget : int
        With lists: groups of columns to add before no further list is opened.

    Returns
    -------
    int
        How many were found; 0 where the query is not finite.

    Thread
    ------
    Any, one at a time. No allocation, no exception.
    """
    work.tally[0] = 0
    work.tally[1] = 0
    excess = aim_at(query, blocks, dials, work.aim)
    if excess < 0.0:
        return 0
    work.limit[0] = code_limit(reach, excess, dials.scale)
    total = blocks.slots.shape[0]
    axes = blocks.columns.shape[0]
    listed = blocks.list_codes.shape[0] > 0
    keys = work.keys
    for shelf in range(keys.shape[0] // LANES):
        for turn in range(dials.counts[1]):
            column = dials.groups[turn] * GROUP
            if listed:
                start = (shelf * axes + column) * LANES
                add_squares(blocks.list_codes, start, work.aim, dials.roots, column, turn, keys, shelf * LANES, np.float32(0.0))
            else:
                start = 2 * (shelf * axes + column) * LANES
                add_box_squares(blocks.boxes, start, work.aim, dials.roots, column, turn, keys, shelf * LANES)

    # The blocks of the hint and of the natural continuation first: they bring the limit down at once, and are always looked at.
    hinted = blocks.slots[hint] // LANES if 0 <= hint < total else -1
    following = blocks.slots[natural] // LANES if 0 <= natural < total else -1
    nearest = -1
    mask = dials.label_mask[0]
    if not listed:
        for block in range(blocks.block_labels.shape[0]):
            if blocks.block_labels[block] & mask != 0 and (nearest < 0 or keys[block] < keys[nearest]):
                nearest = block
    found = 0
    for turn in range(3):
        first = hinted if turn == 0 else following if turn == 1 else nearest
        # A block read twice would give its rows twice.
        if first >= 0 and not (turn > 0 and first == hinted) and not (turn == 2 and first == following):
            work.waiting[0] = first
            found = scan_blocks(1, query, k, now, natural, reach, excess, found, blocks, dials, work, out_index, out_cost)

    length = 0
    if listed:
        for number in range(blocks.list_labels.shape[0]):
            if blocks.list_labels[number] & mask != 0:
                work.heap[length] = number
                length += 1
        for place in range(length // 2 - 1, -1, -1):
            sift_down(keys, work.heap, place, length)
    shelf = 0
    while (length > 0 and work.tally[1] < budget) if listed else shelf < keys.shape[0]:
        first, last = shelf, min(shelf + LANES, blocks.block_labels.shape[0])
        shelf += LANES
        if listed:
            number = work.heap[0]
            first, last = blocks.list_blocks[number], blocks.list_blocks[number + 1]
            length -= 1
            work.heap[0] = work.heap[length]
            sift_down(keys, work.heap, 0, length)
            work.tally[1] += GROUPS_PER_LIST
        count = 0
        for block in range(first, last):
            if block in (hinted, following, nearest) or blocks.block_labels[block] & mask == 0:
                continue
            if listed or keys[block] <= work.limit[0]:
                work.waiting[count] = block
                count += 1
        found = scan_blocks(count, query, k, now, natural, reach, excess, found, blocks, dials, work, out_index, out_cost)
    return found
