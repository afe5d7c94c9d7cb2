import numpy as np
import pytest
import soundfile

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.__main__ import main
from training.corpus_build import Wishes, build_corpus
from training.corpus_cut import make_segmentation
from training.corpus_seed import match_descriptors
from training.corpus_sources import parse_sources
from training.descriptor_errors import HopError, MissingColumnError, RateError
from training.descriptor_json import read_descriptor_json, write_descriptor_json
from training.descriptor_table import joined_tables, table_of
from training.descriptors import Descriptors
from training.errors import OptionError

RATE_HZ = 44_100
ROWS = 1 + RATE_HZ // 1024


def noise(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(RATE_HZ), RATE_HZ, subtype="PCM_16")
    return path


def described(sound, seed, spec=DEFAULT_SPEC, rows=ROWS):
    """Numbers that no description of ours would be, so that their way can be followed."""
    frames = np.random.default_rng(seed).integers(1000, 9999, (rows, len(spec))).astype(np.float32)
    return table_of(Descriptors(frames, np.zeros((rows, 3), np.float32), np.zeros(rows, np.float32)), spec, str(sound))


@pytest.fixture
def theirs(tmp_path):
    """Two same-named sounds and one more, and a database of all three written on another machine."""
    for seed, name in enumerate(("x/1.wav", "y/1.wav", "2.wav")):
        noise(tmp_path / "db" / name, seed)
    tables = [described(f"/content/drive/My Drive/db/{name}", seed) for seed, name in enumerate(("x/1.wav", "y/1.wav", "2.wav"))]
    write_descriptor_json(tmp_path / "AUDIOS_database.json", joined_tables(tables))
    return tmp_path, tables


def match(folder, *sources, spec=DEFAULT_SPEC, name="AUDIOS_database.json"):
    return match_descriptors([folder / name], parse_sources([str(source) for source in sources]) if sources else (), spec)


def test_a_database_finds_its_sounds_beneath_a_folder_by_the_ends_of_their_paths(theirs):
    folder, tables = theirs
    given, rows = match(folder, folder / "db")
    assert [sound.name for sound in given.found] == ["db/2.wav", "db/x/1.wav", "db/y/1.wav"]
    for name, table in (("db/x/1.wav", tables[0]), ("db/y/1.wav", tables[1]), ("db/2.wav", tables[2])):
        assert np.array_equal(rows[name].frames, table.frames.astype(np.float32))
        assert rows[name].index.tolist() == list(range(ROWS))


def test_the_corpus_has_their_numbers_at_the_moments_they_describe(theirs, tmp_path):
    folder, tables = theirs
    given, rows = match(folder, folder / "db")
    wishes = Wishes(DEFAULT_SPEC, make_segmentation("hop", DEFAULT_SPEC, None, None), None, {}, workers=1, cache=tmp_path / "cache")
    manifest = build_corpus(tmp_path / "c", given, wishes, rows=rows)
    arrays = {path.stem: np.load(path) for path in (tmp_path / "c" / "units").glob("*.npy")}
    place = [entry.path for entry in manifest.files].index("db/y/1.wav")
    units = np.flatnonzero(arrays["file_index"] == place)
    index = (arrays["start_frames"][units] - manifest.files[place].first_frame + 512) // 1024
    assert index[0] == 1
    assert np.array_equal(arrays["descriptors"][units], tables[1].frames[index].astype(np.float32))
    assert arrays["attributes"][units, 0].max() < 0.0
    wishes = Wishes(DEFAULT_SPEC, make_segmentation("onset", DEFAULT_SPEC, None, None), None, {}, workers=1)
    with pytest.raises(OptionError, match="hops cannot describe"):
        build_corpus(tmp_path / "d", given, wishes, rows=rows)


def test_fault_same_named_sounds_are_never_mistaken_for_each_other(theirs):
    folder, _ = theirs
    (folder / "db" / "x" / "1.wav").rename(folder / "db" / "1.wav")
    (folder / "db" / "y" / "1.wav").unlink()
    with pytest.raises(OptionError, match="two descriptions of one sound"):
        match(folder, folder / "db")


def test_a_description_that_fits_two_sounds_is_refused(theirs):
    folder, _ = theirs
    write_descriptor_json(folder / "one.json", described("C:\\sounds\\1.wav", 7))
    with pytest.raises(OptionError, match="could be that of two sounds"):
        match(folder, folder / "db", name="one.json")


def test_sounds_without_description_and_descriptions_without_sound_are_named(theirs):
    folder, _ = theirs
    noise(folder / "db" / "new.wav", 9)
    (folder / "db" / "2.wav").unlink()
    given, _ = match(folder, folder / "db")
    reasons = {skip.path: skip.reason for skip in given.skipped}
    assert "not described" in reasons["db/new.wav"]
    assert "nowhere" in reasons["/content/drive/My Drive/db/2.wav"]


def test_a_sound_is_found_where_the_database_says_and_labelled_by_its_folder(tmp_path):
    path = noise(tmp_path / "mine" / "a.wav", 1)
    write_descriptor_json(tmp_path / "AUDIOS_database.json", described(path, 1))
    given, rows = match(tmp_path)
    assert [(sound.name, sound.label) for sound in given.found] == [(path.as_posix(), "mine")]
    assert list(rows) == [path.as_posix()]


def test_a_database_of_something_else_is_refused(theirs, tmp_path):
    folder, _ = theirs
    with pytest.raises(HopError):
        match(folder, folder / "db", spec=DescriptorSpec(DEFAULT_SPEC.names, hop_frames=512))
    with pytest.raises(MissingColumnError, match="Describe the sounds again with --descriptors classic"):
        match(folder, folder / "db", spec=DescriptorSpec.parse("classic"))
    with pytest.raises(OptionError, match="no described sound is there"):
        match(folder)


@pytest.mark.parametrize("rate_hz", [11_025, 22_050, 32_000, 48_000, 96_000])
def test_rows_of_another_rate_are_refused_by_name(tmp_path, rate_hz):
    """No layout says its rate: rows that end before or after their sound do."""
    noise(tmp_path / "db" / "a.wav", 1)
    write_descriptor_json(tmp_path / "theirs.json", described("/theirs/db/a.wav", 1, rows=1 + rate_hz // 1024))
    with pytest.raises(
        RateError, match=f"db/a.wav: described at another rate, or cut since.*as at {rate_hz} Hz.*--sample_rate_hz {rate_hz}"
    ):
        match(tmp_path, tmp_path / "db", name="theirs.json")
    match(tmp_path, tmp_path / "db", name="theirs.json", spec=DescriptorSpec(DEFAULT_SPEC.names, sample_rate_hz=rate_hz))


@pytest.mark.parametrize("rows", [ROWS - 1, ROWS, ROWS + 1])
def test_a_row_more_or_less_at_the_end_is_no_other_rate(tmp_path, rows):
    noise(tmp_path / "db" / "a.wav", 1)
    write_descriptor_json(tmp_path / "theirs.json", described("/theirs/db/a.wav", 1, rows=rows))
    given, _ = match(tmp_path, tmp_path / "db", name="theirs.json")
    assert len(given.found) == 1


@pytest.mark.parametrize("how", ["there", "linked", "moved"])
def test_our_own_database_of_same_named_sounds_makes_a_corpus(tmp_path, monkeypatch, how):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for seed, name in enumerate(("a.wav", "x/a.wav", "y/a.wav", "y/z/a.wav")):
        noise(tmp_path / "db" / name, seed)
    audio = tmp_path / "db"
    if how == "linked":
        audio = tmp_path / "link"
        audio.symlink_to(tmp_path / "db")
    database = tmp_path / "AUDIOS_database.json"
    assert main(["descriptors", "--audio", str(audio), "--out", str(tmp_path / "json"), "--combined", str(database)]) == 0
    if how == "moved":
        audio = (tmp_path / "db").rename(tmp_path / "elsewhere")
    given, rows = match_descriptors([database], parse_sources([str(audio)]), DEFAULT_SPEC)
    assert len(given.found) == 4
    for sound in given.found:
        named = (tmp_path / "json" / sound.name.partition("/")[2]).with_suffix(".json")
        assert np.array_equal(rows[sound.name].frames, read_descriptor_json(named).frames_for(DEFAULT_SPEC))
