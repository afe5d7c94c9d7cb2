"""Datagrams as messages and messages as datagrams. It knows python-osc's parser, and shows it only what `bounds` has passed."""

import math
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pythonosc.osc_message import OscMessage

from realtime.control.address import Value
from realtime.osc.bounds import IMMEDIATELY, Element

PACKED_BYTES = 1400
"""Bundles that we send stay under this, so that no network cuts them in pieces (Ethernet carries 1500, tunnels less)."""

_HEAD = b"#bundle\0" + IMMEDIATELY.to_bytes(8, "big")
_FLOAT, _INT, _LONG = (struct.Struct(kind).pack for kind in (">f", ">i", ">q"))
_FLOAT_MAX = 3.4028234663852886e38
_FITS_I = range(-(1 << 31), 1 << 31)
_FITS_H = range(-(1 << 63), 1 << 63)


class Message(NamedTuple):
    """An address or pattern, its arguments, and the time tag of the bundle it came in."""

    path: str
    arguments: tuple[Value, ...]
    tag: int


def decode(datagram: bytes, elements: Iterable[Element]) -> list[Message] | str:
    """The messages of a datagram that `bounds.check` has passed, or a reason.

    Raises
    ------
    Nothing: whatever python-osc still raises is a reason.
    """
    try:
        return [_decode(datagram[start:stop], tag) for start, stop, tag in elements]
    except Exception as error:  # noqa: BLE001 - a parser that is not ours, on bytes that are anybody's
        return f"python-osc: {type(error).__name__}: {error}"


def _decode(message: bytes, tag: int) -> Message:
    parsed = OscMessage(message)
    # `T` and `F` come as truths; nothing else than numbers and texts passes the check.
    # Nil is no argument: programs draw a command without any as a button, which sends one.
    return Message(parsed.address, tuple(int(value) if isinstance(value, bool) else value for value in parsed if value is not None), tag)


def encode(path: str, values: Sequence[Value] = ()) -> bytes:
    """One message. What OSC has no room for is brought into range: it is an answer of ours, and a wrong one is better than none.

    Parameters
    ----------
    path : str
    values : sequence of float, int or str
        Floats go as `f`, whole numbers as `i` (`h` where 32 bits are too few), texts as `s`, up to their first zero.
    """
    tags = ","
    data = []
    for value in values:
        if isinstance(value, str):
            tags += "s"
            data.append(_text(value))
        elif isinstance(value, float):
            tags += "f"
            # What is not finite has a place in 32 bits too.
            data.append(
                _FLOAT(value if -_FLOAT_MAX <= value <= _FLOAT_MAX or not math.isfinite(value) else math.copysign(_FLOAT_MAX, value))
            )
        elif value in _FITS_I:
            tags += "i"
            data.append(_INT(value))
        else:
            tags += "h"
            data.append(_LONG(min(max(value, _FITS_H.start), _FITS_H.stop - 1)))
    return _text(path) + _text(tags) + b"".join(data)


def _text(text: str) -> bytes:
    plain = text.partition("\0")[0].encode("utf-8", "replace")
    return plain + bytes(4 - len(plain) % 4)


def bundle(messages: Iterable[bytes]) -> bytes:
    """Messages as one bundle that is meant for now."""
    return _HEAD + b"".join(struct.pack(">i", len(message)) + message for message in messages)


def pack(messages: Iterable[bytes], limit_bytes: int = PACKED_BYTES) -> list[bytes]:
    """Messages in as few bundles as stay under a size; one that is longer has a packet of its own."""
    packets = []
    waiting: list[bytes] = []
    size = len(_HEAD)
    for message in messages:
        if waiting and size + 4 + len(message) > limit_bytes:
            packets.append(bundle(waiting))
            waiting, size = [], len(_HEAD)
        waiting.append(message)
        size += 4 + len(message)
    if waiting:
        packets.append(bundle(waiting))
    return packets
