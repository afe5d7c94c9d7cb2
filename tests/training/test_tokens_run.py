import argparse
import dataclasses
import json
import math
import shutil

import pytest
import torch

from tests.small_trainings import TOKENS_RECIPE, interrupt_at, weights
from tests.token_sets import CODES, dataset
from training.errors import (
    DamagedRunError,
    MissingRunError,
    NothingToResumeError,
    OutputExistsError,
    RecipeChangedError,
    RecipeError,
    StudioError,
    TrainingDivergedError,
    WandbMissingError,
)
from training.tokens_command import add_tokens_parser
from training.tokens_data import TokenWindows
from training.tokens_errors import DatasetChangedError
from training.tokens_folder import load_tokens, read_tokens_meta
from training.tokens_recipe import RECIPES, read_tokens_recipe, tokens_recipe_from_dict
from training.tokens_run import train_tokens

RECIPE = TOKENS_RECIPE.with_changes(dropout=0.1, updates=60, held_out_windows=12)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "walks"
    dataset(folder)
    return folder


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    out, said = tmp_path_factory.mktemp("runs") / "whole", []
    return out, train_tokens(data, out, RECIPE, recipe_name="tiny", say=said.append), said


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished[0], tmp_path / "run")


def test_a_training_learns_and_says_what_it_made(finished, data):
    out, result, said = finished
    meta, model = load_tokens(out)
    assert meta == result.meta
    assert meta.finished
    assert not result.interrupted
    # A walk by none or one step is known to within two codes, its double to within two, the third to within three.
    assert meta.scores["held_out_loss"] < 0.85 * math.log(CODES)
    books = [meta.scores[f"held_out_loss_{book}"] for book in (1, 2, 3)]
    assert sum(books) / 3 == pytest.approx(meta.scores["held_out_loss"])
    assert (meta.classes, [row["name"] for row in meta.parameters], meta.condition_size) == (["rain", "wind", "bees"], ["speed", "rate"], 5)
    assert meta.clips == {"training": 14, "held_out": 6, "training_steps": 14 * 60, "held_out_steps": 360}
    assert meta.codec["identity"] == "a" * 64
    assert (meta.dataset, meta.licence, meta.recipe_name) == (str(data), "CC0-1.0", "tiny")
    assert meta.parameter_count == model.parameter_count
    assert meta.tokens_recipe() == RECIPE
    assert {"checkpoint.safetensors", "last.ckpt", "logs", "meta.json"} == {path.name for path in out.iterdir()}
    assert any("14 clips, 6 held out, 3 classes" in line for line in said)
    assert any("update 60 of 60: training_loss" in line and "held_out_loss" in line for line in said)
    assert not model.training


def test_what_is_kept_is_the_moving_average(finished):
    out, result, _ = finished
    state = torch.load(out / "last.ckpt", weights_only=True)["state_dict"]
    assert result.meta.updates == 60
    for name, weight in weights(out).items():
        assert torch.equal(weight, state[f"average.{name}"])
    assert not torch.equal(state["average.embedding.weight"], state["model.embedding.weight"])


def test_a_stopped_training_keeps_and_goes_on_as_if_it_had_not_stopped(finished, data, tmp_path, monkeypatch):
    out = tmp_path / "run"
    # In the middle of a stretch: that is where it ends, and what it was is kept.
    interrupt_at(TokenWindows, 20, monkeypatch)
    stopped = train_tokens(data, out, RECIPE)
    assert stopped.interrupted
    assert (stopped.meta.updates_done, stopped.meta.finished) == (21, False)
    assert load_tokens(out)[0] == stopped.meta
    shutil.rmtree(out)
    # At the end of one, where the looks at the held-out clips stay those of the uninterrupted training.
    interrupt_at(TokenWindows, 39, monkeypatch)
    assert train_tokens(data, out, RECIPE).meta.updates_done == 40
    again = train_tokens(data, out, RECIPE, resume=True)
    assert again.meta.finished
    whole = weights(finished[0])
    assert all(torch.equal(weight, whole[name]) for name, weight in weights(out).items())
    assert again.meta.scores == finished[1].meta.scores


def test_what_cannot_be_gone_on_with_is_refused(copy, data, tmp_path):
    longer = RECIPE.with_changes(updates=80)
    with pytest.raises(OutputExistsError, match="--resume"):
        train_tokens(data, copy, RECIPE)
    with pytest.raises(NothingToResumeError, match="finished"):
        train_tokens(data, copy, RECIPE, resume=True)
    with pytest.raises(RecipeChangedError, match=r"layers.*got 2.*allowed: 1"):
        train_tokens(data, copy, longer.with_changes(layers=2), resume=True)
    with pytest.raises(MissingRunError, match="python -m training tokens"):
        train_tokens(data, tmp_path / "none", RECIPE, resume=True)
    dataset(tmp_path / "other", clips=21)
    with pytest.raises(DatasetChangedError, match="not the dataset the run began with"):
        train_tokens(tmp_path / "other", copy, longer, resume=True)
    dataset(tmp_path / "coded", codec="b" * 64)
    with pytest.raises(DatasetChangedError, match=r"another codec.*spectral bbbbbbbbbbbb.*spectral aaaaaaaaaaaa"):
        train_tokens(tmp_path / "coded", copy, longer, resume=True)
    state = (copy / "last.ckpt").read_bytes()
    (copy / "last.ckpt").write_bytes(state[: len(state) // 2])
    with pytest.raises(DamagedRunError, match=r"last\.ckpt: not the state of a training"):
        train_tokens(data, copy, longer, resume=True)


def test_a_moved_dataset_is_the_same_one_and_is_noted(copy, data, tmp_path):
    moved = shutil.copytree(data, tmp_path / "moved")
    meta = train_tokens(moved, copy, RECIPE.with_changes(updates=61, precision="float32"), resume=True).meta
    assert (meta.dataset, meta.updates_done, meta.recipe["updates"]) == (str(moved), 61, 61)


def test_a_training_that_leaves_the_numbers_says_so_and_keeps_nothing(data, tmp_path, monkeypatch):
    plain = TokenWindows.batch

    def batch(self, update):
        heard, condition, target = plain(self, update)
        return heard, condition * math.nan, target

    monkeypatch.setattr(TokenWindows, "batch", batch)
    with pytest.raises(TrainingDivergedError, match=r"learning_rate 0\.01"):
        train_tokens(data, tmp_path / "run", RECIPE.with_changes(updates=20))
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    "damage",
    [
        {"clips": 5},
        {"codec": {"kind": "spectral"}},
        {"codec": None},
        {"classes": []},
        {"parameters": [{"name": "speed"}]},
        {"recipe": {"layers": 1}},
        {"scores": {"held_out_loss": "low"}},
        {"format": 2},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_damaged_meta_is_refused(copy, damage):
    file = copy / "meta.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | damage))
    with pytest.raises(DamagedRunError, match=r"meta\.json"):
        load_tokens(copy)


def test_weights_that_are_not_the_runs_are_refused(copy):
    content = (copy / "checkpoint.safetensors").read_bytes()
    (copy / "checkpoint.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DamagedRunError, match=r"not the weights that meta.json describes"):
        load_tokens(copy)


def test_a_run_of_another_kind_is_no_run_of_tokens(copy):
    meta = json.loads((copy / "meta.json").read_text())
    (copy / "meta.json").write_text(json.dumps(meta | {"kind": "sequencer"}))
    with pytest.raises(MissingRunError, match="another kind; got 'sequencer'; allowed: 'tokens'"):
        read_tokens_meta(copy)


def test_wandb_is_asked_for_by_name_and_missed_by_name(data, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WandbMissingError, match=r"--wandb.*pip install wandb"):
        train_tokens(data, tmp_path / "run", RECIPE, wandb="textures")
    assert not (tmp_path / "run").exists()


def test_recipes_refuse_what_cannot_be(tmp_path):
    assert all(read_tokens_recipe(name) for name in RECIPES)
    with pytest.raises(RecipeError, match=r"width.*got 190.*a multiple of 6"):
        read_tokens_recipe().with_changes(width=190)
    file = tmp_path / "mine.toml"
    for line, message in (
        ("layers = 0", r"mine\.toml: layers: out of range; got 0"),
        ("depth = 3", r"mine\.toml: depth: unknown dial"),
        ('codebook_order = "none"', "allowed: ordered | independent"),
        ("corruption = true", "wrong type"),
    ):
        file.write_text(line)
        with pytest.raises(RecipeError, match=message):
            read_tokens_recipe(file)
    file.write_text('codebook_order = "independent"\nconditioning = "concat"\npriming = "random"\n')
    ablated = read_tokens_recipe(file)
    assert tokens_recipe_from_dict(ablated.as_dict()) == ablated
    assert ablated.width == read_tokens_recipe("small").width


def command(*arguments):
    said = []
    parser = argparse.ArgumentParser()
    add_tokens_parser(parser.add_subparsers(), said.append)
    options = parser.parse_args(["tokens", *map(str, arguments)])
    return options.run(options), said


def test_the_command_trains_resumes_and_reports(data, tmp_path):
    file = tmp_path / "tiny.toml"
    dials = dataclasses.asdict(RECIPE)
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in dials.items()))
    run = tmp_path / "run"
    code, said = command("--data", data, "--out", run, "--recipe", file, "--updates", 20, "--seed", 3)
    assert code == 0
    assert any("nats per token (codebooks: " in line for line in said)
    meta = read_tokens_meta(run)
    assert (meta.recipe_name, meta.recipe["updates"], meta.recipe["seed"]) == ("tiny", 20, 3)
    code, said = command("--data", data, "--out", run, "--resume", "--updates", 30)
    assert code == 0
    assert read_tokens_meta(run).updates_done == 30
    with pytest.raises(StudioError, match="no dataset there"):
        command("--data", tmp_path / "nothing", "--out", tmp_path / "new")
    assert not (tmp_path / "new").exists()
