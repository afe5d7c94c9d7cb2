"""One end of a connection that never blocks: messages in, lines out. It knows a socket and one table of messages."""

import socket
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from realtime.attach.messages import Check, Lines, Message, MessageError, read_message

RECEIVE_BYTES: Final = 64 * 1024
OUT_BYTES: Final = 8 * 1024 * 1024
"""What may wait to be sent: two of the longest lines."""


class Connection:
    """A socket that is connected.

    Parameters
    ----------
    opened : socket
        Belongs to the connection from now on.
    table : mapping
        The messages that may come.
    most_bytes : int
        Longest line that may come.

    Capacity: one line of `most_bytes` in, `OUT_BYTES` out.
    Thread: one.
    """

    def __init__(self, opened: socket.socket, table: Mapping[str, tuple[Check, ...]], most_bytes: int) -> None:
        opened.setblocking(False)
        # A request is one small line, which shall not wait for another.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = opened
        self._table = table
        self._lines = Lines(most_bytes)
        self._out: deque[memoryview] = deque()
        self.out_bytes = 0
        """What waits to be sent."""

    def fileno(self) -> int:
        """The socket's number; -1 once it is closed."""
        return self._socket.fileno()

    def receive(self) -> bool:
        """Take in what has come; False: the other end has closed.

        Raises
        ------
        OSError — the connection is broken.
        """
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return True
        self._lines.feed(data)
        return bool(data)

    def messages(self) -> Iterator[Message]:
        """Whole messages that have come, one after the other.

        Raises
        ------
        MessageError — a line that is none, or is too long.
        """
        while (line := self._lines.next()) is not None:
            yield read_message(line, self._table)

    def send(self, line: bytes) -> None:
        """Have a line sent, now or as soon as the other end takes it.

        Raises
        ------
        MessageError — the other end takes nothing, and too much waits for it already.
        OSError — the connection is broken.
        """
        if self.out_bytes + len(line) > OUT_BYTES:
            raise MessageError("what is sent is not read", got=f"{self.out_bytes} bytes waiting", allowed=f"up to {OUT_BYTES}")
        self._out.append(memoryview(line))
        self.out_bytes += len(line)
        if len(self._out) == 1:
            self.flush()

    def flush(self) -> bool:
        """Send what can be sent now; whether any was.

        Raises
        ------
        OSError — the connection is broken.
        """
        before = self.out_bytes
        while self._out:
            first = self._out[0]
            try:
                count = self._socket.send(first)
            except BlockingIOError:
                break
            self.out_bytes -= count
            if count < len(first):
                self._out[0] = first[count:]
                break
            self._out.popleft()
        return self.out_bytes < before

    def close(self) -> None:
        """Close it; what waits is lost."""
        with suppress(OSError):
            # The end of what was sent is seen even where something that came was not read.
            self._socket.shutdown(socket.SHUT_WR)
        self._socket.close()
