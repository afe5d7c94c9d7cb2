"""OSCQuery and people who mean harm, or whose programs do: the server goes on for everybody else, within its bounds, and says it once."""

import contextlib
import json
import random
import socket
import struct
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from realtime.control.event_log import EventLog
from realtime.osc.packet import encode
from realtime.oscquery import limits
from realtime.oscquery.listener import say
from realtime.oscquery.server import OscQueryServer
from tests.realtime.oscquery import hand_server
from tests.realtime.oscquery.hand_core import HandCore, HandReceiver

PATIENCE_S = 30.0
"""Longer than anything here takes on a busy machine; reached only when something is broken."""
CROWD = 500
GAIN = "/deck/1/gain"
PAN = "/deck/1/pan"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


core, receiver, log, traffic = hand_server.core, hand_server.receiver, hand_server.log, hand_server.traffic
server = hand_server.server


@pytest.fixture
def friend(server: OscQueryServer) -> Iterator[ClientConnection]:
    """A client that was there before, listens to the gain and means no harm."""
    with connect(f"ws://127.0.0.1:{server.port}/", open_timeout=PATIENCE_S) as client:
        client.send(say("LISTEN", GAIN))
        assert client.recv(timeout=PATIENCE_S) == encode(GAIN, (0.0,))
        yield client


def until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.005)


def still_served(server: OscQueryServer, core: HandCore, friend: ClientConnection, value: float) -> None:
    """A new client reads the tree, and the friend hears of a change."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=PATIENCE_S) as response:
        assert json.loads(response.read())["FULL_PATH"] == "/"
    core.set(GAIN, value)
    while friend.recv(timeout=PATIENCE_S) != encode(GAIN, (value,)):
        pass


@contextlib.contextmanager
def crowd(server: OscQueryServer, first: bytes = b"", number: int = CROWD) -> Iterator[list[socket.socket]]:
    """Connections that are held open; each says `first` and no more."""
    with contextlib.ExitStack() as held:
        sockets = []
        for _ in range(number):
            one = held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S))
            with contextlib.suppress(ConnectionError):
                one.sendall(first)
            sockets.append(one)
        yield sockets


def first_line(server: OscQueryServer, data: bytes, *, ends: bool = True) -> bytes:
    """What is answered to these bytes; empty where the connection is just closed. `ends`: nothing follows, and the server is told."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(data)
        if ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_WR)
        try:
            with one.makefile("rb") as answer:
                return answer.readline().strip()
        except (ConnectionError, OSError):
            return b""


# --- a crowd ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "half a line", "half a head"])
def test_500_connections_that_say_nothing_keep_nobody_out(
    first: bytes, server: OscQueryServer, core: HandCore, friend: ClientConnection, log: EventLog
) -> None:
    with crowd(server, first):
        still_served(server, core, friend, -1.0)
        assert server.snapshot().connections <= limits.CONNECTIONS
        still_served(server, core, friend, -2.0)
    until(lambda: server.snapshot().connections == 1)
    assert len(log.lines()) <= 2


def test_500_websockets_are_held_to_the_limit(server: OscQueryServer, core: HandCore, friend: ClientConnection, log: EventLog) -> None:
    with crowd(server, UPGRADE):
        until(lambda: server.snapshot().listeners == limits.LISTENERS)
        still_served(server, core, friend, -1.0)
        found = server.snapshot()
        assert found.listeners == limits.LISTENERS
        assert found.refused > 0
    until(lambda: server.snapshot().listeners == 1)
    with connect(f"ws://127.0.0.1:{server.port}/", open_timeout=PATIENCE_S):
        pass
    assert len(log.lines()) <= 3


def test_500_that_ask_for_the_tree_and_never_take_it(server: OscQueryServer, core: HandCore, friend: ClientConnection) -> None:
    with crowd(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        still_served(server, core, friend, -1.0)
        assert server.snapshot().connections <= limits.CONNECTIONS


def test_connections_that_are_reset_at_once(server: OscQueryServer, core: HandCore, friend: ClientConnection, log: EventLog) -> None:
    for number in range(CROWD):
        one = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        with contextlib.suppress(ConnectionError):
            one.sendall((b"", UPGRADE, b"GET / HTTP/1.1\r\n\r\n")[number % 3])
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
    still_served(server, core, friend, -1.0)
    until(lambda: server.snapshot().connections == 1)
    assert len(log.lines()) <= 2


def test_who_says_nothing_is_closed_in_time(core: HandCore, log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OPEN_TIMEOUT_S", 0.2)
    server = OscQueryServer(core, 9000, "127.0.0.1", 0, log, announce=False)
    server.start()
    try:
        with crowd(server, b"GET", 3) as sockets:
            assert [one.recv(1) for one in sockets] == [b""] * 3
    finally:
        server.close()


# --- requests ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "allowed"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", (b"431", b"400")),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 10_000 + b"\r\n", (b"431", b"400")),
        (b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"414",)),
        (b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n\r\n", (b"431", b"400")),
        (b"GET " + b"/" * 2_000 + b"deck HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"404",)),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"400",)),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"400",)),
        (b"GET ../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"400",)),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n", (b"400", b"405")),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (b"400", b"405", b"501")),
        (b"GET / HTTP/9.9\r\n\r\n", (b"400", b"505")),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500, (b"400",)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (b"400", b"505")),
        (b"\x00" * 100_000, (b"431", b"400")),
        (b"\r\n" * 1_000, (b"400", b"431")),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: localhost\r\n\r\n", (b"400",)),
        (UPGRADE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"AA"), (b"400",)),
        (UPGRADE.replace(b": 13", b": 99"), (b"400",)),
        (UPGRADE.replace(b"GET", b"PUT"), (b"405",)),
    ],
    ids=[
        "long header",
        "many headers",
        "long path",
        "longer path",
        "many strokes",
        "path that is no UTF-8",
        "path that is no ASCII",
        "path that climbs",
        "long body",
        "body in pieces",
        "unknown version",
        "TLS",
        "HTTP/2",
        "zeros",
        "empty lines",
        "WebSocket without key",
        "WebSocket with short key",
        "WebSocket of another version",
        "WebSocket by PUT",
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    data: bytes, allowed: tuple[bytes, ...], server: OscQueryServer, core: HandCore, friend: ClientConnection, log: EventLog
) -> None:
    for _ in range(3):
        line = first_line(server, data)
        assert line == b"" or line.split(b" ")[1] in allowed, line
    still_served(server, core, friend, -1.0)
    assert len(log.lines()) <= 1


def test_noise(server: OscQueryServer, core: HandCore, friend: ClientConnection, log: EventLog) -> None:
    noise = random.Random(5)
    for _ in range(200):
        line = first_line(server, noise.randbytes(noise.randrange(1, 5_000)))
        assert line == b"" or line.startswith(b"HTTP/1.1 4")
    still_served(server, core, friend, -1.0)
    assert len(log.lines()) <= 1


def test_a_flood_of_requests_waits_its_turn(server: OscQueryServer, core: HandCore, friend: ClientConnection) -> None:
    answered = []

    def ask() -> None:
        for _ in range(50):
            with contextlib.suppress(OSError):
                answered.append(first_line(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ends=False))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    still_served(server, core, friend, -1.0)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(answered) == 400
    assert set(answered) <= {b"HTTP/1.1 200 OK", b"HTTP/1.1 503 Service Unavailable", b""}
    assert answered.count(b"HTTP/1.1 200 OK") > 300


# --- WebSockets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x02{}",
        b"\x82\x80\x00\x00\x00\x00" * 3 + b"\xff\xff\xff\xff",
        b"\xf2\x80\x00\x00\x00\x00",
        b"\x81\x82\x00\x00\x00\x00\xff\xff",
        b"\x82\xff" + struct.pack(">Q", 2**62) + b"\x00\x00\x00\x00",
        b"\x82\xfe" + struct.pack(">H", limits.MESSAGE_BYTES + 1) + b"\x00\x00\x00\x00" + b"x" * (limits.MESSAGE_BYTES + 1),
        b"\x89\xfe" + struct.pack(">H", 200) + b"\x00\x00\x00\x00" + b"x" * 200,
        b"\x80\x80\x00\x00\x00\x00",
        b"\x02\x81\x00\x00\x00\x00x" + b"\x00\xfe" + struct.pack(">H", 60_000) + b"\x00\x00\x00\x00" + b"x" * 60_000,
    ],
    ids=["unmasked", "junk after", "reserved bits", "bad UTF-8", "2^62 bytes", "too long", "long ping", "stray part", "long parts"],
)
def test_a_broken_frame_ends_its_own_connection_only(
    frame: bytes, server: OscQueryServer, core: HandCore, friend: ClientConnection, log: EventLog
) -> None:
    with crowd(server, UPGRADE, 1) as (one,):
        until(lambda: server.snapshot().listeners == 2)
        with contextlib.suppress(ConnectionError):
            one.sendall(frame)
            while one.recv(65_536):
                pass
    until(lambda: server.snapshot().listeners == 1)
    still_served(server, core, friend, -1.0)
    assert len(log.lines()) <= 1


def test_junk_over_the_websocket(
    server: OscQueryServer, core: HandCore, receiver: HandReceiver, friend: ClientConnection, log: EventLog
) -> None:
    noise = random.Random(6)
    with connect(f"ws://127.0.0.1:{server.port}/", open_timeout=PATIENCE_S) as client:
        for _ in range(limits.REFUSALS // 2):
            client.send(noise.randbytes(noise.randrange(0, 2_000)).decode("latin-1"))
            client.send(noise.randbytes(noise.randrange(0, 2_000)))
        client.send(say("LISTEN", PAN))
        assert client.recv(timeout=PATIENCE_S) == encode(PAN, (0.0,))
    assert len(receiver.got) == limits.REFUSALS // 2
    still_served(server, core, friend, -1.0)
    assert len(log.lines()) == 1


def test_a_flood_over_the_websocket_is_slowed_and_nothing_is_lost(
    server: OscQueryServer, core: HandCore, receiver: HandReceiver, friend: ClientConnection
) -> None:
    number = round(limits.MESSAGES_PER_S * 1.5)
    packets = [encode(PAN, (float(each),)) for each in range(number)]
    with connect(f"ws://127.0.0.1:{server.port}/", open_timeout=PATIENCE_S) as client:
        for packet in packets:
            client.send(packet)
        still_served(server, core, friend, -1.0)
        until(lambda: len(receiver.got) == number)
    assert [datagram for datagram, _ in receiver.got] == packets


def test_a_client_that_never_reads_costs_little_and_is_dropped(
    server: OscQueryServer,
    core: HandCore,
    receiver: HandReceiver,
    friend: ClientConnection,
    log: EventLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "STALLED_S", 0.5)
    with crowd(server, UPGRADE, 1) as (one,):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        until(lambda: server.snapshot().listeners == 2)
        one.sendall(b"\x82\x81\x00\x00\x00\x00x")
        until(lambda: receiver.sends != [])
        # Answers without end, until they are not taken any more.
        end_s = time.monotonic() + PATIENCE_S
        while receiver.sends[0](b"x" * 4_096):
            assert time.monotonic() < end_s
            time.sleep(0.0005)
        still_served(server, core, friend, -1.0)
        until(lambda: server.snapshot().dropped == 1)
    still_served(server, core, friend, -2.0)
    assert server.snapshot().listeners == 1
    assert [line.count for line in log.lines()] == [1]


def test_a_reader_that_pauses_gets_the_last_values_and_not_all_it_missed(server: OscQueryServer, core: HandCore) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/", open_timeout=PATIENCE_S, max_queue=1) as client:
        client.send(say("LISTEN", GAIN))
        changes = 0
        end_s = time.monotonic() + 1.0
        while time.monotonic() < end_s:
            changes += 1
            core.set(GAIN, -changes / 1_000.0)
        core.set(GAIN, -60.0)
        got = 1
        while client.recv(timeout=PATIENCE_S) != encode(GAIN, (-60.0,)):
            got += 1
        assert got < changes


def test_who_goes_away_in_the_middle_is_forgotten(
    server: OscQueryServer, core: HandCore, receiver: HandReceiver, friend: ClientConnection
) -> None:
    for _ in range(20):
        with crowd(server, UPGRADE, 10) as sockets:
            for one in sockets:
                with contextlib.suppress(ConnectionError):
                    one.sendall(b"\x82\xfe\x10\x00\x00\x00\x00\x00half")
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: server.snapshot().connections == 1)
    assert server.snapshot().listeners == 1
    assert receiver.got == [], "half a message is none"
    still_served(server, core, friend, -1.0)


def test_listeners_that_are_killed_while_all_values_change_say_nothing_on_the_screen(
    server: OscQueryServer, core: HandCore, friend: ClientConnection, log: EventLog, capfd: pytest.CaptureFixture[str]
) -> None:
    everything = say("LISTEN", "/").encode()
    frame = bytes((0x81, 0x80 | len(everything))) + bytes(4) + everything
    # So many values that the server is in the middle of sending them whenever a client goes.
    core.rebuild(80)
    changing = threading.Event()

    def change() -> None:
        number = 0
        while not changing.wait(0.002):
            number += 1
            for path in core.values:
                core.set(path, number / 1_000.0)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(3):
            with crowd(server, UPGRADE, 20) as sockets:
                until(lambda: server.snapshot().listeners == 21)
                for one in sockets:
                    one.sendall(frame)
                time.sleep(0.1)
                for one in sockets:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            until(lambda: server.snapshot().listeners == 1)
    finally:
        changing.set()
        thread.join()
    still_served(server, core, friend, -1.0)
    assert capfd.readouterr() == ("", "")
    assert log.lines() == []


def receive_until_the_end(client: ClientConnection) -> None:
    while True:
        client.recv(timeout=PATIENCE_S)


def test_closing_among_a_crowd(server: OscQueryServer, friend: ClientConnection) -> None:
    with crowd(server, UPGRADE, 40), crowd(server, b"GET /", 40):
        server.close()
        with pytest.raises(ConnectionClosed):
            receive_until_the_end(friend)
