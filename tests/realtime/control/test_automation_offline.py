import pytest

from patches.manifest import Audio
from realtime.control.automation_file import AutomationFile
from realtime.control.automation_offline import OfflineAutomation
from realtime.control.automation_track import evenly
from realtime.control.lane import GRID_FRAMES, AutomationError, Lane, Point
from realtime.kernels import layout as at
from tests.stage_patch import manifest

RATE_HZ = 44_100
TINY = manifest("tiny", Audio(RATE_HZ, 1, 1024, 0))
PATHS = (
    "/master/gain",
    "/deck/1/gain",
    "/deck/2/pan",
    "/deck/1/param/density",
    "/deck/2/param/density",
    "/deck/2/freeze",
    "/deck/1/param/gone",
)


def file(*paths: str) -> AutomationFile:
    return AutomationFile(tuple(Lane(path, (Point(0.0, 1.0), Point(1.0, 2.0))) for path in paths), length=1.0)


def test_each_lane_goes_where_it_belongs():
    offline = OfflineAutomation(file(*PATHS), [TINY, TINY], RATE_HZ)
    assert offline.asleep == ["/deck/1/param/gone"]
    first = list(offline.mixer(1))
    assert {position for _, position, _ in first} == {
        at.F_MASTER_GAIN,
        at.deck_floats(0) + at.DF_GAIN,
        at.deck_floats(1) + at.DF_PAN,
    }
    assert dict((position, value) for _, position, value in first)[at.F_MASTER_GAIN] == pytest.approx(10 ** (1 / 20))
    assert list(offline.patch(0, 0)) == [(5, 1.0)]
    assert list(offline.patch(0, 0)) == []
    assert offline.frozen(0, 0, False) is False
    assert offline.frozen(1, 0, False) is True


def test_a_step_gets_the_last_value_due_before_it_is_heard():
    offline = OfflineAutomation(file("/deck/1/param/density"), [TINY], RATE_HZ)
    events = list(evenly(file("/deck/1/param/density"), RATE_HZ).until(0, 2 * RATE_HZ))
    for frame in range(0, 50_000, 1024):
        taken = [value for _, value in offline.patch(0, frame)]
        assert taken[-1:] == [e.value for e in events if frame - 1024 < e.frame <= frame][-1:]


def test_a_gain_changes_on_its_own_frames():
    offline = OfflineAutomation(file("/deck/1/gain"), [TINY], RATE_HZ)
    frames = [frame for end in range(0, 45_000, 777) for frame, _, _ in offline.mixer(end)]
    assert frames[:3] == [0, GRID_FRAMES, 2 * GRID_FRAMES]
    assert frames[-1] == RATE_HZ


def test_a_lane_for_no_control_is_refused():
    with pytest.raises(AutomationError, match="no such address"):
        OfflineAutomation(file("/deck/1/volume"), [TINY], RATE_HZ)
