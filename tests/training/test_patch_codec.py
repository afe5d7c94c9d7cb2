"""The codec of a patch: what is wrong with it is said by name. That it is right is tested where patches are exported."""

import json
from dataclasses import replace

import numpy as np
import pytest

from patches.writer import write_patch
from tests.tokens_patch import BOOKS, HOP_FRAMES, all_files, decoder_bytes, make_tokens_patch, manifest
from training.codecs.codec import open_codec
from training.codecs.errors import CodecError, DamagedCodecError, MissingCodecError

CODES = np.zeros((BOOKS, 3), np.int64)


@pytest.mark.parametrize("steps", [1, 2])
def test_it_decodes_as_its_patch_does(tmp_path, steps):
    codec = open_codec(make_tokens_patch(tmp_path, steps=steps))
    assert (codec.decoder_steps, codec.hop_frames, codec.codebooks) == (steps, HOP_FRAMES, BOOKS)
    assert codec.decode(CODES).shape == (3 * HOP_FRAMES,)
    with pytest.raises(CodecError, match="the patch has no encoder"):
        codec.encode(np.zeros(10, np.float32))


def test_a_file_that_is_not_the_one_listed(tmp_path):
    folder = make_tokens_patch(tmp_path)
    codec = open_codec(folder)
    content = (folder / "decoder.onnx").read_bytes()
    (folder / "decoder.onnx").write_bytes(content[:-1] + b"x")
    with pytest.raises(DamagedCodecError, match=r"decoder\.onnx: the model of the patch cannot be used"):
        codec.decode(CODES)
    (folder / "decoder.onnx").unlink()
    with pytest.raises(DamagedCodecError, match=r"decoder\.onnx"):
        codec.read(codec.manifest.model("decoder"))


def test_a_model_that_does_not_run(tmp_path):
    # The manifest says one step per call, the model wants two.
    folder = make_tokens_patch(tmp_path, decoder=decoder_bytes(2))
    with pytest.raises(DamagedCodecError, match=r"decoder\.onnx: the model of the patch cannot be used"):
        open_codec(folder).decode(CODES)


def test_a_signature_that_is_no_decoders(tmp_path):
    described = manifest("tokens")
    models = []
    for model in described.models:
        if model.role == "decoder":
            model = replace(
                model, inputs=tuple(replace(tensor, name="tokens") if tensor.name == "codes" else tensor for tensor in model.inputs)
            )
        models.append(model)
    folder = write_patch(tmp_path, replace(described, models=tuple(models)), all_files(), "CC0-1.0\n")
    with pytest.raises(DamagedCodecError, match="no decoder of codes"):
        open_codec(folder)


def test_a_manifest_that_is_none(tmp_path):
    folder = make_tokens_patch(tmp_path)
    (folder / "patch.json").write_text(json.dumps({"format": 1}))
    with pytest.raises(DamagedCodecError, match="the patch cannot be read"):
        open_codec(folder)


@pytest.mark.parametrize("where", ["x" * 300, "x/" * 3000, "a\0b", ""])
def test_a_name_that_leads_nowhere(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingCodecError, match="no codec there"):
        open_codec(where)
