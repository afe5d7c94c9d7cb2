"""Who may come in: the number of connections, and how much one may say before it has said what it wants. It knows sockets, not OSC."""

from typing import Any

from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection
from websockets.protocol import CONNECTING
from websockets.server import ServerProtocol

from realtime.control.event_log import EventLog
from realtime.oscquery.limits import CONNECTIONS, HEAD_BYTES, LISTENERS

BLANK_LINE = b"\r\n\r\n"
_CLOSED = "HTTP/1.1 {} \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
FULL = _CLOSED.format("503 Service Unavailable").encode()
TOO_LARGE = _CLOSED.format("431 Request Header Fields Too Large").encode()


class Door:
    """Counts connections. When the house is full, the oldest that is no listener makes room: so those that open and say nothing, or
    never take their answer, keep nobody out.

    Thread
    ------
    One: that of the server's loop.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._inside: dict[GuardedConnection, None] = {}
        self.refused = 0
        """Connections, requests and messages that were turned away."""

    def __len__(self) -> int:
        return len(self._inside)

    def enter(self, connection: "GuardedConnection") -> bool:
        """Let a connection in, or not."""
        if len(self._inside) >= CONNECTIONS:
            self.turn_away(f"more than {CONNECTIONS} connections at once: the oldest idle ones are closed", "door")
            oldest = next((inside for inside in self._inside if not inside.listening), None)
            if oldest is None:
                return False
            del self._inside[oldest]
            oldest.transport.abort()
        self._inside[connection] = None
        return True

    def leave(self, connection: "GuardedConnection") -> None:
        """A connection has ended."""
        self._inside.pop(connection, None)

    def seat(self, connection: "GuardedConnection") -> bool:
        """Make a connection a listener, if there is room for one more."""
        if sum(inside.listening for inside in self._inside) >= LISTENERS:
            self.turn_away(f"more than {LISTENERS} WebSockets at once: refused", "seats")
            return False
        connection.listening = True
        return True

    def turn_away(self, text: str, key: str) -> None:
        """Count something that is refused, and say it, once."""
        self.refused += 1
        self._log.say("oscquery", text, key)

    def empty(self) -> None:
        """End all connections now."""
        for connection in tuple(self._inside):
            connection.transport.abort()


class GuardedConnection(ServerConnection):
    """A connection that asks at the door."""

    def __init__(self, protocol: ServerProtocol, server: Server, *, door: Door, **options: Any) -> None:
        super().__init__(protocol, server, **options)
        self._door = door
        self._head_bytes = 0
        self._head_end = b""
        """The last bytes that came, where the blank line may have begun."""
        self.listening = False
        """Whether it is, or is about to be, a WebSocket."""

    def connection_made(self, transport: Any) -> None:
        """Go in, or be told that it is full."""
        if self._door.enter(self):
            super().connection_made(transport)
            return
        # Without the task that would serve it: there is nothing to serve.
        Connection.connection_made(self, transport)
        transport.write(FULL)
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Go out."""
        self._door.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came: of a request its head, no longer than any honest one; nothing more before it is answered; then everything."""
        if self.protocol.state is CONNECTING:
            if self.request is not None:
                # A second request, or frames too early: to the library they would be a fault in the answer that is on its way.
                return
            seen = self._head_end + data
            end = seen.find(BLANK_LINE)
            if end >= 0:
                data = data[: end + len(BLANK_LINE) - len(self._head_end)]
            self._head_end = seen[1 - len(BLANK_LINE) :]
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.write(TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)
