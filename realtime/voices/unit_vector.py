"""Vector operations of the unit search: `LANES` rows at a time, their codes one byte each, their sums in float32.

They know blocks of bytes and sums, not what is searched. Numba does not turn a loop that widens bytes into vectors that stay in registers
over eight columns, so the compiled forms are written in LLVM's vector types, which LLVM cuts to what the machine has (SSE2, AVX2, AVX-512,
NEON). Each operation is a plain Python function with its compiled form registered for it, so a kernel that calls it works in both.

Numba's cache notices a change in a kernel's own file, not one here. `realtime.compiled` names the cache by both; without it, remove
`__pycache__` after a change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

LANES = 64  # rows in a block: one bit each in a 64-bit mask, and one cache line of codes per column
GROUP = 8  # columns added between two looks at the limit

_BYTES = ir.VectorType(ir.IntType(8), LANES)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_WORD = ir.IntType(64)


# What the compiled forms emit, in LLVM's own vector types.


def _item(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Return the address of one item of a one-dimensional array."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def _load(builder: Any, address: Any, offset: int, vector: Any) -> Any:
    """Load a vector from an item's address plus an offset in items; nothing is assumed about alignment."""
    start = builder.gep(address, [ir.Constant(_WORD, offset)])
    value = builder.load(builder.bitcast(start, vector.as_pointer()))
    value.align = 1
    return value


def _store(builder: Any, value: Any, address: Any) -> None:
    """Store a vector at an item's address; nothing is assumed about alignment."""
    builder.store(value, builder.bitcast(address, value.type.as_pointer())).align = 1


def _spread(builder: Any, scalar: Any) -> Any:
    """Copy a float to every lane."""
    nothing = ir.Constant(_FLOATS, ir.Undefined)
    first = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _multiply_add(builder: Any, left: Any, right: Any, addend: Any) -> Any:
    """Emit left · right + addend, as one instruction where the machine has it."""
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_FLOATS, [_FLOATS, _FLOATS, _FLOATS]), f"llvm.fmuladd.v{LANES}f32"
    )
    return builder.call(function, [left, right, addend])


def _begin(builder: Any, column: Any, address: Any) -> Any:
    """Return the sums so far: zero at column 0 of the order, where what the array held belongs to another block."""
    fresh = builder.icmp_signed("==", column, ir.Constant(column.type, 0))
    return builder.select(fresh, ir.Constant(_FLOATS, [0.0] * LANES), _load(builder, address, 0, _FLOATS))


@intrinsic
def _emit_add_squares(
    _typing: Any, codes: Any, start: Any, aim: Any, root: Any, column: Any, turn: Any, sums: Any, place: Any, limit: Any
) -> Any:
    """Compiled body of `add_squares`."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        code = _item(context, builder, signature.args[0], values[0], values[1])
        goal = _item(context, builder, signature.args[2], values[2], values[4])
        factor = _item(context, builder, signature.args[3], values[3], values[4])
        sum_ = _item(context, builder, signature.args[6], values[6], values[7])
        total = _begin(builder, values[5], sum_)
        for step in range(GROUP):
            place = [ir.Constant(_WORD, step)]
            lanes = builder.uitofp(_load(builder, code, step * LANES, _BYTES), _FLOATS)
            scaled = _spread(builder, builder.load(builder.gep(factor, place)))
            difference = _multiply_add(builder, lanes, scaled, _spread(builder, builder.load(builder.gep(goal, place))))
            total = _multiply_add(builder, difference, difference, total)
        _store(builder, total, sum_)
        return builder.bitcast(builder.fcmp_ordered("<=", total, _spread(builder, values[8])), _WORD)

    return types.uint64(codes, types.int64, aim, root, types.int64, types.int64, sums, types.int64, types.float32), emit


@intrinsic
def _emit_add_box_squares(
    _typing: Any, boxes: Any, start: Any, aim: Any, root: Any, column: Any, turn: Any, bounds: Any, place: Any
) -> Any:
    """Compiled body of `add_box_squares`."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        edge = _item(context, builder, signature.args[0], values[0], values[1])
        goal = _item(context, builder, signature.args[2], values[2], values[4])
        factor = _item(context, builder, signature.args[3], values[3], values[4])
        bound = _item(context, builder, signature.args[6], values[6], values[7])
        total = _begin(builder, values[5], bound)
        zero = ir.Constant(_FLOATS, [0.0] * LANES)
        for step in range(GROUP):
            place = [ir.Constant(_WORD, step)]
            scaled = _spread(builder, builder.load(builder.gep(factor, place)))
            offset = _spread(builder, builder.load(builder.gep(goal, place)))
            low = _multiply_add(builder, builder.uitofp(_load(builder, edge, 2 * step * LANES, _BYTES), _FLOATS), scaled, offset)
            high = _multiply_add(builder, builder.uitofp(_load(builder, edge, (2 * step + 1) * LANES, _BYTES), _FLOATS), scaled, offset)
            # Below the box `low` is the distance, above it `−high`; inside neither is above zero.
            above = builder.fsub(zero, high)
            outside = builder.select(builder.fcmp_ordered(">", low, above), low, above)
            outside = builder.select(builder.fcmp_ordered(">", outside, zero), outside, zero)
            total = _multiply_add(builder, outside, outside, total)
        _store(builder, total, bound)
        return context.get_dummy_value()

    return types.void(boxes, types.int64, aim, root, types.int64, types.int64, bounds, types.int64), emit


@intrinsic
def _emit_lanes_within(_typing: Any, sums: Any, place: Any, limit: Any) -> Any:
    """Compiled body of `lanes_within`."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        total = _load(builder, _item(context, builder, signature.args[0], values[0], values[1]), 0, _FLOATS)
        return builder.bitcast(builder.fcmp_ordered("<=", total, _spread(builder, values[2])), _WORD)

    return types.uint64(sums, types.int64, types.float32), emit


@intrinsic
def _emit_lowest_lane(_typing: Any, mask: Any) -> Any:
    """Compiled body of `lowest_lane`."""

    def emit(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), emit


# The plain Python forms: what the kernels name, and what `py_func` runs.


def add_squares(
    codes: NDArray[np.uint8],
    start: int,
    aim: NDArray[np.float32],
    root: NDArray[np.float32],
    column: int,
    turn: int,
    sums: NDArray[np.float32],
    place: int,
    limit: np.float32,
) -> np.uint64:
    """Add `GROUP` columns' weighted squared differences to a block's sums and say which lanes are still within the limit.

    Parameters
    ----------
    codes : uint8 array
        The group begins at item `start`: column by column, `LANES` codes each.
    aim, root : float32 array
        What is squared is `codes · root + aim`: `root` has the square root of a column's weight, `aim` minus the query times that. The
        group is `[column : column + GROUP]` of both.
    turn : int
        0 for the first group of a block: its sums begin at zero.
    sums : float32 array
        `sums[place : place + LANES]` is read and overwritten.
    limit : float32

    Returns
    -------
    uint64
        Bit i is set where `sums[place + i] <= limit`.

    Thread
    ------
    Any. Compiled: no allocation.
    """
    block = codes[start : start + GROUP * LANES].reshape(GROUP, LANES).astype(np.float32)
    before = sums[place : place + LANES] if turn != 0 else np.zeros(LANES, np.float32)
    difference = block * root[column : column + GROUP, np.newaxis] + aim[column : column + GROUP, np.newaxis]
    sums[place : place + LANES] = before + (difference * difference).sum(axis=0, dtype=np.float32)
    return lanes_within(sums, place, limit)


def add_box_squares(
    boxes: NDArray[np.uint8],
    start: int,
    aim: NDArray[np.float32],
    root: NDArray[np.float32],
    column: int,
    turn: int,
    bounds: NDArray[np.float32],
    place: int,
) -> None:
    """Add `GROUP` columns' weighted squared distances from the query to `LANES` bounding boxes.

    Parameters
    ----------
    boxes : uint8 array
        For each column `LANES` lower edges, then `LANES` upper edges; the group begins at item `start`.
    aim, root, column, turn
        As in `add_squares`.
    bounds : float32 array
        `bounds[place : place + LANES]` is read and overwritten.

    Thread
    ------
    Any. Compiled: no allocation.
    """
    edges = boxes[start : start + 2 * GROUP * LANES].reshape(GROUP, 2, LANES).astype(np.float32)
    edges = edges * root[column : column + GROUP, np.newaxis, np.newaxis] + aim[column : column + GROUP, np.newaxis, np.newaxis]
    outside = np.maximum(np.maximum(edges[:, 0], -edges[:, 1]), 0.0)
    before = bounds[place : place + LANES] if turn != 0 else np.zeros(LANES, np.float32)
    bounds[place : place + LANES] = before + (outside * outside).sum(axis=0, dtype=np.float32)


def lanes_within(sums: NDArray[np.float32], place: int, limit: np.float32) -> np.uint64:
    """Return the mask of `sums[place : place + LANES]` that is not above the limit."""
    within = sums[place : place + LANES] <= limit
    return np.uint64(int.from_bytes(np.packbits(within, bitorder="little").tobytes(), "little"))


def lowest_lane(mask: np.uint64) -> int:
    """Return the number of the lowest set bit of a mask that is not zero."""
    bits = int(mask)
    return (bits & -bits).bit_length() - 1


@overload(add_squares)
def _overload_add_squares(
    codes: Any, start: Any, aim: Any, root: Any, column: Any, turn: Any, sums: Any, place: Any, limit: Any
) -> Callable[..., Any]:
    def compiled(codes: Any, start: Any, aim: Any, root: Any, column: Any, turn: Any, sums: Any, place: Any, limit: Any) -> Any:
        return _emit_add_squares(codes, start, aim, root, column, turn, sums, place, np.float32(limit))

    return compiled


@overload(add_box_squares)
def _overload_add_box_squares(
    boxes: Any, start: Any, aim: Any, root: Any, column: Any, turn: Any, bounds: Any, place: Any
) -> Callable[..., Any]:
    def compiled(boxes: Any, start: Any, aim: Any, root: Any, column: Any, turn: Any, bounds: Any, place: Any) -> Any:
        _emit_add_box_squares(boxes, start, aim, root, column, turn, bounds, place)

    return compiled


@overload(lanes_within)
def _overload_lanes_within(sums: Any, place: Any, limit: Any) -> Callable[..., Any]:
    def compiled(sums: Any, place: Any, limit: Any) -> Any:
        return _emit_lanes_within(sums, place, np.float32(limit))

    return compiled


@overload(lowest_lane)
def _overload_lowest_lane(mask: Any) -> Callable[..., Any]:
    def compiled(mask: Any) -> Any:
        return _emit_lowest_lane(mask)

    return compiled
