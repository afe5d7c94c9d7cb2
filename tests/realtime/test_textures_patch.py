"""The bundled patch `textures`: what a performer relies on, on the patch itself."""

import numpy as np
import pytest

from patches.library import bundled_folder
from patches.reader import read_manifest
from realtime.options import DEFAULT_PATCH
from realtime.render import RenderConfig, render
from realtime.setup import DeckSetup, Setup
from realtime.voices.voice import make_voice

FOLDER = bundled_folder() / "textures"
LIMIT_BYTES = 24 * 2**20
CLASSES = ("wind", "rain", "bees", "pistons", "applause", "fire")
PARAMETERS = {"strength", "gustiness", "density", "agitation", "swarm", "rate", "crowd", "intensity"}


@pytest.fixture(scope="module")
def manifest():
    return read_manifest(FOLDER)


def rendered(seconds=2.0, seed=7, block=1024, **controls):
    values = {f"class_{name}": float(name == "wind") for name in CLASSES} | controls
    setup = Setup(decks=(DeckSetup("textures", controls=tuple(values.items())),))
    return np.concatenate([frames.copy() for frames in render(setup, RenderConfig(seconds, seed, 44100, block))])


def level_db(audio):
    return 10.0 * np.log10(np.mean(np.square(audio[len(audio) // 4 :])) + 1e-12)


def test_it_is_the_default_and_small():
    assert DEFAULT_PATCH == "textures"
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= LIMIT_BYTES


def test_the_manifest_says_what_can_be_played(manifest):
    controls = {control.id for control in manifest.controls}
    assert {f"class_{name}" for name in CLASSES} | PARAMETERS <= controls
    assert {"temperature", "top_k", "top_p", "prime"} <= controls
    assert all(control.smoothing_ms == 0.0 for control in manifest.controls)
    assert {entry.role for entry in manifest.entries} >= {"step", "step_int8", "step_light", "decoder", "encoder", "primes"}
    assert manifest.verify.onnx_max_error <= 1e-4
    assert manifest.origin.scores["int8_loss_added"] < 0.01
    assert manifest.licence.weights == "CC0-1.0"
    assert "unknown" not in manifest.origin.git


def test_renders_repeat_whatever_the_block():
    one, two = rendered(), rendered(block=333)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, rendered(seed=8))
    assert np.isfinite(one).all()
    assert -40.0 < level_db(one) < -10.0
    assert np.abs(one).max() < 1.0


@pytest.mark.parametrize(("name", "parameter"), [("wind", "strength"), ("fire", "intensity"), ("bees", "swarm"), ("applause", "crowd")])
def test_parameters_are_heard(name, parameter):
    """These four also raise the level; the evaluation hears all eight (docs/log.md)."""
    playing = {"class_wind": 0.0, f"class_{name}": 1.0}
    assert (
        level_db(rendered(seconds=3.0, **(playing | {parameter: 0.0})))
        < level_db(rendered(seconds=3.0, **(playing | {parameter: 1.0}))) - 3.0
    )


def test_a_class_changes_at_the_next_step(manifest):
    """Two voices, equal until a fader moves: the frames of that very step differ."""
    voices = [make_voice(FOLDER, manifest) for _ in range(2)]
    values = np.array([control.default for control in manifest.controls], np.float32)
    for voice in voices:
        voice.prepare()
        voice.reset(3)
    outs = [np.zeros((voice.step_frames, 1), np.float32) for voice in voices]
    for _ in range(8):
        for voice, out in zip(voices, outs, strict=True):
            voice.step(values, False, out)
        assert np.array_equal(*outs)
    moved = values.copy()
    order = [control.id for control in manifest.controls]
    moved[order.index("class_wind")], moved[order.index("class_pistons")] = 0.0, 1.0
    voices[0].step(values, False, outs[0])
    voices[1].step(moved, False, outs[1])
    assert not np.array_equal(*outs)


def test_every_mode_plays(manifest):
    voice = make_voice(FOLDER, manifest)
    voice.prepare()
    assert len(voice.modes) == 4
    values = np.array([control.default for control in manifest.controls], np.float32)
    out, levels = np.zeros((voice.step_frames, 1), np.float32), []
    for mode in range(4):
        voice.set_mode(mode)
        powers = []
        for _ in range(90):
            voice.step(values, False, out)
            powers.append(np.mean(np.square(out)))
        levels.append(10.0 * np.log10(np.mean(powers[10:])))
    assert max(levels) - min(levels) < 12.0
    assert voice.faults == 0
