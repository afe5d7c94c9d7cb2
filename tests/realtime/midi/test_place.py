import itertools

import pytest

from realtime.midi.place import from_middle, to_step


@pytest.mark.parametrize(("top", "middle"), [(127, 64), (16_383, 8_192)])
def test_the_middle_and_both_ends_are_exact(top: int, middle: int) -> None:
    assert [from_middle(raw / top, top) for raw in (0, middle, top)] == [0.0, 0.5, 1.0]
    assert [to_step(place, top) for place in (0.0, 0.5, 1.0)] == [0, middle, top]


@pytest.mark.parametrize("top", [127, 16_383])
def test_every_step_comes_back_and_a_farther_one_is_a_greater_place(top: int) -> None:
    places = [from_middle(raw / top, top) for raw in range(top + 1)]
    assert [to_step(place, top) for place in places] == list(range(top + 1))
    assert all(low < high for low, high in itertools.pairwise(places))
