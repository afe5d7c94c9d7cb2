"""What the tokens voice refuses: models, primes and controls that do not fit the manifest or each other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from patches.manifest import Manifest, Tensor
from patches.reader import read_manifest
from realtime.errors import VoiceError
from realtime.voices.tokens import Tokens
from tests import tokens_patch as tiny
from tests.tokens_patch import make_tokens_patch


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokens_patch(tmp_path_factory.mktemp("tokens"))


def other_condition(width: int) -> bytes:
    condition = np.zeros((tiny.PRIMES, width), np.float32)
    return tiny.primes_bytes(condition=condition)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (
            {"primes": other_condition(4)},
            r"primes\.npz: array condition does not fit the patch; got float32 \(4, 4\); allowed: float \(4, 5\)",
        ),
        ({"primes": tiny.primes_bytes(codes=np.zeros((4, 4, 3), np.int16))}, r"array codes does not fit .* got int16 \(4, 4, 3\)"),
        ({"primes": tiny.primes_bytes(codes=np.full((4, 4, 24), 32, np.int16))}, r"what is no code; got 32 to 32; allowed: -1 to 31"),
        ({"primes": tiny.primes_bytes(codes=np.zeros((4, 4, 24), np.float32))}, r"array codes does not fit .* got float32"),
        ({"primes": tiny.primes_bytes(condition=np.full((4, 5), np.inf, np.float32))}, r"a condition that is infinite; got prime 1"),
        ({"step_short": tiny.step_bytes()}, r"step_short\.onnx: its inputs are not those of the manifest"),
        ({"step": tiny.decoder_bytes()}, r"step\.onnx: its inputs are not those of the manifest"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, replaced: dict[str, bytes], message: str) -> None:
    folder = make_tokens_patch(tmp_path, "wrong", **replaced)
    with pytest.raises(VoiceError, match=message):
        Tokens(folder, read_manifest(folder)).prepare()


def shaped(manifest: Manifest, role: str, **shapes: tuple[str, tuple[int, ...]]) -> Manifest:
    """The manifest with other tensors in one model."""

    def changed(tensor: Tensor) -> Tensor:
        dtype, shape = shapes.get(tensor.name, (tensor.dtype, tensor.shape))
        return replace(tensor, dtype=dtype, shape=shape)

    models = tuple(
        replace(m, inputs=tuple(map(changed, m.inputs)), outputs=tuple(map(changed, m.outputs))) if m.role == role else m
        for m in manifest.models
    )
    return replace(manifest, models=models)


@pytest.mark.parametrize(
    ("role", "shapes", "message"),
    [
        (
            "step",
            {"condition": ("float32", (1, 6))},
            r"step\.onnx: input condition does not fit the patch's settings; got .*\(1, 6\).*; allowed: .*\(1, 5\)",
        ),
        ("step", {"codes": ("int64", (2, 4))}, r"step\.onnx: no input codes of shape \(1, K\); got \(2, 4\)"),
        ("step", {"keys_1": ("float32", (1, 2, 8, 4))}, r"step\.onnx: caches of one shape are needed"),
        ("step_int8", {"keys_1": ("float32", (1, 2, 8, 4))}, r"step_int8\.onnx: its inputs are not those of step\.onnx"),
        ("step_short", {"keys_0": ("float32", (1, 2, 99, 4))}, r"step_short\.onnx: not a shorter window"),
        ("decoder", {"codes": ("int64", (1, 5))}, r"decoder\.onnx: input codes does not fit the token model; got int64 \(1, 5\)"),
        ("decoder", {"audio": ("float32", (1, 255))}, r"decoder\.onnx: output audio is not what the manifest's audio says"),
        ("decoder", {"noise": ("int64", (1, 256))}, r"decoder\.onnx: inputs nobody fills; got noise"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(folder: Path, role: str, shapes: dict[str, tuple[str, tuple[int, ...]]], message: str) -> None:
    voice = Tokens(folder, shaped(read_manifest(folder), role, **shapes))
    with pytest.raises(VoiceError, match=message):
        voice.prepare()


def test_controls_that_do_not_fit_the_settings_are_refused(folder: Path) -> None:
    manifest = read_manifest(folder)
    with pytest.raises(
        VoiceError, match=r"its controls do not fit its settings; got class_wind, .*; allowed: 4 of class_…, then 2 parameters"
    ):
        Tokens(folder, replace(manifest, settings=dict(manifest.settings) | {"classes": 4}))


def test_the_page_names_the_tensors_of_a_step() -> None:
    """`docs/patch-format.md` against the small step, which the voice plays."""
    page = (Path(__file__).parents[3] / "docs" / "patch-format.md").read_text(encoding="utf-8")
    section = page.split("## The models of tokens\n")[1].split("| array of")[0]
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    said = {name.strip(): (dtype.strip(), shape.strip()) for names, dtype, shape in rows for name in names.replace("`", "").split(",")}
    letters = {"K": tiny.BOOKS, "C": tiny.CLASSES + tiny.PARAMETERS, "H": tiny.HEADS, "W": tiny.WINDOW, "d": tiny.HEAD_SIZE, "1": 1}
    inputs, outputs = tiny.step_shapes()
    for name, (dtype, shape) in (inputs | outputs).items():
        row = said[name.replace("_0", "_i").replace("_1", "_i")]
        assert row[0] == dtype
        assert tuple(letters[part.strip()] for part in row[1].split(",")) == shape
    assert said.keys() == {name.replace("_0", "_i").replace("_1", "_i") for name in inputs | outputs}
