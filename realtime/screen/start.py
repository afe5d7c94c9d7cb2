"""`attach`: a screen on this terminal, for the stage that plays. It knows terminals and links, not what is shown."""

import io
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from realtime import terminal_signals
from realtime.attach.client import SocketLink
from realtime.attach.errors import NoStageError
from realtime.errors import NoTerminalError
from realtime.instance import is_held
from realtime.plain import plain
from realtime.screen.link import StageLink
from realtime.terminal import why_not_shown

START_WAIT_S: Final = 15.0
"""A stage that has just been started opens its door with its device: some take long."""
TRY_S: Final = 0.1
CRASH_NAME: Final = "screen.log"
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
    if why := why_not_shown():
        raise NoTerminalError(f"a screen needs a terminal in front of it: {why}", hint="run it in a terminal window; OSC needs none")
    _take_signals()
    link = _find(folder)
    try:
        return show(link, folder, say)
    finally:
        link.close()


def show(link: StageLink, folder: Path, say: Callable[[str], None]) -> int:
    """Show a stage until the screen is closed; the rest as `run_screen`. What a screen crashed of goes into a file, for who mends it."""
    # Imported only now: who has no stage to show is told so at once.
    from rich.console import Console

    from realtime.screen.app import StarlingScreen
    from realtime.screen.garbage import Garbage

    app = StarlingScreen(link, garbage=Garbage(time.monotonic))
    if isinstance(sys.__stderr__, io.TextIOWrapper):
        # What Textual draws on. A locale (`LANG=C`) says little about a terminal: today's take UTF-8, and what does not has no bars at all.
        sys.__stderr__.reconfigure(encoding="utf-8", errors="replace")
    crash = io.StringIO()
    app.error_console = Console(file=crash)
    signal.signal(signal.SIGTERM, lambda *_: app.call_later(app.exit))
    why = app.run()
    # There is no app left that could end.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if why:
        say(f"starling: {why}")
    if text := crash.getvalue().rstrip():
        say(f"starling: error: the screen crashed: {plain(text.splitlines()[-1])}{_kept(folder / CRASH_NAME, text)}")
    return app.return_code or 0


def _kept(path: Path, text: str) -> str:
    """Write a text; returns where it is, as the end of a sentence."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        return ""
    return f"; all of it is in {path}"


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
            if time.monotonic() >= end or not is_held(folder):
                raise
            time.sleep(TRY_S)
        else:
            return link
