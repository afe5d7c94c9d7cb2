"""Loads and stores with memory order, for Numba kernels. They know one int64 array element, nothing of rings.

Two processes share the block, so what one writes before it publishes a position must be visible to the other once it has read that
position: *release* on the store, *acquire* on the load. Plain loads and stores happen to work on x86-64 and fail on ARM.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_ALIGN_BYTES = 8


@intrinsic
def load_acquire(typing_context: Any, array: Any, index: Any) -> Any:
    """``array[index]`` of an int64 array, ordered before every later access of this thread."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type = signature.args[0]
        view = context.make_array(array_type)(context, builder, arguments[0])
        pointer = cgutils.get_item_pointer(context, builder, array_type, view, [arguments[1]])
        return builder.load_atomic(pointer, "acquire", _ALIGN_BYTES)

    return types.int64(array, types.intp), generate


@intrinsic
def store_release(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """``array[index] = value`` of an int64 array, ordered after every earlier access of this thread."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type = signature.args[0]
        view = context.make_array(array_type)(context, builder, arguments[0])
        pointer = cgutils.get_item_pointer(context, builder, array_type, view, [arguments[1]])
        builder.store_atomic(arguments[2], pointer, "release", _ALIGN_BYTES)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), generate


@intrinsic
def fence_acquire(typing_context: Any) -> Any:
    """Every load before this, of any element, is ordered before every access after it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("acquire")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def as_float_pointer(typing_context: Any, pointer: Any) -> Any:
    """The same address as a pointer to float32: the second view of the shared block."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(pointer), generate


@intrinsic
def as_word_pointer(typing_context: Any, address: Any) -> Any:
    """An address as a pointer to int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), generate


@intrinsic
def address_of(typing_context: Any, array: Any) -> Any:
    """Address of the first element of an array, as an integer to hand to the operating system."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(view.data, ir.IntType(64))

    return types.int64(array), generate
