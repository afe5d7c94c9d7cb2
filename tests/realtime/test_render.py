from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.control.automation_file import AutomationFile, read_automation
from realtime.control.automation_offline import OfflineAutomation
from realtime.control.automation_track import evenly
from realtime.errors import OptionError, SettingError, UnknownControlError
from realtime.render import OfflineDeck, RenderConfig, render
from realtime.setup import DeckSetup, Setup
from realtime.shared import SharedBlock
from realtime.voices.voice import UnitEvent

pytestmark = pytest.mark.usefixtures("patch_folder")
TINY = Setup((DeckSetup("tiny"),))


def rendered(setup: Setup = TINY, **options: Any) -> np.ndarray:
    config = RenderConfig(**{"seconds": 3.0, "seed": 7} | options)
    return np.concatenate([block.copy() for block in render(setup, config)])


def test_twice_gives_the_same_samples() -> None:
    np.testing.assert_array_equal(rendered(), rendered())


@pytest.mark.parametrize("block_frames", [1, 64, 65, 128, 8_193])
def test_any_block_size_gives_the_same_samples(block_frames: int) -> None:
    setup = Setup((DeckSetup("tiny"), DeckSetup("wide", controls=(("pan", 0.4), ("gain", -3.0)))))
    np.testing.assert_array_equal(rendered(setup, seconds=1.5, block_frames=block_frames), rendered(setup, seconds=1.5))


def test_an_empty_deck_is_silent_and_leaves_the_others_their_numbers() -> None:
    other = DeckSetup("tiny", seed=9)
    silent = DeckSetup(controls=(("solo", 1.0),))
    np.testing.assert_array_equal(rendered(Setup((silent, other)), seconds=1.0), rendered(Setup((other,)), seconds=1.0))
    events: list[int] = []
    for _ in render(Setup((DeckSetup(), other)), RenderConfig(1.0), lambda deck, event: events.append(deck)):
        pass
    assert set(events) == {1}


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


JUMPS = """
format = 1
[[lane]]
address = "/master/gain"
points = [[0.0, 0.0], [0.30001, -12.0], [0.30001, 6.0], [2.0, 6.0]]
[[lane]]
address = "/deck/1/gain"
points = [[0.0, -60.0, "step"], [0.50003, 0.0], [1.4, -20.0]]
[[lane]]
address = "/deck/2/pan"
points = [[0.0, -1.0], [1.5, 1.0]]
[[lane]]
address = "/deck/1/param/density"
points = [[0.0, 2.0], [0.7, 40.0], [0.7, 4.0], [1.5, 43.0]]
[[lane]]
address = "/deck/2/param/loudness"
points = [[0.2, -2.0, "step"], [0.9, 2.0]]
[[lane]]
address = "/deck/2/freeze"
points = [[0.0, 0, "step"], [0.8, 1, "step"], [1.0, 0]]
"""
BOTH = Setup((DeckSetup("tiny"), DeckSetup("wide", controls=(("pan", 0.4), ("gain", -3.0)))))


@pytest.fixture(name="jumps")
def _jumps(tmp_path: Path) -> AutomationFile:
    path = tmp_path / "jumps.toml"
    path.write_text(JUMPS)
    return read_automation(path)


@pytest.mark.parametrize("block_frames", [7, 65, 8_193])
def test_automation_gives_the_same_samples_for_any_block_size(jumps: AutomationFile, block_frames: int) -> None:
    one = rendered(BOTH, seconds=1.6, automation=jumps, block_frames=block_frames)
    np.testing.assert_array_equal(one, rendered(BOTH, seconds=1.6, automation=jumps))
    assert not np.array_equal(one, rendered(BOTH, seconds=1.6))


def test_lanes_of_master_and_decks_move_side_by_side_each_at_its_frame(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text(
        'format = 1\n[[lane]]\naddress = "/master/gain"\npoints = [[0.0, 0.0], [2.9, -1.0]]\n'
        '[[lane]]\naddress = "/deck/1/gain"\npoints = [[0.0, -60.0, "step"], [1.0, 0.0]]\n'
    )
    sound = np.abs(rendered(automation=read_automation(path), block_frames=128)).max(axis=1)
    # The first value is there before the first sample.
    assert int(np.flatnonzero(sound)[0]) == 44_100


def test_automation_has_the_values_of_a_stage_that_plays_it(jumps: AutomationFile) -> None:
    """What `AutomationPlayer` schedules, laid over a render by hand: the same samples."""
    setup = Setup((DeckSetup("tiny"),))
    lanes = AutomationFile(tuple(lane for lane in jumps.lanes if lane.address == "/deck/1/param/density"), length=jumps.length)
    events = list(evenly(lanes, 44_100).until(0, 2 * 44_100))
    heeded: list[float] = []
    block = SharedBlock.private(44_100)
    deck = OfflineDeck(0, setup.decks[0], RenderConfig(1.6, 7), block)
    deck.automation = OfflineAutomation(lanes, [deck.manifest], 44_100)
    index = next(i for i, control in enumerate(deck.manifest.controls) if control.id == "density")
    next_of_stream = deck._stream.next

    def noted(controls: np.ndarray, frozen: bool) -> np.ndarray:
        heeded.append(float(controls[index]))
        return next_of_stream(controls, frozen)

    deck._stream.next = noted  # type: ignore[method-assign]
    step = deck.voice.step_frames
    steps = int(1.6 * 44_100) // step
    for _ in range(steps):
        deck._made += len(deck._step())
    # A step heeds the last value due when its first frame is heard: that of the deck process, see tests/realtime/test_dispatch.py.
    wanted = [[event.value for event in events if event.frame <= step * number][-1] for number in range(steps)]
    assert steps > 100
    np.testing.assert_array_equal(np.float32(heeded), np.float32(wanted))


def test_lanes_of_decks_there_are_none_of_sleep_and_are_said(tmp_path: Path) -> None:
    path = tmp_path / "three.toml"
    path.write_text('format = 1\n[[lane]]\naddress = "/deck/3/gain"\npoints = [[0.0, 0.0]]\n')
    said: list[tuple[int, str]] = []
    config = RenderConfig(0.5, 7, automation=read_automation(path))
    sound = np.concatenate([b.copy() for b in render(TINY, config, noted=lambda deck, text: said.append((deck, text)))])
    assert said == [(0, "automation moves nothing at /deck/3/gain: no deck has it")]
    np.testing.assert_array_equal(sound, rendered(seconds=0.5))
