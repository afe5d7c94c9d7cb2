"""Relative encoders, 14-bit pairs, NRPN and RPN."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.midi.parameters import (
    PAIR_WINDOW_NS,
    PARAMETERS_KEPT,
    QUIET_NS,
    PairReader,
    ParameterChange,
    ParameterReader,
    Reading,
    relative_step,
)

MS = 1_000_000


@pytest.mark.parametrize(
    ("mode", "steps"),
    [
        ("twos_complement", {1: 1, 63: 63, 127: -1, 65: -63, 64: -64, 0: 0}),
        ("binary_offset", {64: 0, 65: 1, 63: -1, 0: -64, 127: 63}),
        ("sign_magnitude", {1: 1, 63: 63, 65: -1, 127: -63, 0: 0, 64: 0}),
    ],
)
def test_relative_steps(mode: str, steps: dict[int, int]) -> None:
    assert {raw: relative_step(raw, mode) for raw in steps} == steps  # type: ignore[arg-type]


def turn(values: list[int], msb_first: bool, gap_ns: int, pair: PairReader | None = None, start_ns: int = 0) -> list[int]:
    """What a knob that sends these values in pairs of halves is read as."""
    pair = pair or PairReader(alone=False)
    found: list[int] = []
    now = start_ns
    for value in values:
        halves = [(True, value >> 7), (False, value & 127)]
        for is_msb, half in halves if msb_first else reversed(halves):
            found += [reading.raw for reading in pair.feed(is_msb, half, now)]
            now += MS
        now += gap_ns
    return found + [reading.raw for reading in pair.due(now + PAIR_WINDOW_NS)]


@given(st.lists(st.integers(0, 16_383), min_size=1, max_size=50), st.booleans(), st.integers(0, 100 * MS))
def test_pairs_in_either_order_are_read_exactly_and_never_jump(values: list[int], msb_first: bool, gap_ns: int) -> None:
    assert turn(values, msb_first, gap_ns) == values


def test_a_second_controller_of_the_other_order_is_understood_after_a_pause() -> None:
    pair = PairReader(alone=False)
    assert turn([8_191, 8_192, 8_193], True, 0, pair) == [8_191, 8_192, 8_193]
    assert turn([8_191, 8_192, 8_193], False, 0, pair, start_ns=10 * QUIET_NS) == [8_191, 8_192, 8_193]


def test_a_knob_that_was_turning_when_its_port_was_opened_is_understood_after_a_pause() -> None:
    pair = PairReader(alone=False)
    pair.feed(True, 63, 0)
    turn([64 << 7 | 1, 64 << 7 | 2], False, 0, pair, start_ns=MS)
    assert turn([8_191, 8_192, 8_193], False, 0, pair, start_ns=10 * QUIET_NS) == [8_191, 8_192, 8_193]


def test_a_fine_step_is_an_lsb_alone() -> None:
    pair = PairReader(alone=False)
    turn([64 << 7 | 5], True, 0, pair)
    assert pair.feed(False, 6, QUIET_NS * 2) == []
    assert pair.due(QUIET_NS * 2 + PAIR_WINDOW_NS) == [Reading(64 << 7 | 6, 16_383)]


def test_an_msb_alone_takes_the_lsb_to_nought_where_it_goes_first() -> None:
    pair = PairReader(alone=False)
    turn([64 << 7 | 5], True, 0, pair)
    assert pair.feed(True, 65, QUIET_NS * 2) == []
    assert pair.due(QUIET_NS * 2 + PAIR_WINDOW_NS) == [Reading(65 << 7, 16_383)]


def test_a_plain_controller_is_no_pair() -> None:
    pair = PairReader(alone=False)
    for value in range(20):
        assert pair.feed(True, value, value * MS) == []
    assert pair.due(100 * MS) == []


def test_data_entry_of_seven_bits_is_told_after_one_window_and_then_at_once() -> None:
    pair = PairReader(alone=True)
    assert pair.feed(True, 5, 0) == []
    assert pair.due(PAIR_WINDOW_NS) == [Reading(5, 127)]
    assert pair.feed(True, 127, QUIET_NS) == [Reading(127, 127)]


def select(reader: ParameterReader, number: int, base: int = 98, msb_first: bool = True) -> None:
    halves = [(base + 1, number >> 7), (base, number & 127)]
    for controller, value in halves if msb_first else reversed(halves):
        assert reader.feed(controller, value, 0) == []


@pytest.mark.parametrize("msb_first", [True, False])
def test_nrpn_selected_in_either_order_persists(msb_first: bool) -> None:
    reader = ParameterReader()
    select(reader, 300, msb_first=msb_first)
    for value in (5, 8_192):
        assert reader.feed(6, value >> 7, value * MS) == []
        assert reader.feed(38, value & 127, value * MS) == [ParameterChange("nrpn", 300, Reading(value, 16_383))]


def test_null_selects_none_and_tells_what_waited() -> None:
    reader = ParameterReader()
    select(reader, 300)
    assert reader.feed(6, 7, 0) == []
    assert reader.feed(99, 127, 0) == [ParameterChange("nrpn", 300, Reading(7, 127))]
    assert reader.feed(98, 127, 0) == []
    assert reader.selected is None
    assert reader.feed(6, 9, 0) is None
    assert reader.feed(96, 0, 0) is None


def test_half_a_selection_is_none() -> None:
    reader = ParameterReader()
    assert reader.feed(98, 5, 0) == []
    assert reader.feed(6, 1, 0) is None


def test_steps() -> None:
    reader = ParameterReader()
    select(reader, 1, base=100)
    assert reader.feed(96, 0, 0) == [ParameterChange("rpn", 1, step=1)]
    assert reader.feed(97, 0, 0) == [ParameterChange("rpn", 1, step=-1)]


def test_nrpn_and_rpn_do_not_mix() -> None:
    reader = ParameterReader()
    select(reader, 300)
    select(reader, 2, base=100)
    assert reader.selected == ("rpn", 2)
    assert reader.feed(99, 300 >> 7, 0) == []
    assert reader.selected == ("nrpn", 300)


def test_garbage_does_not_fill_the_memory() -> None:
    reader = ParameterReader()
    for number in range(PARAMETERS_KEPT + 50):
        reader.feed(99, number >> 7, 0)
        reader.feed(98, number & 127, 0)
        reader.feed(6, 1, 0)
    assert len(reader._pairs) == PARAMETERS_KEPT
