"""A screen on a real stage: what it asks for is done, what happens is seen, and what becomes of it is nothing to the sound."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.attach.errors import AttachError, NoStageError
from realtime.attach.view import PatchView
from realtime.control.outcome import Origin
from realtime.engine import Engine
from realtime.kernels import layout as at
from realtime.midi.event import ControlEvent, Source
from realtime.screen.link import Told
from realtime.show_settings import MidiSettings, OscSettings
from tests.attach.stage import LIMIT_S, Stage, ask, quiet_settings, until


def test_load_set_and_see(stage: Stage) -> None:
    with stage.link() as link:
        empty = link.look()
        assert [deck.state for deck in empty.decks] == ["empty", "empty"]
        assert ask(link, "/deck/1/load", "tiny", 5) == Told("/deck/1/load", "done", ("tiny", 5))
        until(lambda: link.look().decks[0].state == "playing" and link.look().edition != empty.edition)
        view = link.look()
        deck = view.decks[0]
        assert (deck.number, deck.patch, deck.kind, deck.seed, deck.degraded) == (1, "tiny", "mosaic", 5, False)
        assert deck.pid == stage.engine.snapshot().decks[0].pid
        assert dict(view.addresses) == dict(stage.show.core.addresses())
        assert set(deck.labels) <= set(view.addresses)
        assert set(deck.labels) > {"/deck/1/param/density"}
        link.ask("/deck/1/gain", -6.0)
        until(lambda: link.look().values["/deck/1/gain"] == -6.0)
        assert stage.engine.snapshot().decks[0].stage[0] == -6.0
        until(lambda: max(link.look().rms_db) > -90.0)
        link.ask("/deck/1/freeze", 1.0)
        until(lambda: link.look().decks[0].state == "frozen")
        assert (view.pid, view.device, view.sample_rate_hz, view.block_frames) == (os.getpid(), "null", 44_100, 128)


def test_a_view_is_the_same_object_until_something_newer_came(stage: Stage) -> None:
    with stage.link() as link:
        seen = [link.look()]
        until(lambda: link.look() is seen[-1] or seen.append(link.look()) or len(seen) > 20)
        frames = [view.clock_frames for view in seen]
        assert frames == sorted(frames)
        # 20 times a second, for whoever looks more often.
        start = time.monotonic()
        seen = [link.look()]
        while time.monotonic() < start + 1.0:
            if link.look() is not seen[-1]:
                seen.append(link.look())
            time.sleep(0.002)
        assert len(seen) <= 22


def test_what_others_do_is_seen(stage: Stage) -> None:
    with stage.link() as link, stage.link() as other:
        until(lambda: stage.server.screens == 2)
        stage.show.core.request("/master/gain", (-3.0,), Origin("osc"))
        until(lambda: link.look().values["/master/gain"] == other.look().values["/master/gain"] == -3.0)
        other.ask("/panic", 1)
        until(lambda: link.look().panicked)
        other.ask("/panic", 0)
        until(lambda: not link.look().panicked)
        other.ask("/transport/tempo", 90.0)
        other.ask("/transport/run", 1)
        until(lambda: link.look().transport.running and link.look().transport.tempo_bpm == 90.0)
        beat = link.look().transport.beat
        until(lambda: link.look().transport.beat > beat)
        assert ask(other, "/scene/save", "verse").state == "done"
        until(lambda: link.look().scenes.names == ("verse",))
        assert not link.look().scenes.saved
        assert ask(other, "/record/start").state == "done"
        until(lambda: link.look().record.recording and link.look().record.seconds > 0.2)
        assert link.look().record.path.startswith(str(stage.folder / "takes"))
        assert ask(other, "/record/stop").state == "done"
        until(lambda: not link.look().record.recording and link.look().record.last)
    until(lambda: stage.server.screens == 0)


def test_refusals_clippings_and_answers_are_told_and_what_is_taken_is_not(stage: Stage) -> None:
    with stage.link() as link:
        told: list[Told] = []
        link.ask("/master/gain", -1.0, then=told.append)
        link.ask("/master/gain", 100.0, then=told.append)
        link.ask("/nowhere", then=told.append)
        link.ask("/deck/1/load", "no such patch", then=told.append)
        link.ask("/deck/1/gain", float("nan"), then=told.append)
        link.ask("/deck/1/load", "x" * 70_000, then=told.append)
        link.ask("/transport/beat", then=told.append)
        until(lambda: len(told) >= 6)
        by_path = {(one.path, one.state): one for one in told}
        assert by_path["/master/gain", "clipped"].values == (100.0, 12.0)
        assert "no such address" in by_path["/nowhere", "failed"].why
        # It is found again in the log, by every screen.
        until(lambda: any(line.channel == "screen" and line.text.startswith("/nowhere: no such") for line in link.look().lines))
        assert len(by_path["/transport/beat", "answer"].values) == 3
        assert {one.why[:8] for one in told if one.state == "failed"} >= {"not a nu", "too long"}
        assert sum(one.path == "/deck/1/load" for one in told) == 2
        assert ("/master/gain", "done") not in by_path
        assert stage.engine.snapshot().decks[0].stage[0] == 0.0


def test_who_learns_is_told_while_a_fader_is_moved(stage: Stage) -> None:
    with stage.link() as link:
        told: list[Told] = []
        link.ask("/midi/learn", "/deck/2/gain", then=told.append)
        until(lambda: link.look().midi.learning == "/deck/2/gain")
        for step in range(1000):
            link.ask("/deck/1/gain", -step / 100.0, then=lambda one: None)
        until(lambda: link.look().values["/deck/1/gain"] == -9.99)
        for value in range(30):
            source = Source("MPK mini", 1, "cc", 74)
            stage.show.mapper.handle(ControlEvent(source, value / 127.0, value, 127, time.monotonic_ns()))
        until(lambda: [one.state for one in told] == ["done", "answer"])
        assert told[1].values[:2] == ("/deck/2/gain", "cc 74, channel 1, MPK mini")
        until(lambda: ("cc 74, channel 1, MPK mini", "/deck/2/gain", "/deck/2/gain") in link.look().midi.bindings)
        midi = link.look().midi
        assert len(midi.ways) == len(midi.bindings)
        assert (midi.last, midi.learning) == (("MPK mini", "channel 1 cc 74 29 of 127"), "")
        assert ask(link, "/midi/unlearn", "/deck/2/gain").state == "done"
        until(lambda: not any(binding[1] == "/deck/2/gain" for binding in link.look().midi.bindings))


def test_the_log_comes_with_the_time_of_day(stage: Stage) -> None:
    stage.show.log.say("osc", "before anybody looked")
    with stage.link() as link:
        before_s = time.time()
        stage.show.log.say("midi", "now")
        until(lambda: any(line.text == "now" for line in link.look().lines))
        lines = {line.text: line for line in link.look().lines}
        assert lines["now"].channel == "midi"
        assert before_s - 1.0 < lines["now"].time_s < time.time() + 1.0
        assert lines["before anybody looked"].time_s <= lines["now"].time_s
        assert len(lines) == len(link.look().lines)


def test_the_library_is_read_with_what_is_wrong(stage: Stage, patch_folder: Path) -> None:
    got: list[PatchView] = []
    with stage.link() as link:
        link.patches(got.extend)
        until(lambda: got)
    assert {patch.slug for patch in got} >= {"tiny", "wide", "low", "high"}
    assert {patch.kind for patch in got if patch.slug == "tiny"} == {"mosaic"}


def test_what_a_screen_hears_is_what_a_take_has(stage: Stage) -> None:
    with stage.link() as link:
        assert ask(link, "/deck/1/load", "low").state == "done"
        assert link.look().sound.frames == b""
        assert ask(link, "/record/start").state == "done"
        link.want_sound(True)
        begun = stage.engine.snapshot().clock_frames
        until(lambda: link.look().sound.end > begun + 44_100)
        sound = link.look().sound
        until(lambda: link.look().record.seconds > 2.5)
        path = Path(str(ask(link, "/record/stop").values[0]))
        link.want_sound(False)
        until(lambda: link.look().sound.frames == b"")
    assert len(sound.frames) == 2 * 44_100
    heard = np.frombuffer(sound.frames, "<i2").astype(np.int64)
    assert np.abs(heard).max() > 300
    take, _ = soundfile.read(path, dtype="float64", always_2d=True)
    # Half a step of each of the two roundings.
    mono = take.mean(axis=1) * 32_767.0
    piece = heard[-22_050:]
    places = [at for at in range(len(mono) - len(piece)) if abs(mono[at] - piece[0]) < 1.5 and abs(mono[at + 5_000] - piece[5_000]) < 1.5]
    assert any(np.abs(mono[at : at + len(piece)] - piece).max() < 1.5 for at in places)


def test_osc_is_seen_where_it_listens(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    settings = replace(quiet_settings(folder), osc=OscSettings(port=0, query_port=0), midi=MidiSettings(on=False))
    with Stage(engine, folder, settings) as stage, stage.link() as link:
        osc = link.look().osc
        assert (osc.host, osc.port) == ("127.0.0.1", stage.show.osc.port)
        assert osc.query_port > 0
        stage.show.osc.receiver.handle(b"/master/gain\0\0\0\0,i\0\0\0\0\0\xff", ("127.0.0.1", 1), lambda packet: True)
        until(lambda: link.look().osc.packets == 1)


def test_a_screen_asks_to_end_the_show(stage: Stage) -> None:
    link = stage.link()
    link.open()
    assert not stage.server.quit_asked.is_set()
    link.quit()
    # At once: what was asked for last is said all the same.
    link.close()
    assert stage.server.quit_asked.wait(LIMIT_S)


def test_the_end_of_the_stage_is_told_and_no_file_is_left(engine: Engine, tmp_path: Path) -> None:
    told: list[Told] = []
    with Stage(engine, tmp_path / "instance") as stage:
        link = stage.link()
        link.open()
        assert link.gone == ""
        assert ask(link, "/status").state == "answer"
    until(lambda: link.gone)
    assert link.gone == "the stage has ended"
    link.ask("/master/gain", -1.0, then=told.append)
    until(lambda: told)
    assert (told[0].state, told[0].why) == ("failed", "the stage has ended")
    link.close()
    link.close()
    with pytest.raises(NoStageError, match="python -m realtime starts one"):
        stage.link().open()
    assert not any(thread.name in ("attach", "attach link") for thread in threading.enumerate())


def test_a_stage_that_died_is_told_apart(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    endpoint = stage.endpoint
    (tmp_path / "old" / "stage.json").write_bytes((stage.folder / "stage.json").read_bytes())
    (tmp_path / "old" / "stage.json").chmod(0o600)
    stage.server.close()
    with pytest.raises(NoStageError, match="has ended"):
        type(stage.link())(tmp_path / "old").open()
    assert endpoint.pid == os.getpid()


def test_a_screen_that_is_killed_is_nothing_to_the_stage(stage: Stage) -> None:
    code = (
        "import sys, time, pathlib\nfrom realtime.attach.client import SocketLink\n"
        "link = SocketLink(pathlib.Path(sys.argv[1]))\nlink.open()\nlink.want_sound(True)\nprint('in', flush=True)\ntime.sleep(60)"
    )
    with stage.link() as link:
        assert ask(link, "/deck/1/load", "tiny").state == "done"
        with subprocess.Popen([sys.executable, "-c", code, str(stage.folder)], stdout=subprocess.PIPE, text=True) as screen:
            assert screen.stdout is not None
            assert screen.stdout.readline() == "in\n"
            until(lambda: stage.server.screens == 2)
            screen.send_signal(signal.SIGKILL)
        until(lambda: stage.server.screens == 1)
        frames = link.look().clock_frames
        until(lambda: link.look().clock_frames > frames + 4_410)
        assert link.look().decks[0].state == "playing"
        assert link.gone == ""


def test_a_stopped_screen_holds_up_nobody_and_goes_on(stage: Stage) -> None:
    code = (
        "import sys, time, pathlib\nfrom realtime.attach.client import SocketLink\n"
        "link = SocketLink(pathlib.Path(sys.argv[1]))\nlink.open()\nprint('in', flush=True)\n"
        "sys.stdin.readline()\nold = link.look().clock_frames\ntime.sleep(0.5)\n"
        "print(link.gone or link.look().clock_frames > old, flush=True)"
    )
    command = [sys.executable, "-c", code, str(stage.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as screen:
        assert screen.stdout is not None
        assert screen.stdin is not None
        assert screen.stdout.readline() == "in\n"
        screen.send_signal(signal.SIGSTOP)
        with stage.link() as link:
            frames = link.look().clock_frames
            until(lambda: link.look().clock_frames > frames + 44_100)
            assert stage.server.screens == 2
        screen.send_signal(signal.SIGCONT)
        screen.stdin.write("\n")
        screen.stdin.flush()
        assert screen.stdout.readline() == "True\n"


def test_a_folder_that_takes_no_file_is_named_and_nothing_listens(stage: Stage, tmp_path: Path) -> None:
    server = type(stage.server)(stage.server._viewer, stage.show.core, stage.show.log)
    with pytest.raises(AttachError, match="no screen can be attached"):
        server.start(tmp_path / "missing")
    server.close()


def test_drop_outs_are_counted_from_now_on_when_somebody_says_so(stage: Stage) -> None:
    words = stage.engine.block.words
    with stage.link() as link:
        words[at.deck_words(0) + at.D_UNDERRUNS] += 3
        words[at.W_DEVICE_XRUNS] += 2
        words[at.W_CALLBACK_MAX_NS] = 10**12
        until(lambda: link.look().decks[0].underruns >= 3 and link.look().device_xruns >= 2 and link.look().callback_share > 10.0)
        assert ask(link, "/counts/clear") == Told("/counts/clear", "done")
        # A machine that stands still meanwhile has drop-outs of its own.
        until(lambda: link.look().callback_share < 10.0)
        assert link.look().decks[0].underruns < 3
        assert link.look().device_xruns < 2
        words[at.deck_words(0) + at.D_UNDERRUNS] += 5
        until(lambda: link.look().decks[0].underruns >= 5)
        ask(link, "/deck/1/reset")
        until(lambda: link.look().decks[0].underruns < 5)
        assert stage.engine.snapshot().decks[0].underruns >= 8


def test_a_whole_number_that_is_too_long_for_the_way_is_refused_and_the_screen_stays(stage: Stage) -> None:
    with stage.link() as link:
        told = ask(link, "/deck/1/seed", 2**62)
        assert (told.state, told.why) == ("failed", f"a whole number too long for a screen; allowed: up to {2**53}")
        assert ask(link, "/deck/1/seed", 2**53).state == "done"
        assert not link.gone
