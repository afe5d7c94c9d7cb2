"""A training of the codec: what it keeps, how it goes on, and what it refuses."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

from training.__main__ import main
from training.codec_data import CropBatches
from training.codec_recipe import read_codec_recipe
from training.codec_run import train_codec
from training.codecs.codec import open_codec, read_codec_meta
from training.codecs.spectral import HOP_FRAMES, SAMPLE_RATE_HZ
from training.errors import (
    AudioChangedError,
    DamagedRunError,
    NothingToResumeError,
    OutputExistsError,
    RecipeChangedError,
)

RECIPE = read_codec_recipe().with_changes(
    size=8,
    encoder_blocks=1,
    decoder_blocks=1,
    codebooks=2,
    codebook_size=8,
    code_size=2,
    crop_steps=10,
    batch_size=2,
    updates=6,
    validation_interval=3,
    held_out_share=0.3,
)


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    for index in range(6):
        file = folder / ("hiss" if index % 2 else "hum") / f"{index}.wav"
        file.parent.mkdir(exist_ok=True)
        soundfile.write(file, 0.1 * random.standard_normal(12 * HOP_FRAMES), SAMPLE_RATE_HZ)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def finished(audio, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("codecs") / "whole"
    return out, train_codec(audio, out, RECIPE, cache=cache)


def weights(folder):
    return torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]


def test_a_training_leaves_a_codec(finished, audio):
    out, meta = finished
    assert meta["updates"] in (3, 6)
    assert {"validation_log_mel", "validation_level_db", "perplexity_1", "perplexity_2"} <= meta["scores"].keys()
    assert meta["licence"] == "user-supplied"
    assert not meta["interrupted"]
    codec = open_codec(out)
    sound, _ = soundfile.read(next(audio.rglob("*.wav")), dtype="float32")
    assert codec.decode(codec.encode(sound)).shape == sound.shape


def test_a_resumed_training_is_the_uninterrupted_one(finished, audio, cache, tmp_path, monkeypatch):
    """Broken off after the first look, as by a power cut, and gone on with."""
    plain = CropBatches.batch

    def cut(self, update):
        if update == 4:
            raise RuntimeError("the power is gone")
        return plain(self, update)

    with monkeypatch.context() as patch:
        patch.setattr(CropBatches, "batch", cut)
        with pytest.raises(RuntimeError, match="power"):
            train_codec(audio, tmp_path / "cut", RECIPE, cache=cache)
    train_codec(audio, tmp_path / "cut", RECIPE, resume=True, cache=cache)
    one, two = weights(finished[0]), weights(tmp_path / "cut")
    assert all(torch.equal(one[name], two[name]) for name in one)
    with pytest.raises(NothingToResumeError, match="finished"):
        train_codec(audio, tmp_path / "cut", RECIPE, resume=True, cache=cache)


def test_the_same_seed_gives_the_same_codec(finished, audio, cache, tmp_path):
    train_codec(audio, tmp_path / "twin", RECIPE, cache=cache)
    one, two = weights(finished[0]), weights(tmp_path / "twin")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_training_can_start_from_another(finished, audio, cache, tmp_path):
    meta = train_codec(audio, tmp_path / "next", RECIPE.with_changes(repulsion=0.5, updates=3), start=finished[0], cache=cache)
    assert [stage["checkpoint_sha256"] for stage in meta["start"]] == [finished[1]["checkpoint_sha256"]]
    with pytest.raises(RecipeChangedError, match="another codec"):
        train_codec(audio, tmp_path / "other", RECIPE.with_changes(size=9), start=finished[0], cache=cache)


def test_discriminators_take_their_turn(audio, cache, tmp_path):
    recipe = RECIPE.with_changes(discriminator=0.5, updates=2, validation_interval=2)
    assert train_codec(audio, tmp_path / "adversarial", recipe, cache=cache)["updates"] == 2
    assert any(name.startswith("discriminators") for name in weights(tmp_path / "adversarial"))


def test_what_cannot_be_gone_on_with_is_named(finished, audio, cache, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "copy")
    with pytest.raises(OutputExistsError):
        train_codec(audio, out, RECIPE, cache=cache)
    with pytest.raises(RecipeChangedError, match="batch_size"):
        train_codec(audio, out, RECIPE.with_changes(batch_size=3), resume=True, cache=cache)
    longer = RECIPE.with_changes(updates=9)
    less = shutil.copytree(audio, tmp_path / "less")
    next(less.rglob("*.wav")).unlink()
    with pytest.raises(AudioChangedError):
        train_codec(less, out, longer, resume=True, cache=cache)
    (out / "last.ckpt").write_bytes(b"no state")
    with pytest.raises(DamagedRunError, match="not the state"):
        train_codec(audio, out, longer, resume=True, cache=cache)
    (out / "last.ckpt").unlink()
    with pytest.raises(NothingToResumeError, match="no state"):
        train_codec(audio, out, longer, resume=True, cache=cache)


def test_the_command_line(audio, tmp_path, capsys, monkeypatch):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in RECIPE.with_changes(updates=2).as_dict().items()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "codec"
    assert main(["codec", "--audio", str(audio), "--out", str(out), "--recipe", str(recipe)]) == 0
    assert "log-mel distance" in capsys.readouterr().out
    assert main(["codec", "--audio", str(audio), "--out", str(out), "--resume", "--updates", "4"]) == 0
    assert read_codec_meta(out)["recipe"]["updates"] == 4
    assert main(["codec", "--audio", str(audio), "--out", str(out)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(["codec", "--audio", str(tmp_path / "nowhere"), "--out", str(out)]) == 2
    values = json.loads((out / "meta.json").read_text())
    assert values["recipe_name"] == "tiny"
