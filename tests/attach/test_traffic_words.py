"""A message in words: what is in it can be told, and nothing in it does anything to a terminal."""

import random

import pytest

from realtime.attach.traffic_words import MOST_CHARACTERS, describe
from realtime.control.traffic import Passed, Said


def words(said: Said, who: str = "") -> str:
    return describe(Passed(0.0, "osc in", who, said)).removeprefix(f"{who}  ")


def test_who_stands_before_what() -> None:
    assert describe(Passed(0.0, "osc in", "127.0.0.1:57120", ("/deck/1/gain", (-3.0,)))) == "127.0.0.1:57120  /deck/1/gain -3.0"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        # A number that is whole is told from one that is not, and both from a text: what a patch sends wrongly is seen.
        (("/a", (1, 1.0, "1")), '/a 1 1.0 "1"'),
        (("/a", (0.1, -0.25, 1e-9, 1e20, -0.0)), "/a 0.1 -0.25 1e-09 1e+20 -0.0"),
        (("/a", (float("nan"), float("inf"), -7)), "/a nan inf -7"),
        (("/a", ()), "/a"),
        (("/a", ("two words", "", 'a "b" \\c')), '/a "two words" "" "a \\"b\\" \\\\c"'),
        (("/a", ("line\nend\ttab\x1b[2J\x00",)), '/a "line\\nend\\ttab\\u001b[2J\\u0000"'),
        (("/a", ("\u202egain\x9b31m",)), '/a "\\u202egain\\x9b31m"'),
        (("/a", ("Geräusch 雨",)), '/a "Geräusch 雨"'),
        (b"\xb0\x4a\x40", "channel 1 control change 74 64"),
        (b"\x9f\x3c\x7f", "channel 16 note on 60 127"),
        (b"\xc0\x05\xc1\x06", "channel 1 program change 5; channel 2 program change 6"),
        (b"\xfa", "start"),
        (b"\xf0\x7e\x7f\x09\x01\xf7", "system exclusive f0 7e 7f 09 01 f7"),
        (b"\xf0\x7e\x7f", "system exclusive f0 7e 7f"),
        (b"\x01\x02", "no whole message: 01 02"),
        (b"", "no whole message:"),
    ],
)
def test_what_was_said(said: Said, shown: str) -> None:
    assert words(said).rstrip() == shown


def test_what_is_long_is_cut() -> None:
    assert words(("/a", tuple(range(33)))).endswith(" 31 …")
    for said in (("/a", ("x" * 60_000,)), ("/" + "a" * 60_000, ()), ("/a", (1.5,) * 10_000), b"\xb0" + b"\x01\x02" * 16):
        text = describe(Passed(0.0, "osc in", "p" * 500, said))
        assert len(text) == MOST_CHARACTERS
        assert text.endswith("…")


def test_whatever_comes_is_one_line_that_can_be_written() -> None:
    dice = random.Random(5)
    for _ in range(2_000):
        text = "".join(chr(dice.choice((dice.randrange(0x110000), dice.randrange(0x180), 0xD800, 0x202E, 0x85))) for _ in range(9))
        for said in (("/a", (text,)), dice.randbytes(dice.randrange(33))):
            shown = describe(Passed(0.0, "midi in", text, said))
            shown.encode()
            assert len(shown.splitlines()) == 1
            assert "\x1b" not in shown
