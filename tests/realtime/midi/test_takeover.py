import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.midi.takeover import NEAR, NEAR_STEPS, TAKEOVERS, Takeover, TakeoverMode

TOP = 127
STEP = 1.0 / TOP


class Knob:
    """A knob over a value that is kept as given."""

    def __init__(self, mode: TakeoverMode, value: float, top: int = TOP) -> None:
        self.takeover, self.mode, self.value, self.top = Takeover(), mode, value, top

    def turn(self, *places: float) -> list[float]:
        values = []
        for place in places:
            taken = self.takeover.take(self.mode, place, self.value, self.top)
            if taken is not None:
                self.value = taken
                self.takeover.left_at(taken, taken)
            values.append(self.value)
        return values


def test_off_jumps() -> None:
    assert Knob("off", 0.5).turn(0.9, 0.1) == [0.9, 0.1]


def test_pickup_waits_until_the_value_is_reached() -> None:
    assert Knob("pickup", 0.5).turn(0.9, 0.8, 0.5 + STEP, 0.8) == [0.5, 0.5, 0.5 + STEP, 0.8]


def test_pickup_waits_until_the_value_is_passed() -> None:
    """A fast turn skips the value itself."""
    assert Knob("pickup", 0.5).turn(0.9, 0.3, 0.7) == [0.5, 0.3, 0.7]


def test_the_first_event_of_a_knob_far_away_does_nothing() -> None:
    assert Knob("pickup", 0.5).turn(0.9) == [0.5]


def test_a_value_that_another_hand_changed_must_be_picked_up_again() -> None:
    knob = Knob("pickup", 0.5)
    assert knob.turn(0.5, 0.8) == [0.5, 0.8]
    knob.value = 0.2
    assert knob.turn(0.81, 0.7) == [0.2, 0.2]
    assert knob.turn(0.19, 0.3) == [0.19, 0.3]


def test_a_value_that_came_back_to_where_the_knob_left_it_is_held() -> None:
    knob = Knob("pickup", 0.5)
    knob.turn(0.5, 0.8)
    knob.value = 0.2
    knob.value = 0.8
    assert knob.turn(0.95) == [0.95]


def test_scale_moves_at_once_and_meets_the_ends() -> None:
    knob = Knob("scale", 0.2)
    assert knob.turn(0.6) == [0.2]
    assert knob.turn(0.8) == [pytest.approx(0.6)]
    assert knob.turn(1.0, 0.9) == [1.0, pytest.approx(0.9)]
    knob.value = 0.5
    assert knob.turn(0.45) == [pytest.approx(0.25)]
    assert knob.turn(0.0, 0.5) == [0.0, pytest.approx(0.5)]


def test_scale_keeps_fractions_of_a_value_that_is_rounded() -> None:
    takeover, value = Takeover(), 0.2
    takeover.take("scale", 0.5, value, TOP)
    for step in range(1, 41):
        share = takeover.take("scale", 0.5 + step * 0.01, value, TOP)
        assert share is not None
        value = round(share * 8) / 8
        takeover.left_at(share, value)
    assert value == round((0.2 + 0.4 * 0.8 / 0.5) * 8) / 8


PLACES = st.lists(st.integers(0, TOP), min_size=1, max_size=30)


@given(PLACES, st.floats(0.0, 1.0))
def test_pickup_never_jumps_farther_than_the_hand(places: list[int], start: float) -> None:
    knob, last = Knob("pickup", start), None
    for place in places:
        before = knob.value
        (value,) = knob.turn(place * STEP)
        moved = abs(value - before)
        hand = abs(place * STEP - last) if last is not None else 0.0
        assert moved <= hand + max(NEAR_STEPS * STEP, NEAR) + 1e-9
        last = place * STEP


@given(PLACES, st.floats(0.0, 1.0), st.sampled_from(sorted(TAKEOVERS)))
def test_values_stay_in_range_and_follow_the_direction(places: list[int], start: float, mode: TakeoverMode) -> None:
    knob, last = Knob(mode, start), None
    for place in places:
        before = knob.value
        (value,) = knob.turn(place * STEP)
        assert 0.0 <= value <= 1.0
        if mode == "scale" and last is not None:
            assert (value - before) * (place - last) >= 0.0 or abs(value - before) < 1e-9 or place in (0, TOP)
        last = place


@given(PLACES, st.floats(0.0, 1.0))
def test_every_knob_can_be_picked_up(places: list[int], start: float) -> None:
    """Turned from end to end it holds the value, wherever both were."""
    for mode in TAKEOVERS:
        knob = Knob(mode, start)
        knob.turn(*(place * STEP for place in places))
        knob.turn(*(step * STEP for step in range(TOP + 1)))
        assert knob.value == 1.0
        assert knob.turn(0.25) == [pytest.approx(0.25, abs=0.01)]
