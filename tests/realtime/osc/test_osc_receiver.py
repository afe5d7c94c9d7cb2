"""What comes out of a packet: requests, answers, and nothing at all."""

import math
import threading
from dataclasses import replace
from typing import Any, cast

import pytest

from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.osc.bounds import ELEMENTS, check
from realtime.osc.flood import FloodLimits
from realtime.osc.own import MOST_SYNCS
from realtime.osc.packet import bundle, decode, encode
from realtime.osc.receiver import HORIZON_S, OscReceiver
from realtime.osc.table import BY_PATH, CLIENTS, REPLIES, own_addresses
from tests.fuzz.osc_corpus import FIVE, GAIN, MALFORMED, from_unix, fuzzed, hostile, nested, timed
from tests.memory_stage import memory_core
from tests.realtime.osc.recording_core import RATE_HZ, WALL_S, RecordingCore

PEER = ("127.0.0.1", 57120)
ENDLESS = FloodLimits(1e12, 1e12, 1e12, 1e12)


class Ear:
    """A peer: what it sends and hears."""

    def __init__(self, limits: FloodLimits | None = ENDLESS) -> None:
        self.core = RecordingCore()
        self.log = EventLog()
        self.receiver = OscReceiver(cast(ControlCore, self.core), self.log, limits, lambda: WALL_S)
        self.heard: list[tuple[Any, ...]] = []

    def hear(self, packet: bytes) -> None:
        found = check(packet)
        assert not isinstance(found, str), found
        messages = decode(packet, found)
        assert not isinstance(messages, str), messages
        self.heard.extend((message.path, *message.arguments) for message in messages)

    def send(self, datagram: bytes, peer: object = PEER) -> None:
        self.receiver.handle(datagram, peer, self.hear)
        assert self.receiver.snapshot().errors == 0, self.log.lines()

    def ask(self, path: str, *values: float | int | str) -> list[tuple[Any, ...]]:
        self.heard.clear()
        self.send(encode(path, values))
        return list(self.heard)


@pytest.fixture(name="ear")
def _ear() -> Ear:
    return Ear()


def test_a_connection_without_ports_refuses_another_one(ear: Ear) -> None:
    assert ear.ask("/reply", 7401) == [("/fail", "/reply", "this connection has no ports; answers come back by it")]
    assert ear.ask("/reply", 70_000)[0][:2] == ("/fail", "/reply")


def test_a_value_is_set_and_nothing_is_said(ear: Ear) -> None:
    assert ear.ask("/deck/1/gain", -6.0) == []
    assert ear.core.asked == [("/deck/1/gain", (-6.0,))]
    assert ear.core.origins[0].kind == "osc"
    assert ear.core.origins[0].name == "127.0.0.1:57120"


def test_what_is_out_of_range_is_clipped_and_said(ear: Ear) -> None:
    assert ear.ask("/deck/1/gain", 99.0) == [("/clipped", "/deck/1/gain", 99.0, 12.0)]
    assert ear.core.values["/deck/1/gain"] == (12.0,)


@pytest.mark.parametrize("value", [math.nan, math.inf, "loud"])
def test_what_is_no_number_is_refused(ear: Ear, value: float | str) -> None:
    ((reply, path, why),) = ear.ask("/deck/1/gain", value)
    assert (reply, path) == ("/fail", "/deck/1/gain")
    assert "allowed: number -90 to 12 dB" in why
    assert ear.core.values["/deck/1/gain"] == (0.0,)


def test_commands_are_acknowledged_or_refused(ear: Ear) -> None:
    assert ear.ask("/deck/1/load", "bees", 3) == [("/done", "/deck/1/load", "bees", 3)]
    assert ear.ask("/deck/1/load")[0][:2] == ("/fail", "/deck/1/load")
    assert ear.ask("/nothing", 1.0) == [("/fail", "/nothing", "no such address now")]


def test_queries_are_answered(ear: Ear) -> None:
    assert ear.ask("/status") == [("/status.reply", 2, 0.25)]
    assert ear.ask("/q/status") == [("/status.reply", 2, 0.25)]
    ear.core.change("/deck/2/pan", 0.5)
    assert ear.ask("/q/deck/2/pan") == [("/deck/2/pan", 0.5)]
    assert ear.ask("/q/deck/*/pan") == [("/deck/1/pan", 0.0), ("/deck/2/pan", 0.5)]


@pytest.mark.parametrize(
    ("path", "values", "why"),
    [
        ("/q/nothing", (), "no such address now"),
        ("/q/deck/1/load", (), "it is a command"),
        ("/q/deck/1/gain", (1.0,), "number of arguments"),
        ("/q/", (), "no such address now"),
        ("/q/nothing/*", (), "no address matches"),
        ("/notify", (), "number of arguments"),
        ("/notify", (2,), "on: got 2"),
        ("/notify", ("yes",), "on: got 'yes'"),
        ("/notify", (1, 99), "number: got 99"),
        ("/notify", (0,), "was not told"),
        ("/sync", (), "number of arguments"),
        ("/sync", (1.5,), "id: got 1.5"),
        ("/q/all", (1,), "number of arguments"),
    ],
)
def test_what_is_asked_wrongly_is_refused_by_name(ear: Ear, path: str, values: tuple[Any, ...], why: str) -> None:
    ((reply, where, said),) = ear.ask(path, *values)
    assert (reply, where) == ("/fail", path)
    assert why in said
    assert not ear.core.asked


def test_patterns_are_one_request_each(ear: Ear) -> None:
    ear.ask("/deck/*/{gain,pan}", 1.0)
    assert [path for path, _ in ear.core.asked] == ["/deck/1/gain", "/deck/1/pan", "/deck/2/gain", "/deck/2/pan"]
    assert ear.ask("/deck/9/*", 1.0) == [("/fail", "/deck/9/*", "pattern: no address matches")]
    assert "closes nothing" in ear.ask("/deck/1}/gain", 1.0)[0][2]


def test_a_pattern_sees_a_changed_namespace(ear: Ear) -> None:
    ear.ask("/deck/*/gain", 1.0)
    ear.core.namespace = {path: address for path, address in ear.core.namespace.items() if path != "/deck/1/gain"}
    ear.core.asked.clear()
    ear.ask("/deck/*/gain", 2.0)
    assert ear.core.asked == [("/deck/2/gain", (2.0,))]


def test_an_address_that_looks_like_a_pattern_is_itself(ear: Ear) -> None:
    ear.core.namespace["/deck/1/class/a*b"] = ear.core.namespace["/deck/1/class/bees"]
    ear.ask("/deck/1/class/a*b", 1.0)
    assert ear.core.asked == [("/deck/1/class/a*b", (1.0,))]


def test_bundles_are_done_in_order(ear: Ear) -> None:
    ear.send(bundle([encode("/deck/1/load", ("bees",)), encode("/deck/1/gain", (1.0,)), encode("/deck/1/gain", (2.0,))]))
    assert [path for path, _ in ear.core.asked] == ["/deck/1/load", "/deck/1/gain", "/deck/1/gain"]
    assert ear.core.values["/deck/1/gain"] == (2.0,)


def test_a_time_to_come_is_a_frame_to_come(ear: Ear) -> None:
    ear.send(timed(from_unix(WALL_S + 2.0), GAIN, encode("/deck/*/pan", (0.5,)), timed(from_unix(WALL_S + 3.0), GAIN)))
    assert not ear.core.asked
    assert ear.core.scheduled == [
        (2 * RATE_HZ, [("/deck/1/gain", (-6.0,)), ("/deck/1/pan", (0.5,)), ("/deck/2/pan", (0.5,))]),
        (3 * RATE_HZ, [("/deck/1/gain", (-6.0,))]),
    ]
    assert ear.receiver.snapshot().scheduled == 4


def test_a_past_time_is_now_and_counted(ear: Ear) -> None:
    ear.send(timed(from_unix(WALL_S - 5.0), GAIN))
    ear.send(timed(1, GAIN))
    ear.send(timed(0, GAIN))
    assert len(ear.core.asked) == 3
    assert ear.receiver.snapshot().late == 1


def test_nothing_of_a_packet_is_done_that_looks_too_far_ahead(ear: Ear) -> None:
    ear.send(bundle([GAIN, timed(from_unix(WALL_S + HORIZON_S + 1.0), GAIN)]))
    assert not ear.core.asked
    assert not ear.core.scheduled
    assert ear.heard == [("/fail", "/deck/1/gain", "time tag: got 11.0 s ahead; allowed: up to 10 s")]


@pytest.mark.parametrize("path", ["/q/deck/1/gain", "/q/all", "/notify", "/sync"])
def test_what_is_answered_has_no_time_to_come(ear: Ear, path: str) -> None:
    ear.send(timed(from_unix(WALL_S + 1.0), encode(path, () if path.startswith("/q") else (1,))))
    assert ear.heard[0][:2] == ("/fail", path)
    assert not ear.core.scheduled


def test_a_packet_asks_for_so_much_and_no_more(ear: Ear) -> None:
    ear.send(bundle([encode("//gain", (0.0,))] * (ELEMENTS // 3)))
    assert len(ear.core.asked) == ELEMENTS // 3 * 3
    ear.core.asked.clear()
    ear.send(bundle([encode("//gain", (0.0,))] * (ELEMENTS // 3 + 1)))
    assert not ear.core.asked
    assert "addresses in one packet" in ear.heard[-1][2]


def test_sync_is_answered_when_all_is_done(ear: Ear) -> None:
    assert ear.ask("/sync", -5) == []
    ear.core.waiting[0]()
    assert ear.heard == [("/synced", -5)]


def test_syncs_that_wait_are_bounded(ear: Ear) -> None:
    for number in range(MOST_SYNCS):
        ear.send(encode("/sync", (number,)))
    assert ear.ask("/sync", 1)[0][:2] == ("/fail", "/sync")
    ear.core.waiting.pop()()
    assert ear.ask("/sync", 1) == []


def test_replies_are_never_answered(ear: Ear) -> None:
    for path in (*REPLIES, "/status.reply"):
        assert ear.ask(path, "x", "y") == []
    assert not ear.core.asked


# --- being told of changes ----------------------------------------------------------------------------------------------------------


def test_who_asks_is_told_everything_and_then_the_latest_of_what_changes(ear: Ear) -> None:
    assert ear.ask("/notify", 1) == [("/done", "/notify", 0, CLIENTS)]
    ear.heard.clear()
    ear.receiver.feedback.turn()
    assert {entry[0] for entry in ear.heard} == set(ear.core.values)
    ear.heard.clear()
    ear.core.change("/deck/1/gain", -1.0)
    ear.core.change("/deck/1/gain", -2.0)
    ear.receiver.feedback.turn()
    ear.receiver.feedback.turn()
    assert ear.heard == [("/deck/1/gain", -2.0)]
    assert ear.ask("/notify", 0) == [("/done", "/notify", 0, CLIENTS)]
    ear.heard.clear()
    ear.core.change("/deck/1/gain", -3.0)
    ear.receiver.feedback.turn()
    assert ear.heard == []


def test_places_are_bounded(ear: Ear) -> None:
    for number in range(CLIENTS):
        ear.send(encode("/notify", (1,)), ("127.0.0.1", number))
    ear.heard.clear()
    ear.send(encode("/notify", (1,)), "one more")
    ((reply, path, why),) = ear.heard
    assert (reply, path) == ("/fail", "/notify")
    assert "all 32 places are taken" in why
    ear.receiver.forget(("127.0.0.1", 7))
    assert ear.ask("/notify", 1) == [("/done", "/notify", 7, CLIENTS)]


def test_a_client_that_takes_nothing_misses_no_last_value(ear: Ear) -> None:
    full = True
    heard: list[bytes] = []

    def send(packet: bytes) -> bool:
        if not full:
            heard.append(packet)
        return not full

    ear.receiver.handle(encode("/notify", (1,)), "slow", send)
    ear.receiver.feedback.turn()
    ear.core.change("/deck/1/gain", -1.0)
    ear.receiver.feedback.turn()
    full = False
    ear.receiver.feedback.turn()
    ear.receiver.feedback.turn()
    for packet in heard:
        ear.hear(packet)
    assert ("/deck/1/gain", -1.0) in ear.heard
    assert len(ear.heard) == len(ear.core.values)
    assert ear.receiver.snapshot().unsent == 2


def test_a_send_that_raises_is_a_packet_lost(ear: Ear) -> None:
    def send(packet: bytes) -> bool:
        raise ConnectionResetError("gone")

    for path, values in (("/notify", (1,)), ("/status", ()), ("/nothing", ()), ("/q/all", ())):
        ear.receiver.handle(encode(path, values), "gone", send)
    ear.receiver.feedback.turn()
    assert ear.receiver.snapshot().errors == 0


def test_everything_at_once(ear: Ear) -> None:
    assert ear.ask("/q/all") == []
    ear.receiver.feedback.turn()
    assert {entry[0] for entry in ear.heard[:-1]} == set(ear.core.values)
    assert ear.heard[-1] == ("/done", "/q/all", len(ear.core.values))


# --- what is hostile ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", {**MALFORMED, **FIVE})
def test_hostile_packets_change_nothing(ear: Ear, name: str) -> None:
    ear.send({**MALFORMED, **FIVE}[name])
    assert not ear.core.asked
    assert not ear.core.scheduled
    snapshot = ear.receiver.snapshot()
    # Two of the five are well-formed: they are refused for what they ask, and told so.
    assert snapshot.refused + len(ear.heard) == 1
    assert len(ear.log.lines()) == snapshot.refused


def test_what_is_malformed_is_said_once_with_its_reason(ear: Ear) -> None:
    for _ in range(1000):
        ear.send(MALFORMED["unknown type tag"])
    assert [line.text for line in ear.log.lines()] == ["malformed packet from 127.0.0.1:57120: type tags: got b'Q'; allowed: of ifsdhTFN"]
    assert ear.receiver.snapshot().refused == 1000


def test_a_sender_of_many_ports_fills_no_log(ear: Ear) -> None:
    for number in range(2000):
        ear.send(MALFORMED["unknown type tag"], ("127.0.0.1", number))
    assert len(ear.log.lines()) == 1


def test_fuzzed_packets_end_nothing_and_malformed_ones_change_nothing(ear: Ear) -> None:
    for datagram in (*hostile().values(), *fuzzed(20_000, seed=3)):
        refused = ear.receiver.snapshot().refused
        asked = len(ear.core.asked) + len(ear.core.scheduled)
        ear.receiver.handle(datagram, PEER, lambda packet: None)
        if ear.receiver.snapshot().refused > refused:
            assert len(ear.core.asked) + len(ear.core.scheduled) == asked
    assert ear.receiver.snapshot().errors == 0, ear.log.lines()
    assert len(ear.core.asked) > 1000


# --- what is too much ---------------------------------------------------------------------------------------------------------------

# Nearly everything waits while it is sent, and is taken soon after.
TIGHT = FloodLimits(peer_rate_hz=2000.0, peer_burst=1.0, mistake_rate_hz=1e9, mistake_burst=1e9)


def _settle(ear: Ear) -> None:
    while ear.receiver.is_flooded:
        ear.receiver.settle()
    assert ear.receiver.snapshot().errors == 0, ear.log.lines()


def test_a_flood_is_said_once_and_its_last_value_holds() -> None:
    ear = Ear(FloodLimits(peer_rate_hz=1e6, peer_burst=10.0))
    for number in range(5000):
        ear.send(encode("/deck/1/gain", (float(number % 7),)))
        ear.send(encode("/deck/2/gain", (float(number % 5),)))
    _settle(ear)
    assert ear.core.values["/deck/1/gain"] == (4999.0 % 7,)
    assert ear.core.values["/deck/2/gain"] == (4999.0 % 5,)
    assert len([line for line in ear.log.lines() if "sends more than is listened to" in line.text]) <= 1


def test_every_command_of_a_flood_is_done_in_order() -> None:
    ear = Ear(TIGHT)
    names = [f"name {number}" for number in range(100)]
    for name in names:
        ear.send(encode("/deck/1/load", (name,)))
    _settle(ear)
    assert [arguments for path, arguments in ear.core.asked if path == "/deck/1/load"] == [(name,) for name in names]
    assert ear.heard == [("/done", "/deck/1/load", name) for name in names]


def test_every_sync_and_query_of_a_flood_is_answered() -> None:
    ear = Ear(TIGHT)
    for number in range(100):
        ear.send(encode("/sync", (number,)))
        ear.send(encode("/q/status"))
    _settle(ear)
    for then in ear.core.waiting:
        then()
    assert [entry[1] for entry in ear.heard if entry[0] == "/synced"] == list(range(100))
    assert len([entry for entry in ear.heard if entry[0] == "/status.reply"]) == 100


def test_bundles_of_a_flood_that_begin_alike_are_all_done() -> None:
    ear = Ear(TIGHT)
    for number in range(100):
        ear.send(bundle([encode("/deck/1/gain", (-1.0,)), encode("/deck/2/gain", (-float(number % 90),)), encode("/deck/1/pan", (0.5,))]))
    _settle(ear)
    assert [path for path, _ in ear.core.asked] == ["/deck/1/gain", "/deck/2/gain", "/deck/1/pan"] * 100
    assert ear.receiver.snapshot().dropped == 0


def test_a_flood_on_a_thousand_addresses_loses_no_last_value() -> None:
    ear = Ear(FloodLimits(peer_rate_hz=5000.0, peer_burst=1.0))
    paths = [f"/deck/1/param/knob_{number}" for number in range(1000)]
    for path in paths:
        ear.core.namespace[path] = replace(ear.core.namespace["/deck/1/gain"], path=path)
    for value in (1.0, 2.0, 3.0):
        for path in paths:
            ear.send(encode(path, (value,)))
    _settle(ear)
    assert {path: ear.core.values[path] for path in paths} == dict.fromkeys(paths, (3.0,))


def test_values_that_wait_stay_on_their_side_of_a_command() -> None:
    ear = Ear(TIGHT)
    ear.send(encode("/status"))
    for number in range(20):
        ear.send(encode("/deck/1/gain", (-float(number),)))
        ear.send(encode("/deck/1/load", (str(number),)))
    _settle(ear)
    expected = [pair for number in range(20) for pair in (("/deck/1/gain", (-float(number),)), ("/deck/1/load", (str(number),)))]
    assert ear.core.asked[1:] == expected


@pytest.mark.parametrize(
    "wrong",
    [
        encode("/deck/1/gain", (math.nan,)),
        encode("/deck/1/gain", ("loud",)),
        encode("/deck/1/gain", (1.0, 2.0)),
        encode("/deck/1/gain"),
        encode("/deck/1/gain", (3.0,))[:-4],
        MALFORMED["padding is not zero"],
        timed(from_unix(WALL_S + 1.0), encode("/deck/1/gain", (9.0,))),
    ],
)
def test_what_sets_no_value_takes_the_place_of_none(wrong: bytes) -> None:
    ear = Ear(TIGHT)
    ear.send(encode("/status"))
    ear.send(encode("/deck/1/gain", (-5.0,)))
    ear.send(wrong)
    _settle(ear)
    assert ear.core.values["/deck/1/gain"] == (-5.0,)


def test_commands_that_find_no_room_are_refused_counted_and_said_once() -> None:
    ear = Ear(replace(TIGHT, peer_rate_hz=200.0))
    for number in range(700):
        ear.send(encode("/deck/1/load", (str(number),)))
        ear.send(encode("/deck/2/gain", (-float(number % 90),)))
    _settle(ear)
    failed = [entry for entry in ear.heard if entry[0] == "/fail"]
    done = [entry for entry in ear.heard if entry[0] == "/done"]
    assert len(failed) + len(done) == 700
    assert len(failed) == ear.receiver.snapshot().thrown_away > 0
    assert all(path == "/deck/1/load" and why.startswith("too much") for _, path, why in failed)
    assert ear.core.values["/deck/2/gain"] == (-float(699 % 90),)
    assert len([line for line in ear.log.lines() if "thrown away" in line.text]) == 1


def test_what_finds_no_room_and_is_malformed_is_not_answered() -> None:
    ear = Ear(TIGHT)
    for _ in range(700):
        ear.send(MALFORMED["unknown type tag"])
    _settle(ear)
    assert ear.heard == []


def test_a_bundle_that_finds_no_room_is_refused_by_its_first_address() -> None:
    ear = Ear(FloodLimits(peer_rate_hz=1e-3, peer_burst=1.0, queue=0))
    ear.send(encode("/status"))
    ear.send(bundle([nested(2, encode("/deck/2/load", ("bees",))), encode("/deck/1/load", ("bees",))]))
    assert ear.heard[-1][:2] == ("/fail", "/deck/2/load")


def test_replies_that_find_no_room_are_not_answered() -> None:
    ear = Ear(FloodLimits(peer_rate_hz=1e-3, peer_burst=1.0, queue=0))
    ear.send(encode("/deck/1/gain", (1.0,)))
    ear.send(encode("/fail", ("/x", "too much")))
    assert ear.heard == []


def test_packets_of_one_peer_are_worked_on_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear()
    ask = ear.core.request

    def slowly(path: str, arguments: Any, origin: Any) -> None:
        if arguments == (-1.0,):
            # Meanwhile another thread has the next packet of the same peer, and a third looks whether something waits.
            other = threading.Thread(target=ear.receiver.handle, args=(encode(path, (-2.0,)), PEER, ear.hear))
            other.start()
            other.join()
            assert not ear.receiver.settle()
        ask(path, arguments, origin)

    monkeypatch.setattr(ear.core, "request", slowly)
    ear.send(encode("/deck/1/gain", (-1.0,)))
    _settle(ear)
    assert [arguments for _, arguments in ear.core.asked] == [(-1.0,), (-2.0,)]
    assert ear.log.lines() == []


def test_mistakes_are_told_up_to_a_rate() -> None:
    ear = Ear(FloodLimits(1e12, 1e12, 1e12, 1e12, mistake_rate_hz=1e-6, mistake_burst=3.0))
    for _ in range(10):
        ear.send(encode("/nothing", (1.0,)))
    assert len(ear.heard) == 3
    assert ear.ask("/status") == [("/status.reply", 2, 0.25)]


def test_a_mistake_of_ours_is_caught_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear()

    def fail(*arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(ear.core, "request", fail)
    ear.receiver.handle(GAIN, PEER, ear.hear)
    assert ear.receiver.snapshot().errors == 1
    assert [line.text for line in ear.log.lines()] == ["receiver: RuntimeError: a bug"]


# --- the table ----------------------------------------------------------------------------------------------------------------------


def test_every_own_address_of_the_table_is_served_and_no_other() -> None:
    receiver = Ear().receiver
    served = {*receiver._own.served, "/q/{address}"}
    assert served == {row.path for row in own_addresses() if row.direction == "in"}
    assert set(BY_PATH) == served | REPLIES
    assert all(row.summary for row in own_addresses())


def test_a_panic_waits_behind_no_flood() -> None:
    core = memory_core()
    receiver = OscReceiver(core, core.log, FloodLimits(1.0, 1.0))
    for number in range(100):
        receiver.handle(encode("/scene/save", (f"scene {number}",)), "peer", lambda packet: True)
    assert not core.stage.panicked
    receiver.handle(encode("/panic", ()), "peer", lambda packet: True)
    assert core.stage.panicked
