"""A reader of the one pickle that a `.dac` file holds: it builds plain values only and knows no class, no module, no function.

`pickle` itself imports and calls what the file names, and grows its memory as the file says. Here the operations are walked by
`pickletools`, the few that such a file needs are done on plain values, and the three names of numpy it needs stand for plain data.
"""

import pickletools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ForeignObjectError", "read_plain_pickle"]

# The names numpy gives its array maker: numpy 1, numpy 2.
ARRAY_MAKERS = {("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")}
ARRAY, DTYPE = ("numpy", "ndarray"), ("numpy", "dtype")
# What the fields are made of; an object array holds the whole.
NUMBERS = {"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "b1"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
INTEGERS, TEXTS = {"BININT", "BININT1", "BININT2", "LONG1"}, {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
LITERALS = INTEGERS | TEXTS | {"BINFLOAT", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8"}
MOST_OPERATIONS = 10_000
# The dictionary, and the one in it.
DEEPEST = 2


class ForeignObjectError(Exception):
    """The pickle names something that no `.dac` file has."""


class _Name(NamedTuple):
    module: str
    name: str


class _Array:
    """An array being built: filled by BUILD."""

    def __init__(self) -> None:
        self.value: Any = None


class _Dtype(NamedTuple):
    code: str


class _Mark:
    pass


def read_plain_pickle(content: bytes) -> Any:
    """Return the one object of an array without axes, made of dicts, text, numbers and arrays of numbers, as numpy pickles it.

    Raises
    ------
    ForeignObjectError
        It names another class or function.
    ValueError
        It is cut short, malformed, or does what such a file does not.
    """
    reader = _Reader()
    try:
        for count, (operation, argument, _) in enumerate(pickletools.genops(content)):
            if count > MOST_OPERATIONS:
                raise ValueError("more operations than a .dac file has")
            if operation.name == "STOP":
                return _whole(reader.pop())
            reader.do(operation.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeError) as error:
        raise ValueError(f"malformed: {type(error).__name__}") from error
    raise ValueError("cut short")


class _Reader:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        return self.stack.pop()

    def to_mark(self) -> list[Any]:
        items = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def do(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in ("PROTO", "FRAME"):
            return
        if name in LITERALS:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name == "MARK":
            stack.append(_Mark())
        elif name in ("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT"):
            stack.append({"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}[name]())
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            items = [self.pop() for _ in range(int(name[-1]))][::-1]
            stack.append(tuple(items))
        elif name == "TUPLE":
            stack.append(tuple(self.to_mark()))
        elif name == "APPEND":
            _of(list, stack[-2]).append(self.pop())
        elif name == "APPENDS":
            items = self.to_mark()
            _of(list, stack[-1]).extend(items)
        elif name == "SETITEM":
            value, key = self.pop(), self.pop()
            _of(dict, stack[-1])[_of(str, key)] = value
        elif name == "SETITEMS":
            items = self.to_mark()
            _of(dict, stack[-1]).update({_of(str, key): value for key, value in zip(items[::2], items[1::2], strict=True)})
        elif name == "STACK_GLOBAL":
            text, module = self.pop(), self.pop()
            stack.append(_known(module, text))
        elif name == "GLOBAL":
            stack.append(_known(*argument.split(" ", 1)))
        elif name == "REDUCE":
            arguments, made = self.pop(), self.pop()
            stack.append(_made(made, arguments))
        elif name == "BUILD":
            state = self.pop()
            _build(self.stack, state)
        else:
            raise ForeignObjectError(f"the operation {name}")


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _known(module: Any, name: Any) -> _Name:
    found = _Name(_of(str, module), _of(str, name))
    if found not in ARRAY_MAKERS and found not in (ARRAY, DTYPE):
        raise ForeignObjectError(f"{module}.{name}")
    return found


def _made(made: Any, arguments: Any) -> Any:
    if made in ARRAY_MAKERS and arguments[0] == ARRAY:
        return _Array()
    if made == DTYPE and isinstance(arguments[0], str):
        return _Dtype(arguments[0])
    raise ForeignObjectError(f"a call of {made!r}"[:80])


def _build(stack: list[Any], state: Any) -> None:
    if isinstance(stack[-1], _Dtype):
        # (version, byte order, nothing ...)
        order = state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise ForeignObjectError("a structured array")
        stack[-1] = _Dtype(stack[-1].code)
        if order == ">":
            raise ForeignObjectError("an array of the other byte order")
    elif isinstance(stack[-1], _Array):
        _, shape, dtype, by_columns, content = state
        stack[-1].value = _array(shape, dtype, by_columns, content)
    else:
        raise ForeignObjectError(f"a state for {type(stack[-1]).__name__}")


def _array(shape: Any, dtype: Any, by_columns: Any, content: Any) -> Any:
    if dtype.code in ("O", "O8"):
        return _of(list, content)
    if dtype.code not in NUMBERS:
        raise ForeignObjectError(f"an array of {dtype.code}"[:80])
    values: NDArray[Any] = np.frombuffer(_of(bytes, content), np.dtype(dtype.code).newbyteorder("<"))
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise TypeError
    # An array that lies in memory column by column is pickled as it lies; torch's transposed codes do.
    return values.reshape(shape, order="F" if _of(bool, by_columns) else "C")


def _whole(value: Any) -> Any:
    """Return the one object of an array without axes."""
    if not isinstance(value, _Array) or not isinstance(value.value, list) or len(value.value) != 1:
        raise ValueError("no array of one object")
    return _settled(value.value[0])


def _settled(value: Any, depth: int = 0) -> Any:
    """Return a value with the arrays that were being built replaced by what they became, as deep as a file goes.

    Lists are left as they are: what holds itself a thousand times over must not be walked.
    """
    if isinstance(value, _Array):
        value = value.value
    if isinstance(value, dict) and depth < DEEPEST:
        return {key: _settled(item, depth + 1) for key, item in value.items()}
    return value
