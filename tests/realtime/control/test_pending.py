"""Loads that are to sound, and who waits for them."""

from dataclasses import replace

import pytest

from realtime import commands as do
from realtime.control.pending import LOOK_FRAMES, Pending
from tests.memory_stage import memory_core


class Table:
    """A stage whose `wide` loads when it is told to, and what has ended."""

    def __init__(self) -> None:
        self.stage = memory_core(("tiny",)).stage
        self.stage.slow.add("wide")
        self.idle = True
        self.pending = Pending(self.stage, lambda: self.idle)
        self.ended: list[tuple[str, str]] = []

    def load(self, patch: str, deck: int = 0) -> None:
        number = self.stage.send(do.Load(deck, patch))
        self.pending.expect(number, deck, lambda why: self.ended.append((f"{patch} {number}", why)))

    def sync(self, name: str) -> None:
        self.pending.sync(lambda: self.ended.append((name, "")))

    def tick(self) -> list[tuple[str, str]]:
        assert self.pending.tick(100) == 100 + LOOK_FRAMES
        ended, self.ended = self.ended, []
        return ended


@pytest.fixture(name="table")
def _table():
    return Table()


def test_a_load_is_done_when_it_sounds(table):
    table.load("wide")
    assert table.tick() == []
    table.stage.finish()
    assert table.tick() == [("wide 2", "")]
    assert table.tick() == []


def test_one_that_another_takes_the_place_of_is_told_so(table):
    table.load("wide")
    table.load("wide")
    assert table.tick() == [("wide 2", "another patch was asked for meanwhile")]
    table.stage.finish()
    assert table.tick() == [("wide 3", "")]


def test_one_that_fails_says_why(table):
    table.load("wide")
    failed = replace(table.stage.decks[0], state="playing", coming=(), error="corpus.flac is cut short")
    table.stage.decks[0] = failed
    assert table.tick() == [("wide 2", "corpus.flac is cut short")]
    table.load("wide")
    table.stage.send(do.Unload(0))
    assert table.tick() == [("wide 3", "the deck is empty")]


def test_who_waits_is_called_after_what_was_asked_for_before_and_not_after_what_came_later(table):
    table.load("wide")
    table.sync("first")
    table.load("wide", deck=1)
    table.sync("second")
    assert table.tick() == []
    table.stage.decks[0] = replace(table.stage.decks[0], playing=2, coming=())
    assert table.tick() == [("wide 2", ""), ("first", "")]
    table.stage.finish()
    assert table.tick() == [("wide 3", ""), ("second", "")]


def test_who_waits_waits_for_what_is_not_begun(table):
    table.idle = False
    table.sync("first")
    assert table.tick() == []
    table.idle = True
    assert table.tick() == [("first", "")]


def test_several_loads_end_together_and_each_that_fails_says_why(table):
    numbers = {deck: table.stage.send(do.Load(deck, "wide")) for deck in (0, 1)}
    ended = []
    table.pending.expect_all(numbers, ended.append)
    table.stage.decks[1] = replace(table.stage.decks[1], state="failed", coming=(), error="corpus.flac is cut short")
    table.tick()
    assert ended == []
    table.stage.finish()
    table.tick()
    assert ended == [{1: "corpus.flac is cut short"}]
