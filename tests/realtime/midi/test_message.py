"""Bytes into messages; each test is a sentence of the specification."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.midi.message import BY_NAME, CONTROLLERS, MESSAGES, Message, MessageReader, midi_table_markdown


def words(message: Message) -> str:
    """As a person reads it: `control_change 1 74 64`."""
    return " ".join(str(part) for part in (message.kind.name, *((message.channel,) if message.channel else ()), *message.data))


def read(*data: int) -> list[str]:
    return [words(message) for message in MessageReader().feed(data)]


def test_a_status_and_its_data_are_a_message() -> None:
    assert read(0x90, 60, 100) == ["note_on 1 60 100"]
    assert read(0xBF, 7, 1, 0xC0, 5) == ["control_change 16 7 1", "program_change 1 5"]


def test_running_status() -> None:
    assert read(0xB0, 1, 2, 3, 4) == ["control_change 1 1 2", "control_change 1 3 4"]


def test_realtime_inside_a_message_does_not_disturb_it() -> None:
    assert read(0x90, 0xF8, 60, 0xFE, 100) == ["clock", "active_sensing", "note_on 1 60 100"]


def test_realtime_inside_sysex_does_not_end_it() -> None:
    assert read(0xF0, 1, 0xF8, 2, 0xF7) == ["clock", "system_exclusive"]


def test_system_common_ends_running_status() -> None:
    reader = MessageReader()
    assert [words(message) for message in reader.feed((0x90, 60, 1, 0xF6, 61, 1))] == ["note_on 1 60 1", "tune_request"]
    assert reader.refused_bytes == 2


def test_a_bend_and_a_song_position_are_words() -> None:
    assert MessageReader().feed((0xE0, 0x7F, 0x7F))[0].word == 16_383
    assert MessageReader().feed((0xF2, 1, 2))[0].word == 257


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        ((1, 2, 3), 3),  # Data without a status.
        ((0x90, 60, 0xB0, 1, 2), 2),  # A note cut off by a control change.
        ((0x90, 0xB0, 1, 2), 1),  # A status alone.
        ((0xF0, 1, 2, 0xB0, 1, 2), 1),  # A SysEx without end.
        ((0xF7, 0xB0, 1, 2), 1),  # An end without SysEx.
        ((0xF4, 0xF5, 0xF9, 0xFD), 4),  # Undefined.
    ],
)
def test_garbage_is_counted_and_what_is_whole_comes_through(data: tuple[int, ...], refused: int) -> None:
    reader = MessageReader()
    found = [words(message) for message in reader.feed(data)]
    assert found == (["control_change 1 1 2"] if 0xB0 in data else [])
    assert reader.refused_bytes == refused


def test_nothing_but_sysex_runs_on_into_the_next_packet() -> None:
    reader = MessageReader()
    assert len(reader.take_packet((0xB0, 1, 2))) == 1
    assert reader.take_packet((3, 4)) == []
    assert reader.take_packet((0x90, 60)) == []
    assert reader.take_packet((100,)) == []
    assert reader.take_packet((0xF0, 1)) == []
    assert reader.take_packet((2, 3)) == []
    assert [words(message) for message in reader.take_packet((4, 0xF7))] == ["system_exclusive"]
    assert reader.refused_bytes == 2 + 2 + 1


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_read_alike_however_they_are_cut(data: bytes, cut: int) -> None:
    whole, parts = MessageReader(), MessageReader()
    expected = whole.feed(data)
    assert parts.feed(data[:cut]) + parts.feed(data[cut:]) == expected
    assert parts.refused_bytes == whole.refused_bytes <= len(data)
    for message in expected:
        assert len(message.data) == len(message.kind.fields)
        assert all(0 <= value < 128 for value in message.data)


def test_every_row_can_be_read() -> None:
    for kind in MESSAGES:
        data = (0xF0, 1, 0xF7) if kind.name == "system_exclusive" else (kind.status, *range(len(kind.fields)))
        assert [message.kind for message in MessageReader().feed(data)] == [BY_NAME[kind.name]]


def test_no_controller_has_two_roles_and_the_table_names_all() -> None:
    numbers = [number for role in CONTROLLERS for number in role.controllers]
    assert len(numbers) == len(set(numbers))
    table = midi_table_markdown()
    for kind in MESSAGES:
        assert f"| {kind.name.replace('_', ' ')} |" in table
