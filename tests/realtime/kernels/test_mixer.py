import ctypes
import math
import tracemalloc

import numpy as np
import pytest
from numba.core.runtime import rtsys

from realtime.controls import linear_gain
from realtime.kernels import callback, mixer, ring
from realtime.kernels import layout as at
from realtime.kernels.limiter import CEILING, KNEE, soft_gain
from realtime.schedule import MixerSchedule
from realtime.shared import SharedBlock
from realtime.tap import Tap, start_all

RATE_HZ = 48_000
ROUNDING = 1.0 + 2e-7
"""float32 rounds the product of a level and its gain."""
BLOCK_SIZES = (1, 63, 64, 65, 128, 512, 513, 1_024, 8_193)


class Stage:
    """A private block with decks fed by hand."""

    def __init__(self, decks: int = 1) -> None:
        self.block = SharedBlock.private(RATE_HZ)
        for deck in range(decks):
            self.block.open_ring(deck, 0)
            self.block.words[at.deck_words(deck) + at.D_ACTIVE] = 0

    def feed(self, frames: np.ndarray, deck: int = 0, index: int = 0) -> None:
        frames = np.ascontiguousarray(frames, np.float32)
        data = at.ring_floats(deck, index) + at.RF_DATA
        assert ring.write(self.block.words, self.block.floats, at.ring_words(deck, index), data, frames, len(frames)) == len(frames)

    def set(self, deck: int, position: int, value: float) -> None:
        self.block.floats[at.deck_floats(deck) + position] = value

    def mix(self, frames: int, block_frames: int = 512) -> np.ndarray:
        pieces = []
        while frames:
            out = np.full((min(block_frames, frames), 2), np.nan, np.float32)
            mixer.mix(self.block.words, self.block.floats, out)
            pieces.append(out)
            frames -= len(out)
        return np.concatenate(pieces)


def noise(frames: int, level: float = 0.1, seed: int = 1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal((frames, 2))).astype(np.float32)


def constant(frames: int, left: float, right: float | None = None) -> np.ndarray:
    return np.tile(np.array([left, left if right is None else right], np.float32), (frames, 1))


SETTLED = 12_000
"""Frames after which every ramp and fade of the mixer has ended."""


def test_silence_without_decks_and_the_clock_runs() -> None:
    stage = Stage(0)
    assert not stage.mix(1_000).any()
    assert stage.block.words[at.W_CLOCK] == 1_000


def test_passes_a_quiet_signal_as_it_is() -> None:
    stage = Stage()
    sound = noise(SETTLED + 4_000)
    stage.feed(sound)
    np.testing.assert_allclose(stage.mix(len(sound))[SETTLED:], sound[SETTLED:], atol=1e-7)


@pytest.mark.parametrize("block_frames", BLOCK_SIZES)
def test_any_block_size_gives_the_same_samples(block_frames: int) -> None:
    total = 20_000
    results = []
    for size in (512, block_frames):
        stage = Stage(2)
        stage.feed(noise(total, 0.4, 1), 0)
        stage.feed(noise(total, 0.4, 2), 1)
        stage.set(0, at.DF_PAN, -0.3)
        stage.set(1, at.DF_GAIN, 1.7)
        results.append(stage.mix(total, size))
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize(("pan", "left", "right"), [(-1.0, 1.0, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (0.5, 0.541196, 1.0)])
def test_pan(pan: float, left: float, right: float) -> None:
    stage = Stage()
    stage.set(0, at.DF_PAN, pan)
    stage.feed(constant(SETTLED + 1, 0.25))
    np.testing.assert_allclose(stage.mix(SETTLED + 1)[-1], [0.25 * left, 0.25 * right], atol=1e-6)


def test_gain_moves_along_a_ramp() -> None:
    stage = Stage()
    stage.feed(constant(3 * SETTLED, 0.25))
    stage.mix(SETTLED)
    stage.set(0, at.DF_GAIN, linear_gain(-12.0))
    out = stage.mix(SETTLED)
    assert out[-1, 0] == pytest.approx(0.25 * 10 ** (-12 / 20), abs=1e-6)
    assert np.abs(np.diff(out[:, 0])).max() <= 0.25 / (0.02 * RATE_HZ) + 1e-7


def test_mute_and_solo() -> None:
    stage = Stage(3)
    for deck, level in enumerate((0.1, 0.2, 0.3)):
        stage.feed(constant(4 * SETTLED, level), deck)
    assert stage.mix(SETTLED)[-1, 0] == pytest.approx(0.6, abs=1e-6)
    stage.set(0, at.DF_MUTE, 1.0)
    assert stage.mix(SETTLED)[-1, 0] == pytest.approx(0.5, abs=1e-6)
    stage.set(2, at.DF_SOLO, 1.0)
    assert stage.mix(SETTLED)[-1, 0] == pytest.approx(0.3, abs=1e-6)
    stage.set(2, at.DF_MUTE, 1.0)
    assert stage.mix(SETTLED)[-1, 0] == 0.0


def test_a_solo_of_an_empty_deck_silences_nobody() -> None:
    stage = Stage()
    stage.set(5, at.DF_SOLO, 1.0)
    stage.feed(constant(SETTLED, 0.25))
    assert stage.mix(SETTLED)[-1, 0] == pytest.approx(0.25)


def test_patch_change_keeps_power_and_has_no_jump() -> None:
    stage = Stage()
    total = 30_000
    first, second = noise(total, 0.1, 1), noise(total, 0.1, 2)
    stage.feed(first)
    stage.mix(SETTLED)
    stage.block.open_ring(0, 1)
    stage.feed(second, 0, 1)
    stage.block.words[at.deck_words(0) + at.D_ACTIVE] = 1
    out = stage.mix(10_000)
    fade = int(stage.block.words[at.W_FADE_FRAMES])
    level = 20 * np.log10(out[:fade].std() / 0.1)
    assert abs(level) < 0.5
    np.testing.assert_allclose(out[fade + ring.LEVEL_FRAMES :], second[fade + ring.LEVEL_FRAMES : 10_000], atol=1e-6)
    assert np.abs(np.diff(out[:, 0])).max() < 1.2 * np.abs(np.diff(first[:, 0])).max()
    assert stage.block.words[at.deck_words(0) + at.D_UNDERRUNS] == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 3e38])
def test_a_sample_that_is_not_finite_is_counted_and_never_heard(bad: float) -> None:
    stage = Stage(2)
    sound = constant(SETTLED + 100, 0.2)
    sound[SETTLED + 10 : SETTLED + 13, 0] = bad
    stage.feed(sound)
    stage.feed(sound, 1)
    out = stage.mix(SETTLED + 100)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= CEILING * ROUNDING
    assert out[-1, 0] > 0.0
    assert stage.block.words[at.W_NONFINITE] == 6
    assert np.isfinite(stage.block.floats[at.deck_floats(0) : at.deck_floats(0) + at.DF_RINGS]).all()


def test_underruns_are_counted_once_each_and_only_once_something_was_heard() -> None:
    stage = Stage()
    stage.mix(1_000)
    words = at.deck_words(0)
    assert stage.block.words[words + at.D_UNDERRUNS] == 0
    stage.feed(noise(2_000))
    stage.mix(3_000)
    assert stage.block.words[words + at.D_UNDERRUNS] == 1
    assert stage.block.words[words + at.D_MISSING_FRAMES] >= 1_000
    stage.feed(noise(2_000))
    stage.mix(4_000)
    assert stage.block.words[words + at.D_UNDERRUNS] == 2


def test_the_limiter_holds_the_ceiling_and_leaves_what_is_below_the_knee() -> None:
    stage = Stage()
    time = np.arange(SETTLED + RATE_HZ) / RATE_HZ
    loud = np.stack([4.0 * np.sin(2 * np.pi * 100 * time)] * 2, axis=1)
    stage.feed(loud[:60_000])
    out = stage.mix(60_000)
    assert np.abs(out).max() <= CEILING * ROUNDING
    assert np.abs(out[-4_800:]).max() > 0.9
    assert stage.block.words[at.W_LIMITED] > 0
    assert soft_gain(np.float32(KNEE)) == 1.0


def test_limiter_curve_is_smooth_monotonic_and_bounded() -> None:
    levels = np.linspace(0.01, 20.0, 4_000).astype(np.float32)
    out = np.array([level * soft_gain(level) for level in levels])
    assert (np.diff(out) >= -1e-6).all()
    assert out.max() <= CEILING * ROUNDING
    below = levels <= KNEE
    np.testing.assert_array_equal(out[below], levels[below])


def test_stop_fades_to_silence() -> None:
    stage = Stage()
    stage.feed(constant(3 * SETTLED, 0.25))
    stage.mix(SETTLED)
    stage.block.words[at.W_RUN] = 0
    out = stage.mix(SETTLED)
    assert (np.diff(out[:, 0]) <= 0).all()
    assert out[-1, 0] == 0.0
    assert stage.block.floats[at.F_RUN_NOW] == 0.0


def test_silence_leaves_no_numbers_too_small_for_the_processor() -> None:
    stage = Stage()
    stage.feed(noise(8_000, 0.3))
    stage.mix(20 * RATE_HZ)
    floats = stage.block.floats
    state = [*floats[at.F_MASTER_NOW : at.F_MASTER_NOW + 8], *floats[at.deck_floats(0) : at.deck_floats(0) + at.DF_RINGS]]
    assert all(value == 0.0 or abs(value) > np.finfo(np.float32).tiny for value in state)


def test_meters_follow_the_level() -> None:
    stage = Stage()
    time = np.arange(60_000) / RATE_HZ
    stage.feed(np.stack([0.5 * np.sin(2 * np.pi * 440 * time), np.zeros(60_000)], axis=1))
    stage.mix(60_000)
    floats, state = stage.block.floats, at.deck_floats(0)
    assert floats[state + at.DF_PEAK] == pytest.approx(0.5, rel=0.02)
    assert math.sqrt(floats[state + at.DF_SQUARE]) == pytest.approx(0.5 / math.sqrt(2), rel=0.05)
    assert floats[state + at.DF_PEAK + 1] == 0.0


def test_the_tap_has_what_was_heard_and_counts_what_it_drops() -> None:
    stage = Stage()
    tap = Tap(stage.block)
    stage.feed(noise(8_000))
    tap.start()
    out = stage.mix(8_000)
    np.testing.assert_array_equal(tap.read(), out)
    assert tap.dropped_frames == 0
    stage.mix(at.TAP_FRAMES + 100)
    assert tap.dropped_frames == 100
    assert len(tap.read()) == at.TAP_FRAMES


def test_no_allocation() -> None:
    stage = Stage(2)
    out = np.zeros((128, 2), np.float32)
    stage.feed(noise(60_000), 0)
    stage.feed(noise(60_000), 1)
    # As PortAudio calls it: a call from Python would adopt its arrays, one allocation each.
    call = callback.stream_callback.ctypes
    pointer = out.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    line = callback.Line(stage.block.address)
    cells = ctypes.cast(line.address, ctypes.POINTER(ctypes.c_int64))
    call(None, pointer, 128, None, 0, cells)
    # With everything on that can be: taps, a full schedule, changes for the journal.
    start_all(stage.block, 2)
    schedule = MixerSchedule(stage.block)
    for n in range(at.SCHEDULE_SLOTS):
        schedule.push(25 * (n * 7919 % at.SCHEDULE_SLOTS), at.deck_floats(n % 2) + at.DF_GAIN, n / at.SCHEDULE_SLOTS)
    before = rtsys.get_allocation_stats()
    tracemalloc.start()
    tracemalloc.reset_peak()
    base = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        call(None, pointer, 128, None, 0, cells)
    peak = tracemalloc.get_traced_memory()[1] - base
    tracemalloc.stop()
    assert rtsys.get_allocation_stats() == before
    assert peak < out.nbytes


def test_the_callback_is_the_mixer() -> None:
    stages = Stage(), Stage()
    for stage in stages:
        stage.feed(noise(4_096))
    expected = stages[0].mix(4_096, 256)
    call = callback.stream_callback.ctypes
    line = callback.Line(stages[1].block.address)
    cells = ctypes.cast(line.address, ctypes.POINTER(ctypes.c_int64))
    made = []
    for _ in range(16):
        out = np.zeros((256, 2), np.float32)
        pointer = out.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        assert call(None, pointer, 256, None, 4, cells) == 0
        made.append(out)
    np.testing.assert_array_equal(np.concatenate(made), expected)
    assert stages[1].block.words[at.W_DEVICE_XRUNS] == 16
    assert stages[1].block.words[at.W_CALLBACKS] == 16
    assert stages[1].block.words[at.W_CALLBACK_MAX_NS] > 0


def test_a_stream_that_was_cut_off_gets_silence_and_touches_nothing() -> None:
    stage = Stage()
    stage.feed(noise(4_096))
    before = stage.block.words.copy()
    line = callback.Line(stage.block.address)
    line.cut()
    out = np.full((256, 2), np.nan, np.float32)
    cells = ctypes.cast(line.address, ctypes.POINTER(ctypes.c_int64))
    assert callback.stream_callback.ctypes(None, out.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), 256, None, 6, cells) == 0
    assert not out.any()
    np.testing.assert_array_equal(stage.block.words, before)
    assert (line.idle_calls, line.idle_frames) == (1, 256)
    line.join()
    assert callback.stream_callback.ctypes(None, out.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), 256, None, 6, cells) == 0
    assert out.any()
    assert line.idle_calls == 1
