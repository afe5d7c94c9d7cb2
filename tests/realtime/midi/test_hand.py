"""Routes and what moving their controls asks for, on the real namespace and a dictionary of values."""

from collections.abc import Mapping as Dictionary
from dataclasses import replace

import pytest

from patches.manifest import Audio, Control, Manifest
from realtime.control.address import Value
from realtime.control.namespace import Namespace
from realtime.midi.event import ControlEvent, Kind, NoteEvent, Source
from realtime.midi.hand import Ask, Hand, Wait
from realtime.midi.mapping import Binding, Mapping
from realtime.midi.mapping_file import ready_mapping
from realtime.midi.routes import Route, Routes
from realtime.midi.source_pattern import KINDS, MappingError, parse_source
from realtime.midi.takeover import TakeoverMode
from tests.stage_patch import manifest

CLASSES = tuple(Control(f"class_{name}", name, "", 0.0, 1.0, 0.0, "linear", 0.0) for name in ("bees", "fire", "rain"))
PLAIN = manifest("plain", Audio(44_100, 1, 1024, 0))
CLASSY = replace(PLAIN, slug="classy", controls=(*CLASSES, *reversed(PLAIN.controls)))


class Table:
    """A controller on a table of values."""

    def __init__(self, *bindings: Binding | tuple[object, ...], decks: tuple[Manifest | None, ...] = (CLASSY, PLAIN)) -> None:
        made = [b if isinstance(b, Binding) else Binding(parse_source(str(b[0])), *b[1:]) for b in bindings]  # type: ignore[arg-type]
        self.mapping = Mapping(tuple(made))
        self.values: dict[str, Value] = {}
        self.hand = Hand(self.values.get)
        self.load(*decks)

    def load(self, *decks: Manifest | None) -> None:
        self.namespace = Namespace(decks)
        self.routes = Routes(self.mapping, self.namespace.addresses)
        self.values.clear()
        for path, address in self.namespace.addresses.items():
            if address.kind == "value" and address.argument.default is not None:
                self.values[path] = address.argument.default

    def move(self, event: ControlEvent | NoteEvent) -> list[Ask]:
        asks = self.hand.move(event, self.routes.of(event.source), self._rule)
        self.values.update({path: arguments[0] for path, arguments in asks if path in self.values})
        return asks

    def _rule(self, route: Route) -> TakeoverMode:
        return self.mapping.takeover_of(route.binding, self.mapping.takeover)

    def waiting(self) -> list[Wait]:
        return self.hand.waiting(self.routes, self._rule)

    def cc(self, raw: int, number: int = 70, kind: Kind = "cc", top: int = 127, port: str = "knobs") -> list[Ask]:
        return self.move(ControlEvent(Source(port, 1, kind, number), raw / top, raw, top, 0))

    def note(self, number: int = 36, velocity: float = 1.0, *, on: bool = True) -> list[Ask]:
        return self.move(NoteEvent(Source("knobs", 10, "note", number), on, velocity, round(velocity * 127), 0))


OFF = {"takeover": "off"}


def binding(source: str, address: str, action: str = "follow", **more: object) -> Binding:
    return Binding(parse_source(source), address, action, **(OFF | more))  # type: ignore[arg-type]


def numbers(asks: list[Ask]) -> list[float]:
    return [float(arguments[0]) for _, arguments in asks]


def test_a_value_follows_over_the_range_of_its_address() -> None:
    table = Table(binding("cc 70", "/deck/1/pan"))
    assert table.cc(0) == [("/deck/1/pan", (-1.0,))]
    assert table.cc(127) == [("/deck/1/pan", (1.0,))]
    assert table.cc(127) == []


@pytest.mark.parametrize("kind", ["cc", "cc14", "nrpn", "pressure", "mpe_slide"])
@pytest.mark.parametrize("address", ["/deck/1/pan", "/deck/2/param/loudness"])
def test_a_control_can_stand_in_the_middle_of_a_range_around_0(kind: Kind, address: str) -> None:
    """Sixty-four of 127 steps, though half of the way lies between two of them; both halves go evenly to their ends."""
    table = Table(binding(kind, address))
    top = KINDS[kind].top or 127
    middle, end = (top + 1) // 2, table.namespace.addresses[address].argument.maximum
    table.cc(0, 0, kind, top)
    raws = {middle: 0.0, middle // 2: -end / 2, middle + (top - middle) // 3: end / 3, top: end}
    for raw, value in raws.items():
        # An exact 0: nobody hears a pan of a hundredth, but a player reads it.
        assert numbers(table.cc(raw, 0, kind, top)) == [value if value == 0.0 else pytest.approx(value, abs=end / top)]


def test_the_middle_of_a_range_of_the_binding_that_is_turned_around_or_struck() -> None:
    table = Table(
        binding("cc 70", "/deck/1/pan", minimum=-0.5, maximum=0.5, invert=True),
        binding("note 36", "/deck/2/pan", "velocity"),
        binding("bend", "/deck/2/param/loudness"),
        binding("cc 71", "/master/gain", minimum=-12.0, maximum=12.0),
    )
    assert numbers(table.cc(127) + table.cc(64) + table.cc(0)) == [-0.5, 0.0, 0.5]
    table.cc(127, 71)
    assert numbers(table.cc(64, 71)) == [0.0]
    table.note(velocity=0.0)
    assert numbers(table.note(velocity=64 / 127)) == [0.0]
    # A bend is in the middle at rest already.
    table.cc(0, 0, "bend", 16_383)
    at_rest = ControlEvent(Source("knobs", 1, "bend"), 0.5, 8_192, 16_383, 0)
    assert numbers(table.move(at_rest)) == [0.0]


def test_ranges_without_0_in_the_middle_are_even() -> None:
    table = Table(binding("cc 70", "/deck/1/gain"), binding("cc 71", "/deck/2/param/continuity"))
    assert numbers(table.cc(64)) == [pytest.approx(-60.0 + 72.0 * 64 / 127)]
    assert numbers(table.cc(64, 71)) == [pytest.approx(64 / 127)]


@pytest.mark.parametrize("mode", ["pickup", "scale"])
def test_takeover_in_the_middle(mode: str) -> None:
    """Turned to the middle of a centred value it has it, and carries it on."""
    table = Table(binding("cc 70", "/deck/1/pan", takeover=mode))
    table.cc(64)
    assert numbers(table.cc(65)) == [pytest.approx(1 / 63)]
    table.values["/deck/1/pan"] = -1.0
    table.cc(90)
    assert table.waiting() == ([(Source("knobs", 1, "cc", 70), "/deck/1/pan", pytest.approx(-0.5 - 26 / 126))] if mode == "pickup" else [])
    assert (numbers(table.cc(0)) or [-1.0]) == [-1.0]
    assert numbers(table.cc(64)) == [0.0]


def test_range_and_curve() -> None:
    table = Table(binding("cc 70", "/master/gain", minimum=-40.0, maximum=0.0, invert=True))
    assert numbers(table.cc(127) + table.cc(0)) == [-40.0, 0.0]
    curved = Table(binding("cc 70", "/deck/2/param/density", curve="linear"))
    assert numbers(curved.cc(64)) == [pytest.approx(1.0 + 42.0 * 64 / 127)]
    own = Table(binding("cc 70", "/deck/2/param/density"))
    assert numbers(own.cc(64)) == [pytest.approx(43.0 ** (64 / 127))]


def test_invert() -> None:
    table = Table(binding("cc 70", "/deck/1/pan", invert=True))
    assert numbers(table.cc(0)) == [1.0]
    assert numbers(table.cc(127)) == [-1.0]


def test_a_range_wider_than_the_address_is_cut() -> None:
    table = Table(binding("cc 70", "/master/gain", minimum=-100.0, maximum=100.0))
    assert numbers(table.cc(127) + table.cc(0)) == [12.0, -60.0]


def test_a_range_outside_of_the_address_is_said() -> None:
    table = Table(binding("cc 70", "/master/gain", minimum=20.0, maximum=40.0))
    assert table.cc(3) == []
    assert "nothing between 20 and 12; allowed: number -60 to 12 dB" in table.routes.faults[0]


def test_encoders_step_from_where_the_value_is() -> None:
    table = Table(binding("cc 70", "/deck/1/pan", mode="twos_complement", step=0.1))
    assert numbers(table.cc(1)) == [pytest.approx(0.2)]
    assert numbers(table.cc(126)) == [pytest.approx(-0.2)]
    table.values["/deck/1/pan"] = 0.9
    assert numbers(table.cc(3)) == [1.0]
    assert table.cc(3) == []


def test_an_encoder_reaches_every_choice_of_a_coarse_value() -> None:
    """Steps smaller than one of the value's own add up."""
    table = Table(binding("cc 70", "/transport/quantum", mode="binary_offset", step=0.005))
    table.values["/transport/quantum"] = 4
    for _ in range(10):
        table.cc(65)
    assert table.values["/transport/quantum"] == 7
    for _ in range(10):
        table.cc(63)
    assert table.values["/transport/quantum"] == 4


def test_data_increments_step() -> None:
    table = Table(binding("nrpn 300", "/deck/1/pan", step=0.25))
    up = ControlEvent(Source("knobs", 1, "nrpn", 300), None, 1, 127, 0, step=1)
    assert numbers(table.move(up)) == [pytest.approx(0.5)]


def test_a_text_with_choices_follows() -> None:
    table = Table(binding("cc 70", "/transport/source"))
    assert [table.cc(raw)[0][1][0] for raw in (127, 64, 0)] == ["link", "midi", "internal"]


def test_gate() -> None:
    table = Table(binding("note 36", "/deck/1/freeze", "momentary"))
    assert table.note() == [("/deck/1/freeze", (1.0,))]
    assert table.note(on=False) == [("/deck/1/freeze", (0.0,))]
    assert table.note(on=False) == []


def test_a_gate_closes_what_it_opened_after_a_patch_change() -> None:
    table = Table(binding("note 36", "/deck/1/param/@1", "momentary"))
    assert table.note() == [("/deck/1/param/density", (43.0,))]
    table.load(PLAIN, None)
    assert table.note(on=False) == [("/deck/1/param/density", (1.0,))]
    assert table.note() == [("/deck/1/param/loudness", (3.0,))]


def test_a_port_that_is_gone_lets_go() -> None:
    table = Table(binding("note 36", "/deck/1/freeze", "momentary"))
    table.note()
    assert table.hand.release("other") == []
    assert table.hand.release("knobs") == [("/deck/1/freeze", (0.0,))]
    assert table.hand.release("knobs") == []


@pytest.mark.parametrize("source", ["note 36", "cc 70"])
def test_toggle_by_note_and_by_button(source: str) -> None:
    table = Table(binding(source, "/deck/1/mute", "toggle"))

    def press(down: bool) -> list[float]:
        return numbers(table.note(on=down) if source == "note 36" else table.cc(127 * down))

    assert [press(down) for down in (True, False, True, False)] == [[1.0], [], [0.0], []]
    table.values["/deck/1/mute"] = 1.0
    assert press(True) == [0.0]


def test_a_button_that_repeats_itself_is_one_press() -> None:
    table = Table(binding("cc 70", "/deck/1/mute", "toggle"))
    assert [numbers(table.cc(raw)) for raw in (127, 126, 127, 0, 100)] == [[1.0], [], [], [], [0.0]]


def test_select_turns_the_siblings_down() -> None:
    table = Table(binding("note 36", "/deck/1/class/@2", "select"), binding("note 37", "/deck/2/solo", "select"))
    assert table.note() == [("/deck/1/class/fire", (1.0,)), ("/deck/1/class/bees", (0.0,)), ("/deck/1/class/rain", (0.0,))]
    assert table.note(37) == [("/deck/2/solo", (1.0,)), ("/deck/1/solo", (0.0,))]


def test_velocity_and_key() -> None:
    table = Table(binding("note 36", "/deck/1/gain", "velocity"), binding("note 48-72", "/deck/2/param/density", "key"))
    assert numbers(table.note(36, 0.5)) == [pytest.approx(-24.0)]
    assert table.note(36, 0.0, on=False) == []
    assert numbers(table.note(48) + table.note(60) + table.note(72)) == [pytest.approx(v) for v in (1.0, 43.0**0.5, 43.0)]
    assert table.note(73) == []


def test_trigger() -> None:
    table = Table(
        binding("note 36", "/scene/recall", "trigger", arguments=("verse",)),
        binding("cc 70", "/panic", "trigger"),
        binding("note 37", "/transport/source", "trigger", arguments=("link",)),
        binding("note 38", "/deck/1/pan", "trigger", maximum=0.5),
    )
    assert table.note() == [("/scene/recall", ("verse",))]
    assert table.note(on=False) == []
    assert table.cc(127) == [("/panic", ())]
    assert table.note(37) == [("/transport/source", ("link",))]
    assert numbers(table.note(38)) == [0.5]


def test_a_command_without_its_arguments_is_refused() -> None:
    with pytest.raises(MappingError, match=r"to /scene/recall: arguments; got number of arguments: got 0; allowed: 1 \(name\)"):
        binding("note 36", "/scene/recall", "trigger")
    table = Table(binding("note 36", "/deck/1/param/density", "trigger", arguments=("much",)))
    assert table.note() == []
    assert "density: got 'much'" in table.routes.faults[0]


def test_one_control_moves_many_addresses() -> None:
    table = Table(binding("cc 70", "/deck/1/pan"), binding("cc 70", "/deck/2/pan", invert=True))
    assert table.cc(127) == [("/deck/1/pan", (1.0,)), ("/deck/2/pan", (-1.0,))]


def test_a_binding_sleeps_while_no_patch_has_its_address() -> None:
    table = Table(binding("cc 70", "/deck/1/class/bees"), decks=(PLAIN, None))
    assert table.cc(127) == []
    assert table.routes.faults == []
    table.load(CLASSY, None)
    assert table.cc(126) == [("/deck/1/class/bees", (pytest.approx(126 / 127),))]


def test_who_waits_is_seen_by_the_values_and_addresses_of_now() -> None:
    table = Table(("cc 70", "/deck/1/param/continuity"))
    table.cc(127)
    ((source, path, way),) = table.waiting()
    assert (source.number, path, way) == (70, "/deck/1/param/continuity", -0.5)
    # A scene that brings the value to the knob, or farther away.
    table.values[path] = 0.75
    assert table.waiting() == [(source, path, -0.25)]
    table.load(None, None)
    assert table.waiting() == [], "nothing is there that it could move"
    table.load(CLASSY, None)
    table.cc(120)
    table.mapping = replace(table.mapping, takeover="off")
    assert table.waiting() == [], "the next touch moves it"
    table.hand.forget()
    table.mapping = replace(table.mapping, takeover="pickup")
    assert table.waiting() == []


def test_places_count_parameters_and_classes_apart() -> None:
    table = Table(binding("cc 70", "/deck/1/param/@1"), binding("cc 71", "/deck/1/class/@3"), binding("cc 72", "/deck/1/param/@60"))
    assert [path for number in (70, 71, 72) for path, _ in table.cc(127, number)] == ["/deck/1/param/density", "/deck/1/class/rain"]


def test_soft_takeover_across_a_patch_change() -> None:
    table = Table(("cc 70", "/deck/1/param/continuity"))
    assert [len(table.cc(raw)) for raw in (100, 80, 64, 90, 110)] == [0, 0, 1, 1, 1]
    table.load(PLAIN, None)
    assert table.values["/deck/1/param/continuity"] == 0.5
    assert [len(table.cc(raw)) for raw in (112, 120, 100, 70)] == [0, 0, 0, 0]
    assert table.waiting() == [(Source("knobs", 1, "cc", 70), "/deck/1/param/continuity", pytest.approx(0.5 - 70 / 127))]
    assert len(table.cc(62)) == 1
    assert table.waiting() == []


def test_a_wheel_that_springs_back_always_takes_over() -> None:
    table = Table(("bend", "/deck/1/pan"), ("pressure", "/deck/1/gain"))
    assert numbers(table.cc(16_383, 0, "bend", 16_383) + table.cc(0, 0, "pressure")) == [1.0, -60.0]


def test_takeover_is_remembered_for_each_knob() -> None:
    table = Table(("cc 70", "/deck/1/param/continuity"))
    table.cc(64)
    assert table.cc(90, port="other knobs") == []
    assert len(table.cc(90)) == 1


def test_the_ready_mapping_plays_any_patch() -> None:
    mapping = ready_mapping()
    for deck in (PLAIN, CLASSY):
        routes = Routes(mapping, Namespace([deck]).addresses)
        assert routes.faults == []
        knobs = [routes.of(Source("x", 1, "cc", number)) for number in range(70, 78)]
        own = [control.id for control in deck.controls if not control.id.startswith("class_")]
        assert [found[0].path.rpartition("/")[2] for found in knobs if found] == own
        assert routes.of(Source("x", 1, "note", 36)) == []
        assert bool(routes.of(Source("x", 10, "note", 36))) == (deck is CLASSY)
        assert routes.of(Source("x", 10, "note", 43))[0].path == "/panic"


def test_nothing_is_looked_up_twice() -> None:
    """A binding of all numbers is found as one of a single number is."""
    table = Table(binding("nrpn", "/deck/1/pan"), binding("cc", "/deck/1/gain"))
    events: Dictionary[Kind, int] = {"nrpn": 9_999, "cc": 5}
    assert [len(table.cc(65, number, kind)) for kind, number in events.items()] == [1, 1]
