"""A hundred thousand messages a second for ten seconds on a real port of a stage that plays: nobody notices but the log, once."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realtime import commands as do
from realtime.control.address import Value
from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.engine import Engine, EngineConfig
from realtime.frame_clock import FrameClock
from realtime.osc.packet import encode
from realtime.osc.server import OscServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("patch_folder")]
RATE_HZ = 100_000
SECONDS = 10.0
LAST = {"/deck/1/gain": -1.25, "/deck/1/pan": 0.5, "/deck/2/gain": -2.5, "/deck/2/pan": -0.25, "/master/gain": -0.75}
PATIENCE_S = 60.0
LEAD_FRAMES = 8192
"""0.19 s: longer than a shared machine stands still by itself, so that an underrun is the flood's."""
HEARD_DB = 1e-4
"""A gain is read back from the mixer's factor, which has 24 bits."""
GROWTH_BYTES = 24 << 20
"""Kept log lines, buffers of the receiver and what the allocator holds back; a leak of one packet each would be twenty times as much."""


@pytest.fixture(name="stage")
def _stage() -> Iterator[tuple[Engine, ControlCore, OscServer, EventLog]]:
    log = EventLog()
    with Engine(EngineConfig(decks=2, device="null", sample_rate_hz=44_100, block_frames=128, lead_frames=LEAD_FRAMES, seed=1)) as engine:
        for deck in (0, 1):
            engine.send(do.Load(deck, "tiny"))
        assert engine.settle(PATIENCE_S)
        core = ControlCore(engine, FrameClock(engine.block), log)
        core.start()
        server = OscServer(core, "127.0.0.1", 0, log)
        server.start()
        yield engine, core, server, log
        server.close()
        core.close()


def _until(condition: Callable[[], bool], show: Callable[[], str] = str) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, f"it did not come: {show()}"
        time.sleep(0.02)


def _values(core: ControlCore) -> dict[str, Value]:
    return {path: (core.read(path) or ("none",))[0] for path in LAST}


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def test_a_flood_loses_no_last_value_and_no_sound(stage: tuple[Engine, ControlCore, OscServer, EventLog]) -> None:
    engine, core, server, log = stage
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        # Somebody listens meanwhile, and never reads.
        client.connect(("127.0.0.1", server.port))
        client.send(encode("/notify", (1,)))
        _until(lambda: server.snapshot().clients == 1)
        before = [deck.underruns for deck in engine.snapshot().decks]
        resident = _resident_bytes()
        command = [sys.executable, "-m", "tests.fuzz.osc_flooder", str(server.port), str(RATE_HZ), str(SECONDS)]
        command += [f"{path}={value}" for path, value in LAST.items()]
        done = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True, timeout=SECONDS + PATIENCE_S
        )
        _until(
            lambda: not server.receiver.is_flooded and _values(core) == pytest.approx(LAST, abs=HEARD_DB),
            lambda: f"{done.stdout.strip()} sent, {server.snapshot()}, {_values(core)}",
        )
        snapshot = server.snapshot()
        print(f"{done.stdout.strip()} sent, {snapshot}, {_resident_bytes() - resident} bytes more")
        assert _values(core) == pytest.approx(LAST, abs=HEARD_DB)
        assert snapshot.dropped > 0
        assert (snapshot.errors, snapshot.refused) == (0, 0)
        assert len([line for line in log.lines() if "sends more than is listened to" in line.text]) <= 2
        assert [deck.underruns for deck in engine.snapshot().decks] == before
        assert _resident_bytes() - resident < GROWTH_BYTES
