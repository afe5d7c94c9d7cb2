"""How the unit search keeps a corpus: rows near each other in blocks of bytes, and blocks in lists.

It knows rows of numbers, labels as numbers and lists of rows, not queries.

A column's code is its value's place between the column's 0.1st and 99.9th percentile in 255 steps, so a block is `LANES` rows of one byte
per column, stored column by column: what is far is left after the first columns, whatever their weights are at that moment. Nothing here
depends on a weight that can be turned, so nothing is laid out again while a deck plays.

Source: layout and pruning by blocks, Kuffo, Krippner & Boncz 2025, "PDX: A Data Layout for Vector Similarity Search"; quantised filter,
then refinement from the originals, Weber, Schek & Blott 1998 (the VA-file); lists, Sivic & Zisserman 2003 and Jégou, Douze & Schmid 2011.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from realtime.voices.unit_vector import GROUP, LANES

CODE_MAX = 255
NO_LABEL_BIT = 63
# Percentiles of so many rows place the codes; what lies outside them is clamped and still found exactly.
_SAMPLED_ROWS = 20_000
_TAIL_PERCENT = 0.1


class Blocks(NamedTuple):
    """A corpus laid out for `realtime.voices.unit_scan`. S slots in S / LANES blocks; A columns, filled up to a multiple of GROUP.

    table : float32 (N, C), the rows themselves, by unit. units : int32 (S,), the unit in a slot, −1 for a lane left over at a list's end.
    slots : int32 (N,). codes : uint8, (blocks, A, LANES) flattened. boxes : uint8, (shelves, A, 2, LANES) flattened, a shelf being LANES
    blocks; empty with lists. columns : int64 (A,), which of the table's, −1 for filling. grid : float64 (4, A): first code's value, step,
    and the table's lowest and highest coordinate in steps. labels : int16 (S,). favour : float32 (S,), the units' own weights.
    block_labels : uint64 (blocks,), a bit for each label in it. list_blocks : int64 (lists + 1,), first block of each list. list_codes :
    uint8, the lists' centroids as blocks are; empty without lists. list_labels : uint64 (lists,).
    """

    table: NDArray[np.float32]
    units: NDArray[np.int32]
    slots: NDArray[np.int32]
    codes: NDArray[np.uint8]
    boxes: NDArray[np.uint8]
    columns: NDArray[np.int64]
    grid: NDArray[np.float64]
    labels: NDArray[np.int16]
    favour: NDArray[np.float32]
    block_labels: NDArray[np.uint64]
    list_blocks: NDArray[np.int64]
    list_codes: NDArray[np.uint8]
    list_labels: NDArray[np.uint64]


def lay_out(
    table: NDArray[np.float32],
    weights: NDArray[np.float32],
    labels: NDArray[np.int16],
    favour: NDArray[np.float32],
    lists: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
) -> Blocks:
    """Put a corpus into blocks.

    Parameters
    ----------
    table : float32 array, shape (N, C), C-contiguous
        Kept, not copied.
    weights : float32 array, shape (C,)
        What the columns usually weigh: the heaviest are compared first. It changes times, never answers.
    labels : int16 array, shape (N,), −1 for none
    favour : float32 array, shape (N,), 0 or more
    lists : (list_start, order) or None
        Rows `order[list_start[i] : list_start[i + 1]]` are one list; None makes neighbourhoods, each block with a bounding box.

    Thread
    ------
    Loading. Takes 0.1 s for 50 000 × 42, about 1.2 s for a million in lists (one core).
    """
    rows, width = table.shape
    axes = -(-width // GROUP) * GROUP
    columns = np.full(axes, -1, np.int64)
    columns[:width] = np.argsort(-weights, kind="stable")
    grid = _code_grid(table, columns)
    if lists is None:
        start, order = np.array([0, rows], np.int64), _neighbourhood_order(table, weights)
    else:
        start, order = lists
        list_of = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
        # Inside a list by label, so that a label that is off leaves out whole blocks.
        order = order[np.lexsort((order, labels[order], list_of))] if labels.max() > labels.min() else order
    list_blocks = np.concatenate([[0], np.cumsum(-(-np.diff(start) // LANES))]).astype(np.int64)
    blocks = int(list_blocks[-1])
    units = np.full(blocks * LANES, -1, np.int32)
    place = np.arange(rows, dtype=np.int64) + np.repeat(list_blocks[:-1] * LANES - start[:-1], np.diff(start))
    units[place] = order
    slots = np.empty(rows, np.int32)
    slots[order] = place
    codes = np.empty(blocks * axes * LANES, np.uint8)
    _fill_codes(table, units, columns, grid, codes)
    slot_labels = np.where(units >= 0, labels[units], np.int16(-1))
    bits = np.where(slot_labels < 0, NO_LABEL_BIT, slot_labels % NO_LABEL_BIT).astype(np.uint64)
    bits = np.where((units >= 0) & (favour[units] > 0.0), np.uint64(1) << bits, np.uint64(0))
    block_labels = np.bitwise_or.reduce(bits.reshape(blocks, LANES), axis=1)
    boxes, list_codes, list_labels = np.empty(0, np.uint8), np.empty(0, np.uint8), np.empty(0, np.uint64)
    if lists is None:
        boxes = _boxes(codes, blocks, axes)
    else:
        centroids = np.zeros((len(start) - 1, width), np.float32)
        _mean_rows(table, order, start, centroids)
        members = np.arange(-(-len(centroids) // LANES) * LANES, dtype=np.int32)
        members[len(centroids) :] = -1
        list_codes = np.empty(len(members) * axes, np.uint8)
        _fill_codes(centroids, members, columns, grid, list_codes)
        list_labels = np.zeros(len(centroids), np.uint64)
        for number in np.flatnonzero(np.diff(list_blocks)):
            list_labels[number] = np.bitwise_or.reduce(block_labels[list_blocks[number] : list_blocks[number + 1]])
    return Blocks(
        table,
        units,
        slots,
        codes,
        boxes,
        columns,
        grid,
        slot_labels,
        np.where(units >= 0, favour[units], np.float32(0.0)),
        block_labels,
        list_blocks,
        list_codes,
        list_labels,
    )


def _code_grid(table: NDArray[np.float32], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Place each column's codes; return the grid of `Blocks`."""
    sample = table[:: -(-len(table) // _SAMPLED_ROWS)]
    low, high = np.percentile(sample.astype(np.float64), [_TAIL_PERCENT, 100.0 - _TAIL_PERCENT], axis=0)
    least, most = table.min(axis=0).astype(np.float64), table.max(axis=0).astype(np.float64)
    step = (high - low) / CODE_MAX
    # All but a few rows are the same: their few then have the codes to themselves, and a constant column any step.
    step = np.where(step > 0.0, step, (most - least) / CODE_MAX)
    step = np.where(step > 0.0, step, 1.0)
    grid = np.zeros((4, len(columns)))
    grid[1] = 1.0
    used = columns[columns >= 0]
    grid[:, : len(used)] = np.stack([low, step, (least - low) / step, (most - low) / step])[:, used]
    return grid


def _neighbourhood_order(table: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """Order rows so that each run of `LANES` is a small neighbourhood: by halving along the widest column, Bentley 1975 (k-d trees)."""
    order = np.arange(len(table), dtype=np.int64)
    waiting = [(0, len(table))]
    while waiting:
        first, last = waiting.pop()
        if last - first <= LANES:
            continue
        rows = order[first:last]
        # A tenth of the rows tells which column is widest.
        spread = table[rows[:: max(1, len(rows) // 500)]].astype(np.float64).var(axis=0) * weights
        half = -(-(last - first) // LANES) // 2 * LANES
        order[first:last] = rows[np.argpartition(table[rows, int(np.argmax(spread))], half)]
        waiting += [(first, first + half), (first + half, last)]
    return order


def _boxes(codes: NDArray[np.uint8], blocks: int, axes: int) -> NDArray[np.uint8]:
    """Return the bounding boxes of blocks, laid out as `Blocks.boxes`."""
    shelves = -(-blocks // LANES)
    edges = np.zeros((shelves * LANES, 2, axes), np.uint8)
    by_block = codes.reshape(blocks, axes, LANES)
    edges[:blocks, 0] = by_block.min(axis=2)
    edges[:blocks, 1] = by_block.max(axis=2)
    return np.ascontiguousarray(edges.reshape(shelves, LANES, 2, axes).transpose(0, 3, 2, 1)).reshape(-1)


@njit("void(float32[:, ::1], int32[::1], int64[::1], float64[:, ::1], uint8[::1])", cache=True, nogil=True)
def _fill_codes(
    table: NDArray[np.float32], units: NDArray[np.int32], columns: NDArray[np.int64], grid: NDArray[np.float64], codes: NDArray[np.uint8]
) -> None:
    """Round rows to codes, block by block; a lane left over repeats the block's first row, so that its box stays tight."""
    axes = columns.shape[0]
    for slot in range(units.shape[0]):
        unit = units[slot]
        if unit < 0:
            unit = units[slot - slot % LANES]
        first = (slot // LANES) * axes * LANES + slot % LANES
        for axis in range(axes):
            code = 0.0
            if columns[axis] >= 0:
                code = (np.float64(table[unit, columns[axis]]) - grid[0, axis]) / grid[1, axis]
                code = min(max(np.floor(code + 0.5), 0.0), np.float64(CODE_MAX))
            codes[first + axis * LANES] = np.uint8(code)


@njit("void(float32[:, ::1], int64[::1], int64[::1], float32[:, ::1])", cache=True, nogil=True)
def _mean_rows(table: NDArray[np.float32], order: NDArray[np.int64], start: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    """Write the mean row of every list; an empty list keeps what `out` had."""
    total = np.zeros(table.shape[1])
    for number in range(start.shape[0] - 1):
        count = start[number + 1] - start[number]
        if count == 0:
            continue
        total[:] = 0.0
        for place in range(start[number], start[number + 1]):
            for column in range(table.shape[1]):
                total[column] += table[order[place], column]
        for column in range(table.shape[1]):
            out[number, column] = np.float32(total[column] / count)
