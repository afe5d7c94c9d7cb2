import json
import multiprocessing
import os

import numpy as np
import pytest
import soundfile
import soxr

from patches.corpus_folder import check_corpus_folder
from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from realtime.voices.corpus import open_corpus_folder
from training import corpus_build, corpus_sound
from training.audio_folder import decode_audio
from training.corpus_build import Wishes, build_corpus
from training.corpus_cut import make_segmentation
from training.corpus_sources import find_sounds, parse_sources
from training.descriptors import describe
from training.errors import NoUsableAudioError, OutputExistsError, OutputFailedError

RATE_HZ = 44_100
HOP = 1024


def sound(seconds, seed, channels=1):
    """Noise whose colour and level wander, so that no two seconds are alike; shape (T, C)."""
    random = np.random.default_rng(seed)
    frames = round(seconds * RATE_HZ)
    noise = random.standard_normal((frames, channels))
    smooth = np.cumsum(noise, axis=0) % 7.0 - 3.5
    blend = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(frames) / RATE_HZ * (1 + seed % 3))[:, None]
    return (0.05 * (blend * noise + (1 - blend) * smooth)).astype(np.float32)


def write(path, audio, rate_hz=RATE_HZ, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate_hz, **how)
    return path


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Every format, sub-folders and a plain file, one at another rate."""
    folder = tmp_path_factory.mktemp("in") / "sounds"
    write(folder / "rain" / "1.wav", sound(1.5, 1), subtype="PCM_16")
    write(folder / "rain" / "2.flac", sound(1.2, 2))
    write(folder / "wind" / "1.mp3", sound(1.6, 3))
    write(folder / "wind" / "deep" / "1.ogg", sound(1.4, 4))
    write(folder / "wind" / "3.aiff", soxr.resample(sound(1.0, 5), RATE_HZ, 48_000), 48_000, subtype="PCM_24")
    write(folder / "plain.wav", sound(0.7, 6), subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def build(cache, tmp_path):
    """Builds a corpus of folders and returns its manifest, its folder, and what was said."""

    def make(*texts, out=None, spec=DEFAULT_SPEC, segments="hop", replace=False, rows=None, **wishes):
        said = []
        out = out or tmp_path / "corpus"
        wished = {"channels": None, "weights": {}, "workers": 1, "cache": cache} | wishes
        given = find_sounds(parse_sources([str(text) for text in texts]))
        wanted = Wishes(spec, make_segmentation(segments, spec, None, None), **wished)
        manifest = build_corpus(out, given, wanted, rows=rows, replace=replace, say=said.append)
        return manifest, out, said

    return make


def arrays_of(folder):
    return {path.stem: np.load(path, mmap_mode="r") for path in (folder / "units").glob("*.npy")}


def samples_of(folder, manifest):
    return np.fromfile(folder / "audio.pcm", "<i2").reshape(-1, manifest.channels)


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_fault_wav_only_every_format_is_read_and_labelled_by_its_folder(build, sounds):
    manifest, folder, _ = build(sounds)
    assert check_corpus_folder(folder) == manifest
    assert {entry.path: entry.label for entry in manifest.files} == {
        "sounds/plain.wav": "sounds",
        "sounds/rain/1.wav": "rain",
        "sounds/rain/2.flac": "rain",
        "sounds/wind/1.mp3": "wind",
        "sounds/wind/3.aiff": "wind",
        "sounds/wind/deep/1.ogg": "wind",
    }
    assert manifest.labels == ("rain", "sounds", "wind")
    assert manifest.skipped == ()
    corpus = open_corpus_folder(folder, spec=DEFAULT_SPEC, sample_rate_hz=RATE_HZ)
    assert len(corpus) == manifest.units
    assert corpus.notes == ()


def test_fault_half_window_a_unit_is_what_its_row_is_centred_on(build, sounds):
    """The Descriptor Transformer described frame i around i * hop and played it from i * hop on."""
    manifest, folder, _ = build(sounds)
    arrays, samples = arrays_of(folder), samples_of(folder, manifest)
    for place, entry in enumerate(manifest.files):
        units = np.flatnonzero(arrays["file_index"] == place)
        held = samples[entry.first_frame : entry.first_frame + entry.frames]
        again = describe((held / np.float32(32768)).astype(np.float32)[:, 0])
        starts = arrays["start_frames"][units] - entry.first_frame
        rows = (starts + HOP // 2) // HOP
        assert (rows * HOP - HOP // 2 == starts).all()
        assert rows.tolist() == list(range(1, len(rows) + 1))
        assert np.array_equal(arrays["descriptors"][units], again.frames[rows])
        assert np.array_equal(arrays["attributes"][units], again.attributes[rows])
        assert np.array_equal(arrays["f0_hz"][units], again.f0_hz[rows])
        assert (starts + HOP + HOP // 2 <= entry.frames).all()
        assert starts[-1] + 2 * HOP + HOP // 2 > entry.frames
    assert (arrays["length_frames"] == HOP).all()


def test_a_click_is_in_the_unit_that_is_described_as_the_loudest(build, tmp_path):
    audio = np.full((RATE_HZ, 1), 1e-3, np.float32) * np.sin(np.arange(RATE_HZ) * 0.05)[:, None].astype(np.float32)
    click = 20 * HOP
    audio[click - 20 : click + 20] = 0.9
    write(tmp_path / "s" / "a.wav", audio)
    manifest, folder, _ = build(tmp_path / "s")
    arrays = arrays_of(folder)
    loudest = int(np.argmax(arrays["attributes"][:, 0]))
    start = int(arrays["start_frames"][loudest])
    assert start == click - HOP // 2
    assert np.abs(samples_of(folder, manifest)[start : start + HOP]).max() > 29_000


def test_fault_same_named_files_of_two_folders_never_meet(build, tmp_path):
    write(tmp_path / "one" / "a.wav", sound(1, 1))
    write(tmp_path / "one" / "x" / "a.wav", sound(1, 2))
    write(tmp_path / "two" / "one" / "a.wav", sound(1, 3))
    manifest, folder, _ = build(tmp_path / "one", tmp_path / "two" / "one")
    assert [entry.path for entry in manifest.files] == ["one/a.wav", "one/x/a.wav", "one-2/a.wav"]
    rows = arrays_of(folder)["descriptors"]
    first, second, third = (rows[arrays_of(folder)["file_index"] == file] for file in range(3))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_fault_nothing_stale_is_left_when_the_hop_changes(build, sounds):
    manifest, folder, _ = build(sounds)
    half = DescriptorSpec(DEFAULT_SPEC.names, hop_frames=512)
    again, _, _ = build(sounds, spec=half, replace=True)
    assert again.hop_frames == 512
    assert again.units == pytest.approx(2 * manifest.units, rel=0.1)
    entry = again.files[0]
    held = samples_of(folder, again)[entry.first_frame : entry.first_frame + entry.frames, 0] / np.float32(32768)
    assert np.array_equal(arrays_of(folder)["descriptors"][0], describe(held.astype(np.float32), half).frames[1])


def test_fault_the_database_is_no_text(build, sounds):
    manifest, folder, _ = build(sounds)
    for name, array in manifest.arrays.items():
        mapped = np.load(folder / array.file, mmap_mode="r", allow_pickle=False)
        assert isinstance(mapped, np.memmap)
        assert (mapped.dtype.str, mapped.shape) == (array.dtype, array.shape), name
    numbers = manifest.units * (39 + 3) * 4
    assert (folder / "units" / "descriptors.npy").stat().st_size + (folder / "units" / "attributes.npy").stat().st_size == numbers + 256


def test_statistics_are_those_of_all_units(build, sounds):
    manifest, folder, _ = build(sounds)
    described = np.hstack([arrays_of(folder)["descriptors"], arrays_of(folder)["attributes"]]).astype(np.float64)
    assert np.allclose(manifest.statistics.mean, described.mean(0), rtol=1e-5, atol=1e-5)
    assert np.allclose(manifest.statistics.std, np.maximum(described.std(0), 1e-3), rtol=1e-5)


def test_the_same_sounds_give_the_same_bytes_with_any_number_of_workers(build, sounds, tmp_path):
    _, one, _ = build(sounds, out=tmp_path / "one")
    _, two, _ = build(sounds, out=tmp_path / "two", workers=2, cache=tmp_path / "fresh")
    first, second = tree(one), tree(two)
    for held in (first, second):
        said = json.loads(held.pop("corpus.json"))
        del said["created"]
        held["said"] = said
    assert first == second


def copies(folder):
    audio = sound(3, 7)
    write(folder / "a.wav", audio, subtype="PCM_16")
    held = soundfile.read(folder / "a.wav", dtype="int16")[0]
    write(folder / "b.wav", held, subtype="PCM_16")
    (folder / "c.flac").write_bytes(b"")
    write(folder / "c.flac", held)
    write(folder / "d.wav", audio * 0.1, subtype="PCM_16")
    write(folder / "e.mp3", audio)
    write(folder / "f.wav", sound(3, 8), subtype="PCM_16")


def test_the_same_sound_in_another_file_format_or_level_is_left_out_and_named(build, tmp_path):
    copies(tmp_path / "s")
    manifest, _, said = build(tmp_path / "s")
    assert [entry.path for entry in manifest.files] == ["s/a.wav", "s/f.wav"]
    assert {skip.path: (skip.duplicate_of, skip.reason.split(" as ")[0]) for skip in manifest.skipped} == {
        "s/b.wav": ("s/a.wav", "the same file"),
        "s/c.flac": ("s/a.wav", "the same samples"),
        "s/d.wav": ("s/a.wav", "the same sound"),
        "s/e.mp3": ("s/a.wav", "the same sound"),
    }
    assert sum(line.startswith("skipped s/") for line in said) == 4


def test_duplicates_are_kept_on_request_but_never_the_same_file(build, tmp_path):
    copies(tmp_path / "s")
    manifest, _, _ = build(tmp_path / "s", keep_duplicates=True)
    assert [entry.path for entry in manifest.files] == ["s/a.wav", "s/c.flac", "s/d.wav", "s/e.mp3", "s/f.wav"]


def test_every_file_left_out_is_named_with_its_reason(build, tmp_path):
    folder = tmp_path / "s"
    write(folder / "good.wav", sound(1, 1))
    write(folder / "silent.wav", np.zeros((RATE_HZ, 1)))
    write(folder / "short.wav", sound(0.04, 2))
    (folder / "broken.wav").write_bytes(b"no sound")
    (folder / "cut.wav").write_bytes(write(tmp_path / "whole.wav", sound(1, 3)).read_bytes()[:20_000])
    write(folder / "surround.wav", np.zeros((500, 6)))
    os.mkfifo(folder / "pipe.wav")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "dangling.wav").symlink_to(tmp_path / "nowhere.wav")
    manifest, _, _ = build(folder)
    reasons = {skip.path: skip.reason for skip in manifest.skipped}
    for name, said in {
        "silent.wav": "is silent",
        "short.wav": "too short for a unit",
        "broken.wav": "cannot be read as audio",
        "cut.wav": "ends before its header says",
        "surround.wav": "too many channels",
        "pipe.wav": "is not a plain file",
        "linked": "a link to a folder",
        "dangling.wav": "a link that leads nowhere",
    }.items():
        assert said in reasons[f"s/{name}"], name
    assert [entry.path for entry in manifest.files] == ["s/good.wav"]


def test_loudness_is_recorded_and_not_applied(build, tmp_path):
    write(tmp_path / "s" / "a.wav", sound(1, 1), subtype="PCM_16")
    write(tmp_path / "s" / "b.wav", 0.1 * sound(1, 2), subtype="PCM_16")
    manifest, folder, _ = build(tmp_path / "s")
    samples = samples_of(folder, manifest)
    for entry in manifest.files:
        held = samples[entry.first_frame : entry.first_frame + entry.frames]
        original = soundfile.read(tmp_path / entry.path, dtype="int16", always_2d=True)[0]
        assert np.array_equal(held, original)
        assert entry.loudness_dbfs == pytest.approx(10 * np.log10(np.mean((held / 32768.0) ** 2)), abs=0.006)
    assert manifest.files[0].loudness_dbfs - manifest.files[1].loudness_dbfs == pytest.approx(20, abs=1)


def test_a_sound_past_full_scale_is_turned_down_as_a_whole_and_that_is_said(build, tmp_path):
    audio = sound(1, 1)
    audio *= 2.0 / np.abs(audio).max()
    write(tmp_path / "s" / "a.wav", audio, subtype="FLOAT")
    manifest, folder, said = build(tmp_path / "s")
    held = samples_of(folder, manifest)
    assert np.abs(held).max() == 32767
    assert np.abs(held / 32767.0 * 2.0 - audio).max() < 1e-4
    assert any("turned down by 6.0 dB" in line for line in said)


def test_mono_sounds_are_doubled_where_others_are_stereo_unless_all_are_to_be_mono(build, tmp_path):
    write(tmp_path / "s" / "a.wav", sound(1, 1, 2), subtype="PCM_16")
    write(tmp_path / "s" / "b.wav", sound(1, 2, 1), subtype="PCM_16")
    manifest, folder, said = build(tmp_path / "s")
    assert manifest.channels == 2
    held = samples_of(folder, manifest)
    assert np.array_equal(held[RATE_HZ:, 0], held[RATE_HZ:, 1])
    assert any("1 mono sounds are doubled" in line for line in said)
    mono, folder, _ = build(tmp_path / "s", out=tmp_path / "mono", channels=1)
    assert mono.channels == 1
    assert np.abs(samples_of(folder, mono)[:RATE_HZ, 0] - held[:RATE_HZ].mean(1)).max() <= 1


def test_weights_of_labels_and_folders_multiply(build, sounds, tmp_path):
    write(tmp_path / "more" / "wind" / "x.wav", sound(1, 9))
    manifest, folder, _ = build(sounds, tmp_path / "more", weights={"wind": 0.5, "more": 3.0, "sounds": 0.5})
    weights = {entry.path: entry.weight for entry in manifest.files}
    assert weights["more/wind/x.wav"] == 1.5
    assert weights["sounds/wind/1.mp3"] == 0.25
    assert weights["sounds/rain/1.wav"] == 0.5
    # Label and folder in one.
    assert weights["sounds/plain.wav"] == 0.5
    arrays = arrays_of(folder)
    for place, entry in enumerate(manifest.files):
        assert (arrays["weight"][arrays["file_index"] == place] == np.float32(entry.weight)).all()


def test_units_from_onset_to_onset(build, tmp_path):
    audio = 1e-4 * np.random.default_rng(0).standard_normal((4 * RATE_HZ, 1)).astype(np.float32)
    hits = [int(t * RATE_HZ) for t in (0.5, 0.9, 1.6, 3.0)]
    for index, hit in enumerate(hits):
        t = np.arange(RATE_HZ // 3) / RATE_HZ
        audio[hit : hit + len(t), 0] += 0.5 * np.exp(-t * 25) * np.sin(2 * np.pi * 220 * (index + 1) * t)
    write(tmp_path / "s" / "hits.wav", audio, subtype="PCM_16")
    manifest, folder, _ = build(tmp_path / "s", segments="onset")
    arrays = arrays_of(folder)
    starts, lengths = arrays["start_frames"], arrays["length_frames"]
    assert starts[0] == 0
    assert (starts[1:] == starts[:-1] + lengths[:-1]).all()
    assert starts[-1] + lengths[-1] == manifest.frames
    for index, hit in enumerate(hits):
        unit = int(np.searchsorted(starts, hit, "right")) - 1
        # Cut before the attack, by no more than is heard as one with it.
        assert 0 <= hit - starts[unit] < 0.025 * RATE_HZ
        rows = [i for i in range(1 + manifest.frames // HOP) if starts[unit] <= i * HOP < starts[unit] + lengths[unit]]
        again = describe((samples_of(folder, manifest)[:, 0] / np.float32(32768)).astype(np.float32))
        assert np.allclose(arrays["descriptors"][unit], again.frames[rows].mean(0), atol=1e-3)
        assert arrays["f0_hz"][unit] == pytest.approx(220 * (index + 1), rel=0.02) or arrays["f0_hz"][unit] == 0.0
    corpus = open_corpus_folder(folder, spec=DEFAULT_SPEC, sample_rate_hz=RATE_HZ)
    assert corpus.follows[:-1].all()


def test_nothing_usable_leaves_nothing(build, tmp_path):
    write(tmp_path / "s" / "a.wav", np.zeros((500, 1)))
    with pytest.raises(NoUsableAudioError, match="is silent"):
        build(tmp_path / "s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interruption_leaves_nothing_half_and_no_process(build, sounds, tmp_path, monkeypatch, workers):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus_build.CorpusFiles, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        build(sounds, workers=workers)
    assert list(tmp_path.iterdir()) == []
    assert multiprocessing.active_children() == []


def test_a_full_disk_is_said_and_leaves_nothing(build, sounds, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(corpus_build.CorpusFiles, "finish", full)
    with pytest.raises(OutputFailedError, match="No space left"):
        build(sounds)
    assert list(tmp_path.iterdir()) == []


def test_only_a_corpus_is_replaced_and_only_on_request(build, sounds, tmp_path, monkeypatch):
    write(tmp_path / "s" / "a.wav", sound(1, 1))
    manifest, folder, _ = build(tmp_path / "s")
    before = tree(folder)
    with pytest.raises(OutputExistsError, match="--replace"):
        build(sounds)
    with monkeypatch.context() as patch:
        patch.setattr(corpus_build.CorpusFiles, "finish", lambda *_: (_ for _ in ()).throw(OSError(5, "broken")))
        with pytest.raises(OutputFailedError):
            build(sounds, replace=True)
    assert tree(folder) == before
    again, _, _ = build(sounds, replace=True)
    assert again.units > manifest.units
    assert check_corpus_folder(folder) == again
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    with pytest.raises(OutputExistsError, match="no corpus"):
        build(sounds, out=tmp_path / "mine", replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "mine", "s"]
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["letter.txt"]


def test_a_large_corpus_gets_lists_of_its_z_scores(build, sounds, monkeypatch):
    seen = {}

    def train(table, seed):
        seen["table"] = np.array(table)
        order = np.argsort(table[:, 0], kind="stable")
        return table[:2].copy(), np.array([0, 3, len(table)]), order

    monkeypatch.setattr("training.corpus_files.train_lists", train)
    monkeypatch.setattr("training.corpus_files.LISTS_ABOVE", 100)
    monkeypatch.setattr("training.corpus_files.TABLE_ROWS", 64)
    manifest, folder, said = build(sounds)
    corpus = open_corpus_folder(folder, spec=DEFAULT_SPEC, sample_rate_hz=RATE_HZ)
    scale = np.sqrt(np.repeat(np.float32([1.0, 0.5, 0.25, 12.0]), [13, 13, 13, 3]))
    scores = (corpus.described() - corpus.mean) / corpus.std
    assert np.array_equal(seen["table"], scores * scale)
    assert np.allclose(corpus.ivf.centroids, scores[:2], rtol=1e-5)
    assert np.array_equal(corpus.ivf.order, np.argsort(seen["table"][:, 0], kind="stable"))
    assert corpus.ivf.list_start.tolist() == [0, 3, manifest.units]
    assert "inverted lists" in said[-1]
    assert not list(folder.glob("*.f32"))


def test_lists_hold_units_of_a_kind(build, sounds, monkeypatch):
    monkeypatch.setattr("training.corpus_files.LISTS_ABOVE", 100)
    manifest, folder, _ = build(sounds)
    corpus = open_corpus_folder(folder, spec=DEFAULT_SPEC, sample_rate_hz=RATE_HZ)
    assert sorted(corpus.ivf.order.tolist()) == list(range(manifest.units))
    scores = (corpus.described() - corpus.mean) / corpus.std
    within = sum(
        float(((scores[corpus.ivf.order[a:b]] - scores[corpus.ivf.order[a:b]].mean(0)) ** 2).sum())
        for a, b in zip(corpus.ivf.list_start[:-1], corpus.ivf.list_start[1:], strict=True)
        if b > a
    )
    # Chance would leave nearly all of the spread within the lists.
    assert within < 0.6 * float(((scores - scores.mean(0)) ** 2).sum())


def test_a_long_sound_is_decoded_in_pieces_to_the_same_samples(sounds, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_sound, "LONG_SAMPLES", 1000)
    monkeypatch.setattr(corpus_sound, "BLOCK_FRAMES", 7001)
    for path in sorted(sounds.rglob("*.*")):
        whole = decode_audio(path, RATE_HZ, "as_is")
        pieces = corpus_sound.open_sound(path, path.name, RATE_HZ, tmp_path / "cache", tmp_path / "scratch")
        # The MP3 decoder rounds its last bit another way where a piece begins.
        assert np.array_equal(pieces, whole) if path.suffix != ".mp3" else np.abs(pieces - whole).max() < 1e-7, path


def test_a_long_sound_is_described_in_pieces_to_the_same_bytes(build, tmp_path, monkeypatch):
    sounds = tmp_path / "s"
    write(sounds / "a.wav", sound(1.5, 1, 2))
    write(sounds / "b.wav", soxr.resample(sound(1, 2), RATE_HZ, 48_000), 48_000)
    _, one, _ = build(sounds, out=tmp_path / "one", segments="onset")
    monkeypatch.setattr(corpus_sound, "LONG_SAMPLES", 1000)
    monkeypatch.setattr(corpus_sound, "BLOCK_FRAMES", 7001)
    _, two, _ = build(sounds, out=tmp_path / "two", segments="onset", cache=tmp_path / "fresh")
    first, second = tree(one), tree(two)
    del first["corpus.json"], second["corpus.json"]
    assert first == second
