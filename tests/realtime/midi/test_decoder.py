"""One port's bytes into events."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.midi.decoder import PortDecoder
from realtime.midi.event import ControlEvent, Event, NoteEvent, PanicEvent, ProgramEvent, Source

MS = 1_000_000


class Port:
    """A decoder and its time."""

    def __init__(self) -> None:
        self.decoder = PortDecoder("knobs")
        self.ns = 0

    def __call__(self, *messages: tuple[int, ...], gap_ms: float = 1.0) -> list[Event]:
        found: list[Event] = []
        for message in messages:
            self.ns += round(gap_ms * MS)
            found += self.decoder.packet(message, self.ns)
        return found

    def wait(self, ms: int = 20) -> list[Event]:
        self.ns += ms * MS
        return self.decoder.due(self.ns)


@pytest.fixture
def port() -> Port:
    return Port()


def controls(events: list[Event]) -> list[tuple[str, int, int, float | None]]:
    return [(e.source.kind, e.source.channel, e.source.number, e.value) for e in events if isinstance(e, ControlEvent)]


def test_a_control_change(port: Port) -> None:
    assert port((0xB2, 70, 127)) == [ControlEvent(Source("knobs", 3, "cc", 70), 1.0, 127, 127, MS)]


@pytest.mark.parametrize("msb_first", [True, False])
def test_a_pair_never_jumps(port: Port, msb_first: bool) -> None:
    values = [*range(8_100, 8_300, 7), 16_383, 0]
    for value in values:
        halves = [(0xB0, 16, value >> 7), (0xB0, 48, value & 127)]
        found = [event for event in port(*(halves if msb_first else reversed(halves))) if event.source.kind == "cc14"]
        assert [(e.source.number, e.raw, e.value) for e in found if isinstance(e, ControlEvent)] == [(16, value, value / 16_383)]


def test_plain_controllers_below_64_are_no_pair(port: Port) -> None:
    # As nanoKONTROL2: faders 0 to 7, buttons 32 to 39.
    events = port(*((0xB0, 0, value) for value in range(128))) + port.wait(100) + port((0xB0, 32, 127)) + port.wait()
    assert {event.source.kind for event in events} == {"cc"}


def nrpn(number: int, *data: tuple[int, int]) -> list[tuple[int, ...]]:
    return [(0xB0, 99, number >> 7), (0xB0, 98, number & 127), *((0xB0, controller, value) for controller, value in data)]


def test_nrpn(port: Port) -> None:
    assert controls(port(*nrpn(1_000, (6, 64), (38, 1)))) == [("nrpn", 1, 1_000, (64 << 7 | 1) / 16_383)]
    port.wait(50)
    assert controls(port((0xB0, 38, 2), (0xB0, 6, 64))) == [("nrpn", 1, 1_000, (64 << 7 | 2) / 16_383)]
    assert controls(port((0xB0, 96, 0))) == [("nrpn", 1, 1_000, None)]


def test_after_null_data_entry_is_a_plain_controller(port: Port) -> None:
    port(*nrpn(1_000, (6, 64), (38, 1)), *nrpn(16_383))
    assert controls(port((0xB0, 6, 5))) == [("cc", 1, 6, 5 / 127)]


def test_seven_bit_nrpn_is_told_when_nothing_more_comes(port: Port) -> None:
    assert port(*nrpn(5, (6, 127))) == []
    assert port.decoder.waits
    assert controls(port.wait()) == [("nrpn", 1, 5, 1.0)]
    assert not port.decoder.waits


def test_bend_and_its_range(port: Port) -> None:
    (bend,) = port((0xE0, 127, 127))
    assert isinstance(bend, ControlEvent)
    assert (bend.value, bend.raw) == (1.0, 16_383)
    # A range that is announced leaves the wheel its whole way.
    port((0xB0, 101, 0), (0xB0, 100, 0), (0xB0, 6, 12), (0xB0, 38, 50))
    (bend,) = port((0xE0, 0, 0))
    assert isinstance(bend, ControlEvent)
    assert bend.value == 0.0
    (bend,) = port((0xE0, 0, 64))
    assert isinstance(bend, ControlEvent)
    assert bend.value == 0.5
    port((0xB0, 97, 0), (0xE0, 127, 127))
    assert port.decoder._gestures._zones[1].range_semitones == pytest.approx(12.49)


def test_pressures(port: Port) -> None:
    assert controls(port((0xD0, 127), (0xA0, 60, 0))) == [("pressure", 1, 0, 1.0), ("poly", 1, 60, 0.0)]


def test_notes(port: Port) -> None:
    down, up, zero = port((0x90, 60, 127), (0x80, 60, 10), (0x90, 60, 0))
    assert isinstance(down, NoteEvent)
    assert isinstance(up, NoteEvent)
    assert isinstance(zero, NoteEvent)
    assert (down.on, down.velocity, up.on, up.raw, zero.on, zero.raw) == (True, 1.0, False, 10, False, 64)
    assert down.source == Source("knobs", 1, "note", 60)


def test_program_with_its_bank(port: Port) -> None:
    events = port((0xB0, 0, 1), (0xB0, 32, 2), (0xC0, 9), (0xC1, 8))
    programs = [(e.source.channel, e.bank, e.program) for e in events if isinstance(e, ProgramEvent)]
    assert programs == [(1, 130, 9), (2, 0, 8)]


def test_panic(port: Port) -> None:
    events = port((0xB3, 120, 0), (0xB3, 123, 0))
    assert [(e.kind, e.source.channel) for e in events if isinstance(e, PanicEvent)] == [("all_sound_off", 4), ("all_notes_off", 4)]


def test_reset_controllers_brings_to_rest(port: Port) -> None:
    port((0xE0, 127, 127), (0xD0, 9))
    assert controls(port((0xB0, 121, 0))) == [("bend", 1, 0, 0.5), ("pressure", 1, 0, 0.0)]
    assert port((0xB0, 121, 0)) == []


def zone(port: Port, count: int = 3, channel: int = 0) -> list[Event]:
    status = 0xB0 | channel
    return port((status, 101, 0), (status, 100, 6), (status, 6, count))


def bent(semitones: float, reach: float = 48.0) -> float:
    """Place of a finger that is bent so far."""
    return 0.5 + 0.5 * semitones / reach


def test_mpe_gestures_belong_to_the_zone_and_the_note(port: Port) -> None:
    zone(port)
    rest, note = port((0x92, 64, 100))
    assert isinstance(rest, ControlEvent)
    assert (rest.source.kind, rest.value, rest.note) == ("mpe_bend", 0.5, 64)
    assert isinstance(note, NoteEvent)
    assert (note.source, note.member) == (Source("knobs", 1, "note", 64), 3)
    events = port((0xE2, 127, 127), (0xB2, 74, 127), (0xD2, 64))
    assert controls(events) == [("mpe_bend", 1, 0, 1.0), ("mpe_slide", 1, 0, 1.0), ("mpe_pressure", 1, 0, 64 / 127)]
    assert {event.note for event in events if isinstance(event, ControlEvent)} == {64}


def test_the_masters_wheel_bends_sounding_notes_and_new_ones(port: Port) -> None:
    zone(port)
    port((0x91, 60, 100), (0xE1, 0, 96))
    events = port((0xE0, 127, 127))
    found = [(e.source.kind, e.value, e.note) for e in events if isinstance(e, ControlEvent)]
    assert found == [("bend", 1.0, None), ("mpe_bend", pytest.approx(bent(26.0), abs=1e-4), 60)]
    begins, note = port((0x92, 62, 100))
    assert isinstance(begins, ControlEvent)
    assert (begins.value, begins.note) == (pytest.approx(bent(2.0)), 62)
    assert isinstance(note, NoteEvent)


def test_ranges_of_members_and_master(port: Port) -> None:
    zone(port)
    port((0xB1, 101, 0), (0xB1, 100, 0), (0xB1, 6, 24), (0xB0, 101, 0), (0xB0, 100, 0), (0xB0, 6, 7))
    port((0xE0, 127, 127), (0xE3, 127, 127))
    begins, _ = port((0x93, 60, 1))
    assert isinstance(begins, ControlEvent)
    assert begins.value == 1.0, "it bends no farther than its own range"
    port((0xE0, 0, 0))
    (begins,) = port((0xE3, 127, 127))
    assert isinstance(begins, ControlEvent)
    assert begins.value == pytest.approx(bent(24.0 - 7.0, 24.0))


def test_a_new_zone_ends_its_notes_under_their_old_names(port: Port) -> None:
    port((0x92, 64, 100))
    ends = zone(port)
    assert [(e.on, e.source.channel, e.source.number) for e in ends if isinstance(e, NoteEvent)] == [(False, 3, 64)]
    port((0x92, 64, 100))
    ends = zone(port, 0)
    assert [(e.on, e.source.channel, e.source.number) for e in ends if isinstance(e, NoteEvent)] == [(False, 1, 64)]


def test_unplugging_ends_what_was_down(port: Port) -> None:
    port((0x90, 60, 1), (0x95, 61, 1), (0x90, 62, 1), (0x80, 62, 1))
    ends = port.decoder.unplugged(port.ns)
    assert [(e.on, e.source.channel, e.source.number) for e in ends if isinstance(e, NoteEvent)] == [(False, 1, 60), (False, 6, 61)]
    assert port.decoder.unplugged(port.ns) == []


BYTES = st.lists(st.binary(min_size=1, max_size=12), max_size=60)
LIKELY = st.lists(
    st.tuples(
        st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0xB1, 0xBF, 0xD1, 0xE0, 0xE1, 0xF2]),
        st.sampled_from([0, 6, 38, 60, 74, 96, 98, 99, 100, 101, 121]),
        st.integers(0, 127),
    ).map(bytes),
    max_size=60,
)


@given(st.one_of(BYTES, LIKELY))
def test_any_bytes_give_events_in_range_and_notes_that_end(packets: list[bytes]) -> None:
    port = Port()
    events = list(itertools.chain(*(port(packet) for packet in packets), port.wait(), port.decoder.unplugged(port.ns)))
    down: dict[tuple[Source, int], bool] = {}
    for event in events:
        hash(event.source)
        assert 0 <= event.source.channel <= 16
        if isinstance(event, ControlEvent):
            assert (event.value is None) != (event.step is None)
            assert event.value is None or 0.0 <= event.value <= 1.0
            assert 0 <= event.raw <= event.top
            assert 0 <= event.source.number <= 16_383
        elif isinstance(event, NoteEvent):
            assert 0.0 <= event.velocity <= 1.0
            down[event.source, event.member] = event.on
        elif isinstance(event, PanicEvent):
            down.clear()
    assert not any(down.values())
    assert not port.decoder.waits
