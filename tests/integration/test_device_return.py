"""A sound device that goes and comes again: PortAudio on a JACK server that is killed, and on another of the same name."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.again import undisturbed
from tests.integration.jack_server import wait_for
from tests.integration.show_program import Program, children, is_running, until

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("patch_folder")]
RATE_HZ = 48_000
DEVICE = "system (JACK Audio Connection Kit)"
BACK = f"device {DEVICE} plays again"
NAME = "starling-returns"
"""Always the same: a killed server leaves its place in the list of servers taken, there are eight, and it is given to who has its name."""


@contextmanager
def jack(rate_hz: int = RATE_HZ, started: list[int] | None = None, block_frames: int = 128) -> Iterator[dict[str, str]]:
    """A server, killed at the end: its clients are told nothing. Its process is added to `started`."""
    command = ["jackd", "-n", NAME, "--no-realtime", "-d", "dummy", "-r", str(rate_hz), "-p", str(block_frames)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if started is not None:
        started.append(process.pid)
    try:
        yield wait_for(process, NAME)
    finally:
        process.kill()
        process.wait()


def clock(program: Program) -> int:
    return int(program.ask("/status", reply="/status.reply")[8])


def connections(environment: dict[str, str]) -> str:
    return subprocess.run(["jack_lsp", "-c"], env=os.environ | environment, capture_output=True, text=True, check=False).stdout


def devices(program: Program, before: set[int]) -> list[int]:
    """Processes that came since."""
    return [pid for pid in children(program.pid) if pid not in before]


def saved(program: Program, rack: Path) -> str:
    """The stage as a rack."""
    rack.unlink(missing_ok=True)
    program.send("/rack/save", str(rack))
    until(rack.exists)
    return rack.read_text(encoding="utf-8")


def test_a_device_that_comes_back_plays_again(tmp_path: Path) -> None:
    rack = tmp_path / "rack.toml"
    with jack() as environment:
        program = Program("tiny", "--input", "default", "--device", "system", "--no-midi", environment=environment)
        program.wait_until_it_plays(1)
        before = set(children(program.pid))
    with program:
        until(lambda: "stopped; playing to null and hearing silence until it is there again" in program.text)
        until(lambda: devices(program, before))
        # The clock goes on, and who looks for the device may be lost too.
        frames = clock(program)
        os.kill(devices(program, before)[0], signal.SIGKILL)
        until(lambda: clock(program) > frames + RATE_HZ)

        # Silence is what is heard meanwhile, not what was asked for.
        assert 'device = "default"' in saved(program, rack)

        with jack(44_100) as environment:
            until(lambda: "refuses this sample rate; got 48000 Hz; allowed: 44100 Hz" in program.text)
        with jack() as environment:
            until(lambda: BACK in program.text)
            # What JACK's output gets, and what the input gives.
            said = connections(environment)
            assert "system:playback_1\n   Starling-" in said
            assert "system:capture_1\n   Starling-" in said
            assert "without an input" not in program.text
            frames = clock(program)
            until(lambda: clock(program) > frames + RATE_HZ)
            assert program.state(1)[1] == "playing"
            assert children(program.pid).keys() >= set(program.decks)
        until(lambda: program.text.count("until it is there again") == 2)

        with jack() as environment:
            # The same words so soon are not said again; what is heard is no more what was asked for, but what there is.
            until(lambda: 'device = "system"' in saved(program, rack))
            assert "system:playback_1\n   Starling-sound" in connections(environment)
            player = devices(program, before)
            assert "on system (JACK" in program.played()
        until(lambda: not any(is_running(pid) for pid in player))
        assert [line for line in program.said if "stumbled" in line] == []


def test_a_stage_that_began_without_a_device_plays_through_the_first_there_is() -> None:
    assert undisturbed(_begin_without_a_device, lambda underruns: underruns) == 0


def _begin_without_a_device() -> int:
    """Underruns."""
    nowhere = {"JACK_DEFAULT_SERVER": NAME, "JACK_NO_START_SERVER": "1"}
    with Program("tiny", "--no-midi", environment=nowhere) as program:
        program.wait_until_it_plays(1)
        until(lambda: "no sound device, playing to null until there is one" in program.text)
        with jack():
            until(lambda: "refuses this sample rate; got 44100 Hz; allowed: 48000 Hz" in program.text)
            assert "start it with --resume" in program.text
        before = program.underruns(1)
        # Blocks four times as long as those of `null`: decks have them ready before they are asked for.
        with jack(44_100, block_frames=1_024) as environment:
            until(lambda: f"device {DEVICE} plays" in program.text)
            assert "system:playback_1\n   Starling-sound" in connections(environment)
            frames = clock(program)
            until(lambda: clock(program) > frames + RATE_HZ)
            underruns = program.underruns(1) - before
        # From now on it is this device that is meant.
        until(lambda: f"device {DEVICE} stopped; playing to null until it is there again" in program.text)
        assert program.state(1)[1] == "playing"
        return underruns


def test_a_show_ends_in_order_in_the_moment_its_device_is_lost() -> None:
    with jack() as environment:
        program = Program("tiny", "--no-midi", environment=environment)
        program.wait_until_it_plays(1)
    with program:
        assert "on system (JACK" in program.played()


def test_a_server_that_stood_still_and_goes_on_is_played_through_again_and_the_show_ends_in_order() -> None:
    """The host's own stream wakes up too: it gets silence, and nothing it needs is taken apart before the process ends."""
    started: list[int] = []
    with jack(started=started) as environment, Program("tiny", "--no-midi", environment=environment) as program:
        program.wait_until_it_plays(1)
        os.kill(started[0], signal.SIGSTOP)
        try:
            until(lambda: "until it is there again" in program.text)
        finally:
            os.kill(started[0], signal.SIGCONT)
        until(lambda: BACK in program.text)
        frames = clock(program)
        until(lambda: clock(program) > frames + RATE_HZ)
        assert "on system (JACK" in program.played()


def test_who_plays_on_a_device_ends_with_the_host() -> None:
    with jack() as environment:
        program = Program("tiny", "--no-midi", environment=environment)
        program.wait_until_it_plays(1)
        before = set(children(program.pid))
    with program:
        until(lambda: devices(program, before))
        with jack():
            until(lambda: BACK in program.text)
            player = devices(program, before)
            program.process.kill()
            until(lambda: not any(is_running(pid) for pid in player))
