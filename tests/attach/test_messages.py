"""Lines on the control socket: what is said is heard, and nothing else is."""

import random

import pytest

from realtime.attach.messages import TO_SCREEN, TO_STAGE, TO_STAGE_BYTES, Lines, MessageError, read_message, write_message


@pytest.mark.parametrize(
    "message",
    [
        ("hello", 1, "0" * 32), ("look", True, False), ("look", False, True), ("ask", 7, "/deck/1/gain", [-6.5]), ("ask", 0, "/panic", []),
        ("ask", 2**53, "/deck/1/load", ["Räume ♪ 🌊", 5, 0.25]), ("patches", 3), ("quit",),
    ],
)  # fmt: skip
def test_what_a_screen_says_is_heard(message: tuple[object, ...]) -> None:
    name, *arguments = message
    line = write_message(str(name), *arguments)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_message(line, TO_STAGE) == (name, arguments)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"GET / HTTP/1.1", b"{}", b"[]", b"[1]", b"null", b'"look"', b'["look"]', b'["look",true]', b'["look",1,true]',
        b'["look",true,true,true]', b'["nothing"]',
        b"[" * 60_000, b'["ask",1,"/a",[' + b"[" * 50_000, b"9" * 60_000, b"\x80\x81\xff", b'\xff\xfe["quit"]', b"\x00" * 100,
        b'["ask",1,"/a",[NaN]]', b'["ask",1,"/a",[Infinity]]', b'["ask",1,"/a",[1e999]]', b'["ask",1,"/a",[true]]',
        b'["ask",1,"/a",[null]]',
        b'["ask",1,"/a",[[]]]', b'["ask",1,"/a",[{}]]', b'["ask",-1,"/a",[]]', b'["ask",1.0,"/a",[]]', b'["ask",true,"/a",[]]',
        b'["ask",1,7,[]]', b'["ask",1,"\\ud800",[]]', b'["ask",1,"/a",["\\udfff"]]', b'["ask",1,"/a",[99999999999999999999]]',
        b'["ask",1,"/a",[' + b",".join([b"1"] * 300) + b"]]", b'["hello",1]', b'["hello","1","x"]', b'["quit",1]', b'["view",{}]',
        b'["hello",1,"\\ud83d"]', b'["ask",1,"/a",[1],2]',
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(MessageError):
        read_message(line, TO_STAGE)


def test_a_number_that_json_has_no_word_for_is_0_and_half_a_character_a_question_mark() -> None:
    line = write_message("view", {"a": [float("nan"), float("inf"), 1.5], "b": {"c": float("-inf")}, "d": "take \udcff"})
    assert read_message(line, TO_SCREEN) == ("view", [{"a": [0.0, 0.0, 1.5], "b": {"c": 0.0}, "d": "take ?"}])


def test_what_json_cannot_say_is_named() -> None:
    with pytest.raises(MessageError, match="'told' cannot be written"):
        write_message("told", object())


def test_lines_are_the_same_however_they_are_cut() -> None:
    words = [b"", b"a", b"bc" * 500, b"\xff\x00", b"d"]
    whole = b"\n".join(words) + b"\n" + b"begun"
    dice = random.Random(5)
    for most in (1, 2, 3, 7, 1000, 5000):
        lines, got, place = Lines(5000), [], 0
        while place < len(whole):
            count = dice.randint(1, most)
            lines.feed(whole[place : place + count])
            place += count
            while (line := lines.next()) is not None:
                got.append(line)
        assert got == words
        lines.feed(b" and ended\n")
        assert lines.next() == b"begun and ended"


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_is_too_long_is_refused_before_it_ends(end: bytes) -> None:
    lines = Lines(TO_STAGE_BYTES)
    lines.feed(b"x" * TO_STAGE_BYTES)
    assert lines.next() is None
    lines.feed(b"x" + end)
    with pytest.raises(MessageError, match="too long"):
        lines.next()
