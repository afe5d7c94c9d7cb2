"""The program on a real audio server: PortAudio on JACK's dummy driver."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.again import underruns_said, undisturbed
from tests.integration.jack_server import ROOT, server, wait_for
from tests.integration.show_program import Program, until

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("patch_folder")]
RATE_HZ = 48_000


@pytest.fixture(name="jack", scope="module")
def _jack() -> Iterator[dict[str, str]]:
    """Environment of a JACK server of the test's own at 48 kHz, 128 frames."""
    with server(128, RATE_HZ, "starling-test") as environment:
        yield environment


def run(jack: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "realtime", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | jack, check=False)


def test_plays_two_decks_at_the_servers_rate(jack: dict[str, str]) -> None:
    done = run(jack, "tiny", "wide", "--lead-frames", "8192", "--seconds", "5", "--seed", "2")
    assert done.returncode == 0, done.stderr
    assert "JACK Audio Connection Kit" in done.stdout
    assert "at 48000 Hz" in done.stdout
    assert ": 0 underruns" in done.stdout


def test_textures_beside_field_without_a_drop_out(jack: dict[str, str]) -> None:
    """A quarter of a minute; in test_show_under_load more, under load; docs/log.md has five. 1536 frames are 32 ms at this rate."""

    def play() -> subprocess.CompletedProcess[str]:
        return run(jack, "textures", "field", "--lead-frames", "1536", "--seconds", "15", "--seed", "2", "--headless")

    done = undisturbed(play, lambda done: underruns_said(done.stdout))
    assert done.returncode == 0, done.stderr
    assert ": 0 underruns" in done.stdout


def test_devices_lists_the_server(jack: dict[str, str]) -> None:
    done = run(jack, "devices")
    assert done.returncode == 0
    assert "[JACK Audio Connection Kit]" in done.stdout
    outputs, inputs = done.stdout.split("inputs")
    for listed in (outputs, inputs):
        assert "48000 Hz" in listed
        assert "null" in listed


def test_an_unknown_input_is_named_with_those_there_are(jack: dict[str, str]) -> None:
    done = run(jack, "tiny", "--input", "Moon", "--seconds", "1")
    assert done.returncode == 2
    assert "no input device has this name; got Moon; allowed: 0: system, null" in done.stderr


def test_a_rate_the_server_refuses_is_named(jack: dict[str, str]) -> None:
    done = run(jack, "tiny", "--sample-rate", "44100", "--seconds", "1")
    assert done.returncode == 1
    assert "refuses this sample rate; got 44100 Hz; allowed: 48000 Hz" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_device_is_named_with_those_there_are(jack: dict[str, str]) -> None:
    done = run(jack, "tiny", "--device", "Moon", "--seconds", "1")
    assert done.returncode == 2
    assert "got Moon" in done.stderr
    assert "system" in done.stderr


def test_a_device_by_name_and_ctrl_c(jack: dict[str, str]) -> None:
    with Program("tiny", "--device", "system", "--lead-frames", "8192", environment=jack) as program:
        program.wait_until_it_plays(1)
        # As a terminal says it: to every process of it.
        os.killpg(program.pid, signal.SIGINT)
        assert program.ended() == 0, program.text
    assert "playing on system" in program.text
    assert ": 0 underruns" in program.text
    # It says where it can be reached, and ends without a complaint.
    assert [line for line in program.said if not line.startswith(("OSC on ", "Starling is here"))] == []


def test_without_any_device_the_show_goes_on_with_null() -> None:
    nowhere = {"JACK_DEFAULT_SERVER": "no-such-server", "JACK_NO_START_SERVER": "1"}
    done = run(nowhere, "tiny", "--seconds", "2")
    assert done.returncode == 0, done.stderr
    assert "playing on null" in done.stdout
    assert "no sound device" in done.stderr


def test_a_server_that_dies_does_not_end_the_show() -> None:
    name = "starling-dies"
    command = ["jackd", "-n", name, "--no-realtime", "-d", "dummy", "-r", str(RATE_HZ), "-p", "128"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        environment = wait_for(process, name)
        with Program("tiny", "--input", "default", "--no-midi", environment=environment) as program:
            program.wait_until_it_plays(1)
            assert "playing on system" in program.text
            process.kill()
            process.wait()
            until(lambda: "stopped; playing to null and hearing silence" in program.text)
            frames = int(program.ask("/status", reply="/status.reply")[8])
            until(lambda: int(program.ask("/status", reply="/status.reply")[8]) > frames + RATE_HZ)
            assert program.state(1)[1] == "playing"
            assert "played " in program.played()
    finally:
        process.kill()
        process.wait()


def test_the_stage_benchmark_has_no_underrun_under_load() -> None:
    """Two decks, three host threads spinning in Python; the full minute of it is `make bench`."""
    command = [sys.executable, "-m", "benchmarks", "stage", "--patch", "tiny", "--seconds", "8", "--baseline-seconds", "4"]

    def measure() -> dict[str, Any]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        results: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["results"]
        return results

    results = undisturbed(measure, lambda results: int(results["underruns"]))
    assert results["underruns"] == 0
    assert results["decks"] == 2
    assert results["spinning_threads"] == 3
    assert results["baseline_missed_blocks"] > 10 * max(results["missed_blocks"], 1)
