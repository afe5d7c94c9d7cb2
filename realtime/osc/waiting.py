"""What waits of one peer, in the order it came: of a value the latest, of everything else all, up to a bound. It knows no time."""

from collections import OrderedDict

_Key = tuple[str, int]
FOLLOWED = 256
"""Values that are kept although a newer one for the same address waits behind a command."""


class Waiting:
    """Packets of one peer.

    A newer value takes the place of an older one for the same address, unless something else came between: a scene that was saved between
    two values has the first of them.

    Parameters
    ----------
    values : int
        Addresses of which a value may wait.
    others, other_bytes : int
        Packets that are none of these, and their bytes.

    Thread
    ------
    Its owner holds a lock around each call.
    """

    __slots__ = ("_bytes", "_followed", "_latest", "_most_bytes", "_most_others", "_most_values", "_others", "_packets", "_turn")

    def __init__(self, values: int, others: int, other_bytes: int) -> None:
        self._most_values = values
        self._most_others = others
        self._most_bytes = other_bytes
        self._packets: OrderedDict[_Key, bytes] = OrderedDict()
        """By address, empty where it is no value, and the number of packets that are none before it."""
        self._latest: dict[str, _Key] = {}
        self._followed: dict[_Key, None] = {}
        self._others = self._bytes = self._turn = 0

    def __len__(self) -> int:
        return len(self._packets)

    def put_value(self, path: str, datagram: bytes) -> bool | None:
        """Keep the latest value of an address; whether an older one went for it. None: there is no room."""
        key = (path, self._turn)
        known = self._latest.get(path)
        replaced = known == key
        if replaced:
            # The order is that of the latest.
            self._packets.move_to_end(key)
        elif known is not None:
            self._followed[known] = None
            replaced = len(self._followed) > FOLLOWED
            if replaced:
                del self._packets[next(iter(self._followed))]
                del self._followed[next(iter(self._followed))]
        elif len(self._latest) >= self._most_values:
            return None
        self._packets[key] = datagram
        self._latest[path] = key
        return replaced

    def put(self, datagram: bytes) -> bool:
        """Keep a packet that is no value, if there is room."""
        if self._others >= self._most_others or self._bytes + len(datagram) > self._most_bytes:
            return False
        self._turn += 1
        self._packets["", self._turn] = datagram
        self._others += 1
        self._bytes += len(datagram)
        return True

    def pop(self) -> bytes:
        """Take the packet that waited the longest.

        Raises
        ------
        KeyError — none waits.
        """
        key, datagram = self._packets.popitem(last=False)
        path = key[0]
        if not path:
            self._others -= 1
            self._bytes -= len(datagram)
        elif self._latest[path] == key:
            del self._latest[path]
        else:
            del self._followed[key]
        return datagram
