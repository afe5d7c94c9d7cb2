import numpy as np
import pytest
import torch

from tests.dac_reference import odd_codec, tiny_codec, vectors
from training.codecs import dac
from training.codecs.dac_model import DacModel
from training.codecs.errors import CodesError

# Measured: 1.8e-7.
DECODED_ERROR = 1e-6


def test_codes_are_those_of_the_reference() -> None:
    reference = vectors()
    codes = tiny_codec().encode(reference["audio"])
    assert codes.dtype == np.int64
    assert codes.shape == reference["codes"].shape
    assert (codes == reference["codes"]).mean() >= 0.999


@pytest.mark.parametrize(("codebooks", "name"), [(9, "decoded_9"), (4, "decoded_first4")])
def test_sound_is_that_of_the_reference(codebooks: int, name: str) -> None:
    decoded = tiny_codec().decode(vectors()["codes"][:codebooks])
    assert decoded.dtype == np.float32
    assert np.abs(decoded - vectors()[name]).max() < DECODED_ERROR


def test_pieces_meet_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dac, "PIECE_STEPS", 37)
    reference = vectors()
    assert (tiny_codec().encode(reference["audio"]) == reference["codes"]).mean() >= 0.999
    assert np.abs(tiny_codec().decode(reference["codes"]) - reference["decoded_9"]).max() < DECODED_ERROR
    codes = np.random.default_rng(0).integers(0, 16, (3, 100))
    pieces = odd_codec().decode(codes)
    monkeypatch.setattr(dac, "PIECE_STEPS", 1000)
    assert np.abs(pieces - odd_codec().decode(codes)).max() < 1e-5


@pytest.mark.parametrize("frames", [0, 1, 511, 512, 513])
def test_sound_of_any_length_has_a_code_per_hop_begun(frames: int) -> None:
    codes = tiny_codec().encode(vectors()["audio"][:frames])
    assert codes.shape == (9, -(-frames // 512))
    assert tiny_codec().decode(codes).shape == (codes.shape[1] * 512,)


def test_missing_codes_add_nothing() -> None:
    codes = vectors()["codes"].astype(np.int64)
    silent = codes.copy()
    silent[4:] = -1
    assert np.array_equal(tiny_codec().decode(silent), tiny_codec().decode(codes[:4]))


def test_seed_changes_nothing() -> None:
    codes = vectors()["codes"][:, :8]
    assert np.array_equal(tiny_codec().decode(codes, seed=1), tiny_codec().decode(codes, seed=2))


@pytest.mark.parametrize("codes", [np.zeros((10, 4), int), np.zeros(4, int), np.full((9, 4), 1024), np.full((9, 4), -2), np.zeros((9, 4))])
def test_codes_of_another_codec_are_refused(codes: np.ndarray) -> None:
    with pytest.raises(CodesError):
        tiny_codec().decode(codes)


def test_stereo_is_no_sound() -> None:
    with pytest.raises(TypeError, match="mono"):
        tiny_codec().encode(np.zeros((100, 2), np.float32))


@pytest.mark.parametrize("codec", [tiny_codec, odd_codec])
def test_reach_of_the_decoder_is_as_stated(codec) -> None:
    """A changed code is heard as early as the stated look-ahead, and not one frame earlier."""
    model: DacModel = codec().model
    codes = torch.from_numpy(np.random.default_rng(1).integers(0, 16, (1, 3, 40)))
    z = model.quantizer.latent(codes).requires_grad_(True)
    reach, hop = model.config.decoder_reach_frames, model.config.hop_frames
    heard = 25 * hop - reach  # the earliest frame that step 25 may reach
    sound = model.decoder(z)[0, 0]
    assert torch.autograd.grad(sound[heard], z, retain_graph=True)[0][0, :, 25].abs().max() > 0.0
    assert torch.autograd.grad(sound[heard - 1], z)[0][0, :, 25:].abs().max() == 0.0


def test_published_lookahead() -> None:
    assert tiny_codec().lookahead_frames == 4757  # 9.29 steps of 512: 108 ms
