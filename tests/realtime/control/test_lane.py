import math
import random

import pytest

from realtime.control.lane import GRID_FRAMES, Even, Lane, LaneCursor, Point

RATE_HZ = 44_100


def lane(*points: tuple) -> Lane:
    return Lane("/deck/1/gain", tuple(Point(*point) for point in points))


def played(of: Lane, frames: int, windows: list[int] | None = None, start: int = 0) -> list[tuple[int, float]]:
    cursor = LaneCursor(of, Even(start, RATE_HZ))
    events, here = [], start
    for window in windows or [frames]:
        end = min(here + window, start + frames)
        events += list(cursor.until(here, end))
        here = end
    return events


def test_values_between_breakpoints():
    one = lane((1.0, 0.0), (3.0, 1.0, "step"), (4.0, 2.0, "exponential"), (6.0, 8.0))
    assert one.at(0.5) is None
    assert [one.at(t) for t in (1.0, 2.0, 3.0, 3.9, 4.0, 6.0, 99.0)] == [0.0, 0.5, 1.0, 1.0, 2.0, 8.0, 8.0]
    assert one.at(5.0) == pytest.approx(4.0)


def test_exponential_keeps_the_sign_and_survives_the_ends_of_floats():
    assert lane((0.0, -1.0, "exponential"), (2.0, -4.0)).at(1.0) == pytest.approx(-2.0)
    assert lane((0.0, 1e-300, "exponential"), (2.0, 1e300)).at(1.0) == pytest.approx(1.0)


def test_a_jump_is_two_points_of_one_time():
    jump = lane((0.0, 0.0), (1.0, 1.0), (1.0, 5.0, "step"), (2.0, 5.0))
    assert jump.at(1.0) == 5.0
    assert jump.at(1.0 - 1e-9) == pytest.approx(1.0)
    events = dict(played(jump, 3 * RATE_HZ))
    assert events[RATE_HZ] == 5.0
    assert max(value for frame, value in events.items() if frame < RATE_HZ) < 1.0
    assert max(events) == RATE_HZ  # nothing more is said of a value that stays


def test_nothing_is_said_before_the_first_point_and_a_still_value_once():
    assert played(lane((0.5, 3.0)), 2 * RATE_HZ) == [(RATE_HZ // 2, 3.0)]


def test_a_moving_value_comes_on_the_grid_counted_from_the_start():
    events = played(lane((0.0, 0.0), (1.0, 1.0)), 2 * RATE_HZ, start=777)
    frames = [frame - 777 for frame, _ in events]
    assert frames[:3] == [0, GRID_FRAMES, 2 * GRID_FRAMES]
    assert all(frame % GRID_FRAMES == 0 for frame in frames[:-1])
    assert frames[-1] == RATE_HZ
    assert events[-1][1] == 1.0
    for frame, value in events:
        assert value == pytest.approx((frame - 777) / RATE_HZ)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_events_whatever_the_windows(seed):
    rng = random.Random(seed)
    times = sorted(round(rng.uniform(0, 3), rng.choice((1, 6))) for _ in range(40))
    points = [(t, rng.uniform(0.1, 9), rng.choice(("linear", "step", "exponential"))) for t in times]
    whole = played(lane(*points), 4 * RATE_HZ)
    windows = [rng.choice((1, 7, 255, 256, 257, 5000)) for _ in range(4 * RATE_HZ)]
    assert played(lane(*points), 4 * RATE_HZ, windows) == whole
    frames = [frame for frame, _ in whole]
    assert frames == sorted(set(frames))


def test_every_event_is_the_value_of_the_lane_there():
    one = lane((0.0, 0.0), (0.5, 1.0, "step"), (0.7, 2.0, "exponential"), (1.3, 9.0))
    for frame, value in played(one, 2 * RATE_HZ):
        assert value == pytest.approx(one.at(frame / RATE_HZ), abs=1e-3)


def test_of_points_within_one_frame_the_last_counts():
    assert played(lane((0.1, 1.0, "step"), (0.1 + 1e-7, 2.0, "step"), (0.1 + 2e-7, 3.0, "step")), RATE_HZ)[-1][1] == 3.0
    assert len(played(lane(*[(0.1, float(v), "step") for v in range(1000)]), RATE_HZ)) == 1


def test_what_is_overdue_is_due_at_once():
    cursor = LaneCursor(lane((0.0, 1.0), (1.0, 2.0, "step"), (2.0, 7.0)), Even(0, RATE_HZ))
    assert list(cursor.until(10 * RATE_HZ, 10 * RATE_HZ + 10)) == [(10 * RATE_HZ, 7.0)]


def test_a_time_that_is_a_frame_but_for_its_rounding_is_that_frame():
    even = Even(0, RATE_HZ)
    for frame in (0, 1, 441, 44_099, 44_100 * 3600 + 1):
        assert even.frame_at(frame / RATE_HZ) == frame
    assert even.frame_at(0.5 / RATE_HZ) == 1
    assert math.isclose(even.time_at(44_100), 1.0)
