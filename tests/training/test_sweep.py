import argparse
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.descriptor_errors import DescriptorSpecError
from training.descriptors import SAMPLE_RATE_HZ
from training.errors import OptionError, OutputExistsError, RecipeError, TrainingDivergedError, WandbMissingError
from training.recipe import SequencerRecipe, read_recipe
from training.sweep import DEFAULT_SPACE, SequencerObjective, add_sweep_parser, measure_of, recipe_toml, result_table
from training.sweep_errors import SearchSpaceError
from training.sweep_space import read_space, space_from_dict
from training.sweep_wandb import run_wandb_sweep, wandb_config

RECIPE = """
hidden_size = 8
num_layers = 1
components = 1
window_size = 12
batch_size = 4
updates = 4
validation_interval = 2
held_out_share = 0.34
"""
SPACE = "hidden_size = [4, 8, 12]\nlearning_rate = { low = 1e-3, high = 1e-2, log = true }\n"


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    for index in range(4):
        soundfile.write(folder / f"{index}.wav", 0.1 * random.standard_normal(SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
    return folder


@pytest.fixture
def files(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path


def words(audio, files, *more):
    given = [
        "--audio",
        audio,
        "--out",
        files / "sweep",
        "--trials",
        "2",
        "--recipe",
        files / "recipe.toml",
        "--space",
        files / "space.toml",
    ]
    return [str(word) for word in ("sweep", *given, *more)]


def asked(*typed):
    parser, said = argparse.ArgumentParser(), []
    add_sweep_parser(parser.add_subparsers(), said.append)
    options = parser.parse_args(list(typed))
    return options.run(options), said


def test_a_sweep_of_trainings_writes_a_recipe_that_can_be_trained(audio, files, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, said = asked(*words(audio, files))
    assert code == 0
    best = read_recipe(files / "sweep" / "best.toml")
    assert best.hidden_size in (4, 8, 12)
    assert 1e-3 <= best.learning_rate <= 1e-2
    # What was not searched is the recipe's.
    assert (best.window_size, best.updates) == (12, 4)
    table = next(place for place, line in enumerate(said) if line.split() == ["trial", "value", "hidden_size", "learning_rate"])
    values = [float(line.split()[1]) for line in said[table + 1 : table + 3]]
    assert values == sorted(values)
    assert "2 finished" in said[table + 3]
    assert {path.name for path in (files / "sweep").iterdir() if path.name.startswith("trial_")} == {"trial_0000", "trial_0001"}
    assert (files / "sweep" / "trial_0000" / "checkpoint.safetensors").is_file()
    # Asked again, there is nothing left to do.
    code, said = asked(*words(audio, files))
    assert code == 0
    assert not any(line.startswith("trial ") and ":" in line for line in said)


@pytest.mark.slow
def test_two_processes_share_a_sweep_of_trainings(audio, files, tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    journal = ("--storage", files / "shared.log")
    typed = [words(audio, files, "--out", tmp_path / name, "--trials", "4", *journal) for name in ("one", "two")]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "training", *line], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for line in typed
    ]
    for process in processes:
        _, err = process.communicate(timeout=280)
        assert process.returncode == 0, err
    trials = [path.name for name in ("one", "two") for path in (tmp_path / name).iterdir() if path.name.startswith("trial_")]
    assert sorted(trials) == [f"trial_{number:04d}" for number in range(4)]


def test_losses_of_one_kind_are_compared_and_others_by_their_horizons():
    assert measure_of(read_space(DEFAULT_SPACE, SequencerRecipe)) == "loss"
    for name, values in (("selected_model", ["LSTM", "TransformerModel"]), ("head", ["mean", "mixture"]), ("forecast_size", [8, 16])):
        space = space_from_dict({name: values, "num_layers": [1, 2]}, SequencerRecipe)
        assert measure_of(space) == "horizon"
        assert measure_of(space.fixed(**{name: values[0]})) == "loss"


def test_another_hop_or_rate_is_another_sweep():
    measures = [
        SequencerObjective(Path(), "loss", None, spec, print).measure
        for spec in (None, DEFAULT_SPEC, DescriptorSpec.parse("mfcc", hop_frames=512), DescriptorSpec.parse("mfcc", sample_rate_hz=22_050))
    ]
    assert measures == ["loss", "loss of mfcc", "loss of mfcc every 512 at 44100 Hz", "loss of mfcc every 1024 at 22050 Hz"]


def test_heads_that_do_not_divide_the_width_are_no_recipe():
    objective = SequencerObjective(Path("x"), "loss", None, None, print)
    good = read_recipe().with_changes(selected_model="TransformerModel", nhead=5, dim_pos_encoding=26)
    objective.check(good)
    with pytest.raises(RecipeError, match="nhead"):
        objective.check(good.with_changes(nhead=3, dim_pos_encoding=26))


def test_a_recipe_survives_its_file(tmp_path):
    recipe = read_recipe().with_changes(learning_rate=1.2345e-05, remove_outliers=True, head="mean", dropout=0.0)
    (tmp_path / "r.toml").write_text(recipe_toml(recipe, "a comment"))
    assert read_recipe(tmp_path / "r.toml") == recipe


def test_the_table_shows_nothing_finished_as_such():
    assert result_table([], space_from_dict({"num_layers": [1, 2]}, SequencerRecipe))[-1].startswith("0 finished")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--trials", "0"], "--trials"),
        (["--seed", "-1"], "--seed"),
        (["--audio", "nowhere"], "--audio"),
        (["--wandb_sweep", "x"], "--wandb_sweep"),
        (["--wandb", "p", "--storage", "x"], "--storage"),
        (["--descriptors", "mfcc,foo"], "--descriptors"),
    ],
)
def test_options_that_cannot_be_are_named(audio, files, monkeypatch, more, named):
    with pytest.raises((OptionError, DescriptorSpecError), match=named):
        asked(*words(audio, files, *more))
    assert not (files / "sweep").exists()


def test_what_is_held_out_is_not_searched(audio, files):
    (files / "space.toml").write_text("seed = [1, 2]\n")
    with pytest.raises(OptionError, match="seed: not to be searched"):
        asked(*words(audio, files))
    (files / "space.toml").write_text("nhaed = [1, 2]\n")
    with pytest.raises(SearchSpaceError, match="nhaed"):
        asked(*words(audio, files))


def test_a_folder_of_something_else_is_left_alone(audio, files):
    (files / "sweep").mkdir()
    (files / "sweep" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputExistsError):
        asked(*words(audio, files))
    assert [path.name for path in (files / "sweep").iterdir()] == ["thesis.txt"]


def test_wandb_that_is_not_there_is_said(audio, files, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WandbMissingError):
        asked(*words(audio, files, "--wandb", "project"))


def test_a_space_is_said_as_wandb_says_it():
    space = space_from_dict(
        {
            "hidden_size": {"low": 64, "high": 256, "step": 64},
            "num_layers": {"low": 1, "high": 3},
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "dropout": {"low": 0.0, "high": 0.5},
            "dim_feedforward": {"low": 16, "high": 1024, "log": True},
            "head": ["mean", "mixture"],
            "batch_size": 32,
        },
        SequencerRecipe,
    )
    config = wandb_config(space, prune=True)
    assert config["method"] == "bayes"
    assert config["metric"] == {"name": "held_out_loss", "goal": "minimize"}
    assert config["parameters"] == {
        "hidden_size": {"values": [64, 128, 192, 256]},
        "num_layers": {"distribution": "int_uniform", "min": 1, "max": 3},
        "learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2},
        "dropout": {"distribution": "uniform", "min": 0.0, "max": 0.5},
        "dim_feedforward": {"distribution": "q_log_uniform_values", "min": 16, "max": 1024, "q": 1},
        "head": {"values": ["mean", "mixture"]},
        "batch_size": {"value": 32},
    }
    assert config["early_terminate"]["type"] == "hyperband"
    plain = wandb_config(space, prune=False)
    assert "early_terminate" not in plain
    assert plain["metric"]["name"] == "value"


class FakeRun:
    def __init__(self, name, values):
        self.id = name
        self.config = dict(values)
        self.config_updates = {}
        self.summary = {}
        self.logged = []
        config, updates = self.config, self.config_updates

        class Config(dict):
            def update(self, values, allow_val_change=False):
                updates.update(values)

        self.config = Config(config)

    def log(self, values):
        self.logged.append(values)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        return None


def fake_wandb(monkeypatch, proposals):
    """A module with the three calls of Weights & Biases that are used, and what they were given."""
    module, calls, runs = types.ModuleType("wandb"), {}, []
    waiting = list(proposals)

    def sweep(config, project):
        calls["sweep"] = (config, project)
        return "s1"

    def agent(name, function, project, count):
        calls["agent"] = (name, project, count)
        for _ in range(count):
            function()

    def init():
        runs.append(FakeRun(f"r{len(runs)}", waiting.pop(0)))
        return runs[-1]

    module.sweep, module.agent, module.init = sweep, agent, init
    monkeypatch.setitem(sys.modules, "wandb", module)
    return calls, runs


class Bowl:
    measure = "distance"

    def __init__(self):
        self.folders = []

    def check(self, recipe):
        if recipe.hidden_size == 13:
            raise RecipeError("unlucky")

    def __call__(self, recipe, folder, watch):
        self.folders.append(folder.name)
        if recipe.hidden_size == 99:
            raise TrainingDivergedError("no number")
        watch(10, float(recipe.hidden_size))
        return float(recipe.hidden_size), "same"


BOWL_SPACE = {"hidden_size": {"low": 4, "high": 128}}


def test_a_wandb_sweep_runs_its_trials_here(tmp_path, monkeypatch):
    calls, runs = fake_wandb(monkeypatch, [{"hidden_size": 64.0}, {"hidden_size": 13}, {"hidden_size": 99}, {"hidden_size": 32}])
    objective, said = Bowl(), []
    space = space_from_dict(BOWL_SPACE, SequencerRecipe)
    assert run_wandb_sweep("proj", None, space, read_recipe(), objective, tmp_path, 4, said.append) == 0
    assert calls["sweep"] == (wandb_config(space, prune=True), "proj")
    assert calls["agent"] == ("s1", "proj", 4)
    assert objective.folders == ["trial_r0", "trial_r2", "trial_r3"]
    assert runs[0].logged == [{"update": 10, "held_out_loss": 64.0}, {"value": 64.0}]
    # The server sees the whole recipe, not only what it chose.
    assert runs[0].config_updates["num_layers"] == read_recipe().num_layers
    assert "hidden_size" not in runs[0].config_updates
    assert "unlucky" in runs[1].summary["refused"]
    assert "no number" in runs[2].summary["failed"]
    assert read_recipe(tmp_path / "best.toml").hidden_size == 32
    assert any("--wandb_sweep s1" in line for line in said)


def test_a_wandb_sweep_is_joined_and_a_failure_of_all_is_said(tmp_path, monkeypatch):
    calls, _ = fake_wandb(monkeypatch, [{"hidden_size": 99}])
    space = space_from_dict(BOWL_SPACE, SequencerRecipe)
    with pytest.raises(TrainingDivergedError):
        run_wandb_sweep("proj", "theirs", space, read_recipe(), Bowl(), tmp_path, 1, print)
    assert "sweep" not in calls
    assert calls["agent"][0] == "theirs"
    fake_wandb(monkeypatch, [{"hidden_size": 13}])
    assert run_wandb_sweep("proj", "theirs", space, read_recipe(), Bowl(), tmp_path, 1, lambda line: None) == 1
    assert not (tmp_path / "best.toml").exists()
