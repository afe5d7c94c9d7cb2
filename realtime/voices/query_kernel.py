"""The compiled search for the corpus units nearest to a descriptor: exact, one thread, no allocation.

It knows arrays only: no corpus, no patch, no control. `realtime.voices.query` lays the arrays out and owns them.

How it finds the exact answer by looking at a fraction of the corpus
    1. The rows are rotated onto their principal axes (distances stay as they are, the first axes tell the most), rounded to one byte per
       axis on one common step, and put into blocks of `LANES` rows near each other, stored axis by axis (the PDX layout).
    2. A block's bounding box gives a lower bound for all its rows at once; a block whose bound is above the limit is never read.
    3. A block that is read adds squared differences of codes, `GROUP` axes at a time for all `LANES` rows, and is left as soon as no
       row can still win. Sums are 16 bits wide and saturate, so they can only be too small: a row is kept too often, never lost.
    4. The rows that are left get their distance in float64 from the float32 originals, in column order, which alone decides.

Why no true neighbour is lost
    The query is first moved to the nearest point of the box that the whole table fills: every row owes it the squared length of that move
    (`excess`), for a box is convex. Clamping both to the bytes then moves no two points apart, and rounding moves the two by at most
    `error` together. So |query − row|² ≤ R² implies that the distance between their codes is at most sqrt(R² − excess) + error, with R
    the distance of the current k-th best; `code_limit` is that, squared.

Source: partial distances, layout and pruning by blocks, Kuffo, Krippner & Boncz 2025, "PDX: A Data Layout for Vector Similarity Search";
filter by quantised approximation, then refine, Weber, Schek & Blott 1998 (the VA-file).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from realtime.voices.query_vector import GROUP, LANES, SATURATED, add_box_squares, add_squares, lanes_within, lowest_lane

CODE_MAX = 255
# Float64 rounding of a rotation by up to 128 axes is below 128 · 2⁻⁵³ · sqrt(128) ≈ 1.6e-13 of the vector's length.
ROTATION_ERROR = 1e-12
# Slack on the squared limit for the rounding of the float64 arithmetic in it (some 1e-14); costs no measurable extra candidates.
LIMIT_SLACK = 1e-9


@njit("boolean(int64, int64[::1], int64, int64)", cache=True, nogil=True)
def is_refused(unit: int, banned: NDArray[np.int64], ban_radius: int, allowed: int) -> bool:
    """Say whether a unit is within `ban_radius` of a banned one (−1 is an empty slot) and not the allowed one."""
    if unit == allowed:
        return False
    for slot in range(banned.shape[0]):  # noqa: SIM110 (Numba compiles no any() of a generator)
        if banned[slot] >= 0 and abs(unit - banned[slot]) <= ban_radius:
            return True
    return False


@njit("int64(int64[::1], float64[::1], int64, int64, int64, float64)", cache=True, nogil=True)
def insert_sorted(out_index: NDArray[np.int64], out_distance: NDArray[np.float64], found: int, k: int, unit: int, distance: float) -> int:
    """Put a unit into the ascending list of the k best, the lower number first where distances are equal, and return the list's length."""
    place = found
    if found == k:
        place = k - 1
        if distance > out_distance[place] or (distance == out_distance[place] and unit > out_index[place]):
            return found
    while place > 0 and (out_distance[place - 1] > distance or (out_distance[place - 1] == distance and out_index[place - 1] > unit)):
        out_distance[place] = out_distance[place - 1]
        out_index[place] = out_index[place - 1]
        place -= 1
    out_distance[place] = distance
    out_index[place] = unit
    return found + 1 if found < k else found


@njit(
    "UniTuple(float64, 2)(float32[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], int16[::1])",
    cache=True,
    nogil=True,
)
def encode_query(
    query: NDArray[np.float32],
    rotation: NDArray[np.float64],
    centre: NDArray[np.float64],
    reach: NDArray[np.float64],
    scale: NDArray[np.float64],
    rotated: NDArray[np.float64],
    target: NDArray[np.int16],
) -> tuple[float, float]:
    """Rotate a query and round it to codes.

    Parameters
    ----------
    query : float32 array, shape (D,)
    rotation : float64 array, shape (D, A), orthonormal columns, zero beyond D
    centre : float64 array, shape (D,)
    reach : float64 array, shape (3, A), in steps
        Rows: the table's lowest and highest coordinate on each axis, and the offset that puts the table's middle at the bytes' middle.
    scale : float64 array, shape (3,)
        Steps per unit of distance; the largest rounding error of a row, in steps; the longest row, in steps from the centre.
    rotated : float64 array, shape (A,)
        Workspace, overwritten.
    target : int16 array, shape (A,), 0..255
        Overwritten with the codes.

    Returns
    -------
    (float, float)
        `excess`, the squared distance that the query lies outside the table's range, not above its true value; `error`, how much longer
        than the true distance the distance between codes can be. Both in steps. `error` is not finite if the query is not.

    Thread
    ------
    Any. No allocation.
    """
    length = 0.0
    for axis in range(target.shape[0]):
        rotated[axis] = 0.0
    for column in range(query.shape[0]):
        offset = (np.float64(query[column]) - centre[column]) * scale[0]
        length += offset * offset
        for axis in range(target.shape[0]):
            rotated[axis] += offset * rotation[column, axis]
    blur = ROTATION_ERROR * (math.sqrt(length) + scale[2]) + ROTATION_ERROR
    excess = 0.0
    rounding = 0.0
    if not math.isfinite(blur):
        return 0.0, blur
    for axis in range(target.shape[0]):
        coordinate = rotated[axis] + reach[2, axis]
        inside = min(max(coordinate, reach[0, axis]), reach[1, axis])
        beyond = abs(coordinate - inside) - blur
        if beyond > 0.0:
            excess += beyond * beyond
        coordinate = min(max(inside, 0.0), np.float64(CODE_MAX))
        code = math.floor(coordinate + 0.5)
        rounding += (coordinate - code) * (coordinate - code)
        target[axis] = np.int16(code)
    return excess, math.sqrt(rounding) + scale[1] + 2.0 * blur + LIMIT_SLACK


@njit("int64(float64, float64, float64, float64)", cache=True, nogil=True)
def code_limit(distance: float, steps: float, excess: float, error: float) -> int:
    """Return the largest squared distance between codes that a row at the given squared distance, or nearer, can have.

    Parameters
    ----------
    distance : float, squared
    steps : float, steps per unit of distance
    excess, error : float, from `encode_query`

    Returns
    -------
    int, 0..SATURATED
        `SATURATED` also where the true value is above it: such a limit lets everything through.

    Thread
    ------
    Any. No allocation.
    """
    span = distance * steps * steps
    root = math.sqrt(max(span + span * LIMIT_SLACK - excess, 0.0)) + error
    limit = root * root + LIMIT_SLACK
    return SATURATED if limit >= SATURATED else int(limit)


@njit(
    "int64(float32[::1], int64, int64[::1], int64, int64, int64, int64[::1], float64[::1],"
    " float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], uint8[::1], uint8[::1], float32[:, ::1], int64[::1], int64[::1],"
    " float64[::1], int16[::1], uint16[::1], uint16[::1], int64[::1])",
    cache=True,
    nogil=True,
)
def search_units(
    query: NDArray[np.float32],
    k: int,
    banned: NDArray[np.int64],
    ban_radius: int,
    allowed: int,
    hint: int,
    out_index: NDArray[np.int64],
    out_distance: NDArray[np.float64],
    rotation: NDArray[np.float64],
    centre: NDArray[np.float64],
    reach: NDArray[np.float64],
    scale: NDArray[np.float64],
    codes: NDArray[np.uint8],
    boxes: NDArray[np.uint8],
    rows: NDArray[np.float32],
    units: NDArray[np.int64],
    slots: NDArray[np.int64],
    rotated: NDArray[np.float64],
    target: NDArray[np.int16],
    bounds: NDArray[np.uint16],
    sums: NDArray[np.uint16],
    waiting: NDArray[np.int64],
) -> int:
    """Find the k rows nearest to a query, exactly; the arguments from `rotation` on are `UnitIndex`'s arrays.

    Parameters
    ----------
    query, k, banned, ban_radius, allowed, hint, out_index, out_distance
        As in `UnitIndex.search`; nothing is checked here.
    rotation, centre, reach, scale
        As in `encode_query`.
    codes : uint8 array, (axes / GROUP, blocks, GROUP, LANES) flattened
    boxes : uint8 array, (ceil(blocks / LANES), axes, 2, LANES) flattened
    rows : float32 array, shape (N, D), in slot order
    units, slots : int64 array, shape (N,)
        Unit number of each slot, slot of each unit.
    rotated, target, bounds, sums, waiting
        Workspace, overwritten.

    Returns
    -------
    int
        How many were found: k, or fewer where bans leave fewer; 0 where the query is not finite, for nothing is near it.

    Thread
    ------
    Any, one at a time. No allocation, no exception.
    """
    excess, error = encode_query(query, rotation, centre, reach, scale, rotated, target)
    if not math.isfinite(error):
        return 0
    one = np.uint64(1)
    axes = target.shape[0]
    total = units.shape[0]
    blocks = (total + LANES - 1) // LANES
    shelves = (blocks + LANES - 1) // LANES  # a shelf is `LANES` blocks, bounded together

    for shelf in range(shelves):
        for axis in range(0, axes, GROUP):
            add_box_squares(boxes, 2 * LANES * (shelf * axes + axis), target, axis, bounds, shelf * LANES)
    nearest = 0
    for block in range(blocks):
        if bounds[block] < bounds[nearest]:
            nearest = block

    # The hint's block, then the nearest box: they bring the limit down at once. Then the shelves as they lie in memory.
    found = 0
    limit = SATURATED
    hinted = slots[hint] // LANES if 0 <= hint < total else nearest
    for turn in range(-2, shelves):
        first = turn * LANES
        count = 0
        if turn < 0:
            first = hinted if turn == -2 else nearest
            if turn == -1 and nearest == hinted:
                continue
            waiting[0] = first
            count = 1
        else:
            near = lanes_within(bounds, first, limit)
            while near != 0:
                block = first + lowest_lane(near)
                near &= near - one
                # A shelf's last places may hold no block.
                if block < blocks and block not in (nearest, hinted):
                    waiting[count] = block
                    count += 1

        # Axis group by axis group through all blocks that are left: whether a block stays is a number that is added, not a branch that
        # is guessed wrong every other time.
        for axis in range(0, axes, GROUP):
            kept = 0
            for entry in range(count):
                block = waiting[entry]
                alive = add_squares(codes, LANES * (blocks * axis + block * GROUP), target, axis, sums, LANES * (block - first), limit)
                waiting[kept] = block
                kept += int(alive != 0)
            count = kept

        for entry in range(count):
            block = waiting[entry]
            place = LANES * (block - first)
            remaining = total - LANES * block
            alive = lanes_within(sums, place, limit)
            if remaining < LANES:
                alive &= (one << np.uint64(remaining)) - one
            while alive != 0:
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
                slot = LANES * block + lane
                if sums[place + lane] > limit or is_refused(units[slot], banned, ban_radius, allowed):
                    continue
                distance = 0.0
                for column in range(query.shape[0]):
                    difference = np.float64(query[column]) - np.float64(rows[slot, column])
                    distance += difference * difference
                if found == k and distance > out_distance[k - 1]:
                    continue
                found = insert_sorted(out_index, out_distance, found, k, units[slot], distance)
                if found == k:
                    limit = code_limit(out_distance[k - 1], scale[0], excess, error)
    return found


@njit("void(float32[::1], float32[::1], float64, float32[::1])", cache=True, nogil=True)
def blend_targets(target: NDArray[np.float32], continuation: NDArray[np.float32], weight: float, out: NDArray[np.float32]) -> None:
    """Fold target cost and concatenation cost into one point to search near.

    With q the target, p the descriptor that would go on from the last unit, u a unit and c = `weight`:
    |q − u|² + c |p − u|² = (1 + c) |u − (q + c p) / (1 + c)|² + c / (1 + c) |q − p|², and the last term is the same for every unit.
    So the units in order of both costs together are the units in order of distance to `out`.

    Parameters
    ----------
    target, continuation : float32 array, shape (D,), scaled as the table is
        Read only.
    weight : float, 0 or more
        Concatenation cost over target cost: 0 is the target alone, 1 halfway.
    out : float32 array, shape (D,)
        Overwritten; may be `target`.

    Thread
    ------
    Deck. No allocation.
    """
    share = weight / (1.0 + weight)
    for column in range(target.shape[0]):
        out[column] = np.float32(target[column] + share * (np.float64(continuation[column]) - target[column]))
