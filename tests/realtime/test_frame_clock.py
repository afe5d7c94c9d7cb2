import time

import numpy as np
import pytest

from realtime.frame_clock import FrameClock
from realtime.kernels import layout as at
from realtime.kernels.stage_clock import place_clock
from realtime.shared import SharedBlock

RATE_HZ = 48_000
BLOCK = 128
BLOCK_NS = BLOCK * 1_000_000_000 // RATE_HZ
START_NS = 10**12


class Device:
    """A device that calls when it is told."""

    def __init__(self) -> None:
        self.block = SharedBlock.private(RATE_HZ)
        self.clock = FrameClock(self.block)

    def call(self, at_ns: int, frames: int = BLOCK) -> None:
        place_clock(self.block.words, at_ns, frames)
        self.block.words[at.W_CLOCK] += frames


def test_before_the_first_call_it_is_frame_0() -> None:
    clock = Device().clock
    assert (clock.now(), clock.at_monotonic_ns(time.monotonic_ns()), clock.at_unix_s(time.time())) == (0, 0, 0)


def test_the_jitter_of_the_calls_does_not_show() -> None:
    device = Device()
    rng = np.random.default_rng(1)
    errors = []
    for n in range(4_000):
        device.call(START_NS + n * BLOCK_NS + int(rng.uniform(0, 2_000_000)))
        errors.append(device.clock.at_monotonic_ns(START_NS + n * BLOCK_NS) - n * BLOCK)
    # 2 ms of jitter are 96 frames.
    assert np.abs(errors[500:]).max() <= 10
    assert np.abs(np.diff(errors[500:])).max() <= 5


def test_calls_in_bursts_are_one_time() -> None:
    device = Device()
    for burst in range(400):
        for _ in range(8):
            device.call(START_NS + burst * 8 * BLOCK_NS)
    behind = device.clock.at_monotonic_ns(START_NS + 400 * 8 * BLOCK_NS) - 400 * 8 * BLOCK
    # The last of a burst is the one that is on time.
    assert behind == pytest.approx(7 * BLOCK, abs=16)


@pytest.mark.parametrize("drift", [-200e-6, 200e-6])
def test_a_device_that_runs_fast_or_slow_is_followed(drift: float) -> None:
    device = Device()
    for n in range(60_000):
        device.call(START_NS + round(n * BLOCK_NS * (1 + drift)))
    assert device.clock.at_monotonic_ns(START_NS + round(60_000 * BLOCK_NS * (1 + drift))) == pytest.approx(60_000 * BLOCK, abs=24)


def test_a_pause_is_a_pause_and_a_late_call_is_none() -> None:
    device = Device()
    for n in range(1_000):
        device.call(START_NS + n * BLOCK_NS)
    # 60 ms late, then all at once what was missed.
    late = START_NS + 1_000 * BLOCK_NS + 60_000_000
    for _ in range(60_000_000 // BLOCK_NS + 1):
        device.call(late)
    assert device.clock.at_monotonic_ns(START_NS) == pytest.approx(0, abs=48)
    counted = int(device.block.words[at.W_CLOCK])
    device.call(late + 5_000_000_000)
    assert device.clock.at_monotonic_ns(late + 5_000_000_000) == counted


def test_it_counts_for_weeks_without_overflow() -> None:
    device = Device()
    frames = 60 * 24 * 3_600 * RATE_HZ
    device.block.words[at.W_CLOCK] = frames
    device.call(frames * 1_000_000_000 // RATE_HZ + START_NS)
    assert device.clock.at_monotonic_ns(frames * 1_000_000_000 // RATE_HZ + START_NS) == frames


def test_now_stands_still_with_the_device() -> None:
    device = Device()
    device.call(time.monotonic_ns() - 30_000_000_000)
    assert device.clock.now() == BLOCK + RATE_HZ // 4


def test_a_wall_clock_time_is_the_monotonic_one_beside_it() -> None:
    device = Device()
    device.call(time.monotonic_ns())
    ahead = device.clock.at_unix_s(time.time() + 5.0) - device.clock.at_monotonic_ns(time.monotonic_ns() + 5_000_000_000)
    assert abs(ahead) < RATE_HZ // 10
