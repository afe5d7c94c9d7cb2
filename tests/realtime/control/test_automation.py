import pytest

from realtime.control.automation import REACH_S, AutomationPlayer
from realtime.control.automation_file import read_automation
from realtime.control.automation_track import evenly
from realtime.control.transport import Transport
from tests.memory_stage import RATE_HZ
from tests.realtime.control.desk import Desk

RAMP = """
format = 1
[[lane]]
address = "/deck/1/pan"
points = [[0.0, -1.0], [2.0, 1.0]]
[[lane]]
address = "/deck/1/param/density"
points = [[0.5, 4.0, "step"], [1.0, 40.0]]
"""


@pytest.fixture
def desk(tmp_path):
    desk = Desk()
    core = desk.core
    desk.transport = Transport(RATE_HZ, core.frame_now, core.wake)
    desk.transport.serve(core)
    desk.player = AutomationPlayer(core, desk.transport, tmp_path, core.hands)
    desk.player.serve()
    return desk


def play(desk, tmp_path, text, name="ramp"):
    (tmp_path / f"{name}.toml").write_text(text)
    return desk.ask("/automation/play", name)


def test_it_plays_to_the_end_and_says_done(desk, tmp_path):
    (told,) = play(desk, tmp_path, RAMP)
    assert told.state == "done"
    assert desk.player.playing == "ramp.toml"
    desk.advance(3.0)
    assert (desk.read("/deck/1/pan"), desk.read("/deck/1/param/density")) == (1.0, 40.0)
    assert desk.player.playing == ""
    assert desk.said() == ""


def test_live_the_same_values_at_the_same_frames_as_offline(desk, tmp_path):
    desk.advance(0.123)
    scheduled = []
    schedule = desk.core.schedule
    desk.core.schedule = lambda frame, messages, origin: (
        scheduled.extend((frame, *m) for m in messages) or schedule(frame, messages, origin)
    )
    play(desk, tmp_path, RAMP)
    desk.advance(3.0, step=509)
    begun = scheduled[0][0]
    offline = list(evenly(read_automation(tmp_path / "ramp.toml"), RATE_HZ).until(0, 3 * RATE_HZ))
    assert [(frame - begun, path, value) for frame, path, (value,) in scheduled] == [tuple(event) for event in offline]
    assert len(offline) > 300


def test_every_value_is_handed_on_before_its_frame(desk, tmp_path):
    late = []
    schedule = desk.core.schedule
    desk.core.schedule = lambda frame, messages, origin: late.append(frame - desk.frame) or schedule(frame, messages, origin)
    play(desk, tmp_path, RAMP)
    desk.advance(3.0)
    assert min(late) > 0.12 * RATE_HZ  # what the core hands values on to the decks ahead


def test_it_begins_on_the_bar_to_the_frame(desk, tmp_path):
    desk.ask("/transport/run", 1)
    begun = desk.frame
    desk.advance(0.5)
    play(desk, tmp_path, RAMP)
    desk.advance(1.4)
    assert desk.read("/deck/1/pan") == 0.0
    desk.advance(0.2)
    assert desk.scheduled("pan")[0] == (begun + 2 * RATE_HZ, -1.0)
    desk.advance(2.0)
    assert desk.read("/deck/1/pan") == 1.0


def test_beats_follow_the_tempo(desk, tmp_path):
    desk.ask("/transport/run", 1)
    play(desk, tmp_path, RAMP.replace("format = 1", 'format = 1\nunit = "beats"'))
    desk.advance(0.6)
    desk.ask("/transport/tempo", 60.0)
    desk.advance(0.7)
    assert desk.read("/deck/1/pan") == pytest.approx(0.9, abs=0.1)
    desk.advance(0.3)
    assert desk.read("/deck/1/pan") == 1.0


def test_beats_without_a_clock_play_at_the_tempo_that_is_set(desk, tmp_path):
    desk.ask("/transport/tempo", 240.0)
    play(desk, tmp_path, RAMP.replace("format = 1", 'format = 1\nunit = "beats"'))
    desk.advance(0.75)
    assert desk.read("/deck/1/pan") == 1.0


def test_a_loop_goes_on_until_it_is_stopped(desk, tmp_path):
    play(desk, tmp_path, RAMP.replace("format = 1", "format = 1\nloop = true"))
    desk.advance(7.0)
    assert len([value for _, value in desk.scheduled("pan") if value == -1.0]) == 4
    assert desk.ask("/automation/stop")[0].values == ()
    desk.advance(REACH_S)
    here = desk.read("/deck/1/pan")
    desk.advance(2.0)
    assert desk.read("/deck/1/pan") == here


def test_a_touched_control_is_the_hands_until_it_is_played_again(desk, tmp_path):
    play(desk, tmp_path, RAMP)
    desk.advance(0.5)
    desk.ask("/deck/1/pan", 0.77)
    # What the mixer has been given already is followed by the hand's value, on the last of its frames.
    assert desk.scheduled("pan")[-1] == (max(frame for frame, _ in desk.scheduled("pan")), 0.77)
    for _ in range(30):
        desk.advance(0.1)
        assert desk.read("/deck/1/pan") == 0.77
    assert desk.read("/deck/1/param/density") == 40.0
    desk.ask("/automation/play", "ramp")
    desk.advance(3.0)
    assert desk.read("/deck/1/pan") == 1.0


def test_a_panic_stops_it(desk, tmp_path):
    play(desk, tmp_path, RAMP)
    desk.advance(1.0)
    desk.core.panic(True)
    here = desk.read("/deck/1/pan")
    desk.advance(2.0)
    assert desk.read("/deck/1/pan") == here
    assert desk.player.playing == ""


def test_no_last_value_is_lost_when_there_is_no_room(desk, tmp_path, monkeypatch):
    play(desk, tmp_path, RAMP)
    desk.advance(1.0)
    with monkeypatch.context() as full:
        full.setattr("realtime.control.conductor.MOST_WAITING", 0)
        desk.advance(2.0)
    desk.advance(0.5)
    assert (desk.read("/deck/1/pan"), desk.read("/deck/1/param/density")) == (1.0, 40.0)
    assert desk.player.playing == ""


def test_values_out_of_range_are_clipped_and_said_once(desk, tmp_path):
    play(desk, tmp_path, RAMP.replace("[2.0, 1.0]", "[2.0, 9.0]"))
    desk.advance(3.0)
    assert desk.read("/deck/1/pan") == 1.0
    assert desk.said().count("out of range") == 1


def test_an_address_of_another_patch_sleeps_and_wakes_with_it(desk, tmp_path):
    desk.ask("/deck/1/load", "wide")
    play(desk, tmp_path, RAMP.replace("param/density", "param/loudness").replace('4.0, "step"], [1.0, 40.0', '1.0, "step"], [1.0, 2.0'))
    assert "asleep: /deck/1/param/loudness" in desk.said()
    desk.advance(0.8)
    desk.ask("/deck/1/load", "tiny")
    desk.advance(2.0)
    assert desk.read("/deck/1/param/loudness") == 2.0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "not a file"),
        ("", "number of"),
        ("..", "not a name"),
        ("v1.5", "v1.5.toml: not a file"),
        ("a\0b", "not a name"),
        ("x" * 3000, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_is_refused_and_what_plays_goes_on(desk, tmp_path, name, said):
    play(desk, tmp_path, RAMP)
    (told,) = desk.ask("/automation/play", name)
    assert told.state == "failed"
    assert desk.player.playing == "ramp.toml"
    if said != "number of":
        assert said in told.why


def test_a_lane_for_no_control_is_refused(desk, tmp_path):
    (told,) = play(desk, tmp_path, RAMP.replace("/deck/1/pan", "/deck/1/volume"))
    assert "no such address" in told.why


# --- recording -----------------------------------------------------------------------------------------------------------------------


def test_what_is_recorded_plays_the_same_again(desk, tmp_path):
    desk.ask("/deck/1/pan", -0.5)
    assert desk.ask("/automation/record", "take")[0].state == "done"
    desk.advance(0.5)
    heard = []
    for step in range(200):
        desk.ask("/deck/1/pan", -0.5 + step * 0.005)
        desk.advance(0.01)
        heard.append(desk.read("/deck/1/pan"))
    desk.ask("/deck/1/mute", 1.0)
    desk.advance(0.3)
    (told,) = desk.ask("/automation/stop")
    assert told.values == (str(tmp_path / "take.toml"),)
    file = read_automation(tmp_path / "take.toml")
    assert {lane.address for lane in file.lanes} == {"/deck/1/pan", "/deck/1/mute"}
    assert file.points < 10
    pan = next(lane for lane in file.lanes if lane.address == "/deck/1/pan")
    assert pan.at(0.0) == pan.at(0.49) == -0.5
    for step, value in enumerate(heard):
        assert pan.at(0.5 + (step + 1) * 0.01) == pytest.approx(value, abs=0.012)
    mute = next(lane for lane in file.lanes if lane.address == "/deck/1/mute")
    assert (mute.at(2.4), mute.at(2.52)) == (0.0, 1.0)
    assert file.length == pytest.approx(2.8, abs=0.02)
    desk.ask("/deck/1/pan", 0.9)
    desk.ask("/automation/play", "take")
    desk.advance(3.5)
    assert (desk.read("/deck/1/pan"), desk.read("/deck/1/mute")) == (pytest.approx(heard[-1]), 1.0)


def test_nothing_is_overwritten_and_nothing_recorded_leaves_no_file(desk, tmp_path):
    (tmp_path / "take.toml").write_text("mine")
    desk.ask("/automation/record", "take")
    assert (desk.player.recorder.name, desk.player.recorder.points) == ("take 2.toml", 0)
    desk.ask("/deck/1/pan", 0.1)
    desk.advance(0.1)
    assert desk.player.recorder.points > 0
    assert desk.ask("/automation/stop")[0].values == (str(tmp_path / "take 2.toml"),)
    assert desk.player.recorder.name == ""
    assert (tmp_path / "take.toml").read_text() == "mine"
    desk.ask("/automation/record", "still")
    desk.advance(1.0)
    assert desk.ask("/automation/stop")[0].values == ()
    assert sorted(path.name for path in tmp_path.glob("*.toml")) == ["take 2.toml", "take.toml"]


def test_one_recording_at_a_time(desk):
    desk.ask("/automation/record", "a")
    (told,) = desk.ask("/automation/record", "b")
    assert "records already" in told.why


def test_a_folder_that_cannot_be_written_is_refused_before_anybody_plays(desk, tmp_path):
    (tmp_path / "file").write_text("")
    (told,) = desk.ask("/automation/record", str(tmp_path / "file" / "take.toml"))
    assert (told.state, "cannot be made" in told.why) == ("failed", True)
    assert not desk.player.recorder.recording


def test_a_recording_that_cannot_be_written_is_kept_and_tried_again(desk, tmp_path):
    folder = tmp_path / "card"
    desk.ask("/automation/record", str(folder / "take.toml"))
    desk.ask("/deck/1/pan", 0.1)
    desk.advance(0.1)
    (folder / "take.toml").unlink()
    folder.rmdir()  # the memory card is pulled
    assert "not written" in desk.ask("/automation/stop")[0].why
    assert "not written yet" in desk.ask("/automation/record", "other")[0].why
    folder.mkdir()
    assert desk.ask("/automation/stop")[0].state == "done"
    assert read_automation(folder / "take.toml").points == 2


def test_one_lane_for_a_control_of_two_addresses(desk, tmp_path):
    desk.ask("/automation/record", "take")
    desk.ask("/deck/1/temperature", 1.5)
    desk.ask("/deck/1/param/temperature", 1.6)
    desk.advance(0.1)
    desk.ask("/deck/1/temperature", 1.7)
    desk.advance(0.1)
    desk.ask("/automation/stop")
    assert len(read_automation(tmp_path / "take.toml").lanes) == 1


def test_a_full_recording_is_kept_and_said(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("realtime.control.automation_record.MAX_POINTS", 256 + 20)
    desk.ask("/automation/record", "take")
    for step in range(60):
        desk.ask("/deck/1/mute", step % 2)
        desk.advance(0.1)
    assert not desk.player.recorder.recording
    assert "recording full" in desk.said()
    assert desk.ask("/automation/stop")[0].values == (str(tmp_path / "take.toml"),)
    assert 19 <= read_automation(tmp_path / "take.toml").points <= 21
