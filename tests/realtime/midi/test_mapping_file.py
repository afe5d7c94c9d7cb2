import re
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from realtime.control.address import Argument
from realtime.errors import UsageError
from realtime.midi.choices import ACTIONS
from realtime.midi.mapping import Binding, Mapping, row_of
from realtime.midi.mapping_fields import BINDING_FIELDS, FILE_FIELDS, PROGRAM_FIELDS, ZONE_FIELDS
from realtime.midi.mapping_file import (
    MAX_MAPPING_BYTES,
    READY,
    find_mapping,
    from_table,
    read_mapping,
    ready_mapping,
    ready_names,
    to_table,
    write_mapping,
)
from realtime.midi.ports import ZoneSetting
from realtime.midi.programs import ProgramRule
from realtime.midi.source_pattern import MappingError, SourcePattern, parse_source
from realtime.midi.zones import Zone

HOSTILE = Path(__file__).parents[2] / "data" / "hostile" / "mappings"
HOSTILE_MAPPINGS = {
    "not_toml.toml": "not TOML",
    "not_utf8.toml": "not TOML",
    "deep.toml": "not TOML|unknown key|is no table",
    "unknown_key.toml": "unknown key or wrong kind; got colour",
    "unknown_binding_key.toml": "binding 1: unknown key or wrong kind; got colour",
    "binding_no_table.toml": "binding 1: is no table",
    "binding_is_a_table.toml": "unknown key or wrong kind; got binding",
    "no_source.toml": "binding 1: a key is missing; got no source",
    "no_address.toml": "binding 1: a key is missing; got no address",
    "unknown_source.toml": "binding 1: source: no kind of control is called this; got knob; allowed: cc, cc14",
    "source_number.toml": "binding 1: source cc: number; got 128-128; allowed: 0 to 127",
    "source_backwards.toml": "binding 1: source note: number; got 60-40",
    "channel_0.toml": "binding 1: channel; got 0; allowed: 1 to 16",
    "channel_true.toml": "binding 1: unknown key or wrong kind; got channel = True",
    "impossible_address.toml": "binding 1: address: nothing can be there; got '/deck/1/volume'",
    "deck_99.toml": "binding 1: address: nothing can be there; got '/deck/99/gain'",
    "pattern_address.toml": "binding 1: address: nothing can be there",
    "place_0.toml": "binding 1: address: nothing can be there",
    "query_address.toml": "binding 1: address: a query only answers",
    "command_followed.toml": "binding 1: cc 70 to /panic: action for a command; got follow; allowed: trigger",
    "unknown_action.toml": "binding 1: .*action; got 'explode'; allowed: follow, momentary",
    "action_of_a_note.toml": "action for a control; got velocity; allowed: follow, momentary",
    "unknown_mode.toml": "mode; got 'sideways'; allowed: absolute",
    "encoder_bend.toml": "mode; got binary_offset; allowed: absolute",
    "range_backwards.toml": "minimum not below maximum; got 0 and -20; use invert",
    "range_nan.toml": "minimum; got nan",
    "step_0.toml": "step; got 0; allowed: above 0",
    "duplicate.toml": "the same binding twice; got cc 70 to /master/gain",
    "unknown_takeover.toml": "takeover; got 'grab'; allowed: off, pickup, scale",
    "unknown_feedback.toml": "feedback; got 'loud'; allowed: none, show, move",
    "arguments_table.toml": "binding 1: arguments; got {'name'",
    "argument_missing.toml": r"binding 1: note 36 to /scene/recall: arguments; got number of arguments: got 0; allowed: 1 \(name\)",
    "argument_kind.toml": "program 1: arguments; got program: got 'three'",
    "many_arguments.toml": "binding 1: arguments; got 9; allowed: up to 8",
    "program_128.toml": "program 1: program; got 128; allowed: 0 to 127",
    "program_twice.toml": "the same program twice; got program 1",
    "program_nowhere.toml": "address: nothing can be there; got '/scene/fetch'",
    "zone_master.toml": "zone: master; got 2; allowed: 1 or 16",
    "zone_members.toml": "zone 1: members; got 16; allowed: 1 to 15",
    "zone_twice.toml": "the same zone twice; got master 1 of any port",
    "long_port.toml": "binding 1: source cc: port; got 130 characters",
}


@pytest.mark.parametrize("name", sorted(HOSTILE_MAPPINGS))
def test_hostile_mappings(name: str) -> None:
    with pytest.raises(MappingError, match=HOSTILE_MAPPINGS[name]) as caught:
        read_mapping(HOSTILE / name)
    assert isinstance(caught.value, UsageError)
    assert str(HOSTILE / name) in str(caught.value)


def test_every_hostile_mapping_is_in_the_table() -> None:
    assert {path.name for path in HOSTILE.iterdir()} == set(HOSTILE_MAPPINGS)


def test_a_mapping_that_is_missing_a_folder_or_too_big(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        read_mapping(tmp_path / "none.toml")
    with pytest.raises(MappingError, match="cannot be read"):
        read_mapping(tmp_path)
    with pytest.raises(MappingError, match="cannot be read"):
        read_mapping(Path("a\0b"))
    (tmp_path / "big.toml").write_bytes(b"#" * (MAX_MAPPING_BYTES + 1))
    with pytest.raises(MappingError, match="too big"):
        read_mapping(tmp_path / "big.toml")


def test_says_in_words_what_a_binding_does() -> None:
    gain = Argument("gain", "f", -60.0, 12.0, "dB")
    knob = parse_source("cc 70")
    assert Binding(knob, "/master/gain").way(gain) == "follow -60 to 12 dB"
    assert Binding(knob, "/master/gain").way() == "follow", "asleep: nobody knows its range"
    assert Binding(knob, "/master/gain", minimum=-20.0, invert=True).way(gain) == "follow 12 to -20 dB"
    assert Binding(knob, "/master/gain", curve="exponential", takeover="scale").way(gain) == "follow -60 to 12 dB, exponential, scale"
    assert Binding(knob, "/master/gain", mode="twos_complement").way(gain) == "follow -60 to 12 dB, twos complement by 1.0%"
    assert Binding(parse_source("note 36"), "/scene/recall", "trigger", arguments=("verse",)).way() == "trigger, verse"


EXAMPLE = """
takeover = "scale"

[[binding]]
source = "cc 20"
channel = 2
port = "nano*CTRL"
address = "/master/gain"
minimum = -40
maximum = 0
curve = "linear"
invert = true
takeover = "off"
feedback = "move"

[[binding]]
source = "note 36"
address = "/deck/1/freeze"

[[binding]]
source = "note 48-72"
address = "/deck/1/param/rate"
action = "key"

[[binding]]
source = "cc 30"
address = "/deck/1/param/@3"
mode = "twos_complement"
step = 0.02

[[binding]]
source = "note 37"
address = "/scene/morph"
action = "trigger"
arguments = ["verse", 4.0]

[[program]]
program = 3
bank = 2
channel = 1
port = "Pedal"
address = "/scene/recall"
arguments = ["bridge"]

[[zone]]
port = "Sea*board"
members = 7
"""


def test_a_mapping_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(EXAMPLE)
    mapping = read_mapping(path)
    assert mapping.takeover == "scale"
    assert mapping.feedback == "show"
    fader = SourcePattern("cc", 20, 20, 2, "nano*CTRL")
    assert mapping.bindings == (
        Binding(fader, "/master/gain", "follow", -40, 0, "linear", True, takeover="off", feedback="move"),
        Binding(parse_source("note 36"), "/deck/1/freeze", "momentary"),
        Binding(parse_source("note 48-72"), "/deck/1/param/rate", "key"),
        Binding(parse_source("cc 30"), "/deck/1/param/@3", mode="twos_complement", step=0.02),
        Binding(parse_source("note 37"), "/scene/morph", "trigger", arguments=("verse", 4.0)),
    )
    assert mapping.zones == (Zone(1, 7, "Sea*board"),)
    assert mapping.zones[0].setting == ZoneSetting("*Sea*board*", 1, 7)
    assert Zone(16, 3, "[x]").setting == ZoneSetting("*[[]x]*", 16, 3)
    assert mapping.programs == (ProgramRule(3, "/scene/recall", ("bridge",), 2, 1, "Pedal"),)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(EXAMPLE)
    mapping = read_mapping(first)
    write_mapping(second, mapping)
    assert read_mapping(second) == mapping
    assert from_table(to_table(mapping), "rack") == mapping
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_written_mapping_to_the_letter(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    write_mapping(path, Mapping((Binding(parse_source("cc 7", 3), "/master/gain", maximum=0.0),), feedback="none"))
    assert path.read_text() == (
        'takeover = "pickup"\nfeedback = "none"\n\n[[binding]]\nsource = "cc 7"\nchannel = 3\n'
        'address = "/master/gain"\naction = "follow"\nmaximum = 0.0\n'
    )


def test_a_mapping_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (folder, tmp_path / "nowhere" / "mapping.toml"):
        with pytest.raises(MappingError, match="not written"):
            write_mapping(path, Mapping())
    assert list(folder.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_ready_mappings_are_sound() -> None:
    assert READY in ready_names()
    for name in ready_names():
        mapping = ready_mapping(name)
        assert find_mapping(name) == mapping
        assert from_table(to_table(mapping), name) == mapping
    ready = ready_mapping()
    assert [b.source.text for b in ready.bindings if b.source.text.startswith("cc 7")][:8] == [f"cc {n}" for n in range(70, 78)]
    assert [b.source.text for b in ready.bindings if b.source.kind == "note"] == [f"note {n}" for n in range(36, 44)]
    with pytest.raises(MappingError, match=re.escape(f"allowed: {READY}")):
        ready_mapping("../hostile")


def test_fields_are_those_of_the_records() -> None:
    assert {field.name for field in BINDING_FIELDS} == set(Binding.__dataclass_fields__) | {"channel", "port"}
    assert {field.name for field in PROGRAM_FIELDS} == set(ProgramRule.__dataclass_fields__)
    assert {field.name for field in ZONE_FIELDS} == set(Zone.__dataclass_fields__)
    plural = {"bindings": "binding", "programs": "program", "zones": "zone"}
    assert {field.name for field in FILE_FIELDS} == {plural.get(name, name) for name in Mapping.__dataclass_fields__}


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-5, 20_000), st.floats(), st.text(max_size=8), st.sampled_from(sorted(ACTIONS)))
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=4
)
SOURCES = st.sampled_from(["cc 70", "note 36", "bend", "nrpn 9", "note 1-9", "cc -1", "cc 999999", "program", ""])
ADDRESSES = st.sampled_from(["/master/gain", "/panic", "/deck/1/param/@1", "/deck/²/gain", "/deck/1/param/", "/status", "", "/"])
EVERY_FIELD = (*BINDING_FIELDS, *PROGRAM_FIELDS, *ZONE_FIELDS)
KNOWN = {"source": SOURCES, "address": ADDRESSES, "program": st.integers(-1, 129)}


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in FILE_FIELDS]),
        VALUES
        | st.lists(
            st.fixed_dictionaries({}, optional={field.name: KNOWN.get(field.name, VALUES) | VALUES for field in EVERY_FIELD}),
            max_size=3,
        ),
    )
)
def test_any_table_is_a_mapping_or_a_named_error(table: dict[str, object]) -> None:
    mapping, why = None, ""
    try:
        mapping = from_table(table, "mapping")
    except MappingError as error:
        why = str(error)
    if mapping is None:
        assert why.startswith("mapping")
        return
    assert from_table(to_table(mapping), "again") == mapping
    tomli_w.dumps(to_table(mapping))
    for binding in mapping.bindings:
        assert row_of(binding.address).kind != "query"
