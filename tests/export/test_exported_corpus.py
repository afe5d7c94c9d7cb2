"""A built corpus as the sounds of a patch: what goes along, and that the stage reads it."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from export.corpus_arrays import to_flac, to_npz
from export.corpus_folder import read_corpus_folder
from export.errors import CorpusSpecError, EmptyCorpusError
from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from patches.errors import PatchError
from patches.npz_scan import scan_npz
from realtime.voices import corpus_patch
from realtime.voices.corpus import load_patch_corpus, open_corpus_folder
from tests.corpus_folders import change_array, write_corpus

CROSSFADE = 512
ROWS = ("descriptors", "attributes", "f0_hz", "length_frames")


@pytest.fixture
def folder(tmp_path):
    write_corpus(tmp_path / "c", files=6, units=60, labels=("rain", "wind", "bees"), channels=2)
    return tmp_path / "c"


def played(corpus, monkeypatch):
    """The corpus as the stage reads it from the two files of a patch."""
    content = {"corpus.npz": to_npz(corpus, corpus.descriptors.mean(0), corpus.descriptors.std(0)), "corpus.flac": to_flac(corpus)}
    scan_npz(content["corpus.npz"], file="corpus.npz")
    monkeypatch.setattr(corpus_patch, "read_bytes", lambda _, entry: content[entry.file])
    names = {"corpus": SimpleNamespace(file="corpus.npz"), "audio": SimpleNamespace(file="corpus.flac")}
    audio = SimpleNamespace(step_frames=1024, sample_rate_hz=44_100, channels=corpus.audio.shape[1])
    return load_patch_corpus(None, SimpleNamespace(settings={}, audio=audio, file=names.__getitem__, slug="x"))


def test_a_corpus_that_fits_goes_along_whole(folder, monkeypatch):
    built = open_corpus_folder(folder, spec=DEFAULT_SPEC, sample_rate_hz=44_100)
    corpus, sounds = read_corpus_folder(folder, DEFAULT_SPEC, 1000.0, CROSSFADE)
    assert len(sounds.clips) == 6
    again = played(corpus, monkeypatch)
    assert len(again) == len(built) == 360
    for name in (*ROWS, "start_frames", "weight", "follows", "label_index"):
        if name != "label_index":
            assert np.array_equal(getattr(again, name), getattr(built, name)), name
    assert [again.labels[i] for i in again.label_index] == [built.labels[i] for i in built.label_index]
    assert again.files == built.files
    assert np.array_equal(np.stack([again.file_first, again.file_last]), np.stack([built.file_first, built.file_last]))
    one, two = np.zeros((5000, 2), np.float32), np.zeros((5000, 2), np.float32)
    again.audio.read(7000, one)
    built.audio.read(7000, two)
    assert np.array_equal(one, two)


def test_a_part_of_it_keeps_every_unit_with_its_own_sound_and_description(folder, monkeypatch):
    built = open_corpus_folder(folder, spec=DEFAULT_SPEC, sample_rate_hz=44_100)
    # So long that a unit ends where its fade would not fit any more.
    corpus, _ = read_corpus_folder(folder, DEFAULT_SPEC, 4.1, CROSSFADE)
    assert corpus.seconds <= 4.1
    assert set(corpus.labels) == {"rain", "wind", "bees"}
    again = played(corpus, monkeypatch)
    assert 0.7 * 4.0 * 44_100 / 1024 < len(again) < 360
    known = {row.tobytes(): unit for unit, row in enumerate(built.descriptors)}
    one, two = np.zeros((1024 + CROSSFADE, 2), np.float32), np.zeros((1024 + CROSSFADE, 2), np.float32)
    for unit in range(len(again)):
        source = known[again.descriptors[unit].tobytes()]
        assert again.labels[again.label_index[unit]] == built.labels[built.label_index[source]]
        assert again.files[again.file_index[unit]] == built.files[built.file_index[source]]
        start = int(again.start_frames[unit])
        assert again.source_frame(unit, start) == built.source_frame(source, int(built.start_frames[source]))
        assert start + 1024 + CROSSFADE <= again.limit(unit)[1]
        again.audio.read(start, one)
        built.audio.read(int(built.start_frames[source]), two)
        assert np.array_equal(one, two)


def test_units_without_a_description_stay_behind(folder):
    rows = np.load(folder / "units" / "descriptors.npy")
    rows[5:9] = np.nan
    change_array(folder, write_corpus(folder, files=6, units=60, labels=("rain", "wind", "bees"), channels=2), "descriptors", rows)
    corpus, _ = read_corpus_folder(folder, DEFAULT_SPEC, 1000.0, CROSSFADE)
    assert len(corpus.start_frames) == 356
    assert np.isfinite(corpus.descriptors).all()


def test_other_descriptors_too_little_time_and_damage_are_refused(folder):
    with pytest.raises(CorpusSpecError, match="--descriptors classic --hop_length 1024"):
        read_corpus_folder(folder, DescriptorSpec.parse("classic"), 10.0, CROSSFADE)
    with pytest.raises(CorpusSpecError, match="hop 512"):
        read_corpus_folder(folder, DescriptorSpec(DEFAULT_SPEC.names, hop_frames=512), 10.0, CROSSFADE)
    with pytest.raises(EmptyCorpusError, match="--corpus-seconds"):
        read_corpus_folder(folder, DEFAULT_SPEC, 0.03, CROSSFADE)
    (folder / "units" / "weight.npy").unlink()
    with pytest.raises(PatchError):
        read_corpus_folder(folder, DEFAULT_SPEC, 10.0, CROSSFADE)


def test_the_sound_is_written_as_it_is(folder):
    corpus, _ = read_corpus_folder(folder, DEFAULT_SPEC, 1000.0, CROSSFADE)
    written, rate = soundfile.read(io.BytesIO(to_flac(corpus)), dtype="int16")
    assert rate == 44_100
    assert np.array_equal(written, np.fromfile(folder / "audio.pcm", "<i2").reshape(-1, 2))
