"""A deck process as the host sees it: where it stands, and how long it may take. It knows processes, not decks or sound."""

import time
from collections.abc import Iterable
from enum import Enum
from multiprocessing.connection import Connection

from realtime import deck_process
from realtime.child_process import ChildProcess

ACCEPT_LIMIT_S = 1.0
"""A spare that does not answer the order to load within this time hangs."""
LOAD_LIMIT_S = 120.0
"""A patch that is not loaded after this long never will be: the largest corpus is gigabytes, and may lie on a slow disk."""
START_LIMIT_S = 180.0
"""The same for the process itself: a first start compiles every kernel, on a slow or busy machine for more than a minute."""


class State(Enum):
    """Life of a worker, in order."""

    STARTING = "starting"
    IDLE = "idle"
    LOADING = "loading"
    LOADED = "loaded"
    LEAVING = "leaving"


class Worker(ChildProcess):
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
        super().__init__(deck_process.run, (block_name,), "starling-deck")
        self.state = State.STARTING
        self.since_s = time.monotonic()
        self.accepted = False
        self._load_limit_s = LOAD_LIMIT_S

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


def connections(processes: Iterable[ChildProcess]) -> list[Connection]:
    """Pipes to wait on."""
    return [process.pipe for process in processes if not process.lost]
