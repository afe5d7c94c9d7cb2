"""A thread that does one thing after another: what takes files or processes, so that nobody else waits for it. It knows no commands."""

import threading
from collections import deque
from collections.abc import Callable

MOST_WAITING = 4096


class Clerk:
    """Does jobs in the order they come.

    Parameters
    ----------
    name : str
        Of the thread.
    complain : callable
        Told what a job did wrong.

    Thread
    ------
    `do` from any; a job that asks for another has it done at once, inside itself.
    """

    def __init__(self, name: str, complain: Callable[[str], None]) -> None:
        self._name = name
        self._complain = complain
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._stop = False
        self._thread: threading.Thread | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being done."""
        with self._changed:
            return not self._jobs and not self._busy

    @property
    def inside(self) -> bool:
        """Whether the caller is a job of this clerk."""
        return self._thread is threading.current_thread()

    def do(self, job: Callable[[], None]) -> bool:
        """Have a job done; False where too many wait already."""
        with self._changed:
            if len(self._jobs) >= MOST_WAITING or self._stop:
                return False
            self._jobs.append(job)
            self._changed.notify()
            return True

    def start(self) -> None:
        """Begin to work."""
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Do what waits in the calling thread: for a clerk that was not started."""
        if self._thread is None:
            while self._jobs:
                self._do(self._jobs.popleft())

    def close(self, limit_s: float) -> None:
        """Finish what waits, for at most so long."""
        with self._changed:
            self._stop = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(limit_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                while not self._jobs and not self._stop:
                    self._changed.wait()
                if not self._jobs:
                    return
                job = self._jobs.popleft()
                self._busy = True
            self._do(job)

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - one job that goes wrong must not keep all that come after it from being done
            self._complain(f"{self._name} stumbled: {type(error).__name__}: {error}")
