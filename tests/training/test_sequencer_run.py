import json
import os
import shutil
import signal

import numpy as np
import pytest
import soundfile
import torch

from patches.descriptors import DescriptorSpec
from tests.small_trainings import interrupt_at, weights, write_swells
from training.callbacks import Patience
from training.descriptors import NAMES
from training.errors import (
    AudioChangedError,
    DamagedRunError,
    DescriptorsChangedError,
    MissingCheckpointError,
    MissingRunError,
    NothingToResumeError,
    OldRunError,
    OptionError,
    OutputExistsError,
    RecipeChangedError,
    RecipeError,
    TrainingDivergedError,
    WandbMissingError,
)
from training.recipe import MODELS, read_recipe
from training.run_folder import git_commit
from training.sequencer_folder import load_sequencer, read_meta
from training.sequencer_run import train_sequencer
from training.sequencer_windows import WindowBatches

RECIPE = read_recipe().with_changes(
    hidden_size=12,
    num_layers=2,
    components=2,
    window_size=12,
    forecast_size=6,
    batch_size=8,
    updates=30,
    validation_interval=10,
    held_out_share=0.34,
)


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder = write_swells(tmp_path_factory.mktemp("sounds"))
    (folder / "broken.wav").write_bytes(b"not audio")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def finished(audio, cache, tmp_path_factory):
    out, said = tmp_path_factory.mktemp("runs") / "whole", []
    result = train_sequencer(audio, out, RECIPE, cache=cache, say=said.append)
    return out, result, said


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished[0], tmp_path / "run")


def test_a_run_says_everything_an_export_needs(finished, audio):
    out, result, _ = finished
    meta = read_meta(out)
    assert meta == result.meta
    assert (meta.finished, meta.updates_done, result.interrupted) == (True, 30, False)
    assert meta.recipe == RECIPE.as_dict()
    assert tuple(meta.descriptors) == NAMES
    assert len(meta.mean) == len(meta.std) == len(NAMES)
    assert meta.audio_folder == str(audio)
    assert meta.class_names == ["hiss", "hum"]
    assert meta.licence == "user-supplied"
    assert meta.versions["torch"] == torch.__version__.split("+")[0] or meta.versions["torch"] == torch.__version__
    assert meta.training_seconds > 0
    assert (out / "logs").is_dir()
    assert set(meta.scores) >= {"validation_nll", "validation_mse", "one_step_error", "repeat_nll", "mean_nll", "sample_std_ratio_t1"}


def test_no_held_out_clip_is_learned_from(finished):
    meta = finished[1].meta
    sides = {side: {clip["sha256"] for clip in meta.clips if clip["split"] == side} for side in ("training", "held_out")}
    assert sides["training"].isdisjoint(sides["held_out"])
    assert (len(sides["training"]), len(sides["held_out"])) == (4, 2)


def test_a_skipped_file_is_named_with_its_reason(finished):
    _, result, said = finished
    assert [skipped["path"] for skipped in result.meta.skipped] == ["broken.wav"]
    assert [line for line in said if line.startswith("skipped broken.wav: ")]


def test_training_learns(finished):
    _, _, said = finished
    losses = [float(line.rsplit(" ", 1)[1]) for line in said if line.startswith("update ")]
    assert len(losses) == 3
    assert losses[-1] < losses[0] - 0.02


def test_the_weights_kept_are_the_scored_ones(finished):
    out, result, _ = finished
    meta, sequencer = load_sequencer(out)
    assert meta.checkpoint_sha256 == result.meta.checkpoint_sha256
    assert not sequencer.training
    assert sequencer.lowest.max() < 0 < sequencer.highest.min()


@pytest.mark.parametrize("batch", [12, 19])
def test_ctrl_c_keeps_what_was_learned_and_resume_goes_on_from_there(audio, cache, tmp_path, monkeypatch, batch):
    out = tmp_path / "run"
    interrupt_at(WindowBatches, batch, monkeypatch)
    stopped = train_sequencer(audio, out, RECIPE, cache=cache)
    assert stopped.interrupted
    assert not stopped.meta.finished
    # The trainer makes one batch ahead to know which is the last.
    assert stopped.meta.updates_done in (batch, batch + 1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    said = []
    resumed = train_sequencer(audio, out, RECIPE, resume=True, cache=cache, say=said.append)
    assert resumed.meta.finished
    assert resumed.meta.updates_done == 30
    assert resumed.meta.updates > 0
    assert resumed.meta.training_seconds > stopped.meta.training_seconds


def test_a_resumed_run_is_the_uninterrupted_one(audio, cache, tmp_path, finished):
    out = tmp_path / "run"

    def stop_after_ten(line):
        if line.startswith("update 10 "):
            os.kill(os.getpid(), signal.SIGINT)

    assert train_sequencer(audio, out, RECIPE, cache=cache, say=stop_after_ten).meta.updates_done == 10
    train_sequencer(audio, out, RECIPE, resume=True, cache=cache)
    whole, parts = weights(finished[0]), weights(out)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_mean_head_trains_and_measures_its_spread(audio, cache, tmp_path):
    recipe = RECIPE.with_changes(head="mean", updates=10)
    meta = train_sequencer(audio, tmp_path / "run", recipe, cache=cache).meta
    spread = weights(tmp_path / "run")["head.residual_std"]
    assert float(spread.square().mean()) == pytest.approx(meta.scores["validation_mse"], rel=1e-3)
    assert meta.scores["sample_std_ratio_t1"] > meta.scores["sample_std_ratio_t0"]


def test_a_finished_run_is_not_overwritten_nor_resumed(copy, audio, cache):
    before = weights(copy)
    with pytest.raises(OutputExistsError, match="--resume"):
        train_sequencer(audio, copy, RECIPE, cache=cache)
    with pytest.raises(NothingToResumeError, match="finished"):
        train_sequencer(audio, copy, RECIPE, resume=True, cache=cache)
    assert all(torch.equal(before[name], value) for name, value in weights(copy).items())


def test_a_finished_run_goes_on_with_more_updates(copy, audio, cache):
    meta = train_sequencer(audio, copy, RECIPE.with_changes(updates=40), resume=True, cache=cache).meta
    assert (meta.updates_done, meta.recipe["updates"]) == (40, 40)


@pytest.mark.parametrize("name", MODELS[1:])
def test_every_model_trains_resumes_and_beats_repeating_or_says_so(audio, cache, tmp_path, name):
    out, said = tmp_path / "run", []
    recipe = RECIPE.with_changes(selected_model=name, updates=10)
    meta = train_sequencer(audio, out, recipe, cache=cache, say=said.append).meta
    assert all(np.isfinite(score) for score in meta.scores.values())
    assert {f"repeat_ratio_{ahead}" for ahead in range(1, 9)} <= set(meta.scores)
    assert train_sequencer(audio, out, recipe.with_changes(updates=20), resume=True, cache=cache).meta.updates_done == 20
    _, model = load_sequencer(out)
    assert type(model).__name__ == name
    assert model.expected(torch.zeros(1, 5, len(NAMES)), 3).shape == (1, 3, len(NAMES))


def test_the_order_of_descriptors_is_in_the_run(audio, cache, tmp_path):
    """Seed fault (facts 1.1): the feature order was not in the checkpoint, and hop and rate were implied."""
    spec = DescriptorSpec.parse("loudness,mfcc3,onset", hop_frames=512, sample_rate_hz=22_050)
    out = tmp_path / "run"
    train_sequencer(audio, out, RECIPE.with_changes(updates=10), spec=spec, cache=cache)
    said = json.loads((out / "meta.json").read_text())
    assert (said["descriptors"], said["hop_frames"], said["sample_rate_hz"]) == (["loudness", "mfcc3", "onset"], 512, 22_050)
    meta, model = load_sequencer(out)
    assert (meta.spec(), model.descriptors) == (spec, 3)
    more = RECIPE.with_changes(updates=20)
    with pytest.raises(
        DescriptorsChangedError, match="got mfcc every 1024 at 44100 Hz; allowed: loudness,mfcc3,onset every 512 at 22050 Hz"
    ):
        train_sequencer(audio, out, more, spec=DescriptorSpec.parse("mfcc"), resume=True, cache=cache)
    assert train_sequencer(audio, out, more, resume=True, cache=cache).meta.spec() == spec


def test_a_recipe_that_cannot_be_for_these_descriptors_is_refused_before_any_work(audio, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("training.sequencer_run.read_frames", lambda *_, **__: pytest.fail("the audio was read"))
    with pytest.raises(RecipeError, match="nhead"):
        train_sequencer(audio, tmp_path / "run", RECIPE.with_changes(selected_model="TransformerModel", nhead=7), cache=cache)
    assert not (tmp_path / "run").exists()


def test_outliers_are_counted_in_the_run(finished, audio, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("training.sequencer_data.OUTLIER_DEVIATIONS", 3.0)
    said = []
    meta = train_sequencer(audio, tmp_path / "run", RECIPE.with_changes(updates=2, remove_outliers=True), cache=cache, say=said.append).meta
    rows, all_rows = (sum(clip["rows"] for clip in run.clips if clip["split"] == "training") for run in (meta, finished[1].meta))
    assert 0 < meta.outliers <= all_rows - rows
    assert any(line.startswith(f"{meta.outliers} frames left out") for line in said)


def test_resume_needs_no_wandb(copy, audio, cache, monkeypatch):
    """Seed fault (facts 1.7): a training could be resumed from W&B alone."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert train_sequencer(audio, copy, RECIPE.with_changes(updates=40), resume=True, cache=cache).meta.updates_done == 40


def test_wandb_is_asked_for_by_name_and_missed_by_name(audio, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WandbMissingError, match=r"--wandb.*pip install wandb"):
        train_sequencer(audio, tmp_path / "run", RECIPE, cache=cache, wandb="sequencers")
    assert not (tmp_path / "run").exists()


def test_another_recipe_cannot_go_on(copy, audio, cache):
    with pytest.raises(RecipeChangedError, match=r"batch_size.*got 9; allowed: 8.*Leave out --recipe and --batch_size"):
        train_sequencer(audio, copy, RECIPE.with_changes(batch_size=9, updates=40), resume=True, cache=cache)


def test_a_resumed_run_has_its_own_patience(copy, audio, cache, monkeypatch):
    heard = []
    monkeypatch.setattr(Patience, "on_fit_end", lambda self, *_: heard.append(self.patience))
    train_sequencer(audio, copy, RECIPE.with_changes(updates=40, patience=77), resume=True, cache=cache)
    assert heard == [77]


def test_a_resumed_run_that_finds_nothing_better_keeps_its_new_wishes(copy, audio, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("training.sequencer_run.write_run", lambda *_: pytest.fail("something better was found"))
    monkeypatch.setattr("training.sequencer_scores.gaussian_nll", lambda *_: 1e9)
    monkeypatch.setattr("training.sequencer_scores.Errors.nll", property(lambda self: 1e9))
    moved = shutil.copytree(audio, tmp_path / "moved")
    meta = train_sequencer(moved, copy, RECIPE.with_changes(updates=40, patience=88), resume=True, cache=cache).meta
    assert read_meta(copy) == meta
    assert (meta.recipe["updates"], meta.recipe["patience"], meta.audio_folder) == (40, 88, str(moved))


@pytest.mark.parametrize("resume", [False, True])
def test_a_training_that_kept_nothing_is_no_run(audio, cache, tmp_path, resume):
    (tmp_path / "run" / "logs").mkdir(parents=True)
    recipe = RECIPE.with_changes(updates=2, validation_interval=1)
    assert train_sequencer(audio, tmp_path / "run", recipe, resume=resume, cache=cache).meta.updates_done == 2


def test_other_channels_cannot_go_on(copy, audio, cache):
    with pytest.raises(OptionError, match=r"--channels.*allowed: as_is") as caught:
        train_sequencer(audio, copy, RECIPE.with_changes(updates=40), resume=True, channels="stereo", cache=cache)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_state_cut_short_is_named(copy, audio, cache, share):
    content = (copy / "last.ckpt").read_bytes()
    (copy / "last.ckpt").write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedRunError, match=r"last\.ckpt: not the state"):
        train_sequencer(audio, copy, RECIPE.with_changes(updates=40), resume=True, cache=cache)


def test_a_reader_that_goes_away_is_no_disk_error(audio, cache, tmp_path):
    def gone(line):
        if line.startswith("update "):
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        train_sequencer(audio, tmp_path / "run", RECIPE.with_changes(updates=1, validation_interval=1), cache=cache, say=gone)


def test_a_changed_source_tree_is_said(monkeypatch):
    answers = {"rev-parse": "abc", "status": " M file"}
    monkeypatch.setattr("training.run_folder._git", lambda word, *_: answers[word])
    assert git_commit() == "abc-dirty"
    answers["status"] = ""
    assert git_commit() == "abc"


def test_other_audio_cannot_go_on(copy, audio, cache, tmp_path):
    changed = shutil.copytree(audio, tmp_path / "changed")
    sound, rate = soundfile.read(changed / "hum" / "2.wav")
    soundfile.write(changed / "hum" / "2.wav", sound * 0.5, rate)
    with pytest.raises(AudioChangedError, match=r"hum.2\.wav"):
        train_sequencer(changed, copy, RECIPE.with_changes(updates=40), resume=True, cache=cache)


def test_resume_needs_a_run(audio, cache, tmp_path, copy):
    with pytest.raises(MissingRunError, match="no such run folder"):
        train_sequencer(audio, tmp_path / "none", RECIPE, resume=True, cache=cache)
    (copy / "last.ckpt").unlink()
    with pytest.raises(NothingToResumeError, match=r"last\.ckpt"):
        train_sequencer(audio, copy, RECIPE.with_changes(updates=40), resume=True, cache=cache)


def test_a_diverged_training_says_so(audio, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("training.sequencer_scores.gaussian_nll", lambda *_: float("nan"))
    monkeypatch.setattr("training.sequencer_scores.Errors.nll", property(lambda self: float("nan")))
    with pytest.raises(TrainingDivergedError, match="learning_rate"):
        train_sequencer(audio, tmp_path / "run", RECIPE, cache=cache)


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (lambda run: (run / "meta.json").unlink(), MissingCheckpointError, "no weights yet"),
        (lambda run: [shutil.rmtree(run), run.mkdir()], MissingRunError, "not a run folder"),
        (lambda run: (run / "meta.json").write_text("{"), DamagedRunError, "meta.json"),
        (lambda run: (run / "meta.json").write_text("[]"), DamagedRunError, "format 2"),
        (lambda run: (run / "meta.json").write_text("[" * 100_000), DamagedRunError, "not what a training writes"),
        (lambda run: edit(run, clips=5), DamagedRunError, "clips"),
        (lambda run: edit(run, clips=[{"path": "a"}]), DamagedRunError, "a clip needs"),
        (lambda run: edit(run, mean=[1, 2]), DamagedRunError, "mean and std"),
        (lambda run: edit(run, std=[True] * 39), DamagedRunError, "std is not"),
        (lambda run: edit(run, sample_rate_hz="x"), DamagedRunError, "sample_rate_hz is not int"),
        (lambda run: edit(run, scores=None), DamagedRunError, "scores"),
        (lambda run: edit(run, descriptors=None), DamagedRunError, "descriptors"),
        (lambda run: edit(run, audio_folder=3), DamagedRunError, "audio_folder is not str"),
        (lambda run: edit(run, format=3), DamagedRunError, "format 2"),
        (lambda run: edit(run, format=1), OldRunError, "a run of Starling 0.1.*Train again"),
        (lambda run: edit(run, surprise=1), DamagedRunError, "surprise"),
        (lambda run: edit(run, recipe=RECIPE.as_dict() | {"num_layers": 99}), DamagedRunError, "num_layers"),
        (lambda run: edit(run, recipe=RECIPE.as_dict() | {"hidden_size": 13}), DamagedRunError, "do not fit the recipe"),
        (lambda run: edit(run, descriptors=["loudness"]), DamagedRunError, "mean and std do not fit"),
        (lambda run: edit(run, descriptors=["loudness"] * 39), DamagedRunError, "descriptors"),
        (lambda run: edit(run, hop_frames=1000), DamagedRunError, "hop_frames"),
        (lambda run: edit(run, recipe=RECIPE.as_dict() | {"selected_model": "TransformerModel", "nhead": 4}), DamagedRunError, "nhead"),
        (lambda run: (run / "checkpoint.safetensors").unlink(), MissingCheckpointError, "no weights"),
        (lambda run: (run / "checkpoint.safetensors").write_bytes(b"0" * 99), DamagedRunError, "not the weights"),
    ],
)
def test_a_damaged_run_is_refused(copy, damage, error, said):
    damage(copy)
    with pytest.raises(error, match=said):
        load_sequencer(copy)


def edit(run, **values):
    file = run / "meta.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
