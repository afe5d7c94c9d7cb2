"""A program on a terminal of its own: a pseudo-terminal that a test types on, reads from, and can hang up."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[1]
LIMIT_S = 60.0
_SHELL = """
import fcntl, os, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, lambda *_: [os.killpg(job.pid, number) for number in (signal.SIGHUP, signal.SIGCONT)])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
def front():
    os.tcsetpgrp(0, os.getpgrp())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTTOU])
job = subprocess.Popen(sys.argv[2:], process_group=0, preexec_fn=front)
os.write(int(sys.argv[1]), str(job.pid).encode())
os.close(int(sys.argv[1]))
sys.exit(job.wait() % 256)
"""
"""A shell with one job in front, which it tells of a hang-up. Without a shell the system keeps Ctrl-Z from everybody on the terminal."""


class PtyProgram:
    """Runs a program in front of a terminal that controls it, as a job of a shell.

    Everything it writes is collected in `shown` by a thread, so that the program never waits for a reader.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None, columns: int = 120, rows: int = 40) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        told, tell = os.pipe()
        self._shell = subprocess.Popen(
            [sys.executable, "-S", "-c", _SHELL, str(tell), *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            pass_fds=(tell,),
            start_new_session=True,
            cwd=ROOT,
            env=os.environ | {"TERM": "xterm-256color"} | (environment or {}),
        )
        os.close(tell)
        with os.fdopen(told) as file:
            self.pid = int(file.read())
            """The program's own process."""
        self._shown = bytearray()
        self._news = threading.Condition()
        self._end, self._ended = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "PtyProgram":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.code is None:
            # It may have ended by itself, and only its shell not yet.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._shell.wait()
        self.hang_up()

    @property
    def code(self) -> int | None:
        """What it ended with (256 less for a signal); None: it runs."""
        return self._shell.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        os.kill(self.pid, number)

    def wait(self, limit_s: float = LIMIT_S) -> int:
        """Wait for its end; returns its code."""
        return self._shell.wait(limit_s)

    @property
    def shown(self) -> str:
        """Everything that was written so far, control sequences included."""
        with self._news:
            return self._shown.decode(errors="replace")

    @property
    def modes(self) -> list[int]:
        """Modes of the terminal: input, output, control, local."""
        return termios.tcgetattr(self._slave)[:4]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str, after: int = 0, limit_s: float = LIMIT_S) -> int:
        """Wait until `text` is written behind character `after`; returns where it ends."""
        end = time.monotonic() + limit_s
        with self._news:
            while True:
                shown = self._shown.decode(errors="replace")
                found = shown.find(text, after)
                if found >= 0:
                    return found + len(text)
                left = end - time.monotonic()
                assert left > 0, f"{text!r} was not shown:\n{shown[-3000:]}"
                self._news.wait(min(left, 0.2))

    def hang_up(self) -> None:
        """Close the window: the system tells the program, and takes the terminal from it."""
        if self._master < 0:
            return
        # First the reader: a descriptor that is being read is not closed.
        os.close(self._ended)
        self._reader.join()
        os.close(self._end)
        os.close(self._slave)
        os.close(self._master)
        self._master = -1

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._end], [], [])
            if self._end in ready:
                return
            read = os.read(self._master, 65_536)
            with self._news:
                self._shown += read
                self._news.notify_all()
