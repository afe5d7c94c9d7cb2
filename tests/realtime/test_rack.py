from pathlib import Path

import pytest

from realtime.errors import RackError, UsageError
from realtime.rack import read_rack
from realtime.setup import DeckSetup
from realtime.voices.voice import CorpusChoice

RACK = """
[master]
gain = -3
[[deck]]
patch = "field"
seed = 7
[deck.controls]
temperature = 0.9
[[deck]]
patch = "other"
lead_frames = 2048
"""
HOSTILE = Path(__file__).parents[1] / "data" / "hostile" / "racks"
HOSTILE_RACKS = {
    "not_toml.toml": "not TOML",
    "not_utf8.toml": "not TOML",
    "unknown_key.toml": "unknown key",
    "unknown_deck_key.toml": "unknown key",
    "no_patch.toml": "names no patch",
    "long_number.toml": "a number is too long",
    "no_deck.toml": "number of decks",
    "nine_decks.toml": "number of decks",
    "wrong_kind.toml": "unknown key or wrong kind",
    "control_text.toml": "is a number",
    "control_nan.toml": "is a number",
    "deep.toml": "not TOML|unknown key",
    "seed_too_big.toml": "deck 1: seed",
    "osc_empty_host.toml": "host is empty",
    "osc_port.toml": "osc: port; got 70000",
    "osc_unknown_key.toml": "osc: unknown key",
    "tempo_nan.toml": "transport: tempo",
    "unknown_clock.toml": "transport: source; got sundial",
    "record_kind.toml": "record: unknown key or wrong kind",
    "two_mappings.toml": "a mapping file and a mapping",
    "duplicate_binding.toml": "the same binding twice",
    "binding_nowhere.toml": "/deck/1/colour/of/sound",
    "scene_twice.toml": "a name twice",
    "scene_unknown_control.toml": "no such control",
}


def test_rack(tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_text(RACK)
    setup = read_rack(path)
    assert setup.master == (("gain", -3.0),)
    assert setup.decks == (DeckSetup("field", 7, None, (("temperature", 0.9),)), DeckSetup("other", None, 2048))


@pytest.mark.parametrize("name", sorted(HOSTILE_RACKS))
def test_hostile_racks(name: str) -> None:
    # What is wrong with a mapping or a scene in it says so itself, and names the rack.
    with pytest.raises(UsageError, match=HOSTILE_RACKS[name]) as caught:
        read_rack(HOSTILE / name)
    assert name in str(caught.value)
    assert isinstance(caught.value, RackError) or name.startswith(("scene", "duplicate", "binding"))


def test_every_hostile_rack_is_in_the_table() -> None:
    assert {path.name for path in HOSTILE.iterdir()} == set(HOSTILE_RACKS)


def test_a_rack_that_is_missing_or_too_big(tmp_path: Path) -> None:
    with pytest.raises(RackError, match="cannot be read"):
        read_rack(tmp_path / "none.toml")
    (tmp_path / "big.toml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(RackError, match="too big"):
        read_rack(tmp_path / "big.toml")


def test_a_deck_without_a_patch_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_text('[[deck]]\n[deck.controls]\ngain = -6\n[[deck]]\npatch = ""\nlead_frames = 2048\n[[deck]]\npatch = "field"\nmode = 2\n')
    setup = read_rack(path)
    assert setup.decks == (DeckSetup(controls=(("gain", -6.0),)), DeckSetup(lead_frames=2048), DeckSetup("field", mode=2))
    assert (setup.file, setup.named) == (path, {"deck"})


def test_a_patch_that_is_no_slug_is_meant_from_the_folder_of_the_rack(tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_text('[[deck]]\npatch = "./mine"\n[[deck]]\npatch = "/patches/mine"\n')
    assert [deck.patch for deck in read_rack(path).decks] == [str(tmp_path / "mine"), "/patches/mine"]


MIXED = """
[input]
device = "USB"
[[deck]]
patch = "field"
corpus = ["glass", { path = "/data/wood", weight = 0.5, labels = ["struck"] }, "@patch"]
labels = ["bowed"]
prime = "seeds/one.wav"
[[deck]]
patch = "field"
corpus = "glass"
"""


def test_corpora_and_primes_are_meant_from_the_folder_of_the_rack(tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_text(MIXED)
    setup = read_rack(path)
    assert setup.show.sound.input == "USB"
    glass = str(tmp_path / "glass")
    assert setup.decks[0].choices == (
        CorpusChoice(glass, 1.0, ("bowed",)),
        CorpusChoice("/data/wood", 0.5, ("struck",)),
        CorpusChoice("@patch", 1.0, ("bowed",)),
    )
    assert setup.decks[0].prime == str(tmp_path / "seeds" / "one.wav")
    assert setup.decks[1].choices == (CorpusChoice(glass),)


WRONG = {
    "corpus = 3": "unknown key or wrong kind; got corpus = 3",
    "corpus = [3]": "a corpus is a path or a table; got 3",
    "corpus = [{ weight = 1.0 }]": "a corpus is a path or a table",
    'corpus = [{ path = "a", colour = 1 }]': "corpus: unknown key or wrong kind; got colour = 1",
    'corpus = [{ path = "a", weight = true }]': "corpus: unknown key or wrong kind; got weight = True",
    'corpus = [{ path = "a", labels = [1] }]': "a label is a word; got 1",
    'corpus = ""': "an empty path",
    'labels = ["a", " "]': "a label is a word; got ' '",
    'labels = "a"': "unknown key or wrong kind; got labels = 'a'",
    'prime = ""': "an empty path",
    "prime = [1]": "unknown key or wrong kind; got prime",
    "mode = -1": "mode; got -1; allowed: 0 to 63",
    "mode = true": "unknown key or wrong kind; got mode = True",
    "mode = 1.0": "unknown key or wrong kind; got mode = 1.0",
}


@pytest.mark.parametrize("line", sorted(WRONG))
def test_what_is_no_corpus_label_or_prime_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_text(f'[[deck]]\npatch = "field"\n{line}\n')
    with pytest.raises(RackError, match="deck 1") as caught:
        read_rack(path)
    assert WRONG[line] in str(caught.value)


@pytest.mark.parametrize("line", ["seed = 1", 'corpus = "a"', 'labels = ["a"]', 'prime = "a.wav"', "mode = 0"])
def test_an_empty_deck_has_nothing_of_a_patch(line: str, tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_text(f"[[deck]]\n{line}\n")
    with pytest.raises(RackError, match=rf"deck 1 names no patch, and an empty deck has none; got {line.split()[0]};"):
        read_rack(path)


@pytest.mark.parametrize("text", ["[input]\ngain = 1\n", "[input]\ndevice = 2\n", '[input]\ndevice = ""\n', 'input = "USB"\n'])
def test_what_is_no_input_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_text(f'{text}[[deck]]\npatch = "field"\n')
    with pytest.raises(RackError, match=r"unknown key or wrong kind|input: device is empty"):
        read_rack(path)
