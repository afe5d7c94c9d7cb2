"""The spectral codec as streaming models: equal to torch, small, and without a trace of this machine."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.spectral import HalfForward, HalfInverse, export_spectral
from export.streaming import halve_weights
from export.verify import open_session
from training.codecs.patch_codec import stream_decode
from training.codecs.spectral import HOP_FRAMES, LOOKAHEAD_FRAMES, SpectralCodec, SpectralConfig
from training.codecs.spectral_codec import Spectral
from training.quiet import quiet_torchscript

CONFIG = SpectralConfig(size=16, encoder_blocks=2, decoder_blocks=2, kernel=3, expansion=2, codebooks=3, codebook_size=32, code_size=4)


@pytest.fixture(scope="module")
def codec():
    torch.manual_seed(3)
    model = SpectralCodec(CONFIG).eval()
    with torch.no_grad():
        model.decoder.gains.bias += 3.0
        model.decoder.tones.bias += 3.0
    return Spectral(model, "0" * 64, "CC0-1.0")


@pytest.fixture(scope="module")
def models(codec):
    return {(model.role, model.runtime): model for model in export_spectral(codec.model)}


@pytest.fixture(scope="module")
def sound():
    return 0.1 * np.random.default_rng(0).standard_normal(30 * HOP_FRAMES).astype(np.float32)


def test_the_decoder_repeats_torch(codec, models, sound):
    model, codes = models["decoder", "onnx"], codec.encode(sound)
    streamed = stream_decode(model.entry("decoder.onnx"), model.content, codes, LOOKAHEAD_FRAMES, seed=5)
    assert np.sqrt(np.mean(streamed**2)) > 0.05
    assert np.abs(streamed - codec.decode(codes, seed=5)).max() < 1e-4


def test_the_encoder_repeats_torch(codec, models, sound):
    model = models["encoder", "onnx"]
    session = open_session(model.content)
    state = {name: np.zeros(shape, np.float32) for name, (_, shape) in model.inputs.items() if name.startswith("state")}
    codes = []
    for piece in sound.reshape(-1, 1, HOP_FRAMES):
        results = dict(zip(model.outputs, session.run(list(model.outputs), state | {"audio": piece}), strict=True))
        state = {target: results[source] for source, target in model.feedback.items()}
        codes.append(results["codes"][0])
    # A tie between two codes may fall either way in another order of sums.
    assert (np.stack(codes, 1) == codec.encode(sound)).mean() > 0.99


def test_torchscript_repeats_torch(codec, models, tmp_path):
    model = models["decoder", "torchscript"]
    (tmp_path / "decoder.ts").write_bytes(model.content)
    with quiet_torchscript():
        twin = torch.jit.load(tmp_path / "decoder.ts")
    onnx_session = onnxruntime.InferenceSession(models["decoder", "onnx"].content)
    random = np.random.default_rng(1)
    inputs = {name: random.standard_normal(shape).astype(np.float32) for name, (_, shape) in model.inputs.items()}
    inputs["codes"] = random.integers(0, 32, (1, 3))
    with torch.no_grad():
        made = twin(*map(torch.from_numpy, inputs.values()))
    for a, b in zip(made, onnx_session.run(None, inputs), strict=True):
        assert np.abs(a.numpy() - b).max() < 1e-4


@pytest.mark.parametrize("frames", [16, 512, 1024])
def test_matrices_are_fourier_transforms(frames):
    random = torch.randn(3, frames, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.rfft(random)
    spectrum.imag[:, 0] = spectrum.imag[:, -1] = 0.0
    wanted = torch.fft.irfft(spectrum, norm="ortho") * 0.5**0.5
    assert (HalfInverse(frames)(spectrum.real, spectrum.imag) - wanted).abs().max() < 1e-4 * wanted.abs().max()
    assert (HalfForward(frames)(random) - spectrum.abs()).abs().max() < 1e-4 * spectrum.abs().max()


def test_files_are_small_and_anonymous(codec, models):
    for (_, runtime), model in models.items():
        assert b"/work" not in model.content
        assert b"site-packages" not in model.content
        if runtime == "onnx":
            graph = onnx.load_from_string(model.content).graph
            assert not any(initialiser.name.endswith(("cosines_1024", "sines_1024", "cosines_2048")) for initialiser in graph.initializer)
    weights = sum(parameter.numel() for parameter in codec.model.decoder.parameters())
    assert len(models["decoder", "onnx"].content) < 2 * weights + 400_000


def test_halved_weights_are_exact_in_half_precision():
    layer = torch.nn.Linear(128, 128)
    halve_weights(layer)
    assert torch.equal(layer.weight.half().float(), layer.weight)
    assert not torch.equal(layer.bias.half().float(), layer.bias)


def test_the_same_weights_give_the_same_file(codec, models):
    again = {(model.role, model.runtime): model for model in export_spectral(codec.model)}
    assert again["decoder", "onnx"].content == models["decoder", "onnx"].content
