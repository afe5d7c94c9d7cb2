"""The engine with its real processes, on the device `null`: the same callback, paced by the clock."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from patches.errors import UnknownPatchError
from realtime import commands as do
from realtime.device import NullOutput
from realtime.engine import Engine, EngineConfig
from realtime.errors import (
    ClipError,
    CorpusError,
    EngineError,
    InputDeviceError,
    OptionError,
    SettingError,
    UnknownControlError,
    UnknownDeckError,
)
from realtime.input_ring import InputReader
from realtime.kernels import layout as at
from realtime.render import RenderConfig, render
from realtime.setup import DeckSetup, Setup
from realtime.shared import SharedBlock
from realtime.snapshot import Snapshot
from realtime.tap import Tap
from realtime.voices.voice import CorpusChoice
from tests.corpus_folders import write_corpus

SETTLE_S = 60.0
RATE_HZ = 44_100
GAIN_DB = -9.0
LEAD_FRAMES = 8_192
"""0.19 s: longer than a shared machine stands still by itself, so that an underrun is what the test did."""


class Show:
    """An engine with two decks, the first panned left and the second right, so that the tap has each on a channel of its own."""

    def __init__(self) -> None:
        config = EngineConfig(decks=2, device="null", sample_rate_hz=RATE_HZ, block_frames=128, lead_frames=LEAD_FRAMES, seed=11)
        self.engine = Engine(config)
        self.engine.start()
        self.tap = Tap(self.engine.block)
        self.heard: list[np.ndarray] = []
        self.tap.start()
        for deck, pan in ((0, -1.0), (1, 1.0)):
            self.engine.send(do.SetControl(deck, "pan", pan))
            self.engine.send(do.SetControl(deck, "gain", GAIN_DB))
            self.engine.send(do.Load(deck, "tiny"))
        assert self.engine.settle(SETTLE_S)
        self.until(lambda s: s.spare_ready)

    @property
    def frames(self) -> int:
        return sum(len(piece) for piece in self.heard)

    def listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.heard.append(self.tap.read())
            time.sleep(0.02)

    def until(self, condition: Callable[[Snapshot], bool], limit_s: float = SETTLE_S) -> Snapshot:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            snapshot = self.engine.snapshot()
            if condition(snapshot):
                return snapshot
            self.listen(0.03)
        raise AssertionError(f"not within {limit_s} s: {self.engine.snapshot()}")

    def sound(self, start: int = 0) -> np.ndarray:
        return np.concatenate(self.heard)[start:]


@pytest.fixture(name="show", scope="module")
def _show(patch_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARLING_PATCHES", str(patch_folder))
        show = Show()
        yield show
        show.engine.close()


def longest_silence_s(sound: np.ndarray) -> float:
    """Longest run of 10 ms windows without sound, in s."""
    window = RATE_HZ // 100
    quiet = np.abs(sound[: len(sound) // window * window]).reshape(-1, window).max(axis=1) < 1e-5
    longest = run = 0
    for silent in quiet:
        run = run + 1 if silent else 0
        longest = max(longest, run)
    return longest / 100


def largest_jump(sound: np.ndarray) -> float:
    return float(np.abs(np.diff(sound)).max())


@cache
def normal_jump(patch: str = "tiny") -> float:
    """Largest sample-to-sample jump a patch makes by itself at the show's gain."""
    setup = Setup((DeckSetup(patch, controls=(("gain", GAIN_DB),)),))
    return max(largest_jump(np.concatenate([b[:, 0].copy() for b in render(setup, RenderConfig(20.0, seed))])) for seed in (11, 12))


def test_both_decks_play_and_the_numbers_add_up(show: Show) -> None:
    show.listen(1.0)
    snapshot = show.engine.snapshot()
    assert [deck.state for deck in snapshot.decks] == ["playing", "playing"]
    assert snapshot.underruns == 0
    assert snapshot.nonfinite == 0
    for deck in snapshot.decks:
        assert -50 < max(deck.rms_db) < -10
        assert 0 < deck.step_share < 1
        assert deck.fill_frames > 0
        assert deck.latency_ms > 1000 * deck.lead_frames / RATE_HZ
        assert deck.pid not in (0, os.getpid())
    assert snapshot.decks[0].peak_db[1] < -60 < snapshot.decks[0].peak_db[0]


def test_what_is_played_is_what_is_rendered(show: Show) -> None:
    """Deck 2 plays its seed's stream sample by sample: nothing else in the machine gets into it."""
    right = show.sound()[:, 1]
    expected = np.concatenate(
        [b[:, 0].copy() for b in render(Setup((DeckSetup("tiny", seed=12, controls=(("gain", GAIN_DB),)),)), RenderConfig(4.0))]
    )
    # Compared after the fades of the start, which fall at another frame live.
    template = expected[22_050:26_050]
    first = int(np.flatnonzero(np.abs(right) > 1e-6)[0])
    window = right[first : first + 2 * RATE_HZ + len(template)]
    windows = np.lib.stride_tricks.sliding_window_view(window, 64)
    place = int(np.argmin(np.abs(windows - template[:64]).sum(axis=1)))
    found = window[place : place + len(template)]
    assert len(found) == len(template)
    np.testing.assert_allclose(found, template, atol=1e-6)


def test_a_killed_deck_fades_and_comes_back_and_the_other_does_not_notice(show: Show) -> None:
    show.until(lambda s: s.spare_ready)
    before = show.engine.snapshot()
    show.listen(0.3)
    start = show.frames
    os.kill(before.decks[0].pid, signal.SIGKILL)
    after = show.until(lambda s: s.decks[0].restarts > before.decks[0].restarts and s.decks[0].state == "playing")
    show.listen(1.0)
    left, right = show.sound(start - RATE_HZ // 10).T
    assert after.decks[0].pid != before.decks[0].pid
    assert longest_silence_s(left) < 1.0
    assert largest_jump(left) <= normal_jump()
    assert longest_silence_s(right) == 0.0
    assert show.engine.snapshot().decks[1].underruns == before.decks[1].underruns
    assert show.engine.snapshot().decks[1].restarts == 0


def test_the_other_decks_samples_are_unchanged_by_a_kill(show: Show) -> None:
    show.until(lambda s: s.spare_ready)
    show.engine.send(do.Reset(1, seed=21))
    show.listen(0.5)
    start = show.frames - RATE_HZ // 2
    os.kill(show.engine.snapshot().decks[0].pid, signal.SIGKILL)
    show.listen(1.5)
    heard = show.sound(start)[:, 1]
    setup = Setup((DeckSetup("tiny", seed=21, controls=(("gain", GAIN_DB),)),))
    expected = np.concatenate([b[:, 0].copy() for b in render(setup, RenderConfig(3.0))])
    template = expected[8_000:8_064]
    windows = np.lib.stride_tricks.sliding_window_view(heard[: RATE_HZ // 1], 64)
    place = int(np.argmin(np.abs(windows - template).sum(axis=1)))
    length = min(len(heard) - place, len(expected) - 8_000 - RATE_HZ // 4)
    assert length > RATE_HZ
    np.testing.assert_allclose(heard[place : place + length], expected[8_000 : 8_000 + length], atol=1e-6)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")
def test_a_deck_that_hangs_is_replaced(show: Show) -> None:
    show.until(lambda s: s.spare_ready and s.decks[0].state == "playing")
    before = show.engine.snapshot()
    show.listen(0.3)
    start = show.frames
    os.kill(before.decks[0].pid, signal.SIGSTOP)
    show.until(lambda s: s.decks[0].restarts > before.decks[0].restarts and s.decks[0].state == "playing")
    show.listen(1.0)
    left = show.sound(start - RATE_HZ // 10)[:, 0]
    assert longest_silence_s(left) < 3.0
    assert largest_jump(left) <= normal_jump()
    assert show.engine.snapshot().decks[1].underruns == before.decks[1].underruns
    with pytest.raises(ProcessLookupError):
        os.kill(before.decks[0].pid, 0)


def band_level(sound: np.ndarray, frequency_hz: float) -> np.ndarray:
    """Level over time of one frequency: magnitude in Hann windows of 512 frames, every 64."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, 512)[::64] * np.hanning(512)
    return np.abs(windows @ np.exp(-2j * np.pi * frequency_hz * np.arange(512) / RATE_HZ))


def test_a_patch_change_crossfades_without_underrun_or_click(show: Show) -> None:
    show.engine.send(do.Load(0, "low"))
    show.until(lambda s: s.decks[0].patch == "low" and s.decks[0].state == "playing" and s.spare_ready)
    assert show.engine.settle(SETTLE_S)
    show.listen(0.5)
    before = show.engine.snapshot()
    start = show.frames
    show.listen(0.3)
    show.engine.send(do.Load(0, "high"))
    show.until(lambda s: s.decks[0].pid != before.decks[0].pid and s.decks[0].state == "playing")
    show.listen(0.8)
    left = show.sound(start)[:, 0]
    assert show.engine.snapshot().decks[0].underruns == before.decks[0].underruns
    assert longest_silence_s(left) == 0.0
    hop_hz = RATE_HZ / 1_024
    low, high = (band_level(left, round(f / hop_hz) * hop_hz) for f in (430.0, 3_000.0))
    low, high = low / np.median(low[:100]), high / np.median(high[-100:])
    # Both at once, well above what leaks from one band into the other, for most of the 120 ms of the fade.
    both = np.count_nonzero((low > 0.1) & (high > 0.1)) * 64 / RATE_HZ
    assert 0.06 < both < 0.2
    assert low[-50:].max() < 0.05
    assert high[:50].max() < 0.05
    power = low**2 + high**2
    assert power.min() > 0.7
    assert power.max() < 2.1  # where a voice joins two units of the same tone in phase, equal power makes 3 dB more of it
    # No click: a jump would exceed the steepest slopes of the two tones together.
    tones = [largest_jump(left[:8_000]), largest_jump(left[-8_000:])]
    assert largest_jump(left) <= 1.42 * np.hypot(*tones)
    show.engine.send(do.Load(0, "tiny"))
    show.until(lambda s: s.decks[0].patch == "tiny" and s.decks[0].state == "playing")
    assert show.engine.settle(SETTLE_S)


def test_controls_change_what_is_heard(show: Show) -> None:
    show.engine.send(do.SetControl(1, "mute", 1.0))
    show.listen(0.6)
    assert not show.sound(show.frames - 4_410)[:, 1].any()
    show.engine.send(do.SetControl(1, "mute", 0.0))
    show.engine.send(do.SetControl(None, "gain", -60.0))
    show.listen(0.3)
    assert not show.sound(show.frames - 4_410).any()
    show.engine.send(do.SetControl(None, "gain", 0.0))
    show.engine.send(do.SetControl(0, "density", 30.0))
    show.engine.send(do.SetControl(0, "freeze", 0.7))
    show.listen(0.3)
    block = show.engine.block
    ring = int(block.words[at.deck_words(0) + at.D_ACTIVE])
    assert block.controls(0, ring)[5] == 30.0
    assert block.floats[at.ring_floats(0, ring) + at.RF_FREEZE] == pytest.approx(0.7)
    show.engine.send(do.SetControl(0, "freeze", 0.0))


def test_the_lead_changes_while_playing(show: Show) -> None:
    before = show.engine.snapshot().decks[0]
    assert before.lead_frames == LEAD_FRAMES
    show.engine.send(do.SetLead(0, 12_288))
    show.until(lambda s: s.decks[0].lead_frames == 12_288 and s.decks[0].fill_frames > 11_500)
    show.engine.send(do.SetLead(0, LEAD_FRAMES))
    show.until(lambda s: s.decks[0].lead_frames == LEAD_FRAMES and s.decks[0].fill_frames < 10_000)
    show.listen(0.3)
    assert show.engine.snapshot().decks[0].underruns == before.underruns
    # Of the deck's own choosing, which follows from how long its steps take.
    show.engine.send(do.SetLead(0, None))
    show.until(lambda s: s.decks[0].lead_asked is None and s.decks[0].lead_frames not in (0, LEAD_FRAMES))
    show.engine.send(do.SetLead(0, LEAD_FRAMES))
    show.until(lambda s: s.decks[0].lead_frames == LEAD_FRAMES and s.decks[0].fill_frames > 7_000)


def test_a_mode_can_be_pinned_and_released(show: Show) -> None:
    show.engine.send(do.SetMode(1, 1))
    show.until(lambda s: s.decks[1].mode == "sequencer at half rate")
    show.engine.send(do.SetMode(1, 0))
    show.until(lambda s: s.decks[1].mode == "full")
    show.engine.send(do.SetMode(1, None))


def test_reset_and_seed_do_not_interrupt(show: Show) -> None:
    before = show.engine.snapshot().decks[1]
    start = show.frames
    for seed in (None, 5, 6):
        show.engine.send(do.Reset(1, seed))
        show.listen(0.2)
    right = show.sound(start)[:, 1]
    assert longest_silence_s(right) == 0.0
    assert show.engine.snapshot().decks[1].underruns == before.underruns


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (do.Load(0, "no-such-patch"), UnknownPatchError),
        (do.Load(7, "tiny"), UnknownDeckError),
        (do.Load(0, "tiny", controls=(("colour", 1.0),)), UnknownControlError),
        (do.SetControl(0, "colour", 1.0), UnknownControlError),
        (do.SetControl(None, "pan", 1.0), UnknownControlError),
        (do.SetControl(0, "density", 1e6), SettingError),
        (do.SetControl(0, "gain", float("nan")), SettingError),
        (do.SetControl(9, "gain", 0.0), UnknownDeckError),
        (do.SetLead(0, 0), OptionError),
        (do.Reset(-1), UnknownDeckError),
        (do.SetCorpora(7, ()), UnknownDeckError),
        (do.SetCorpora(0, (CorpusChoice("/no/such/corpus"),)), CorpusError),
        (do.SetCorpora(0, (CorpusChoice("@patch", -1.0),)), CorpusError),
        (do.Load(0, "tiny", corpora=(CorpusChoice("/no/such/corpus"),)), CorpusError),
        (do.Load(0, "tiny", prime="/no/such/seed.wav"), ClipError),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(show: Show, command: do.Command, error: type[Exception]) -> None:
    before = show.engine.snapshot()
    with pytest.raises(error):
        show.engine.send(command)
    after = show.engine.snapshot()
    assert [d.patch for d in after.decks] == [d.patch for d in before.decks]
    assert [d.pid for d in after.decks] == [d.pid for d in before.decks]


def test_a_patch_that_breaks_while_loading_leaves_the_old_one_playing(show: Show, patch_folder: Path) -> None:
    from tests.stage_patch import make_patch

    folder = make_patch(patch_folder, "broken", seconds=2.0)
    show.until(lambda s: s.decks[1].state == "playing")
    before = show.engine.snapshot().decks[1]
    (folder / "sequencer.onnx").write_bytes((folder / "sequencer.onnx").read_bytes()[:-1] + b"!")
    show.engine.send(do.Load(1, "broken"))
    after = show.until(lambda s: s.decks[1].error != "").decks[1]
    assert "sequencer.onnx" in after.error
    assert after.pid == before.pid
    assert after.patch == "tiny"
    assert after.underruns == before.underruns


def test_other_corpora_are_crossfaded_to_and_come_back_after_a_crash(show: Show, tmp_path: Path) -> None:
    write_corpus(tmp_path / "noise", units=20)
    noise = CorpusChoice(str(tmp_path / "noise"), 1.0, ("wind",))
    show.until(lambda s: s.spare_ready and s.decks[0].state == "playing")
    show.engine.send(do.SetControl(0, "density", 21.0))
    before = show.engine.snapshot().decks[0]
    start = show.frames
    show.engine.send(do.SetCorpora(0, (noise,)))
    after = show.until(lambda s: s.decks[0].corpora == (noise.path,) and s.decks[0].state == "playing" and s.spare_ready).decks[0]
    show.listen(0.3)
    assert after.pid != before.pid
    assert after.patch == before.patch
    assert after.underruns == before.underruns
    assert longest_silence_s(show.sound(start)[:, 0]) == 0.0
    block = show.engine.block
    assert block.controls(0, int(block.words[at.deck_words(0) + at.D_ACTIVE]))[5] == 21.0
    os.kill(after.pid, signal.SIGKILL)
    again = show.until(lambda s: s.decks[0].pid not in (0, after.pid) and s.decks[0].state == "playing" and s.spare_ready).decks[0]
    assert again.corpora == (noise.path,)


def test_corpora_that_cannot_be_opened_leave_what_sounds(show: Show, tmp_path: Path) -> None:
    write_corpus(tmp_path / "noise")
    (tmp_path / "noise" / "audio.pcm").write_bytes(bytes(100))
    before = show.engine.snapshot().decks[0]
    start = show.frames
    show.engine.send(do.SetCorpora(0, (CorpusChoice(str(tmp_path / "noise")),)))
    after = show.until(lambda s: s.decks[0].error != "").decks[0]
    show.listen(0.3)
    assert "audio.pcm" in after.error
    assert (after.pid, after.corpora, after.underruns) == (before.pid, before.corpora, before.underruns)
    assert longest_silence_s(show.sound(start)[:, 0]) == 0.0


def test_a_corpus_that_has_vanished_when_it_is_needed_again_is_a_named_error(show: Show, tmp_path: Path) -> None:
    write_corpus(tmp_path / "noise")
    show.until(lambda s: s.spare_ready)
    show.engine.send(do.Load(0, "tiny", corpora=(CorpusChoice(str(tmp_path / "noise")),)))
    playing = show.until(lambda s: s.decks[0].corpora != () and s.decks[0].error == "" and s.spare_ready).decks[0]
    (tmp_path / "noise").rename(tmp_path / "away")
    show.listen(0.3)
    assert show.engine.snapshot().decks[0].pid == playing.pid  # what is open sounds on
    os.kill(playing.pid, signal.SIGKILL)
    failed = show.until(lambda s: s.decks[0].state == "failed").decks[0]
    assert "noise" in failed.error
    with pytest.raises(CorpusError, match="deck 1 is empty"):
        show.engine.send(do.SetCorpora(0, (CorpusChoice("@patch"),)))
    show.engine.send(do.Load(0, "tiny"))
    show.until(lambda s: s.decks[0].state == "playing" and s.decks[0].corpora == ())
    assert show.engine.settle(SETTLE_S)


def test_unload_fades_out_and_the_deck_can_be_used_again(show: Show) -> None:
    start = show.frames
    show.engine.send(do.Unload(0))
    show.until(lambda s: s.decks[0].state == "empty")
    show.listen(0.5)
    left = show.sound(start)[:, 0]
    assert largest_jump(left) <= normal_jump()
    assert np.abs(left[-4_410:]).max() < 1e-9  # what is left of deck 2, panned away
    show.engine.send(do.Load(0, "tiny"))
    show.until(lambda s: s.decks[0].state == "playing")


def test_a_deck_that_is_lost_again_and_again_is_given_up_and_can_be_loaded_anew(show: Show) -> None:
    show.until(lambda s: s.decks[0].state == "playing")
    other = show.engine.snapshot().decks[1]
    end = time.monotonic() + SETTLE_S
    while show.engine.snapshot().decks[0].state != "failed" and time.monotonic() < end:
        pid = show.engine.snapshot().decks[0].pid
        if pid:
            os.kill(pid, signal.SIGKILL)
        show.listen(0.1)
    deck = show.engine.snapshot().decks[0]
    assert deck.state == "failed"
    assert "load a patch to try again" in deck.error
    show.engine.send(do.Load(0, "tiny"))
    show.until(lambda s: s.decks[0].state == "playing")
    assert show.engine.snapshot().decks[1].underruns == other.underruns


def test_closing_leaves_no_process_and_no_memory(patch_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_PATCHES", str(patch_folder))
    engine = Engine(EngineConfig(device="null"))
    with pytest.raises(EngineError):
        _ = engine.block
    engine.start()
    name = engine.block.name
    engine.send(do.Load(0, "tiny"))
    assert engine.settle(SETTLE_S)
    pid = engine.snapshot().decks[0].pid
    engine.close()
    engine.close()
    end = time.monotonic() + 10.0
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)  # a loaded machine takes its time to end a process
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not (Path("/dev/shm") / name).exists()


def test_an_engine_with_an_input_hears_shows_and_sets_its_level() -> None:
    with Engine(EngineConfig(device="null", sample_rate_hz=48_000, block_frames=96, input="default")) as engine:
        other = SharedBlock.attach(engine.block.name)
        reader = InputReader(other)
        engine.send(do.SetControl(None, "input_gain", 6.0))
        assert engine.block.floats[at.F_INPUT_GAIN] == pytest.approx(1.995, abs=1e-3)
        assert engine.block.floats[at.F_MASTER_GAIN] == 1.0
        with pytest.raises(SettingError):
            engine.send(do.SetControl(None, "input_gain", 25.0))
        time.sleep(0.3)
        heard = reader.read()
        assert len(heard) > 4_800
        assert not heard.any()
        snapshot = engine.snapshot()
        assert snapshot.input_name == "null"
        assert snapshot.input_latency_ms == pytest.approx(2.0)
        assert (snapshot.input_rms_db, snapshot.input_guarded, snapshot.input_guards) == (-120.0, False, 0)
        engine.block.floats[at.F_INPUT_SQUARE] = 0.25
        assert engine.snapshot().input_rms_db == pytest.approx(-6.0, abs=3.0)  # it falls from there
        other.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "input-watch"]


def test_an_engine_without_an_input_has_none() -> None:
    with Engine(EngineConfig(device="null")) as engine:
        reader = InputReader(engine.block)
        time.sleep(0.05)
        assert engine.snapshot().input_name == ""
        assert engine.snapshot().input_latency_ms == 0.0
        assert not len(reader.read())
        assert not [thread for thread in threading.enumerate() if thread.name == "input-watch"]


def test_an_input_by_name_that_cannot_be_had_leaves_nothing_behind() -> None:
    engine = Engine(EngineConfig(device="null", input="Microphone"))
    with pytest.raises(InputDeviceError, match="null has no input devices; got Microphone"):
        engine.start()
    engine.close()


def test_a_lost_device_leaves_an_input_that_is_silent_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(*_: object) -> tuple[NullOutput, str]:
        output = NullOutput(48_000, 96)
        output.hear("default")
        monkeypatch.setattr(output, "start", lambda block: None)
        return output, ""

    monkeypatch.setattr("realtime.device_watch.FIRST_CALL_S", 0.3)
    monkeypatch.setattr("realtime.engine.choose_output", stuck)
    engine = Engine(EngineConfig(input="default"))
    engine.start()
    try:
        end = time.monotonic() + SETTLE_S
        while "stopped" not in engine.notice and time.monotonic() < end:
            time.sleep(0.05)
        assert "playing to null and hearing silence until" in engine.notice
        reader = InputReader(engine.block)
        time.sleep(0.2)
        heard = reader.read()
        assert engine.snapshot().input_name == "null"
        assert len(heard)
        assert not heard.any()
    finally:
        engine.close()


@pytest.mark.parametrize("decks", [0, 9])
def test_number_of_decks(decks: int) -> None:
    with pytest.raises(OptionError, match="allowed: 1 to 8"):
        Engine(EngineConfig(decks=decks))
