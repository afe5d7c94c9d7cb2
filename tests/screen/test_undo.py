from dataclasses import replace

import pytest

from realtime.screen.link import Told
from realtime.screen.session import ANSWER_S, MOST_UNDO, SAME_TURN_S, Session
from tests.screen.link import NotedLink
from tests.screen.views import stage_view

VIEW = stage_view()
RAIN, BEES = "/deck/1/class/rain", "/deck/1/class/bees"


class Hands:
    """A session on a stage that notes, with a clock turned by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.said: list[tuple[str, bool]] = []
        self.link = NotedLink(VIEW)
        self.session = Session(self.link, lambda text, error: self.said.append((text, error)), lambda: self.now)


def test_changes_of_one_turn_are_taken_back_together() -> None:
    hands = Hands()
    for value in (0.7, 0.8, 0.9):
        hands.session.set(RAIN, value)
        hands.now += SAME_TURN_S / 2
    hands.now += SAME_TURN_S
    hands.session.set(RAIN, 1.0)
    assert hands.session.undo() == {RAIN: 0.9}
    assert hands.session.undo() == {RAIN: 0.62}
    assert hands.session.undo() == {}
    assert [arguments for _, arguments in hands.link.asked] == [(0.7,), (0.8,), (0.9,), (1.0,), (0.9,), (0.62,)]


def test_another_control_is_another_turn() -> None:
    hands = Hands()
    hands.session.set(RAIN, 0.7)
    hands.session.set(BEES, 0.7)
    hands.session.set(RAIN, 0.8)
    assert [hands.session.undo() for _ in range(3)] == [{RAIN: 0.7}, {BEES: 0.0}, {RAIN: 0.62}]


def test_values_set_at_once_are_taken_back_at_once() -> None:
    hands = Hands()
    hands.session.set_all({RAIN: 0.0, BEES: 1.0, "/deck/1/class/wind": 0.0})
    assert hands.link.asked == [(RAIN, (0.0,)), (BEES, (1.0,))]
    assert hands.session.undo() == {RAIN: 0.62, BEES: 0.0}


def test_a_control_that_went_with_its_patch_is_passed_over() -> None:
    hands = Hands()
    hands.session.set("/deck/1/gain", -3.0)
    hands.session.set(RAIN, 0.7)
    hands.link.view = replace(VIEW, values={path: value for path, value in VIEW.values.items() if "/class/" not in path})
    assert hands.session.undo() == {"/deck/1/gain": 0.0}


def test_what_was_set_is_shown_until_the_stage_answers() -> None:
    hands = Hands()
    hands.link.ask = lambda *_, **__: None  # type: ignore[method-assign]
    hands.session.set(RAIN, 0.9)
    assert hands.session.value(RAIN) == 0.9
    hands.now = ANSWER_S + 0.01
    assert hands.session.value(RAIN) == 0.62


def test_undo_is_bounded() -> None:
    hands = Hands()
    for number in range(MOST_UNDO + 10):
        hands.session.set(RAIN if number % 2 else BEES, 0.5 + number / 1000)
    taken = sum(bool(hands.session.undo()) for _ in range(MOST_UNDO + 10))
    assert taken == MOST_UNDO


def test_a_control_that_there_is_not_is_said() -> None:
    hands = Hands()
    hands.session.set("/deck/1/class/bears", 1.0)
    assert hands.said == [("/deck/1/class/bears: there is no such control now", True)]
    assert hands.link.asked == []


def test_what_is_refused_is_said() -> None:
    hands = Hands()
    hands.link.refuses["/deck/1/load"] = "no patch has this name"
    told: list[Told] = []
    hands.session.ask("/deck/1/load", "nothing", then=told.append)
    assert hands.said == [("/deck/1/load: no patch has this name", True)]
    assert [one.state for one in told] == ["failed"]


def test_answers_are_handed_on_to_the_screen_s_thread() -> None:
    link, later = NotedLink(VIEW), []
    session = Session(link, lambda text, error: None, lambda: 0.0, later.append)
    told: list[object] = []
    session.ask("/deck/1/reset", then=told.append)
    session.patches(told.append)
    assert told == []
    for call in later:
        call()
    assert [type(one) for one in told] == [Told, tuple]


@pytest.mark.parametrize(
    ("share", "choice"), [(-0.05, "off"), (0.05, "scale"), (-1.0, "off"), (1.0, "scale"), (0.005, "scale")]
)  # fmt: skip
def test_choices_go_one_by_one(share: float, choice: str) -> None:
    hands = Hands()
    hands.link.view = replace(VIEW, values={**VIEW.values, "/midi/takeover": "pickup"})
    hands.session.turn("/midi/takeover", share)
    assert hands.link.asked == [("/midi/takeover", (choice,))]


@pytest.mark.parametrize(("share", "value"), [(0.0005, 1), (-0.0005, 0), (1.0, 1), (-1.0, 0)])
def test_whole_numbers_move_by_one_at_least(share: float, value: int) -> None:
    hands = Hands()
    start = 1 - value
    hands.link.view = replace(VIEW, values={**VIEW.values, "/transport/run": start})
    hands.session.turn("/transport/run", share)
    assert hands.link.asked == [("/transport/run", (value,))]


def test_a_selected_control_that_is_gone_is_none() -> None:
    hands = Hands()
    hands.session.selected[1] = RAIN
    assert hands.session.control == RAIN
    hands.link.view = replace(VIEW, addresses={})
    assert hands.session.control == ""
