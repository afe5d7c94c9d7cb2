"""Packets into the real core, on a stage in memory."""

from itertools import compress, islice
from typing import Any

import pytest

from realtime.control.event_log import EventLog
from realtime.controls import DECK_CONTROLS
from realtime.osc.bounds import check
from realtime.osc.flood import FloodLimits
from realtime.osc.packet import bundle, decode, encode
from realtime.osc.receiver import OscReceiver
from realtime.osc.table import own_addresses
from tests.fuzz.osc_corpus import from_unix, fuzzed, hostile, timed
from tests.memory_stage import MemoryCore, memory_core

PEER = ("127.0.0.1", 57120)
WALL_S = 1_800_000_000.0
MILLION = 1_000_000


class Table:
    """A core, a receiver before it, and what is heard."""

    def __init__(self) -> None:
        self.core: MemoryCore = memory_core(("tiny", "wide"))
        self.core.stage.clock.frame = self.core.frame_at(WALL_S)
        self.log = EventLog()
        self.receiver = OscReceiver(self.core, self.log, FloodLimits(1e12, 1e12, 1e12, 1e12), lambda: WALL_S)
        self.heard: list[tuple[Any, ...]] = []

    def send(self, datagram: bytes) -> None:
        self.receiver.handle(datagram, PEER, self.hear)

    def hear(self, packet: bytes) -> None:
        found = check(packet)
        assert not isinstance(found, str), found
        messages = decode(packet, found)
        assert not isinstance(messages, str), messages
        self.heard.extend((message.path, *message.arguments) for message in messages)


def test_values_commands_and_queries() -> None:
    table = Table()
    table.send(bundle([encode("/deck/*/gain", (-6.0,)), encode("/deck/1/load", ("wide",)), encode("/sync", (7,))]))
    for _ in range(4):
        table.core.advance(1024)
    table.send(encode("/q/deck/[12]/gain"))
    assert ("/deck/1/gain", -6.0) in table.heard
    assert ("/deck/2/gain", -6.0) in table.heard
    assert ("/done", "/deck/1/load", "wide") in table.heard
    assert ("/synced", 7) in table.heard
    assert table.heard.index(("/done", "/deck/1/load", "wide")) < table.heard.index(("/synced", 7))


def test_a_bundle_with_a_time_to_come_is_done_then() -> None:
    table = Table()
    gain = [control.id for control in DECK_CONTROLS].index("gain")
    table.send(timed(from_unix(WALL_S + 1.0), encode("/deck/1/gain", (-20.0,))))
    table.core.advance(44_000)
    assert table.core.stage.decks[0].stage[gain] == 0.0
    table.core.advance(200)
    assert table.core.stage.decks[0].stage[gain] == -20.0


def test_what_is_fuzzed_and_malformed_changes_no_control() -> None:
    table = Table()
    for datagram in (*hostile().values(), *fuzzed(3_000, seed=5)):
        before = table.core.changes(0)[1]
        asked = len(table.core.stage.sent)
        refused = table.receiver.snapshot().refused
        table.receiver.handle(datagram, PEER, lambda packet: None)
        if table.receiver.snapshot().refused > refused:
            assert len(table.core.stage.sent) == asked
            assert table.core.changes(0)[1] == before
        table.core.turn()
    assert table.receiver.snapshot().errors == 0
    assert len(table.core.stage.sent) > 100


@pytest.mark.slow
def test_a_million_fuzzed_packets_raise_nothing_and_malformed_ones_ask_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()
    core, receiver, stage = table.core, table.receiver, table.core.stage
    asked = 0

    def count(name: str) -> None:
        inner = getattr(core, name)

        def counted(*arguments: Any) -> Any:
            nonlocal asked
            asked += 1
            return inner(*arguments)

        monkeypatch.setattr(core, name, counted)

    for name in ("request", "schedule", "sync"):
        count(name)
    packets = fuzzed(MILLION, seed=11)
    malformed = 0
    while batch := list(islice(packets, 500)):
        wrong = [isinstance(check(datagram), str) for datagram in batch]
        before = (asked, len(stage.sent), receiver.snapshot().messages, core.changes(0))
        for datagram in compress(batch, wrong):
            receiver.handle(datagram, PEER, _nobody)
        malformed += sum(wrong)
        # All of them are refused, and there is nobody else who could have asked for anything.
        assert receiver.snapshot().refused == malformed
        assert (asked, len(stage.sent), receiver.snapshot().messages, core.changes(0)) == before
        for datagram, is_wrong in zip(batch, wrong, strict=True):
            if not is_wrong:
                receiver.handle(datagram, PEER, _nobody)
        core.turn()
        stage.sent.clear()
    snapshot = receiver.snapshot()
    assert (snapshot.received, snapshot.refused, snapshot.errors) == (MILLION, malformed, 0)
    assert asked > MILLION // 10
    assert not [line for line in (*core.log.lines(), *table.log.lines()) if "Error" in line.text]


def _nobody(packet: bytes) -> bool:
    return True


def test_no_own_address_is_one_of_the_stages() -> None:
    names = {row.path for row in own_addresses()}
    assert not names & set(memory_core().addresses())
    assert not any(path.startswith("/q/") for path in memory_core().addresses())
