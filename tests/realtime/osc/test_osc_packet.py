"""Exact bytes of what is sent, and what of a message comes in."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.osc.bounds import check
from realtime.osc.packet import PACKED_BYTES, Message, bundle, decode, encode, pack


def _decode(data: bytes) -> list[Message]:
    found = check(data)
    assert not isinstance(found, str), found
    messages = decode(data, found)
    assert not isinstance(messages, str), messages
    return messages


def test_exact_bytes() -> None:
    assert encode("/a", (1.0, -2, "xyz")) == b"/a\0\0,fis\0\0\0\0\x3f\x80\0\0\xff\xff\xff\xfexyz\0"
    assert encode("/synced") == b"/synced\0,\0\0\0"
    assert bundle([b"/a\0\0"]) == b"#bundle\0\0\0\0\0\0\0\0\x01\0\0\0\x04/a\0\0"


def test_wide_numbers_and_truths_are_numbers() -> None:
    data = b"/a\0\0,dhTF\0\0\0" + b"\x40\x04\0\0\0\0\0\0" + b"\0\0\0\x01\0\0\0\0"
    assert _decode(data) == [Message("/a", (2.5, 2**32, 1, 0), 1)]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (1e300, 3.4028234663852886e38),
        (-1e300, -3.4028234663852886e38),
        (-math.inf, -math.inf),
        (2**31, 2**31),
        (2**70, 2**63 - 1),
        (True, 1),
    ],
)
def test_what_osc_has_no_room_for_is_brought_into_range(value: float, sent: float) -> None:
    assert _decode(encode("/a", (value,)))[0].arguments == (sent,)


def test_a_nan_is_sent_as_it_is() -> None:
    assert math.isnan(float(_decode(encode("/a", (math.nan,)))[0].arguments[0]))


def test_texts_end_at_their_first_zero_and_odd_characters_are_replaced() -> None:
    assert _decode(encode("/a", ("ab\0cd", "\udc80")))[0].arguments == ("ab", "?")


@given(st.lists(st.integers(0, 2000).map(lambda size: encode("/a", ("b" * size,))), max_size=40))
def test_packing_loses_nothing_and_stays_small(messages: list[bytes]) -> None:
    packets = pack(messages)
    assert sum(packet.count(b"/a\0\0,s\0\0") for packet in packets) == len(messages)
    for packet in packets:
        assert len(packet) <= PACKED_BYTES or packet in [bundle([message]) for message in messages]
    # Two neighbours never fit into one.
    for first, second in pairwise(packets):
        head = 20 + int.from_bytes(second[16:20], "big")
        assert len(first) + head - 16 > PACKED_BYTES


def test_a_reason_comes_out_of_what_python_osc_refuses() -> None:
    why = decode(b"/a\0\0,i\0\0", check(b"/a\0\0,\0\0\0"))  # type: ignore[arg-type]
    assert isinstance(why, str)
    assert why.startswith("python-osc: ParseError")
