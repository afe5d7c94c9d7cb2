"""Names as several systems give them (as their own tools and bug reports show them)."""

import pytest

from realtime.midi.port_name import BACKENDS, free_name, is_own, is_wanted, output_of, plain_name


@pytest.mark.parametrize(
    ("backend", "raw", "name"),
    [
        ("alsa", "nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "nanoKONTROL2:nanoKONTROL2 MIDI 1"),
        ("alsa", "nanoKONTROL2:nanoKONTROL2 MIDI 1 28:0", "nanoKONTROL2:nanoKONTROL2 MIDI 1"),
        ("jack", "a2j:nanoKONTROL2 [20] (capture): nanoKONTROL2 MIDI 1", "a2j:nanoKONTROL2 (capture): nanoKONTROL2 MIDI 1"),
        ("jack", "Midi-Bridge:LPD8 2:(capture_0) LPD8 MIDI 1", "Midi-Bridge:LPD8:(capture_0) LPD8 MIDI 1"),
        ("jack", "system:midi_capture_1", "system:midi_capture_1"),
        ("winmm", "LPD8 1", "LPD8"),
        ("coremidi", "LPD8", "LPD8"),
    ],
)
def test_what_changes_is_left_out(backend: str, raw: str, name: str) -> None:
    assert plain_name(raw, BACKENDS[backend]) == name


@pytest.mark.parametrize(
    ("backend", "raw", "wanted"),
    [
        ("alsa", "nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", True),
        ("alsa", "Midi Through:Midi Through Port-0 14:0", False),
        ("alsa", "Sequencer:out 128:0", False),
        ("alsa", "Starling-feedback:midi_out 129:0", False),
        ("jack", "a2j:LPD8 [20] (capture): LPD8 MIDI 1", True),
        ("jack", "a2j:Midi Through [14] (capture): Midi Through Port-0", False),
        ("jack", "hydrogen:midi_out", False),
        ("coremidi", "LPD8", True),
    ],
)
def test_with_no_pattern_controllers_are_wanted(backend: str, raw: str, wanted: bool) -> None:
    assert is_wanted(raw, BACKENDS[backend], ()) is wanted


def test_patterns() -> None:
    jack = BACKENDS["jack"]
    assert is_wanted("hydrogen:midi_out", jack, ("HYDRO",))
    assert is_wanted("hydrogen:midi_out", jack, ("nothing", "hydro*out"))
    assert not is_wanted("hydrogen:midi_out", jack, ("drogen*in",))
    assert not is_wanted("Starling-feedback:midi_out", jack, ("*",))


def test_own_ports() -> None:
    assert all(is_own(name) for name in ("Starling:midi_in", "Starling-feedback:midi_out 129:0", "Starling-in-01:midi"))
    assert not is_own("Starlight:out")


def test_twins_are_numbered_and_find_their_own_output() -> None:
    assert [free_name("LPD8", taken) for taken in ((), ("LPD8",), ("LPD8", "LPD8 #2"), ("LPD8 #2",))] == [
        "LPD8",
        "LPD8 #2",
        "LPD8 #3",
        "LPD8",
    ]
    outputs = ["LPD8:LPD8 MIDI 1 20:0", "LPD8:LPD8 MIDI 1 24:0"]
    assert output_of("LPD8:LPD8 MIDI 1 #2", outputs, BACKENDS["alsa"]) == outputs[1]
    assert output_of("LPD8:LPD8 MIDI 1 #3", outputs, BACKENDS["alsa"]) is None


@pytest.mark.parametrize(
    ("backend", "source", "output"),
    [
        ("jack", "system:midi_capture_1", "system:midi_playback_1"),
        ("jack", "a2j:LPD8 (capture): LPD8 MIDI 1", "a2j:LPD8 [20] (playback): LPD8 MIDI 1"),
        ("jack", "Midi-Bridge:LPD8:(capture_0) LPD8 MIDI 1", "Midi-Bridge:LPD8 2:(playback_0) LPD8 MIDI 1"),
        ("winmm", "LPD8", "LPD8 2"),
    ],
)
def test_the_way_back(backend: str, source: str, output: str) -> None:
    assert output_of(source, ["other", output], BACKENDS[backend]) == output
    assert output_of(source, ["other"], BACKENDS[backend]) is None
