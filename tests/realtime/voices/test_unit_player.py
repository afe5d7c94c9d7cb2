import math
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.voices.audio_source import MemorySource
from realtime.voices.unit_player import EDGE_FRAMES, SLOTS, UnitPlayer
from realtime.voices.unit_shape import STREAMS, Shape
from tests.realtime.voices.unit_sound import RATE_HZ, STEP, everywhere, fade_ms, noise, player, run, sawtooth, sine, steepest

JUMPS = [5_000, 40_000, 41_024, 3, 90_001, 91_025, 92_049, 20_000]
# Equal-power fades of uncorrelated noise: -0.1 to +0.1 dB at 8 choices, 60 runs.
POWER_TOLERANCE_DB = 1.0


def equal_power(audio: Floats, starts: list[int], fade: int) -> Floats:
    """The law written out: every step begins at its start; what would have come next fades out under it, unless it is what comes."""
    made, following = [], -1
    for start in starts:
        step = audio[start : start + STEP].copy()
        if start != following:
            angle = (np.arange(fade) + 0.5) / fade * (math.pi / 2)
            leaving = audio[following : following + fade] if following >= 0 else np.zeros_like(step[:fade])
            step[:fade] *= np.sin(angle).astype(np.float32)[:, None]
            step[:fade] += leaving * np.cos(angle).astype(np.float32)[:, None]
        made.append(step)
        following = start + STEP
    return np.concatenate(made)


def played(audio: Floats, starts: list[int], shape: Shape, channels_out: int = 0, limit: tuple[int, int] | None = None) -> Floats:
    made = player(audio, channels_out)
    sound = []
    for start in starts:
        made.begin(0, start, STEP, 0.0, limit or everywhere(audio), shape)
        sound.append(run(made, shape, 1, channels_out or audio.shape[1]))
    return np.concatenate(sound)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_default_is_one_equal_power_fade_sample_for_sample(channels: int) -> None:
    audio = noise(100_000, channels)
    np.testing.assert_array_equal(played(audio, JUMPS, Shape()), equal_power(audio, JUMPS, 512))


@pytest.mark.parametrize("fade", [32, 100, 700, 1_024])
def test_other_fades_within_a_step_keep_the_law(fade: int) -> None:
    audio = noise(100_000)
    shape = Shape(attack_ms=fade_ms(fade), release_ms=fade_ms(fade))
    np.testing.assert_array_equal(played(audio, JUMPS, shape), equal_power(audio, JUMPS, fade))


@pytest.mark.parametrize(("channels", "outputs"), [(1, 1), (1, 2), (2, 2), (2, 1)])
def test_forty_natural_units_are_the_source(channels: int, outputs: int) -> None:
    audio = noise(60_000, channels)
    starts = [7_000 + STEP * k for k in range(40)]
    sound = played(audio, starts, Shape(), outputs)
    assert sound.shape == (40 * STEP, outputs)
    expected = audio[7_000 : 7_000 + 40 * STEP]
    if outputs < channels:
        expected = expected.mean(axis=1, keepdims=True, dtype=np.float32)
    np.testing.assert_array_equal(sound[512:], np.broadcast_to(expected[512:], sound[512:].shape))


def test_begin_is_not_needed_to_go_on() -> None:
    audio = noise(60_000)
    made = player(audio)
    assert made.begin(0, 7_000, STEP, 0.0, everywhere(audio), Shape()) == 7_000
    np.testing.assert_array_equal(run(made, Shape(), 40)[512:], audio[7_512 : 7_000 + 40 * STEP])
    assert made.position(0) == 7_000 + 40 * STEP


@pytest.mark.parametrize("fade", [32, 512, 1_024, 2_048, 4_096])
@pytest.mark.parametrize("every", [1, 3])
def test_joins_keep_the_power_of_noise(fade: int, every: int) -> None:
    audio = noise(200_000)
    shape = Shape(attack_ms=fade_ms(fade), release_ms=fade_ms(fade))
    power = np.zeros(24 * STEP)
    for seed in range(40):
        random, made = np.random.default_rng(seed), player(audio)
        steps = []
        for k in range(36):
            if k % every == 0:
                made.begin(0, int(random.integers(150_000)), STEP, 0.0, everywhere(audio), shape)
            steps.append(run(made, shape, 1))
        power += np.concatenate(steps)[12 * STEP :, 0].astype(float) ** 2 / 40
    profile = power.reshape(-1, every * STEP).mean(axis=0).reshape(-1, 128).mean(axis=1) / 0.0625
    assert np.abs(10 * np.log10(profile)).max() < POWER_TOLERANCE_DB


def test_the_old_unit_sounds_on_for_the_overlap() -> None:
    audio = np.concatenate([np.full((20_000, 1), 0.25), np.full((20_000, 1), 0.5)]).astype(np.float32)
    made = player(audio)
    shape = Shape(attack_ms=fade_ms(64), release_ms=fade_ms(64), overlap_ms=fade_ms(2_000))
    made.begin(0, 100, STEP, 0.0, everywhere(audio), shape)
    run(made, shape, 1)
    made.begin(0, 25_000, STEP, 0.0, everywhere(audio), shape)
    sound = run(made, shape, 3)[:, 0]
    # Both at full level, together at the power of one.
    np.testing.assert_allclose(sound[64:2_000], 0.75 / math.sqrt(2.0), atol=1e-6)
    np.testing.assert_allclose(sound[2_064:], 0.5, atol=1e-6)


def test_units_that_overlap_many_at_once_keep_the_level_of_one() -> None:
    """Seven units of noise at a time, by overlap or by release, were eight decibels above one."""
    audio = np.random.default_rng(0).normal(0, 0.1, (200_000, 1)).astype(np.float32)
    for shape in (Shape(overlap_ms=150.0), Shape(release_ms=300.0), Shape(overlap_ms=500.0, release_ms=2_000.0)):
        made = player(audio)
        random = np.random.default_rng(5)
        steps = []
        for _ in range(120):
            made.begin(0, int(random.integers(150_000)), STEP, 0.0, everywhere(audio), shape)
            steps.append(run(made, shape, 1))
        sound = np.concatenate(steps)[20 * STEP :, 0]
        assert abs(20 * np.log10(sound.std() / audio.std())) < 1.0


def test_attack_and_release_go_on_through_later_steps() -> None:
    audio = np.full((200_000, 1), 0.5, np.float32)
    made = player(audio)
    shape = Shape(attack_ms=fade_ms(3_000), release_ms=fade_ms(5_000))
    made.begin(0, 0, STEP, 0.0, everywhere(audio), shape)
    rising = run(made, shape, 5)[:, 0]
    np.testing.assert_allclose(rising[:3_000], 0.5 * np.sin((np.arange(3_000) + 0.5) / 3_000 * math.pi / 2), atol=1e-6)
    shape.streams = 1
    made.begin(0, 150_000, STEP, 0.0, (199_999, 0), shape)  # an empty file: only the release is heard
    falling = run(made, shape, 6)[:, 0]
    np.testing.assert_allclose(falling[:5_000], 0.5 * np.cos((np.arange(5_000) + 0.5) / 5_000 * math.pi / 2), atol=1e-6)
    assert not falling[5_000:].any()


def test_a_unit_lets_itself_go_at_its_end() -> None:
    audio = np.full((60_000, 1), 0.5, np.float32)
    made = player(audio)
    shape = Shape(unit_ms=fade_ms(3_000))
    made.begin(0, 0, STEP, 0.0, everywhere(audio), shape)
    assert made.left_frames(0) == 3_000
    sound = run(made, shape, 3)[:, 0]
    assert not made.sounding(0)
    assert made.position(0) == -1
    assert made.left_frames(0) == 0
    sound = np.concatenate([sound, run(made, shape, 2)[:, 0]])
    np.testing.assert_array_equal(sound[512:3_000], 0.5)
    assert sound[3_000] < 0.5
    assert not sound[3_512:].any()


def test_a_stream_can_be_let_go() -> None:
    audio = np.full((60_000, 1), 0.5, np.float32)
    made, shape = player(audio), Shape(release_ms=fade_ms(1_500), overlap_ms=100.0)
    made.let_go(0, shape)
    made.begin(0, 0, STEP, 0.0, everywhere(audio), shape)
    run(made, shape, 2)
    made.let_go(0, shape)
    assert not made.sounding(0)
    sound = run(made, shape, 2)[:, 0]
    np.testing.assert_allclose(sound[:1_500], 0.5 * np.cos((np.arange(1_500) + 0.5) / 1_500 * math.pi / 2), atol=1e-6)
    assert not sound[1_500:].any()


def test_a_unit_that_goes_on_starts_its_clock_anew() -> None:
    audio = noise(60_000)
    sound = played(audio, [100 + STEP * k for k in range(20)], Shape(unit_ms=fade_ms(1_500)))
    np.testing.assert_array_equal(sound[512:], audio[612 : 100 + 20 * STEP])


def test_many_long_fades_run_out_of_slots_without_a_click() -> None:
    audio = sine(200.0, 300_000)
    made = player(audio)
    shape = Shape(attack_ms=fade_ms(64), release_ms=2_000.0)
    random, steps = np.random.default_rng(1), []
    for _ in range(4 * SLOTS):
        made.begin(0, int(random.integers(200_000)), STEP, 0.0, everywhere(audio), shape)
        steps.append(run(made, shape, 1))
    sound = np.concatenate(steps)
    # Every unit alone changes by 0.5 · π/2 / 64 a frame in its attack; six more ring.
    assert steepest(sound) < 0.5 * math.pi / 2 / 64 + (SLOTS + 1) * steepest(audio)


def test_the_second_choice_before_a_step_replaces_the_first() -> None:
    audio = noise(100_000)
    made, other = player(audio), player(audio)
    for each in (made, other):
        each.begin(0, 500, STEP, 0.0, everywhere(audio), Shape())
        run(each, Shape(), 1)
    made.begin(0, 80_000, STEP, 0.0, everywhere(audio), Shape())
    for each in (made, other):
        each.begin(0, 30_000, STEP, 0.0, everywhere(audio), Shape())
    np.testing.assert_array_equal(run(made, Shape(), 2), run(other, Shape(), 2))


@pytest.mark.parametrize("rate", [1.0, 0.7, 1.5])
def test_steps_of_any_length_make_the_same_sound(rate: float) -> None:
    audio = noise(100_000)
    shape = Shape(rate=rate, attack_ms=30.0, release_ms=60.0)
    made = {frames: player(audio, step_frames=frames) for frames in (128, 256, 1_024, 2_048)}
    whole = {}
    for frames, each in made.items():
        sound = []
        for start in (1_000, 50_000, 30_000):
            each.begin(0, start, STEP, 0.0, everywhere(audio), shape)
            sound.append(run(each, shape, 4_096 // frames, step_frames=frames))
        whole[frames] = np.concatenate(sound)
    for frames in (128, 256, 2_048):
        np.testing.assert_allclose(whole[frames], whole[1_024], atol=2e-6)


def test_reset_is_as_fresh() -> None:
    audio = noise(100_000, 2)
    shape = Shape(rate=1.3, spread=1.0, streams=3, attack_ms=90.0)
    made = player(audio)
    whole = []
    for _ in range(2):
        for k in range(6):
            made.begin(k % 3, 1_000 * k, STEP, 0.0, everywhere(audio), shape)
            whole.append(run(made, shape, 1, 2))
        made.reset()
        assert made.position(0) == -1
    np.testing.assert_array_equal(np.concatenate(whole[:6]), np.concatenate(whole[6:]))


def test_a_rate_that_was_turned_back_copies_frames_again() -> None:
    """A smoothed control came to rest one rounding beside 1: everything was resampled from then on."""
    audio = noise(60_000)
    made = player(audio)
    made.begin(0, 0, STEP, 0.0, everywhere(audio), Shape(rate=2.0))
    run(made, Shape(rate=2.0), 1)
    beside = Shape(rate=float(np.nextafter(np.float32(1.0), np.float32(2.0))))
    run(made, beside, 1)
    made.begin(0, 30_000, STEP, 0.0, everywhere(audio), beside)
    np.testing.assert_array_equal(run(made, beside, 4)[STEP:], audio[30_000 + STEP : 30_000 + 4 * STEP])


@pytest.mark.parametrize("first", [0, 300, STEP - 1])
def test_backwards_is_the_unit_from_its_end(first: int) -> None:
    audio = noise(60_000)
    made = player(audio)
    shape = Shape(reverse=True)
    assert made.begin(0, 30_000 + first, 4 * STEP, 0.0, everywhere(audio), shape) == 30_000 + first + 4 * STEP - 1
    sound = run(made, shape, 4)
    np.testing.assert_array_equal(sound[512:], audio[30_000 + first : 30_000 + first + 4 * STEP][::-1][512:])
    assert made.position(0) == 30_000 + first - 1


def test_backwards_of_backwards_is_the_source() -> None:
    audio = noise(40 * STEP)
    shape = Shape(reverse=True)

    def backwards(sound: Floats) -> Floats:
        made = player(sound)
        made.begin(0, 0, len(sound), 0.0, everywhere(sound), shape)
        return run(made, shape, 40)

    np.testing.assert_array_equal(backwards(backwards(audio))[512:-512], audio[512:-512])


@pytest.mark.parametrize("rate", [0.25, 0.7, 2.0, 4.0])
def test_the_position_moves_by_the_rate(rate: float) -> None:
    audio = noise(300_000)
    made = player(audio)
    made.begin(0, 1_000, STEP, 0.0, everywhere(audio), Shape(rate=rate))
    run(made, Shape(rate=rate), 40)
    assert made.position(0) == pytest.approx(1_000 + 40 * STEP * rate, abs=0.51)


def test_the_rate_changes_smoothly() -> None:
    audio = sine(300.0, 400_000)
    made = player(audio)
    shape = Shape()
    made.begin(0, 1_000, STEP, 0.0, everywhere(audio), shape)
    steps = [run(made, shape, 2)]
    for rate in (4.0, 0.25, 1.0, 2.0, math.nan):
        shape.rate = rate
        steps.append(run(made, shape, 2))
    sound = np.concatenate(steps)
    assert steepest(sound) < 4.05 * steepest(audio)
    # No kink either: the second difference of the fastest sine, and what the glide adds to it.
    bend = np.abs(np.diff(sound[600:, 0].astype(float), 2)).max()
    assert bend < 1.3 * np.abs(np.diff(audio[::4, 0].astype(float), 2)).max()


@pytest.mark.parametrize("channels", [1, 2])
def test_streams_keep_their_power_together(channels: int) -> None:
    audio = noise(400_000, channels)
    for streams in (1, 2, 3, 4):
        made, shape = player(audio, 2), Shape(streams=streams, spread=1.0)
        for stream in range(streams):
            made.begin(stream, 90_000 * stream, STEP, 0.0, everywhere(audio), shape)
        sound = run(made, shape, 60, 2)[STEP:]
        assert 10 * np.log10((sound**2).mean() / (audio**2).mean()) == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize(("streams", "stream", "left", "right"), [(2, 0, 1, 0), (2, 1, 0, 1), (3, 1, 0.5, 0.5), (1, 0, 0.5, 0.5)])
def test_the_spread_places_a_stream(streams: int, stream: int, left: float, right: float) -> None:
    audio = noise(40_000)
    made, shape = player(audio, 2), Shape(streams=streams, spread=1.0)
    made.begin(stream, 1_000, STEP, 0.0, everywhere(audio), shape)
    power = (run(made, shape, 20, 2)[STEP:] ** 2).mean(axis=0) / (audio**2).mean() / 2
    np.testing.assert_allclose(power, [left, right], atol=0.03)


def test_streams_come_and_go_and_move_without_a_jump() -> None:
    audio = sine(100.0, 400_000)
    made, shape = player(audio, 2), Shape(attack_ms=20.0, release_ms=20.0)
    steps = []
    for streams, spread in ((1, 0.0), (4, 0.0), (4, 1.0), (2, 0.3), (1, 1.0), (3, 0.0)):
        shape.streams, shape.spread = streams, spread
        for stream in range(streams):
            if not made.sounding(stream):
                made.begin(stream, 3_000 * stream, STEP, 0.0, everywhere(audio), shape)
        steps.append(run(made, shape, 3, 2))
    assert not any(made.sounding(stream) for stream in range(3, STREAMS))
    sound = np.concatenate(steps)
    assert steepest(sound) < 2.0 * steepest(audio) + 4 * 0.5 * math.pi / 2 / (0.02 * RATE_HZ)


def test_left_frames_tells_when_the_file_ends() -> None:
    audio = noise(60_000)
    made, shape = player(audio), Shape(rate=2.0)
    made.begin(0, 1_000, STEP, 0.0, (0, 10_999), shape)
    assert made.left_frames(0) == 5_000
    run(made, shape, 4)
    assert made.left_frames(0) == 5_000 - 4 * STEP
    run(made, shape, 1)
    assert made.left_frames(0) == 0


def test_a_unit_joined_near_the_end_of_its_file_has_faded_out_before() -> None:
    audio = noise(60_000)
    limit = (0, 5_000 + STEP + 300)
    made, shape = player(audio), Shape()
    made.begin(0, 5_000, STEP, 0.0, limit, shape)
    run(made, shape, 1)
    made.begin(0, 30_000, STEP, 0.0, everywhere(audio), shape)
    rest = run(made, shape, 1)[:, 0].astype(float)
    angle = (np.arange(512) + 0.5) / 512 * math.pi / 2
    rest[:512] -= audio[30_000:30_512, 0] * np.sin(angle)
    assert np.abs(rest[301:512]).max() < 1e-6
    assert np.abs(rest[:250]).max() > 0.1


def test_the_end_of_a_file_is_a_short_fade() -> None:
    audio = np.full((20_000, 1), 0.5, np.float32)
    made = player(audio)
    made.begin(0, 0, STEP, 0.0, (0, 4_999), Shape())
    sound = run(made, Shape(), 6)[:, 0]
    np.testing.assert_array_equal(sound[512 : 5_000 - EDGE_FRAMES], 0.5)
    assert np.all(np.diff(sound[5_000 - EDGE_FRAMES : 5_000]) < 0)
    assert sound[4_999] < 0.01
    assert not sound[5_000:].any()


@pytest.mark.parametrize(("sound", "dip_db"), [(sine, -10.0), (sawtooth, -3.0)])
@pytest.mark.parametrize("frequency_hz", [82.0, 220.0, 700.0])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rate", [1.0, 1.5])
def test_a_pitch_synchronous_join_has_no_dip(
    sound: Callable[..., Floats], dip_db: float, frequency_hz: float, reverse: bool, rate: float
) -> None:
    worst = {}
    for joined in (False, True):
        levels = []
        for phase in np.random.default_rng(5).random(24):
            audio = np.concatenate([sound(frequency_hz, 20_000), sound(frequency_hz, 20_000, phase)])
            made, shape = player(audio), Shape(pitch_join=joined, attack_ms=40.0, release_ms=40.0, reverse=reverse, rate=rate)
            made.begin(0, 8_000, STEP, frequency_hz, (0, 19_999), shape)
            run(made, shape, 2)
            start = made.begin(0, 30_000, STEP, frequency_hz, (20_000, 39_999), shape)
            assert abs(start - (30_000 + (STEP - 1 if reverse else 0))) <= RATE_HZ / frequency_hz / 2
            tail = run(made, shape, 4)[:, 0].astype(float)
            window = round(RATE_HZ / frequency_hz / rate)
            power = np.convolve(tail**2, np.ones(window) / window, "valid")
            levels.append(10 * np.log10(power / power[-1]))
        worst[joined] = (min(map(min, levels)), max(map(max, levels)))
    # Measured without: sines -11 to -36 dB, sawtooths -3.3 to -4.7 dB, both up to +3 dB; with: -0.05 to +0.03 dB.
    assert worst[False][0] < dip_db
    assert worst[True][0] > -0.2
    assert worst[True][1] < 0.2


def test_a_join_of_unknown_pitch_is_left_where_it_is() -> None:
    audio = sine(220.0, 60_000)
    for old, new in ((0.0, 220.0), (220.0, 0.0), (220.0, math.nan), (math.inf, 220.0), (220.0, 10.0), (220.0, 9_000.0)):
        made, shape = player(audio), Shape(pitch_join=True)
        made.begin(0, 1_000, STEP, old, everywhere(audio), shape)
        run(made, shape, 1)
        assert made.begin(0, 30_050, STEP, new, everywhere(audio), shape) == 30_050


def test_the_natural_continuation_of_a_moved_unit_goes_on() -> None:
    audio = np.concatenate([sine(220.0, 20_000), sine(220.0, 40_000, 0.4)])
    made, shape = player(audio), Shape(pitch_join=True)
    made.begin(0, 1_000, STEP, 220.0, everywhere(audio), shape)
    run(made, shape, 1)
    start = made.begin(0, 30_000, STEP, 220.0, everywhere(audio), shape)
    assert start != 30_000
    run(made, shape, 1)
    assert made.begin(0, 30_000 + STEP, STEP, 220.0, everywhere(audio), shape) == start + STEP
    np.testing.assert_array_equal(run(made, shape, 1), audio[start + STEP : start + 2 * STEP])


def test_a_moved_start_stays_in_its_file() -> None:
    audio = sine(100.0, 60_000)
    for place, limit in ((30_000, (30_000, 59_999)), (35_000, (30_000, 35_000))):
        made, shape = player(audio), Shape(pitch_join=True)
        made.begin(0, 1_100, STEP, 100.0, (0, 29_999), shape)
        run(made, shape, 1)
        assert limit[0] <= made.begin(0, place, STEP, 100.0, limit, shape) <= limit[1]


def test_nothing_is_allocated_by_a_step() -> None:
    audio = noise(400_000, 2)
    made, out = player(audio), np.zeros((STEP, 2), np.float32)
    shape = Shape(rate=1.5, streams=4, spread=1.0, pitch_join=True)

    def steps(count: int) -> None:
        for k in range(count):
            for stream in range(4):
                made.begin(stream, 40_000 * stream + 777 * k, STEP, 200.0, (0, 399_999), shape)
            made.step(shape, out)

    steps(8)
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    steps(20)
    peak = tracemalloc.get_traced_memory()[1] - base
    tracemalloc.stop()
    assert peak < 4 * STEP, "an array of a step's length was made"


def test_a_player_that_cannot_be() -> None:
    with pytest.raises(VoiceError, match="allowed: 1 or 2"):
        UnitPlayer(MemorySource(noise(10)), step_frames=STEP, channels_out=3, sample_rate_hz=RATE_HZ)
    with pytest.raises(VoiceError, match="1 or more"):
        UnitPlayer(MemorySource(noise(10)), step_frames=0, channels_out=1, sample_rate_hz=RATE_HZ)
