"""A deck process as the host sees it: started, spoken to, ended. It knows processes and pipes, not decks or sound."""

import json
import multiprocessing
import os
import signal
import time
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

from realtime import deck_process

LOAD_LIMIT_S = 30.0
"""A patch that is not loaded after this long never will be."""
START_LIMIT_S = 60.0
"""The same for the process itself: a first start compiles every kernel."""


class State(Enum):
    """Life of a worker, in order; DEAD from anywhere."""

    STARTING = "starting"
    IDLE = "idle"
    LOADING = "loading"
    LOADED = "loaded"
    LEAVING = "leaving"
    DEAD = "dead"


class Worker:
    """One deck process.

    Parameters
    ----------
    block_name : str
        Name of the shared block.

    Thread
    ------
    The engine's control thread only.
    """

    def __init__(self, block_name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        # Daemonic: ended with the host whatever happens to it.
        self._process = context.Process(target=deck_process.run, args=(block_name, theirs), daemon=True, name="starling-deck")
        self._process.start()
        theirs.close()
        self.state = State.STARTING
        self.since_s = time.monotonic()
        self.loads = 0

    @property
    def pid(self) -> int:
        """Process id."""
        return int(self._process.pid or 0)

    @property
    def alive(self) -> bool:
        """False once the process has ended."""
        return self._process.is_alive()

    def enter(self, state: State) -> None:
        """Take a state and note when."""
        self.state = state
        self.since_s = time.monotonic()

    def overdue(self) -> bool:
        """True when starting or loading has taken longer than it ever should."""
        limit = {State.STARTING: START_LIMIT_S, State.LOADING: LOAD_LIMIT_S}.get(self.state)
        return limit is not None and time.monotonic() - self.since_s > limit

    def say(self, **command: Any) -> None:
        """Send a command; a process that is gone is found out by `alive`."""
        try:
            self.pipe.send_bytes(json.dumps(command).encode())
        except (BrokenPipeError, ConnectionResetError, OSError):
            self.state = State.DEAD

    def events(self) -> list[dict[str, Any]]:
        """What the process said since the last call."""
        heard = []
        try:
            while self.pipe.poll(0):
                heard.append(json.loads(self.pipe.recv_bytes()))
        except (EOFError, ConnectionResetError, BrokenPipeError, OSError, json.JSONDecodeError):
            self.state = State.DEAD
        return heard

    def kill(self) -> None:
        """End it now, also when it is stopped or hangs."""
        self.state = State.DEAD
        if self._process.is_alive():
            os.kill(self.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        self._process.join(2.0)
        self.pipe.close()

    def finish(self) -> None:
        """Ask it to end; `kill` what does not within a second."""
        self.say(do="quit")
        self._process.join(1.0)
        self.kill()


def connections(workers: list[Worker]) -> list[Connection]:
    """Pipes to wait on."""
    return [worker.pipe for worker in workers if worker.state is not State.DEAD]
