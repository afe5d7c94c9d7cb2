"""The socket: real ports on this machine."""

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import cast

import pytest

from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.errors import UsageError
from realtime.osc.flood import FloodLimits
from realtime.osc.packet import encode
from realtime.osc.server import OscServer, PortError
from tests.fuzz.osc_corpus import hostile
from tests.realtime.osc.recording_core import RecordingCore

PATIENCE_S = 10.0


@pytest.fixture(name="core")
def _core() -> RecordingCore:
    return RecordingCore()


@pytest.fixture(name="server")
def _server(core: RecordingCore) -> Iterator[OscServer]:
    server = OscServer(cast(ControlCore, core), "127.0.0.1", 0, EventLog())
    server.start()
    yield server
    server.close()
    assert server.snapshot().errors == 0


@pytest.fixture(name="client")
def _client(server: OscServer) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", server.port))
        client.settimeout(PATIENCE_S)
        yield client


def _until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.005)


def test_a_message_there_and_its_answer_back(core: RecordingCore, client: socket.socket) -> None:
    client.send(encode("/deck/1/gain", (-6.0,)))
    client.send(encode("/deck/1/load", ("bees",)))
    assert client.recv(1500) == encode("/done", ("/deck/1/load", "bees"))
    assert core.values["/deck/1/gain"] == (-6.0,)


def test_feedback_comes_from_the_same_port(core: RecordingCore, server: OscServer, client: socket.socket) -> None:
    client.send(encode("/notify", (1,)))
    assert client.recv(1500).startswith(b"/done")
    # All values there are, first.
    assert client.recv(1500).startswith(b"#bundle")
    core.change("/deck/2/pan", 0.25)
    assert encode("/deck/2/pan", (0.25,)) in client.recv(1500)
    assert server.snapshot().clients == 1


def test_a_program_that_hears_on_another_port_than_it_sends_from(core: RecordingCore, server: OscServer, client: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(PATIENCE_S)
        port = ear.getsockname()[1]
        client.send(encode("/notify", (1,)))
        assert client.recv(1500).startswith(b"/done")
        assert client.recv(1500).startswith(b"#bundle")
        client.send(encode("/reply", (float(port),)))
        assert ear.recv(1500) == encode("/done", ("/reply", port))
        client.send(encode("/deck/1/load", ("bees",)))
        assert ear.recv(1500) == encode("/done", ("/deck/1/load", "bees"))
        core.change("/deck/2/pan", 0.25)
        assert encode("/deck/2/pan", (0.25,)) in ear.recv(1500)
        client.send(encode("/reply", (0,)))
        assert client.recv(1500) == encode("/done", ("/reply", 0))
        client.send(encode("/q/deck/2/pan", ()))
        assert client.recv(1500) == encode("/deck/2/pan", (0.25,))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say who is gone")
def test_a_client_whose_port_is_closed_is_told_no_more(core: RecordingCore, server: OscServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.connect(("127.0.0.1", server.port))
        other.send(encode("/notify", (1,)))
        _until(lambda: server.snapshot().clients == 1)
    for number in range(10):
        core.change("/deck/1/gain", -float(number))
        time.sleep(0.05)
    _until(lambda: server.snapshot().clients == 0)
    # What was being sent just then has gone.
    time.sleep(0.1)
    sent = server.snapshot().sent
    core.change("/deck/1/gain", -20.0)
    time.sleep(0.1)
    assert server.snapshot().sent == sent


def test_a_client_that_never_reads_holds_nobody_up(core: RecordingCore, server: OscServer, client: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.connect(("127.0.0.1", server.port))
        deaf.send(encode("/notify", (1,)))
        for _ in range(2000):
            deaf.send(encode("/q/deck/1/gain"))
        client.send(encode("/status"))
        assert client.recv(1500).startswith(b"/status.reply")


def test_hostile_packets_leave_it_listening(server: OscServer, client: socket.socket) -> None:
    small = [packet for packet in hostile().values() if len(packet) < 60_000]
    for packet in small:
        client.send(packet)
    client.send(b"x" * 65_000)
    _until(lambda: server.snapshot().received == len(small) + 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another:
        another.connect(("127.0.0.1", server.port))
        another.settimeout(PATIENCE_S)
        another.send(encode("/status"))
        assert another.recv(1500).startswith(b"/status.reply")


def test_a_port_in_use_is_a_named_error(server: OscServer) -> None:
    second = OscServer(cast(ControlCore, RecordingCore()), "127.0.0.1", server.port, EventLog())
    with pytest.raises(PortError, match=f"OSC on 127.0.0.1:{server.port}; got a port in use; another program has the port") as caught:
        second.start()
    second.close()
    assert isinstance(caught.value, UsageError)


@pytest.mark.parametrize(
    ("host", "port"), [("203.0.113.7", 0), ("no such host", 0), ("127.0.0.1", 70_000), ("", 0), ("127.0.0.1", -1), ("a" * 300, 9000)]
)
def test_an_address_that_is_none_is_a_named_error(host: str, port: int) -> None:
    server = OscServer(cast(ControlCore, RecordingCore()), host, port, EventLog())
    with pytest.raises(PortError, match="OSC on "):
        server.start()
    server.close()


def _has_version_six() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux" and not _has_version_six(), reason="not every system has IPv6; Linux, where CI runs, has to")
def test_version_six(core: RecordingCore) -> None:
    server = OscServer(cast(ControlCore, core), "::1", 0, EventLog())
    server.start()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.connect(("::1", server.port))
        client.settimeout(PATIENCE_S)
        client.send(encode("/q/deck/1/gain"))
        assert client.recv(1500) == encode("/deck/1/gain", (0.0,))
    server.close()


def test_closing_gives_the_port_back(core: RecordingCore) -> None:
    first = OscServer(cast(ControlCore, core), "127.0.0.1", 0, EventLog())
    first.start()
    port = first.port
    first.close()
    first.close()
    second = OscServer(cast(ControlCore, core), "127.0.0.1", port, EventLog())
    second.start()
    assert second.port == port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(PATIENCE_S)
        client.send(encode("/q/deck/1/gain"))
        assert client.recv(1500) == encode("/deck/1/gain", (0.0,))
    second.close()


def test_many_who_send_at_once_lose_no_last_value(core: RecordingCore) -> None:
    paths = list(core.values)
    server = OscServer(cast(ControlCore, core), "127.0.0.1", 0, EventLog(), FloodLimits(total_rate_hz=500.0, total_burst=10.0))
    server.start()
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in paths]
        for client in clients:
            client.connect(("127.0.0.1", server.port))
        for number in range(20):
            for client, path in zip(clients, paths, strict=True):
                client.send(encode(path, (-float(number),)))
        _until(lambda: server.snapshot().received == 20 * len(paths) and not server.receiver.is_flooded)
    _until(lambda: {core.values[path] for path in paths} == {(-19.0,)})
    snapshot = server.snapshot()
    assert snapshot.messages + snapshot.dropped == snapshot.received
    assert (snapshot.thrown_away, snapshot.errors) == (0, 0)
    server.close()
