"""Whether a packet sets one value and does nothing else, so that a later one may stand for it. It reads bytes and the namespace."""

import struct
from collections.abc import Mapping

from realtime.control.address import Address, Value, take_arguments
from realtime.osc.bounds import ADDRESS_BYTES, IMMEDIATELY, check
from realtime.osc.packet import decode

SHORT_BYTES = 512
"""What is longer is not looked at: no value's name and text are."""

_AT_ONCE = b"#bundle\0" + IMMEDIATELY.to_bytes(8, "big")
_FLOAT = b",f\0\0"
_NUMBERS = {_FLOAT: struct.Struct(">f"), b",i\0\0": struct.Struct(">i"), b",d\0\0": struct.Struct(">d"), b",h\0\0": struct.Struct(">q")}


class ValuePackets:
    """Packets that set one value, in the namespace as it is now.

    In a flood every packet is looked at, faster than packets are worked on, so what one begins with is remembered: where the same stood
    before a number that was right, the number is all that is left to look at.

    Thread
    ------
    Its owner holds a lock around each call.
    """

    def __init__(self) -> None:
        self._addresses: Mapping[str, Address] = {}
        self._known: dict[bytes, str] = {}

    def path(self, datagram: bytes, addresses: Mapping[str, Address]) -> str | None:
        """As `value_path`; `addresses` are another mapping whenever they changed."""
        if addresses is not self._addresses:
            self._addresses = addresses
            self._known.clear()
        head = datagram[:-4]
        path = self._known.get(head)
        if path is None:
            path = value_path(datagram, addresses)
            # Any number is taken there, in its range or clipped.
            if path is not None and head.endswith(_FLOAT) and addresses[path].argument.tag == "f":
                self._known[head] = path
            return path
        # All ones in the exponent are not finite.
        return path if datagram[-4] & 0x7F != 0x7F or datagram[-3] < 0x80 else None


def value_path(datagram: bytes, addresses: Mapping[str, Address]) -> str | None:
    """The address whose value a packet sets, if that is all it does and the value will be taken.

    Numbers are read here, without the general check and decoder, which take longer; what those would refuse has to be none here as well,
    or it would take the place of a value that is right.

    Parameters
    ----------
    datagram : bytes
        Anything at all. One message, by itself or in a bundle that is meant for now.
    addresses : mapping
        The namespace as it is now.

    Raises
    ------
    Nothing.

    Thread
    ------
    Any. Pure.
    """
    if len(datagram) > SHORT_BYTES:
        return None
    if datagram.startswith(_AT_ONCE) and int.from_bytes(datagram[16:20], "big") == len(datagram) - 20:
        datagram = datagram[20:]
    end = datagram.find(0, 0, ADDRESS_BYTES + 1)
    # Bytes that are no ASCII become letters that no address has.
    path = datagram[: max(end, 0)].decode("latin-1")
    address = addresses.get(path)
    if address is None or address.kind != "value":
        return None
    start = (end + 4) & ~3
    number = _NUMBERS.get(datagram[start : start + 4])
    values: tuple[Value, ...]
    if number is not None and len(datagram) == start + 4 + number.size and not any(datagram[end:start]):
        values = number.unpack_from(datagram, start + 4)
    else:
        elements = check(datagram)
        messages = elements if isinstance(elements, str) else decode(datagram, elements)
        if isinstance(messages, str) or len(messages) != 1:
            return None
        values = messages[0].arguments
    try:
        take_arguments(address, values)
    except ValueError:
        return None
    return path
