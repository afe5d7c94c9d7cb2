"""A `--set` by address means what the address means in OSC."""

import pytest

from patches.library import find
from patches.reader import read_manifest
from realtime.control.settings import parse_address_setting
from realtime.errors import SettingError, UnknownControlError
from realtime.setup import Setting

MANIFESTS = [read_manifest(find(slug)) for slug in ("textures", "field")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/master/gain=-6", Setting(None, "gain", -6.0)),
        ("/deck/2/pan=0.5", Setting(1, "pan", 0.5)),
        ("/deck/1/class/bees=1", Setting(0, "class_bees", 1.0)),
        ("/deck/2/class/bees=0", Setting(1, "label_bees", 0.0)),
        ("/deck/1/temperature=0.5", Setting(0, "temperature", 0.5)),
        ("/deck/2/param/density=20", Setting(1, "density", 20.0)),
    ],
)
def test_an_address_is_a_setting(text: str, expected: Setting) -> None:
    assert parse_address_setting(text, MANIFESTS) == expected


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("/deck/1/class/bees", SettingError, "not a setting"),
        ("/deck/1/class/bee=1", UnknownControlError, "did you mean /deck/1/class/bees?"),
        ("/deck/3/gain=1", UnknownControlError, "no value has this address"),
        ("/deck/1/reset=1", UnknownControlError, "no value has this address"),
        ("/deck/1/gain=loud", SettingError, "no number"),
        ("/deck/1/gain=nan", SettingError, "no number"),
        ("/deck/1/gain=99", SettingError, "-60 to 12 dB"),
        ("/transport/tempo=90", SettingError, r"a rack's \[transport\]"),
    ],
)
def test_what_is_wrong_is_said(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        parse_address_setting(text, MANIFESTS)
