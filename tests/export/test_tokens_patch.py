"""From sounds to a patch that plays, and every way that is refused: the spectral codec, and the published one."""

import contextlib
import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

from export.__main__ import main
from export.codecs import plan_decoder
from export.dac import decoder_lookahead_frames
from export.errors import CodecExportError
from export.model_file import ExportedModel
from export.primes import Primes
from export.tokens_proof import decoder_error
from patches.reader import read_manifest
from patches.validate import validate
from realtime.voices.voice import make_voice
from tests.dac_reference import FOLDER, WEIGHTS
from tests.small_trainings import TOKENS_RECIPE
from training.__main__ import main as train_main
from training.codecs.codec import open_codec, write_codec
from training.codecs.errors import CodecError
from training.codecs.spectral import HOP_FRAMES, SpectralCodec, SpectralConfig
from training.prepare import prepare_dataset
from training.tokens_dataset import read_dataset, write_dataset
from training.tokens_run import train_tokens

RATE_HZ = 44_100
CONFIG = SpectralConfig(size=16, encoder_blocks=2, decoder_blocks=2, kernel=3, expansion=2, codebooks=3, codebook_size=32, code_size=4)
RECIPE = TOKENS_RECIPE.with_changes(updates=20, held_out_windows=8)
STEPS = 90


def write_sounds(folder):
    """Two classes of three clips, with a parameter that one of them has."""
    random, rows = np.random.default_rng(0), ["file,class,pitch"]
    seconds = np.arange(round(STEPS * HOP_FRAMES)) / RATE_HZ
    for index in range(3):
        hz = 200.0 * (index + 1)
        for name, audio in (("hum", np.sin(2 * np.pi * hz * seconds)), ("hiss", random.standard_normal(len(seconds)))):
            file = folder / name / f"{index}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, 0.1 * audio, RATE_HZ, subtype="PCM_24")
            rows.append(f"{name}/{index}.wav,{name},{hz if name == 'hum' else ''}")
    (folder / "parameters.csv").write_text("\n".join(rows) + "\n")
    return folder


def export(run, slug, out, *arguments):
    """Export as a terminal does and return the exit code and what was said."""
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        code = main([str(run), "--slug", slug, "--out", str(out), *map(str, arguments)])
    return code, said.getvalue() + complained.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("tokens")


@pytest.fixture(scope="module")
def sounds(place):
    return write_sounds(place / "sounds")


@pytest.fixture(scope="module")
def codec(place):
    torch.manual_seed(3)
    model = SpectralCodec(CONFIG).eval()
    with torch.no_grad():
        model.decoder.gains.bias += 3.0
        model.decoder.tones.bias += 3.0
    folder = place / "codec"
    folder.mkdir()
    write_codec(folder, {"codec": "spectral", "config": CONFIG.__dict__, "licence": "CC0-1.0"}, model.state_dict())
    return folder


@pytest.fixture(scope="module")
def data(place, sounds, codec):
    prepare_dataset(sounds, place / "data", codec=codec, cache=place / "cache", say=lambda line: None)
    return place / "data"


@pytest.fixture(scope="module")
def run(place, data):
    train_tokens(data, place / "run", RECIPE, recipe_name="tiny")
    return place / "run"


@pytest.fixture(scope="module")
def patch(place, run):
    """The patch's folder, and what its export said."""
    code, said = export(run, "tiny", place / "patches", "--no-torchscript", "--codebook-temperature", "0.5,1.5")
    assert code == 0, said
    return place / "patches" / "tiny", said


@pytest.fixture(scope="module")
def dac(place):
    """The published codec's layout with tiny weights, and a run on its codes."""
    assert train_main(["codec-import", str(WEIGHTS), "--out", str(place / "dac")]) == 0
    folder = write_sounds(place / "dac_sounds")
    # A file of tokens among the sounds, which has four of the nine codebooks: so has the dataset then.
    shutil.copy(FOLDER / "unchunked.dac", folder / "hum" / "3.dac")
    with (folder / "parameters.csv").open("a") as sheet:
        sheet.write("hum/3.dac,hum,400\n")
    prepare_dataset(folder, place / "dac_data", codec=place / "dac", cache=place / "cache", say=lambda line: None)
    train_tokens(place / "dac_data", place / "dac_run", RECIPE.with_changes(updates=10, validation_interval=10))
    return place / "dac", place / "dac_run"


@pytest.fixture(scope="module")
def dac_patch(place, dac):
    arguments = ("--no-torchscript", "--decoder-steps", 2, "--decoder-lookahead", 4)
    code, said = export(dac[1], "tiny-dac", place / "patches", *arguments)
    assert code == 0, said
    return place / "patches" / "tiny-dac", said


def played(folder, seed, steps=40, **moved):
    """What a deck hears: (steps * step_frames,)."""
    manifest = read_manifest(folder)
    voice = make_voice(folder, manifest)
    voice.prepare()
    voice.reset(seed)
    values = np.array([moved.get(control.id, control.default) for control in manifest.controls], np.float32)
    out, sounds = np.zeros((voice.step_frames, 1), np.float32), []
    for _ in range(steps):
        voice.step(values, False, out)
        sounds.append(out[:, 0].copy())
    assert voice.faults == 0
    return np.concatenate(sounds)


def primes_of(folder):
    with np.load(folder / "primes.npz") as file:
        return file["codes"], file["condition"]


def test_the_patch_is_whole_and_says_what_it_is(patch, data, codec):
    folder, said = patch
    manifest = validate(folder)
    assert {entry.role for entry in manifest.entries} == {"step", "step_int8", "step_light", "decoder", "encoder", "primes"}
    assert [control.id for control in manifest.controls] == ["class_hiss", "class_hum", "pitch", "temperature", "top_k", "top_p", "prime"]
    assert manifest.settings["codec_identity"] == open_codec(codec).identity
    given = {key: value for key, value in manifest.settings.items() if key.startswith("codebook_temperature")}
    assert given == {"codebook_temperature_1": 0.5, "codebook_temperature_2": 1.5}
    assert (manifest.audio.step_frames, manifest.audio.lookahead_frames) == (HOP_FRAMES, HOP_FRAMES)
    assert 0.0 <= manifest.verify.onnx_max_error <= 1e-4
    assert "guessing" not in said
    # Contexts are of clips that were learned from; what it is judged by is not in it.
    dataset = read_dataset(data)
    learned = {clip.codes[:, 13 : 13 + 64].tobytes() for clip in dataset.of("training")}
    codes, condition = primes_of(folder)
    assert {prime.astype(np.int64).tobytes() for prime in codes} <= learned
    assert np.isnan(condition[condition[:, 0] == 1.0, 2]).all()


def test_the_patch_plays_and_a_seed_repeats(patch):
    one, two, other = played(patch[0], 7), played(patch[0], 7), played(patch[0], 8)
    assert np.isfinite(one).all()
    assert np.sqrt(np.mean(one**2)) > 1e-3
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, played(patch[0], 7, class_hiss=0.0, class_hum=1.0))


def test_a_patch_brings_its_codec_along(patch, codec, sounds):
    whole, brought = open_codec(codec), open_codec(patch[0])
    audio, _ = soundfile.read(sounds / "hiss" / "0.wav", dtype="float32")
    codes = whole.encode(audio)
    heard = brought.encode(audio[:-100])
    assert heard.shape == codes.shape == (3, STEPS)
    # A tie between two codes may fall either way in another order of sums; the last hop was cut.
    assert (heard == codes)[:, :-1].mean() > 0.99
    assert np.abs(brought.decode(codes, seed=3) - whole.decode(codes, seed=3)).max() < 1e-4
    assert (brought.identity, brought.licence, brought.decoder_steps) == (whole.identity, "user-supplied", 1)


def test_a_codec_from_a_patch_and_a_random_start(patch, place, data):
    """The published system's ablation, exported with the codec of another patch, whose files are copied."""
    train_tokens(data, place / "random_run", RECIPE.with_changes(priming="random"))
    code, said = export(place / "random_run", "random", place / "patches", "--no-torchscript", "--codec", patch[0])
    assert code == 0, said
    folder = place / "patches" / "random"
    manifest = validate(folder)
    assert manifest.model("decoder").sha256 == read_manifest(patch[0]).model("decoder").sha256
    codes, condition = primes_of(folder)
    assert codes.shape == (2, 3, 64)
    assert len(np.unique(codes)) > CONFIG.codebook_size // 2
    np.testing.assert_array_equal(condition, [[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    assert not any(key.startswith("codebook_temperature") for key in manifest.settings)
    assert np.sqrt(np.mean(played(folder, 1) ** 2)) > 1e-3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--decoder-steps", "2"], "--decoder-steps: the spectral codec runs step by step; got 2; allowed: 1"),
        (["--codec", "{patch}", "--decoder-steps", "4"], "--decoder-steps: the decoder of a patch runs in the steps it has there; got 4"),
        (["--decoder-lookahead", "0"], "--decoder-lookahead: the spectral codec waits for one hop"),
        (["--codec", "{patch}", "--decoder-lookahead", "3"], "--decoder-lookahead: the decoder of a patch waits"),
        (["--codebook-temperature", "1,1,1,1"], "--codebook-temperature: more temperatures than codebooks; got 4; allowed: 3 at most"),
        (["--codebook-temperature", "1,4.5"], "--codebook-temperature: no temperature of a codebook; got 4.5; allowed: 0 to 4"),
        (["--codebook-temperature", "nan"], "--codebook-temperature: no temperature of a codebook; got nan"),
        (["--codebook-temperature", "1;2"], "--codebook-temperature: not temperatures; got '1;2'"),
        (["--data", "{place}/nothing"], "nothing: the dataset of the run cannot be read"),
        (["--data", "{other}"], "not the dataset the run learned from"),
        (["--codec", "{other_codec}"], "not the codec of the run's tokens"),
        (["--codec", "x" * 300], "no codec there"),
        (["--channels", "mono"], "--channels: not for this kind of run; got a run of kind tokens"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_what_cannot_be_exported_is_said_before_the_work(arguments, said, run, place, patch, data, other_codec, tmp_path, monkeypatch):
    monkeypatch.setattr("export.tokens.export_codec", None)
    other = shutil.copytree(data, tmp_path / "other")
    smaller = read_dataset(data)
    shutil.rmtree(other)
    write_dataset(other, dataclasses.replace(smaller, clips=smaller.clips[:-1]))
    places = {"patch": patch[0], "place": place, "other": other, "other_codec": other_codec}
    code, complained = export(run, "refused", tmp_path / "out", *(argument.format(**places) for argument in arguments))
    assert code == 2
    assert complained.startswith("export: error: ")
    assert said in complained
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def other_codec(place):
    """Of the same size, with other weights."""
    folder = place / "other_codec"
    folder.mkdir()
    torch.manual_seed(4)
    write_codec(folder, {"codec": "spectral", "config": CONFIG.__dict__, "licence": "CC0-1.0"}, SpectralCodec(CONFIG).state_dict())
    return folder


def test_a_dataset_that_is_gone(run, data, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    meta = json.loads((copy / "meta.json").read_text())
    (copy / "meta.json").write_text(json.dumps(meta | {"dataset": str(tmp_path / "gone")}))
    code, said = export(copy, "refused", tmp_path / "out")
    assert code == 2
    assert "gone: the dataset of the run cannot be read" in said
    assert "--data DATASET" in said


def test_a_name_that_is_no_label_is_said_before_the_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr("export.tokens.export_codec", None)
    copy = shutil.copytree(run, tmp_path / "run")
    meta = json.loads((copy / "meta.json").read_text())
    (copy / "meta.json").write_text(json.dumps(meta | {"classes": ["hiss", "h" * 49]}))
    code, said = export(copy, "refused", tmp_path / "out")
    assert code == 2
    assert "the name of a class cannot be a label" in said
    assert "1 to 48 printable characters" in said


# The published codec.


def test_the_published_codec_plays_with_less_lookahead(dac_patch, dac):
    folder, said = dac_patch
    manifest = validate(folder)
    codec = open_codec(dac[0])
    assert manifest.settings["codec"] == "dac"
    assert manifest.audio.step_frames == 2 * codec.hop_frames
    assert manifest.audio.lookahead_frames == decoder_lookahead_frames(codec, 4) < codec.lookahead_frames
    assert manifest.model("decoder").inputs[0].shape == (1, 4, 2)
    # The table is said, row by row, and stands in the manifest: waiting longer is worth it.
    assert said.count("taps given up") == 1
    errors = [manifest.origin.scores[f"lookahead_{waited}_error_db"] for waited in range(11)]
    assert errors[10] < -100.0 < errors[7] < errors[4] - 3.0 < errors[0] - 6.0
    assert manifest.verify.onnx_max_error <= 1e-4
    one = played(folder, 7)
    assert np.isfinite(one).all()
    assert np.sqrt(np.mean(one**2)) > 1e-3
    assert np.array_equal(one, played(folder, 7))


def test_the_codec_of_a_published_patch(dac_patch, dac, place, monkeypatch):
    monkeypatch.setattr("export.tokens.export_codec", None)
    brought, whole = open_codec(dac_patch[0]), open_codec(dac[0])
    assert (brought.identity, brought.decoder_steps, brought.hop_frames) == (whole.identity, 2, whole.hop_frames)
    with pytest.raises(CodecError, match=r"the patch has no encoder.*--codec CODEC"):
        brought.encode(np.zeros(1000, np.float32))
    for steps, lookahead, what in ((4, None, "--decoder-steps"), (None, 4, "--decoder-lookahead")):
        with pytest.raises(CodecExportError, match=what):
            plan_decoder(brought, brought.codebooks, steps, lookahead)
    with pytest.raises(CodecExportError, match="not the codebooks of the run"):
        plan_decoder(brought, brought.codebooks - 1)
    assert plan_decoder(brought, brought.codebooks, 2) == plan_decoder(brought, brought.codebooks)
    assert export(dac[1], "refused", place / "refused", "--decoder-lookahead", -1)[0] == 2


def test_a_shorter_decoder_is_proved_beside_the_same_one_in_torch(dac, dac_patch):
    codec, folder = open_codec(dac[0]), dac_patch[0]
    manifest = read_manifest(folder)
    entry = manifest.model("decoder")
    inputs, outputs = ({tensor.name: (tensor.dtype, tensor.shape) for tensor in side} for side in (entry.inputs, entry.outputs))
    decoder = ExportedModel("decoder", "onnx", (folder / entry.file).read_bytes(), inputs, outputs, dict(entry.feedback))
    codes, condition = primes_of(folder)
    primes = Primes(codes, condition, ("a",) * len(codes))
    plan = plan_decoder(codec, 4, 2, 4)
    assert decoder_error(codec, decoder, primes, plan) < 1e-4
    # Beside the one that waits for everything it would be refused, as it should.
    assert decoder_error(codec, decoder, primes, dataclasses.replace(plan, lookahead_codes=None)) > 1e-4
