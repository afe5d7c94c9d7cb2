"""Arguments: what is taken, clipped and refused."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.control.address import Address, Argument, take_argument, take_arguments, to_share, to_value

GAIN = Argument("gain", "f", -60.0, 12.0, "dB", 0.0)
RATE = Argument("rate", "f", 1.0, 43.0, "units/s", 8.0, "exponential")
SEED = Argument("seed", "i", 0, 2**63 - 1)
STEP = Argument("mode", "i", -1, 63)
FREE = Argument("minimum", "f")
NAME = Argument("name", "s", 1, 8)
CURVE = Argument("curve", "s", choices=("linear", "exponential"))


@pytest.mark.parametrize(
    ("argument", "got", "value", "clipped"),
    [
        (GAIN, -3, -3.0, False),
        (GAIN, 12.5, 12.0, True),
        (GAIN, -1e30, -60.0, True),
        (GAIN, True, 1.0, False),
        (GAIN, 10**30, 12.0, True),
        (STEP, 2.0, 2, False),
        (STEP, -7, -1, True),
        (STEP, 1e30, 63, True),
        (SEED, 2**63 - 1, 2**63 - 1, False),
        (SEED, False, 0, False),
        (FREE, 1e30, 1e30, False),
        (NAME, "storm", "storm", False),
        (CURVE, "linear", "linear", False),
    ],
)
def test_what_is_taken_and_what_is_clipped(argument, got, value, clipped):
    taken = take_argument(argument, got)
    assert taken == (value, clipped)
    assert type(taken[0]) is type(value)


@pytest.mark.parametrize(
    ("argument", "got", "said"),
    [
        (GAIN, math.nan, "gain: got nan; allowed: number -60 to 12 dB"),
        (GAIN, math.inf, "gain: got inf; allowed: number -60 to 12 dB"),
        (GAIN, -math.inf, "allowed: number -60 to 12 dB"),
        (GAIN, 10**400, "allowed: number -60 to 12 dB"),
        (GAIN, "loud", "gain: got 'loud'; allowed: number -60 to 12 dB"),
        (GAIN, None, "gain: got None"),
        (GAIN, b"\x00", "allowed: number"),
        (STEP, 2.4, "mode: got 2.4; allowed: whole number -1 to 63"),
        (STEP, math.nan, "allowed: whole number -1 to 63"),
        (FREE, 10**400, "allowed: number"),
        (NAME, 3, "name: got 3; allowed: text of 1 to 8 characters"),
        (NAME, "", "name: got 0 characters"),
        (NAME, "far too long", "name: got 12 characters"),
        (CURVE, "cubic" * 100, "allowed: linear, exponential"),
    ],
)
def test_what_is_refused_says_what_is_allowed(argument, got, said):
    with pytest.raises(ValueError, match="allowed: ") as caught:
        take_argument(argument, got)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 600


LOAD = Address("/deck/1/load", "command", (NAME, Argument("seed", "i", 0, 9, optional=True)), "load")
CORPORA = Address("/deck/1/corpora", "command", (Argument("folder", "s", 1, 8, many=True),), "corpora")
BARE = Address("/deck/1/unload", "command", (), "unload")


@pytest.mark.parametrize(
    ("address", "given", "taken"),
    [
        (LOAD, ("a",), (("a",), False)),
        (LOAD, ("a", 99), (("a", 9), True)),
        (CORPORA, ("a", "b", "c"), (("a", "b", "c"), False)),
        (BARE, (), ((), False)),
    ],
)
def test_messages_are_taken_as_a_whole(address, given, taken):
    assert take_arguments(address, given) == taken


@pytest.mark.parametrize(
    ("address", "given", "said"),
    [
        (LOAD, (), "number of arguments: got 0; allowed: 1 to 2 (name seed)"),
        (LOAD, ("a", 1, 2), "number of arguments: got 3; allowed: 1 to 2 (name seed)"),
        (CORPORA, (), "number of arguments: got 0; allowed: 1 to any (folder)"),
        (CORPORA, ("a", 3), "folder: got 3"),
        (BARE, (1,), "number of arguments: got 1; allowed: 0 (none)"),
    ],
)
def test_too_few_too_many_and_wrong_ones_are_refused(address, given, said):
    with pytest.raises(ValueError, match="allowed") as caught:
        take_arguments(address, given)
    assert said in str(caught.value)


@pytest.mark.parametrize("argument", [GAIN, RATE, STEP])
@pytest.mark.parametrize("curve", [None, "linear", "exponential"])
def test_the_ends_of_a_range_are_exact(argument, curve):
    assert to_value(0.0, argument, curve) == argument.minimum
    assert to_value(1.0, argument, curve) == argument.maximum
    assert to_value(-3.0, argument, curve) == argument.minimum
    assert to_value(7.0, argument, curve) == argument.maximum
    assert to_share(argument.minimum, argument, curve) == 0.0
    assert to_share(argument.maximum, argument, curve) == pytest.approx(1.0)
    assert to_share(1e9, argument, curve) == pytest.approx(1.0)


@given(st.floats(0.0, 1.0), st.sampled_from([GAIN, RATE]))
def test_share_and_value_are_inverse(share, argument):
    value = to_value(share, argument)
    assert argument.minimum <= value <= argument.maximum
    assert to_share(value, argument) == pytest.approx(share, abs=1e-9)


def test_a_whole_number_is_rounded_and_a_range_of_one_number_has_no_share():
    assert to_value(0.5, Argument("n", "i", 0, 5)) == 2.0
    assert to_share(3.0, Argument("n", "f", 3.0, 3.0)) == 0.0
    assert to_value(0.7, Argument("n", "f", 3.0, 3.0)) == 3.0


@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none(), st.binary()))
def test_anything_is_taken_in_range_or_refused(got):
    for argument in (GAIN, RATE, SEED, STEP, NAME, CURVE):
        with suppress(ValueError):
            value, _ = take_argument(argument, got)
            assert isinstance(value, str) if argument.tag == "s" else argument.minimum <= value <= argument.maximum
