"""Screens under test are on a terminal of all colours at this machine, whatever the tests themselves run on."""

import time
from collections.abc import Iterator

import pytest

SOON_S = 0.01


@pytest.fixture(autouse=True)
def _this_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("SSH_CONNECTION", "SSH_TTY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    # New sizes count soon, so that a test need not wait for them.
    monkeypatch.setattr("realtime.screen.app.RESIZE_S", SOON_S)
    yield
    monkeypatch.undo()
    time.tzset()
