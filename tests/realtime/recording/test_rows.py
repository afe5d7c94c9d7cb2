"""The rows under /record as clients ask for them: a real engine on the device `null`, the real core, real files."""

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from realtime.control.address import Value
from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.control.outcome import Origin, Outcome
from realtime.engine import Engine, EngineConfig
from realtime.frame_clock import FrameClock
from realtime.recording.recorder import Recorder
from realtime.recording.rows import serve

LIMIT_S = 30.0


class Client:
    """Somebody who asks and waits for the answer."""

    def __init__(self, core: ControlCore) -> None:
        self._core = core
        self._told: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def ask(self, path: str, *arguments: Value) -> Outcome:
        self._core.request(path, arguments, Origin("osc", "test", self._told.put))
        return self._told.get(timeout=LIMIT_S)


@pytest.fixture(name="client", scope="module")
def _client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Engine(EngineConfig(decks=1, device="null", sample_rate_hz=44_100, block_frames=128)) as engine:
        log = EventLog()
        recorder = Recorder(engine.block, 1, log, tmp_path_factory.mktemp("takes"))
        core = ControlCore(engine, FrameClock(engine.block), log)
        serve(core, recorder)
        core.start()
        recorder.start()
        yield Client(core)
        recorder.close()
        core.close()


def wait_for(client: Client, seconds: float) -> None:
    end = time.monotonic() + LIMIT_S
    while float(client.ask("/record/state").values[1]) < seconds:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_start_state_stop(client: Client) -> None:
    begun = client.ask("/record/start", "one.wav", 1)
    assert begun.state == "done"
    path = Path(str(begun.values[0]))
    assert path.name == "one.wav"
    wait_for(client, 0.5)
    state = client.ask("/record/state")
    assert state.state == "answer"
    assert (state.values[0], *state.values[2:]) == (1, 0, str(path))
    done = client.ask("/record/stop")
    assert done.state == "done"
    assert done.values[0] == str(path)
    for file in (path, path.with_name("one deck 1.wav")):
        assert soundfile.info(file).duration == done.values[1]
    assert client.ask("/record/state").values == (0, 0.0, 0, "")


def test_without_arguments_a_take_is_the_master_with_the_time_of_day(client: Client) -> None:
    path = Path(str(client.ask("/record/start").values[0]))
    assert path.name.endswith(" master.flac")
    wait_for(client, 0.3)
    assert client.ask("/record/stop").state == "done"
    assert not list(path.parent.glob("*deck*.flac"))


def test_the_pre_roll_is_saved_beside_a_running_take(client: Client) -> None:
    assert client.ask("/record/start", "running.wav").state == "done"
    wait_for(client, 0.3)
    saved = client.ask("/record/preroll", "before.wav")
    assert saved.state == "done"
    assert soundfile.info(str(saved.values[0])).duration == saved.values[1]
    assert client.ask("/record/state").values[0] == 1
    assert client.ask("/record/stop").state == "done"


@pytest.mark.parametrize(
    ("path", "arguments", "why"),
    [
        ("/record/stop", (), "nothing is being recorded"),
        ("/record/start", ("one.mp3",), "format"),
        ("/record/start", (".",), "is a folder"),
        ("/record/preroll", ("nowhere/one.wav",), "does not exist"),
        ("/record/start", (1.0,), "allowed: text"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(client: Client, path: str, arguments: tuple[Value, ...], why: str) -> None:
    refused = client.ask(path, *arguments)
    assert refused.state == "failed"
    assert why in refused.why
