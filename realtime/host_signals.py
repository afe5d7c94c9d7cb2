"""What signals do to the host while it plays. They only leave a note: what a note leads to is done by who reads it."""

import contextlib
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final

_ALWAYS: Final = ("SIGINT", "SIGTERM")
_HANG_UP: Final = "SIGHUP"
_SUSPEND: Final = "SIGTSTP"
_BEHIND: Final = ("SIGTTIN", "SIGTTOU")


class Note:
    """Something that is to be done, left by a signal. A `threading.Event` will not do: it takes a lock that who waits may hold just then.

    Thread
    ------
    `leave`: the main thread's signal handlers, any other thread; `wait`: one thread; `is_left`: any.
    """

    def __init__(self) -> None:
        self._left = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def leave(self) -> None:
        """Leave it; again does nothing."""
        if not self._left:
            self._left = True
            self._gate.release()

    @property
    def is_left(self) -> bool:
        """Whether it was left."""
        return self._left

    def wait(self, seconds: float) -> bool:
        """Wait for it, for at most so long; whether it was left."""
        if not self._left and self._gate.acquire(timeout=seconds):
            # For whoever waits next.
            self._gate.release()
        return self._left


class HostSignals:
    """Answers the signals of the terminal and of the system while it is entered.

    Ctrl-C and SIGTERM end the show. A hang-up does where nobody can attach a screen of their own accord (`keeps_on` is false); else the
    terminal is given up and the sound goes on, and neither Ctrl-Z nor a look at the terminal from behind stops a process with an audio
    thread.

    Parameters
    ----------
    keeps_on : bool
        The stage was started on a terminal, with a screen.

    Thread
    ------
    Entered and left on the main thread; `stop` from any.
    """

    def __init__(self, *, keeps_on: bool) -> None:
        self.stop = Note()
        """Somebody wants the show to end."""
        self._keeps_on = keeps_on
        self._suspended = False
        self._before: list[tuple[signal.Signals, Any]] = []

    def __enter__(self) -> "HostSignals":
        for name in _ALWAYS:
            self._take(name, self._end)
        # Who was started to outlive its terminal (nohup) does.
        if _has(_HANG_UP) and signal.getsignal(signal.Signals[_HANG_UP]) != signal.SIG_IGN:
            # What became of the terminal is seen by looking at it: some shells send this before it is gone.
            self._take(_HANG_UP, self._nothing if self._keeps_on else self._end)
        if self._keeps_on:
            self._take(_SUSPEND, self._suspend)
            for name in _BEHIND:
                self._take(name, signal.SIG_IGN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in reversed(self._before):
            signal.signal(number, handler or signal.SIG_DFL)
        self._before = []

    def take_suspended(self) -> bool:
        """Whether somebody has pressed Ctrl-Z since the last call."""
        was, self._suspended = self._suspended, False
        return was

    def _take(self, name: str, handler: Any) -> None:
        if _has(name):
            number = signal.Signals[name]
            self._before.append((number, signal.signal(number, handler)))

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.stop.leave()

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        self._suspended = True

    def _nothing(self, number: int, frame: FrameType | None) -> None:
        """A handler, not `SIG_IGN`: what is ignored would be ignored by a screen that is started, too."""


def _has(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(signal.Signals[name])
    return False
