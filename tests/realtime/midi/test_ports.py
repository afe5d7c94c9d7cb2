"""Frames of the MIDI process into events, and the process kept running. No MIDI system is needed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from realtime.control.event_log import EventLog
from realtime.control.traffic import Traffic
from realtime.errors import OptionError
from realtime.midi import wire_process
from realtime.midi.event import ClockEvent, ControlEvent, Event, NoteEvent
from realtime.midi.frames import Frame, FrameKind
from realtime.midi.ports import NOTED_BYTES, MidiPorts, ZoneSetting
from realtime.midi.wire_process import WireProcess
from realtime.plain import plain

LIMIT_S = 20.0
ROOT = Path(__file__).parents[3]


def wait_until(is_so: Callable[[], object]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.01)


class Stand:
    """Ports whose process is played by the test."""

    def __init__(self) -> None:
        self.log = EventLog()
        self.events: list[Event] = []
        self.plugged: list[str] = []
        self.ports = MidiPorts(self.log, self.events.append, plugged=self.plugged.append)

    def take(self, kind: FrameKind, port: int = 0, text: bytes = b"", ns: int = 0) -> None:
        self.ports.take(Frame(kind, port, ns, text))


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_an_unknown_system_is_refused() -> None:
    with pytest.raises(OptionError, match="got oss; allowed: auto, alsa, jack"):
        MidiPorts(EventLog(), lambda event: None, backend="oss")


def test_ports_and_their_events(stand: Stand) -> None:
    stand.take(FrameKind.BACKEND, text=b"jack")
    stand.take(FrameKind.OPENED, 3, b"knobs")
    stand.take(FrameKind.OUTPUTS, text=b"knobs")
    stand.take(FrameKind.MESSAGE, 3, b"\xb0\x46\x7f", 7)
    (event,) = stand.events
    assert isinstance(event, ControlEvent)
    assert (event.source.port, event.value, event.ns) == ("knobs", 1.0, 7)
    assert (dict(stand.ports.ports), stand.ports.backend, stand.plugged) == ({"knobs": True}, "jack", ["knobs"])
    assert stand.ports.messages == 1


def test_messages_are_seen_as_they_came_but_not_the_pulses_between_them() -> None:
    traffic = Traffic()
    ports = MidiPorts(EventLog(), lambda event: None, traffic=traffic)
    ports.take(Frame(FrameKind.OPENED, 3, 0, b"knobs"))
    sysex = b"\xf0" + b"\x01" * 1000 + b"\xf7"
    for data in (b"\xb0\x46\x7f", b"\xf8", b"\xfe", b"\xfa", b"\x01", sysex):
        ports.take(Frame(FrameKind.MESSAGE, 3, 0, data))
    ports.take(Frame(FrameKind.MESSAGE, 4, 0, b"\xb0\x46\x00"))
    assert {(one.channel, one.who) for _, one in traffic.since(0, 100)} == {("midi in", "knobs")}
    assert [one.said for _, one in traffic.since(0, 100)] == [b"\xb0\x46\x7f", b"\xfa", b"\x01", sysex[:NOTED_BYTES]]


def test_quiet_releases_what_waits(stand: Stand) -> None:
    stand.take(FrameKind.OPENED, 1, b"knobs")
    for data in (b"\xb0\x63\x00", b"\xb0\x62\x05", b"\xb0\x06\x7f"):
        stand.take(FrameKind.MESSAGE, 1, data)
    assert stand.events == []
    stand.take(FrameKind.QUIET, ns=20_000_000)
    assert [event.source.kind for event in stand.events] == ["nrpn"]


def test_a_controller_pulled_out_lets_go_of_its_notes_and_is_plugged_in_anew(stand: Stand) -> None:
    stand.take(FrameKind.OPENED, 1, b"pads")
    stand.take(FrameKind.OUTPUTS, text=b"pads")
    stand.take(FrameKind.MESSAGE, 1, b"\x90\x3c\x40")
    stand.take(FrameKind.GONE, 1)
    assert [event.on for event in stand.events if isinstance(event, NoteEvent)] == [True, False]
    assert dict(stand.ports.ports) == {}
    # A message that was still on its way has no port any more.
    stand.take(FrameKind.MESSAGE, 1, b"\x90\x3c\x40")
    stand.take(FrameKind.OPENED, 2, b"pads")
    stand.take(FrameKind.OUTPUTS, text=b"pads")
    assert len(stand.events) == 2
    assert stand.plugged == ["pads", "pads"]


def test_garbage_is_counted_also_of_ports_that_left(stand: Stand) -> None:
    stand.take(FrameKind.OPENED, 1, b"pads")
    stand.take(FrameKind.MESSAGE, 1, b"\x01\x02")
    stand.take(FrameKind.GONE, 1)
    stand.take(FrameKind.OPENED, 2, b"pads")
    stand.take(FrameKind.MESSAGE, 2, b"\x03")
    assert stand.ports.refused_bytes == 3


def test_a_listener_that_fails_is_said_once_and_ends_nothing(stand: Stand) -> None:
    ports = MidiPorts(stand.log, lambda event: 1 / 0)  # type: ignore[arg-type, return-value]
    ports.take(Frame(FrameKind.OPENED, 1, data=b"pads"))
    for _ in range(100):
        ports.take(Frame(FrameKind.MESSAGE, 1, data=b"\x90\x3c\x40"))
    assert sum("could not be used" in line.text for line in stand.log.lines()) == 1


def test_only_one_clock_is_followed(stand: Stand) -> None:
    stand.take(FrameKind.OPENED, 1, b"one")
    stand.take(FrameKind.OPENED, 2, b"two")
    for tick in range(4):
        stand.take(FrameKind.MESSAGE, 1, b"\xf8", tick * 20_000_000)
        stand.take(FrameKind.MESSAGE, 2, b"\xf8", tick * 20_000_000 + 1)
    assert {event.source.port for event in stand.events if isinstance(event, ClockEvent)} == {"one"}


def test_zones_are_given_to_ports_that_are_there_and_that_come(stand: Stand) -> None:
    stand.take(FrameKind.OPENED, 1, b"Osmose:1")
    stand.take(FrameKind.MESSAGE, 1, b"\x91\x3c\x40")
    stand.ports.set_zones([ZoneSetting("osmose*", 1, 15)])
    stand.take(FrameKind.ALIVE)
    stand.take(FrameKind.OPENED, 2, b"Osmose:2")
    stand.take(FrameKind.OPENED, 3, b"other")
    for port in (1, 2, 3):
        stand.take(FrameKind.MESSAGE, port, b"\x91\x3c\x40")
    found = [(event.source.port, event.on, event.source.channel, event.member) for event in stand.events if isinstance(event, NoteEvent)]
    assert found == [
        ("Osmose:1", True, 2, 0),
        ("Osmose:1", False, 2, 0),
        ("Osmose:1", True, 1, 2),
        ("Osmose:2", True, 1, 2),
        ("other", True, 2, 0),
    ]


def test_nothing_is_sent_to_who_is_not_there_and_nothing_is_seen_of_it() -> None:
    traffic = Traffic()
    ports = MidiPorts(EventLog(), lambda event: None, traffic=traffic)
    ports.take(Frame(FrameKind.OPENED, 1, 0, b"pads"))
    assert not ports.send("pads", b"\x90\x3c\x40")
    ports.take(Frame(FrameKind.OUTPUTS, data=b"pads"))
    assert not ports.send("pads", b"\x90\x3c\x40"), "the MIDI process is not there"
    assert traffic.since(0, 100) == []


PLAYED = """
import os, sys
sys.path.insert(0, {root!r})
from realtime.midi.frames import Frame, FrameKind, read_frame
os.write(1, Frame(FrameKind.BACKEND, data=b"played").pack())
while (frame := read_frame(sys.stdin.buffer)) is not None:
    os.write(1, Frame(FrameKind.SAID, data=frame.data).pack())
"""


class Played:
    """A process that answers what it is sent, kept running."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: str = PLAYED) -> None:
        monkeypatch.setattr(wire_process, "_CODE", code.replace("{root!r}", repr(str(ROOT)).replace("{", "{{")))
        self.log = EventLog()
        self.frames: list[Frame] = []
        self.lost = 0
        self.process = WireProcess(self.log, [], self.frames.append, self._lose)

    def _lose(self) -> None:
        self.lost += 1

    def begun(self) -> int:
        return sum(frame.kind == FrameKind.BACKEND for frame in self.frames)


def test_a_process_that_dies_is_begun_again_and_ends_with_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch)
    played.process.start()
    wait_until(lambda: played.begun() == 1)
    os.kill(played.process.process_id, signal.SIGKILL)
    wait_until(lambda: played.begun() == 2)
    assert played.lost == 1
    assert played.process.send(Frame(FrameKind.SEND, data=b"hello"))
    wait_until(lambda: played.frames[-1].data == b"hello")
    last = played.process.process_id
    played.process.close()
    assert not Path(f"/proc/{last}").exists()
    assert not played.process.send(Frame(FrameKind.SEND, data=b"hello"))


def test_messages_to_controllers_are_seen_as_they_are_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_process, "_CODE", PLAYED.replace("{root!r}", repr(str(ROOT))))
    log, traffic = EventLog(), Traffic()
    ports = MidiPorts(log, lambda event: None, traffic=traffic)
    ports.start()
    wait_until(lambda: ports.backend == "played")
    ports.take(Frame(FrameKind.OPENED, 1, 0, b"pads"))
    ports.take(Frame(FrameKind.OUTPUTS, data=b"pads"))
    sysex = b"\xf0" + b"\x01" * 1000 + b"\xf7"
    assert ports.send("pads", b"\x90\x3c\x40")
    assert ports.send("pads", sysex)
    assert not ports.send("nobody", b"\x90\x3c\x40")
    seen = [("midi out", "pads", b"\x90\x3c\x40"), ("midi out", "pads", sysex[:NOTED_BYTES])]
    assert [tuple(one[1:]) for _, one in traffic.since(0, 100)] == seen
    # This process says what it is sent: the messages went, whole.
    whole = plain(f"pads\0{sysex.decode(errors='replace')}")
    wait_until(lambda: any(line.text == whole for line in log.lines()))
    ports.close()


def test_a_process_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_process, "HUNG_S", 0.5)
    played = Played(monkeypatch)
    played.process.start()
    wait_until(lambda: played.begun() == 1)
    os.kill(played.process.process_id, signal.SIGSTOP)
    wait_until(lambda: played.begun() == 2)
    played.process.close()
    assert played.lost >= 1


def test_a_hung_process_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch)
    played.process.start()
    wait_until(lambda: played.begun() == 1)
    hung = played.process.process_id
    os.kill(hung, signal.SIGSTOP)
    # More than a pipe holds: this one waits for good, until the process is gone.
    frame = Frame(FrameKind.SEND, data=bytes(60_000))
    sender = threading.Thread(target=lambda: [played.process.send(frame) for _ in range(3)])
    sender.start()
    played.process.close()
    sender.join(LIMIT_S)
    assert not sender.is_alive()
    assert not Path(f"/proc/{hung}").exists()


def test_a_process_that_is_of_no_use_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, PLAYED.replace('BACKEND, data=b"played"', 'HOPELESS, data=b"no library"'))
    played.process.start()
    wait_until(lambda: played.lost == 1)
    played.process.close()
    assert [line.text for line in played.log.lines()] == ["MIDI is off: no library"]


def test_without_a_midi_system_it_says_so_once_and_waits(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    # The real process on a JACK server that does not exist; none of the library's words reach the terminal.
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "starling-nowhere")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    log = EventLog()
    ports = MidiPorts(log, lambda event: None, backend="jack")
    ports.start()
    wait_until(log.lines)
    ports.close()
    assert [line.text.split(":")[0] for line in log.lines()] == ["no MIDI system (jack)"]
    assert capfd.readouterr() == ("", "")


def test_the_process_ends_with_a_stage_that_is_killed() -> None:
    code = """
import time
from realtime.control.event_log import EventLog
from realtime.control.traffic import Traffic
from realtime.midi.ports import MidiPorts
ports = MidiPorts(EventLog(), print, backend="jack")
ports.start()
while not ports.process_id: time.sleep(0.01)
print(ports.process_id, flush=True)
time.sleep(60)
"""
    environment = os.environ | {"JACK_DEFAULT_SERVER": "starling-nowhere", "JACK_NO_START_SERVER": "1"}
    stage = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert stage.stdout is not None
    midi = int(stage.stdout.readline())
    stage.kill()
    stage.wait()
    stage.stdout.close()
    wait_until(lambda: not Path(f"/proc/{midi}").exists() or Path(f"/proc/{midi}/stat").read_text().split()[2] == "Z")


def test_the_stage_does_not_load_the_library() -> None:
    code = "import sys, realtime.midi.ports, realtime.midi.wire; sys.exit('rtmidi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
