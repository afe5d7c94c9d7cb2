"""Plain requests, without a socket."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.control.namespace import Namespace
from realtime.oscquery.answer import Reply, Target, answer, read_target
from realtime.oscquery.limits import PATH_CHARACTERS
from realtime.oscquery.nodes import Tree

TREE = Tree(Namespace([None, None]).addresses)
INFO = {"NAME": "x"}


def ask(target: str) -> Reply:
    found = read_target(TREE, target)
    return answer(found, INFO, lambda path: (0.5,)) if isinstance(found, Target) else found


def body(target: str) -> dict[str, object]:
    reply = ask(target)
    assert reply.status is HTTPStatus.OK
    found = json.loads(reply.body)
    assert isinstance(found, dict)
    return found


def test_the_whole_tree() -> None:
    root = body("/")
    assert root["FULL_PATH"] == "/"
    assert set(root["CONTENTS"]) == {
        "master",
        "deck",
        "audition",
        "scene",
        "automation",
        "record",
        "rack",
        "corpus",
        "counts",
        "transport",
        "midi",
        "panic",
        "status",
        "version",
    }


def test_one_node_with_and_without_a_stroke() -> None:
    assert body("/deck/1/gain") == body("/deck/1/gain/")
    assert body("/deck/1/gain")["FULL_PATH"] == "/deck/1/gain"


def test_one_attribute() -> None:
    assert body("/deck/1/gain?VALUE") == {"VALUE": [0.5]}
    assert body("/deck/1?FULL_PATH") == {"FULL_PATH": "/deck/1"}
    assert set(body("/deck?CONTENTS")["CONTENTS"]) == {"1", "2"}


@pytest.mark.parametrize("target", ["/?HOST_INFO", "/deck/1?HOST_INFO", "/nowhere?HOST_INFO"])
def test_host_info_is_of_the_server(target: str) -> None:
    assert body(target) == INFO


@pytest.mark.parametrize("target", ["/deck?VALUE", "/deck/1/load?VALUE", "/deck/1/load?RANGE", "/deck/1/gain?CONTENTS", "/panic?UNIT"])
def test_what_a_node_does_not_have_is_no_content(target: str) -> None:
    assert ask(target) == Reply(HTTPStatus.NO_CONTENT)


@pytest.mark.parametrize(
    "target",
    ["/deck/1/gain?COLOUR", "/?value", "/?VALUE&RANGE", "/?VALUE=1", "/??", "deck", "", "*", "http://127.0.0.1/", "/%ff", "/?%56ALUE"],
)
def test_what_makes_no_sense_is_a_bad_request(target: str) -> None:
    assert ask(target).status is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("target", ["/nowhere", "/deck/3", "/deck/1/gain/x", "//deck", "/deck//1", "/../deck", "/deck/%00", "/favicon.ico"])
def test_what_is_not_there_is_not_found(target: str) -> None:
    assert ask(target).status is HTTPStatus.NOT_FOUND


def test_a_path_may_be_percent_encoded() -> None:
    assert body("/%64eck/1/gain") == body("/deck/1/gain")


def test_a_huge_path_is_refused_before_it_is_looked_at() -> None:
    assert ask("/" * PATH_CHARACTERS).status is HTTPStatus.OK
    assert ask("/" * (PATH_CHARACTERS + 1)).status is HTTPStatus.REQUEST_URI_TOO_LONG


@given(st.text(max_size=64).map(lambda text: "/" + text) | st.text(max_size=64))
def test_any_target_has_an_answer(target: str) -> None:
    reply = ask(target)
    assert reply.status in HTTPStatus
    if reply.body:
        json.loads(reply.body)


def test_the_cost_is_the_number_of_nodes() -> None:
    costs = {}
    for target in ("/", "/?CONTENTS", "/?VALUE", "/deck/1/gain"):
        found = read_target(TREE, target)
        assert isinstance(found, Target)
        costs[target] = found.nodes
    assert costs["/"] == costs["/?CONTENTS"] == len(list(TREE.root.walk()))
    assert costs["/?VALUE"] == costs["/deck/1/gain"] == 1
