"""A control core and an OSC receiver that a test turns by hand: what the OSCQuery server sees of the instrument."""

import threading
from collections.abc import Callable, Hashable
from types import MappingProxyType

from realtime.control.address import Address, Value
from realtime.control.namespace import Namespace


class HandCore:
    """The control core's reading side: `decks` empty decks, values that the test sets."""

    def __init__(self, decks: int = 1) -> None:
        self._lock = threading.Lock()
        self._cursor = 1
        self._changed: dict[str, int] = {}
        self.values: dict[str, Value] = {}
        self.edition = 0
        self.rebuild(decks)

    def rebuild(self, decks: int) -> None:
        """As after a change of patches."""
        with self._lock:
            self._addresses = MappingProxyType(dict(Namespace([None] * decks).addresses))
            for path, address in self._addresses.items():
                if address.kind == "value" and path not in self.values:
                    self.values[path] = address.argument.default if address.argument.default is not None else 0.0
            self.edition += 1

    def addresses(self) -> MappingProxyType[str, Address]:
        return self._addresses

    def read(self, path: str) -> tuple[Value, ...] | None:
        if path == "/version":
            return ("starling", "1.0")
        return (self.values[path],) if path in self._addresses and path in self.values else None

    def set(self, path: str, value: Value) -> None:
        with self._lock:
            self._cursor += 1
            self.values[path] = value
            self._changed[path] = self._cursor

    def changes(self, since: int) -> tuple[int, dict[str, tuple[Value, ...]]]:
        with self._lock:
            return self._cursor, {path: (self.values[path],) for path, when in self._changed.items() if when > since}


class HandReceiver:
    """Takes OSC packets, and answers them where the test says so."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, Hashable]] = []
        self.gone: list[Hashable] = []
        self.sends: list[Callable[[bytes], object]] = []
        self.answer: Callable[[bytes], bytes] | None = None

    def handle(self, datagram: bytes, peer: Hashable, send: Callable[[bytes], object]) -> None:
        self.got.append((datagram, peer))
        self.sends.append(send)
        if self.answer is not None:
            send(self.answer(datagram))

    def forget(self, peer: Hashable) -> None:
        self.gone.append(peer)
