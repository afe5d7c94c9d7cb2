import argparse

import numpy as np
import pytest
import soundfile

from training.corpus_command import add_corpus_parser
from training.corpus_cut import make_segmentation
from training.corpus_onsets import OnsetFinder, cut_lengths
from training.corpus_sources import check_weights, find_sounds, parse_sources, parse_weights
from training.errors import EmptyFolderError, MissingFolderError, OptionError, StudioError


def noise(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(5000), 44_100)


@pytest.fixture
def folder(tmp_path):
    noise(tmp_path / "a" / "x" / "1.wav", 1)
    noise(tmp_path / "a" / "2.wav", 2)
    noise(tmp_path / "b" / "y" / "z" / "1.wav", 3)
    noise(tmp_path / "b" / ".hidden" / "4.wav", 4)
    return tmp_path


def test_sub_folders_are_labels_and_a_plain_folder_its_own(folder):
    found = find_sounds(parse_sources([str(folder / "a"), str(folder / "b")])).found
    assert [(sound.name, sound.label, sound.source) for sound in found] == [
        ("a/2.wav", "a", "a"),
        ("a/x/1.wav", "x", "a"),
        ("b/y/z/1.wav", "y", "b"),
    ]


def test_a_label_may_be_given_with_a_folder_even_if_its_name_has_an_equals_sign(folder):
    (folder / "b").rename(folder / "p=q")
    found = find_sounds(parse_sources([f"noise={folder / 'a'}", str(folder / "p=q")])).found
    assert [sound.label for sound in found] == ["noise", "noise", "y"]


@pytest.mark.parametrize(
    ("texts", "kind", "said"),
    [
        ([], OptionError, "no folder of sounds"),
        (["{}/a", "{}/a"], OptionError, "the same sounds twice"),
        (["{}/a", "{}/a/x"], OptionError, "the same sounds twice"),
        (["{}/a/x", "{}/a"], OptionError, "the same sounds twice"),
        (["{}/none"], MissingFolderError, "none"),
        (["x\ty={}/a"], OptionError, "cannot be a label"),
        (["={}/a"], OptionError, "cannot be a label"),
    ],
)
def test_folders_that_cannot_be(folder, texts, kind, said):
    with pytest.raises(kind, match=said):
        parse_sources([text.format(folder) for text in texts])


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("")
    with pytest.raises(EmptyFolderError):
        find_sounds(parse_sources([str(tmp_path)]))


def test_weights(folder):
    assert parse_weights(["rain=0.5", "a=b=2"]) == {"rain": 0.5, "a=b": 2.0}
    for text in ("rain", "rain=", "=1", "rain=0", "rain=nan", "rain=1000", "rain=-1"):
        with pytest.raises(OptionError, match="not a weight"):
            parse_weights([text])
    with pytest.raises(OptionError, match="two weights"):
        parse_weights(["a=1", "a=2"])
    found = find_sounds(parse_sources([str(folder / "a")])).found
    check_weights({"x": 1.0, "a": 2.0}, found)
    with pytest.raises(OptionError, match=r"got 'rian'.*allowed: a, x\. A label is a sub-folder"):
        check_weights({"rian": 1.0}, found)


def test_lengths_of_units_are_checked():
    from patches.descriptors import DEFAULT_SPEC

    cut = make_segmentation("onset", DEFAULT_SPEC, None, None)
    assert (cut.shortest_frames, cut.longest_frames) == (2205, 88_200)
    assert make_segmentation("onset", DEFAULT_SPEC, 3.0, None).longest_frames == 3 * 44_100
    for kind, shortest, longest in (
        ("bar", None, None),
        ("hop", 0.1, None),
        ("onset", 0.001, None),
        ("onset", 1.0, 0.5),
        ("onset", None, 1e9),
    ):
        with pytest.raises(OptionError):
            make_segmentation(kind, DEFAULT_SPEC, shortest, longest)


@pytest.mark.parametrize(
    ("onsets", "frames", "units"),
    [
        ([], 250, [(0, 250)]),
        ([100, 150, 400], 1000, [(0, 100), (100, 300), (400, 300), (700, 300)]),
        ([50], 300, [(0, 300)]),
        ([0, 120], 199, [(0, 199)]),
        ([], 99, []),
        ([], 1000, [(0, 250), (250, 250), (500, 250), (750, 250)]),
    ],
)
def test_cuts_cover_the_sound_and_keep_to_the_lengths(onsets, frames, units):
    assert cut_lengths(np.array(onsets, np.int64), frames, 100, 300) == units


def test_onsets_do_not_depend_on_the_pieces_a_sound_comes_in():
    random = np.random.default_rng(0)
    sound = 1e-3 * random.standard_normal(120_000).astype(np.float32)
    for place in (20_000, 50_000, 90_000):
        sound[place : place + 3000] += random.standard_normal(3000).astype(np.float32) * np.linspace(0.5, 0, 3000, dtype=np.float32)
    found = []
    for size in (120_000, 1000, 7):
        finder = OnsetFinder(44_100)
        for start in range(0, len(sound), size):
            finder.push(sound[start : start + size])
        found.append(finder.find().tolist())
    assert found[0] == found[1] == found[2]
    for place in (20_000, 50_000, 90_000):
        assert any(0 <= place - onset < 1200 for onset in found[0])
    silent = OnsetFinder(44_100)
    silent.push(np.zeros(50_000, np.float32))
    assert len(silent.find()) == 0


def run(tmp_path, *words):
    parser = argparse.ArgumentParser()
    said = []
    add_corpus_parser(parser.add_subparsers(), said.append)
    options = parser.parse_args(["corpus", *map(str, words)])
    return options.run(options), said


def test_the_command_makes_a_corpus(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, said = run(tmp_path, "--audio", folder / "a", folder / "b", "--out", tmp_path / "c", "--weight", "x=2", "--workers", "1")
    assert code == 0
    assert said[-1].startswith(f"{tmp_path / 'c'}: ")
    assert (tmp_path / "c" / "corpus.json").is_file()
    assert not [line for line in said if line.startswith("progress")]


def test_progress_is_told_sound_by_sound(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, said = run(tmp_path, "--audio", folder / "a", folder / "b", "--out", tmp_path / "c", "--workers", "1", "--progress")
    assert code == 0
    told = [line for line in said if line.startswith("progress")]
    assert told == [f"progress {done} of {len(told)}" for done in range(1, len(told) + 1)]
    assert len(told) > 1


@pytest.mark.parametrize(
    "words",
    [
        ["--descriptors", "warmth"],
        ["--hop_length", "1000"],
        ["--sample_rate", "1"],
        ["--segments", "bars"],
        ["--shortest", "0.5"],
        ["--weight", "nobody=1"],
        ["--workers", "0"],
        ["--descriptor-json", "none.json"],
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_decoded(folder, tmp_path, monkeypatch, words):
    monkeypatch.setattr("training.corpus_build.build_corpus", lambda *_, **__: pytest.fail("it began"))
    with pytest.raises(StudioError) as caught:
        run(tmp_path, "--audio", folder / "a", "--out", tmp_path / "c", *words)
    assert caught.value.exit_code == 2
