import pytest

from realtime.midi.event import Source
from realtime.midi.source_pattern import KINDS, MappingError, SourcePattern, exactly, parse_source, port_meets


@pytest.mark.parametrize(
    "text", ["cc 70", "cc14 1", "nrpn 1024", "rpn 0", "bend", "pressure", "poly", "poly 60", "note 48-72", "mpe_slide"]
)
def test_a_source_is_written_as_it_is_read(text: str) -> None:
    assert parse_source(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cc",
        "70",
        "cc  70",
        "cc 70 ",
        "CC 70",
        "cc -1",
        "cc 1-",
        "cc ٣",
        "cc 99999999999",
        "cc14 32",
        "bend 1",
        "program 1",
        "clock",
        "a" * 999,
    ],
)
def test_what_is_no_source_is_refused(text: str) -> None:
    if text == "cc":
        # A kind without a number means all of them: any knob.
        assert parse_source(text).text == "cc"
        return
    with pytest.raises(MappingError, match=r"source.*got"):
        parse_source(text)


def test_what_matches() -> None:
    source = Source("MPK mini 3", 10, "note", 36)
    assert parse_source("note 36").matches(source)
    assert parse_source("note 30-40", 10, "mpk").matches(source)
    assert parse_source("note").matches(source)
    assert not parse_source("note 36", 1).matches(source)
    assert not parse_source("note 37").matches(source)
    assert not parse_source("poly 36").matches(source)
    assert not parse_source("note 36", 10, "LPD8").matches(source)
    assert exactly(source).matches(source)
    assert exactly(source) == SourcePattern("note", 36, 36, 10, "MPK mini 3")
    assert exactly(source).where == "note 36, channel 10, MPK mini 3"


def test_what_covers() -> None:
    learned = exactly(Source("MPK mini 3", 1, "cc", 70))
    assert parse_source("cc 70").covers(learned)
    assert parse_source("cc 60-80", 1, "mpk*3").covers(learned)
    assert not parse_source("cc 70", 2).covers(learned)
    assert not parse_source("cc 71").covers(learned)
    assert not learned.covers(parse_source("cc 70"))


def test_ports() -> None:
    assert port_meets("", "anything")
    assert port_meets("nano*CTRL", "Korg nanoKONTROL2 CTRL")
    assert not port_meets("nano*CTRL*nano", "Korg nanoKONTROL2 CTRL")
    assert port_meets("[a-z]", "weird [A-Z] name")
    assert port_meets("**", "x")
    assert not port_meets("*a" * 60, "a" * 50 + "b" * 5000)


def test_kinds_are_keyed_by_their_names() -> None:
    assert all(name == kind.kind for name, kind in KINDS.items())
