"""Signals that a terminal sends to everybody on it: Ctrl-C, Ctrl-Z, its own end. Only the host and a screen answer them.

A deck that stops with Ctrl-Z is silent, one that dies with the terminal's window has to be loaded again: they leave all of it to the host.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NAMES: Final = ("SIGINT", "SIGHUP", "SIGTSTP", "SIGTTIN", "SIGTTOU")

TERMINAL_SIGNALS: Final = tuple(signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__)
"""Those that this system has."""


@contextmanager
def held() -> Iterator[None]:
    """Hold them back in this thread and in every process that is started in here, from its first instruction on.

    A mask is inherited; a process that has called `ignore` only once its interpreter is up could be hit before.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore() -> None:
    """Ignore them in this process from now on. Main thread."""
    for number in TERMINAL_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def answer() -> None:
    """Take the system's own answer to each, whatever this process was started with. Main thread."""
    for number in TERMINAL_SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
