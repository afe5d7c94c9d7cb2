"""Stage and screen on real terminals: a screen may be closed, crash or be killed, its window may go, and the sound does not notice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.attach.endpoint import FILE_NAME
from tests.integration.terminal_stage import ROOT, TerminalStage, Window, assert_no_gap, children, is_alive, until

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("patch_folder")]
PLAY = ("low", "--device", "null", "--lead-frames", "16384", "--record")
"""A steady tone, so far ahead that no busy machine makes it drop out: what is missing in a take is missing because of what was done."""
ATTACH = [sys.executable, "-m", "realtime", "attach"]
SHOWN = "Quit"
"""Stands in the footer of every screen."""
SANE = "0 1 0"
DRAWN = "1 0 1"


@pytest.fixture
def stage(tmp_path: Path, patch_folder: Path) -> Iterator[TerminalStage]:
    made = TerminalStage(tmp_path, {"STARLING_PATCHES": str(patch_folder)})
    yield made
    made.end()


def take_of(stage: TerminalStage) -> Path:
    (take,) = stage.takes.glob("*.flac")
    return take


def attach(stage: TerminalStage) -> Window:
    window = stage.window()
    window.keys(f"{' '.join(ATTACH)}; echo code $?", "Enter")
    window.wait_for(SHOWN)
    return window


def plays_on(stage: TerminalStage) -> None:
    """Time goes on, nothing has dropped out."""
    with stage.link() as link:
        before = link.look().clock_frames
        until(lambda: link.look().clock_frames > before + 0.5 * link.look().sample_rate_hz)
        view = link.look()
    assert [deck.state for deck in view.decks] == ["playing"]
    assert [deck.underruns + deck.restarts for deck in view.decks] == [0]
    assert max(view.peak_db) > -40


def ended(pid: int) -> None:
    until(lambda: not is_alive(pid))


def test_a_screen_killed_leaves_the_sound_and_comes_back_with_the_same_state(stage: TerminalStage) -> None:
    window = stage.start(*PLAY)
    window.wait_for(SHOWN)
    until(lambda: window.modes == DRAWN)
    host = stage.pid
    with stage.link() as link:
        link.ask("/deck/1/gain", -7.5)
        link.ask("/scene/save", "verse")
        until(lambda: link.look().values["/deck/1/gain"] == -7.5 and link.look().scenes.names == ("verse",))
        decks = link.look().decks
    window.wait_for("-7.5 dB")
    os.kill(stage.screen_pid, signal.SIGKILL)
    window.wait_for("ended by SIGKILL; the sound goes on")
    until(lambda: window.modes == SANE)
    plays_on(stage)
    assert "underruns 0" in window.text
    # Somewhere else, and where it was.
    other = attach(stage)
    other.wait_for("-7.5 dB")
    window.keys("Enter")
    window.wait_for(SHOWN)
    window.wait_for("-7.5 dB")
    view = stage.view
    assert view.pid == host
    assert view.decks[0].pid == decks[0].pid
    assert view.scenes.names == ("verse",)
    os.kill(host, signal.SIGTERM)
    ended(host)
    window.wait_for("0 underruns")
    until(lambda: window.modes == SANE)
    other.wait_for("code 1")
    assert "the stage has ended" in other.text
    assert_no_gap(take_of(stage), 1.0)


def test_a_closed_window_leaves_the_sound(stage: TerminalStage) -> None:
    window = stage.start(*PLAY, "--set", "1.gain=-7.5")
    window.wait_for(SHOWN)
    host, screen = stage.pid, stage.screen_pid
    processes = {pid for pid in children(host) if pid != screen}
    assert len(processes) >= 2
    window.close()
    ended(screen)
    plays_on(stage)
    # Not one of them was started again: decks, and who cleans up after a crash.
    assert processes <= set(children(host))
    assert all(is_alive(pid) for pid in processes)
    until(lambda: "the terminal is gone; the sound goes on" in (stage.folder / "stage.log").read_text())
    again = attach(stage)
    again.wait_for("-7.5 dB")
    again.keys("q")
    again.wait_for("End it?")
    again.keys("y")
    again.wait_for("code 0")
    ended(host)
    assert_no_gap(take_of(stage), 1.0)
    assert "0 underruns" in (stage.folder / "stage.log").read_text()


def test_a_window_closed_after_the_screen_leaves_the_sound(stage: TerminalStage) -> None:
    window = stage.start(*PLAY)
    window.wait_for(SHOWN)
    host = stage.pid
    window.keys("C-d")
    window.wait_for("the screen is closed; the sound goes on")
    until(lambda: window.modes == SANE)
    window.keys("C-z")
    window.wait_for("Ctrl-Z would silence the stage")
    plays_on(stage)
    window.close()
    until(lambda: "the terminal is gone" in (stage.folder / "stage.log").read_text())
    plays_on(stage)
    os.kill(host, signal.SIGTERM)
    ended(host)
    assert_no_gap(take_of(stage), 1.0)


def test_quitting_asks_once_and_fades(stage: TerminalStage) -> None:
    window = stage.start(*PLAY)
    window.wait_for(SHOWN)
    host = stage.pid
    time.sleep(1.0)
    window.keys("q")
    window.wait_for("End it?")
    window.keys("n")
    until(lambda: "End it?" not in window.text)
    plays_on(stage)
    window.keys("q")
    window.wait_for("End it?")
    window.keys("y")
    ended(host)
    window.wait_for("0 underruns")
    until(lambda: window.modes == SANE)
    window.keys("echo the code is $?", "Enter")
    window.wait_for("the code is 0")
    take = take_of(stage)
    assert_no_gap(take, 1.0)
    sound, rate_hz = soundfile.read(take)
    assert np.abs(sound[-32:]).max() < 0.01 * np.abs(sound).max()
    # The fade: from the usual level to nothing, each 10 ms softer than the one before, over tens of milliseconds.
    piece = rate_hz // 100
    tail = sound[len(sound) % piece :].reshape(-1, piece * sound.shape[1])[-60:]
    level = np.sqrt((tail**2).mean(axis=1))
    level /= np.median(level[:30])
    fade = level[np.flatnonzero(level > 0.9)[-1] + 1 :]
    assert (fade > 0.02).sum() >= 3, level
    assert (np.diff(fade) <= 0.05).all(), level


def test_ctrl_c_on_the_status_line_ends_and_gives_the_terminal_back(stage: TerminalStage) -> None:
    window = stage.start(*PLAY)
    window.wait_for(SHOWN)
    host = stage.pid
    window.keys("C-d")
    window.wait_for("Ctrl-C ends the stage")
    # What was said before the screen came.
    for line in ("Starling starts", "opening the sound device", "opening the screen"):
        assert line in window.text
    window.keys("C-c")
    ended(host)
    window.keys("echo the code is $?", "Enter")
    window.wait_for("the code is 0")
    assert "Traceback" not in window.text


def test_a_stage_that_is_killed_is_said_by_its_screens(stage: TerminalStage) -> None:
    window = stage.start(*PLAY)
    window.wait_for(SHOWN)
    other = attach(stage)
    os.kill(stage.pid, signal.SIGKILL)
    for seen in (window, other):
        seen.wait_for("has gone")
        until(lambda seen=seen: seen.modes == SANE)
        assert "Traceback" not in seen.text
    other.wait_for("code 1")
    # The shell took the terminal while the screen was still on it.
    window.keys("stty -a | tr ';' '\\n' | grep -o '[-]*icanon\\|[-]*echo '", "Enter")
    window.wait_for("\nicanon")
    window.keys("echo still $((40 + 2))", "Enter")
    window.wait_for("still 42")
    # What it left behind does not keep the next one from starting, and is not taken for a stage that plays.
    alone = stage.window()
    alone.keys(f"{' '.join(ATTACH)}; echo code $?", "Enter")
    alone.wait_for("code 1")
    assert "python -m realtime" in alone.text


def test_two_screens_at_once(stage: TerminalStage) -> None:
    window = stage.start(*PLAY)
    window.wait_for(SHOWN)
    other = attach(stage)
    before = stage.view.values["/deck/1/mute"]
    other.keys("m")
    until(lambda: stage.view.values["/deck/1/mute"] != before)
    window.keys("m")
    until(lambda: stage.view.values["/deck/1/mute"] == before)
    other.keys("C-d")
    other.wait_for("code 0")
    # One that the system ends puts its terminal right itself: there is no host on it to do so.
    third = attach(stage)
    (pid,) = children(third.shell_pid)
    os.kill(pid, signal.SIGTERM)
    third.wait_for("code 0")
    until(lambda: third.modes == SANE)
    plays_on(stage)
    assert window.modes == DRAWN


def test_a_stage_of_another_user_is_refused(stage: TerminalStage) -> None:
    stage.start(*PLAY)
    file = stage.folder / FILE_NAME
    file.chmod(0o644)
    window = stage.window()
    window.keys(f"{' '.join(ATTACH)}; echo code $?", "Enter")
    window.wait_for("code 1")
    assert "other users can read it" in window.text
    if os.geteuid() == 0:
        file.chmod(0o600)
        os.chown(file, 12_345, 12_345)
        window.keys("clear", "Enter")
        window.keys(f"{' '.join(ATTACH)}; echo code $?", "Enter")
        window.wait_for("another user")
        os.chown(file, 0, 0)


def test_no_stage_is_said_and_how_to_start_one(stage: TerminalStage) -> None:
    window = stage.window()
    window.keys(f"{' '.join(ATTACH)}; echo code $?", "Enter")
    window.wait_for("code 1")
    assert "no stage is playing here" in window.text
    assert "python -m realtime starts one" in window.text
    piped = subprocess.run(ATTACH, capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    assert piped.returncode == 1
    assert "needs a terminal" in piped.stderr


def test_without_a_sound_device_the_screen_says_how_to_get_sound(stage: TerminalStage) -> None:
    environment = {"JACK_NO_START_SERVER": "1", "JACK_DEFAULT_SERVER": "none-of-this-name"}
    nowhere = TerminalStage(stage.folder, environment | {"STARLING_PATCHES": os.environ["STARLING_PATCHES"]})
    try:
        window = nowhere.start("low", "--lead-frames", "16384")
        assert nowhere.view.device == "null"
        assert "no sound device" in nowhere.view.notice
        window.wait_for("no sound device")
    finally:
        nowhere.end()


@pytest.mark.parametrize("way", ["--no-screen", "TERM=dumb"])
def test_a_status_line_where_no_screen_is_wanted(stage: TerminalStage, way: str) -> None:
    window = stage.window()
    play = [sys.executable, "-m", "realtime", *PLAY, "--no-midi", "--no-osc", "--record-folder", str(stage.takes)]
    window.run([*play, way] if way.startswith("--") else ["env", way, *play])
    window.wait_for("underruns 0")
    assert window.modes == SANE
    assert SHOWN not in window.text
    assert ("without a screen: this terminal can show lines only" in window.text) is not way.startswith("--")
    host = stage.pid
    # It can be attached to as well; its own window, though, ends it.
    attach(stage)
    plays_on(stage)
    window.close()
    ended(host)
    assert_no_gap(take_of(stage), 0.5)


def test_a_stage_without_a_terminal_is_ended_from_a_screen(stage: TerminalStage) -> None:
    window = stage.start(*PLAY, "--headless")
    host = stage.pid
    assert window.modes == SANE
    screen = attach(stage)
    screen.keys("q")
    screen.wait_for("End it?")
    screen.keys("q")
    screen.wait_for("code 0")
    ended(host)
    window.wait_for("0 underruns")
    assert_no_gap(take_of(stage), 0.5)
