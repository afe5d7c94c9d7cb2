"""Wakes a thread that waits for sockets, from any other. It knows a pair of sockets."""

import socket
from contextlib import suppress


class Waker:
    """One end is waited for, the other is written to.

    Thread
    ------
    `wake` from any, also after `close`; the rest from the thread that waits.
    """

    def __init__(self) -> None:
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)

    def fileno(self) -> int:
        """What is waited for."""
        return self._ear.fileno()

    def wake(self) -> None:
        """Have the thread look at once."""
        # Full: it is awake already. Closed: it has ended.
        with suppress(OSError):
            self._bell.send(b"!")

    def hear(self) -> None:
        """Take what woke the thread."""
        with suppress(OSError):
            self._ear.recv(4096)

    def close(self) -> None:
        """Give the sockets back."""
        self._ear.close()
        self._bell.close()
