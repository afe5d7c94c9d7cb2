"""The program on a real audio server: PortAudio on JACK's dummy driver."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("patch_folder")]
ROOT = Path(__file__).parents[2]
SERVER = "starling-test"


@pytest.fixture(name="jack", scope="module")
def _jack() -> Iterator[dict[str, str]]:
    """Environment of a JACK server of the test's own at 48 kHz, 128 frames."""
    assert shutil.which("jackd"), "jackd2 is not installed: .ci/run installs it"
    command = ["jackd", "-n", SERVER, "--no-realtime", "-d", "dummy", "-r", "48000", "-p", "128"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2.0)
    assert server.poll() is None
    yield {"JACK_DEFAULT_SERVER": SERVER, "JACK_NO_START_SERVER": "1"}
    server.terminate()
    server.wait()


def run(jack: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "realtime", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | jack, check=False)


def test_plays_two_decks_at_the_servers_rate(jack: dict[str, str]) -> None:
    done = run(jack, "tiny", "wide", "--seconds", "8", "--seed", "2")
    assert done.returncode == 0, done.stderr
    assert "JACK Audio Connection Kit" in done.stdout
    assert "at 48000 Hz" in done.stdout
    assert ": 0 underruns" in done.stdout


def test_textures_beside_field_without_a_drop_out(jack: dict[str, str]) -> None:
    """A minute here; docs/log.md has five. A lead of 1536 frames is 32 ms at this rate."""
    done = run(jack, "textures", "field", "--lead-frames", "1536", "--seconds", "60", "--seed", "2", "--headless")
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
    command = [sys.executable, "-m", "realtime", "tiny", "--device", "system", "--headless"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | jack, start_new_session=True
    )
    time.sleep(4.0)
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert process.returncode == 0, error
    # It says where it can be reached, and ends without a complaint.
    assert {line.partition(" on ")[0] for line in error.splitlines()} <= {"OSC", "Starling is here"}, error
    assert "0 underruns" in out


def test_without_any_device_the_show_goes_on_with_null() -> None:
    nowhere = {"JACK_DEFAULT_SERVER": "no-such-server", "JACK_NO_START_SERVER": "1"}
    done = run(nowhere, "tiny", "--seconds", "2")
    assert done.returncode == 0, done.stderr
    assert "playing on null" in done.stdout
    assert "no sound device" in done.stderr


def test_a_server_that_dies_does_not_end_the_show() -> None:
    command = ["jackd", "-n", "starling-dies", "--no-realtime", "-d", "dummy", "-r", "48000", "-p", "128"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2.0)
    environment = os.environ | {"JACK_DEFAULT_SERVER": "starling-dies", "JACK_NO_START_SERVER": "1"}
    play = [sys.executable, "-m", "realtime", "tiny", "--input", "default", "--seconds", "6", "--headless"]
    process = subprocess.Popen(play, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    time.sleep(4.0)
    server.kill()
    server.wait()
    try:
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, error
    assert "playing on system" in out
    assert "stopped; playing to null and hearing silence" in error
    assert "played 6." in out


def test_the_stage_benchmark_has_no_underrun_under_load() -> None:
    """Two decks, three host threads spinning in Python; the full minute of it is `make bench`."""
    command = [sys.executable, "-m", "benchmarks", "stage", "--patch", "tiny", "--seconds", "15", "--baseline-seconds", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])["results"]
    assert results["underruns"] == 0
    assert results["decks"] == 2
    assert results["spinning_threads"] == 3
    assert results["baseline_missed_blocks"] > 10 * max(results["missed_blocks"], 1)
