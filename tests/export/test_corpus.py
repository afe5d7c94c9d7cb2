import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from export.corpus import MIN_PIECE_SECONDS, Piece, build_corpus, choose_pieces, fill_evenly
from export.corpus_arrays import PRIME_ROWS, prime_of, to_flac, to_npz
from export.errors import EmptyCorpusError
from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.audio_folder import AudioFolder, Clip, read_audio_folder
from training.corpus_sound import dequantise, quantise
from training.corpus_weights import descriptor_weights
from training.descriptors import ATTRIBUTES, HOP_FRAMES, NAMES, describe
from training.recipe import read_recipe
from training.sequencers.build import build_model

RATE_HZ = 44_100
CROSSFADE = 512


def clip(name, seconds, channels=1, seed=0):
    audio = 0.2 * np.random.default_rng(seed).standard_normal((int(seconds * RATE_HZ), channels)).astype(np.float32)
    path = Path(name)
    return Clip(path, path.parts[0] if len(path.parts) > 1 else "", audio, f"{seed:064x}")


def folder_of(*clips):
    return AudioFolder(Path("sounds"), RATE_HZ, clips[0].audio.shape[1], tuple(sorted(clips, key=lambda item: item.path)), ())


def seconds_by(pieces, key):
    shares = {}
    for piece in pieces:
        shares[key(piece)] = shares.get(key(piece), 0.0) + (piece.stop - piece.start) / RATE_HZ
    return shares


@pytest.mark.parametrize(
    ("capacities", "budget", "shares"),
    [
        ([10, 10, 10], 9, [3, 3, 3]),
        ([1, 10, 10], 9, [1, 4, 4]),
        ([10, 1, 2], 9, [6, 1, 2]),
        ([2, 2], 100, [2, 2]),
        ([5], 3, [3]),
        ([10, 10], 5, [2, 3]),
        ([], 5, []),
    ],
)
def test_a_budget_is_shared_evenly_and_what_one_cannot_take_the_others_get(capacities, budget, shares):
    assert fill_evenly(capacities, budget) == shares


def test_classes_get_the_same_time_and_within_them_the_files():
    folder = folder_of(*(clip(f"a/{index}", 10, seed=index) for index in range(4)), *(clip(f"b/{index}", 10) for index in range(2)))
    pieces = choose_pieces(folder, 24.0)
    assert seconds_by(pieces, lambda piece: piece.clip.class_name) == pytest.approx({"a": 12.0, "b": 12.0}, abs=1e-3)
    by_file = seconds_by(pieces, lambda piece: piece.clip.path.as_posix())
    assert by_file == pytest.approx({"a/0": 3, "a/1": 3, "a/2": 3, "a/3": 3, "b/0": 6, "b/1": 6}, abs=1e-3)
    assert all(piece.start == pytest.approx(len(piece.clip.audio) - piece.stop, abs=1) for piece in pieces)


def test_rather_fewer_files_than_shreds_and_those_spread_over_the_class():
    folder = folder_of(*(clip(f"a/{index:02}", 4, seed=index) for index in range(20)))
    pieces = choose_pieces(folder, 10.0)
    assert [piece.clip.path.name for piece in pieces] == ["02", "06", "10", "14", "18"]
    assert min(seconds_by(pieces, lambda piece: piece.clip.path).values()) >= MIN_PIECE_SECONDS


def test_where_the_chosen_files_are_too_short_more_are_taken():
    folder = folder_of(clip("a/0", 9), clip("a/1", 0.5), clip("a/2", 9), clip("a/3", 9))
    assert sum(seconds_by(choose_pieces(folder, 3.0), lambda piece: piece.clip.path).values()) == pytest.approx(3.0, abs=1e-3)
    short = folder_of(*(clip(f"a/{index}", 1.5, seed=index) for index in range(5)))
    assert len(choose_pieces(short, 6.0)) == 4


def test_a_budget_larger_than_the_folder_takes_all_of_it():
    folder = folder_of(clip("a/0", 1), clip("b/0", 2))
    assert [(piece.start, piece.stop) for piece in choose_pieces(folder, 100.0)] == [(0, RATE_HZ), (0, 2 * RATE_HZ)]


@pytest.mark.parametrize("channels", [1, 2])
def test_every_unit_lies_in_its_file_and_its_description_is_that_of_the_written_sound(channels):
    clips = [clip(f"a/{index}", seconds, channels, seed=index) for index, seconds in enumerate((1.0, 0.7, 1.31))]
    pieces = [Piece(clips[0], 0, len(clips[0].audio)), Piece(clips[1], 3000, len(clips[1].audio)), Piece(clips[2], 0, 40_000)]
    corpus = build_corpus(pieces, RATE_HZ, CROSSFADE)
    written, rate = soundfile.read(io.BytesIO(to_flac(corpus)), dtype="float32", always_2d=True)
    assert rate == RATE_HZ
    assert soundfile.info(io.BytesIO(to_flac(corpus))).subtype == "PCM_16"
    assert np.array_equal(written, dequantise(corpus.audio))
    assert corpus.descriptors.shape == (len(corpus.start_frames), len(NAMES))
    for index, (start, stop) in enumerate(corpus.spans):
        starts = corpus.start_frames[corpus.file_index == index]
        assert starts.min() >= start
        assert starts.max() + HOP_FRAMES + CROSSFADE <= stop
        assert (np.diff(starts) == HOP_FRAMES).all()
        rows = (starts - start + HOP_FRAMES // 2) // HOP_FRAMES
        again = describe(written[start:stop].mean(1, dtype=np.float32))
        assert np.array_equal(again.frames[rows], corpus.descriptors[corpus.file_index == index])
        assert np.array_equal(again.attributes[rows], corpus.attributes[corpus.file_index == index])
    assert (np.diff(corpus.file_index) >= 0).all()


def test_the_last_unit_ends_exactly_where_it_may():
    for spare, units in ((0, 3), (1, 3), (HOP_FRAMES - 1, 3), (HOP_FRAMES, 4), (-1, 2)):
        length = 3 * HOP_FRAMES + HOP_FRAMES // 2 + CROSSFADE + spare
        piece = Piece(clip("a/0", 1), 0, length)
        whole = Piece(Clip(piece.clip.path, "a", piece.clip.audio[:length], ""), 0, length)
        assert len(build_corpus([whole], RATE_HZ, CROSSFADE).start_frames) == units


def test_no_description_hears_the_silence_beyond_a_cut():
    sound = clip("a/0", 2)
    whole = build_corpus([Piece(sound, 0, len(sound.audio))], RATE_HZ, CROSSFADE)
    offset = 20 * HOP_FRAMES
    cut = build_corpus([Piece(sound, offset, offset + 40 * HOP_FRAMES)], RATE_HZ, CROSSFADE)
    places = (cut.start_frames + offset - whole.start_frames[0]) // HOP_FRAMES
    # Quantised and summed in another order; measured: 4e-3 dB.
    assert np.abs(whole.descriptors[places] - cut.descriptors).max() < 0.05
    assert len(cut.start_frames) > 25


def test_sounds_past_full_scale_are_turned_down_and_others_are_kept_bit_for_bit():
    ints = np.array([[-32767], [0], [1], [32767]], dtype=np.int16)
    assert np.array_equal(quantise(dequantise(ints)), ints)
    loud = quantise(np.array([[4.0], [2.0], [-1.0]], dtype=np.float32))
    assert loud[:, 0].tolist() == [32767, 16384, -8192]


def test_nothing_long_enough_is_refused():
    with pytest.raises(EmptyCorpusError, match="2048 samples and up"):
        build_corpus([Piece(clip("a/0", 0.03), 0, 1323)], RATE_HZ, CROSSFADE)


def test_a_file_too_short_for_a_unit_leaves_no_trace():
    short, long = clip("a/0", 0.03), clip("b/0", 1)
    corpus = build_corpus([Piece(short, 0, 1323), Piece(long, 0, RATE_HZ)], RATE_HZ, CROSSFADE)
    assert corpus.spans == ((0, RATE_HZ),)
    assert set(corpus.file_index) == {0}


def test_the_npz_holds_what_the_patch_format_says_and_no_objects(sounds, cache):
    folder = read_audio_folder(sounds, RATE_HZ, cache=cache)
    corpus = build_corpus(choose_pieces(folder, 4.0), RATE_HZ, CROSSFADE)
    mean, std = corpus.descriptors.mean(0), corpus.descriptors.std(0)
    content = to_npz(corpus, mean, std)
    arrays = np.load(io.BytesIO(content), allow_pickle=False)
    units = len(corpus.start_frames)
    assert {name: (str(arrays[name].dtype), arrays[name].shape) for name in arrays} == {
        "descriptors": ("float32", (units, 39)),
        "attributes": ("float32", (units, 3)),
        "mean": ("float32", (39,)),
        "std": ("float32", (39,)),
        "attribute_mean": ("float32", (3,)),
        "attribute_std": ("float32", (3,)),
        "start_frames": ("int64", (units,)),
        "file_index": ("int32", (units,)),
        "prime": ("float32", (min(PRIME_ROWS, np.bincount(corpus.file_index).max()), 39)),
        "weights": ("float32", (39,)),
        "f0_hz": ("float32", (units,)),
        "length_frames": ("int64", (units,)),
        "label_index": ("int16", (units,)),
        "unit_weight": ("float32", (units,)),
        "file_spans": ("int64", (len(corpus.spans), 3)),
        "labels": ("uint8", (8,)),
        "files": ("uint8", (arrays["files"].size,)),
    }
    assert bytes(arrays["labels"]).decode() == "hiss\nhum"
    assert bytes(arrays["files"]).decode().split("\n") == list(corpus.files)
    assert np.allclose(arrays["attribute_mean"], corpus.attributes.mean(0), rtol=1e-5)
    first = np.flatnonzero(corpus.file_index == np.bincount(corpus.file_index).argmax())[0]
    assert np.allclose(arrays["prime"][0], (corpus.descriptors[first] - mean) / std, atol=1e-5)
    assert np.array_equal(arrays["prime"], prime_of(corpus, mean, std))
    assert content == to_npz(corpus, mean, std)


def test_a_whole_file_of_the_least_length_is_one_unit():
    for samples, units in ((2047, 0), (2048, 1)):
        piece = Piece(clip("a/0", samples / RATE_HZ + 1e-6), 0, samples)
        assert len(piece.clip.audio) == samples
        if units:
            assert len(build_corpus([piece], RATE_HZ, CROSSFADE).start_frames) == units
        else:
            with pytest.raises(EmptyCorpusError):
                build_corpus([piece], RATE_HZ, CROSSFADE)


@pytest.mark.parametrize("seconds", [0.5, 10.0])
def test_more_classes_than_fit_give_fewer_classes_and_a_unit_of_each(seconds):
    pieces = choose_pieces(folder_of(*(clip(f"{index:02d}/a", 1.5) for index in range(60))), seconds)
    corpus = build_corpus(pieces, RATE_HZ, CROSSFADE)
    assert len(corpus.spans) == len(pieces) < 60
    assert corpus.seconds == pytest.approx(seconds, abs=0.001)


def rows_of(heading):
    page = (Path(__file__).parents[2] / "docs" / "patch-format.md").read_text(encoding="utf-8")
    table = page.split(f"## {heading}\n")[1].split("\n#")[0]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| `")]
    return {row[0]: row[1:] for row in rows}


def test_the_page_of_the_format_names_every_tensor_of_an_lstm():
    step = build_model(
        read_recipe().with_changes(selected_model="LSTM", hidden_size=7, num_layers=2, components=5), DEFAULT_SPEC
    ).step_form()
    sizes = {"L": 2, "H": 7, "K": 5}
    said = rows_of("The sequencer of a mosaic")
    shapes = step.input_shapes() | step.output_shapes()
    assert list(said) == list(shapes)
    assert {name: tuple(int(sizes.get(n, n)) for n in row[0].split(", ")) for name, row in said.items()} == shapes


def test_the_page_of_the_format_names_every_array():
    corpus = build_corpus([Piece(clip("a/0", 1), 0, RATE_HZ)], RATE_HZ, CROSSFADE)
    arrays = np.load(io.BytesIO(to_npz(corpus, corpus.descriptors.mean(0), corpus.descriptors.std(0))), allow_pickle=False)
    sizes = {"N": len(corpus.start_frames), "P": len(arrays["prime"]), "D": 39, "F": 1, "B": len(b"a"), "E": len(b"a/0")}
    said = rows_of("The corpus of a mosaic")
    assert {name: (row[0], tuple(int(sizes.get(n, n)) for n in row[1].split(", "))) for name, row in said.items()} == {
        name: (str(arrays[name].dtype), arrays[name].shape) for name in arrays
    }


def test_the_order_of_columns_is_that_of_the_patch_format():
    assert list(NAMES) == [f"{kind}{index}" for kind in ("mfcc", "delta", "delta_delta") for index in range(13)]
    assert ATTRIBUTES == ("loudness", "brightness", "noisiness")
    assert descriptor_weights(DEFAULT_SPEC).tolist() == [1.0] * 13 + [0.5] * 13 + [0.25] * 13
    assert descriptor_weights(DescriptorSpec.parse("f0,delta3,loudness")).tolist() == [1.0, 0.5, 1.0]


def test_other_descriptors_and_hops_make_other_units():
    spec = DescriptorSpec.parse("classic,loudness", hop_frames=512)
    sound = clip("a/0", 1)
    corpus = build_corpus([Piece(sound, 0, len(sound.audio))], RATE_HZ, CROSSFADE, spec)
    assert corpus.descriptors.shape[1] == 6
    assert (corpus.length_frames == 512).all()
    assert corpus.start_frames[0] == 512 - 256
    assert (np.diff(corpus.start_frames) == 512).all()


def test_labels_files_and_offsets_say_where_a_unit_is_from():
    clips = [clip("b/0", 4, seed=1), clip("a/1", 4, seed=2), clip("2", 4, seed=3)]
    corpus = build_corpus(choose_pieces(folder_of(*clips), 6.0), RATE_HZ, CROSSFADE)
    assert (corpus.labels, corpus.files) == (("a", "b"), ("2", "a/1", "b/0"))
    assert [corpus.label_index[corpus.file_index == file][0] for file in range(3)] == [-1, 0, 1]
    by_name = {piece.path.as_posix(): piece for piece in clips}
    for (first, last), offset, name in zip(corpus.spans, corpus.offsets, corpus.files, strict=True):
        assert np.array_equal(corpus.audio[first:last], quantise(by_name[name].audio[offset : offset + last - first]))
