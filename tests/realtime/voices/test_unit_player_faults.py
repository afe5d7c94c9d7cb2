"""The faults of the seeds' playback engine (facts 1.5 and 9), each by its name, and what lies at the edges of files."""

import numpy as np
import pytest

from realtime.kernels.views import Floats
from realtime.voices.unit_shape import Shape
from tests.realtime.voices.unit_sound import RATE_HZ, STEP, everywhere, fade_ms, noise, player, run, sine, steepest

OTHER_FILES = 10.0
"""Level of everything outside of the file under test: a single frame of it would be seen."""


def between(sound: Floats) -> tuple[Floats, tuple[int, int]]:
    """A file between two others, and its first and last frame."""
    other = np.full((9_000, sound.shape[1]), OTHER_FILES, np.float32)
    return np.concatenate([other, sound, other]), (9_000, 8_999 + len(sound))


@pytest.mark.parametrize("rate", [1.0, 0.5])
@pytest.mark.parametrize("pitch_join", [False, True])
def test_duration_shrink(rate: float, pitch_join: bool) -> None:
    """40 frames were 500 ms instead of 929 ms: 0.526 of the length."""
    audio = noise(200_000)
    made, shape = player(audio), Shape(rate=rate, pitch_join=pitch_join)
    starts = np.random.default_rng(0).integers(100_000, size=40)
    sound = []
    for start in starts:
        begun = made.begin(0, int(start), STEP, 300.0, everywhere(audio), shape)
        sound.append(run(made, shape, 1))
        assert made.position(0) == pytest.approx(begun + STEP * rate, abs=0.51)
        if rate == 1.0:
            # Every unit is there in full length: all of it after the fade, to its last frame.
            np.testing.assert_array_equal(sound[-1][512:], audio[begun + 512 : begun + STEP])
    whole = np.concatenate(sound)
    assert len(whole) == 40 * STEP
    assert len(whole) / RATE_HZ == pytest.approx(0.929, abs=0.001)
    assert np.isfinite(whole).all()


@pytest.mark.parametrize("before", [None, 60_000])
def test_whole_file_append_at_frame_0(before: int | None) -> None:
    """A unit at the beginning of a file appended the whole file, without a fade."""
    audio, limit = between(sine(200.0, 30_000))
    audio = np.concatenate([audio, sine(150.0, 30_000)])
    made = player(audio)
    if before is not None:
        made.begin(0, before, STEP, 0.0, (48_000, 77_999), Shape())
        run(made, Shape(), 2)
    assert made.begin(0, limit[0], STEP, 0.0, limit, Shape()) == limit[0]
    sound = run(made, Shape(), 1)
    np.testing.assert_array_equal(sound[512:], audio[limit[0] + 512 : limit[0] + STEP])
    assert steepest(sound) < 0.02
    made.begin(0, 60_000, STEP, 0.0, (48_000, 77_999), Shape())
    following = run(made, Shape(), 1)
    np.testing.assert_array_equal(following[512:], audio[60_512 : 60_000 + STEP])
    assert steepest(np.concatenate([sound, following])) < 0.02


@pytest.mark.parametrize("frames_left", [1, 2, 11, 484, 485, STEP - 1])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rate", [0.25, 1.0, 1.5, 4.0])
def test_crash_on_last_frame(frames_left: int, reverse: bool, rate: float) -> None:
    """A unit with less of its file left than the fade is long (485 frames) ended the render with an error."""
    audio, limit = between(sine(200.0, 30_000))
    made, shape = player(audio), Shape(reverse=reverse, rate=rate)
    made.begin(0, 20_000, STEP, 0.0, limit, shape)
    sound = [run(made, shape, 2)]
    made.begin(0, limit[1] + 1 - frames_left, 1, 0.0, limit, Shape(rate=rate))
    sound.append(run(made, shape, 6))
    made.begin(0, limit[0] + frames_left - 1, 1, 0.0, limit, Shape(rate=rate, reverse=True))
    sound.append(run(made, shape, 6))
    whole = np.concatenate(sound)
    assert len(whole) == 14 * STEP
    assert np.abs(whole).max() < 0.8
    # Two units at most sound together; a fade adds 0.5 · π/2 / 256 a frame, the shortened ones up to that over what is left.
    assert steepest(whole) < 2.0 * max(rate, 1.0) * steepest(sine(200.0, 2_000)) + 0.5 * np.pi / 2 / 32
    assert not made.sounding(0) or frames_left / rate > 6 * STEP


def test_every_sample_inside_a_crossfade() -> None:
    """Every sample lay in some cross-fade: a grain at 82 Hz. Natural units have none; chosen ones have it for half a step."""
    audio = sine(440.0, 100_000)
    made = player(audio)
    sound = []
    for k in range(40):
        made.begin(0, 3_000 + k * STEP, STEP, 0.0, everywhere(audio), Shape())
        sound.append(run(made, Shape(), 1))
    whole = np.concatenate(sound)[STEP:, 0].astype(float)
    turns = 440.0 / RATE_HZ * np.arange(len(whole))
    level = np.abs(np.convolve(whole * np.exp(-2j * np.pi * turns), np.ones(STEP // 8) / (STEP // 8), "valid"))
    level = level - level.mean()
    spectrum = np.abs(np.fft.rfft(level * np.hanning(len(level)))) / len(level)
    at_82_hz = spectrum[round(82 * len(level) / RATE_HZ) - 2 : round(82 * len(level) / RATE_HZ) + 3].max()
    assert at_82_hz < 1e-6
    np.testing.assert_array_equal(whole, audio[3_000 + STEP : 3_000 + 40 * STEP, 0])


def test_linear_amplitude_crossfade() -> None:
    """A fade that is linear in amplitude loses 3 dB in its middle where the two sounds have nothing to do with each other."""
    audio = noise(400_000)
    middle = []
    for start in range(2_000, 150_000, 300):
        made = player(audio)
        made.begin(0, start, STEP, 0.0, everywhere(audio), Shape())
        run(made, Shape(), 1)
        made.begin(0, start + 200_000, STEP, 0.0, everywhere(audio), Shape())
        middle.append((run(made, Shape(), 1)[192:320].astype(float) ** 2).mean())
    assert 10 * np.log10(np.mean(middle) / 0.0625) == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize("start", [44_100 // 1000 * 7 + 1, 12_345, 12_346, 23_333])
def test_truncation_to_integer_ms(start: int) -> None:
    """Starts were cut to whole milliseconds, 44 frames apart."""
    audio = noise(60_000)
    made = player(audio)
    assert made.begin(0, start, STEP, 0.0, everywhere(audio), Shape()) == start
    np.testing.assert_array_equal(run(made, Shape(), 1)[512:], audio[start + 512 : start + STEP])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rate", [0.25, 1.0, 4.0])
def test_a_file_of_one_frame(reverse: bool, rate: float) -> None:
    audio, limit = between(np.full((1, 1), 0.5, np.float32))
    made, shape = player(audio), Shape(rate=rate, reverse=reverse, pitch_join=True)
    for _ in range(3):
        assert made.begin(0, limit[0], STEP, 100.0, limit, shape) == limit[0]
        assert np.abs(run(made, shape, 2)).max() < 0.5
        assert not made.sounding(0)


def test_an_empty_file_is_silence_and_lets_the_old_unit_go() -> None:
    audio = noise(60_000)
    made = player(audio)
    made.begin(0, 100, STEP, 0.0, everywhere(audio), Shape())
    run(made, Shape(), 1)
    made.begin(0, 500, STEP, 0.0, (500, 499), Shape())
    assert not made.sounding(0)
    sound = run(made, Shape(), 2)
    assert sound[:256].any()
    assert not sound[512:].any()
    made.begin(0, 30_000, STEP, 0.0, everywhere(audio), Shape())
    np.testing.assert_array_equal(run(made, Shape(), 1)[512:], audio[30_512 : 30_000 + STEP])


def test_a_corpus_without_a_frame() -> None:
    made = player(np.zeros((0, 1), np.float32))
    made.begin(0, 0, STEP, 0.0, (0, 0), Shape())
    assert not run(made, Shape(), 2).any()


def test_a_start_outside_of_its_file_is_brought_into_it() -> None:
    audio, limit = between(noise(30_000))
    for start, inside in ((0, limit[0]), (10**12, limit[1]), (-(10**12), limit[0])):
        made = player(audio)
        assert made.begin(0, start, STEP, 0.0, limit, Shape()) == inside
        assert np.abs(run(made, Shape(), 2)).max() < 2.0


def test_the_file_behind_the_last_frame_is_not_a_continuation() -> None:
    audio, limit = between(noise(8 * STEP))
    made = player(audio)
    made.begin(0, limit[0], STEP, 0.0, limit, Shape())
    run(made, Shape(), 8)
    assert made.position(0) == -1
    made.begin(0, limit[1] + 1, STEP, 0.0, (limit[1] + 1, len(audio) - 1), Shape())
    sound = run(made, Shape(), 1)
    assert sound[0, 0] < 0.1
    np.testing.assert_array_equal(sound[512:], OTHER_FILES)


def test_nor_is_it_where_the_join_moved_the_unit_back() -> None:
    audio = sine(220.0, 60_000)
    moved = 0
    for first in range(1_000, 1_200, 20):
        made, shape = player(audio), Shape(pitch_join=True)
        made.begin(0, first, STEP, 220.0, (0, 29_999), shape)
        run(made, shape, 1)
        if made.begin(0, 30_000 - STEP, STEP, 220.0, (0, 29_999), shape) < 30_000 - STEP:
            moved += 1
            run(made, shape, 1)
            made.begin(0, 30_000, STEP, 0.0, (30_000, 59_999), shape)
            np.testing.assert_array_equal(run(made, shape, 1)[512:], audio[30_512 : 30_000 + STEP])
    assert moved > 2


@pytest.mark.parametrize("fade", [0.0, fade_ms(32), 100.0])
def test_no_fade_is_so_short_that_it_clicks(fade: float) -> None:
    audio = np.full((60_000, 1), 0.5, np.float32)
    made, shape = player(audio), Shape(attack_ms=fade, release_ms=fade)
    made.begin(0, 1_000, STEP, 0.0, everywhere(audio), shape)
    sound = [run(made, shape, 6)]
    made.begin(0, 30_000, STEP, 0.0, (0, 31_000), shape)
    sound.append(run(made, shape, 6))
    assert steepest(np.concatenate(sound)) < 0.5 * np.pi / 2 / 32 * 1.01
