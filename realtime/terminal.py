"""The terminal a performer started the stage on: kept clean, lent to a screen, put right again. It knows descriptors, not what is shown.

While it is held nothing of this process or its children stands on it: 0 is the null device, 1 and 2 are a log file. PortAudio, JACK and the
decks write there, which would tear a screen apart, and a terminal that goes away takes nothing with it.
"""

import contextlib
import os
import select
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final

if sys.platform != "win32":
    import termios

LOG_NAME: Final = "stage.log"
MOST_LOG_BYTES: Final = 4 << 20
"""A library that complains all night must not fill the disk: then the log begins again."""
DULL_TERMINALS: Final = ("", "dumb", "unknown")
"""Values of TERM of what can show lines only."""

_LEAVE_SCREEN: Final = "\x1b[<u\x1b[?1049l"
"""Keys as they are by default (kitty's protocol), then the ordinary page. Sent again after a tidy end it would move the cursor."""
_ORDINARY: Final = (
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # no mouse
    "\x1b[?1004l\x1b[?2004l\x1b[?2026l\x1b[?2048l"  # no focus, paste, frame or size reports
    "\x1b[?7h\x1b[?25h\x1b[0m\r\x1b[K"  # lines wrap, the cursor shows, no colour, a clean line
)


def is_dull() -> bool:
    """Whether the terminal can show lines only: nothing on it can be written over."""
    return sys.platform != "win32" and os.environ.get("TERM", "") in DULL_TERMINALS


def why_not_shown() -> str:
    """Why this process has no terminal in front that a screen can be drawn on, in words; empty: it has."""
    if sys.stdin is None or sys.stdout is None or not (os.isatty(0) and os.isatty(1)):
        return "standard input and output are not both a terminal"
    if is_dull():
        return f"this terminal can show lines only (TERM={os.environ.get('TERM', '')})"
    if sys.platform == "win32":
        return ""
    try:
        # In the background of a shell the first key it read would stop it.
        return "" if os.tcgetpgrp(0) == os.getpgrp() else "it runs in the background of this terminal"
    except OSError:
        # A terminal that controls nobody has no background.
        return ""


def why_not_held() -> str:
    """Why the host cannot keep a terminal clean and lend it to a screen; empty: it can. Where it cannot, a screen is opened by `attach`."""
    return "Windows does not lend it" if sys.platform == "win32" else why_not_shown()


class Terminal:
    """Holds the terminal while it is entered; `why_not_held` has said that there is one.

    Parameters
    ----------
    folder : Path
        Where the log is written.

    Thread
    ------
    The host's main thread.
    """

    def __init__(self, folder: Path) -> None:
        self.log_path = folder / LOG_NAME
        self.lent = False
        """A screen has it: nothing is written to it here."""
        self._tty: tuple[int, int] | None = None
        self._before: list[tuple[int, int]] = []
        self._modes: list[Any] | None = None
        self._log = -1

    def __enter__(self) -> "Terminal":
        _flush()
        self._log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        with contextlib.suppress(termios.error):
            self._modes = termios.tcgetattr(0)
        # Copies are closed by exec: no child has the terminal unless it is given it.
        self._tty = (os.dup(0), os.dup(1))
        # Errors that somebody sends elsewhere go on going there.
        numbers = [0, 1, 2] if os.isatty(2) else [0, 1]
        self._before = [(number, os.dup(number)) for number in numbers]
        self._leave()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _flush()
        for number, copy in self._before:
            os.dup2(copy, number)
        self._let_go()
        os.close(self._log)

    @property
    def there(self) -> bool:
        """False once its window is closed or its line is cut; for good."""
        if self._tty is None:
            return False
        try:
            termios.tcgetattr(self._tty[1])
        except termios.error:
            self._let_go()
        return self._tty is not None

    @property
    def columns(self) -> int:
        """How wide it is; 80 where nobody knows."""
        try:
            return os.get_terminal_size(self._tty[1]).columns or 80 if self._tty is not None else 80
        except OSError:
            return 80

    def write(self, text: str) -> None:
        """Write, unless it is lent, gone, or takes nothing just now: a line that hangs must not hang the host."""
        if self._tty is None or self.lent:
            return
        with contextlib.suppress(OSError):
            if select.select([], [self._tty[1]], [], 0)[1]:
                os.write(self._tty[1], text.encode(errors="replace"))

    def enter_pressed(self) -> bool:
        """Whether somebody has typed a line since the last call; what the line was does not matter."""
        if self._tty is None or self.lent:
            return False
        try:
            return bool(select.select([self._tty[0]], [], [], 0)[0] and os.read(self._tty[0], 4096))
        except OSError:
            return False

    def lend(self) -> tuple[int, int]:
        """Descriptors for a screen to read and to write; until `take_back` nothing is written here.

        Raises
        ------
        OSError — it is gone.
        """
        if self._tty is None:
            raise OSError("the terminal is gone")
        self.lent = True
        return self._tty

    def take_back(self, *, torn: bool) -> None:
        """Have it again as it was. `torn`: the screen was killed, and could put nothing right itself."""
        self.lent = False
        if self._tty is None:
            return
        if self._modes is not None:
            with contextlib.suppress(termios.error):
                # Not after what is still to be written: a terminal that takes nothing would be waited for.
                termios.tcsetattr(self._tty[0], termios.TCSANOW, _sane(self._modes))
                # Answers and mouse movements that the screen did not live to read are no input of anybody's.
                termios.tcflush(self._tty[0], termios.TCIFLUSH)
        self.write((_LEAVE_SCREEN if torn else "") + _ORDINARY)

    def trim_log(self) -> None:
        """Keep the log small."""
        with contextlib.suppress(OSError):
            if os.fstat(self._log).st_size > MOST_LOG_BYTES:
                os.ftruncate(self._log, 0)

    def _leave(self) -> None:
        null = os.open(os.devnull, os.O_RDONLY)
        for number, _ in self._before:
            os.dup2(null if number == 0 else self._log, number)
        os.close(null)

    def _let_go(self) -> None:
        """Close what leads to it; where nothing was put back, what is printed goes on going to the log."""
        self.lent = False
        for descriptor in (*(self._tty or ()), *(copy for _, copy in self._before)):
            os.close(descriptor)
        self._tty = None
        self._before = []


def _sane(modes: list[Any]) -> list[Any]:
    """What it had, and at least what a shell and Ctrl-C need."""
    made = list(modes)
    made[0] |= termios.ICRNL
    made[1] |= termios.OPOST | termios.ONLCR
    made[3] |= termios.ICANON | termios.ECHO | termios.ISIG
    return made


def _flush() -> None:
    """What Python still holds goes where it was meant to."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
