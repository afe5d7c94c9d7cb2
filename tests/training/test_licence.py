import json
import shutil

import pytest
import soundfile

from training.audio_folder import read_audio_folder
from training.errors import SheetError
from training.licence import CC0, USER_SUPPLIED, audio_licence
from training.textures import make_textures


@pytest.fixture(scope="module")
def textures(tmp_path_factory):
    return make_textures(tmp_path_factory.mktemp("sounds") / "textures", clips_per_class=1, seconds=0.5, classes=["wind"])


def sounds(folder, tmp_path):
    return read_audio_folder(folder, 44_100, cache=tmp_path / "cache")


def test_our_textures_are_free(textures, tmp_path):
    assert audio_licence(sounds(textures, tmp_path)) == CC0


def test_a_sound_put_beside_them_is_not_given_away(textures, tmp_path):
    clip = next(textures.rglob("*.flac"))
    added = clip.with_name("added.flac")
    added.write_bytes(clip.read_bytes())
    try:
        assert audio_licence(sounds(textures, tmp_path)) == USER_SUPPLIED
    finally:
        added.unlink()


def test_sounds_without_a_sheet_are_their_makers(textures, tmp_path):
    assert audio_licence(sounds(textures / "wind", tmp_path)) == USER_SUPPLIED


def test_another_sound_under_a_listed_name_is_not_given_away(textures, tmp_path):
    copy = shutil.copytree(textures, tmp_path / "copy")
    clip = next(copy.rglob("*.flac"))
    audio, rate_hz = soundfile.read(clip)
    soundfile.write(clip, audio * 0.5, rate_hz)
    assert audio_licence(sounds(copy, tmp_path)) == USER_SUPPLIED


@pytest.mark.parametrize("files", [None, [], {}, {"wind/wind_0001.flac": 5}])
def test_a_sheet_without_hashes_gives_nothing_away(textures, tmp_path, files):
    copy = shutil.copytree(textures, tmp_path / "copy")
    (copy / "textures.json").write_text(json.dumps({"licence": CC0, "files": files}))
    assert audio_licence(sounds(copy, tmp_path)) == USER_SUPPLIED


@pytest.mark.parametrize("sheet", [b"[" * 100_000, b"9" * 5000, b"{", b"\xff\xfe"])
def test_an_unreadable_sheet_is_refused(textures, tmp_path, sheet):
    folder = sounds(textures, tmp_path)
    file = textures / "textures.json"
    before = file.read_bytes()
    file.write_bytes(sheet)
    try:
        with pytest.raises(SheetError, match=r"textures\.json"):
            audio_licence(folder)
    finally:
        file.write_bytes(before)
