"""The OSCQuery server by real clients: urllib for plain requests, `websockets` for the rest."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from realtime.control.event_log import EventLog
from realtime.control.traffic import KEPT, Said, Traffic
from realtime.errors import OptionError
from realtime.osc.packet import encode
from realtime.oscquery import limits
from realtime.oscquery.audience import POLICY_VIOLATION
from realtime.oscquery.listener import say
from realtime.oscquery.server import OscQueryServer
from tests.realtime.oscquery.hand_core import HandCore, HandReceiver

PATIENCE_S = 20.0
"""Longer than anything here takes on a busy machine; reached only when something is broken."""
GAIN = "/deck/1/gain"
PAN = "/deck/1/pan"


def fetch(server: OscQueryServer, target: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{target}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            body = response.read()
            return response.status, json.loads(body) if body else None, dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
            return error.code, json.loads(body) if body else None, dict(error.headers)


def open_socket(server: OscQueryServer, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}/", open_timeout=PATIENCE_S, close_timeout=PATIENCE_S, **options)


def until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.005)


def receive(client: ClientConnection) -> str | bytes:
    return client.recv(timeout=PATIENCE_S)


def ask_raw(server: OscQueryServer, data: bytes) -> bytes:
    """The first line of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(data)
            with connection.makefile("rb") as answer:
                return answer.readline().strip()
        except ConnectionError:
            return b""


# --- plain requests ------------------------------------------------------------------------------------------------------


def test_the_tree(server: OscQueryServer) -> None:
    status, root, headers = fetch(server, "/")
    assert status == HTTPStatus.OK
    assert root["CONTENTS"]["deck"]["CONTENTS"]["1"]["CONTENTS"]["gain"]["VALUE"] == [0.0]
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


def test_host_info_says_where_osc_and_the_websocket_are(server: OscQueryServer) -> None:
    _, info, _ = fetch(server, "/?HOST_INFO")
    assert info["NAME"].startswith("Starling")
    assert (info["OSC_IP"], info["OSC_PORT"], info["OSC_TRANSPORT"]) == ("127.0.0.1", 9000, "UDP")
    assert (info["WS_IP"], info["WS_PORT"]) == ("127.0.0.1", server.port)
    assert info["EXTENSIONS"]["LISTEN"]
    assert info["EXTENSIONS"]["PATH_CHANGED"]


def test_a_value_is_the_present_one(server: OscQueryServer, core: HandCore) -> None:
    core.set(GAIN, -7.5)
    assert fetch(server, f"{GAIN}?VALUE")[1] == {"VALUE": [-7.5]}


def test_statuses(server: OscQueryServer) -> None:
    assert fetch(server, "/nowhere")[0] == HTTPStatus.NOT_FOUND
    assert fetch(server, "/deck?VALUE")[0] == HTTPStatus.NO_CONTENT
    assert fetch(server, f"{GAIN}?COLOUR")[0] == HTTPStatus.BAD_REQUEST
    assert ask_raw(server, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n") == b"HTTP/1.1 405 Method Not Allowed"
    assert ask_raw(server, b"GET / HTTP/1.0\r\n\r\n") == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("more", [b"GET /nowhere HTTP/1.1\r\n\r\n", b"x", b"\r\n\r\n", b"\x81\x80\x00\x00\x00\x00", b"x" * 60_000])
def test_what_follows_a_request_does_not_spoil_its_answer(more: bytes, server: OscQueryServer, log: EventLog) -> None:
    request = b"GET /?HOST_INFO HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        # Byte by byte, so that the end of the head falls between any two.
        for position in range(len(request)):
            connection.sendall(request[position : position + 1])
        connection.sendall(more)
        with connection.makefile("rb") as answer:
            assert answer.readline().strip() == b"HTTP/1.1 200 OK"
    assert log.lines() == []


@pytest.mark.parametrize("more", [b"GET / HTTP/1.1\r\n\r\n", b"x", b"\xff" * 5_000])
def test_what_comes_with_a_request_does_not_spoil_its_answer(more: bytes, server: OscQueryServer, log: EventLog) -> None:
    assert ask_raw(server, b"GET /?HOST_INFO HTTP/1.1\r\nHost: localhost\r\n\r\n" + more) == b"HTTP/1.1 200 OK"
    assert log.lines() == []


def test_a_page_of_the_internet_reads_nothing(server: OscQueryServer, log: EventLog) -> None:
    assert fetch(server, "/", Origin="https://evil.example")[0] == HTTPStatus.FORBIDDEN
    assert fetch(server, "/", Host="evil.example:9001")[0] == HTTPStatus.FORBIDDEN
    with pytest.raises(InvalidStatus) as refused, open_socket(server, origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == HTTPStatus.FORBIDDEN
    assert len([line for line in log.lines() if "web page" in line.text or "internet" in line.text]) == 1


def test_a_page_of_this_network_is_allowed_to_read(server: OscQueryServer) -> None:
    status, _, headers = fetch(server, "/", Origin="http://localhost:3000")
    assert status == HTTPStatus.OK
    assert headers["Access-Control-Allow-Origin"] == "http://localhost:3000"


# --- listening -----------------------------------------------------------------------------------------------------------


def test_listen_gives_the_present_value_then_every_change_then_ignore_ends_it(server: OscQueryServer, core: HandCore) -> None:
    core.set(GAIN, -1.0)
    with open_socket(server) as client:
        client.send(say("LISTEN", GAIN))
        assert receive(client) == encode(GAIN, (-1.0,))
        core.set(GAIN, -2.0)
        while (got := receive(client)) != encode(GAIN, (-2.0,)):
            assert got == encode(GAIN, (-1.0,))
        client.send(say("IGNORE", GAIN))
        client.send(say("LISTEN", PAN))
        assert receive(client) == encode(PAN, (0.0,))
        core.set(GAIN, -3.0)
        core.set(PAN, 0.5)
        while (got := receive(client)) != encode(PAN, (0.5,)):
            assert got == encode(PAN, (0.0,))


def test_the_last_value_of_a_flood_arrives_and_few_of_the_others(server: OscQueryServer, core: HandCore) -> None:
    with open_socket(server) as client:
        client.send(say("LISTEN", "/deck/1"))
        for number in range(20_000):
            core.set(GAIN, -1.0 - number / 1000.0)
            core.set(PAN, number / 20_000.0)
        core.set(GAIN, -60.0)
        core.set(PAN, -1.0)
        last = {GAIN: encode(GAIN, (-60.0,)), PAN: encode(PAN, (-1.0,))}
        got: list[bytes] = []
        while not all(packet in got for packet in last.values()):
            message = receive(client)
            assert isinstance(message, bytes)
            got.append(message)
        assert len(got) < 10_000
        for path, packet in last.items():
            assert [each for each in got if each.startswith(path.encode())][-1] == packet


def test_a_change_of_the_namespace_is_told_and_new_addresses_are_heard(server: OscQueryServer, core: HandCore) -> None:
    with open_socket(server) as client:
        client.send(say("LISTEN", "/deck"))
        for _ in range(5):
            assert isinstance(receive(client), bytes)
        core.rebuild(2)
        while isinstance(got := receive(client), bytes):
            pass
        assert json.loads(got) == {"COMMAND": "PATH_CHANGED", "DATA": "/deck"}
        assert fetch(server, "/deck/2/gain")[0] == HTTPStatus.OK
        core.set("/deck/2/gain", -5.0)
        while receive(client) != encode("/deck/2/gain", (-5.0,)):
            pass


def test_what_is_listened_to_is_seen_as_it_is_sent_and_to_whom(server: OscQueryServer, core: HandCore, traffic: Traffic) -> None:
    def seen(who: str) -> list[tuple[str, Said]]:
        return [(one.channel, one.said) for _, one in traffic.since(0, KEPT) if one.who == who]

    with open_socket(server) as client, open_socket(server) as other:
        client.send(say("LISTEN", GAIN))
        assert receive(client) == encode(GAIN, (0.0,))
        other.send(say("LISTEN", PAN))
        assert receive(other) == encode(PAN, (0.0,))
        core.set(GAIN, -2.0)
        while receive(client) != encode(GAIN, (-2.0,)):
            pass
        core.rebuild(2)
        for one in (client, other):
            while isinstance(receive(one), bytes):
                pass
        client.send(say("IGNORE", GAIN))
        wanted = [("osc in", ("LISTEN", (GAIN,))), ("osc out", (GAIN, (0.0,))), ("osc out", (GAIN, (-2.0,)))]
        wanted += [("osc out", ("PATH_CHANGED", ("/deck",))), ("osc in", ("IGNORE", (GAIN,)))]
        # A value that was told and has not changed may be told again.
        until(lambda: list(dict.fromkeys(seen("ws:1"))) == wanted)
        assert (("osc out", (GAIN, (-2.0,)))) not in seen("ws:2")
        assert {said for _, said in seen("ws:2")} == {("LISTEN", (PAN,)), (PAN, (0.0,)), ("PATH_CHANGED", ("/deck",))}


# --- OSC over the WebSocket --------------------------------------------------------------------------------------------------


def test_osc_packets_go_to_the_receiver_in_order_and_answers_come_back(server: OscQueryServer, receiver: HandReceiver) -> None:
    receiver.answer = lambda datagram: b"re:" + datagram
    packets = [encode(GAIN, (float(-number),)) for number in range(50)]
    with open_socket(server) as client:
        for packet in packets:
            client.send(packet)
        assert [receive(client) for _ in packets] == [b"re:" + packet for packet in packets]
    assert [datagram for datagram, _ in receiver.got] == packets
    assert len({peer for _, peer in receiver.got}) == 1
    until(lambda: receiver.gone == [receiver.got[0][1]])
    assert receiver.sends[0](b"late") is False


def test_an_answer_may_come_from_another_thread(server: OscQueryServer, receiver: HandReceiver) -> None:
    with open_socket(server) as client:
        client.send(b"/a")
        until(lambda: receiver.sends != [])
        other = threading.Thread(target=lambda: receiver.sends[0](b"answer"))
        other.start()
        other.join()
        assert receive(client) == b"answer"


def test_without_a_receiver_osc_is_refused_and_said_once(core: HandCore, log: EventLog) -> None:
    server = OscQueryServer(core, 0, "127.0.0.1", 0, log, announce=False)
    server.start()
    try:
        assert "OSC_PORT" not in fetch(server, "/?HOST_INFO")[1]
        with open_socket(server) as client:
            for _ in range(10):
                client.send(b"/a")
            until(lambda: server.snapshot().refused == 10)
    finally:
        server.close()
    assert [line.count for line in log.lines()] == [1]


# --- life ------------------------------------------------------------------------------------------------------------------


def test_a_taken_port_is_a_named_error(server: OscQueryServer, core: HandCore, log: EventLog) -> None:
    with pytest.raises(OptionError, match=f"port {server.port}.*--oscquery-port"):
        OscQueryServer(core, 9000, "127.0.0.1", server.port, log, announce=False).start()


@pytest.mark.parametrize(
    ("host", "port"), [("198.51.100.77", 0), ("no such host", 0), ("127.0.0.1", 70_000), ("127.0.0.1", -1), ("", 0), ("x" * 300, 0)]
)
def test_a_place_that_cannot_be_had_is_a_named_error(host: str, port: int, core: HandCore, log: EventLog) -> None:
    with pytest.raises(OptionError, match="OSCQuery cannot listen"):
        OscQueryServer(core, 9000, host, port, log, announce=False).start()


def test_close_ends_everything_and_the_port_is_free_again(core: HandCore, log: EventLog) -> None:
    threads = set(threading.enumerate())
    server = OscQueryServer(core, 9000, "127.0.0.1", 0, log, announce=False)
    server.start()
    with open_socket(server) as client, socket.create_connection(("127.0.0.1", server.port)):
        server.close()
        with pytest.raises(ConnectionClosed):
            receive(client)
    server.close()
    assert {thread for thread in threading.enumerate() if thread.name == "oscquery"} <= threads
    again = OscQueryServer(core, 9000, "127.0.0.1", server.port, log, announce=False)
    again.start()
    again.close()


def test_the_snapshot_counts(server: OscQueryServer) -> None:
    fetch(server, "/")
    fetch(server, "/nowhere")
    with open_socket(server) as client:
        client.send("{")
        until(lambda: server.snapshot().refused == 2)
        found = server.snapshot()
        assert (found.port, found.listeners, found.requests, found.dropped) == (server.port, 1, 3, 0)
    until(lambda: server.snapshot().connections == 0)


def send_and_wait(client: ClientConnection, text: str, times: int) -> None:
    for _ in range(times):
        client.send(text)
    receive(client)


def test_too_many_messages_without_sense_end_the_connection(server: OscQueryServer, log: EventLog) -> None:
    with open_socket(server) as client:
        with pytest.raises(ConnectionClosed):
            send_and_wait(client, "{}", limits.REFUSALS + 1)
        assert client.close_code == POLICY_VIOLATION
    assert len(log.lines()) == 1
