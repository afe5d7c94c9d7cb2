"""What is a packet and what is not: exact reasons, and nothing that a decoder after it could stumble over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.osc.bounds import ARGUMENTS, DATAGRAM_BYTES, ELEMENTS, Element, check
from realtime.osc.packet import Message, bundle, decode, encode
from tests.fuzz.osc_corpus import FIVE, GAIN, HEAVY, MALFORMED, element, fuzzed, nested, timed

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=64)
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


@given(st.binary(max_size=512))
def test_noise_never_raises(data: bytes) -> None:
    found = check(data)
    if not isinstance(found, str):
        assert not isinstance(decode(data, found), str)


@given(st.lists(st.binary(min_size=1, max_size=8).map(lambda data: data + bytes(-len(data) % 4)), max_size=8))
def test_noise_in_bundles_never_raises(parts: list[bytes]) -> None:
    data = b"#bundle\0" + bytes(8) + b"".join(map(element, parts))
    found = check(data)
    if not isinstance(found, str):
        assert not isinstance(decode(data, found), str)


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
    whole = OscBundleBuilder(IMMEDIATELY)
    whole.add_content(builder.build())
    data = whole.build().dgram
    found = check(data)
    assert not isinstance(found, str)
    assert len(found) == 1
