"""OSCQuery over the real thing: an engine on the device `null`, the control core, the OSC receiver, and a client."""

import json
import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_message import OscMessage
from websockets.sync.client import ClientConnection, connect

from realtime import commands as do
from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.engine import Engine, EngineConfig
from realtime.frame_clock import FrameClock
from realtime.osc.packet import encode
from realtime.osc.receiver import OscReceiver
from realtime.oscquery.listener import say
from realtime.oscquery.server import OscQueryServer

SETTLE_S = 60.0
GAIN = "/deck/1/gain"
CONTINUITY = "/deck/1/param/continuity"


class Stage:
    """Everything between a client and the sound."""

    def __init__(self) -> None:
        self.log = EventLog()
        self.engine = Engine(EngineConfig(decks=1, device="null", sample_rate_hz=44_100, block_frames=128, seed=11))
        self.engine.start()
        self.core = ControlCore(self.engine, FrameClock(self.engine.block), self.log)
        self.core.start()
        self.receiver = OscReceiver(self.core, self.log)
        self.server = OscQueryServer(self.core, 9000, "127.0.0.1", 0, self.log, self.receiver, announce=False)
        self.server.start()

    def close(self) -> None:
        self.server.close()
        self.core.close()
        self.engine.close()

    def fetch(self, target: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}{target}", timeout=SETTLE_S) as response:
            return json.loads(response.read())

    def connect(self) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.server.port}/", open_timeout=SETTLE_S)


@pytest.fixture
def stage(patch_folder: Path) -> Iterator[Stage]:
    running = Stage()
    yield running
    running.close()


def receive_until(client: ClientConnection, holds: Callable[[str | bytes], bool]) -> str | bytes:
    end_s = time.monotonic() + SETTLE_S
    while not holds(got := client.recv(timeout=SETTLE_S)):
        assert time.monotonic() < end_s, "it did not come"
    return got


def test_a_client_follows_a_patch_and_drives_it(stage: Stage) -> None:
    with stage.connect() as client:
        client.send(say("LISTEN", "/deck/1"))
        stage.engine.send(do.Load(0, "tiny"))
        # What a patch brings is told, can be read, and is heard of without another LISTEN.
        told = receive_until(client, lambda got: isinstance(got, str))
        assert json.loads(told)["COMMAND"] == "PATH_CHANGED"
        changed = stage.fetch(json.loads(told)["DATA"])
        assert CONTINUITY.rpartition("/")[2] in changed["CONTENTS"]["param"]["CONTENTS"]
        assert stage.fetch(f"{CONTINUITY}?VALUE") == {"VALUE": [0.5]}
        client.send(encode(CONTINUITY, (0.25,)))
        receive_until(client, lambda got: got == encode(CONTINUITY, (0.25,)))
        assert stage.fetch(f"{CONTINUITY}?VALUE") == {"VALUE": [0.25]}
        # Out of range: clipped, said to who asked, and told as it is.
        client.send(encode(GAIN, (600.0,)))
        clipped = receive_until(client, lambda got: isinstance(got, bytes) and got.startswith(b"/clipped"))
        assert isinstance(clipped, bytes)
        assert list(OscMessage(clipped)) == [GAIN, 600.0, 12.0]
        receive_until(client, lambda got: got == encode(GAIN, (12.0,)))
        (deck,) = stage.engine.snapshot().decks
        assert 12.0 in deck.stage
        assert 0.25 in deck.values


def test_what_another_hand_changes_is_heard(stage: Stage) -> None:
    with stage.connect() as client:
        client.send(say("LISTEN", GAIN))
        stage.engine.send(do.SetControl(0, "gain", -3.0))
        heard = receive_until(client, lambda got: isinstance(got, bytes) and got != encode(GAIN, (0.0,)))
        assert isinstance(heard, bytes)
        assert OscMessage(heard).address == GAIN
        assert list(OscMessage(heard)) == pytest.approx([-3.0], abs=1e-4)


def test_junk_changes_no_control(stage: Stage) -> None:
    before = stage.core.changes(0)[1]
    noise = random.Random(7)
    valid = encode(GAIN, (-30.0,))
    with stage.connect() as client:
        for _ in range(500):
            cut = valid[: noise.randrange(len(valid))] + noise.randbytes(noise.randrange(1, 9))
            client.send(cut.replace(GAIN.encode(), b"/deck/1/gaim"))
            client.send(noise.randbytes(noise.randrange(200)))
        client.send(encode("/q" + GAIN, ()))
        receive_until(client, lambda got: got == encode(GAIN, (0.0,)))
    assert stage.core.changes(0)[1] == before
    assert stage.receiver.snapshot().errors == 0
    assert stage.receiver.snapshot().clients == 0
