from pathlib import Path

import pytest

from realtime.errors import OptionError, SettingError, UnknownDeckError
from realtime.instance import Instance, stage_folder
from realtime.options import parser, read_setup
from realtime.setup import DeckSetup, Setting, Setup, apply_corpora, apply_settings, deck_of, parse_setting
from realtime.show_settings import SoundSettings
from realtime.voices.voice import CorpusChoice


def test_settings() -> None:
    assert parse_setting("1.temperature=0.8") == Setting(0, "temperature", 0.8)
    assert parse_setting("master.gain=-6") == Setting(None, "gain", -6.0)


@pytest.mark.parametrize(
    "text", ["", "1", "1.x", "x=1", "1.=3", "0.gain=1", "-1.gain=1", "a.gain=1", "1.gain=", "1.gain=loud", "1.gain=nan", "1.gain=inf"]
)
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="--set"):
        parse_setting(text)


def test_settings_are_laid_over_a_setup_and_the_last_wins() -> None:
    setup = Setup((DeckSetup("a", controls=(("x", 1.0),)), DeckSetup("b")))
    made = apply_settings(setup, [Setting(0, "x", 2.0), Setting(0, "x", 3.0), Setting(1, "y", 1.0), Setting(None, "gain", -1.0)])
    assert made.decks[0].controls == (("x", 3.0),)
    assert made.decks[1].controls == (("y", 1.0),)
    assert made.master == (("gain", -1.0),)
    with pytest.raises(UnknownDeckError, match="allowed: 1 to 2"):
        apply_settings(setup, [Setting(2, "x", 1.0)])


def test_for_which_deck() -> None:
    assert deck_of("--prime", "seed.wav", 1) == (0, "seed.wav")
    assert deck_of("--prime", "1:seed.wav", 1) == (0, "seed.wav")
    assert deck_of("--prime", "2:a:b.wav", 2) == (1, "a:b.wav")
    assert deck_of("--prime", "C:/seed.wav", 1) == (0, "C:/seed.wav")
    for text in ("", " ", "1:", "2: "):
        with pytest.raises(OptionError, match="VALUE"):
            deck_of("--prime", text, 2)
    with pytest.raises(OptionError, match=r"for which deck; got seed.wav; allowed: 1:seed.wav to 3:seed.wav"):
        deck_of("--prime", "seed.wav", 3)
    for text in ("0:a", "3:a"):
        with pytest.raises(UnknownDeckError, match="allowed: 1 to 2"):
            deck_of("--prime", text, 2)


def test_corpora_labels_and_primes_are_laid_over_a_setup() -> None:
    setup = Setup((DeckSetup("a", corpora=(CorpusChoice("rack", 2.0),), labels=("old",), prime="old.wav"), DeckSetup("b", seed=3)))
    made = apply_corpora(setup, ["1:glass,@patch", "1:wood"], ["2:struck, bowed"], ["2:seed.wav"])
    assert made.decks[0].corpora == tuple(map(CorpusChoice, ("glass", "@patch", "wood")))
    assert made.decks[0].choices[0] == CorpusChoice("glass", 1.0, ("old",))
    assert made.decks[0].prime == "old.wav"
    assert made.decks[1] == DeckSetup("b", seed=3, labels=("struck", "bowed"), prime="seed.wav")
    # Labels alone are for the patch's own corpus.
    assert made.decks[1].choices == (CorpusChoice("@patch", 1.0, ("struck", "bowed")),)
    assert setup.decks[0].choices == (CorpusChoice("rack", 2.0, ("old",)),)
    assert DeckSetup("a").choices == ()


def test_labels_of_a_corpus_are_not_those_of_its_deck() -> None:
    deck = DeckSetup("a", corpora=(CorpusChoice("x", 1.0, ("own",)), CorpusChoice("y")), labels=("all",))
    assert [choice.labels for choice in deck.choices] == [("own",), ("all",)]


def test_resume_needs_a_stage_that_played_and_nothing_beside_it(tmp_path: Path, patch_folder: Path) -> None:
    with pytest.raises(OptionError, match=r"--resume: no stage has played here yet; got none in .*runtime; name patches, or --rack FILE"):
        read_setup(parser().parse_args(["--resume"]))
    last = stage_folder() / "last.toml"
    last.write_text('[[deck]]\n[[deck]]\npatch = "tiny"\nseed = 3\n')
    setup = read_setup(parser().parse_args(["--resume", "--set", "2.pan=-1", "--set", "/deck/2/param/density=4", "--osc-port", "0"]))
    assert setup.decks == (DeckSetup(), DeckSetup("tiny", 3, controls=(("pan", -1.0), ("density", 4.0))))
    assert (setup.file, setup.show.osc.port) == (last, 0)
    for others in (["tiny"], ["--rack", str(last)]):
        with pytest.raises(OptionError, match=r"--resume brings back what played; got .*leave out the patches and --rack"):
            read_setup(parser().parse_args(["--resume", *others]))


OF_BEFORE = """
[sound]
device = "USB Audio"
sample_rate = 48000
block_frames = 128
lead_frames = 2048
[[deck]]
patch = "tiny"
lead_frames = 2048
[[deck]]
"""


def test_a_stage_is_resumed_with_its_sound_unless_options_say_otherwise(patch_folder: Path) -> None:
    (stage_folder() / "last.toml").write_text(OF_BEFORE)
    same = read_setup(parser().parse_args(["--resume"]))
    assert same.show.sound == SoundSettings("USB Audio", 48_000, 128, 2_048)
    assert [deck.lead_frames for deck in same.decks] == [2_048, None]
    options = ["--device", "null", "--sample-rate", "44100", "--lead-frames", "4096"]
    other = read_setup(parser().parse_args(["--resume", *options]))
    assert other.show.sound == SoundSettings("null", 44_100, 128, 4_096)
    assert [deck.lead_frames for deck in other.decks] == [None, None], "its own is that of the stage before"
    rack = read_setup(parser().parse_args(["--rack", str(stage_folder() / "last.toml"), *options]))
    assert (rack.show.sound, rack.decks) == (other.show.sound, same.decks)


def test_who_was_killed_is_found_by_who_comes_next() -> None:
    with Instance() as first:
        assert not first.cut_off
    with Instance() as second:
        assert not second.cut_off
    # As the system leaves it behind.
    (stage_folder() / "stage.pid").write_text("4711")
    with Instance() as third:
        assert third.cut_off
