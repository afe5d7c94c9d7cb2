from pathlib import Path

import pytest

from realtime.errors import RackError, SettingError, UnknownDeckError
from realtime.setup import DeckSetup, Setting, Setup, apply_settings, parse_setting, read_rack

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
    "no_deck.toml": "number of decks",
    "nine_decks.toml": "number of decks",
    "wrong_kind.toml": "unknown key or wrong kind",
    "control_text.toml": "is a number",
    "control_nan.toml": "is a number",
    "deep.toml": "not TOML|unknown key",
}


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


def test_rack(tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_text(RACK)
    setup = read_rack(path)
    assert setup.master == (("gain", -3.0),)
    assert setup.decks == (DeckSetup("field", 7, None, (("temperature", 0.9),)), DeckSetup("other", None, 2048))


@pytest.mark.parametrize("name", sorted(HOSTILE_RACKS))
def test_hostile_racks(name: str) -> None:
    with pytest.raises(RackError, match=HOSTILE_RACKS[name]):
        read_rack(HOSTILE / name)


def test_every_hostile_rack_is_in_the_table() -> None:
    assert {path.name for path in HOSTILE.iterdir()} == set(HOSTILE_RACKS)


def test_a_rack_that_is_missing_or_too_big(tmp_path: Path) -> None:
    with pytest.raises(RackError, match="cannot be read"):
        read_rack(tmp_path / "none.toml")
    (tmp_path / "big.toml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(RackError, match="too big"):
        read_rack(tmp_path / "big.toml")
