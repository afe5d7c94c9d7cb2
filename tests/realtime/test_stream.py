import numpy as np
import pytest
import soxr

from patches.manifest import Audio, Manifest
from realtime.kernels.layout import MAX_CONTROLS
from realtime.resample import StreamResampler
from realtime.stream import JOIN_FRAMES, VoiceStream, default_controls
from tests.stage_patch import manifest


class Ramp:
    """A voice whose sound says what it was given: a sine whose level is its first control."""

    step_frames = 1_024
    lookahead_frames = 0
    modes = ("full",)
    log = None
    faults = 0

    def __init__(self, channels: int = 1) -> None:
        self.channels = channels
        self.sample_rate_hz = 44_100
        self.bad_steps: set[int] = set()
        self.reset(0)

    def prepare(self) -> None: ...

    def set_mode(self, mode: int) -> None: ...

    def reset(self, seed: int) -> None:
        self.steps = 0
        self.phase = seed * 100.0
        self.seen: list[np.ndarray] = []

    def step(self, controls: np.ndarray, frozen: bool, out: np.ndarray) -> None:
        n = np.arange(self.step_frames) + self.steps * self.step_frames
        out[:] = 0.3 * np.sin(2 * np.pi * 300 * n / 44_100 + self.phase)[:, None]
        if self.steps in self.bad_steps:
            self.bad_steps.discard(self.steps)
            out[500:600] = np.nan
        self.seen.append(controls.copy())
        self.steps += 1


def described(rate_hz: int = 44_100, channels: int = 1) -> Manifest:
    return manifest("test", Audio(rate_hz, channels, 1_024, 0))


def collect(stream: VoiceStream, steps: int, values: np.ndarray) -> np.ndarray:
    return np.concatenate([stream.next(values, False).copy() for _ in range(steps)])


@pytest.mark.parametrize("rates", [(44_100, 48_000), (48_000, 44_100), (22_050, 48_000), (44_100, 44_100)])
@pytest.mark.parametrize("chunk", [1, 64, 65, 1_000, 8_193])
def test_resampled_chunks_equal_the_whole(rates: tuple[int, int], chunk: int) -> None:
    sound = np.random.default_rng(1).standard_normal((12_000, 2)).astype(np.float32)
    stream = StreamResampler(*rates, 2)
    made = np.concatenate([stream.push(sound[i : i + chunk]) for i in range(0, len(sound), chunk)])
    whole = soxr.resample(sound, *rates, quality="HQ")
    assert 0.9 * len(whole) < len(made) <= len(whole) + 1
    tolerance = 1e-6  # measured: 0 to 2e-7
    np.testing.assert_allclose(made, whole[: len(made)], atol=tolerance)


def test_resampler_reset_is_fresh() -> None:
    sound = np.random.default_rng(1).standard_normal((5_000, 2)).astype(np.float32)
    stream = StreamResampler(44_100, 48_000, 2)
    first = stream.push(sound).copy()
    stream.reset()
    np.testing.assert_array_equal(stream.push(sound), first)


def test_mono_is_the_same_on_both_sides() -> None:
    stream = VoiceStream(Ramp(), described(), 44_100)
    stream.start(0)
    out = collect(stream, 3, default_controls(described()))
    np.testing.assert_array_equal(out[:, 0], out[:, 1])


def test_controls_are_smoothed_by_their_own_time_and_start_where_they_are() -> None:
    voice = Ramp()
    made = described()
    stream = VoiceStream(voice, made, 44_100)
    values = default_controls(made)
    values[0] = 1.0
    stream.start(0)
    collect(stream, 1, values)
    assert voice.seen[0][0] == 1.0
    values[0] = -1.0
    collect(stream, 30, values)
    track = np.array([seen[0] for seen in voice.seen[1:]])
    assert track[0] < 1.0
    assert (np.diff(track) <= 0).all()
    assert abs(track[0] - track[1]) > 0.05
    assert track[-1] == pytest.approx(-1.0, abs=0.01)
    temperature = [c.id for c in made.controls].index("temperature")
    values[temperature] = 1.5
    collect(stream, 1, values)
    assert voice.seen[-1][temperature] == pytest.approx(1.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_control_that_is_no_number_is_ignored_and_one_out_of_range_held(bad: float) -> None:
    voice = Ramp()
    stream = VoiceStream(voice, described(), 44_100)
    values = default_controls(described())
    stream.start(0)
    values[0] = bad
    values[5] = 1e9
    collect(stream, 5, values)
    assert voice.seen[-1][0] in (0.0,)
    assert voice.seen[-1][5] == 43.0


def test_restart_has_no_jump_and_ends_in_the_fresh_stream() -> None:
    stream = VoiceStream(Ramp(), described(), 44_100)
    values = default_controls(described())
    stream.start(0)
    before = collect(stream, 5, values)
    joined = stream.restart(9, values, False).copy()
    after = collect(stream, 3, values)
    fresh = VoiceStream(Ramp(), described(), 44_100)
    fresh.start(9)
    expected = collect(fresh, 4, values)
    np.testing.assert_allclose(np.concatenate([joined, after])[JOIN_FRAMES:], expected[JOIN_FRAMES:], atol=1e-6)
    whole = np.concatenate([before, joined, after])[:, 0]
    assert np.abs(np.diff(whole)).max() < 2.0 * np.abs(np.diff(before[:, 0])).max()


def test_a_fault_is_counted_and_heard_neither_as_nan_nor_as_a_click() -> None:
    voice = Ramp()
    voice.bad_steps = {4}
    stream = VoiceStream(voice, described(), 44_100)
    values = default_controls(described())
    stream.start(0)
    out = collect(stream, 10, values)
    assert np.isfinite(out).all()
    assert stream.faults == 1
    assert np.abs(np.diff(out[:, 0])).max() < 2.0 * np.abs(np.diff(out[:2_000, 0])).max()


class Ear(Ramp):
    """A voice that listens and notes between which of its steps."""

    listens = True

    def reset(self, seed: int) -> None:
        super().reset(seed)
        self.heard: list[np.ndarray] = []

    def listen(self, frames: np.ndarray) -> None:
        assert frames.dtype == np.float32
        self.heard.append(frames.copy())


@pytest.mark.parametrize("device_hz", [44_100, 48_000, 22_050])
def test_a_voice_that_listens_gets_the_input_at_its_own_rate_in_any_chunks(device_hz: int) -> None:
    sound = np.random.default_rng(1).standard_normal(30_000).astype(np.float32)
    values = default_controls(described())
    got = []
    for chunk in (512, 1_000, 30_000):
        voice = Ear()
        stream = VoiceStream(voice, described(), device_hz)
        assert stream.listens
        stream.start(0)
        for i in range(0, len(sound), chunk):
            stream.next(values, False, sound[i : i + chunk])
        got.append(np.concatenate(voice.heard))
    whole = soxr.resample(sound, device_hz, 44_100, quality="HQ")
    tolerance = 1e-6  # measured: 0 to 2e-7
    for heard in got:
        assert 0.9 * len(whole) < len(heard) <= len(whole) + 1
        np.testing.assert_allclose(heard, whole[: len(heard)], atol=tolerance)


def test_listening_comes_before_the_step_and_a_fresh_start_forgets() -> None:
    voice = Ear()
    stream = VoiceStream(voice, described(), 48_000)
    order: list[str] = []
    voice.listen = lambda frames: order.append(f"listen {len(frames) > 0}")  # type: ignore[method-assign]
    step = voice.step
    voice.step = lambda *given: order.append("step") or step(*given)  # type: ignore[method-assign, func-returns-value]
    values, sound = default_controls(described()), np.ones(4_000, np.float32)
    stream.start(0)
    stream.next(values, False, sound)
    stream.next(values, False, None)
    stream.next(values, False, sound[:0])
    stream.restart(1, values, False, sound)
    assert order == ["listen True", "step", "step", "step", "listen True", "step", "step"]

    fresh = []
    for before in (sound, None):
        voice = Ear()
        stream = VoiceStream(voice, described(), 48_000)
        stream.start(0)
        stream.next(values, False, before)
        stream.start(0)
        stream.next(values, False, 0.5 * sound)
        fresh.append(np.concatenate(voice.heard))
    np.testing.assert_array_equal(*fresh)


def test_a_voice_that_does_not_listen_is_left_alone() -> None:
    stream = VoiceStream(Ramp(), described(), 48_000)
    stream.start(0)
    assert not stream.listens
    stream.next(default_controls(described()), False, np.ones(100, np.float32))


def test_default_controls_are_those_of_the_manifest() -> None:
    values = default_controls(described())
    assert values.shape == (MAX_CONTROLS,)
    assert values[5] == 8.0
