import math
import random

import pytest

from realtime.control.address import Argument, to_share
from realtime.control.automation_thin import TOLERANCE_SHARE, Thinner
from realtime.control.lane import Lane

GAIN = Argument("gain", "f", -60.0, 12.0, "dB", 0.0)
RATE = Argument("rate", "f", 0.25, 4.0, "", 1.0, "exponential")


def thinned(samples, argument=GAIN, moves=True) -> Lane:
    thinner = Thinner(argument, moves)
    for time, value in samples:
        thinner.add(time, value)
    return Lane("/x", thinner.points())


def farthest(lane: Lane, samples, argument) -> float:
    return max(abs(to_share(lane.at(t), argument) - to_share(v, argument)) for t, v in samples)


@pytest.mark.parametrize("argument", [GAIN, RATE])
@pytest.mark.parametrize("seed", range(6))
def test_no_value_is_further_off_than_the_tolerance(argument, seed):
    rng = random.Random(seed)
    low, high = argument.minimum, argument.maximum
    time, share, samples = 0.0, 0.5, []
    for _ in range(800):
        time += rng.choice((0.01, 0.01, 0.033, 0.5))
        # Away from the ends: a value that is sent again is no change, and nobody hears of it.
        share = min(max(share + rng.gauss(0, 0.02 if rng.random() < 0.95 else 0.5), rng.uniform(0.0, 0.01)), rng.uniform(0.99, 1.0))
        samples.append((round(time, 4), low + (high - low) * share))
    lane = thinned(samples, argument)
    assert farthest(lane, samples, argument) <= TOLERANCE_SHARE * 1.001


def test_an_even_move_is_two_points():
    samples = [(n * 0.01, -60.0 + n * 0.1) for n in range(700)]
    assert len(thinned(samples).points) == 2


def test_an_even_turn_of_an_exponential_control_is_two_points():
    samples = [(n * 0.01, 0.25 * math.pow(16.0, n / 400)) for n in range(401)]
    lane = thinned(samples, RATE)
    assert lane.points[0].shape == "exponential"
    assert len(lane.points) == 2


def test_a_hand_on_a_fader_needs_a_fraction_of_its_values():
    samples = [(n * 0.01, -24.0 + 20.0 * math.sin(n * 0.01 * 2.0)) for n in range(6000)]
    lane = thinned(samples)
    assert len(lane.points) < len(samples) / 10  # measured: 1/14
    assert farthest(lane, samples, GAIN) <= TOLERANCE_SHARE * 1.001


def test_a_rest_and_a_jump_are_kept():
    lane = thinned([(0.0, 0.0), (5.0, 1.0), (5.01, 1.5), (5.02, 12.0)])
    assert lane.at(4.99) == 0.0
    assert lane.at(5.0) == 1.0
    assert lane.at(5.005) == pytest.approx(1.25)
    assert lane.at(5.019) == 1.5
    assert lane.at(5.02) == 12.0


def test_values_of_one_moment_are_all_kept_in_order():
    lane = thinned([(1.0, value) for value in (0.0, 1.0, 2.0, -50.0, 3.0)])
    assert [point.time for point in lane.points] == sorted(point.time for point in lane.points)
    assert lane.at(1.01) == 3.0


def test_a_switch_only_jumps():
    lane = thinned([(0.0, 0.0), (0.02, 1.0), (0.04, 0.0)], Argument("mute", "f", 0.0, 1.0), moves=False)
    assert [lane.at(t) for t in (0.01, 0.02, 0.03, 0.04)] == [0.0, 1.0, 1.0, 0.0]


def test_a_fader_sent_thirty_times_a_second_is_a_movement():
    samples = [(n / 30, -60.0 + n * 0.5) for n in range(120)]
    assert len(thinned(samples).points) == 2
