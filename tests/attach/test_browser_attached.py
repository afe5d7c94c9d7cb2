"""The patch browser on a real stage: the real engine, show, socket and screen. What is pressed is heard, what happens is seen."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from realtime import corpus_job
from realtime.corpus_job import CorpusJob
from realtime.engine import Engine, EngineConfig
from realtime.screen.app import StarlingScreen
from tests.attach.stage import Stage
from tests.screen.desk import Desk, HandClock, played

LIMIT_S = 30.0


async def until(desk: Desk, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, "\n".join(desk.rows())
        await desk.pilot.pause(0.05)


def rows(desk: Desk) -> str:
    return "\n".join(desk.rows())


@played
async def test_a_patch_is_found_tried_and_loaded(patch_folder: Path, tmp_path: Path) -> None:
    with (
        Engine(EngineConfig(decks=1, device="null", block_frames=128, seed=3, audition=True)) as engine,
        Stage(engine, tmp_path / "i") as stage,
        stage.link() as link,
    ):
        app = StarlingScreen(link)
        async with app.run_test(size=(120, 40)) as pilot:
            desk = Desk(app, pilot, link, HandClock())
            await pilot.press("b")
            await until(desk, lambda: app.panel is not None and "tiny" in rows(desk))
            size = sum(path.stat().st_size for path in (patch_folder / "tiny").rglob("*") if path.is_file())
            assert f"{size / 1e6:.1f} MB" in rows(desk)
            await pilot.press("slash", *"tiny", "enter", "space")
            await until(desk, lambda: "trying tiny, playing" in rows(desk))
            assert engine.snapshot().audition.patch == "tiny"
            assert max(engine.snapshot().audition.rms_db) > -80.0
            await pilot.press("right")
            await until(desk, lambda: engine.snapshot().audition.stage[0] == -11.0)
            await pilot.press("enter")
            await until(desk, lambda: engine.snapshot().decks[0].state == "playing" and engine.snapshot().audition.state == "empty")
            assert engine.snapshot().decks[0].patch == "tiny"
            await until(desk, lambda: "›▶ tiny" in rows(desk))


@played
async def test_a_corpus_that_is_made_is_seen_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    code = "import time, pathlib, sys\ngo = pathlib.Path(sys.argv[sys.argv.index('--audio') + 1])\n"
    code += "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\nout.mkdir()\nprint('progress 1 of 4')\n"
    code += "while not (go / 'go').exists(): time.sleep(0.02)\n"
    real = subprocess.Popen
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    with (
        pytest.MonkeyPatch.context() as patch,
        Engine(EngineConfig(decks=1, device="null", audition=True)) as engine,
        Stage(engine, tmp_path / "i") as stage,
        stage.link() as link,
    ):
        patch.setattr(corpus_job.subprocess, "Popen", lambda command, **how: real([sys.executable, "-u", "-c", code, *command[4:]], **how))
        job: CorpusJob = stage.show.corpora
        job.folder = tmp_path / "corpora"
        app = StarlingScreen(link)
        async with app.run_test(size=(120, 40)) as pilot:
            desk = Desk(app, pilot, link, HandClock())
            await pilot.press("b")
            await until(desk, lambda: app.panel is not None and "patches" in rows(desk))
            for end, state, sign in (("cancel", "cancelled", "cancelled; nothing of it stays"), ("go", "done", "corpus sounds is made")):
                await pilot.press("n", "ctrl+u")
                app.screen.query_one("Input").value = str(sounds)
                await pilot.press("enter")
                await until(desk, lambda: "corpus sounds 25 %: 1 of 4 sounds" in rows(desk))
                if end == "cancel":
                    await pilot.press("x")
                else:
                    (sounds / "go").touch()
                await until(desk, lambda sign=sign: sign in rows(desk))
                assert job.snapshot().state == state
            assert sorted(path.name for path in job.folder.iterdir() if path.is_dir()) == ["sounds"]
