"""The controls of a deck in order, and their values as text."""

import pytest

from realtime.control.address import Argument, Value
from realtime.screen.control_list import control_paths, controls, keep_selected, share_of, value_at, value_text
from realtime.screen.session import Session
from tests.screen.link import NotedLink
from tests.screen.views import BUNDLED, stage_view

VIEW = stage_view()
UNBOUNDED = Argument("count", "i", 0, 10, "steps")


def test_gain_and_pan_come_first_then_classes_then_parameters() -> None:
    paths = control_paths(VIEW, 1)
    classes = [f"/deck/1/class/{name}" for name in ("applause", "bees", "fire", "pistons", "rain", "wind")]
    assert paths[:2] == ["/deck/1/gain", "/deck/1/pan"]
    assert paths[2:8] == classes
    assert all(path.startswith("/deck/1/param/") for path in paths[8:])


@pytest.mark.parametrize(("deck", "slug"), [(1, "textures"), (2, "field")])
def test_every_control_of_the_patch_is_listed_once(deck: int, slug: str) -> None:
    listed = controls(VIEW.addresses, deck, VIEW.decks[deck - 1].labels)
    assert sorted(control.argument.name for control in listed) == sorted(
        ["gain", "pan", *(control.id for control in BUNDLED[slug].controls)]
    )
    assert {control.label for control in listed} == {"gain", "pan", *(control.label for control in BUNDLED[slug].controls)}


def test_an_empty_deck_has_its_own_controls_and_no_deck_has_none() -> None:
    assert control_paths(VIEW, 3) == ["/deck/3/gain", "/deck/3/pan"]
    assert control_paths(VIEW, 9) == []


@pytest.mark.parametrize(
    ("path", "value", "argument", "text"),
    [
        ("/deck/1/gain", -6.0, Argument("gain", "f", -60.0, 12.0, "dB"), "-6.0 dB"),
        ("/deck/1/gain", 3.0, Argument("gain", "f", -60.0, 12.0, "dB"), "+3.0 dB"),
        ("/deck/1/gain", -60.0, Argument("gain", "f", -60.0, 12.0, "dB"), "-inf dB"),
        ("/deck/1/pan", -0.25, Argument("pan", "f", -1.0, 1.0), "left 0.25"),
        ("/deck/1/pan", 0.5, Argument("pan", "f", -1.0, 1.0), "right 0.50"),
        ("/deck/1/pan", 0.0, Argument("pan", "f", -1.0, 1.0), "centre"),
        ("/x", 0.624, Argument("x", "f", 0.0, 1.0), "0.62"),
        ("/x", 20.0, Argument("x", "f", 1.0, 1024.0, "codes", curve="exponential"), "20.0 codes"),
        ("/x", 1024.0, Argument("x", "f", 1.0, 1024.0, "codes", curve="exponential"), "1024 codes"),
        ("/x", 11.6, Argument("x", "f", 0.0, 100.0, "ms"), "11.6 ms"),
        ("/x", 440.4, Argument("x", "f", 0.0, 5000.0, "Hz"), "440 Hz"),
        ("/x", 1.5, Argument("x", "f", -3.0, 3.0, "σ"), "+1.50 σ"),
        ("/x", 3, UNBOUNDED, "3 steps"),
        ("/x", "midi", Argument("x", "s", choices=("internal", "midi")), "midi"),
    ],
)
def test_a_value_has_its_unit_and_the_precision_of_its_range(path: str, value: Value, argument: Argument, text: str) -> None:
    assert value_text(path, value, argument) == text


@pytest.mark.parametrize(
    "argument",
    [
        Argument("x", "f", -60.0, 12.0),
        Argument("x", "f", 1.0, 1024.0, curve="exponential"),
        UNBOUNDED,
        Argument("x", "s", choices=("a", "b", "c")),
    ],
)
def test_shares_and_values_are_each_others_inverse(argument: Argument) -> None:
    for share in (0.0, 0.5, 1.0):
        value = value_at(share, argument)
        assert share_of(value, argument) == pytest.approx(share)
        assert isinstance(value, {"f": float, "i": int, "s": str}[argument.tag])
    assert value_at(7.0, argument) == value_at(1.0, argument)
    assert value_at(-7.0, argument) == value_at(0.0, argument)


def test_what_is_selected_is_always_a_control_that_is_there() -> None:
    session = Session(NotedLink(VIEW), lambda text, error: None, lambda: 0.0)
    listed = controls(VIEW.addresses, 1, {})
    assert keep_selected(session, 1, listed) == "/deck/1/gain"
    session.selected[1] = "/deck/1/class/rain"
    assert keep_selected(session, 1, listed) == "/deck/1/class/rain"
    session.selected[1] = "/deck/1/class/gone"
    assert keep_selected(session, 1, listed) == "/deck/1/gain"
    assert keep_selected(session, 1, []) == ""
