"""Who asked to be told of changes. It knows their places and when they were heard, not what they are told.

UDP does not say that nobody listens any more, and a screen that only shows may be silent for hours, so time alone drops nobody: telling
nobody costs nothing. A client goes when it says so, when its system says that the port is closed, or when all places are taken and
somebody needs one whose client was not heard from for `SILENT_S`.
"""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from realtime.osc.flood import Send
from realtime.osc.table import CLIENTS

SILENT_S = 60.0


@dataclass
class Client:
    """One place. `cursor` is up to where it was told, in the core's editions of values."""

    number: int
    key: Hashable
    send: Send
    heard_s: float
    cursor: int = 0


class Clients:
    """The places.

    Parameters
    ----------
    places : int
    clock : callable
        Seconds that never run backwards.

    Thread
    ------
    Any: a short lock.
    """

    def __init__(self, places: int = CLIENTS, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._clients: dict[Hashable, Client] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, key: Hashable, send: Send, wanted: int | None = None) -> Client | None:
        """Give a place, the wanted one if it is free; who has one keeps it and is told everything again. None: all are taken."""
        with self._lock:
            client = self._clients.get(key)
            if client is not None:
                client.send, client.heard_s, client.cursor = send, self._clock(), 0
                return client
            if len(self._clients) >= self._places:
                silent = min(self._clients.values(), key=lambda other: other.heard_s)
                if self._clock() - silent.heard_s < SILENT_S:
                    return None
                del self._clients[silent.key]
            taken = {other.number for other in self._clients.values()}
            free = wanted if wanted is not None and wanted not in taken else min(set(range(self._places)) - taken)
            client = self._clients[key] = Client(free, key, send, self._clock())
            return client

    def redirect(self, key: Hashable, send: Send) -> None:
        """Tell a client by another way from now on, if it is one."""
        client = self._clients.get(key)
        if client is not None:
            client.send = send

    def hear(self, key: Hashable) -> None:
        """Note that something came from a client, if it is one."""
        client = self._clients.get(key)
        if client is not None:
            client.heard_s = self._clock()

    def remove(self, key: Hashable) -> Client | None:
        """Take a client's place away; None if it had none."""
        with self._lock:
            return self._clients.pop(key, None)

    def all(self) -> list[Client]:
        """Everyone who is to be told."""
        with self._lock:
            return list(self._clients.values())
