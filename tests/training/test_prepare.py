import argparse
import csv
import dataclasses
import hashlib
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.tiny_codec import HOP_FRAMES, RATE_HZ, TinyCodec, open_struck, open_tiny
from training import data_errors, errors
from training.clip_blends import LEAST_WEIGHT, MOST_WEIGHT
from training.prepare import add_prepare_parser, prepare_dataset
from training.tokens_dataset import read_dataset

ROOT = Path(__file__).parents[2]
HOSTILE = ROOT / "tests" / "data" / "hostile" / "audio"
DAC = ROOT / "tests" / "data" / "dac_reference"
SECONDS = 0.6


def sound(path, hz=200.0, seconds=SECONDS, noise=0.0, rate_hz=RATE_HZ, channels=1):
    """Write a tone with noise over it; every frequency makes other bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = round(seconds * rate_hz)
    audio = 0.3 * np.sin(2.0 * np.pi * hz * np.arange(frames) / rate_hz)
    audio += noise * np.random.Generator(np.random.PCG64(round(hz))).standard_normal(frames)
    soundfile.write(path, np.repeat(audio[:, None], channels, axis=1), rate_hz)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes of five clips with a parameter each and one that both have."""
    rows = [["file", "class", "pitch", "hiss", "level"]]
    for number in range(5):
        sound(tmp_path / "sounds" / "hum" / f"hum_{number}.wav", 200.0 + 100.0 * number)
        rows.append([f"hum/hum_{number}.wav", "hum", 200.0 + 100.0 * number, "", number / 4.0])
        sound(tmp_path / "sounds" / "noise" / f"noise_{number}.wav", 3000.0 + number, noise=0.05 * (number + 1))
        rows.append([f"noise/noise_{number}.wav", "noise", "", -number, 0.5])
    with (tmp_path / "sounds" / "parameters.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "sounds"


@pytest.fixture
def prepare(tmp_path):
    """Prepare with the tiny codec; what was said is in `prepare.lines`, the codecs that were opened in `prepare.codecs`."""

    def opener(where):
        prepare.codecs.append(open_tiny(where))
        return prepare.codecs[-1]

    def prepare(audio, out="data", **options):
        prepare.lines, prepare.codecs = [], []
        given = {"opener": opener, "cache": tmp_path / "cache", "say": prepare.lines.append} | options
        return prepare_dataset(audio, tmp_path / out, **given)

    return prepare


def by_path(dataset):
    return {clip.path: clip for clip in dataset.clips}


def of_files(dataset):
    return [clip for clip in dataset.clips if not clip.path.startswith("blend")]


def sheet(folder, text):
    (folder / "parameters.csv").write_text(text)


# --- what comes out ---


def test_a_folder_becomes_a_dataset(folder, prepare, tmp_path):
    sheet(folder, (folder / "parameters.csv").read_text().replace("hiss", "hiss[-4..0]", 1))
    returned = prepare(folder)
    dataset = read_dataset(tmp_path / "data")
    assert returned.key == dataset.key
    assert dataset.classes == ("hum", "noise")
    assert [(row.name, row.min, row.max) for row in dataset.parameters] == [
        ("pitch", 200.0, 600.0),
        ("hiss", -4.0, 0.0),
        ("level", 0.0, 1.0),
    ]
    assert (dataset.codec.kind, dataset.codec.identity, dataset.codec.codebooks) == ("spectral", "7" * 64, 3)
    assert (dataset.codec.sample_rate_hz, dataset.codec.hop_frames, dataset.codec.codebook_size) == (RATE_HZ, HOP_FRAMES, 32)
    assert dataset.licence == "user-supplied"
    clip = by_path(dataset)["hum/hum_1.wav"]
    np.testing.assert_allclose(clip.weights, [1.0, 0.0])
    np.testing.assert_allclose(clip.values, [0.25, np.nan, 0.25])
    audio, _ = soundfile.read(folder / "hum" / "hum_1.wav", dtype="float32")
    np.testing.assert_array_equal(clip.codes, TinyCodec().encode(audio))
    np.testing.assert_allclose(by_path(dataset)["noise/noise_3.wav"].values, [np.nan, 0.25, 0.5])


def test_other_rates_and_channels_are_brought_to_the_codec(tmp_path, prepare):
    for number in range(2):
        sound(tmp_path / "s" / "a" / f"{number}.wav", 400.0 + number, rate_hz=24_000, channels=2)
        sound(tmp_path / "t" / "a" / f"{number}.wav", 400.0 + number)
    stereo, mono = (of_files(prepare(tmp_path / name, name + "_data")) for name in "st")
    for one, other in zip(stereo, mono, strict=True):
        assert one.codes.shape == other.codes.shape == (3, 75)
        # The band of the tone, whose level lies between two codes; the others hold what 16 bits leave over.
        assert np.max(np.abs(one.codes - other.codes)[0, 2:-2]) <= 1


def test_every_class_is_parted_by_file_and_by_the_seed(folder, prepare):
    sides = [
        {clip.path: clip.split for clip in of_files(prepare(folder, f"d{number}", seed=seed))} for number, seed in enumerate((0, 0, 1, 2))
    ]
    assert sides[0] == sides[1]
    assert sides[0] != sides[2] or sides[0] != sides[3]
    for side in sides:
        held_out = [path for path, split in side.items() if split == "held_out"]
        assert sorted(path.split("/")[0] for path in held_out) == ["hum", "noise"]
    more = prepare(folder, "more", held_out_share=0.4)
    assert len(more.of("held_out")) == 4


def test_the_same_call_is_the_same_data_and_encodes_nothing_again(folder, prepare):
    first = prepare(folder, "one")
    assert prepare.codecs[0].encoded == 12  # ten clips, two blends
    second = prepare(folder, "two")
    assert prepare.codecs[0].encoded == 0
    assert first.key == second.key
    assert prepare(folder, "three", seed=1).key != first.key
    # Another codec's codes are not taken for this one's.
    prepare(folder, "four", codec="8" * 64)
    assert prepare.codecs[0].encoded == 12


def test_a_damaged_cache_is_made_again(folder, prepare, tmp_path):
    first = prepare(folder, "one")
    for entry in (tmp_path / "cache").rglob("*.npy"):
        content = bytearray(entry.read_bytes())
        content[200] ^= 255
        entry.write_bytes(content)
    assert prepare(folder, "two").key == first.key
    assert prepare.codecs[0].encoded == 12


def test_workers_change_nothing(folder, prepare, tmp_path):
    alone = prepare(folder, "one")
    together = prepare(folder, "two", workers=2, opener=open_tiny, cache=tmp_path / "other")
    assert together.key == alone.key


def test_ctrl_c_is_not_for_the_workers(folder, prepare, tmp_path):
    struck = prepare(folder, "one", workers=2, opener=open_struck, cache=tmp_path / "other")
    assert struck.key == prepare(folder, "two").key


def test_our_textures_keep_their_licence_and_ranges(folder, prepare):
    # As `python -m training textures` writes it, with another range for one parameter.
    (folder / "textures.json").write_text(json.dumps({"classes": {"hum": {"parameters": {"pitch": {"min": 0, "max": 1000}}}}}))
    dataset = prepare(folder)
    assert (dataset.parameters[0].min, dataset.parameters[0].max) == (0.0, 1000.0)
    np.testing.assert_allclose(by_path(dataset)["hum/hum_1.wav"].values[0], 0.3)
    assert dataset.licence == "user-supplied"
    files = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.wav")}
    (folder / "textures.json").write_text(json.dumps({"licence": "CC0-1.0", "files": files}))
    assert prepare(folder, "free").licence == "CC0-1.0"


def test_what_is_said(folder, prepare):
    prepare(folder)
    said = "\n".join(prepare.lines)
    assert "hum: 4 + 1 clips, 3 s, codebooks used" in said
    assert "parameters: pitch 200..600, hiss -3..0, level 0..1" in said
    assert "8 clips to learn from, 2 blends, 2 held out" in said


# --- where classes and parameters come from ---


def test_classes_from_sub_folders(tmp_path, prepare):
    for path in ("a/x/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"):
        sound(tmp_path / "s" / path, 300.0 + sum(path.encode()))
    dataset = prepare(tmp_path / "s")
    assert dataset.classes == ("a", "b")
    assert dataset.parameters == ()
    assert by_path(dataset)["a/x/1.wav"].weights.tolist() == [1.0, 0.0]


def test_classes_and_parameters_from_names(tmp_path, prepare):
    for number in range(3):
        sound(tmp_path / "s" / f"Wind--Gust-0{number}.50--c-0{number}.wav", 300.0 + number)
        sound(tmp_path / "s" / f"Bees--Swarm-0.{number}0--Gust-00.50--x-88.wav", 500.0 + number)
    dataset = prepare(tmp_path / "s")
    assert dataset.classes == ("Bees", "Wind")
    assert [(row.name, row.min, row.max) for row in dataset.parameters] == [("Swarm", 0.0, 1.0), ("Gust", 0.5, 2.5)]
    np.testing.assert_allclose(by_path(dataset)["Wind--Gust-01.50--c-01.wav"].values, [np.nan, 0.5])


def test_a_folder_without_any_word_is_one_class(tmp_path, prepare):
    for number in range(3):
        sound(tmp_path / "gong" / f"{number}.wav", 300.0 + number)
    dataset = prepare(tmp_path / "gong")
    assert dataset.classes == ("gong",)
    assert len(dataset.clips) == 3  # one class: no blends by default


def test_the_sheets_class_goes_before_the_folders(folder, prepare, tmp_path):
    other = tmp_path / "other.tsv"
    rows = [f"{'hum' if n < 5 else 'noise'}/{'hum' if n < 5 else 'noise'}_{n % 5}.wav\t{'xy'[n % 2]}\t{n}" for n in range(10)]
    other.write_text("\n".join(["file\tclass\tp", *rows]))
    dataset = prepare(folder, sheet=other)
    assert dataset.classes == ("x", "y")
    assert [row.name for row in dataset.parameters] == ["p"]


def test_what_the_sheet_leaves_out_is_skipped_and_said(folder, prepare):
    sound(folder / "rain" / "1.wav", 900.0)
    dataset = prepare(folder)
    assert dataset.classes == ("hum", "noise")
    assert any("rain/1.wav: not in the sheet" in line for line in prepare.lines)


def test_a_column_nobody_fills_is_no_parameter(folder, prepare):
    text = (folder / "parameters.csv").read_text().splitlines()
    sheet(folder, "\n".join([text[0] + ",empty", *(line + "," for line in text[1:])]))
    assert [row.name for row in prepare(folder).parameters] == ["pitch", "hiss", "level"]


# --- blends ---


def test_blends_hold_both(folder, prepare):
    dataset = prepare(folder, blends=2.0)
    files = by_path(dataset)
    blends = [clip for clip in dataset.clips if clip.path.startswith("blend")]
    assert len(blends) == 16
    for blend in blends:
        first, second = (files[name] for name in blend.path.split(": ")[1].split(" + "))
        share = float(blend.weights[0])
        assert (first.split, second.split, blend.split) == ("training", "training", "training")
        assert LEAST_WEIGHT <= share <= MOST_WEIGHT
        assert math.isclose(float(blend.weights.sum()), 1.0, abs_tol=1e-6)
        hum, noise = (first, second) if first.weights[0] == 1.0 else (second, first)
        np.testing.assert_allclose(blend.values[:2], [hum.values[0], noise.values[1]])
        np.testing.assert_allclose(blend.values[2], share * hum.values[2] + (1.0 - share) * noise.values[2], atol=1e-5)
        sounds = [soundfile.read(folder / clip.path, dtype="float32")[0] for clip in (hum, noise)]
        mixed = sounds[0] * np.sqrt(np.float32(share)) + sounds[1] * np.sqrt(np.float32(1.0 - share))
        assert np.mean(blend.codes != TinyCodec().encode(mixed)) < 0.01
    assert len({blend.sha256 for blend in blends}) == 16


def test_no_blends(folder, prepare, tmp_path):
    assert len(prepare(folder, blends=0.0).clips) == 10
    for number in range(2):
        sound(tmp_path / "one" / f"{number}.wav", 300.0 + number)
    with pytest.raises(errors.OptionError, match=r"--blends: .*two classes"):
        prepare(tmp_path / "one", "two", blends=1.0)


# --- held-out folder ---


def test_a_folder_to_judge_by(folder, prepare, tmp_path):
    sound(tmp_path / "judge" / "hum" / "new.wav", 555.0)
    dataset = prepare(folder, held_out=tmp_path / "judge")
    assert [clip.path for clip in dataset.of("held_out")] == ["hum/new.wav"]
    assert len([clip for clip in of_files(dataset) if clip.split == "training"]) == 10
    said = "\n".join(prepare.lines)
    assert "no sound to judge noise by" in said
    assert "no parameter is said" in said


def test_a_class_of_one_clip_is_refused_unless_others_judge(folder, prepare, tmp_path):
    (folder / "parameters.csv").unlink()
    sound(folder / "gong" / "only.wav", 900.0)
    shutil.copy(folder / "gong" / "only.wav", folder / "gong" / "copy.wav")
    with pytest.raises(data_errors.SingleClipError, match=r"single clip.*got gong \(gong/copy\.wav\).*--held-out"):
        prepare(folder)
    assert not (tmp_path / "data").exists()
    sound(tmp_path / "judge" / "gong" / "new.wav", 555.0)
    assert "gong" in prepare(folder, held_out=tmp_path / "judge").classes


def test_who_judges_must_know_the_class_and_not_the_sound(folder, prepare, tmp_path):
    sound(tmp_path / "judge" / "bell" / "new.wav", 555.0)
    with pytest.raises(data_errors.HeldOutError, match=r"bell/new\.wav.*got bell; allowed: hum, noise"):
        prepare(folder, held_out=tmp_path / "judge")
    with pytest.raises(data_errors.HeldOutError, match=r"learned from as well"):
        prepare(folder, held_out=folder)


def test_a_held_out_value_beyond_what_is_declared_is_refused(folder, prepare, tmp_path):
    (folder / "textures.json").write_text(json.dumps({"classes": {"hum": {"parameters": {"pitch": {"min": 0, "max": 1000}}}}}))
    sound(tmp_path / "judge" / "hum" / "new.wav", 555.0)
    (tmp_path / "judge" / "parameters.csv").write_text("file,class,pitch\nhum/new.wav,hum,1001\n")
    with pytest.raises(
        data_errors.ParameterRangeError, match=r"judge/parameters\.csv, line 2: 'pitch' is out of range; got 1001; allowed: 0 to 1000"
    ):
        prepare(folder, held_out=tmp_path / "judge")


def test_held_out_sounds_do_not_widen_what_is_learned_from(folder, prepare, tmp_path):
    # By chance the lowest hiss is held out.
    dataset = prepare(folder)
    hiss = dataset.parameters[1]
    assert (hiss.name, hiss.min, hiss.max) == ("hiss", -3.0, 0.0)
    (clip,) = [clip for clip in dataset.of("held_out") if clip.path.startswith("noise")]
    assert clip.path == "noise/noise_4.wav"
    assert clip.values[1] == 0.0
    (line,) = [line for line in prepare.lines if "held-out clip(s)" in line]
    assert "1 held-out clip(s) with a hiss beyond -3..0" in line
    assert "parameters.csv, line 11 has -4" in line
    # A range that the sheet declares holds for all, and nothing is set to its end.
    sheet(folder, (folder / "parameters.csv").read_text().replace("hiss", "hiss[-8..0]", 1))
    declared = prepare(folder, "declared")
    assert declared.parameters[1].min == -8.0
    assert by_path(declared)["noise/noise_4.wav"].values[1] == 0.5
    assert not [line for line in prepare.lines if "held-out clip(s)" in line]
    # Sounds of another folder were chosen, not drawn: what nothing was learned of is a mistake in them.
    sound(tmp_path / "judge" / "noise" / "new.wav", 555.0)
    (tmp_path / "judge" / "parameters.csv").write_text("file,class,hiss\nnoise/new.wav,noise,-9\n")
    with pytest.raises(data_errors.ParameterRangeError, match=r"judge/parameters\.csv, line 2: 'hiss' .*got -9; allowed: -8 to 0.*header"):
        prepare(folder, "judged", held_out=tmp_path / "judge")


def test_a_class_of_one_clip_is_named_by_its_row(folder, prepare):
    sound(folder / "gong" / "only.wav", 900.0)
    sheet(folder, (folder / "parameters.csv").read_text() + "gong/only.wav,gong,,,\n")
    with pytest.raises(data_errors.SingleClipError, match=r"parameters\.csv, line 12: a class has a single clip.*got gong \(gong/only"):
        prepare(folder)


# --- what a patch can be ---


def test_classes_are_those_asked_for_in_that_order(folder, prepare, tmp_path):
    dataset = prepare(folder, classes=("noise", "hum"))
    assert dataset.classes == ("noise", "hum")
    assert by_path(dataset)["hum/hum_1.wav"].weights.tolist() == [0.0, 1.0]
    with pytest.raises(data_errors.UnknownClassError, match=r"parameters\.csv, line 3: .*got 'noise'; allowed: hum, wind \(--classes\)"):
        prepare(folder, "a", classes=("hum", "wind"))
    assert prepare.codecs == []
    with pytest.raises(errors.OptionError, match=r"--classes: .*without a sound.*got 'wind'; allowed: hum, noise"):
        prepare(folder, "b", classes=("hum", "noise", "wind"))
    sound(tmp_path / "judge" / "bell" / "new.wav", 555.0)
    with pytest.raises(data_errors.UnknownClassError, match=r"bell/new\.wav: an unknown class"):
        prepare(folder, "c", classes=("hum", "noise"), held_out=tmp_path / "judge")
    (folder / "parameters.csv").unlink()
    with pytest.raises(data_errors.UnknownClassError, match=r"noise/noise_0\.wav: an unknown class"):
        prepare(folder, "d", classes=("hum",))


def named(folder, classes, parameters):
    """Write a sheet that says two files of each class, and every parameter of the first."""
    lines = [",".join(["file", "class", *(f"p{number}[0..1]" for number in range(parameters))])]
    for number in range(classes):
        (folder / f"{number}.wav").touch()
        lines.append(",".join([f"{number}.wav", f"c{number}", *("0" * parameters)]))
    sheet(folder, "\n".join(lines))


@pytest.mark.parametrize(
    ("classes", "parameters", "said"),
    [
        (49, 0, r"more classes than.*got 49; allowed: 48"),
        (1, 49, r"more parameters than.*got 49; allowed: 48"),
        (30, 31, r"got 30 and 31; allowed: 60 together"),
    ],
)
def test_more_than_a_patch_can_have_is_refused_before_anything_is_encoded(tmp_path, prepare, classes, parameters, said):
    (tmp_path / "s").mkdir()
    named(tmp_path / "s", classes, parameters)
    with pytest.raises(data_errors.PatchLimitError, match=said):
        prepare(tmp_path / "s")
    assert prepare.codecs == []


def test_as_much_as_a_patch_can_have_is_not_refused(tmp_path, prepare):
    (tmp_path / "s").mkdir()
    named(tmp_path / "s", 30, 30)
    with pytest.raises(errors.NoUsableAudioError):  # the files are empty
        prepare(tmp_path / "s")


def test_names_and_numbers_that_no_control_can_have_are_refused(tmp_path, prepare):
    sound(tmp_path / "s" / f"Wind--{'g' * 49}-00.50.wav", 300.0)
    with pytest.raises(data_errors.PatchLimitError, match=r"Wind--g+-00\.50\.wav: a parameter has too long a name; got 49.*1 to 48"):
        prepare(tmp_path / "s")
    sound(tmp_path / "t" / ("w" * 49) / "1.wav", 300.0)
    with pytest.raises(data_errors.ClassNameError, match=r"1 to 48 printable"):
        prepare(tmp_path / "t")
    sound(tmp_path / "u" / "1.wav", 300.0)
    sheet(tmp_path / "u", "file,class,p\n1.wav,a,2e9\n")
    with pytest.raises(data_errors.PatchLimitError, match=r"line 2: 'p' has a number .*got 2e\+09; allowed: -1e\+09 to 1e\+09"):
        prepare(tmp_path / "u")


# --- bad input ---


def test_hostile_sounds_are_skipped_by_name(folder, prepare):
    (folder / "parameters.csv").unlink()
    shutil.copytree(HOSTILE, folder / "hum" / "hostile", ignore=shutil.ignore_patterns("mixed"))
    os.mkfifo(folder / "hum" / "pipe.wav")
    (folder / "link").symlink_to(HOSTILE)
    sound(folder / "hum" / "short.wav", 700.0, seconds=63 * HOP_FRAMES / RATE_HZ)
    sound(folder / "hum" / "just.wav", 701.0, seconds=64 * HOP_FRAMES / RATE_HZ)
    dataset = prepare(folder)
    skipped = [line for line in prepare.lines if line.startswith("skipped")]
    assert "hum/just.wav" in by_path(dataset)
    for name in ("nan.wav", "silent.wav", "truncated.wav", "six_channels.wav", "pipe.wav", "link"):
        assert any(name in line for line in skipped), name
    assert any("short.wav: too few steps of the codec; got 63; allowed: 64 and up" in line for line in skipped)
    assert len(of_files(dataset)) == 11
    assert "hum/short.wav" in by_path(prepare(folder, "shorter", shortest=63))


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        (
            ["file,class,p", "hum/hum_0.wav,hum,0", "hum/gone.wav,hum,1"],
            data_errors.SheetFileError,
            r"parameters\.csv, line 3: .*gone\.wav",
        ),
        (["file,class,p", "hum/hum_0.wav,,0"], data_errors.SheetClassError, r"parameters\.csv, line 2"),
        (["file,class,p", "hum/hum_0.wav,hum,inf"], data_errors.SheetNumberError, r"line 2: column 'p'.*'inf'"),
        (["file,class,p", "hum/hum_0.wav,hum,1", "hum/hum_0.wav,hum,1"], data_errors.SheetRowError, r"line 3"),
        (
            ["file,class,p", "hum/hum_0.wav,hum,5", "hum/hum_1.wav,hum,5"],
            data_errors.ParameterRangeError,
            r"line 2: 'p' is the same.*got 5",
        ),
    ],
)
def test_a_bad_sheet_leaves_nothing(folder, prepare, tmp_path, lines, error, said):
    sheet(folder, "\n".join(lines))
    with pytest.raises(error, match=said) as caught:
        prepare(folder)
    assert caught.value.exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == ["sounds"]


def test_a_value_beyond_its_declared_range_is_refused_before_a_codec_is_opened(folder, prepare):
    (folder / "textures.json").write_text(json.dumps({"classes": {"hum": {"parameters": {"pitch": {"min": 0, "max": 500}}}}}))
    with pytest.raises(
        data_errors.ParameterRangeError, match=r"parameters\.csv, line 10: column 'pitch' is out of range; got 600; allowed: 0 to 500"
    ):
        prepare(folder)
    assert prepare.codecs == []


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, "[]", "5", '{"classes": 5}', '{"classes": {"hum": {"parameters": {"p": {"min": 1, "max": 0}}}}}', "\udcff"]
)
def test_a_damaged_description_is_refused(folder, prepare, text):
    (folder / "textures.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(errors.SheetError, match=r"textures\.json"):
        prepare(folder)


def test_a_class_with_no_name_to_show_is_refused(tmp_path, prepare):
    sound(tmp_path / "s" / "wi\x1b[31mnd" / "1.wav")
    with pytest.raises(data_errors.ClassNameError, match="printable"):
        prepare(tmp_path / "s")


def test_nothing_left(tmp_path, prepare):
    with pytest.raises(errors.MissingFolderError):
        prepare(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.EmptyFolderError, match=r"\.dac"):
        prepare(tmp_path / "empty")
    sound(tmp_path / "s" / "1.wav", seconds=0.1)
    with pytest.raises(errors.NoUsableAudioError, match=r"too few steps of the codec; got 13"):
        prepare(tmp_path / "s")


def test_an_output_that_is_there_is_left_alone(folder, prepare, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("x")
    with pytest.raises(errors.OutputExistsError):
        prepare(folder)
    assert prepare.codecs == []
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"blends": -0.1}, "--blends"),
        ({"blends": math.nan}, "--blends"),
        ({"blends": 11.0}, "--blends"),
        ({"held_out_share": 0.0}, "--held-out-share"),
        ({"held_out_share": math.nan}, "--held-out-share"),
        ({"workers": 0}, "--workers"),
        ({"shortest": 0}, "--shortest"),
        ({"seed": -1}, "--seed"),
        ({"codebooks": 0}, "--codebooks"),
        ({"codebooks": 2}, "--codebooks: the decoder of a spectral codec"),
        ({"codebooks": 4}, "--codebooks: the codec has fewer.*allowed: 1 to 3"),
        ({"classes": ()}, "--classes"),
        ({"classes": ("hum", "hum")}, "--classes"),
    ],
)
def test_options_out_of_range(folder, prepare, options, said):
    with pytest.raises((errors.OptionError, data_errors.CodebooksError), match=said):
        prepare(folder, **options)


# --- codebooks and files of tokens ---


@pytest.fixture(scope="module")
def tiny_dac():
    from training.codecs.dac import DacCodec
    from training.codecs.dac_weights import build_dac, read_dac_weights

    config, weights = read_dac_weights(DAC / "weights_tiny.pth")
    return DacCodec(build_dac(config, weights, DAC), "d" * 64, "MIT")


def dac_folder(tmp_path, *names):
    folder = tmp_path / "dac"
    folder.mkdir()
    for number, name in enumerate(names):
        shutil.copy(DAC / name, folder / f"Wind--Gust-00.{number}0.dac")
    return folder


def test_an_unchunked_file_is_its_codes(tmp_path, prepare, tiny_dac):
    from training.codecs.dac_file import read_dac, write_dac

    folder = dac_folder(tmp_path, "unchunked.dac")
    file = read_dac(DAC / "unchunked.dac")
    fewer = file.codes[:, :-1].copy()
    fewer[0, 0, 0] ^= 1
    write_dac(folder / "Wind--Gust-00.50.dac", dataclasses.replace(file, codes=fewer))
    dataset = prepare(folder, opener=lambda where: tiny_dac, shortest=1)
    books = file.codes.shape[1] - 1
    assert dataset.codec.kind == "dac"
    assert dataset.codec.codebooks == books
    np.testing.assert_array_equal(by_path(dataset)["Wind--Gust-00.00.dac"].codes, file.codes[0, :books])
    np.testing.assert_array_equal(by_path(dataset)["Wind--Gust-00.50.dac"].codes, fewer[0])
    assert any("codebooks are kept" in line for line in prepare.lines)


def test_fewer_codebooks_where_the_decoder_can_do_with_them(tmp_path, prepare, tiny_dac):
    for number in range(2):
        sound(tmp_path / "s" / f"{number}.wav", 300.0 + number, rate_hz=tiny_dac.sample_rate_hz)
    whole = prepare(tmp_path / "s", "whole", opener=lambda where: tiny_dac, shortest=1)
    dataset = prepare(tmp_path / "s", "two", opener=lambda where: tiny_dac, shortest=1, codebooks=2)
    assert dataset.codec.codebooks == 2 < whole.codec.codebooks == tiny_dac.codebooks
    for one, other in zip(whole.clips, dataset.clips, strict=True):
        np.testing.assert_array_equal(one.codes[:2], other.codes)
    assert any(f"2 of the codec's {tiny_dac.codebooks} codebooks are kept: as asked for" in line for line in prepare.lines)
    assert dataset.key != whole.key

    class Wide(TinyCodec):
        kind, codebooks = "dac", 32

    with pytest.raises(data_errors.CodebooksError, match=r"got 32; allowed: 16\. .*--codebooks 16"):
        prepare(tmp_path / "s", "wide", opener=lambda where: Wide())


def test_a_chunked_file_is_decoded_and_encoded_again(tmp_path, prepare, tiny_dac):
    from training.codecs.dac_file import decode_dac, read_dac

    folder = dac_folder(tmp_path, "unchunked.dac", "chunked.dac")
    chunked = read_dac(DAC / "chunked.dac")
    dataset = prepare(folder, opener=lambda where: tiny_dac, shortest=1)
    codes = by_path(dataset)["Wind--Gust-00.10.dac"].codes
    seconds = chunked.original_length / chunked.sample_rate
    assert codes.shape[1] == math.ceil(seconds * tiny_dac.sample_rate_hz / tiny_dac.hop_frames) != chunked.codes.shape[2]
    expected = tiny_dac.encode(decode_dac(tiny_dac, chunked))
    np.testing.assert_array_equal(codes, expected[: len(codes)])


def test_files_of_tokens_need_their_codec(tmp_path, prepare, tiny_dac):
    folder = dac_folder(tmp_path, "unchunked.dac")
    with pytest.raises(data_errors.TokenFileError, match=r"Gust-00\.00\.dac: its codes are DAC's; got a codec of kind 'spectral'"):
        prepare(folder)

    class Patch(TinyCodec):
        kind = "dac"
        sample_rate_hz, hop_frames = tiny_dac.sample_rate_hz, tiny_dac.hop_frames
        codebooks, codebook_size = 2, 1024

    with pytest.raises(data_errors.TokenFileError, match=r"not made with this codec; got \d codebooks"):
        prepare(folder, opener=lambda where: Patch())
    Patch.codebooks, Patch.hop_frames = 9, 2 * tiny_dac.hop_frames
    with pytest.raises(data_errors.TokenFileError, match=r"not made with this codec; got \d+ steps"):
        prepare(folder, opener=lambda where: Patch())
    shutil.copy(DAC / "chunked.dac", folder / "Wind--Gust-00.00.dac")
    with pytest.raises(data_errors.TokenFileError, match=r"in separate windows need the whole codec"):
        prepare(folder, opener=lambda where: Patch())


class Harmful:
    def __reduce__(self):
        return (os.system, ("echo harm",))


def test_a_foreign_object_is_refused_with_its_file(tmp_path, prepare, tiny_dac, capfd):
    from training.codecs.dac_errors import DacFileError

    folder = dac_folder(tmp_path, "unchunked.dac")
    with (folder / "Wind--Gust-00.50.dac").open("wb") as file:
        np.save(file, np.array({"codes": Harmful(), "metadata": {}}, object), allow_pickle=True)
    with pytest.raises(DacFileError, match=r"Wind--Gust-00\.50\.dac"):
        prepare(folder, opener=lambda where: tiny_dac)
    assert "harm" not in capfd.readouterr().out
    (folder / "Wind--Gust-00.50.dac").write_bytes(pickle.dumps([1]))
    with pytest.raises(DacFileError, match=r"Wind--Gust-00\.50\.dac"):
        prepare(folder, opener=lambda where: tiny_dac)


# --- the command ---


def test_the_command(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("training.codecs.codec.open_codec", open_tiny)
    parser = argparse.ArgumentParser()
    lines = []
    add_prepare_parser(parser.add_subparsers(), lines.append)
    arguments = [
        "prepare",
        "--audio",
        str(folder),
        "--out",
        str(tmp_path / "data"),
        "--blends",
        "1",
        "--held-out-share",
        "0.2",
        "--seed",
        "3",
    ]
    options = parser.parse_args(arguments)
    assert options.run(options) == 0
    dataset = read_dataset(tmp_path / "data")
    assert (len(dataset.clips), dataset.seed, dataset.audio_folder) == (18, 3, str(folder))
    assert lines
    assert list((tmp_path / "xdg" / "starling" / "audio").rglob("*_codes*.npy"))


def test_torch_waits_until_a_codec_needs_it():
    program = "import sys, training.prepare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
