import argparse
import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from tests.small_trainings import write_swells
from training import sequencer_report as command
from training.descriptors import SAMPLE_RATE_HZ
from training.errors import AudioChangedError, DamagedRunError, MissingCheckpointError, MissingFolderError, OptionError, StudioError
from training.evaluate import add_evaluate_parser
from training.evaluation.errors import PatchUnusableError, RenderFailedError
from training.evaluation.mosaics import Mosaic, Unit
from training.recipe import read_recipe
from training.sequencer_report import SequencerOptions, evaluate_sequencer
from training.sequencer_report_frames import is_run, read_run
from training.sequencer_run import train_sequencer

RECIPE = read_recipe().with_changes(
    hidden_size=8, num_layers=1, components=1, window_size=12, batch_size=8, updates=4, validation_interval=2, held_out_share=0.34
)


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    return write_swells(tmp_path_factory.mktemp("sounds"), seconds=1.6)


@pytest.fixture(scope="module")
def run(audio, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "small"
    train_sequencer(audio, out, RECIPE)
    return out


def asked(*words):
    parser = argparse.ArgumentParser()
    said = []
    add_evaluate_parser(parser.add_subparsers(), said.append)
    options = parser.parse_args(["evaluate", *map(str, words)])
    return options.run(options), said


def forged(patch, primes, folder, *, hops, seed):
    """Mosaics as the stage would make them: half of the units jump."""
    rng = np.random.default_rng(seed)
    made = []
    for name, file in primes:
        assert file.is_file()
        units = tuple(Unit(0.1 * place, 0.1, 0.5, 7 * place, 1, "corpus.wav", place % 2 == 0) for place in range(hops // 4))
        made.append(Mosaic(name, (0.1 * rng.standard_normal(1024 * hops)).astype(np.float32), SAMPLE_RATE_HZ, units))
    return made


def test_the_command_judges_a_run_on_the_files_it_has_not_learned(run, tmp_path):
    code, said = asked(run, "--report", tmp_path / "report", "--quick", "--samples", "4")
    assert code == 0
    assert sum(" steps ahead: " in line for line in said) == 8
    scores = json.loads((tmp_path / "report" / "scores.json").read_text())
    assert scores["kind"] == "sequencer"
    assert scores["horizon"]["clips"] == 2
    assert scores["horizon"]["horizons"] == [1, 2, 3, 4, 5, 6, 7, 8, 16]
    assert set(scores["horizon"]["mse"]) == {"model", "repeat", "linear", "mean"}
    assert set(scores["horizon"]["groups"]) == {"mfcc", "delta", "delta_delta"}
    assert (scores["spread"]["samples"], scores["quick"]) == (4, True)
    assert "no exported patch" in scores["reasons"]["mosaics"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<h2>Corpus map</h2>" in page
    assert "● hiss" in page
    assert not re.search(r"\b(nan|inf)\b", page.split("<h2>All scores</h2>")[0])
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["report.html", "scores.json"]


def test_a_report_lies_in_its_run_unless_said(run, tmp_path, monkeypatch):
    asked_for = []

    def judge(options, machine, say):
        asked_for.append(options)
        raise StudioError("enough")

    monkeypatch.setattr("training.evaluate.evaluate_sequencer", judge)
    with pytest.raises(StudioError, match="enough"):
        asked(run)
    assert asked_for[0].report == run / "report"


def test_a_run_is_judged_on_held_out_files_alone(run):
    heard = read_run(run)
    sides = {clip["path"]: clip["split"] for clip in heard.meta.clips}
    assert {sides[clip.path.as_posix()] for clip in heard.held_out_clips} == {"held_out"}
    assert len(heard.training) == 4
    # z-scored by the training's own statistics.
    frames = np.concatenate(heard.training)
    np.testing.assert_allclose(frames.mean(0), 0.0, atol=1e-3)
    np.testing.assert_allclose(frames.std(0), 1.0, atol=1e-2)


def test_a_patch_adds_mosaics_and_the_map_of_its_corpus(run, patch_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("training.evaluation.mosaics.render_mosaics", forged)
    options = SequencerOptions(run, tmp_path / "report", patch="tiny", mosaics=2, hops=40, samples=4)
    scores = evaluate_sequencer(options, "here")
    # One of each class: the two held-out files are a hiss and a hum.
    assert sorted(one["prime"].split("/")[0] for one in scores["mosaics"]) == ["hiss", "hum"]
    assert scores["reasons"] == {}
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("data:audio/flac;base64,") == 4
    assert page.count("way of ") >= 2
    assert "the corpus of tiny" in page
    assert "corpus.wav at 0.50 s" in page
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["report.html", "scores.json"]


def test_a_stage_that_refuses_is_said_and_leaves_no_report(run, patch_folder, tmp_path, monkeypatch):
    def refuse(*words, **named):
        raise RenderFailedError("the stage did not render it", where="tiny")

    monkeypatch.setattr("training.evaluation.mosaics.render_mosaics", refuse)
    with pytest.raises(RenderFailedError):
        evaluate_sequencer(SequencerOptions(run, tmp_path / "report", patch="tiny", samples=2, origins=4), "here")
    assert list((tmp_path / "report").iterdir()) == []


def test_what_is_a_run_and_what_is_not(run, patch_folder, tmp_path):
    assert is_run(run)
    assert not is_run(patch_folder / "tiny")
    assert not is_run(tmp_path / "nowhere")
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tokens / "meta.json").write_text('{"format": 1, "kind": "tokens"}')
    assert not is_run(tokens)
    (tokens / "meta.json").write_text("{")
    assert is_run(tokens)


def test_a_run_without_held_out_sounds_is_refused(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    meta = json.loads((copy / "meta.json").read_text())
    meta["clips"] = [clip | {"split": "training"} for clip in meta["clips"]]
    (copy / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DamagedRunError, match="nothing was held out"):
        evaluate_sequencer(SequencerOptions(copy, tmp_path / "report"), "here")
    assert not (tmp_path / "report").exists()


def test_other_sounds_are_refused_and_moved_ones_are_found(run, audio, tmp_path):
    moved = shutil.copytree(audio, tmp_path / "moved")
    assert len(read_run(run, moved).held_out) == 2
    soundfile.write(moved / "hum" / "new.wav", 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
    with pytest.raises(AudioChangedError, match="--data"):
        read_run(run, moved)
    copy = shutil.copytree(run, tmp_path / "run")
    meta = json.loads((copy / "meta.json").read_text())
    (copy / "meta.json").write_text(json.dumps(meta | {"audio_folder": str(tmp_path / "gone")}))
    with pytest.raises(MissingFolderError, match="--data"):
        read_run(copy)


def test_damaged_runs_are_refused(run, tmp_path):
    began = tmp_path / "began"
    (began / "logs").mkdir(parents=True)
    with pytest.raises(MissingCheckpointError):
        asked(began, "--report", tmp_path / "report")
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / "checkpoint.safetensors").write_bytes(b"0" * 100)
    with pytest.raises(DamagedRunError):
        asked(copy, "--report", tmp_path / "report")
    (copy / "meta.json").write_text("[1]")
    with pytest.raises(DamagedRunError):
        asked(copy, "--report", tmp_path / "report")


def test_damaged_and_other_patches_are_refused_before_the_work(run, patch_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "read_run", lambda *words: pytest.fail("the run was read first"))
    for patch, named in (("no-such", "no-such"), ("textures", "kind tokens")):
        with pytest.raises(PatchUnusableError, match=named):
            asked(run, "--report", tmp_path / "report", "--patch", patch)
    broken = shutil.copytree(patch_folder / "tiny", tmp_path / "tiny")
    (broken / "patch.json").write_text("{}")
    with pytest.raises(PatchUnusableError):
        asked(run, "--report", tmp_path / "report", "--patch", broken)


def test_a_damaged_corpus_is_refused(run, patch_folder, tmp_path):
    broken = shutil.copytree(patch_folder / "tiny", tmp_path / "tiny")
    (broken / "corpus.npz").write_bytes(b"0" * (broken / "corpus.npz").stat().st_size)
    with pytest.raises(PatchUnusableError):
        evaluate_sequencer(SequencerOptions(run, tmp_path / "report", patch=str(broken), samples=2, origins=4), "here")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--levels", "3"], "--levels"),
        (["--drift-minutes", "1"], "--drift-minutes"),
        (["--codec", "x"], "--codec"),
        (["--origins", "0"], "--origins"),
        (["--samples", "1"], "--samples"),
        (["--mosaics", "-1"], "--mosaics"),
        (["--hops", "0"], "--hops"),
        (["--seed", "-1"], "--seed"),
        (["--data", "nowhere"], "--data"),
    ],
)
def test_options_that_cannot_be_are_named(run, tmp_path, words, named):
    with pytest.raises(OptionError, match=named):
        asked(run, "--report", tmp_path / "report", *words)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(("words", "named"), [(["--patch", "x"], "--patch"), (["--hops", "3"], "--hops"), ([], "--data")])
def test_a_patch_is_judged_as_before(patch_folder, tmp_path, words, named):
    with pytest.raises(OptionError, match=named):
        asked("tiny", "--report", tmp_path / "report", *words)
