from pathlib import Path

import numpy as np
import pytest

from realtime.errors import OptionError, SettingError, UnknownControlError
from realtime.render import RenderConfig, render
from realtime.setup import DeckSetup, Setup
from realtime.voices.voice import UnitEvent

pytestmark = pytest.mark.usefixtures("patch_folder")
TINY = Setup((DeckSetup("tiny"),))


def rendered(setup: Setup = TINY, **options: float) -> np.ndarray:
    config = RenderConfig(**{"seconds": 3.0, "seed": 7} | options)
    return np.concatenate([block.copy() for block in render(setup, config)])


def test_twice_gives_the_same_samples() -> None:
    np.testing.assert_array_equal(rendered(), rendered())


@pytest.mark.parametrize("block_frames", [1, 64, 65, 128, 8_193])
def test_any_block_size_gives_the_same_samples(block_frames: int) -> None:
    setup = Setup((DeckSetup("tiny"), DeckSetup("wide", controls=(("pan", 0.4), ("gain", -3.0)))))
    np.testing.assert_array_equal(rendered(setup, seconds=1.5, block_frames=block_frames), rendered(setup, seconds=1.5))


def test_length_level_and_ends() -> None:
    sound = rendered()
    assert len(sound) == 3 * 44_100
    assert -40 < 20 * np.log10(sound.std()) < -10
    assert np.abs(sound).max() < 10 ** (-0.1 / 20)
    assert np.abs(sound[0]).max() < 0.01
    assert np.abs(sound[-1]).max() < 0.01


def test_another_seed_is_another_take() -> None:
    assert not np.array_equal(rendered(seed=1), rendered(seed=2))


def test_another_rate_has_the_same_spectrum() -> None:
    spectra = []
    for rate in (44_100, 48_000):
        sound = rendered(seconds=6.0, sample_rate_hz=rate)[:, 0]
        power = np.abs(np.fft.rfft(sound)) ** 2
        edges = np.fft.rfftfreq(len(sound), 1 / rate)
        spectra.append([10 * np.log10(power[(edges > low) & (edges < 2 * low)].sum() / len(sound) ** 2) for low in (200, 800, 3_200)])
    np.testing.assert_allclose(spectra[0], spectra[1], atol=1.0)


def test_the_log_covers_the_whole() -> None:
    events: list[tuple[int, UnitEvent]] = []
    for _ in render(TINY, RenderConfig(2.0, 7), lambda deck, event: events.append((deck, event))):
        pass
    assert {deck for deck, _ in events} == {0}
    assert len(events) >= 2 * 44_100 // 1_024


def test_controls_reach_the_sound() -> None:
    quiet = rendered(Setup((DeckSetup("tiny", controls=(("gain", -20.0),)),)))
    assert 20 * np.log10(quiet.std() / rendered().std()) == pytest.approx(-20.0, abs=0.1)
    silent = rendered(Setup((DeckSetup("tiny", controls=(("mute", 1.0),)),)))
    assert not silent.any()
    master = rendered(Setup((DeckSetup("tiny"),), (("gain", -20.0),)))
    np.testing.assert_allclose(master, quiet, atol=1e-3)
    assert not np.array_equal(rendered(Setup((DeckSetup("tiny", controls=(("density", 40.0),)),))), rendered())


@pytest.mark.parametrize(
    ("setup", "error"),
    [
        (Setup((DeckSetup("tiny", controls=(("colour", 1.0),)),)), UnknownControlError),
        (Setup((DeckSetup("tiny", controls=(("density", 99.0),)),)), SettingError),
        (Setup((DeckSetup("tiny", controls=(("pan", 2.0),)),)), SettingError),
        (Setup((DeckSetup("tiny"),), (("pan", 0.0),)), UnknownControlError),
        (Setup((DeckSetup("tiny"),), (("gain", 99.0),)), SettingError),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_block(setup: Setup, error: type[Exception]) -> None:
    with pytest.raises(error):
        render(setup, RenderConfig(1.0))


@pytest.mark.parametrize(
    "options", [{"seconds": 0}, {"seconds": -1}, {"seconds": 1e9}, {"sample_rate_hz": 10}, {"block_frames": 0}, {"block_frames": 10**6}]
)
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="allowed"):
        RenderConfig(**{"seconds": 1.0} | options)


def test_the_patch_folder_is_given_by_path(patch_folder: Path) -> None:
    assert len(rendered(Setup((DeckSetup(str(patch_folder / "wide")),)), seconds=0.5)) == 22_050
