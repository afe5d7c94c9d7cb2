"""What the host itself says while it plays, to whoever there is: a terminal, a pipe, or a log while a screen has the terminal."""

import contextlib
import shutil
import sys
from typing import Final

from realtime.plain import plain
from realtime.terminal import Terminal, is_dull

CLEAR: Final = "\r\x1b[K"


class Console:
    """Lines that stay, and one line that changes.

    Parameters
    ----------
    terminal : Terminal, optional
        The one that is held; None: standard output and error are used as they are.
    headless : bool
        Nobody looks at a status.

    Thread
    ------
    The host's main thread.
    """

    def __init__(self, terminal: Terminal | None, *, headless: bool) -> None:
        self._terminal = terminal
        self._headless = headless

    @property
    def live(self) -> bool:
        """Whether somebody looks at one line that changes."""
        if self._terminal is not None:
            return self._terminal.there and not self._terminal.lent
        return sys.stdout is not None and sys.stdout.isatty() and not self._headless and not is_dull()

    @property
    def wants_status(self) -> bool:
        """Whether the status is wanted as lines, every now and then."""
        return self._terminal is None and not self._headless and not self.live

    def say(self, text: str, *, error: bool = False) -> None:
        """Say a line or more. A terminal or pipe that is gone must not end the show."""
        clear = CLEAR if self.live else ""
        # Names of devices, files and patches are in it.
        text = "\n".join(plain(line) for line in text.split("\n"))
        if self._terminal is not None and clear:
            self._terminal.write(f"{clear}{text}\n")
            return
        # A ValueError is a closed file; Python has no stream at all (None) when it was started with a closed one.
        with contextlib.suppress(OSError, ValueError):
            print(f"{clear}{text}", file=sys.stderr if error else sys.stdout, flush=True)

    def note(self, text: str) -> None:
        """Say what takes long just now, where somebody sits and waits; a pipe or file is told what came of it."""
        if self._terminal is not None or (sys.stdout is not None and sys.stdout.isatty()):
            self.say(text)

    def status(self, text: str) -> None:
        """Show a line in place of the one before."""
        text = plain(text)
        if self._terminal is not None:
            self._terminal.write(CLEAR + text)
            return
        with contextlib.suppress(OSError, ValueError):
            print(CLEAR + text, end="", flush=True)  # noqa: T201 - as above

    @property
    def columns(self) -> int:
        """How long the line that changes may be."""
        return (self._terminal.columns if self._terminal is not None else shutil.get_terminal_size().columns) - 1
