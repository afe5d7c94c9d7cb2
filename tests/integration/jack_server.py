"""A JACK server of a test's own on the dummy driver, and programs that are its clients."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = "starling-input"
LIMIT_S = 30.0


@contextmanager
def server(block_frames: int, rate_hz: int, name: str = SERVER) -> Iterator[dict[str, str]]:
    """Environment of a server."""
    assert shutil.which("jackd"), "jackd2 is not installed: .ci/run installs it"
    # Whatever else tests on this machine, or was killed while it did, has servers of other names.
    name = f"{name}-{os.getpid()}"
    command = ["jackd", "-n", name, "--no-realtime", "-d", "dummy", "-r", str(rate_hz), "-p", str(block_frames)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield wait_for(process, name)
    finally:
        # Asked, not killed: a killed server leaves its place in the list of servers taken, and there are eight.
        process.terminate()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], name: str) -> dict[str, str]:
    """Environment of a server, once a client can reach it."""
    environment = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    end_s = time.monotonic() + LIMIT_S
    while subprocess.run(["jack_lsp"], env=os.environ | environment, capture_output=True, check=False).returncode:
        assert process.poll() is None, "the JACK server did not start"
        assert time.monotonic() < end_s, "the JACK server cannot be reached"
        time.sleep(0.1)
    assert process.poll() is None, "there is a JACK server of this name already"
    return environment


def begin(jack: dict[str, str], module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a client: a module that prints one JSON object as its last line."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | jack, cwd=ROOT)


def result(process: subprocess.Popen[str]) -> dict[str, float]:
    """What a client said when it had ended."""
    try:
        out, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, error
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found
