"""From a controller's bytes to what the core is asked for: the decoder, the learner and the hand together."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from realtime.control.namespace import Namespace
from realtime.midi.decoder import PortDecoder
from realtime.midi.event import ControlEvent, NoteEvent
from realtime.midi.hand import Hand
from realtime.midi.learn import QUIET_S, Learn, Wish
from realtime.midi.mapping import Mapping
from realtime.midi.routes import Routes

LATER_NS = 50_000_000


class Wire:
    """A port, a learner and one value."""

    def __init__(self) -> None:
        self.decoder = PortDecoder("Knobs")
        self.values: dict[str, float | int | str] = {"/deck/1/pan": 0.0}
        self.hand = Hand(self.values.get)
        self.learn = Learn()
        self.ns = 0

    def events(self, messages: Sequence[Sequence[int]]) -> list[ControlEvent | NoteEvent]:
        found = []
        for message in messages:
            self.ns += 1_000_000
            found += self.decoder.packet(message, self.ns)
        self.ns += LATER_NS
        found += self.decoder.due(self.ns)
        return [event for event in found if isinstance(event, (ControlEvent, NoteEvent))]

    def teach(self, messages: Sequence[Sequence[int]]) -> str:
        """Bind what moves here, and say what that is."""
        self.learn.arm(Wish("/deck/1/pan"), 0.0)
        found = [self.learn.hear(event, 0.0) for event in self.events(messages)]
        learned = next((binding for binding in found if binding is not None), None) or self.learn.settle(QUIET_S)
        assert learned is not None
        self.routes = Routes(Mapping((learned,), takeover="off"), Namespace([None]).addresses)
        return f"{learned.source.text} {learned.action} {learned.mode}"

    def play(self, messages: Sequence[Sequence[int]]) -> list[float]:
        """Values on the way."""
        moved = []
        for event in self.events(messages):
            for path, (value,) in self.hand.move(event, self.routes.of(event.source), lambda route: "off"):
                self.values[path] = value
                moved.append(float(value))
        return moved


def pair(value: int, *, msb_first: bool) -> list[list[int]]:
    halves = [[0xB0, 1, value >> 7], [0xB0, 33, value & 127]]
    return halves if msb_first else halves[::-1]


@pytest.mark.parametrize("msb_first", [True, False])
def test_14_bits_in_either_order(msb_first: bool) -> None:
    wire = Wire()
    sweep = [message for value in range(8000, 8800, 60) for message in pair(value, msb_first=msb_first)]
    assert wire.teach(sweep) == "cc14 1 follow absolute"
    moved = wire.play([message for value in range(8064, 8400, 40) for message in pair(value, msb_first=msb_first)])
    assert moved[-1] == pytest.approx((8384 / 16_383) * 2 - 1, abs=1e-4)
    assert max(abs(b - a) for a, b in pairwise(moved[1:])) <= 2 * 128 / 16_383, "no half jumps"


def nrpn(number: int, value: int) -> list[list[int]]:
    return [[0xB0, 99, number >> 7], [0xB0, 98, number & 127], [0xB0, 6, value >> 7], [0xB0, 38, value & 127]]


def test_nrpn() -> None:
    wire = Wire()
    assert wire.teach([message for value in (100, 5000, 9000) for message in nrpn(1000, value)]) == "nrpn 1000 follow absolute"
    assert wire.play(nrpn(1000, 16_383))[-1] == 1.0
    wire.play([[0xB0, 99, 127], [0xB0, 98, 127]])
    assert wire.play([[0xB0, 6, 0], [0xB0, 38, 0]]) == [], "after the null parameter stray data moves nothing"
    assert wire.play(nrpn(1000, 0))[-1] == -1.0
    assert wire.play(nrpn(1001, 9000)) == []


def test_an_encoder_and_a_bend() -> None:
    wire = Wire()
    assert wire.teach([[0xB3, 20, raw] for raw in (1, 1, 1, 127, 127)]) == "cc 20 follow twos_complement"
    assert wire.play([[0xB3, 20, 1], [0xB3, 20, 1], [0xB3, 20, 127]]) == [pytest.approx(v) for v in (0.02, 0.04, 0.02)]
    assert wire.teach([[0xE0, 0, 64], [0xE0, 0, 100], [0xE0, 127, 127]]) == "bend follow absolute"
    assert wire.play([[0xE0, 127, 127], [0xE0, 0, 64]]) == [1.0, pytest.approx(0.0, abs=1e-4)]


def test_a_pad_and_garbage() -> None:
    wire = Wire()
    assert wire.teach([[0x90], [36, 100], [0xF0, 1, 2], [0x99, 36, 100]]) == "note 36 toggle absolute"
    wire.values["/deck/1/pan"] = -1.0
    assert wire.play([[0x99, 36, 100], [0x99, 36, 0], [0x99, 36], [0x99, 36, 1]]) == [1.0, -1.0]
