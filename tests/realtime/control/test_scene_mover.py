import math

import pytest

from realtime.control.scene_mover import SceneMover
from realtime.control.scene_store import MAX_SCENES, SceneStore
from realtime.control.transport import Transport
from realtime.controls import linear_gain
from tests.memory_stage import RATE_HZ
from tests.realtime.control.desk import Desk


@pytest.fixture
def desk():
    desk = Desk()
    desk.transport = Transport(RATE_HZ, desk.core.frame_now, desk.core.wake)
    desk.transport.serve(desk.core)
    desk.store = SceneStore(desk.core.stage.snapshot)
    desk.store.serve(desk.core)
    desk.mover = SceneMover(desk.core, desk.store, desk.transport)
    desk.mover.serve()
    return desk


def put(desk, **values):
    for name, value in values.items():
        assert desk.ask("/" + name.replace("__", "/"), value) == []


def state(told):
    return [(outcome.path, outcome.state) for outcome in told]


# --- keeping ---------------------------------------------------------------------------------------------------------------------


def test_save_list_rename_delete(desk):
    for name in ("a", "b", "c"):
        assert state(desk.ask("/scene/save", name)) == [("/scene/save", "done")]
    desk.ask("/scene/rename", "b", "middle")
    desk.ask("/scene/save", "a")  # again: keeps its place
    assert desk.ask("/scene/list")[0].values == ("a", "middle", "c")
    desk.ask("/scene/delete", "a")
    assert desk.ask("/scene/list")[0].values == ("middle", "c")


def test_what_cannot_be_kept_is_refused_by_name(desk):
    desk.ask("/scene/save", "a")
    desk.ask("/scene/save", "b")
    for path, arguments, said in (
        ("/scene/recall", ("storm",), "allowed: a, b"),
        ("/scene/morph", ("storm", 1.0), "no such scene"),
        ("/scene/delete", ("storm",), "no such scene"),
        ("/scene/rename", ("storm", "x"), "no such scene"),
        ("/scene/rename", ("a", "b"), "has this name already"),
        ("/scene/rename", ("a", " "), "characters that print"),
        ("/scene/save", ("\n",), "characters that print"),
    ):
        (told,) = desk.ask(path, *arguments)
        assert told.state == "failed"
        assert said in told.why
    assert desk.store.names == ("a", "b")


def test_no_more_scenes_than_there_may_be(desk):
    for number in range(MAX_SCENES):
        desk.store.save(str(number))
    assert "too many" in desk.ask("/scene/save", "one more")[0].why
    assert desk.ask("/scene/save", "7")[0].state == "done"


def test_knows_whether_a_file_has_them(desk):
    assert desk.store.saved, "without a scene there is nothing to lose"
    for ask in (("save", "a"), ("save", "a"), ("rename", "a", "b"), ("delete", "b")):
        desk.store.kept(desk.store.edition)
        assert desk.store.saved
        desk.ask(f"/scene/{ask[0]}", *ask[1:])
        assert not desk.store.saved
    before = desk.store.edition
    desk.ask("/scene/save", "a")
    desk.store.kept(before)
    assert not desk.store.saved, "what was stored while the file was written is not in it"
    desk.store.take([desk.store.find("a")])
    assert desk.store.saved, "those of a rack are in its file"


def test_the_last_scene_keeps_its_mark_under_another_name_and_loses_it_when_it_goes(desk):
    desk.ask("/scene/save", "a")
    desk.ask("/scene/save", "b")
    assert desk.store.last == ""
    desk.ask("/scene/recall", "a")
    assert desk.store.last == "a"
    desk.ask("/scene/rename", "a", "first")
    assert desk.store.last == "first"
    desk.ask("/scene/delete", "b")
    assert desk.store.last == "first"
    desk.ask("/scene/delete", "first")
    assert desk.store.last == ""


# --- recall ------------------------------------------------------------------------------------------------------------------------


def test_a_recall_brings_every_value_back(desk):
    put(desk, deck__1__gain=-6.0, deck__1__pan=0.5, deck__1__param__density=20.0, master__gain=-3.0, deck__2__gain=-20.0)
    desk.ask("/scene/save", "one")
    put(desk, deck__1__gain=0.0, deck__1__pan=0.0, deck__1__param__density=1.0, master__gain=0.0, deck__2__gain=0.0)
    assert state(desk.ask("/scene/recall", "one")) == [("/scene/recall", "done")]
    read = [desk.read(p) for p in ("/deck/1/gain", "/deck/1/pan", "/deck/1/param/density", "/master/gain", "/deck/2/gain")]
    assert read == [-6.0, 0.5, 20.0, -3.0, -20.0]


def test_a_patch_is_loaded_where_it_differs_with_its_seed_and_before_its_values(desk):
    put(desk, deck__1__param__density=20.0)
    desk.ask("/deck/1/seed", 5)
    desk.ask("/scene/save", "one")
    desk.ask("/deck/1/load", "wide", 9)
    desk.ask("/deck/2/load", "tiny")
    desk.asked.clear()
    desk.ask("/scene/recall", "one")
    commands = [(path, arguments) for _, path, arguments in desk.asked if path.rpartition("/")[2] in ("load", "unload", "seed")]
    assert commands == [("/deck/1/load", ("tiny", 5)), ("/deck/2/unload", ())]
    paths = [path for _, path, _ in desk.asked]
    assert paths.index("/deck/1/load") < paths.index("/deck/1/param/density")
    assert desk.read("/deck/1/param/density") == 20.0
    assert desk.stage.decks[1].manifest is None


def test_a_deck_that_plays_it_already_is_not_loaded_again(desk):
    desk.ask("/scene/save", "one")
    desk.asked.clear()
    desk.ask("/scene/recall", "one")
    assert not [path for _, path, _ in desk.asked if path.rpartition("/")[2] in ("load", "unload", "seed", "corpora")]


def test_another_seed_of_the_same_patch_begins_it_anew(desk):
    desk.ask("/deck/1/seed", 5)
    desk.ask("/scene/save", "one")
    desk.ask("/deck/1/seed", 6)
    desk.ask("/scene/recall", "one")
    assert desk.stage.decks[0].seed == 5


def test_other_corpora_come_back(desk):
    desk.ask("/deck/1/corpora", "glass", "wood")
    desk.ask("/scene/save", "both")
    desk.ask("/deck/1/corpora", "@patch")
    desk.ask("/scene/save", "own")
    desk.ask("/scene/recall", "both")
    assert desk.stage.decks[0].corpora == ("glass", "wood")
    desk.ask("/scene/recall", "own")
    assert desk.stage.decks[0].corpora == ()
    desk.ask("/deck/1/load", "wide")
    desk.ask("/scene/recall", "both")
    assert (desk.stage.decks[0].manifest.slug, desk.stage.decks[0].corpora) == ("tiny", ("glass", "wood"))


def test_a_patch_that_has_gone_is_told_and_the_rest_is_done(desk):
    scene = desk.store.save("one")
    gone = type(scene)(scene.name, (type(scene.decks[0])("gone", 1, (), {"gain": -9.0}, {"x": 1.0}),), {"gain": -4.0})
    desk.store.take([gone])
    told = desk.ask("/scene/recall", "one")
    assert ("/deck/1/load", "failed") in state(told)
    assert "no such patch" in desk.said()
    assert (desk.read("/deck/1/gain"), desk.read("/master/gain")) == (-9.0, -4.0)


def test_what_the_patch_or_the_stage_does_not_have_sleeps(desk):
    scene = desk.store.save("one")
    deck = scene.decks[0]
    old = type(deck)(deck.patch, deck.seed, (), {"gain": -9.0}, {"gone": 1.0})
    desk.store.take([type(scene)("one", (old, scene.decks[1], old), {})])
    assert state(desk.ask("/scene/recall", "one")) == [("/scene/recall", "done")]
    assert desk.read("/deck/1/gain") == -9.0
    assert desk.said() == ""


def test_a_recall_opens_the_sound_after_a_panic(desk):
    desk.ask("/scene/save", "one")
    desk.core.panic(True)
    desk.ask("/scene/recall", "one")
    assert not desk.stage.panicked


# --- on the bar -------------------------------------------------------------------------------------------------------------------


def test_a_recall_waits_for_the_bar_to_the_frame(desk):
    put(desk, deck__1__gain=-6.0)
    desk.ask("/scene/save", "one")
    put(desk, deck__1__gain=0.0)
    put(desk, transport__run=1)
    begun = desk.frame
    desk.advance(0.5)
    desk.ask("/scene/recall", "one")
    desk.advance(1.49)
    assert desk.read("/deck/1/gain") == 0.0
    # Handed to the scheduler before its time, for its frame.
    assert desk.scheduled("gain") == [(begun + 4 * RATE_HZ // 2, -6.0)]
    desk.advance(0.02)
    assert desk.read("/deck/1/gain") == -6.0


def test_quantum_0_and_a_clock_that_stands_do_not_wait(desk):
    put(desk, deck__1__gain=-6.0)
    desk.ask("/scene/save", "one")
    put(desk, transport__run=1, transport__quantum=0)
    desk.advance(0.3)
    put(desk, deck__1__gain=0.0)
    desk.ask("/scene/recall", "one")
    assert desk.read("/deck/1/gain") == -6.0


def test_the_latest_of_two_that_wait_wins(desk):
    for name, gain in (("one", -6.0), ("two", -12.0)):
        put(desk, deck__1__gain=gain)
        desk.ask("/scene/save", name)
    put(desk, deck__1__gain=0.0, transport__run=1)
    desk.advance(0.1)
    desk.ask("/scene/recall", "one")
    desk.ask("/scene/recall", "two")
    desk.advance(2.1)
    assert desk.read("/deck/1/gain") == -12.0
    assert -6.0 not in [arguments[0] for _, path, arguments in desk.asked if path == "/deck/1/gain"][3:]


def test_it_waits_on_through_a_change_of_tempo_and_ends_waiting_when_the_clock_stops(desk):
    put(desk, deck__1__gain=-6.0)
    desk.ask("/scene/save", "one")
    put(desk, deck__1__gain=0.0, transport__run=1)
    desk.advance(1.0)
    desk.ask("/scene/recall", "one")
    put(desk, transport__tempo=60.0)
    desk.advance(1.5)
    assert desk.read("/deck/1/gain") == 0.0
    desk.advance(0.6)
    assert desk.read("/deck/1/gain") == -6.0
    put(desk, deck__1__gain=0.0)
    desk.advance(0.3)
    desk.ask("/scene/recall", "one")
    put(desk, transport__run=0)
    desk.advance(0.01)
    assert desk.read("/deck/1/gain") == -6.0


def test_on_the_bar_a_patch_that_loads_gets_the_values_and_not_the_one_that_plays(desk):
    put(desk, deck__1__param__density=20.0)
    desk.ask("/scene/save", "one")
    desk.ask("/deck/1/load", "wide")
    put(desk, deck__1__param__density=3.0, transport__run=1)
    desk.advance(0.5)
    desk.ask("/scene/recall", "one")
    desk.advance(1.45)
    assert (desk.stage.decks[0].patch, desk.read("/deck/1/param/density")) == ("wide", 3.0)
    desk.advance(0.1)
    assert (desk.stage.decks[0].patch, desk.read("/deck/1/param/density")) == ("tiny", 20.0)
    assert desk.scheduled("density") == []


# --- morph --------------------------------------------------------------------------------------------------------------------------


def morph(desk, seconds=2.0, **values):
    """Save what is, go to other values, and begin a morph back."""
    desk.ask("/scene/save", "goal")
    put(desk, **values)
    assert state(desk.ask("/scene/morph", "goal", seconds)) == [("/scene/morph", "done")]


def test_a_morph_goes_there_along_each_controls_own_curve(desk):
    put(desk, deck__1__param__density=4.0, deck__1__pan=1.0)
    morph(desk, deck__1__param__density=16.0, deck__1__pan=-1.0)
    desk.advance(1.0)
    assert desk.read("/deck/1/param/density") == pytest.approx(8.0, rel=0.03)
    assert desk.read("/deck/1/pan") == pytest.approx(0.0, abs=0.03)
    desk.advance(1.1)
    assert (desk.read("/deck/1/param/density"), desk.read("/deck/1/pan")) == (4.0, 1.0)
    assert not desk.mover.moving


def test_two_decks_that_change_places_keep_their_power(desk):
    put(desk, deck__1__gain=0.0, deck__2__gain=-60.0)
    morph(desk, deck__1__gain=-60.0, deck__2__gain=0.0)
    seen = []
    for _ in range(19):
        desk.advance(0.1)
        gains = [linear_gain(desk.read(f"/deck/{n}/gain")) for n in (1, 2)]
        seen.append(gains[0])
        assert sum(gain * gain for gain in gains) == pytest.approx(1.0, abs=0.002)
    assert seen == sorted(seen)
    assert seen[9] == pytest.approx(math.sqrt(0.5), abs=0.02)
    desk.advance(0.2)
    assert (desk.read("/deck/1/gain"), desk.read("/deck/2/gain")) == (0.0, -60.0)


def test_switches_flip_in_the_middle(desk):
    put(desk, deck__1__mute=1.0)
    morph(desk, deck__1__mute=0.0)
    desk.advance(0.95)
    assert desk.read("/deck/1/mute") == 0.0
    desk.advance(0.1)
    assert desk.read("/deck/1/mute") == 1.0


def test_a_control_that_is_touched_is_left_to_the_hand_and_the_others_go_on(desk):
    put(desk, deck__1__gain=-6.0, deck__1__pan=1.0)
    morph(desk, deck__1__gain=0.0, deck__1__pan=-1.0)
    desk.advance(0.5)
    put(desk, deck__1__pan=-0.9)
    desk.advance(3.0)
    assert (desk.read("/deck/1/pan"), desk.read("/deck/1/gain")) == (-0.9, -6.0)


def test_another_patch_loads_in_the_middle_and_its_values_come_with_it(desk):
    put(desk, deck__1__param__density=4.0, deck__1__gain=-12.0)
    morph(desk, deck__1__gain=0.0)
    desk.core.panic(True)  # stop it, and begin again from another patch
    desk.ask("/deck/1/load", "wide")
    put(desk, deck__1__gain=0.0)
    desk.ask("/scene/morph", "goal", 2.0)
    desk.advance(0.9)
    assert desk.stage.decks[0].manifest.slug == "wide"
    assert desk.read("/deck/1/gain") < -1.5
    desk.advance(0.2)
    assert desk.stage.decks[0].manifest.slug == "tiny"
    assert desk.read("/deck/1/param/density") == 4.0
    desk.advance(1.0)
    assert desk.read("/deck/1/gain") == -12.0
    assert len([path for _, path, _ in desk.asked if path == "/deck/1/load"]) == 2


def test_another_seed_is_left_alone(desk):
    desk.ask("/deck/1/seed", 5)
    morph(desk, deck__1__gain=-3.0)
    desk.ask("/deck/1/seed", 6)
    desk.advance(2.1)
    assert desk.stage.decks[0].seed == 6


def test_a_patch_changed_by_hand_during_a_morph_stops_nothing_else(desk):
    put(desk, deck__1__param__loudness=1.0, deck__1__gain=-6.0)
    morph(desk, deck__1__param__loudness=-1.0, deck__1__gain=0.0)
    desk.advance(0.5)
    desk.ask("/deck/1/load", "wide")  # has no loudness
    desk.advance(2.0)
    assert desk.read("/deck/1/gain") == -6.0
    assert desk.said() == ""


def test_a_morph_begins_on_the_bar(desk):
    put(desk, deck__1__pan=1.0, transport__run=1)
    desk.advance(0.5)
    morph(desk, 1.0, deck__1__pan=-1.0)
    desk.advance(1.45)
    assert desk.read("/deck/1/pan") == -1.0
    desk.advance(0.55)
    assert desk.read("/deck/1/pan") == pytest.approx(0.0, abs=0.1)


def test_says_what_waits_and_how_far_a_morph_is(desk):
    def told():
        return desk.mover.waiting, desk.mover.goal, round(desk.mover.share, 2), desk.store.last

    put(desk, deck__1__pan=1.0, transport__run=1)
    desk.advance(0.5)
    assert told() == ("", "", -1.0, "")
    morph(desk, 2.0, deck__1__pan=-1.0)
    assert told() == ("goal", "", -1.0, "")
    desk.advance(2.5)
    assert told() == ("", "goal", 0.5, "goal")
    desk.advance(1.1)
    assert told() == ("", "", -1.0, "goal")


def test_a_panic_stops_it_where_it_is(desk):
    put(desk, deck__1__pan=1.0)
    morph(desk, deck__1__pan=-1.0)
    desk.advance(1.0)
    desk.core.panic(True)
    here = desk.read("/deck/1/pan")
    desk.advance(2.0)
    assert desk.read("/deck/1/pan") == here
    assert not desk.mover.moving


def test_a_second_morph_goes_on_from_where_the_first_is(desk):
    put(desk, deck__1__pan=1.0)
    morph(desk, deck__1__pan=-1.0)
    desk.advance(1.0)
    put(desk, deck__1__gain=-5.0)
    desk.ask("/scene/morph", "goal", 1.0)
    desk.advance(0.05)
    assert desk.read("/deck/1/pan") == pytest.approx(0.05, abs=0.08)
    desk.advance(1.0)
    assert (desk.read("/deck/1/pan"), desk.read("/deck/1/gain")) == (1.0, 0.0)


def test_a_morph_over_0_seconds_is_a_recall(desk):
    put(desk, deck__1__pan=1.0)
    morph(desk, 0.0, deck__1__pan=-1.0)
    assert desk.read("/deck/1/pan") == 1.0
