"""Worker processes that do not hear Ctrl-C: it reaches all of a terminal, and only the process that started them answers it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["deaf_workers"]


@contextmanager
def deaf_workers() -> Iterator[None]:
    """Let processes that are started inside not hear Ctrl-C, from their first instruction on; this one hears it when the block ends.

    A pool starts its processes as work is handed in, so it is `submit` and `map` that belong inside, and not the wait for results.

    Thread
    ------
    The one that hands in the work.
    """
    signals = {signal.SIGINT} if hasattr(signal, "pthread_sigmask") else set()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals) if signals else None
    try:
        yield
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
