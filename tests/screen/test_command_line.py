"""A line that is typed as for OSC."""

from pathlib import Path

import pytest

from realtime.screen.command_line import MOST_ANSWER, LineError, beginnings, read_line, said
from tests.screen.views import stage_view

ADDRESSES = stage_view().addresses


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("/scene/morph verse 8", "/scene/morph", ("verse", 8.0)),
        ("  /scene/rename 'the end'  \"a b\" ", "/scene/rename", ("the end", "a b")),
        ("/deck/1/prime clips/one.wav", "/deck/1/prime", ("clips/one.wav",)),
        ("/deck/1/prime ~/one.wav", "/deck/1/prime", (str(Path.home() / "one.wav"),)),
        ("seed 7", "/deck/2/seed", (7,)),
        ("seed 9223372036854775807", "/deck/2/seed", (2**63 - 1,)),
        ("reset", "/deck/2/reset", ()),
        ("reset 3", "/deck/2/reset", (3,)),
        ("mode -1", "/deck/2/mode", (-1,)),
        ("corpora 'a;weight=2' @patch", "/deck/2/corpora", ("a;weight=2", "@patch")),
        ("gain -3,5dB", "/deck/2/gain", (-3.5,)),
        ("gain", "/deck/2/gain", ()),
        ("state", "/deck/2/state", ()),
        # What no deck has is meant for the whole.
        ("transport/source midi", "/transport/source", ("midi",)),
        ("panic 0.0", "/panic", (0,)),
    ],
)
def test_what_a_line_asks_for(text: str, path: str, values: tuple[object, ...]) -> None:
    line = read_line(text, 2, ADDRESSES)
    assert (line.address.path, line.values, line.clipped) == (path, values, False)
    assert [type(value) for value in line.values] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [("gain 99", "/deck/1/gain", (12.0,)), ("lead -5", "/deck/1/lead", (0,)), (f"seed {2**70}", "/deck/1/seed", (2**63 - 1,))],
)
def test_what_is_out_of_range_is_brought_into_it(text: str, path: str, values: tuple[object, ...]) -> None:
    line = read_line(text, 1, ADDRESSES)
    assert (line.address.path, line.values, line.clipped) == (path, values, True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no address; allowed: /scene/morph verse 8"),
        ("  ", "no address"),
        ('/scene/recall "verse', "cannot be read; got no closing quotation"),
        ("/scene/recal verse", "no such address now; got /scene/recal; allowed: /scene/recall"),
        ("qqqqqqqq", "no such address now; got /deck/1/qqqqqqqq; docs/osc.md"),
        ("/deck/7/gain 1", "no such address now; got /deck/7/gain"),
        ("/panic 1 2", "/panic: number of arguments: got 2; allowed: 0 to 1 (on)"),
        ("/scene/morph verse", "/scene/morph: number of arguments: got 1; allowed: 2 (name seconds)"),
        ("unload now", "/deck/1/unload: number of arguments: got 1; allowed: 0 (none)"),
        ("/scene/morph verse soon", "/scene/morph: seconds: got 'soon'; allowed: number 0 to 600 s"),
        ("seed 1.5", "/deck/1/seed: seed: got 1.5; allowed: whole number from 0"),
        ("seed nan", "/deck/1/seed: seed: got nan"),
        ("gain inf", "/deck/1/gain: gain: got inf"),
        (f"seed {'9' * 5000}", "/deck/1/seed: seed: got"),
        ("/transport/source sundial", "source: got 'sundial'; allowed: internal, midi, link"),
        (f"load {'x' * 5000}", "patch: got 5000 characters; allowed: text of 1 to 4096 characters"),
    ],
)
def test_what_cannot_be_taken_is_named(text: str, why: str) -> None:
    with pytest.raises(LineError) as refused:
        read_line(text, 1, ADDRESSES)
    assert why in str(refused.value)
    assert len(str(refused.value)) < 400


def test_what_is_said_can_be_typed_again_and_is_no_page() -> None:
    line = read_line("/scene/morph 'the end' 2.5", 1, ADDRESSES)
    assert line.text == "/scene/morph 'the end' 2.5"
    assert read_line(line.text, 1, ADDRESSES) == line
    long = said("/midi/map", ["cc 1", "/deck/1/gain"] * 200)
    assert len(long) == MOST_ANSWER
    assert long.endswith("…")


def test_what_is_short_for_the_selected_deck_is_offered_first() -> None:
    offered = beginnings(2, ADDRESSES)
    assert next(text for text in offered if text.startswith("se")) == "seed"
    assert next(text for text in offered if text.startswith("/sc")) == "/scene/save"
    assert set(ADDRESSES) < set(offered)
    assert not [text for text in offered if text not in ADDRESSES and f"/deck/2/{text}" not in ADDRESSES]
