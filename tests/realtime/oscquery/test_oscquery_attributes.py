"""What is said of an address, by the rules of the OSCQuery proposal."""

import json
import math

import pytest

from realtime.control.address import Address, Argument, Value
from realtime.control.namespace import Namespace
from realtime.control.table import TABLE
from realtime.oscquery.attributes import ATTRIBUTES, STRUCTURE, attribute_of, attribute_table_markdown, describe, extensions
from realtime.oscquery.nodes import Node, Tree

GAIN = Address("/g", "value", (Argument("gain", "f", -60.0, 12.0, "dB", 0.0),), "level")
SOURCE = Address("/s", "value", (Argument("source", "s", choices=("internal", "midi")),), "who beats")
LOAD = Address("/l", "command", (Argument("patch", "s", 1, 64), Argument("seed", "i", 0, 9, optional=True)), "play a patch")
PANIC = Address("/p", "command", (Argument("on", "i", 0, 1, optional=True),), "silence")
STATE = Address("/q", "query", (), "how it is")


def described(address: Address, values: tuple[Value, ...] | None = None) -> dict[str, object]:
    return describe(Node(address.path, address), lambda path: values)


def test_a_value() -> None:
    assert described(GAIN, (-3.0,)) == {
        "FULL_PATH": "/g",
        "TYPE": "f",
        "ACCESS": 3,
        "VALUE": [-3.0],
        "RANGE": [{"MIN": -60.0, "MAX": 12.0}],
        "CLIPMODE": ["both"],
        "UNIT": ["gain.db-raw"],
        "TAGS": ["value"],
        "DESCRIPTION": "level",
    }


def test_a_choice() -> None:
    found = described(SOURCE, ("midi",))
    assert (found["TYPE"], found["VALUE"], found["RANGE"]) == ("s", ["midi"], [{"VALS": ["internal", "midi"]}])
    assert "CLIPMODE" not in found


def test_a_command_has_no_value_and_shows_its_longer_form() -> None:
    found = described(LOAD)
    assert (found["TYPE"], found["ACCESS"], found["CRITICAL"]) == ("s", 2, True)
    assert found["OVERLOADS"] == [{"TYPE": "si", "RANGE": [{}, {"MIN": 0, "MAX": 9}]}]
    assert "VALUE" not in found
    assert "RANGE" not in found


def test_a_command_that_needs_nothing_is_a_button() -> None:
    found = described(PANIC)
    assert (found["TYPE"], found["OVERLOADS"]) == ("N", [{"TYPE": "i", "RANGE": [{"MIN": 0, "MAX": 1}]}])


def test_a_query_shows_its_answer_where_it_can_be_read() -> None:
    found = described(STATE, ("tiny", 3, 0.5))
    assert (found["TYPE"], found["ACCESS"], found["VALUE"]) == ("sif", 1, ["tiny", 3, 0.5])
    assert described(STATE)["ACCESS"] == 2


def test_a_container_has_no_attributes_of_its_own() -> None:
    root = Tree({"/a/b": GAIN}).root
    assert describe(root, lambda path: (0.0,))["ACCESS"] == 0
    for attribute in ATTRIBUTES:
        if attribute.name != "ACCESS":
            assert attribute_of(root, attribute.name, lambda path: (0.0,)) is None


def test_one_attribute_is_what_the_whole_says() -> None:
    for address in (GAIN, SOURCE, LOAD, PANIC, STATE):
        node = Node(address.path, address)
        whole = describe(node, lambda path: (1.0,))
        for attribute in ATTRIBUTES:
            assert attribute_of(node, attribute.name, lambda path: (1.0,)) == whole.get(attribute.name)


def test_what_nobody_knows_is_no_attribute() -> None:
    with pytest.raises(KeyError):
        attribute_of(Node("/g", GAIN), "COLOUR", lambda path: None)


def test_every_row_of_the_table_can_be_said_in_json() -> None:
    tree = Tree(Namespace([None, None]).addresses)
    text = json.dumps(describe(tree.root, lambda path: (math.nan,)), allow_nan=False)
    assert "Infinity" not in text
    for address in tree.addresses.values():
        found = described(address, (0.0,))
        arguments = [argument for argument in address.arguments if not argument.optional]
        for name in ("RANGE", "CLIPMODE", "UNIT"):
            assert name not in found or len(found[name]) == len(arguments)
        assert found["DESCRIPTION"]


def test_queries_say_what_they_answer() -> None:
    tree = Tree(Namespace([None]).addresses)
    for row in TABLE:
        if row.answer:
            node = tree.find(row.path.replace("{deck}", "1"))
            assert node is not None
            assert row.answer in attribute_of(node, "DESCRIPTION", lambda path: None)


def test_extensions_are_the_table() -> None:
    assert set(extensions()) == {each.name for each in ATTRIBUTES if each.extension} | {"LISTEN", "PATH_CHANGED"}
    assert all(extensions().values())


def test_the_page_lists_every_attribute() -> None:
    page = attribute_table_markdown()
    for name in (*STRUCTURE, *(attribute.name for attribute in ATTRIBUTES)):
        assert f"| `{name}` |" in page
