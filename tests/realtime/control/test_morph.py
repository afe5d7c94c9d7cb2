import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.control.address import Argument
from realtime.control.morph import way

GAIN = Argument("gain", "f", -60.0, 12.0, "dB", 0.0)
PAN = Argument("pan", "f", -1.0, 1.0)
RATE = Argument("rate", "f", 0.25, 4.0, "", 1.0, "exponential")
RUN = Argument("run", "i", 0, 7)
GAIN_ROW, PARAM_ROW = "/deck/{deck}/gain", "/deck/{deck}/param/{control}"


@pytest.mark.parametrize("argument", [GAIN, PAN, RATE])
@given(start=st.floats(0, 1), end=st.floats(0, 1), share=st.floats(0, 1))
def test_ends_are_exact_and_all_between_is_between(argument, start, end, share):
    low, high = argument.minimum, argument.maximum
    a, b = low + (high - low) * start, low + (high - low) * end
    path = way(PARAM_ROW, argument, a, b)
    assert (path(0.0), path(1.0)) == (a, b)
    assert argument.minimum <= path(share) <= argument.maximum
    if argument is not GAIN:
        assert min(a, b) - 1e-9 <= path(share) <= max(a, b) + 1e-9


def test_a_gain_keeps_its_power():
    out, back = way(GAIN_ROW, GAIN, 0.0, -60.0), way(GAIN_ROW, GAIN, -60.0, 0.0)
    for step in range(1, 100):
        power = sum(10 ** (path(step / 100) / 10) for path in (out, back))
        assert power == pytest.approx(1.0, abs=1e-5)
    assert out(0.5) == pytest.approx(20 * math.log10(math.sqrt(0.5)), abs=1e-5)
    same = way(GAIN_ROW, GAIN, -9.0, -9.0)
    assert all(same(step / 10) == pytest.approx(-9.0) for step in range(11))


def test_an_exponential_control_passes_its_geometric_mean():
    assert way(PARAM_ROW, RATE, 0.5, 2.0)(0.5) == pytest.approx(1.0)


@pytest.mark.parametrize(("row", "argument"), [("/deck/{deck}/mute", PAN), ("/deck/{deck}/freeze", PAN), (PARAM_ROW, RUN)])
def test_switches_and_whole_numbers_flip_in_the_middle(row, argument):
    path = way(row, argument, 0.0, 1.0)
    assert [path(share) for share in (0.0, 0.49, 0.5, 1.0)] == [0.0, 0.0, 1.0, 1.0]
