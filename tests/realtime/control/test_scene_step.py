"""Scenes one after the other, by a key, a pedal or a message."""

import pytest

from realtime.control.scene_mover import SceneMover
from realtime.control.scene_store import SceneStore
from realtime.control.transport import Transport
from realtime.midi.event import NoteEvent, Source
from realtime.midi.mapper import MidiMapper
from realtime.midi.mapping import Binding, Mapping
from realtime.midi.source_pattern import parse_source
from tests.memory_stage import RATE_HZ
from tests.realtime.control.desk import Desk

GAINS = {"a": -3.0, "b": -6.0, "c": -9.0}


@pytest.fixture(name="desk")
def _desk():
    desk = Desk()
    desk.transport = Transport(RATE_HZ, desk.core.frame_now, desk.core.wake)
    desk.store = SceneStore(desk.core.stage.snapshot)
    desk.store.serve(desk.core)
    SceneMover(desk.core, desk.store, desk.transport).serve()
    return desk


@pytest.fixture(name="three")
def _three(desk):
    for name, gain in GAINS.items():
        desk.ask("/deck/1/gain", gain)
        desk.ask("/scene/save", name)
    return desk


def step(desk, way):
    """Go a scene further; the one that is said, whose values are there."""
    (told,) = desk.ask(f"/scene/{way}")
    assert (told.path, told.state) == (f"/scene/{way}", "done")
    (name,) = told.values
    assert desk.read("/deck/1/gain") == GAINS[name]
    return name


def test_round_and_round(three):
    assert [step(three, "next") for _ in range(4)] == ["a", "b", "c", "a"]
    assert [step(three, "previous") for _ in range(4)] == ["c", "b", "a", "c"]


def test_before_any_was_recalled_the_one_before_is_the_last(three):
    assert step(three, "previous") == "c"


def test_it_goes_on_from_whatever_was_recalled_last(three):
    three.ask("/scene/recall", "b")
    assert step(three, "next") == "c"
    three.ask("/scene/morph", "a", 1.0)
    three.advance(1.5)
    assert step(three, "next") == "b"
    three.ask("/scene/delete", "b")
    assert step(three, "next") == "a"


def test_one_scene_is_beside_itself(desk):
    desk.ask("/deck/1/gain", GAINS["a"])
    desk.ask("/scene/save", "a")
    desk.ask("/deck/1/gain", 0.0)
    assert step(desk, "next") == step(desk, "previous") == "a"


def test_without_scenes_it_is_refused_by_name(desk):
    for way in ("next", "previous"):
        (told,) = desk.ask(f"/scene/{way}")
        assert (told.state, told.why) == ("failed", "there are no scenes; /scene/save makes one")


def test_twice_within_a_bar_is_two_scenes_further(three):
    three.ask("/scene/recall", "a")
    three.transport.set_running(True)
    three.advance(0.1)
    told = [*three.ask("/scene/next"), *three.ask("/scene/next")]
    assert [outcome.values for outcome in told] == [("b",), ("c",)]
    assert three.read("/deck/1/gain") == GAINS["a"]
    three.advance(2.1)
    assert three.read("/deck/1/gain") == GAINS["c"]
    assert three.store.last == "c"


def test_a_pad_of_a_controller_does_it(three):
    mapping = Mapping((Binding(parse_source("note 36"), "/scene/next", "trigger"),))
    mapper = MidiMapper(three.core, three.core.log, lambda port, message: True, lambda: {"pads": True}, mapping)
    for expected in ("a", "b"):
        for on in (True, False):
            mapper.handle(NoteEvent(Source("pads", 1, "note", 36), on, 1.0, 127, 0))
            three.core.drain()
        assert three.read("/deck/1/gain") == GAINS[expected]
