"""Vector operations of the unit search: `LANES` small integers at a time, as one machine instruction or a few.

They know blocks of bytes and 16-bit sums, not what is searched. Numba turns no integer loop into 8- and 16-bit vectors (its integers are
64 bits wide), so the compiled forms are written in LLVM's vector types, which LLVM cuts to what the machine has (SSE2, AVX2, AVX-512,
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

LANES = 64  # rows in a block: one bit each in a 64-bit mask, and one cache line of codes per axis
GROUP = 8  # axes added between two looks at the limit; 4 costs more in looks than it saves in sums (measured)
SATURATED = 65535  # the largest 16-bit sum: says "at least this much", so as a limit it lets everything through

_BYTES = ir.VectorType(ir.IntType(8), LANES)
_WORDS = ir.VectorType(ir.IntType(16), LANES)
_MASK = ir.IntType(64)


# What the compiled forms emit, in LLVM's own vector types.


def _item(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Return the address of one item of a one-dimensional array."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def _load(builder: Any, address: Any, offset: int, vector: Any) -> Any:
    """Load a vector from an item's address plus an offset in items; nothing is assumed about alignment."""
    start = builder.gep(address, [ir.Constant(_MASK, offset)])
    value = builder.load(builder.bitcast(start, vector.as_pointer()))
    value.align = 1
    return value


def _store(builder: Any, value: Any, address: Any) -> None:
    """Store a vector at an item's address; nothing is assumed about alignment."""
    builder.store(value, builder.bitcast(address, value.type.as_pointer())).align = 1


def _spread(builder: Any, scalar: Any, vector: Any) -> Any:
    """Copy a scalar to every lane."""
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


def _saturating(builder: Any, operation: str, left: Any, right: Any) -> Any:
    """Emit LLVM's unsigned saturating `add` or `sub`, one machine instruction wherever there are vectors."""
    vector = left.type
    name = f"llvm.u{operation}.sat.v{LANES}i{vector.element.width}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector, vector]), name)
    return builder.call(function, [left, right])


def _emit_lanes_within_limit(builder: Any, sums: Any, limit: Any) -> Any:
    """Return the 64-bit mask of the lanes not above the limit; lane 0 is the lowest bit."""
    return builder.bitcast(builder.icmp_unsigned("<=", sums, _spread(builder, limit, _WORDS)), _MASK)


@intrinsic
def _emit_add_squares(_typing: Any, codes: Any, start: Any, target: Any, axis: Any, sums: Any, place: Any, limit: Any) -> Any:
    """Compiled body of `add_squares`."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        code = _item(context, builder, signature.args[0], values[0], values[1])
        goal = _item(context, builder, signature.args[2], values[2], values[3])
        sum_ = _item(context, builder, signature.args[4], values[4], values[5])
        # `axis` is 0 at the start of a block, where what the sums held belongs to another one.
        fresh = builder.icmp_signed("==", values[3], ir.Constant(values[3].type, 0))
        total = builder.select(fresh, ir.Constant(_WORDS, [0] * LANES), _load(builder, sum_, 0, _WORDS))
        for step in range(GROUP):
            lanes = builder.zext(_load(builder, code, step * LANES, _BYTES), _WORDS)
            aim = builder.load(builder.gep(goal, [ir.Constant(_MASK, step)]))
            difference = builder.sub(lanes, _spread(builder, aim, _WORDS))
            total = _saturating(builder, "add", total, builder.mul(difference, difference))
        _store(builder, total, sum_)
        return _emit_lanes_within_limit(builder, total, values[6])

    return types.uint64(codes, types.int64, target, types.int64, sums, types.int64, types.uint16), emit


@intrinsic
def _emit_add_box_squares(_typing: Any, boxes: Any, start: Any, target: Any, axis: Any, bounds: Any, place: Any) -> Any:
    """Compiled body of `add_box_squares`."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        edge = _item(context, builder, signature.args[0], values[0], values[1])
        goal = _item(context, builder, signature.args[2], values[2], values[3])
        bound = _item(context, builder, signature.args[4], values[4], values[5])
        fresh = builder.icmp_signed("==", values[3], ir.Constant(values[3].type, 0))
        total = builder.select(fresh, ir.Constant(_WORDS, [0] * LANES), _load(builder, bound, 0, _WORDS))
        for step in range(GROUP):
            low = _load(builder, edge, 2 * step * LANES, _BYTES)
            high = _load(builder, edge, (2 * step + 1) * LANES, _BYTES)
            aim = builder.load(builder.gep(goal, [ir.Constant(_MASK, step)]))
            spread = _spread(builder, builder.trunc(aim, ir.IntType(8)), _BYTES)
            # At most one of the two differences is above zero.
            outside = builder.or_(_saturating(builder, "sub", low, spread), _saturating(builder, "sub", spread, high))
            distance = builder.zext(outside, _WORDS)
            total = _saturating(builder, "add", total, builder.mul(distance, distance))
        _store(builder, total, bound)
        return context.get_dummy_value()

    return types.void(boxes, types.int64, target, types.int64, bounds, types.int64), emit


@intrinsic
def _emit_lanes_within(_typing: Any, sums: Any, place: Any, limit: Any) -> Any:
    """Compiled body of `lanes_within`."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = _item(context, builder, signature.args[0], values[0], values[1])
        return _emit_lanes_within_limit(builder, _load(builder, first, 0, _WORDS), values[2])

    return types.uint64(sums, types.int64, types.uint16), emit


@intrinsic
def _emit_lowest_lane(_typing: Any, mask: Any) -> Any:
    """Compiled body of `lowest_lane`."""

    def emit(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), emit


# The plain Python forms: what the kernels name, and what `py_func` runs.


def _as_mask(lanes: NDArray[np.bool_]) -> np.uint64:
    return np.uint64(int.from_bytes(np.packbits(lanes, bitorder="little").tobytes(), "little"))


def add_squares(
    codes: NDArray[np.uint8], start: int, target: NDArray[np.int16], axis: int, sums: NDArray[np.uint16], place: int, limit: int
) -> np.uint64:
    """Add `GROUP` axes' squared differences to a block's sums and say which lanes are still within the limit.

    Parameters
    ----------
    codes : uint8 array
        The group begins at item `start`: axis by axis, `LANES` codes each.
    target : int16 array, 0..255
        The query's codes; the group is `target[axis : axis + GROUP]`. At axis 0 the sums begin at zero.
    sums : uint16 array
        `sums[place : place + LANES]` has the squared distances so far; read and overwritten, saturating at `SATURATED`.
    limit : int, 0..SATURATED

    Returns
    -------
    uint64
        Bit i is set where `sums[place + i] <= limit`.

    Thread
    ------
    Any. Compiled: no allocation.
    """
    block = codes[start : start + GROUP * LANES].reshape(GROUP, LANES).astype(np.int64)
    before = sums[place : place + LANES].astype(np.int64) if axis != 0 else np.zeros(LANES, np.int64)
    difference = block - target[axis : axis + GROUP, np.newaxis]
    sums[place : place + LANES] = np.minimum(before + (difference * difference).sum(axis=0), SATURATED)
    return _as_mask(sums[place : place + LANES] <= limit)


def add_box_squares(
    boxes: NDArray[np.uint8], start: int, target: NDArray[np.int16], axis: int, bounds: NDArray[np.uint16], place: int
) -> None:
    """Add `GROUP` axes' squared distances from the query to `LANES` bounding boxes, saturating.

    Parameters
    ----------
    boxes : uint8 array
        For each axis `LANES` lower edges, then `LANES` upper edges; the group begins at item `start`.
    target : int16 array, 0..255
        The query's codes; the group is `target[axis : axis + GROUP]`. At axis 0 the bounds begin at zero.
    bounds : uint16 array
        `bounds[place : place + LANES]` is read and overwritten.

    Thread
    ------
    Any. Compiled: no allocation.
    """
    edges = boxes[start : start + 2 * GROUP * LANES].reshape(GROUP, 2, LANES).astype(np.int64)
    aim = target[axis : axis + GROUP, np.newaxis].astype(np.int64)
    outside = np.maximum(np.maximum(edges[:, 0] - aim, aim - edges[:, 1]), 0)
    before = bounds[place : place + LANES].astype(np.int64) if axis != 0 else np.zeros(LANES, np.int64)
    bounds[place : place + LANES] = np.minimum(before + (outside * outside).sum(axis=0), SATURATED)


def lanes_within(sums: NDArray[np.uint16], place: int, limit: int) -> np.uint64:
    """Return the mask of `sums[place : place + LANES]` that is not above the limit."""
    return _as_mask(sums[place : place + LANES] <= limit)


def lowest_lane(mask: np.uint64) -> int:
    """Return the number of the lowest set bit of a mask that is not zero."""
    bits = int(mask)
    return (bits & -bits).bit_length() - 1


@overload(add_squares)
def _overload_add_squares(codes: Any, start: Any, target: Any, axis: Any, sums: Any, place: Any, limit: Any) -> Callable[..., Any]:
    def compiled(codes: Any, start: Any, target: Any, axis: Any, sums: Any, place: Any, limit: Any) -> Any:
        return _emit_add_squares(codes, start, target, axis, sums, place, np.uint16(limit))

    return compiled


@overload(add_box_squares)
def _overload_add_box_squares(boxes: Any, start: Any, target: Any, axis: Any, bounds: Any, place: Any) -> Callable[..., Any]:
    def compiled(boxes: Any, start: Any, target: Any, axis: Any, bounds: Any, place: Any) -> Any:
        _emit_add_box_squares(boxes, start, target, axis, bounds, place)

    return compiled


@overload(lanes_within)
def _overload_lanes_within(sums: Any, place: Any, limit: Any) -> Callable[..., Any]:
    def compiled(sums: Any, place: Any, limit: Any) -> Any:
        return _emit_lanes_within(sums, place, np.uint16(limit))

    return compiled


@overload(lowest_lane)
def _overload_lowest_lane(mask: Any) -> Callable[..., Any]:
    def compiled(mask: Any) -> Any:
        return _emit_lowest_lane(mask)

    return compiled
