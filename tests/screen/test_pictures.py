"""What the screen looks like: every panel in every theme at three sizes, drawn from a stage that stands still.

A picture that changed on purpose is taken anew by `pytest tests/screen/test_pictures.py --snapshot-update`; look at it before it is kept.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from realtime.attach.view import StageView
from realtime.screen.actions import Where
from realtime.screen.app import StarlingScreen
from realtime.screen.themes import THEMES
from tests.screen.link import NotedLink
from tests.screen.views import library, stage_view

SIZES = ((80, 24), (120, 40), (200, 60))
PANELS: tuple[Where, ...] = ("", "browser", "scenes", "mapping", "takes", "log", "scope", "doctor")
_UNWANTED = re.compile(r'@font-face \{.*?\}\s*|<clipPath id="[^"]*-line-\d+">.*?</clipPath>\s*| clip-path="url\(#[^)]*-line-\d+\)"', re.S)
"""Fonts from elsewhere, and a frame around every line that nothing leaves: half of each file."""
_NUMBER = re.compile(r"terminal-\d+")
"""Another one whenever anything is drawn otherwise."""


class SvgExtension(SingleFileSnapshotExtension):
    """A picture is a file that a browser opens."""

    file_extension = "svg"
    _write_mode = WriteMode.TEXT


@pytest.fixture(name="snapshot")
def _snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SvgExtension)


@pytest.fixture(autouse=True)
def _nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_KEYMAP", str(tmp_path / "none.toml"))
    monkeypatch.setenv("STARLING_RUNTIME", str(tmp_path))


def picture(app: StarlingScreen) -> str:
    """The screen as SVG, in whatever font there is."""
    return _NUMBER.sub("t", _UNWANTED.sub("", app.export_screenshot()))


async def settle(pilot: Any) -> None:
    """Wait until everything that was begun is drawn."""
    await pilot.pause()
    pilot.app.look()
    await pilot.pause()


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("panel", PANELS, ids=lambda name: name or "decks")
def test_panel(panel: Where, columns: int, rows: int, snapshot: SnapshotAssertion) -> None:
    async def drawn() -> dict[str, str]:
        app = StarlingScreen(NotedLink(stage_view(), library()))
        async with app.run_test(size=(columns, rows)) as pilot:
            if panel:
                app.open_panel(panel)
            found = {}
            for theme in THEMES:
                app.theme = theme.name
                await settle(pilot)
                found[theme.name.removeprefix("starling-")] = picture(app)
            return found

    for theme, svg in asyncio.run(drawn()).items():
        assert svg == snapshot(name=theme)


def test_no_device(snapshot: SnapshotAssertion) -> None:
    async def drawn() -> str:
        app = StarlingScreen(NotedLink(StageView(notice="no sound device: PortAudio is missing")))
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            return picture(app)

    assert asyncio.run(drawn()) == snapshot
