"""MIDI over a real server: JACK's dummy driver, python-rtmidi at both ends, a controller that is a process and can be pulled out."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from realtime.control.event_log import EventLog
from realtime.midi.event import ControlEvent, Event, NoteEvent, PanicEvent, ProgramEvent
from realtime.midi.ports import MidiPorts

pytestmark = pytest.mark.device
ROOT = Path(__file__).parents[2]
SERVER = "starling-midi"
CLIENT = "knobs"
PORT = "knobs (capture):midi"
LIMIT_S = 30.0


def wait_until(is_so: Callable[[], object]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.005)


@contextmanager
def server(sync: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """One that waits for its clients, so that a busy machine loses no message; or one that goes on without those that died."""
    assert shutil.which("jackd"), "jackd2 is not installed: .ci/run installs it"
    command = ["jackd", "-n", SERVER, "--no-realtime", *(["--sync"] if sync else []), "-d", "dummy", "-r", "44100", "-p", "128"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        # Asked, not killed: a killed server leaves its place in the list of servers taken, and there are eight.
        process.terminate()
        process.wait()


@contextmanager
def controller() -> Iterator[subprocess.Popen[str]]:
    """One that is there; it waits for the server."""
    process = None
    for _ in range(20):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.midi_controller", CLIENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None
        if process.stdout.readline() == "ready\n":
            break
        process.wait()
        close(process)
        time.sleep(0.25)
    assert process is not None
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        close(process)


def close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def say(process: subprocess.Popen[str], *lines: str) -> None:
    """Have a controller send."""
    assert process.stdin is not None
    for line in lines:
        process.stdin.write(line + "\n")
    process.stdin.flush()


class Stage:
    """Ports on that server and what they told."""

    def __init__(self) -> None:
        self.log = EventLog()
        self.events: list[Event] = []
        self.plugged: list[str] = []
        self.ports = MidiPorts(self.log, self.events.append, backend="jack", patterns=(CLIENT,), plugged=self.plugged.append)

    def wait_for(self, port: str) -> None:
        wait_until(lambda: port in self.ports.ports)

    def hear(self, process: subprocess.Popen[str], *lines: str) -> list[Event]:
        """Events of these lines, up to a program change that marks their end."""
        del self.events[:]
        for line in lines:
            say(process, line)
            # Between lines is a pause, as between two turns of a knob.
            time.sleep(0.05)
        say(process, "cf 7f")
        wait_until(lambda: self.events and isinstance(self.events[-1], ProgramEvent))
        return [event for event in self.events if not isinstance(event, ProgramEvent)]


@pytest.fixture
def jack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", SERVER)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")


@pytest.fixture
def stage(jack: None, capfd: pytest.CaptureFixture[str]) -> Iterator[Stage]:
    stage = Stage()
    stage.ports.start()
    yield stage
    stage.ports.close()
    # Whatever became of the server, nothing was printed over the performer's screen.
    assert capfd.readouterr() == ("", "")


def controls(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(event.source.kind, event.source.number, event.raw) for event in events if isinstance(event, ControlEvent)]


def test_what_a_controller_sends_is_heard(stage: Stage) -> None:
    with server(), controller() as knobs:
        stage.wait_for(PORT)
        # A knob, and 14 bits in either order over the place where both halves turn over.
        events = stage.hear(knobs, "b0 46 7f", "b0 01 3f,b0 21 7f,b0 01 40,b0 21 00", "b0 22 7f,b0 02 3f,b0 22 00,b0 02 40")
        assert controls(events)[0] == ("cc", 70, 127)
        assert [got for got in controls(events) if got[0] == "cc14"] == [
            ("cc14", 1, 8_191),
            ("cc14", 1, 8_192),
            ("cc14", 2, 8_191),
            ("cc14", 2, 8_192),
        ]
        # NRPN 300, null, and the same data again, which is a plain controller now.
        events = stage.hear(knobs, "b0 63 02,b0 62 2c,b0 06 40,b0 26 01", "b0 63 7f,b0 62 7f", "b0 06 40")
        assert controls(events) == [("nrpn", 300, 64 << 7 | 1), ("cc", 6, 64)]
        # A zone of three members: a bent note, and one that begins under the master's bend.
        events = stage.hear(knobs, "b0 65 00,b0 64 06,b0 06 03", "91 3c 64,e1 7f 7f", "e0 7f 7f,92 40 64")
        bends = [(event.value, event.note) for event in events if isinstance(event, ControlEvent) and event.source.kind == "mpe_bend"]
        assert bends == [(0.5, 60), (1.0, 60), (1.0, 60), (pytest.approx(0.5 + 0.5 * 2.0 / 48.0), 64)]
        assert [event.source.number for event in events if isinstance(event, NoteEvent)] == [60, 64]
        events = stage.hear(knobs, "b0 78 00,b3 7b 00")
        assert [event.kind for event in events if isinstance(event, PanicEvent)] == ["all_sound_off", "all_notes_off"]


def test_garbage_and_cut_off_sysex_lose_nothing_that_is_whole(stage: Stage) -> None:
    with server(), controller() as knobs:
        stage.wait_for(PORT)
        events = stage.hear(knobs, "05 06 07", "f0 7e 01", "b0 46 01", "b0 46", "f4", "90", "f0 01 02 f7,b0 46 02", "ff", "b0 46 03")
        assert controls(events) == [("cc", 70, 1), ("cc", 70, 2), ("cc", 70, 3)]
        assert stage.ports.refused_bytes > 0


def test_values_go_back_to_the_same_controller(stage: Stage) -> None:
    with server(), controller() as knobs:
        wait_until(lambda: PORT in stage.plugged)
        assert stage.ports.ports[PORT]
        assert stage.ports.send(PORT, b"\xb0\x46\x40")
        assert knobs.stdout is not None
        assert knobs.stdout.readline() == "b0 46 40\n"


def test_a_controller_pulled_out_mid_turn_lets_go_and_is_heard_again(stage: Stage) -> None:
    with server(sync=False):
        for turn in range(2):
            with controller() as knobs:
                stage.wait_for(PORT)
                say(knobs, "90 3c 64")
                wait_until(lambda: stage.events)
                # It is still turning, and nobody knows what of it gets through.
                say(knobs, *("b0 01 40" for _ in range(20)))
                knobs.kill()
            wait_until(lambda: PORT not in stage.ports.ports)
            last = stage.events[-1]
            assert isinstance(last, NoteEvent), turn
            assert not last.on
            del stage.events[:]
        assert "Starling" in stage.ports.ports


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_ends_ends_nothing_here(stage: Stage, end: signal.Signals) -> None:
    with server(sync=False) as jackd, controller() as knobs:
        stage.wait_for(PORT)
        say(knobs, "90 3c 64")
        wait_until(lambda: stage.events)
        # A server that is killed cannot say so; it is the same to its clients, and the next one of its name takes its place in the list.
        jackd.send_signal(end)
        jackd.wait()
        # Sending into the dead server's buffer must not hold up the sender.
        for _ in range(5_000):
            stage.ports.send(PORT, b"\xb0\x46\x40")
        wait_until(lambda: not stage.ports.ports)
        assert isinstance(stage.events[-1], NoteEvent)
        assert not stage.events[-1].on
    with server(), controller() as knobs:
        stage.wait_for(PORT)
        assert controls(stage.hear(knobs, "b0 46 05")) == [("cc", 70, 5)]


def test_the_first_system_that_is_there_is_taken(jack: None) -> None:
    # No sound card here, so no ALSA sequencer; where there is one, it is the first.
    with server():
        log = EventLog()
        ports = MidiPorts(log, lambda event: None)
        ports.start()
        wait_until(lambda: ports.backend)
        assert ports.backend == ("alsa" if Path("/dev/snd/seq").exists() else "jack")
        wait_until(lambda: "Starling" in ports.ports)
        ports.close()


def test_it_starts_before_the_server(stage: Stage) -> None:
    wait_until(stage.log.lines)
    assert stage.log.lines()[0].text.startswith("no MIDI system (jack)")
    with server():
        stage.wait_for("Starling")


def test_a_hung_process_is_replaced(stage: Stage) -> None:
    with server(sync=False), controller() as knobs:
        stage.wait_for(PORT)
        first = stage.ports.process_id
        os.kill(first, signal.SIGSTOP)
        wait_until(lambda: stage.ports.process_id not in (0, first) and PORT in stage.ports.ports)

        def heard() -> bool:
            # A server that goes on without a client that hangs may drop a cycle, and all that was sent in it.
            say(knobs, "b0 46 05")
            time.sleep(0.05)
            return bool(stage.events)

        wait_until(heard)
        assert controls(stage.events)[0] == ("cc", 70, 5)
