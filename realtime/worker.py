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
from realtime.terminal_signals import held

ACCEPT_LIMIT_S = 1.0
"""A spare that does not answer the order to load within this time hangs."""
LOAD_LIMIT_S = 120.0
"""A patch that is not loaded after this long never will be: the largest corpus is gigabytes, and may lie on a slow disk."""
START_LIMIT_S = 180.0
"""The same for the process itself: a first start compiles every kernel, on a slow or busy machine for more than a minute."""


FINISH_WAIT_S = 2.0
KILL_WAIT_S = 0.5
"""The system takes milliseconds to end a killed process."""


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
        with held():
            self._process.start()
        theirs.close()
        self.state = State.STARTING
        self.since_s = time.monotonic()
        self.accepted = False
        self._load_limit_s = LOAD_LIMIT_S

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

    def begin_load(self) -> None:
        """Note that it is told to load: from a spare an answer comes at once, from a process that still starts after that."""
        self._load_limit_s = ACCEPT_LIMIT_S if self.state is State.IDLE else START_LIMIT_S
        self.accepted = False
        self.enter(State.LOADING)

    def overdue(self) -> bool:
        """True when starting or loading has taken longer than it ever should."""
        waited = time.monotonic() - self.since_s
        if self.state is State.STARTING:
            return waited > START_LIMIT_S
        return self.state is State.LOADING and waited > (LOAD_LIMIT_S if self.accepted else self._load_limit_s)

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


def connections(workers: list[Worker]) -> list[Connection]:
    """Pipes to wait on."""
    return [worker.pipe for worker in workers if worker.state is not State.DEAD]
