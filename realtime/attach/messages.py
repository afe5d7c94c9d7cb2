"""What a screen and its stage say to each other: one JSON array to a line, `["name", arguments...]`. It knows no socket.

Whoever reads trusts nothing: a line that is none of these messages is an error, never half a message.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from realtime.attach.errors import AttachError

TO_STAGE_BYTES: Final = 64 * 1024
"""Longest line a screen may send: the longest address and texts fit many times over."""
TO_SCREEN_BYTES: Final = 4 * 1024 * 1024
"""Longest line a stage sends: every address of sixteen decks full of large patches."""
_MOST_VALUES: Final = 256
MOST_NUMBER: Final = 2**53
"""Whole numbers up to here are the same in every JSON reader."""

Message = tuple[str, list[Any]]
Check = Callable[[Any], bool]


class MessageError(AttachError):
    """A line that is no message."""


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        # JSON can write halves of characters, which no terminal, log or file takes.
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST_NUMBER


def is_value(value: Any) -> bool:
    """Whether something is what an address can hold."""
    if type(value) is int:
        return abs(value) <= MOST_NUMBER
    # 1e999 is read as infinite.
    return math.isfinite(value) if isinstance(value, float) else _is_text(value)


def _is_values(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_VALUES and all(map(is_value, value))


def _is_reply(value: Any) -> bool:
    # The answer of a query can be as long as there are addresses.
    return isinstance(value, list) and all(map(is_value, value))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_table, value))


TO_STAGE: Final[Mapping[str, tuple[Check, ...]]] = {
    "hello": (_is_count, _is_text),
    "look": (_is_flag, _is_flag),
    "ask": (_is_count, _is_text, _is_values),
    "patches": (_is_count,),
    "quit": (),
}
"""`hello` version token · `look` sound-too messages-too · `ask` number address values · `patches` number · `quit`."""

TO_SCREEN: Final[Mapping[str, tuple[Check, ...]]] = {
    "welcome": (_is_count,),
    "refused": (_is_text,),
    "view": (_is_table,),
    "told": (_is_count, _is_text, _is_text, _is_reply, _is_text),
    "patches": (_is_count, _is_tables),
    "bye": (_is_text,),
}
"""`welcome` process · `refused` why · `view` what is new · `told` number address state values why · `patches` number tables · `bye` why."""


def write_message(name: str, *arguments: Any) -> bytes:
    """A message as a line. Numbers that are not finite become 0 and halves of characters `?`: no JSON reader takes them.

    Raises
    ------
    MessageError — something that JSON cannot say.
    """
    message = [name, *arguments]
    try:
        try:
            text = _dump(message)
        except ValueError:
            text = _dump(_finite(message))
    except TypeError as error:
        raise MessageError(f"message {name!r} cannot be written", got=str(error)) from None
    return text.encode(errors="replace") + b"\n"


def read_message(line: bytes, table: Mapping[str, tuple[Check, ...]]) -> Message:
    """The message of a line, checked against a table.

    Raises
    ------
    MessageError — it is none of the table's.
    """
    try:
        message = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, list) or not message or not isinstance(message[0], str):
        raise MessageError("a line that is no message", got=repr(line[:40]), allowed='["name", ...]')
    name, *arguments = message
    checks = table.get(name)
    if checks is None:
        raise MessageError("a message of no known name", got=repr(name[:40]), allowed=", ".join(table))
    if len(arguments) != len(checks) or not all(check(argument) for check, argument in zip(checks, arguments, strict=True)):
        raise MessageError(f"message {name!r}: arguments", got=repr(line[:80]), allowed=f"{len(checks)} of the right kind")
    return name, arguments


class Lines:
    """Cuts what comes from a socket into lines.

    Capacity: `most_bytes` of a line that is not whole yet.
    Thread: one.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._begun = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Take in what came."""
        self._begun += data

    def next(self) -> bytes | None:
        """The next whole line without its end; None: it has not come yet.

        Raises
        ------
        MessageError — the line is too long.
        """
        end = self._begun.find(b"\n", self._searched)
        if end > self._most_bytes or (end < 0 and len(self._begun) > self._most_bytes):
            raise MessageError("a line that is too long", got=f"{len(self._begun)} bytes", allowed=f"up to {self._most_bytes}")
        if end < 0:
            self._searched = len(self._begun)
            return None
        line = bytes(self._begun[:end])
        del self._begun[: end + 1]
        self._searched = 0
        return line


def _dump(message: list[Any]) -> str:
    # A number of NumPy's is one after `float`.
    return json.dumps(message, separators=(",", ":"), allow_nan=False, ensure_ascii=False, default=float)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
