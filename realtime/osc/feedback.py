"""Tells clients what changed, 30 times a second, the latest value of each. It knows the core's changes and the clients, no socket."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress

from realtime.control.address import Value
from realtime.control.core import ControlCore
from realtime.control.traffic import Traffic
from realtime.osc.clients import Clients
from realtime.osc.flood import Send, show_target
from realtime.osc.packet import encode, pack

PERIOD_S = 1.0 / 30.0
MOST_DUMPS = 64
"""Answers to /q/all that may wait for the next turn."""
JOIN_LIMIT_S = 2.0
_Message = tuple[str, tuple[Value, ...]]


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
    traffic : Traffic, optional
        Is told of every value that was sent.

    Thread
    ------
    `start`, `close`: control. `dump`: any. `turn`: its own.
    """

    def __init__(
        self,
        core: ControlCore,
        clients: Clients,
        failed: Callable[[Exception], None] = lambda error: None,
        traffic: Traffic | None = None,
    ) -> None:
        self._core = core
        self._clients = clients
        self._failed = failed
        self._traffic = traffic or Traffic()
        self._dumps: deque[tuple[Hashable, Send]] = deque()
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

    def dump(self, key: Hashable, send: Send) -> bool:
        """Have every value sent to somebody at the next turn, then `/done /q/all count`. False: too many wait."""
        if len(self._dumps) >= MOST_DUMPS:
            return False
        self._dumps.append((key, send))
        return True

    def turn(self) -> None:
        """Tell everyone once."""
        dumps = [self._dumps.popleft() for _ in range(len(self._dumps))]
        # Nearly always all clients were told up to the same edition, so the packets are made once.
        made: dict[int, tuple[int, list[_Message], list[bytes]]] = {}
        if dumps:
            messages = list(self._core.changes(0)[1].items())
            done: _Message = ("/done", ("/q/all", len(messages)))
            packets = [*_make(messages), encode(*done)]
            for key, send in dumps:
                self._send_all(key, send, [*messages, done], packets)
        for client in self._clients.all():
            since = client.cursor
            if since not in made:
                cursor, changed = self._core.changes(since)
                messages = list(changed.items())
                made[since] = (cursor, messages, _make(messages))
            cursor, messages, packets = made[since]
            # A client that asked again meanwhile has its cursor at 0, and is told everything at the next turn.
            if self._send_all(client.key, client.send, messages, packets) and client.cursor == since:
                client.cursor = cursor

    def _send_all(self, key: Hashable, send: Send, messages: Sequence[_Message], packets: list[bytes]) -> bool:
        for packet in packets:
            taken = False
            with suppress(OSError):
                taken = send(packet) is not False
            if not taken:
                self.unsent += 1
                return False
            self.sent += 1
        if packets:
            self._traffic.note("osc out", show_target(key, send), messages)
        return True

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - feedback must outlive one bad turn
                self._failed(error)


def _make(messages: Sequence[_Message]) -> list[bytes]:
    return pack(encode(path, values) for path, values in messages)
