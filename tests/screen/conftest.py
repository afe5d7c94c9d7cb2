"""Screens under test are on a terminal of all colours at this machine, whatever the tests themselves run on."""

import time
from collections.abc import Iterator

import pytest

from tests.screen.quiet import quiet

NEVER_S = 3600.0


@pytest.fixture(autouse=True)
def _this_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("SSH_CONNECTION", "SSH_TTY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    # Every size counts at once, so that a test need not wait for it.
    monkeypatch.setattr("realtime.screen.resizing.RESIZE_S", 0.0)
    # The screen looks when it is told to, and waits for nothing but its own messages: what a test sees does not depend on the machine.
    monkeypatch.setattr("realtime.screen.app.LOOK_S", NEVER_S)
    for place in ("app", "pilot"):
        monkeypatch.setattr(f"textual.{place}.wait_for_idle", quiet)
    yield
    monkeypatch.undo()
    time.tzset()
