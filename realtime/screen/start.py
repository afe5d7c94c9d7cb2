"""`attach`: a screen on this terminal, for the stage that plays. It knows terminals and links, not what is shown."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from realtime import terminal_signals
from realtime.attach.client import SocketLink
from realtime.attach.errors import NoStageError
from realtime.errors import NoTerminalError
from realtime.terminal import can_show_screen

START_WAIT_S: Final = 2.0
"""A stage that has just been started opens its door within this time after its device."""
TRY_S: Final = 0.1
SCREEN_NICE: Final = 5
"""A picture can wait where a deck cannot."""


def run_screen(folder: Path, say: Callable[[str], None]) -> int:
    """Show the stage of a folder until the screen is closed; returns the exit code: 0, or 1 when the stage went away under it.

    Parameters
    ----------
    folder : Path
        The instance folder.
    say : callable
        Told why the stage went away, once the terminal is as it was.

    Raises
    ------
    NoTerminalError — nothing here to draw on.
    NoStageError — no stage plays.
    AttachError — it refuses this screen.
    """
    if not can_show_screen():
        raise NoTerminalError(
            "a screen needs a terminal in front of it",
            got=f"TERM={os.environ.get('TERM', '')}, standard input and output that are not both one",
            hint="run it in a terminal window; without one the stage is reached by OSC",
        )
    _take_signals()
    link = _find(folder)
    try:
        return _show(link, say)
    finally:
        link.close()


def _show(link: SocketLink, say: Callable[[str], None]) -> int:
    # Imported only now: who has no stage to show is told so at once.
    from realtime.screen.app import StarlingScreen

    app = StarlingScreen(link)
    signal.signal(signal.SIGTERM, lambda *_: app.call_later(app.exit))
    why = app.run()
    # There is no app left that could end.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if why:
        say(f"starling: {why}")
    return app.return_code or 0


def _take_signals() -> None:
    """Answer the terminal's signals as any program, whatever the host that started this one ignores."""
    terminal_signals.answer()
    if hasattr(signal, "pthread_sigmask"):
        # The shell takes the terminal back the moment the host is killed. What was changed on it must be put right all the same, and who
        # does that from behind is stopped by this signal unless it is blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    if hasattr(os, "nice"):
        os.nice(SCREEN_NICE)


def _find(folder: Path) -> SocketLink:
    """Attach, also to a stage that is only just starting."""
    end = time.monotonic() + START_WAIT_S
    while True:
        link = SocketLink(folder)
        try:
            link.open()
        except NoStageError:
            if time.monotonic() >= end:
                raise
            time.sleep(TRY_S)
        else:
            return link
