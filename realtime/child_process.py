"""A process of the stage's own as the host sees it: started, spoken to, ended. It knows processes and pipes, not what one does.

What is said both ways is a JSON object on a pipe.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

from realtime.terminal_signals import held

FINISH_WAIT_S: Final = 2.0
KILL_WAIT_S: Final = 0.5
"""The system takes milliseconds to end a killed process."""


class ChildProcess:
    """One process.

    Parameters
    ----------
    entry : callable
        What it runs; takes `arguments`, then its end of the pipe. It ends when the pipe does, and where it is told ``{"do": "quit"}``.
    arguments : tuple of str
    name : str

    Thread
    ------
    The engine's control thread only.
    """

    def __init__(self, entry: Callable[..., None], arguments: tuple[str, ...], name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        # Daemonic: ended with the host whatever happens to it.
        self._process = context.Process(target=entry, args=(*arguments, theirs), daemon=True, name=name)
        with held():
            self._process.start()
        theirs.close()
        self.lost = False
        """True once nothing can be said to it any more, also when it was ended by `kill`."""

    @property
    def pid(self) -> int:
        """Process id."""
        return int(self._process.pid or 0)

    @property
    def alive(self) -> bool:
        """False once the process has ended."""
        return self._process.is_alive()

    def say(self, **command: Any) -> None:
        """Send a command; a process that is gone is found out by `alive`."""
        try:
            self.pipe.send_bytes(json.dumps(command).encode())
        except (BrokenPipeError, ConnectionResetError, OSError):
            self.lost = True

    def events(self) -> list[dict[str, Any]]:
        """What the process said since the last call."""
        heard = []
        try:
            while self.pipe.poll(0):
                heard.append(json.loads(self.pipe.recv_bytes()))
        except (EOFError, ConnectionResetError, BrokenPipeError, OSError, json.JSONDecodeError):
            self.lost = True
        return heard

    def kill(self) -> None:
        """End it now, also when it is stopped or hangs."""
        self.lost = True
        if self._process.is_alive():
            os.kill(self.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        self._process.join(KILL_WAIT_S)
        self.pipe.close()

    def gone(self) -> bool:
        """True once it has ended; its pipe is then closed."""
        if self._process.is_alive():
            return False
        self.kill()
        return True

    def finish(self) -> None:
        """Ask it to end; `kill` what does not within `FINISH_WAIT_S`."""
        self.say(do="quit")
        self._process.join(FINISH_WAIT_S)
        self.kill()
        self._process.join(FINISH_WAIT_S)
