"""The engine that the tests of the control socket share, and a show on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime import commands as do
from realtime.controls import DECK_CONTROLS
from realtime.engine import Engine, EngineConfig
from tests.attach.stage import LIMIT_S, Stage


@pytest.fixture(name="running", scope="session")
def _running(patch_folder: Path) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARLING_PATCHES", str(patch_folder))
        with Engine(EngineConfig(decks=2, device="null", sample_rate_hz=44_100, block_frames=128, seed=3)) as engine:
            yield engine


@pytest.fixture(name="engine")
def _engine(running: Engine, patch_folder: Path) -> Engine:
    """The engine with empty decks and nothing set."""
    running.send(do.Panic(False))
    for deck in range(2):
        running.send(do.Unload(deck))
        for control in DECK_CONTROLS:
            running.send(do.SetControl(deck, control.id, control.default))
    assert running.settle(LIMIT_S)
    return running


@pytest.fixture(name="stage")
def _stage(engine: Engine, tmp_path: Path) -> Iterator[Stage]:
    with Stage(engine, tmp_path / "instance") as stage:
        yield stage
