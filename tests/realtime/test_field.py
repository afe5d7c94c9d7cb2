"""The patch that ships: what a newcomer hears first."""

import numpy as np
import pytest

from patches.library import bundled_folder
from patches.validate import validate
from realtime.render import RenderConfig, render
from realtime.setup import DeckSetup, Setup

MAX_BYTES = 8 * 1024 * 1024
SILENCE_DBFS = -60.0


def take(seconds: float = 20.0, block_frames: int = 1_024, **controls: float) -> np.ndarray:
    setup = Setup((DeckSetup("field", controls=tuple(controls.items())),))
    return np.concatenate([b.copy() for b in render(setup, RenderConfig(seconds, 7, block_frames=block_frames))])


@pytest.fixture(name="first", scope="module")
def _first() -> np.ndarray:
    return take()


def level_db(sound: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt((sound**2).mean())))


def brightness_hz(sound: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(sound[: len(sound) // 4096 * 4096, 0].reshape(-1, 4096) * np.hanning(4096), axis=1)) ** 2
    return float((power.sum(axis=0) @ np.fft.rfftfreq(4096, 1 / 44_100)) / power.sum())


def test_is_valid_and_small() -> None:
    manifest = validate(bundled_folder() / "field")
    assert sum(entry.bytes for entry in manifest.entries) <= MAX_BYTES
    assert manifest.verify.onnx_max_error <= 1e-4


def test_level_peak_and_no_silence(first: np.ndarray) -> None:
    assert -40 < level_db(first) < -10
    assert 20 * np.log10(np.abs(first).max()) <= -0.1
    windows = np.abs(first[: len(first) // 441 * 441]).reshape(-1, 882).max(axis=1)
    silent = windows < 10 ** (SILENCE_DBFS / 20)
    longest = max(len(run) for run in "".join("s" if s else " " for s in silent).split(" "))
    assert longest <= 100  # of 10 ms


@pytest.mark.parametrize("block_frames", [64, 65, 128, 8_193])
def test_any_block_size_gives_the_same_samples(first: np.ndarray, block_frames: int) -> None:
    np.testing.assert_array_equal(take(block_frames=block_frames), first)


def test_wanders() -> None:
    """A minute of it goes through clearly different sounds: brightness of its two-second pieces spans over an octave."""
    sound = take(60.0)
    centres = [brightness_hz(piece) for piece in np.array_split(sound, 30)]
    assert np.log2(max(centres) / min(centres)) > 1.0


def test_loudness_and_brightness_are_heard() -> None:
    assert level_db(take(15.0, loudness=2.5)) > level_db(take(15.0, loudness=-2.5)) + 6.0
    assert brightness_hz(take(15.0, brightness=2.5)) > 2.0 * brightness_hz(take(15.0, brightness=-2.5))
