"""Every value there is, whoever set it."""

import math
from dataclasses import replace

import pytest

from realtime import commands as do
from realtime.control.mirror import Mirror
from realtime.control.namespace import Spot
from realtime.errors import StageError, UnknownControlError
from tests.memory_stage import memory_core


@pytest.fixture(name="stage")
def _stage():
    return memory_core(("tiny",)).stage


def test_it_shows_what_somebody_else_set(stage):
    mirror = Mirror(stage)
    cursor, values = mirror.changes(0)
    assert values["/deck/1/gain"] == (0.0,)
    assert values["/deck/1/param/density"] == (8.0,)
    stage.send(do.SetControl(0, "gain", -6.0))
    mirror.refresh(now=True)
    newer, changed = mirror.changes(cursor)
    assert changed == {"/deck/1/gain": (-6.0,)}
    assert newer > cursor
    assert mirror.changes(newer) == (newer, {})


def test_what_is_written_is_read_at_once_by_every_name_it_has(stage):
    mirror = Mirror(stage)
    cursor, _ = mirror.changes(0)
    mirror.write("/deck/1/temperature", 1.25)
    assert stage.sent == [do.SetControl(0, "temperature", 1.25)]
    assert mirror.read("/deck/1/param/temperature") == mirror.read("/deck/1/temperature") == (1.25,)
    assert mirror.changes(cursor)[1].keys() == {"/deck/1/temperature", "/deck/1/param/temperature"}


def test_a_look_that_is_fresh_is_not_taken_again(stage):
    mirror = Mirror(stage)
    looked = []
    snapshot = stage.snapshot
    stage.snapshot = lambda: looked.append(1) or snapshot()
    mirror.refresh(now=True)
    for _ in range(100):
        mirror.read("/deck/1/gain")
        mirror.changes(0)
    assert len(looked) <= 3


def test_a_patch_change_is_another_edition_and_takes_its_values_along(stage):
    stage.patches["wide"] = replace(stage.patches["wide"], controls=stage.patches["wide"].controls[3:])
    mirror = Mirror(stage)
    names, edition = mirror.namespace, mirror.edition
    cursor, _ = mirror.changes(0)
    mirror.refresh(now=True)
    assert (mirror.namespace, mirror.edition) == (names, edition)
    stage.send(do.Load(0, "wide"))
    mirror.refresh(now=True)
    assert mirror.edition == edition + 1
    assert mirror.read("/deck/1/param/loudness") is None
    assert "/deck/1/param/loudness" not in mirror.changes(0)[1]
    # One who looked before is not told of what is the same.
    assert mirror.changes(cursor)[1] == {}


def test_a_value_of_a_patch_that_has_gone_is_refused_by_name(stage):
    mirror = Mirror(stage)
    stage.send(do.Unload(0))
    mirror.refresh(now=True)
    stage.sent.clear()
    with pytest.raises(UnknownControlError, match="/deck/1/param/density"):
        mirror.write("/deck/1/param/density", 3.0)
    assert stage.sent == []


def test_what_the_stage_refuses_is_not_noted(stage):
    mirror = Mirror(stage)
    with pytest.raises(StageError):
        mirror.write("/deck/1/gain", math.nan)
    assert mirror.read("/deck/1/gain") == (0.0,)


def test_a_value_kept_elsewhere_is_its_keepers(stage):
    mirror = Mirror(stage)
    tempo = [120.0]
    assert mirror.read("/transport/tempo") is None
    mirror.hold("/transport/tempo", lambda: tempo[0], lambda value: tempo.__setitem__(0, float(value)))
    assert mirror.read("/transport/tempo") == (120.0,)
    cursor, _ = mirror.changes(0)
    mirror.write("/transport/tempo", 90.0)
    assert tempo == [90.0]
    assert mirror.changes(cursor)[1] == {"/transport/tempo": (90.0,)}
    tempo[0] = 91.0
    assert mirror.read("/transport/tempo") == (91.0,)
    assert mirror.namespace.spots["/transport/tempo"] == Spot("own", -1, "")
    assert not [command for command in stage.sent if isinstance(command, do.SetControl)]
