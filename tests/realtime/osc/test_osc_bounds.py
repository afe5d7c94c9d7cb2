"""What is a packet and what is not: exact reasons, and nothing that a decoder after it could stumble over."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY as BUILDER_IMMEDIATELY
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.control.address import Value
from realtime.osc.bounds import ARGUMENTS, DATAGRAM_BYTES, ELEMENTS, IMMEDIATELY, Element, check
from realtime.osc.packet import Message, bundle, decode, encode
from tests.fuzz.osc_corpus import FIVE, GAIN, HEAVY, MALFORMED, element, fuzzed, nested, timed

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=64)
WORDS = tuple(struct.pack(">I", number) for number in (0, 1, 4, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1, 0x7FC00000, 0x7F800000, 0x2C665454))
VALUE = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(width=32), TEXT)


def test_a_message_is_one_element() -> None:
    assert check(GAIN) == (Element(0, len(GAIN), 1),)


def test_bundles_keep_order_and_the_later_time() -> None:
    first, second, third = (encode(f"/{name}", (1,)) for name in "abc")
    found = check(timed(900, first, timed(5, second), timed(1000, third)))
    assert not isinstance(found, str)
    assert [entry.tag for entry in found] == [900, 900, 1000]
    assert [entry.stop - entry.start for entry in found] == [len(first)] * 3


def test_an_empty_bundle_asks_for_nothing() -> None:
    assert check(bundle([])) == ()


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_packets_are_refused_with_a_reason(name: str) -> None:
    why = check(MALFORMED[name])
    assert isinstance(why, str)
    assert why
    assert len(why) < 200


@pytest.mark.parametrize("name", ["negative element size", "1500 nested bundles", "no UTF-8 in the address"])
def test_three_of_the_five_are_malformed(name: str) -> None:
    assert isinstance(check(FIVE[name]), str)


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_packets_are_well_formed(name: str) -> None:
    assert not isinstance(check(HEAVY[name]), str)


def test_reasons_say_what_was_got_and_what_is_allowed() -> None:
    assert check(MALFORMED["8 kB and more"]) == f"size: got {16 + 400 * (len(GAIN) + 4)} bytes; allowed: at most {DATAGRAM_BYTES}"
    assert check(MALFORMED["unknown type tag"]) == "type tags: got b'Q'; allowed: of ifsdhTFN"
    assert check(FIVE["negative element size"]) == "size of an element: got -4 bytes; allowed: a multiple of 4 up to the 4 that are left"


def test_every_limit_is_reached_and_not_passed() -> None:
    for good, bad in (
        (bundle([GAIN] * ELEMENTS), bundle([GAIN] * (ELEMENTS + 1))),
        (encode("/a", (1,) * ARGUMENTS), encode("/a", (1,) * (ARGUMENTS + 1))),
        (nested(4, GAIN), nested(5, GAIN)),
        (encode("/" + "a" * 254), encode("/" + "a" * 255)),
        (encode("/a", ("b" * 4096,)), encode("/a", ("b" * 4097,))),
    ):
        assert not isinstance(check(good), str)
        assert isinstance(check(bad), str)


def test_a_message_may_leave_its_type_tags_out() -> None:
    assert check(b"/panic\0\0") == (Element(0, 8, 1),)


def _is_like(one: Value, other: Value) -> bool:
    """Whether a value came back, as far as 32 bits hold it."""
    if isinstance(one, float) and isinstance(other, float) and abs(other) < 3.4e38:
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-44)
    # What is beyond them is brought into range.
    return type(one) is type(other) and (one == other or isinstance(one, float))


def _decode(data: bytes) -> list[Message] | None:
    """What a packet asks for, None if it is refused; what is accepted is decoded, and comes back when it is built anew."""
    found = check(data)
    if isinstance(found, str):
        assert found
        assert len(found) < 200
        return None
    messages = decode(data, found)
    assert not isinstance(messages, str), messages
    for place, message in zip(found, messages, strict=True):
        anew = encode(message.path, message.arguments)
        again = check(anew)
        assert again == (Element(0, len(anew), IMMEDIATELY),)
        back = decode(anew, again)
        assert isinstance(back, list)
        assert back[0].path == message.path
        assert all(_is_like(one, other) for one, other in zip(back[0].arguments, message.arguments, strict=True))
        raw = data[place.start : place.stop]
        tags = raw[(raw.index(0) + 4) & ~3 :].partition(b"\0")[0]
        if tags and set(tags) <= set(b",fs") and not any(isinstance(value, float) and math.isnan(value) for value in message.arguments):
            # There is one way to say these; a whole number may have been wider, and what is no number has many forms.
            assert anew == raw
    return messages


NOISE = st.binary(max_size=512)
SMALL = tuple(packet for packet in {**FIVE, **MALFORMED, **HEAVY}.values() if len(packet) <= 1024)
KNOWN = st.sampled_from((GAIN, bundle([GAIN, encode("/scene/save", ("night",)), encode("/sync", (1,))]), *SMALL))
# Where, how many bytes go, what comes in their place: single bytes and words where OSC has its numbers.
TURN = st.tuples(st.integers(0, 1023), st.integers(0, 8), st.one_of(st.binary(max_size=8), st.sampled_from(WORDS)))


@given(NOISE)
def test_noise_never_raises(data: bytes) -> None:
    _decode(data)


@given(NOISE.map(lambda data: b"/a\0\0," + data + bytes(-(5 + len(data)) % 4)))
def test_noise_behind_an_address_never_raises(data: bytes) -> None:
    _decode(data)


@given(st.lists(st.binary(min_size=1, max_size=8).map(lambda data: data + bytes(-len(data) % 4)), max_size=8))
def test_noise_in_bundles_never_raises(parts: list[bytes]) -> None:
    _decode(b"#bundle\0" + bytes(8) + b"".join(map(element, parts)))


@settings(max_examples=300)
@given(KNOWN, st.lists(TURN, min_size=1, max_size=4))
def test_known_packets_with_some_bytes_turned_never_raise(data: bytes, turns: list[tuple[int, int, bytes]]) -> None:
    for place, gone, come in turns:
        start = place % (len(data) + 1)
        data = data[:start] + come + data[start + gone :]
    _decode(data)


@given(KNOWN, st.lists(st.tuples(st.integers(0, 255), st.sampled_from(WORDS)), min_size=1, max_size=3))
def test_known_packets_with_other_numbers_at_their_places_never_raise(data: bytes, turns: list[tuple[int, bytes]]) -> None:
    for place, word in turns:
        start = 4 * (place % (len(data) // 4 + 1))
        data = data[:start] + word + data[start + 4 :]
    _decode(data)


@given(KNOWN, st.data())
def test_known_packets_cut_anywhere_never_raise(data: bytes, draw: st.DataObject) -> None:
    _decode(data[: draw.draw(st.integers(0, len(data)))])


def test_what_passes_is_decoded() -> None:
    passed = 0
    for data in fuzzed(20_000, seed=2):
        found = check(data)
        if not isinstance(found, str):
            passed += 1
            assert not isinstance(decode(data, found), str)
    # Most fuzzed packets are wrong, but not so many that nothing else is tried.
    assert passed > 2_000


@given(st.from_regex(r"/[!-~]{0,40}", fullmatch=True), st.lists(VALUE, max_size=12))
def test_what_we_build_passes_and_comes_back(path: str, values: list[float | int | str]) -> None:
    data = encode(path, values)
    found = check(data)
    assert not isinstance(found, str)
    decoded = decode(data, found)
    assert not isinstance(decoded, str)
    assert repr(decoded) == repr([Message(path, tuple(values), 1)])


@given(st.lists(VALUE, max_size=12))
def test_what_another_library_builds_passes(values: list[float | int | str]) -> None:
    builder = OscMessageBuilder("/deck/1/gain")
    for value in values:
        builder.add_arg(value)
    whole = OscBundleBuilder(BUILDER_IMMEDIATELY)
    whole.add_content(builder.build())
    data = whole.build().dgram
    found = check(data)
    assert not isinstance(found, str)
    assert len(found) == 1
