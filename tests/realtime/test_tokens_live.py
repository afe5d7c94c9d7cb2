"""A tokens patch in real use: offline through the command line, and in its own process under the engine."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime import commands as do
from realtime.engine import Engine, EngineConfig
from realtime.render import RenderConfig, render
from realtime.setup import DeckSetup, Setup
from realtime.snapshot import DeckSnapshot
from realtime.tap import Tap
from tests.realtime.test_engine import RATE_HZ, SETTLE_S, longest_silence_s
from tests.tokens_patch import make_tokens_patch

ROOT = Path(__file__).parents[2]


@pytest.fixture(name="patches", scope="module")
def _patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patches")
    make_tokens_patch(folder, "tokens")
    make_tokens_patch(folder, "pairs", steps=2, leave_out=("step_int8", "step_short"))
    return folder


@pytest.fixture(autouse=True)
def _use(patches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_PATCHES", str(patches))


def rendered(patch: str, block_frames: int, seconds: float = 2.0, **values: float) -> np.ndarray:
    setup = Setup((DeckSetup(patch, controls=tuple(values.items())),))
    return np.concatenate([b.copy() for b in render(setup, RenderConfig(seconds, 5, block_frames=block_frames))])


@pytest.mark.parametrize("patch", ["tokens", "pairs"])
def test_any_block_size_gives_the_same_samples(patch: str) -> None:
    whole = rendered(patch, 1024)
    assert whole.std() > 0.01
    for block_frames in (1, 65, 4096):
        seconds = 0.1 if block_frames == 1 else 2.0
        made = rendered(patch, block_frames, seconds)
        count = 800 if block_frames == 1 else len(made)  # the end of a render is faded
        np.testing.assert_array_equal(made[:count], whole[:count])


def test_the_commands_renders_are_identical_files(tmp_path: Path) -> None:
    files = [tmp_path / "first.wav", tmp_path / "second.wav"]
    for file, blocks in zip(files, ("1024", "333"), strict=True):
        command = [sys.executable, "-m", "realtime", "tokens", "--render", str(file), "--seconds", "2", "--seed", "3"]
        command += ["--set", "1.class_rain=0.5", "--block-frames", blocks]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert files[0].read_bytes() == files[1].read_bytes()
    sound, rate = soundfile.read(files[0])
    assert (rate, len(sound)) == (RATE_HZ, 2 * RATE_HZ)
    assert sound.std() > 0.01


def test_a_deck_process_plays_it_changes_mode_and_freezes() -> None:
    heard: list[np.ndarray] = []
    with Engine(EngineConfig(decks=1, device="null", sample_rate_hz=RATE_HZ, block_frames=128, seed=4)) as engine:
        tap = Tap(engine.block)
        tap.start()

        def listen(seconds: float) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                heard.append(tap.read())
                time.sleep(0.02)

        def until(condition: Callable[[DeckSnapshot], bool]) -> None:
            end = time.monotonic() + SETTLE_S
            while not condition(engine.snapshot().decks[0]):
                assert time.monotonic() < end, engine.snapshot()
                listen(0.03)

        engine.send(do.Load(0, "tokens"))
        assert engine.settle(SETTLE_S)
        until(lambda deck: deck.state == "playing")
        listen(0.5)
        start = sum(map(len, heard))
        for mode, name in enumerate(("full", "int8", "fewer codebooks", "shorter window")):
            engine.send(do.SetMode(0, mode))
            until(lambda deck, name=name: deck.mode == name)
            listen(0.15)
        engine.send(do.SetMode(0, 0))
        for control, value in (("class_rain", 1.0), ("prime", 3.0), ("temperature", 0.0), ("freeze", 1.0), ("freeze", 0.0)):
            engine.send(do.SetControl(0, control, value))
            listen(0.15)
        engine.send(do.Reset(0, 9))
        listen(0.3)
        snapshot = engine.snapshot()
    deck = snapshot.decks[0]
    assert longest_silence_s(np.concatenate(heard)[start:, 0]) == 0.0
    assert (deck.state, deck.error, deck.restarts, deck.faults, snapshot.nonfinite) == ("playing", "", 0, 0, 0)
