"""A rack that is written is read as what it was written from."""

from dataclasses import replace
from pathlib import Path

import pytest

from patches.library import find
from patches.reader import read_manifest
from realtime.control.scene import Scene
from realtime.controls import DECK_CONTROLS
from realtime.errors import RackError, RenderError
from realtime.midi.mapping_file import ready_mapping, to_table
from realtime.options import check_setup
from realtime.rack import MAX_RACK_BYTES, read_rack
from realtime.rack_file import rack_table, sound_table, wanted_sound, write_rack
from realtime.show_settings import MidiSettings, OscSettings, RecordSettings, ShowSettings, SoundSettings, TransportSettings
from realtime.snapshot import DeckSnapshot, Snapshot
from realtime.voices.voice import CorpusChoice, VoiceOptions
from tests.corpus_folders import write_corpus
from tests.memory_stage import memory_core


def stage(*decks: DeckSnapshot) -> Snapshot:
    return replace(memory_core(()).stage.snapshot(), decks=decks, master=(-3.0, 6.0))


def deck(number: int, patch: str, **changes: object) -> DeckSnapshot:
    empty = memory_core((), decks=8).stage.snapshot().decks[number]
    manifest = read_manifest(find(patch))
    values = tuple(control.default for control in manifest.controls)
    return replace(empty, patch=manifest.slug, state="playing", manifest=manifest, values=values, **changes)


@pytest.fixture(name="played")
def _played(patch_folder: Path, tmp_path: Path) -> Snapshot:
    other = tmp_path / "glass"
    write_corpus(other)
    stage_values = (-6.0, 0.25, 0.0, 1.0, 0.0)
    first = deck(0, "tiny", stage=stage_values, seed=7, lead_asked=2_048)
    first = replace(first, values=(1.5, -0.5, 0.0, 0.25, 0.9, 20.0))
    choices = (CorpusChoice(str(other), 0.5, ("struck",)), CorpusChoice("@patch"))
    second = deck(1, str(patch_folder / "wide"), folder=str(patch_folder / "wide"), seed=2**63 - 1, options=VoiceOptions(choices))
    return stage(first, second)


SETTINGS = ShowSettings(
    OscSettings(True, "0.0.0.0", 0, 9_100),
    MidiSettings(False, "jack", ("nano",)),
    RecordSettings(Path("takes"), True),
    TransportSettings(77.5, 3, "midi", False),
)


def test_what_plays_is_read_again_as_it_was(played: Snapshot, tmp_path: Path) -> None:
    scene = Scene.of("verse", played)
    table = rack_table(played, SETTINGS, to_table(ready_mapping()), [scene.table()])
    path = tmp_path / "elsewhere" / "rack.toml"
    path.parent.mkdir()
    write_rack(path, table)
    setup = read_rack(path)
    check_setup(setup)
    assert dict(setup.master) == {"gain": -3.0, "input_gain": 6.0}
    assert setup.show.sound.input is None
    for made, shown in zip(setup.decks, played.decks, strict=True):
        assert shown.manifest is not None
        wanted = dict(zip((control.id for control in DECK_CONTROLS), shown.stage, strict=True))
        wanted |= dict(zip((control.id for control in shown.manifest.controls), shown.values, strict=True))
        assert dict(made.controls) == wanted
        assert (made.seed, made.lead_frames, made.choices) == (shown.seed, shown.lead_asked, shown.options.corpora)
    assert setup.decks[0].patch == "tiny"
    assert Path(setup.decks[1].patch) == Path(played.decks[1].folder)
    assert setup.show == replace(
        SETTINGS,
        midi=replace(SETTINGS.midi, mapping=ready_mapping()),
        record=RecordSettings(Path("takes").resolve(), True),
        scenes=(scene,),
    )


def test_a_patch_given_by_a_path_is_found_from_anywhere(patch_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(patch_folder)
    table = rack_table(stage(deck(0, "tiny", folder="tiny")), ShowSettings(), {}, [])
    write_rack(tmp_path / "rack.toml", table)
    monkeypatch.chdir(tmp_path)
    assert find(read_rack(tmp_path / "rack.toml").decks[0].patch) == patch_folder / "tiny"


def test_what_replaces_a_rack_replaces_it_whole_or_not_at_all(played: Snapshot, tmp_path: Path) -> None:
    table = rack_table(played, ShowSettings(), {}, [])
    path = tmp_path / "rack.toml"
    write_rack(path, table)
    before = path.read_bytes()
    write_rack(path, table)
    assert path.read_bytes() == before
    big = [replace(Scene.of("verse", played), name=f"verse {number}").table() for number in range(4_000)]
    with pytest.raises(RackError, match="too big"):
        write_rack(path, rack_table(played, ShowSettings(), {}, big))
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["glass", "rack.toml"]
    assert len(before) < MAX_RACK_BYTES


@pytest.mark.parametrize("name", [".", "none/rack.toml"])
def test_a_place_that_cannot_be_written_to_is_a_named_error(played: Snapshot, tmp_path: Path, name: str) -> None:
    with pytest.raises(RenderError):
        write_rack(tmp_path / name, rack_table(played, ShowSettings(), {}, []))


def test_a_deck_that_is_empty_stays_so(played: Snapshot, tmp_path: Path) -> None:
    empty = replace(memory_core((), decks=8).stage.snapshot().decks[0], stage=(-9.0, 0.5, 1.0, 0.0, 0.0))
    write_rack(tmp_path / "rack.toml", rack_table(stage(empty, played.decks[1], empty), ShowSettings(), {}, []))
    setup = read_rack(tmp_path / "rack.toml")
    assert [manifest and manifest.slug for manifest in check_setup(setup)] == [None, "wide", None]
    assert dict(setup.decks[0].controls) == {"gain": -9.0, "pan": 0.5, "mute": 1.0, "solo": 0.0, "freeze": 0.0}
    write_rack(tmp_path / "rack.toml", rack_table(stage(empty), ShowSettings(), {}, []))
    assert check_setup(read_rack(tmp_path / "rack.toml")) == [None]


def test_a_mode_that_is_pinned_is_kept(played: Snapshot, tmp_path: Path) -> None:
    pinned = replace(played.decks[0], mode_asked=1)
    write_rack(tmp_path / "rack.toml", rack_table(stage(pinned, played.decks[1]), ShowSettings(), {}, []))
    assert [deck.mode for deck in read_rack(tmp_path / "rack.toml").decks] == [1, None]


def test_an_input_is_kept_by_its_name(played: Snapshot, tmp_path: Path) -> None:
    write_rack(tmp_path / "rack.toml", rack_table(replace(played, input_name="USB Audio (ALSA)"), ShowSettings(), {}, []))
    assert read_rack(tmp_path / "rack.toml").show.sound.input == "USB Audio", "which is what an input is found by"


def test_what_was_asked_for_by_a_number_is_kept_by_its_name(played: Snapshot) -> None:
    now = replace(played, device="Interface (hw:1,0) (ALSA)", input_name="Microphone (ALSA)")
    kept = wanted_sound(SoundSettings("3", 48_000, None, 2_048, "4"), now)
    assert sound_table(kept) == {
        "sound": {"device": "Interface (hw:1,0) (ALSA)", "sample_rate": 48_000, "lead_frames": 2_048},
        "input": {"device": "Microphone"},
    }
    asked = SoundSettings("inter", None, 64, None, "default")
    assert wanted_sound(asked, now) == asked, "a name is the same tomorrow"
    assert sound_table(wanted_sound(SoundSettings(), now)) == {}
