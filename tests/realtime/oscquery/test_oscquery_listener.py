"""What waits for one WebSocket's client, without a socket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.control.namespace import Namespace
from realtime.oscquery.limits import COMMAND_CHARACTERS, REPLIES, SUBSCRIPTIONS
from realtime.oscquery.listener import Listener, say
from realtime.oscquery.nodes import Tree

ONE = Tree(Namespace([None]).addresses)
TWO = Tree(Namespace([None, None]).addresses)


class Calls:
    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> None:
        self.number += 1


def test_listen_and_ignore() -> None:
    listener = Listener(Calls())
    assert listener.command(say("LISTEN", "/deck/1/gain"), ONE) == (("/deck/1/gain",), "")
    assert listener.paths == {"/deck/1/gain"}
    assert listener.command(say("IGNORE", "/deck/1/gain"), ONE) == ((), "")
    assert listener.paths == frozenset()
    assert listener.command(say("IGNORE", "/never/asked"), ONE) == ((), "")


def test_what_is_understood_is_noted_and_nothing_else() -> None:
    noted: list[object] = []
    listener = Listener(Calls(), lambda channel, messages: noted.append((channel, *messages)))
    for text in ("LISTEN", "[]", say("DANCE", "/deck/1/gain"), say("LISTEN", 1)):
        listener.command(text, ONE)
    listener.command(say("LISTEN", "/deck/1/"), ONE)
    listener.command(say("LISTEN", "/nowhere"), ONE)
    listener.command(say("IGNORE", "/deck/1"), ONE)
    asked = [("LISTEN", ("/deck/1/",)), ("LISTEN", ("/nowhere",)), ("IGNORE", ("/deck/1",))]
    assert noted == [("osc in", message) for message in asked]


def test_ignoring_a_container_leaves_what_was_asked_for_by_name() -> None:
    listener = Listener(Calls())
    listener.command(say("LISTEN", "/deck/1"), ONE)
    listener.command(say("LISTEN", "/deck/1/gain"), ONE)
    assert len(listener.paths) == 5
    listener.command(say("IGNORE", "/deck/1/"), ONE)
    assert listener.paths == {"/deck/1/gain"}


def test_what_is_ignored_is_not_sent_any_more() -> None:
    listener = Listener(Calls())
    listener.command(say("LISTEN", "/deck/1/gain"), ONE)
    listener.keep(("/deck/1/gain", (1.0,)), b"1")
    listener.command(say("IGNORE", "/deck/1/gain"), ONE)
    assert not listener.waiting


def test_an_address_that_goes_and_comes_back_is_heard_again() -> None:
    listener = Listener(Calls())
    listener.command(say("LISTEN", "/deck/2/gain"), TWO)
    listener.follow(ONE)
    assert listener.paths == frozenset()
    listener.follow(TWO)
    assert listener.paths == {"/deck/2/gain"}


def test_of_a_value_the_latest_waits_and_answers_go_first() -> None:
    calls = Calls()
    listener = Listener(calls)
    listener.keep(("/a", (1.0,)), b"1")
    listener.keep(("/a", (2.0,)), b"2")
    assert listener.reply(b"r")
    assert calls.number == 1
    assert listener.take() == ([b"r", b"2"], [("/a", (2.0,))])
    assert listener.take() == ([], [])


def test_answers_are_bounded() -> None:
    listener = Listener(Calls())
    taken = [listener.reply(str(number).encode()) for number in range(REPLIES + 2)]
    assert taken == [True] * REPLIES + [False] * 2
    assert listener.take() == ([str(number).encode() for number in range(REPLIES)], [])
    assert listener.reply(b"again")


def test_who_is_gone_gets_nothing() -> None:
    calls = Calls()
    listener = Listener(calls)
    listener.gone = True
    assert not listener.reply(b"r")
    assert calls.number == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '"LISTEN"',
        "[" * COMMAND_CHARACTERS,
        "x" * (COMMAND_CHARACTERS + 1),
        "9" * COMMAND_CHARACTERS,
        "{}",
        say("LISTEN", None),
        say("LISTEN", ["/deck/1/gain"]),
        say("LISTEN", "/nowhere"),
        say("SHOUT", "/deck/1/gain"),
        json.dumps({"COMMAND": ["LISTEN"], "DATA": "/deck/1/gain"}),
        json.dumps({"COMMAND": {}, "DATA": {}}),
        '{"COMMAND":"LISTEN","DATA":"\\ud800"}',
    ],
)
def test_what_makes_no_sense_does_nothing_and_says_why(text: str) -> None:
    listener = Listener(Calls())
    heard, why = listener.command(text, ONE)
    assert heard == ()
    assert why
    assert listener.paths == frozenset()


PATHS = st.one_of(st.sampled_from(["/", "/deck/1", "/deck/1/gain", "/nowhere"]), st.text(max_size=20), st.none(), st.integers())
SAID = st.builds(say, st.one_of(st.sampled_from(["LISTEN", "IGNORE", "SHOUT"]), st.text(max_size=8)), PATHS)


@given(st.lists(st.one_of(st.text(max_size=200), SAID), max_size=5))
def test_any_text_is_taken(texts: list[str]) -> None:
    listener = Listener(Calls())
    for text in texts:
        before = listener.paths
        heard, why = listener.command(text, ONE)
        assert set(heard) <= listener.paths <= set(ONE.addresses)
        # What makes no sense changes nothing, and who looks into the log is told why, in few words.
        assert len(why) < 200
        assert not why or (heard == () and listener.paths == before)
        assert why or text.startswith("{")


def test_subscriptions_are_bounded() -> None:
    names = [f"/deck/{number}/gain" for number in range(1, SUBSCRIPTIONS + 2)]
    gain = ONE.addresses["/deck/1/gain"]
    tree = Tree(dict.fromkeys(names, gain))
    listener = Listener(Calls())
    whys = [listener.command(say("LISTEN", name), tree)[1] for name in names]
    assert whys[:-1] == [""] * SUBSCRIPTIONS
    assert whys[-1]
    assert listener.command(say("LISTEN", names[0]), tree)[1] == ""
