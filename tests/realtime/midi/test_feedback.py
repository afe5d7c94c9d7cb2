import pytest

from realtime.control.address import Value, to_value
from realtime.control.namespace import Namespace
from realtime.midi.choices import FeedbackMode
from realtime.midi.event import ControlEvent, Kind, NoteEvent, Source
from realtime.midi.feedback import ECHO_S, ENCODERS, MESSAGES_PER_LOOK, SETTLE_S, Feedback
from realtime.midi.mapping import Binding, Mapping
from realtime.midi.message import MessageReader
from realtime.midi.mpe import bend_share
from realtime.midi.routes import Routes
from realtime.midi.source_pattern import KINDS, parse_source

ADDRESSES = Namespace([None, None]).addresses


def binding(source: str, address: str, action: str = "follow", *, channel: int = 1, port: str = "Faders", **more: object) -> Binding:
    return Binding(parse_source(source, channel, port), address, action, **more)  # type: ignore[arg-type]


class Desk:
    """A controller that shows values, and the values."""

    def __init__(self, *bindings: Binding, feedback: FeedbackMode = "show") -> None:
        self.values: dict[str, Value] = {"/deck/1/pan": 0.0, "/deck/2/pan": 0.0, "/master/gain": 0.0, "/deck/1/mute": 0.0}
        self.changed: dict[str, tuple[Value, ...]] = {path: (value,) for path, value in self.values.items()}
        self.feedback = Feedback(self.values.get, self._changes)
        self.routes = Routes(Mapping(bindings, feedback=feedback), ADDRESSES)
        self.ports = ["Faders MIDI 1"]
        self.now_s = 100.0

    def _changes(self, since: int) -> tuple[int, dict[str, tuple[Value, ...]]]:
        changed, self.changed = self.changed, {}
        return since + 1, changed

    def set(self, path: str, value: Value) -> None:
        self.values[path] = value
        self.changed[path] = (value,)

    def look(self, after_s: float = 1.0) -> list[bytes]:
        self.now_s += after_s
        return [message for _, said in self.feedback.collect(self.routes, self.ports, self.now_s) for message in said]

    def cc(self, raw: int, number: int = 7, kind: Kind = "cc") -> bool:
        top = KINDS[kind].top
        return self.feedback.hear(ControlEvent(Source("Faders MIDI 1", 1, kind, number), raw / top, raw, top, 0), self.now_s)


def test_a_controller_that_is_plugged_in_is_told_everything() -> None:
    desk = Desk(binding("cc 7", "/deck/1/pan"), binding("cc 8", "/deck/2/pan"))
    desk.ports = []
    assert desk.look() == []
    desk.ports = ["Faders MIDI 1"]
    assert desk.look() == [b"\xb0\x07\x40", b"\xb0\x08\x40"]
    assert desk.look() == []
    desk.ports = []
    assert desk.look() == []
    desk.set("/deck/1/pan", 1.0)
    assert desk.look() == []
    desk.ports = ["Faders MIDI 1"]
    assert desk.look() == [b"\xb0\x07\x7f", b"\xb0\x08\x40"]


def test_a_change_is_told_once_and_the_latest_wins() -> None:
    desk = Desk(binding("cc 7", "/deck/1/pan"))
    desk.look()
    desk.set("/deck/1/pan", 0.3)
    desk.set("/deck/1/pan", 1.0)
    assert desk.look() == [b"\xb0\x07\x7f"]
    assert desk.look() == []


def test_a_control_is_not_told_what_it_said() -> None:
    desk = Desk(binding("cc 7", "/deck/1/pan"))
    desk.look()
    desk.cc(127)
    desk.set("/deck/1/pan", 1.0)
    assert desk.look() == []


@pytest.mark.parametrize("address", ["/deck/1/pan", "/master/gain"])
def test_a_parameter_sent_with_seven_bits_is_not_told_what_it_said(address: str) -> None:
    """NRPN without an LSB: what would be sent has 14 bits, and is the same place."""
    desk = Desk(binding("nrpn 5", address))
    desk.look()
    argument = ADDRESSES[address].argument
    for raw in range(128):
        desk.feedback.hear(ControlEvent(Source("Faders MIDI 1", 1, "nrpn", 5), raw / 127, raw, 127, 0), desk.now_s)
        (route,) = desk.routes.by_path[address]
        desk.set(address, to_value(route.place_heard(raw / 127, 127), argument))
        assert desk.look() == [], raw
    desk.set(address, argument.minimum)
    assert desk.look() == ENCODERS["nrpn"](0, 5, 0)


def test_a_bend_is_shown_as_it_is_heard() -> None:
    """The wheel of a motor fader has one step more below its middle than above."""
    desk = Desk(binding("bend", "/master/gain"))
    desk.look()
    for raw in (0, 1, 4_097, 8_191, 8_192, 8_193, 12_001, 16_382, 16_383):
        value = 0.5 + 0.5 * bend_share(raw)
        desk.feedback.hear(ControlEvent(Source("Faders MIDI 1", 1, "bend"), value, raw, 16_383, 0), desk.now_s)
        desk.set("/master/gain", to_value(value, ADDRESSES["/master/gain"].argument))
        assert desk.look() == [], raw


def test_a_control_is_told_where_the_value_differs_but_not_while_it_is_moved() -> None:
    desk = Desk(binding("cc 7", "/deck/1/pan"))
    desk.look()
    desk.cc(20)
    assert desk.look(SETTLE_S / 2) == []
    desk.cc(30)
    assert desk.look(SETTLE_S / 2) == []
    assert desk.look(SETTLE_S) == [b"\xb0\x07\x40"]
    assert desk.look() == []


def test_a_wire_that_leads_back_is_no_finger() -> None:
    desk = Desk(binding("cc 7", "/deck/1/mute", "toggle"))
    desk.look()
    desk.set("/deck/1/mute", 1.0)
    assert desk.look() == [b"\xb0\x07\x7f"]
    desk.now_s += ECHO_S / 2
    assert desk.cc(127)
    desk.now_s += ECHO_S
    assert not desk.cc(127)
    assert not desk.cc(0)


def test_range_and_direction_are_the_bindings() -> None:
    desk = Desk(binding("cc 7", "/master/gain", minimum=-40.0, maximum=0.0), binding("cc 8", "/deck/1/pan", invert=True))
    desk.set("/master/gain", -20.0)
    desk.set("/deck/1/pan", 1.0)
    assert desk.look() == [b"\xb0\x07\x40", b"\xb0\x08\x00"]
    desk.set("/master/gain", 12.0)
    assert desk.look() == [b"\xb0\x07\x7f"]


def test_a_binding_that_leaves_port_or_channel_open_answers_where_it_was_heard() -> None:
    desk = Desk(binding("cc 7", "/deck/1/pan", port=""), binding("cc 8", "/deck/2/pan", channel=0))
    assert desk.look() == []
    desk.cc(0)
    assert desk.look() == [b"\xb0\x07\x40"]
    desk.set("/deck/1/pan", -1.0)
    desk.set("/deck/2/pan", -1.0)
    assert desk.look() == [b"\xb0\x07\x00"]


def test_notes_are_lit_where_their_binding_says_so() -> None:
    desk = Desk(
        binding("note 36", "/deck/1/mute", "toggle"),
        binding("note 37", "/deck/1/mute", "toggle", feedback="show"),
        binding("note 38", "/deck/1/pan", "velocity", feedback="show"),
        binding("note 39", "/panic", "trigger", feedback="show"),
    )
    assert desk.look() == [b"\x90\x25\x00"]
    desk.set("/deck/1/mute", 1.0)
    assert desk.look() == [b"\x90\x25\x7f"]
    pad = Source("Faders MIDI 1", 1, "note", 37)
    desk.feedback.hear(NoteEvent(pad, True, 1.0, 127, 0), desk.now_s)
    desk.feedback.hear(NoteEvent(pad, False, 0.5, 64, 0), desk.now_s)
    assert desk.look() == [b"\x90\x25\x7f"]


@pytest.mark.parametrize("feedback", ["none", "show", "move"])
def test_a_mapping_says_whether_there_is_feedback(feedback: FeedbackMode) -> None:
    desk = Desk(binding("cc 7", "/deck/1/pan"), binding("cc 8", "/deck/1/pan", feedback="none"), feedback=feedback)
    assert len(desk.look()) == (feedback != "none")


def test_no_wire_is_flooded_and_nothing_is_lost() -> None:
    desk = Desk(*(binding(f"cc {number}", "/deck/1/pan") for number in range(100)))
    counts = [len(desk.look()) for _ in range(6)]
    assert max(counts) == MESSAGES_PER_LOOK
    assert sum(counts) == 100
    for step in range(50):
        desk.set("/deck/1/pan", step / 50)
        desk.look()
    desk.set("/deck/1/pan", 1.0)
    sent = [message for _ in range(6) for message in desk.look()]
    assert {message[1] for message in sent if message[2] == 127} == set(range(100))


MESSAGES = {
    "cc 7": [b"\xb2\x07\x7f"],
    "cc14 1": [b"\xb2\x01\x7f", b"\xb2\x21\x7f"],
    "nrpn 1000": [b"\xb2\x63\x07", b"\xb2\x62\x68", b"\xb2\x06\x7f", b"\xb2\x26\x7f", b"\xb2\x63\x7f", b"\xb2\x62\x7f"],
    "rpn 5": [b"\xb2\x65\x00", b"\xb2\x64\x05", b"\xb2\x06\x7f", b"\xb2\x26\x7f", b"\xb2\x65\x7f", b"\xb2\x64\x7f"],
    "bend": [b"\xe2\x7f\x7f"],
    "pressure": [b"\xd2\x7f"],
    "poly 60": [b"\xa2\x3c\x7f"],
}


@pytest.mark.parametrize("source", sorted(MESSAGES))
def test_every_kind_to_the_byte(source: str) -> None:
    desk = Desk(binding(source, "/deck/1/pan", channel=3))
    desk.set("/deck/1/pan", 1.0)
    sent = desk.look()
    assert sent == MESSAGES[source]
    assert len(MessageReader().feed(b"".join(sent))) == len(sent)


def test_every_kind_that_shows_something_has_an_encoder() -> None:
    assert set(ENCODERS) == {kind.kind for kind in KINDS.values() if kind.top}
