"""The screen on the host's own terminal, as the host sees it: a child that may end in any way. It knows processes, not what is shown.

The child is started without a fork of the host's memory (`subprocess` uses vfork or posix_spawn): a fork would mark every page of a process
whose audio thread is at work. It gets the terminal and nothing else: no socket, no log, no shared memory of the host.
"""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from realtime.console import CLEAR
from realtime.control.event_log import EventLog
from realtime.terminal import Terminal

CHANNEL: Final = "screen"
ATTACH: Final = "python -m realtime attach"
ASK_WAIT_S: Final = 5.0
"""A screen that was told that the stage ends says so and puts its terminal right."""
END_WAIT_S: Final = 1.0
WAY_BACK: Final = f"Enter opens a screen here, `{ATTACH}` anywhere else; Ctrl-C ends the stage"
_CODE: Final = (
    "import signal, sys; hasattr(signal, 'SIGTSTP') and signal.signal(signal.SIGTSTP, signal.SIG_IGN); "
    "sys.path.insert(0, {root!r}); from realtime.__main__ import main; sys.exit(main(['attach']))"
)
"""Until the terminal is raw a Ctrl-Z would stop it, and with it the terminal."""


class ScreenProcess:
    """A screen that is there while it runs; whatever becomes of it, the stage plays.

    Parameters
    ----------
    terminal : Terminal
        Entered; lent while a screen runs.
    log : EventLog
        Told what became of a screen.
    command : list of str, optional
        Another program than the screen, for a test.

    Thread
    ------
    The host's main thread.
    """

    def __init__(self, terminal: Terminal, log: EventLog, command: list[str] | None = None) -> None:
        self._terminal = terminal
        self._log = log
        # It finds the same code as this process, from wherever this was started.
        self._command = command or [sys.executable, "-c", _CODE.format(root=str(Path(__file__).parents[1]))]
        self._process: subprocess.Popen[bytes] | None = None
        self._lost = False
        self._ended = 0

    @property
    def process_id(self) -> int:
        """Process of the screen; 0: there is none."""
        return self._process.pid if self._process is not None else 0

    def open(self) -> str:
        """Begin a screen; returns what whoever sits at the terminal should know where it does not start."""
        # It takes seconds until there is something to be seen.
        self._terminal.write(f"{CLEAR}opening the screen\n")
        try:
            keys, page = self._terminal.lend()
            self._process = subprocess.Popen(self._command, stdin=keys, stdout=page, stderr=page)
        except OSError as error:
            self._terminal.take_back(torn=False)
            return self._say(f"the screen does not start: {error}")
        return ""

    def watch(self) -> str:
        """Look after it, often: what ended is cleared away, and is begun again when somebody presses Enter.

        Returns
        -------
        str
            What whoever sits at the terminal should know now; empty: nothing new.
        """
        self._terminal.trim_log()
        if not self._terminal.there:
            if not self._lost:
                self._lost = True
                self._end()
                self._log.say(CHANNEL, f"the terminal is gone; the sound goes on, and `{ATTACH}` shows the stage on another one")
            return ""
        if self._process is None:
            return self.open() if self._terminal.enter_pressed() else ""
        code = self._process.poll()
        if code is None:
            return ""
        self._process = None
        self._terminal.take_back(torn=code < 0)
        return self._say(_what_happened(code))

    def close(self) -> None:
        """Wait for the screen, which knows that the stage ends; end one that does not, and have the terminal back."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ASK_WAIT_S)
        self._terminal.take_back(torn=self._end() < 0)

    def _say(self, text: str) -> str:
        self._ended += 1
        # Each screen is a thing of its own: the second that fails within seconds is told of as the first was.
        self._log.say(CHANNEL, f"{text}; the sound goes on", f"end {self._ended}")
        return WAY_BACK

    def _end(self) -> int:
        """Have no screen any more; returns the code it ended with."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait()


def _what_happened(code: int) -> str:
    if code == 0:
        return "the screen is closed"
    if code > 0:
        return f"the screen failed (code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the screen was ended by {name}"
