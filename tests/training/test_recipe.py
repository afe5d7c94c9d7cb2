import dataclasses
import tomllib

import pytest

from patches.descriptors import DEFAULT_SPEC
from training.errors import RecipeError
from training.recipe import DEFAULT_RECIPE, SequencerRecipe, read_recipe, recipe_from_dict
from training.sequencers.build import build_model

DEFAULTS = tomllib.loads(DEFAULT_RECIPE.read_text(encoding="utf-8"))
DIALS = [row.name for row in dataclasses.fields(SequencerRecipe)]


def write(folder, text):
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_default_recipe_sets_every_dial_in_order():
    assert list(DEFAULTS) == DIALS
    assert read_recipe().as_dict() == DEFAULTS


def test_a_recipe_takes_from_the_default_what_it_leaves_out(tmp_path):
    recipe = read_recipe(write(tmp_path, "num_layers = 1\n"))
    assert recipe.as_dict() == DEFAULTS | {"num_layers": 1}


def test_a_whole_number_is_a_good_fraction(tmp_path):
    dropout = read_recipe(write(tmp_path, "dropout = 0\n")).dropout
    assert (dropout, type(dropout)) == (0.0, float)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hidden = 8", ("unknown dial", "hidden", "8", "hidden_size")),
        ('num_layers = "two"', ("wrong type", "num_layers", "'two'", "int, 1 .. 8")),
        ("num_layers = 1.5", ("wrong type", "num_layers", "1.5", "int, 1 .. 8")),
        ("remove_outliers = 1", ("wrong type", "remove_outliers", "1", "bool, true | false")),
        ('remove_outliers = "False"', ("wrong type", "remove_outliers", "'False'", "true | false")),
        ('selected_model = "GRU"', ("out of range", "selected_model", "'GRU'", "LSTM | LSTMEncoderDecoderModel")),
        ("dropout = true", ("wrong type", "dropout", "True", "float, 0 .. 0.9")),
        ("updates = true", ("wrong type", "updates", "True", "int")),
        ("num_layers = 0", ("out of range", "num_layers", "0", "1 .. 8")),
        ("held_out_share = 1.0", ("out of range", "held_out_share", "1.0", "0.01 .. 0.5")),
        ("learning_rate = nan", ("out of range", "learning_rate", "nan", "1e-06 .. 0.1")),
        ("learning_rate = inf", ("out of range", "learning_rate", "inf", "1e-06 .. 0.1")),
        ('head = "median"', ("out of range", "head", "'median'", "mixture | mean")),
        ("num_layers = " + "[" * 20_000, ("not TOML", "dial = value")),
        ("num_layers = " + "9" * 5000, ("not TOML", "dial = value")),
        ("num_layers 3", ("not TOML", "dial = value")),
    ],
)
def test_a_wrong_dial_is_refused_with_file_key_value_and_what_is_allowed(tmp_path, line, said):
    file = write(tmp_path, line + "\n")
    with pytest.raises(RecipeError) as caught:
        read_recipe(file)
    assert all(words in str(caught.value) for words in (str(file), *said))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_missing_dial_is_refused():
    with pytest.raises(RecipeError, match="seed: missing dial"):
        recipe_from_dict({name: value for name, value in DEFAULTS.items() if name != "seed"})


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unreadable_recipe_is_refused(tmp_path, content):
    file = tmp_path / "recipe.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RecipeError, match=r"recipe\.toml"):
        read_recipe(file)


def test_changes_are_checked_and_none_changes_nothing():
    recipe = read_recipe()
    assert recipe.with_changes(updates=None, seed=None) == recipe
    assert recipe.with_changes(updates=7).updates == 7
    with pytest.raises(RecipeError, match="recipe dial updates: out of range; got 0"):
        recipe.with_changes(updates=0)


RECIPES = [
    file for pattern in ("sequencer*.toml", "field.toml", "descriptor-transformer*.toml") for file in DEFAULT_RECIPE.parent.glob(pattern)
]


@pytest.mark.parametrize("file", sorted(RECIPES), ids=lambda file: file.stem)
def test_every_recipe_builds_a_model_of_the_default_descriptors(file):
    recipe = read_recipe(file)
    assert type(build_model(recipe, DEFAULT_SPEC)).__name__ == recipe.selected_model


def test_the_seeds_recipes_are_the_seeds_own_numbers():
    """Facts 1.2: defaults of the training script, and of the notebook."""
    script = read_recipe(DEFAULT_RECIPE.parent / "descriptor-transformer.toml").as_dict()
    wanted = {"selected_model": "LSTM", "window_size": 10, "forecast_size": 3, "learning_rate": 1e-4, "batch_size": 16, "hidden_size": 100}
    wanted |= {"num_layers": 3, "remove_outliers": True, "dim_pos_encoding": 26, "nhead": 5, "dropout": 0.1, "dim_feedforward": 128}
    wanted |= {
        "positional_encoding_dropout": 0.0,
        "head": "mean",
        "skip_frames": 0,
        "schedule": "constant",
        "weight_decay": 0.0,
        "seed": 1234,
    }
    assert {name: script[name] for name in wanted} == wanted
    notebook = read_recipe(DEFAULT_RECIPE.parent / "descriptor-transformer-notebook.toml").as_dict()
    wanted |= {"selected_model": "TransformerModel", "window_size": 500, "forecast_size": 500, "hidden_size": 200, "batch_size": 64}
    assert {name: notebook[name] for name in wanted} == wanted
