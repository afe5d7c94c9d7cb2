import random

import pytest

from realtime.control.address import Address, Argument
from realtime.control.automation_file import AutomationFile
from realtime.control.automation_track import AutomationTrack, Beats, Due, check_lanes, evenly, fit
from realtime.control.lane import AutomationError, Lane, Point
from realtime.control.namespace import Spot
from realtime.control.transport import Transport

RATE_HZ = 48_000
BEAT = 24_000


def file(*lanes: list[tuple], **more) -> AutomationFile:
    made = tuple(Lane(f"/deck/{n}/gain", tuple(Point(*p) for p in points)) for n, points in enumerate(lanes, 1))
    return AutomationFile(made, length=more.pop("length", max(lane.end for lane in made)), **more)


def events(track: AutomationTrack, end: int, rng: random.Random | None = None) -> list[tuple]:
    here, found = 0, []
    while here < end:
        there = min(end, here + (rng.choice((1, 100, 2_205, 9_000)) if rng else end))
        found += list(track.until(here, there))
        here = there
    return found


def test_lanes_come_together_in_order():
    track = evenly(file([(0.0, 0.0), (1.0, 1.0)], [(0.5, 3.0)]), RATE_HZ)
    found = events(track, 2 * RATE_HZ)
    assert [event.frame for event in found] == sorted(event.frame for event in found)
    assert ("/deck/2/gain", 3.0) in [event[1:] for event in found if event.frame == RATE_HZ // 2]
    assert track.ended


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_same_whatever_the_windows(loop, seed):
    one = file(
        [(0.0, 0.0), (0.3, 1.0), (0.3, 2.0), (0.77, 0.5)], [(0.1, 3.0, "step"), (0.2, 4.0)], loop=loop, length=0.7770001 if loop else 0.9
    )
    whole = events(evenly(one, 44_100), 150_000)
    assert events(evenly(one, 44_100), 150_000, random.Random(seed)) == whole
    assert len({(frame, path) for frame, path, _ in whole}) == len(whole)


def test_a_loop_begins_again_and_does_not_drift():
    one = file([(0.0, 1.0, "step"), (0.5, 2.0)], loop=True, length=1.0 / 3.0 + 0.5)
    begins = [frame for frame, _, value in events(evenly(one, 44_100), 44_100 * 60) if value == 1.0]
    assert len(begins) == 72
    for turn, frame in enumerate(begins):
        assert abs(frame - turn * one.length * 44_100) <= 0.51


def test_a_loop_shorter_than_a_frame_ends():
    assert len(events(evenly(file([(0.0, 1.0)], loop=True, length=1e-9), RATE_HZ), 500)) == 500


def test_beats_at_one_tempo():
    one = file([(0.0, 1.0, "step"), (3.0, 2.0)], unit="beats")
    assert [event.frame for event in events(evenly(one, RATE_HZ, tempo_bpm=120.0), 9 * BEAT)] == [0, 3 * BEAT]


def clock_at(frame: int = 0) -> Transport:
    transport = Transport(RATE_HZ, lambda: clock_at.frame)
    clock_at.frame = frame
    transport.set_running(True)
    return transport


def test_beats_follow_the_clock():
    transport = clock_at()
    track = AutomationTrack(
        file([(0.0, 1.0, "step"), (4.0, 2.0, "step"), (8.0, 3.0)], unit="beats"), lambda begun: Beats.of(transport, 4.0 + begun)
    )
    assert [e.frame for e in track.until(0, 9 * BEAT)] == [4 * BEAT, 8 * BEAT]
    clock_at.frame = 9 * BEAT
    transport.set_tempo(60.0)
    assert [e.frame for e in track.until(9 * BEAT, 99 * BEAT)] == [9 * BEAT + 3 * 2 * BEAT]


def test_beats_wait_while_the_clock_stands():
    transport = clock_at()
    track = AutomationTrack(file([(0.0, 1.0), (4.0, 2.0)], unit="beats", loop=True), lambda begun: Beats.of(transport, begun))
    list(track.until(0, 2 * BEAT))
    clock_at.frame = 2 * BEAT
    transport.set_source("midi")
    transport.follow("midi", 2 * BEAT, 2.0, 120.0, False)
    assert {e.value for e in track.until(2 * BEAT, 60 * BEAT)} <= {1.5}
    transport.follow("midi", 60 * BEAT, 2.0, 120.0, True)
    assert max(e.value for e in track.until(60 * BEAT, 61 * BEAT)) > 1.7


def test_due_takes_each_event_once():
    due = Due(evenly(file([(0.0, 1.0, "step"), (0.01, 2.0)]), RATE_HZ))
    assert [e.value for e in due.by(0)] == [1.0]
    assert due.by(479) == []
    assert [e.value for e in due.by(480)] == [2.0]
    assert due.by(480) == []


ADDRESSES = {
    "/deck/1/gain": Address("/deck/1/gain", "value", (Argument("gain", "f", -60.0, 12.0, "dB"),), "", row="/deck/{deck}/gain"),
    "/deck/1/load": Address("/deck/1/load", "command", (), "", row="/deck/{deck}/load"),
    "/deck/1/class/bees": Address("/deck/1/class/bees", "value", (Argument("class_bees", "f", 0.0, 1.0),), ""),
    "/deck/1/param/class_bees": Address("/deck/1/param/class_bees", "value", (Argument("class_bees", "f", 0.0, 1.0),), ""),
    "/transport/source": Address("/transport/source", "value", (Argument("source", "s"),), ""),
}
SPOTS = {"/deck/1/class/bees": Spot("patch", 0, "class_bees"), "/deck/1/param/class_bees": Spot("patch", 0, "class_bees")}


def lanes(*paths: str) -> AutomationFile:
    return AutomationFile(tuple(Lane(path, (Point(0.0, 0.0),)) for path in paths))


def test_what_could_be_there_with_another_patch_sleeps():
    assert check_lanes(lanes("/deck/1/gain", "/deck/1/param/other", "/deck/3/class/rain", "/deck/2/gain"), ADDRESSES, SPOTS) == [
        "/deck/1/param/other",
        "/deck/3/class/rain",
        "/deck/2/gain",
    ]


@pytest.mark.parametrize(
    "path", ["/deck/1/volume", "/deck/x/gain", "/deck//gain", "/gain", "/deck/1/param/", "/deck/1/class/a/b", "/panic", "/deck/9/load"]
)
def test_what_can_never_be_is_refused(path):
    with pytest.raises(AutomationError, match="no such address"):
        check_lanes(lanes(path), ADDRESSES, SPOTS)


@pytest.mark.parametrize("path", ["/deck/1/load", "/transport/source"])
def test_what_is_no_control_is_refused(path):
    with pytest.raises(AutomationError, match="no control"):
        check_lanes(lanes(path), ADDRESSES, SPOTS)


def test_two_addresses_of_one_control_are_refused():
    with pytest.raises(AutomationError, match="two lanes for one control"):
        check_lanes(lanes("/deck/1/class/bees", "/deck/1/param/class_bees"), ADDRESSES, SPOTS)


def test_a_patch_gets_a_value_a_step_and_the_mixer_more():
    ramp = (Point(0.0, 0.0), Point(1.0, 1.0))
    for path, grid in (("/deck/1/gain", 256), ("/deck/1/param/rate", 512), ("/deck/1/class/bees", 512), ("/deck/1/temperature", 512)):
        track = evenly(AutomationFile((Lane(path, ramp),), length=1.0), RATE_HZ)
        assert [event.frame for event in track.until(0, 2000)] == list(range(0, 2000, grid))


def test_values_fit_their_address():
    gain = ADDRESSES["/deck/1/gain"]
    whole = Address("/x", "value", (Argument("n", "i", 0, 4),), "")
    assert fit(gain, 99.0) == (12.0, True)
    assert fit(gain, -3.5) == (-3.5, False)
    assert fit(whole, 2.4) == (2, False)
    assert fit(whole, 1e12) == (4, True)
