"""The table of addresses: literal, whole, and served."""

import math
import re

import pytest

from realtime.control.deck_commands import DeckCommands
from realtime.control.table import BY_PATH, CLASS_ROW, PARAM_ROW, SEED_MAX, TABLE
from realtime.controls import DECK_CONTROLS, MASTER_CONTROLS
from realtime.kernels.layout import MAX_LEAD_FRAMES
from tests.memory_stage import memory_core

_PATH = re.compile(r"(/([a-z_]+|\{deck\}|\{control\}|\{name\}))+")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.path)
def test_a_row_is_sound(row):
    assert _PATH.fullmatch(row.path)
    assert row.summary == row.summary.strip()
    assert row.summary
    arguments = row.arguments or ()
    assert (row.place != "") == (row.kind == "value")
    assert row.answer or row.kind != "query"
    if row.kind == "value" and row.arguments is not None:
        assert len(arguments) == 1
        assert arguments[0].default is not None
        assert not arguments[0].optional
    if row.kind == "query":
        assert arguments == ()
    seen_optional = False
    for number, argument in enumerate(arguments):
        assert argument.many <= (number == len(arguments) - 1)
        assert argument.optional >= seen_optional, "what may be left out stands at the end"
        seen_optional = argument.optional
        if argument.tag != "s" and math.isfinite(argument.minimum):
            assert argument.minimum < argument.maximum


def test_no_path_twice_and_no_row_that_another_takes():
    assert len(BY_PATH) == len(TABLE)
    plain = [row.path for row in TABLE if row.path not in (PARAM_ROW, CLASS_ROW)]
    assert not [path for path in plain if path.startswith(("/deck/{deck}/param/", "/deck/{deck}/class/"))]


def test_controls_of_the_stage_are_those_of_the_engine():
    for prefix, controls in (("/master", MASTER_CONTROLS), ("/deck/{deck}", DECK_CONTROLS)):
        for control in controls:
            (argument,) = BY_PATH[f"{prefix}/{control.id}"].arguments
            assert (argument.minimum, argument.maximum, argument.default) == (control.minimum, control.maximum, control.default)
            assert argument.unit == control.unit
    assert BY_PATH["/deck/{deck}/lead"].arguments[0].maximum == MAX_LEAD_FRAMES
    assert BY_PATH["/deck/{deck}/load"].arguments[1].maximum == SEED_MAX


def test_every_row_of_a_deck_is_served_by_the_commands():
    core = memory_core()
    DeckCommands(core)
    for row in TABLE:
        if row.kind != "value" and "{deck}" in row.path:
            assert core.serves(row.path), row.path
    assert core.serves("/panic")
    assert core.serves("/status")
    assert core.serves("/version")
