"""Tells clients what changed, 30 times a second, the latest value of each. It knows the core's changes and the clients, no socket."""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from realtime.control.address import Value
from realtime.control.core import ControlCore
from realtime.osc.clients import Clients
from realtime.osc.flood import Send
from realtime.osc.packet import encode, pack

PERIOD_S = 1.0 / 30.0
MOST_DUMPS = 64
"""Answers to /q/all that may wait for the next turn."""
JOIN_LIMIT_S = 2.0


class Feedback:
    """The thread that tells.

    A client whose system takes no more right now (its queue is full) is told at a later turn, and then everything that changed meanwhile:
    it misses values in between, never the last.

    Parameters
    ----------
    core : ControlCore
    clients : Clients
    failed : callable, optional
        Told of an exception that a turn ended with; the thread goes on.

    Thread
    ------
    `start`, `close`: control. `dump`: any. `turn`: its own.
    """

    def __init__(self, core: ControlCore, clients: Clients, failed: Callable[[Exception], None] = lambda error: None) -> None:
        self._core = core
        self._clients = clients
        self._failed = failed
        self._dumps: deque[Send] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="osc feedback", daemon=True)
        self.sent = 0
        """Packets that were handed over."""
        self.unsent = 0
        """Packets that were not taken."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_LIMIT_S)

    def dump(self, send: Send) -> bool:
        """Have every value sent to somebody at the next turn, then `/done /q/all count`. False: too many wait."""
        if len(self._dumps) >= MOST_DUMPS:
            return False
        self._dumps.append(send)
        return True

    def turn(self) -> None:
        """Tell everyone once."""
        dumps = [self._dumps.popleft() for _ in range(len(self._dumps))]
        # Nearly always all clients were told up to the same edition, so the packets are made once.
        made: dict[int, tuple[int, list[bytes]]] = {}
        if dumps:
            changed = self._core.changes(0)[1]
            packets = [*_make(changed), encode("/done", ("/q/all", len(changed)))]
            for send in dumps:
                self._send_all(send, packets)
        for client in self._clients.all():
            since = client.cursor
            if since not in made:
                cursor, changed = self._core.changes(since)
                made[since] = (cursor, _make(changed))
            cursor, packets = made[since]
            # A client that asked again meanwhile has its cursor at 0, and is told everything at the next turn.
            if self._send_all(client.send, packets) and client.cursor == since:
                client.cursor = cursor

    def _send_all(self, send: Send, packets: list[bytes]) -> bool:
        for packet in packets:
            taken = False
            with suppress(OSError):
                taken = send(packet) is not False
            if not taken:
                self.unsent += 1
                return False
            self.sent += 1
        return True

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - feedback must outlive one bad turn
                self._failed(error)


def _make(changed: dict[str, tuple[Value, ...]]) -> list[bytes]:
    return pack(encode(path, values) for path, values in changed.items())
