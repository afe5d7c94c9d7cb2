import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from patches.errors import PatchError
from patches.library import bundled_folder
from patches.reader import read_manifest
from realtime.errors import VoiceError
from realtime.voices.corpus import (
    NO_LABEL,
    choose_labels,
    join_corpora,
    kept_units,
    load_patch_corpus,
    load_patch_tables,
    open_corpus_folder,
)
from tests.corpus_folders import change_array, write_corpus
from tests.stage_patch import make_patch

RATE_HZ = 44_100
ROWS = ("descriptors", "attributes", "f0_hz", "start_frames", "length_frames", "file_index", "label_index", "weight", "follows")


def opened(folder, spec=DEFAULT_SPEC):
    return open_corpus_folder(folder, spec=spec, sample_rate_hz=spec.sample_rate_hz)


def check(corpus):
    """What every corpus promises."""
    units = len(corpus)
    for name in ROWS:
        array = getattr(corpus, name)
        assert len(array) == units
        assert array.flags.c_contiguous
    assert corpus.descriptors.dtype == corpus.attributes.dtype == corpus.f0_hz.dtype == corpus.weight.dtype == np.float32
    assert corpus.start_frames.dtype == corpus.length_frames.dtype == np.int64
    assert (corpus.file_index.dtype, corpus.label_index.dtype, corpus.follows.dtype) == (np.int32, np.int16, np.bool_)
    assert np.isfinite(corpus.described()).all()
    assert (np.diff(corpus.start_frames) >= 0).all()
    assert corpus.label_index.max(initial=-1) < len(corpus.labels)
    for unit in range(units):
        first, last = corpus.limit(unit)
        assert first <= corpus.start_frames[unit]
        assert corpus.start_frames[unit] + corpus.length_frames[unit] <= last <= corpus.audio.frames
    if corpus.ivf is not None:
        assert sorted(corpus.ivf.order.tolist()) == list(range(units))
        assert corpus.ivf.list_start[-1] == units
        assert (np.diff(corpus.ivf.list_start) >= 0).all()


def test_a_folder_opens_as_it_was_written(tmp_path):
    manifest = write_corpus(tmp_path / "c", lists=3, channels=2)
    corpus = opened(tmp_path / "c")
    check(corpus)
    assert np.array_equal(corpus.descriptors, np.load(tmp_path / "c" / "units" / "descriptors.npy"))
    assert (corpus.labels, corpus.files) == (("rain", "wind"), tuple(f"sounds/{n}.wav" for n in range(4)))
    assert corpus.follows.tolist() == [True, True, True, True, False] * 4
    assert (corpus.audio.frames, corpus.audio.channels, corpus.notes) == (manifest.frames, 2, ())
    assert corpus.source_frame(7, int(corpus.start_frames[7])) == 512 + 2 * 1024
    out = np.zeros((16, 2), np.float32)
    corpus.audio.read(100, out)
    held = np.fromfile(tmp_path / "c" / "audio.pcm", "<i2").reshape(-1, 2)
    assert np.array_equal(out, held[100:116] / np.float32(32768))


def test_the_unit_at_a_frame(tmp_path):
    write_corpus(tmp_path / "c", files=3, units=4)
    corpus = opened(tmp_path / "c")
    for file in range(3):
        first = int(corpus.file_first[file])
        said = [corpus.unit_at(file, first + frame) for frame in (-5000, 0, 511, 512, 1535, 1536, 4607, 99_999)]
        assert said == [4 * file + unit for unit in (0, 0, 0, 0, 0, 1, 3, 3)]
    keep = corpus.file_index != 1
    assert kept_units(corpus, keep, "").unit_at(1, 6000) == -1


@pytest.mark.parametrize(
    ("spec", "rate", "said"),
    [
        (replace(DEFAULT_SPEC, hop_frames=512), 44_100, r"hop_frames is not the model's; got 1024; allowed: 512; .*--hop_length 512"),
        (replace(DEFAULT_SPEC, sample_rate_hz=48_000), 48_000, r"sample_rate_hz is not.*got 44100; allowed: 48000; .*--sample_rate 48000"),
        (
            DescriptorSpec.parse("mfcc,loudness"),
            44_100,
            r"descriptors are not.*got 'mfcc'; allowed: mfcc,loudness; .*--descriptors mfcc,loudness",
        ),
    ],
)
def test_fault_a_corpus_of_another_hop_rate_or_description_is_never_taken_for_ours(tmp_path, spec, rate, said):
    """Stale after a change of hop: the Descriptor Transformer went on with whatever json had the same stem."""
    write_corpus(tmp_path / "c")
    with pytest.raises(VoiceError, match=said):
        open_corpus_folder(tmp_path / "c", spec=spec, sample_rate_hz=rate)


def test_units_without_a_description_are_left_out_and_counted(tmp_path):
    manifest = write_corpus(tmp_path / "c", lists=4)
    rows = np.load(tmp_path / "c" / "units" / "descriptors.npy")
    attributes = np.load(tmp_path / "c" / "units" / "attributes.npy")
    rows[[3, 7]] = np.nan
    rows[11, 5] = np.inf
    attributes[0, 1] = np.nan
    manifest = change_array(tmp_path / "c", manifest, "descriptors", rows)
    change_array(tmp_path / "c", manifest, "attributes", attributes)
    corpus = opened(tmp_path / "c")
    check(corpus)
    assert len(corpus) == 16
    assert "4 of 20 units have no description" in corpus.notes[0]
    left = [unit for unit in range(20) if unit not in (0, 3, 7, 11)]
    assert np.array_equal(corpus.descriptors, rows[left])
    # Nothing goes on into a unit that is not there.
    assert corpus.follows.tolist() == [u in left and u + 1 in left and u % 5 != 4 for u in left]


def test_a_corpus_of_one_unit_plays_and_of_none_is_refused(tmp_path):
    write_corpus(tmp_path / "one", files=1, units=1)
    corpus = opened(tmp_path / "one")
    check(corpus)
    assert (len(corpus), corpus.follows.tolist(), corpus.unit_at(0, 0)) == (1, [False], 0)
    write_corpus(tmp_path / "none", files=1, units=0)
    with pytest.raises(VoiceError, match="without a unit"):
        opened(tmp_path / "none")
    write_corpus(tmp_path / "nan", files=1, units=2, descriptors=np.full((2, 39), np.nan))
    with pytest.raises(VoiceError, match="no unit has a description"):
        opened(tmp_path / "nan")


HOSTILE = [
    ("file nobody knows", "file_index", lambda a: a + 1, "file_index holds no a file; got 1 to 4; allowed: 0 to 3"),
    ("negative file", "file_index", lambda a: a - 1, "file_index"),
    ("files out of order", "file_index", lambda a: a[::-1], "not in the order"),
    ("label nobody knows", "label_index", lambda a: a + 1, "label_index"),
    ("label below none", "label_index", lambda a: a - 2, "label_index"),
    ("start before the sound", "start_frames", lambda a: a - 10**6, "start_frames"),
    ("start beyond the sound", "start_frames", lambda a: a + 10**12, "start_frames"),
    ("starts out of order", "start_frames", lambda a: np.where(np.arange(len(a)) == 2, a - 2000, a), "not in the order"),
    ("a unit in another file", "start_frames", lambda a: np.where(np.arange(len(a)) < 5, a + 2000, a), "outside its file; got unit 3"),
    ("no length", "length_frames", lambda a: a * 0, "length_frames"),
    ("a negative length", "length_frames", lambda a: -a, "length_frames"),
    ("a length beyond its file", "length_frames", lambda a: a + 3000, "outside its file"),
    ("a length that overflows", "length_frames", lambda a: a * 0 + 2**62, "length_frames"),
    ("a weight of nothing", "weight", lambda a: a * 0, "weight"),
    ("a weight that is no number", "weight", lambda a: a * np.nan, "weight"),
    ("a weight without end", "weight", lambda a: a * np.inf, "weight"),
    ("a unit twice in the lists", "order", lambda a: np.where(a == 3, 4, a), "every unit once"),
    ("a unit nobody knows in the lists", "order", lambda a: a + 1, "order"),
    ("lists that do not end", "list_start", lambda a: np.append(a[:-1], 3), "every unit once"),
    ("lists beyond the units", "list_start", lambda a: a * 1000, "list_start"),
    ("lists that run backwards", "list_start", lambda a: np.concatenate([a[:1], a[1:-1][::-1], a[-1:]]), "every unit once"),
    ("centroids that are no numbers", "centroids", lambda a: a * np.nan, "centroids"),
]


@pytest.mark.parametrize(("name", "change", "said"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_numbers_that_would_read_elsewhere_are_refused(tmp_path, name, change, said):
    manifest = write_corpus(tmp_path / "c", lists=4)
    array = np.load(tmp_path / "c" / "units" / f"{name}.npy")
    change_array(tmp_path / "c", manifest, name, change(array))
    with pytest.raises(VoiceError, match=said):
        opened(tmp_path / "c")


@pytest.mark.parametrize("file", ["corpus.json", "audio.pcm", "units/weight.npy"])
def test_a_damaged_folder_is_a_patch_error(tmp_path, file):
    write_corpus(tmp_path / "c")
    os.truncate(tmp_path / "c" / file, 50)
    with pytest.raises(PatchError):
        opened(tmp_path / "c")


def test_labels_leave_out_the_others_and_one_that_is_not_there_is_said(tmp_path):
    write_corpus(tmp_path / "c", lists=3)
    corpus = opened(tmp_path / "c")
    rain = choose_labels(corpus, ("rain", "snow", "rain"), "c")
    check(rain)
    assert len(rain) == 10
    assert {rain.labels[index] for index in rain.label_index} == {"rain"}
    assert rain.notes == ("c: no label snow; it has rain, wind", "c: 10 of 20 units are labelled rain")
    none = choose_labels(corpus, ("snow",), "c")
    assert len(none) == 20
    assert none.notes == ("c: no label snow; it has rain, wind", "c: no unit has a label asked for, so all are played")
    assert choose_labels(corpus, (), "c") is corpus
    unlabelled = write_corpus(tmp_path / "u", labels=())
    assert unlabelled.labels == ()
    assert "it has none" in choose_labels(opened(tmp_path / "u"), ("rain",), "u").notes[0]


def test_corpora_are_joined_with_their_weights_and_one_label_of_a_name(tmp_path):
    write_corpus(tmp_path / "a", seed=1, lists=3)
    write_corpus(tmp_path / "b", seed=2, labels=("wind", "bees"), channels=2)
    write_corpus(tmp_path / "c", seed=3, labels=(), prefix="field")
    parts = [opened(tmp_path / name) for name in "abc"]
    joined = join_corpora(list(zip(parts, (1.0, 0.5, 2.0), strict=True)))
    check(joined)
    assert (len(joined), joined.labels, joined.audio.channels) == (60, ("rain", "wind", "bees"), 2)
    assert joined.files[0] == "1:sounds/0.wav"
    assert joined.files[4] == "2:sounds/0.wav"
    assert joined.files[8] == "field/0.wav"
    names = [joined.labels[index] if index != NO_LABEL else "" for index in joined.label_index[::5]]
    assert names == ["rain", "wind", "rain", "wind", "wind", "bees", "wind", "bees", "", "", "", ""]
    assert joined.weight[[0, 20, 40]].tolist() == [1.0, 0.5, 2.0]
    assert not joined.follows[19]
    described = joined.described()
    assert np.allclose(joined.mean, described.mean(0), atol=1e-5)
    assert np.allclose(joined.std, described.std(0), atol=2e-3)
    place, frames = 0, 0
    for part in parts:
        for unit in range(len(part)):
            one, two = np.zeros((64, 2), np.float32), np.zeros((64, 2), np.float32)
            part.audio.read(int(part.start_frames[unit]), one)
            joined.audio.read(int(joined.start_frames[place]), two)
            assert np.array_equal(one, two)
            assert np.array_equal(joined.descriptors[place], part.descriptors[unit])
            assert joined.source_frame(place, int(joined.start_frames[place])) == part.source_frame(unit, int(part.start_frames[unit]))
            place += 1
        frames += part.audio.frames
    assert joined.unit_at(5, int(joined.file_first[5]) + 1536) == 26


def test_joined_lists_hold_the_same_units_and_those_without_go_to_the_nearest(tmp_path):
    write_corpus(tmp_path / "a", seed=1, lists=3)
    write_corpus(tmp_path / "b", seed=2, lists=2)
    write_corpus(tmp_path / "c", seed=3)
    a, b, c = (opened(tmp_path / name) for name in "abc")
    joined = join_corpora([(a, 1.0), (c, 1.0), (b, 1.0)])
    check(joined)
    assert len(joined.ivf.centroids) == 5
    members = [
        set(joined.ivf.order[first:last].tolist())
        for first, last in zip(joined.ivf.list_start[:-1], joined.ivf.list_start[1:], strict=True)
    ]
    for index in range(3):
        own = a.ivf.order[a.ivf.list_start[index] : a.ivf.list_start[index + 1]]
        assert {unit for unit in members[index] if unit < 20} == set(own.tolist())
        # A centroid stays where it was, seen in raw numbers.
        assert np.allclose(joined.ivf.centroids[index] * joined.std + joined.mean, a.ivf.centroids[index] * a.std + a.mean, atol=1e-4)
    for index in range(2):
        own = b.ivf.order[b.ivf.list_start[index] : b.ivf.list_start[index + 1]]
        assert {unit for unit in members[3 + index] if unit >= 40} == set((own + 40).tolist())
    rows = (c.described() - joined.mean) / joined.std
    nearest = np.argmin(((rows[:, None] - joined.ivf.centroids) ** 2).sum(2), axis=1)
    for unit, index in enumerate(nearest.tolist()):
        assert 20 + unit in members[index]


def test_what_cannot_be_joined(tmp_path):
    write_corpus(tmp_path / "a")
    spec = DescriptorSpec.parse("classic")
    write_corpus(tmp_path / "b", spec=spec)
    with pytest.raises(VoiceError, match="got classic, hop 1024"):
        join_corpora([(opened(tmp_path / "a"), 1.0), (opened(tmp_path / "b", spec), 1.0)])
    with pytest.raises(VoiceError, match="no corpus"):
        join_corpora([])
    alone = opened(tmp_path / "a")
    assert join_corpora([(alone, 1.0)]) is alone
    assert join_corpora([(alone, 0.25)]).weight.tolist() == [0.25] * 20


def test_an_old_patch_opens_with_lengths_of_a_step_and_no_labels(tmp_path):
    folder = make_patch(tmp_path)
    manifest = read_manifest(folder)
    corpus = load_patch_corpus(folder, manifest)
    check(corpus)
    assert (corpus.length_frames == 1024).all()
    assert (corpus.labels, corpus.files, corpus.spec) == ((), ("file 0",), DEFAULT_SPEC)
    assert (corpus.f0_hz == 0).all()
    assert corpus.follows[:-1].all()
    tables = load_patch_tables(folder, manifest)
    assert tables.prime.shape == (20, 39)
    assert tables.mean.shape == tables.std.shape == (42,)


def test_the_bundled_patch_opens():
    folder = bundled_folder() / "field"
    check(load_patch_corpus(folder, read_manifest(folder)))


def test_mono_sound_may_be_in_a_stereo_patch_but_not_the_other_way_round(tmp_path):
    folder = make_patch(tmp_path, channels=1)
    data = json.loads((folder / "patch.json").read_text())
    data["audio"]["channels"] = 2
    (folder / "patch.json").write_text(json.dumps(data))
    corpus = load_patch_corpus(folder, read_manifest(folder))
    assert corpus.audio.channels == 1
    shutil.rmtree(folder)
    folder = make_patch(tmp_path, channels=2)
    data["audio"]["channels"] = 1
    data = json.loads((folder / "patch.json").read_text()) | {"audio": data["audio"]}
    (folder / "patch.json").write_text(json.dumps(data))
    with pytest.raises(VoiceError, match="got 44100 Hz, 2 channels; allowed: 44100 Hz, 1 channel"):
        load_patch_corpus(folder, read_manifest(folder))


def test_a_patch_of_other_descriptors_than_it_says_is_refused(tmp_path):
    folder = make_patch(tmp_path)
    manifest = read_manifest(folder)
    with pytest.raises(VoiceError, match=r"got 39; allowed: 5 \(classic\)"):
        load_patch_corpus(folder, replace(manifest, settings=dict(manifest.settings) | {"descriptors": "classic"}))
    with pytest.raises(VoiceError, match="not known to this program"):
        load_patch_corpus(folder, replace(manifest, settings=dict(manifest.settings) | {"descriptors": "warmth"}))
