"""What can be turned while a corpus is searched, in the form the compiled search reads, and the workspace of one search.

It knows arrays only: no corpus, no patch, no control. `realtime.voices.unit_search` owns them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from realtime.voices.unit_blocks import Blocks
from realtime.voices.unit_vector import GROUP

# Half a step, and what float32 loses in a difference of two numbers up to 255 steps (3e-5 of a step).
ROUNDING_STEPS = 0.501


class Dials(NamedTuple):
    """What can be turned, as the kernel reads it.

    weights : float64 (C,). active : int64 (C,), columns that weigh something, in order. roots : float32 (A,), square roots of weight
    times step² over the largest of them. groups : int64 (A / GROUP,), groups that weigh something, the heaviest first. scale : float64
    (4,): that largest, `error`, the sum of the weights, the largest favour of a unit whose label is on. counts : int64 (2,): how many of
    `active`, of `groups`. heaviness : float64 (A / GROUP,), the groups' weights. label_weight : float64 (L + 1,), the last for units
    without a label. label_mask : uint64 (1,), bits as `Blocks.block_labels`. blocked_until : int64 (N,), first step at which a unit may
    sound again.
    """

    weights: NDArray[np.float64]
    active: NDArray[np.int64]
    roots: NDArray[np.float32]
    groups: NDArray[np.int64]
    scale: NDArray[np.float64]
    counts: NDArray[np.int64]
    heaviness: NDArray[np.float64]
    label_weight: NDArray[np.float64]
    label_mask: NDArray[np.uint64]
    blocked_until: NDArray[np.int64]


class Work(NamedTuple):
    """Workspace of one search.

    aim : float32 (A,). sums : float32, LANES for each block that is read in one go. limit : float32 (1,), `code_limit` of the k-th best
    so far. keys : float32, one per block (without lists) or list, filled up to LANES. heap : int64, as many. waiting : int64, blocks to
    read. tally : int64 (2,): units refused for taboo; groups of columns added, and what took as long.
    """

    aim: NDArray[np.float32]
    sums: NDArray[np.float32]
    limit: NDArray[np.float32]
    keys: NDArray[np.float32]
    heap: NDArray[np.int64]
    waiting: NDArray[np.int64]
    tally: NDArray[np.int64]


def _tuple_type(cls: type, text: str) -> types.NamedTuple:
    """Return Numba's type of a named tuple from its fields' types."""
    kinds = {"u1": types.uint8, "u8": types.uint64, "i2": types.int16, "i4": types.int32, "i8": types.int64}
    kinds |= {"f4": types.float32, "f8": types.float64}
    fields = [types.Array(kinds[word[:2]], 2 if word.endswith("2d") else 1, "C") for word in text.split()]
    return types.NamedTuple(fields, cls)


BLOCKS = _tuple_type(Blocks, "f4_2d i4 i4 u1 u1 i8 f8_2d i2 f4 u8 i8 u1 u8")
DIALS = _tuple_type(Dials, "f8 i8 f4 i8 f8 i8 f8 f8 u8 i8")
WORK = _tuple_type(Work, "f4 f4 f4 f4 i8 i8 i8")


@njit(types.void(types.float64[::1], BLOCKS, DIALS), cache=True, nogil=True)
def turn_weights(weights: NDArray[np.float64], blocks: Blocks, dials: Dials) -> None:
    """Write everything in `Dials` that follows from the columns' weights, of which one at least is above zero.

    Thread
    ------
    Any, one at a time. No allocation.
    """
    active = 0
    total = 0.0
    for column in range(weights.shape[0]):
        dials.weights[column] = weights[column]
        total += weights[column]
        if weights[column] > 0.0:
            dials.active[active] = column
            active += 1
    largest = 0.0
    everything = 0.0
    for axis in range(blocks.columns.shape[0]):
        if blocks.columns[axis] >= 0:
            square = weights[blocks.columns[axis]] * (blocks.grid[1, axis] * blocks.grid[1, axis])
            largest = max(largest, square)
            everything += square
    groups = 0
    for group in range(dials.groups.shape[0]):
        dials.heaviness[group] = 0.0
        for axis in range(group * GROUP, (group + 1) * GROUP):
            dials.roots[axis] = np.float32(0.0)
            if blocks.columns[axis] >= 0 and largest > 0.0:
                weight = weights[blocks.columns[axis]]
                # In z-scores every column varies alike, so the weight tells how much a group parts near from far.
                dials.heaviness[group] += weight
                dials.roots[axis] = np.float32(math.sqrt(weight * (blocks.grid[1, axis] * blocks.grid[1, axis]) / largest))
        if dials.heaviness[group] > 0.0:
            place = groups
            while place > 0 and dials.heaviness[dials.groups[place - 1]] < dials.heaviness[group]:
                dials.groups[place] = dials.groups[place - 1]
                place -= 1
            dials.groups[place] = group
            groups += 1
    dials.counts[0] = active
    dials.counts[1] = groups
    dials.scale[0] = largest if largest > 0.0 else 1.0
    dials.scale[1] = ROUNDING_STEPS * math.sqrt(everything)
    dials.scale[2] = total
