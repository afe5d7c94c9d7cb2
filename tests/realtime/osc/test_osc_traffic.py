"""What OSC tells of the messages that went by: all that was read and all that was sent, and nothing else."""

import socket
from typing import Any, cast

from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.control.traffic import KEPT, Traffic
from realtime.osc.flood import FloodLimits, show_peer, show_target
from realtime.osc.packet import bundle, encode
from realtime.osc.receiver import OscReceiver
from realtime.osc.server import OscServer
from tests.fuzz.osc_corpus import MALFORMED, from_unix, timed
from tests.memory_stage import memory_core
from tests.realtime.osc.recording_core import WALL_S, RecordingCore

PEER = ("127.0.0.1", 57120)
NAME = "127.0.0.1:57120"
ENDLESS = FloodLimits(1e12, 1e12, 1e12, 1e12)
Line = tuple[str, str, str, tuple[Any, ...]]


class Table:
    """A receiver before the real core, a peer that takes what it is told or not, and what went by since the last look."""

    def __init__(self, core: Any = None) -> None:
        self.core = core or memory_core(("tiny",))
        self.traffic = Traffic()
        self.receiver = OscReceiver(self.core, EventLog(), ENDLESS, lambda: WALL_S, self.traffic)
        self.takes = True
        self._number = 0

    def send(self, datagram: bytes) -> list[Line]:
        self.receiver.handle(datagram, PEER, lambda packet: self.takes)
        return self.new()

    def new(self) -> list[Line]:
        found = self.traffic.since(self._number, KEPT)
        self._number = found[-1][0] if found else self._number
        return [(one.channel, one.who, *cast(tuple[str, tuple[Any, ...]], one.said)) for _, one in found]


def test_a_value_is_seen_as_it_came_and_is_not_answered() -> None:
    assert Table().send(encode("/deck/1/gain", (-3.0,))) == [("osc in", NAME, "/deck/1/gain", (-3.0,))]


def test_what_is_wrong_is_seen_with_its_answer_after_it() -> None:
    table = Table()
    came, went = table.send(encode("/deck/9/gain", (-3,)))
    assert came == ("osc in", NAME, "/deck/9/gain", (-3,))
    assert went[:3] == ("osc out", NAME, "/fail")
    assert went[3][0] == "/deck/9/gain"
    assert "no such address" in went[3][1]
    assert table.send(encode("/deck/1/gain", (100.0,)))[1:] == [("osc out", NAME, "/clipped", ("/deck/1/gain", 100.0, 12.0))]
    assert [line[:3] for line in table.send(encode("/status"))] == [("osc in", NAME, "/status"), ("osc out", NAME, "/status.reply")]


def test_a_bundle_is_its_messages_and_a_pattern_is_one() -> None:
    table = Table()
    wanted = [("osc in", NAME, "/deck/*/gain", (-6.0,)), ("osc in", NAME, "/master/gain", (-1.0,))]
    assert table.send(bundle([encode("/deck/*/gain", (-6.0,)), encode("/master/gain", (-1.0,))])) == wanted
    # Also one whose time is to come, when it comes in; and an answer of somebody, which nobody here takes.
    assert table.send(timed(from_unix(WALL_S + 1.0), encode("/master/gain", (-2.0,)))) == [("osc in", NAME, "/master/gain", (-2.0,))]
    assert table.send(encode("/done", ("/x",))) == [("osc in", NAME, "/done", ("/x",))]


def test_what_cannot_be_read_is_no_message() -> None:
    table = Table()
    assert [line for packet in MALFORMED.values() for line in table.send(packet)] == []
    assert table.receiver.snapshot().refused == len(MALFORMED)


def test_feedback_is_its_values_and_only_what_was_taken_went() -> None:
    core = RecordingCore()
    table = Table(core)
    assert table.send(encode("/notify", (1,)))[1][:3] == ("osc out", NAME, "/done")
    table.takes = False
    table.receiver.feedback.turn()
    assert table.new() == []
    table.takes = True
    table.receiver.feedback.turn()
    assert table.new() == [("osc out", NAME, path, (0.0,)) for path in core.values]
    core.change("/deck/1/gain", -2.0)
    table.receiver.feedback.turn()
    table.receiver.feedback.turn()
    assert table.new() == [("osc out", NAME, "/deck/1/gain", (-2.0,))]
    table.send(encode("/notify", (0,)))
    table.send(encode("/q/all"))
    table.receiver.feedback.turn()
    *values, done = table.new()
    assert {line[2]: line[3] for line in values} == core.values
    assert done == ("osc out", NAME, "/done", ("/q/all", len(core.values)))


def test_an_answer_that_is_lost_did_not_go() -> None:
    table = Table()
    table.takes = False
    assert [line[0] for line in table.send(encode("/status"))] == ["osc in"]


def test_answers_are_seen_to_go_to_the_port_that_was_asked_for() -> None:
    traffic = Traffic()
    server = OscServer(cast(ControlCore, RecordingCore()), "127.0.0.1", 0, EventLog(), traffic=traffic)
    server.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        for end in (client, ear):
            end.bind(("127.0.0.1", 0))
            end.settimeout(10.0)
        client.connect(("127.0.0.1", server.port))
        client.send(encode("/reply", (ear.getsockname()[1],)))
        ear.recv(1500)
        client.send(encode("/notify", (1,)))
        ear.recv(1500)
        # All values there are.
        ear.recv(1500)
        came, went = show_peer(client.getsockname()), show_peer(ear.getsockname())
        # It ends its threads first, so that the last has been noted too.
        server.close()
    seen = [(one.channel, one.who, one.said[0]) for _, one in traffic.since(0, KEPT)]
    assert [line[1:] for line in seen if line[0] == "osc in"] == [(came, "/reply"), (came, "/notify")]
    assert {line[1] for line in seen if line[0] == "osc out"} == {went}
    assert [line[2] for line in seen].count("/done") == 2
    assert len(seen) > 4


def test_a_way_without_ports_goes_to_its_peer() -> None:
    assert show_target(PEER, lambda packet: True) == NAME
    assert show_target(NAME, lambda packet: True) == NAME
