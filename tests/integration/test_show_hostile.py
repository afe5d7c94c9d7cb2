"""The real program among people who mean harm, and killed: the show goes on, it is said once, and nothing is left behind.

What each part does about bad input stands in its own tests; here it is the whole, as a performer starts it.
"""

import contextlib
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.__main__ import main
from realtime.osc.packet import encode
from tests.integration.jack_server import server
from tests.integration.show_program import ROOT, Program, children, is_running, until
from tests.integration.test_recording import LOST_S, RATE_HZ, disk, played

pytestmark = pytest.mark.usefixtures("patch_folder")
QUIET = ("--device", "null", "--no-midi")
LEAD_FRAMES = "8192"
"""0.19 s: longer than a shared machine stands still by itself, so that an underrun is the crowd's."""
CROWD = 500
FLOOD_HZ, FLOOD_S = 100_000, 3.0
GONE_S = 20.0
HALF = (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n")


def plays_without_a_gap(program: Program) -> None:
    """A deck plays, and has from its beginning."""
    assert program.state(1)[1] == "playing"
    assert program.underruns(1) == 0


# --- a crowd, a flood --------------------------------------------------------------------------------------------------------


@pytest.mark.device
def test_floods_crowds_and_deaf_clients_at_once() -> None:
    """500 connections of which most never say what they want, one that asks to be told and never reads, and 100 000 messages a second."""
    with Program("tiny", "wide", *QUIET, "--lead-frames", LEAD_FRAMES) as program, contextlib.ExitStack() as held:
        program.wait_until_it_plays(2)
        osc_port, query_port = program.ports
        deaf = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.sendto(encode("/notify", (1,)), ("127.0.0.1", osc_port))
        for number in range(CROWD):
            one = held.enter_context(socket.create_connection(("127.0.0.1", query_port), timeout=GONE_S))
            # What is said to a connection that was turned away already is lost.
            with contextlib.suppress(ConnectionError):
                one.sendall(HALF[number % len(HALF)])
        command = [sys.executable, "-m", "tests.fuzz.osc_flooder", str(osc_port), str(FLOOD_HZ), str(FLOOD_S), "/deck/1/gain=-1.25"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as flooder:
            with urllib.request.urlopen(f"http://127.0.0.1:{query_port}/deck/2/pan", timeout=GONE_S) as answer:
                assert b'"FULL_PATH"' in answer.read()
            sent, _ = flooder.communicate(timeout=GONE_S + FLOOD_S)
        print(f"{sent.strip()} sent in {FLOOD_S} s; {program.state(1)}; {program.said}")
        # What the system itself drops when its buffer is full nobody can have; what is sent afterwards arrives.
        program.send("/deck/1/gain", -2.5)
        until(lambda: program.read("/deck/1/gain") == pytest.approx(-2.5, abs=1e-4))
        for deck in (1, 2):
            assert program.state(deck)[1] == "playing"
        assert program.underruns(2) == 0
        assert ": 0 underruns" in program.played()
        assert len(program.said) == len(set(program.said)) <= 8


# --- what cannot be had ------------------------------------------------------------------------------------------------------


@pytest.mark.device
@pytest.mark.parametrize(
    ("option", "kind", "off", "still"),
    [
        ("--osc-port", socket.SOCK_DGRAM, "OSC is off: OSC on 127.0.0.1:{}; got a port in use", ""),
        ("--oscquery-port", socket.SOCK_STREAM, "OSCQuery is off: OSCQuery cannot listen: Address already in use", "OSC on 127.0.0.1:"),
    ],
)
def test_a_port_in_use_is_said_once_and_the_show_goes_on(
    option: str, kind: socket.SocketKind, off: str, still: str, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = str(other.getsockname()[1])
        with Program(
            "tiny", *QUIET, "--lead-frames", LEAD_FRAMES, option, port, "--seconds", "4", "--record", "--record-folder", str(tmp_path)
        ) as program:
            assert program.ended() == 0, program.text
    assert [line for line in program.said if line.startswith(off.format(port))] == program.said[:1]
    assert len(program.said) == 1 + bool(still)
    assert program.said[-1].startswith(still)
    assert ": 0 underruns" in program.text
    # With sound.
    played(next(tmp_path.glob("*.flac")))


@pytest.mark.device
def test_recording_where_one_cannot_is_refused_and_the_show_goes_on(tmp_path: Path) -> None:
    with disk(tmp_path / "full", "size=1m") as full, disk(tmp_path / "sealed", "size=12m,ro") as sealed:
        refusals = {
            tmp_path: "is a folder",
            tmp_path / "nowhere" / "take.flac": "its folder does not exist",
            tmp_path / "take.mp3": "format; got .mp3",
            sealed / "take.wav": "Read-only file system",
            full / "take.wav": "the disk is full",
        }
        # The folder for takes itself, too, is none.
        (tmp_path / "file").touch()
        with Program("tiny", *QUIET, "--lead-frames", LEAD_FRAMES, "--record", "--record-folder", str(tmp_path / "file")) as program:
            program.wait_until_it_plays(1)
            until(lambda: "/record/start: " in program.text and "cannot be recorded to" in program.text)
            for path, why in refusals.items():
                got, reason = program.ask("/record/start", str(path), reply="/fail")[:2]
                assert got == "/record/start"
                assert why in str(reason)
            # Where one can, it is recorded.
            program.ask("/record/start", str(tmp_path / "take.wav"), reply="/done")
            until(lambda: float(program.ask("/record/state", reply="/record/state.reply")[1]) > 1.0)
            program.ask("/record/stop", reply="/done")
            plays_without_a_gap(program)
            assert len(played(tmp_path / "take.wav")) > RATE_HZ
            assert ": 0 underruns" in program.played()
            assert len([line for line in program.said if line.startswith("/record/start: ")]) == 1


# --- files on the command line -----------------------------------------------------------------------------------------------

HOSTILE = ROOT / "tests" / "data" / "hostile"
DECK = '[[deck]]\npatch = "tiny"\n'
LONG = "9" * 400
RACKS = {
    "a port over all ports": (DECK + "[osc]\nport = 70000", "osc: port; got 70000; allowed: 0 to 65535"),
    "a port that is true": (DECK + "[osc]\nport = true", "osc: unknown key or wrong kind"),
    "no host": (DECK + '[osc]\nhost = ""', "host"),
    "an unknown MIDI system": (DECK + '[midi]\nbackend = "oss"', "midi: backend; got oss"),
    "a MIDI port with a zero": (DECK + '[midi]\nports = ["a\\u0000b"]', "midi: ports"),
    "a mapping that is not there": (DECK + '[midi]\nmapping = "none.toml"', "mapping none.toml: cannot be read"),
    "a host with a zero": (DECK + '[osc]\nhost = "a\\u0000b"', "has a zero in it"),
    "a folder with a zero": (DECK + '[record]\nfolder = "a\\u0000b"', "has a zero in it"),
    "a mapping with a zero": (DECK + '[midi]\nmapping = "a\\u0000b"', "has a zero in it"),
    "a rack as its own mapping": (DECK + '[midi]\nmapping = "rack.toml"', "rack.toml: unknown key or wrong kind"),
    "the same binding twice": (DECK + '[[midi.binding]]\nsource = "cc 1"\naddress = "/master/gain"\n' * 2, "the same binding twice"),
    "an address there cannot be": (DECK + '[[midi.binding]]\nsource = "cc 1"\naddress = "/no/such"', "nothing can be there"),
    "stems of the wrong kind": (DECK + "[record]\nstems = 1", "record: unknown key or wrong kind"),
    "a tempo that is none": (DECK + "[transport]\ntempo = nan", "transport: tempo; got nan; allowed: 20 to 400"),
    "a tempo beyond all floats": (DECK + f"[transport]\ntempo = {LONG}", "transport: tempo; got inf"),
    "a quantum beyond all floats": (DECK + f"[transport]\nquantum = {LONG}", "transport: quantum; got 999"),
    "a gain beyond all floats": (DECK + f"[master]\ngain = {LONG}", "is a number"),
    "a weight beyond all floats": (f'[[deck]]\npatch = "field"\ncorpus = {{ path = "@patch", weight = {LONG} }}', "weight"),
    "a seed beyond all seeds": (DECK + f"seed = {LONG}", "seed; got 999"),
    "a number too long to be read": (DECK + f"seed = {'9' * 5_000}", "not TOML"),
    "a knob beyond all floats": (DECK + f'[[midi.binding]]\nsource = "cc 1"\naddress = "/master/gain"\nmaximum = {LONG}', "maximum"),
    "a step beyond all floats": (DECK + f'[[midi.binding]]\nsource = "cc 1"\naddress = "/master/gain"\nstep = {LONG}', "step"),
    "an argument beyond all floats": (
        DECK + f'[[midi.binding]]\nsource = "note 1"\naddress = "/panic"\naction = "trigger"\narguments = [{LONG}]',
        "binding 1",
    ),
    "a scene without a name": (DECK + "[[scene]]", "scene 1: no name"),
    "a scene twice": (DECK + '[[scene]]\nname = "a"\n' * 2, "a name twice"),
    "a patch with a zero": ('[[deck]]\npatch = "a\\u0000b"', "no such patch"),
}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said to a command line that makes no sense, which ends with exit code 2."""
    assert main([*arguments, "--device", "null", "--seconds", "0.1"]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("starling: error: ")
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(("rack", "why"), RACKS.values(), ids=RACKS)
def test_a_rack_that_makes_no_sense_is_refused_by_name(rack: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rack.toml").write_text(rack + "\n")
    assert why in refused(capsys, "--rack", str(tmp_path / "rack.toml"))


@pytest.mark.parametrize("path", sorted((HOSTILE / "racks").iterdir()), ids=lambda path: path.name)
def test_every_hostile_rack_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert path.name in refused(capsys, "--rack", str(path))


@pytest.mark.parametrize("path", sorted((HOSTILE / "mappings").iterdir()), ids=lambda path: path.name)
def test_every_hostile_mapping_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert path.name in refused(capsys, "tiny", "--mapping", str(path))


# --- a power switch ----------------------------------------------------------------------------------------------------------


@pytest.fixture(name="jack")
def _jack() -> Iterator[dict[str, str]]:
    with server(128, RATE_HZ) as jack:
        yield jack


@pytest.mark.device
def test_a_killed_program_leaves_a_take_and_nothing_else(jack: dict[str, str], tmp_path: Path) -> None:
    """With everything it has: sound on JACK, a MIDI process, two decks, a take with its stems."""
    arguments = ["textures", "field", "--midi-backend", "jack", "--stems", "--record-folder", str(tmp_path)]
    with Program(*arguments, environment=jack) as program:
        program.wait_until_it_plays(2)
        program.ask("/record/start", reply="/done")
        until(lambda: "Starling is here" in program.text)
        heard_s = 0.0
        while heard_s < 4.0:
            heard_s = float(program.ask("/record/state", reply="/record/state.reply")[1])
        left = children(program.pid)
        assert {"deck", "midi", "tracker"} == set(left.values())
        memory = _shared_memory(program.pid)
        assert memory
        program.kill()
    takes = sorted(tmp_path.glob("*.flac"))
    assert [take.stem[20:] for take in takes] == ["deck 1 textures", "deck 2 field", "master"]
    for take in takes:
        length_s = len(played(take)) / RATE_HZ
        print(f"{take.name}: {length_s:.2f} s of {heard_s:.2f} s")
        assert length_s >= heard_s - LOST_S
    until(lambda: not any(is_running(pid) for pid in left), GONE_S)
    until(lambda: not any(path.exists() for path in memory), GONE_S)
    # The lock, the ports and the device are free.
    with Program(*arguments, "--seconds", "6", "--record", environment=jack) as again:
        assert again.ended() == 0, again.text
        assert "JACK Audio Connection Kit" in again.text
        assert "failed" not in again.text
    assert len(list(tmp_path.glob("*master.flac"))) == 2


def _shared_memory(pid: int) -> list[Path]:
    """Blocks of shared memory a process made by Python."""
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return sorted({Path(line.split()[-1]) for line in lines if "/dev/shm/psm_" in line})
