"""Patterns against the standard library's expressions, and against what takes exponential time elsewhere."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.osc.pattern import WORK, AddressTree, PartMatcher, PatternError, Work, is_pattern

CONTROLS = ("gain", "pan", "mute", "solo", "param/density", "param/grain_size", "class/bees", "class/wind")
PATHS = (*(f"/deck/{deck}/{control}" for deck in (1, 2, 10) for control in CONTROLS), "/master/gain", "/panic", "/scene/save")
TREE = AddressTree(PATHS)


def _matches(part: str, name: str) -> bool:
    return PartMatcher(part, Work()).matches(name)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/deck/?/gain", ["/deck/1/gain", "/deck/2/gain"]),
        ("/deck/*/gain", ["/deck/1/gain", "/deck/2/gain", "/deck/10/gain"]),
        ("/deck/[2-9]/{mute,solo}", ["/deck/2/mute", "/deck/2/solo"]),
        ("/deck/[!1]*/pan", ["/deck/2/pan"]),
        ("/deck/1/param/*_*", ["/deck/1/param/grain_size"]),
        ("/*/gain", ["/master/gain"]),
        ("//gain", ["/master/gain", "/deck/1/gain", "/deck/2/gain", "/deck/10/gain"]),
        ("/deck//density", ["/deck/1/param/density", "/deck/2/param/density", "/deck/10/param/density"]),
        ("/{master,deck/1}/gain", []),
        ("/*", ["/panic"]),
        ("/deck/1", []),
        ("/deck/*", []),
        ("/nothing/*", []),
    ],
)
def test_what_a_pattern_stands_for(pattern: str, found: list[str]) -> None:
    if "deck/1}" in pattern:
        with pytest.raises(PatternError):
            TREE.find(pattern)
        return
    assert is_pattern(pattern) or not found
    assert sorted(TREE.find(pattern)) == sorted(found)


def test_two_slashes_are_any_number_of_parts_also_none() -> None:
    assert TREE.find("//panic") == ("/panic",)
    assert set(TREE.find("//*")) == set(PATHS)
    assert set(TREE.find("///*")) == set(PATHS)


def test_a_plain_path_is_no_pattern() -> None:
    assert not any(is_pattern(path) for path in PATHS)


@pytest.mark.parametrize(
    "pattern", ["/deck/[1/gain", "/deck/{1/gain", "/deck/1]/gain", "/deck/1}/gain", "/a{b{c}}", "/[z-a]", "/{a*,b}", "/x/*/"]
)
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="pattern: "):
        TREE.find(pattern)


@pytest.mark.parametrize(
    ("part", "name", "is_match"),
    [
        ("", "", True),
        ("*", "", True),
        ("**", "abc", True),
        ("?", "", False),
        ("[-a]", "-", True),
        ("[a-]", "-", True),
        ("[!]", "x", True),
        ("[]", "x", False),
        ("[!a-c]x", "dx", True),
        ("{,a}b", "b", True),
        ("{a,ab}c", "abc", True),
        ("{ab}", "a", False),
        ("a*b*c", "aXbXbXc", True),
        ("*.{wav,flac}", "x.y.flac", True),
    ],
)
def test_corners_of_a_part(part: str, name: str, is_match: bool) -> None:
    assert _matches(part, name) is is_match


PIECE = st.one_of(
    st.sampled_from(["a", "b", "c", "?", "*", "[ab]", "[!ab]", "[a-c]"]),
    st.lists(st.text("abc", max_size=3), min_size=1, max_size=3).map(lambda words: "{" + ",".join(words) + "}"),
)


@given(st.lists(PIECE, max_size=8), st.text("abcd", max_size=8))
def test_a_part_is_what_an_expression_is(pieces: list[str], name: str) -> None:
    expression = "".join(_as_expression(piece) for piece in pieces)
    assert PartMatcher("".join(pieces), Work(10**6)).matches(name) == (re.fullmatch(expression, name) is not None)


def _as_expression(piece: str) -> str:
    if piece.startswith("{"):
        return "(?:" + piece[1:-1].replace(",", "|") + ")"
    return {"?": ".", "*": ".*", "[!ab]": "[^ab]"}.get(piece, piece)


def test_the_work_grows_with_the_length_and_not_faster() -> None:
    def steps(letters: int) -> int:
        work = Work(10**9)
        assert not PartMatcher("*a" * 20 + "Q", work).matches("a" * letters)
        return 10**9 - work.left

    # 2^20 for an expression that goes back.
    assert steps(200) < 2.5 * steps(100)
    assert steps(200) < 20_000


@pytest.mark.parametrize("part", ["*?" * 120, "{a,b,}" * 40, "[!-~]*" * 40, "/*/" * 80 + "x"])
def test_too_much_work_is_refused(part: str) -> None:
    tree = AddressTree(f"/deck/{deck}/param/control_{control}_of_many_{deck}" for deck in range(8) for control in range(40))
    with pytest.raises(PatternError, match="too much work"):
        tree.find("/deck/*/param/" + part)


def test_patterns_of_a_packet_share_their_work() -> None:
    work = Work()
    TREE.find("/deck/*/gain", work)
    taken = WORK - work.left
    for _ in range(WORK // taken - 1):
        TREE.find("/deck/*/gain", work)
    with pytest.raises(PatternError, match="too much work"):
        TREE.find("/deck/*/gain", work)
