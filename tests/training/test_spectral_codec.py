"""The spectral codec: streaming proved, and the losses that shape it."""

import json

import numpy as np
import pytest
import torch

from training.codecs.codec import open_codec, read_codec_meta, write_codec
from training.codecs.errors import CodesError, DamagedCodecError, MissingCodecError, OtherCodecError
from training.codecs.losses import SpectralFeatures, energy_distance, level_distance, log_mel_distance, roughness_distance
from training.codecs.quantiser import ResidualQuantiser
from training.codecs.spectral import HOP_FRAMES, LOOKAHEAD_FRAMES, SAMPLE_RATE_HZ, SpectralCodec, SpectralConfig, SpectralDecoder

CONFIG = SpectralConfig(size=16, encoder_blocks=2, decoder_blocks=2, kernel=3, expansion=2, codebooks=3, codebook_size=32, code_size=4)
STEPS = 24


@pytest.fixture(scope="module")
def codec():
    torch.manual_seed(3)
    model = SpectralCodec(CONFIG).eval()
    with torch.no_grad():
        # Louder than an untrained codec, so that an error would be heard.
        model.decoder.gains.bias += 3.0
        model.decoder.tones.bias += 3.0
    return model


@pytest.fixture(scope="module")
def audio():
    return 0.1 * torch.randn(1, STEPS * HOP_FRAMES, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def folder(codec, tmp_path):
    write_codec(tmp_path, {"codec": "spectral", "config": CONFIG.__dict__, "licence": "CC0-1.0"}, codec.state_dict())
    return tmp_path


@torch.no_grad()
def encode_in_chunks(codec, audio, chunk):
    state, codes = codec.encoder.initial_state(), []
    for first in range(0, STEPS, chunk):
        vectors, state = codec.encoder(audio[:, first * HOP_FRAMES : (first + chunk) * HOP_FRAMES], state)
        codes.append(codec.quantiser.encode(vectors))
    return torch.cat(codes, 2)


@torch.no_grad()
def decode_in_chunks(codec, codes, noise, chunk):
    state, sounds = codec.decoder.initial_state(), []
    for first in range(0, STEPS, chunk):
        part = slice(first, first + chunk)
        sound, state = codec.decoder(codec.quantiser.decode(codes[:, :, part]), noise[:, part], state)
        sounds.append(sound)
    return torch.cat(sounds, 1)


@pytest.mark.parametrize("chunk", [1, 2, 5, 7, STEPS])
def test_chunks_equal_the_whole(codec, audio, chunk):
    codes = codec.encode(audio)
    noise = torch.randn(SpectralDecoder.noise_shape(1, STEPS), generator=torch.Generator().manual_seed(2))
    assert torch.equal(encode_in_chunks(codec, audio, chunk), codes)
    whole = codec.decode(codes, noise).detach()
    assert whole.square().mean().sqrt() > 0.05
    assert (decode_in_chunks(codec, codes, noise, chunk) - whole).abs().max() < 1e-5


def test_the_encoder_hears_nothing_of_the_future(codec, audio):
    changed = audio.clone()
    changed[:, 10 * HOP_FRAMES :] += 0.5
    before, after = codec.encode(audio), codec.encode(changed)
    assert torch.equal(before[:, :, :10], after[:, :, :10])
    assert not torch.equal(before[:, :, 10:], after[:, :, 10:])


def test_a_code_sounds_at_once_and_never_before(codec, audio):
    codes = codec.encode(audio)
    noise = torch.randn(SpectralDecoder.noise_shape(1, STEPS))
    changed = codes.clone()
    changed[:, :, 10:] = (changed[:, :, 10:] + 7) % CONFIG.codebook_size
    difference = (codec.decode(codes, noise) - codec.decode(changed, noise)).abs().detach()[0].reshape(STEPS, HOP_FRAMES).amax(1)
    assert difference[:10].max() == 0.0
    assert difference[10] > 1e-4


def test_a_fresh_state_is_a_reset(codec, audio):
    noise = torch.randn(SpectralDecoder.noise_shape(1, STEPS))
    codes = codec.encode(audio)
    assert torch.equal(codec.decode(codes, noise), codec.decode(codes, noise))


def test_unit_gain_makes_noise_of_unit_level(codec):
    steps = 40
    gains = torch.zeros(1, steps, 4, 257)
    silence = torch.full((1, steps, 2, 2, 513), -20.0)
    noise = torch.randn(SpectralDecoder.noise_shape(1, steps), generator=torch.Generator().manual_seed(0))
    state = codec.decoder.initial_state()
    sound, _ = codec.decoder.speak(silence, gains, noise, state[:2])
    assert sound[:, HOP_FRAMES:].square().mean().sqrt() == pytest.approx(1.0, abs=0.05)


def test_steady_tones_have_the_level_they_say(codec):
    steps = 20
    tones = torch.full((1, steps, 2, 2, 513), -30.0)
    tones[:, :, 1] = 0.0
    tones[:, :, 0, :, 0] = 0.0  # a constant: every frame says the same
    sound, _ = codec.decoder.speak(
        tones, torch.full((1, steps, 4, 257), -30.0), torch.zeros(1, steps, 2, 4, 257), codec.decoder.initial_state()[:2]
    )
    middle = sound[0, 4 * HOP_FRAMES : -HOP_FRAMES]
    assert middle.std() < 1e-4 * middle.abs().max()


def test_open_codec_streams_to_files_of_any_length(folder):
    opened = open_codec(folder)
    sound = 0.1 * np.random.default_rng(0).standard_normal(5 * HOP_FRAMES + 17).astype(np.float32)
    codes = opened.encode(sound)
    assert codes.shape == (3, 6)
    assert opened.decode(codes).shape == (6 * HOP_FRAMES,)
    assert np.array_equal(opened.decode(codes, seed=4), opened.decode(codes, seed=4))
    assert not np.array_equal(opened.decode(codes, seed=4), opened.decode(codes, seed=5))
    assert opened.decode(codes[:1]).shape == (6 * HOP_FRAMES,)
    assert opened.encode(np.zeros(0, np.float32)).shape == (3, 0)
    assert (opened.kind, opened.sample_rate_hz, opened.lookahead_frames) == ("spectral", SAMPLE_RATE_HZ, LOOKAHEAD_FRAMES)


def test_pieces_equal_the_whole(folder, monkeypatch):
    opened = open_codec(folder)
    sound = 0.1 * np.random.default_rng(0).standard_normal(9 * HOP_FRAMES).astype(np.float32)
    codes, decoded = opened.encode(sound), opened.decode(opened.encode(sound))
    monkeypatch.setattr("training.codecs.spectral_codec.PIECE_STEPS", 2)
    assert np.array_equal(opened.encode(sound), codes)
    assert np.abs(opened.decode(codes) - decoded).max() < 1e-5


@pytest.mark.parametrize("codes", [np.zeros((4, 2)), np.zeros(3), np.full((3, 2), 32), np.full((3, 2), -2)])
def test_impossible_codes_are_named(folder, codes):
    with pytest.raises(CodesError):
        open_codec(folder).decode(codes)


def test_what_is_no_codec_is_named(folder, tmp_path):
    with pytest.raises(MissingCodecError, match="no codec there"):
        read_codec_meta(tmp_path / "nothing")
    with pytest.raises(MissingCodecError, match="slug of a patch"):
        open_codec(tmp_path / "nothing")
    meta = json.loads((folder / "meta.json").read_text())

    def say(**changes):
        (folder / "meta.json").write_text(json.dumps(meta | changes))

    say(kind="sequencer")
    with pytest.raises(OtherCodecError, match="not a codec"):
        open_codec(folder)
    say(codec="opus")
    with pytest.raises(OtherCodecError, match="opus"):
        open_codec(folder)
    say(codec=[])
    with pytest.raises(OtherCodecError, match="codec \\[\\]"):
        open_codec(folder)
    say(config=meta["config"] | {"size": 17})
    with pytest.raises(DamagedCodecError, match="do not fit"):
        open_codec(folder)
    say(config={"width": 3})
    with pytest.raises(DamagedCodecError, match="not the config"):
        open_codec(folder)
    say()
    weights = folder / "checkpoint.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(DamagedCodecError, match="not the weights"):
        open_codec(folder)
    weights.unlink()
    with pytest.raises(MissingCodecError, match="no weights"):
        open_codec(folder)
    (folder / "meta.json").write_text("{")
    with pytest.raises(DamagedCodecError, match="not JSON"):
        open_codec(folder)


# The quantiser.


def test_a_code_left_out_says_nothing():
    quantiser = ResidualQuantiser(8, 3, 16, 4)
    codes = torch.randint(0, 16, (2, 3, 5))
    left_out = codes.clone()
    left_out[:, 1:] = -1
    assert torch.allclose(quantiser.decode(left_out), quantiser.decode(codes[:, :1]))
    assert quantiser.decode(torch.full((1, 3, 2), -1)).abs().max() == 0.0


def test_encoding_is_what_training_saw():
    quantiser = ResidualQuantiser(8, 3, 16, 4).eval()
    vectors = torch.randn(2, 5, 8)
    quantised = quantiser(vectors)
    assert torch.equal(quantised.codes, quantiser.encode(vectors))
    assert torch.allclose(quantised.vectors, quantiser.decode(quantised.codes), atol=1e-5)


def test_dead_codes_are_put_where_the_data_is():
    torch.manual_seed(0)
    quantiser = ResidualQuantiser(4, 1, 64, 4)
    codebook = quantiser.codebooks[0]
    with torch.no_grad():
        codebook.vectors.copy_(torch.tensor([[-1.0, 0, 0, 0]]).repeat(64, 1))
        codebook.vectors[0] = torch.tensor([1.0, 0, 0, 0])
    vectors = torch.randn(1, 512, 4)
    for _ in range(200):
        quantiser(vectors)
    assert len(quantiser.encode(vectors).unique()) > 40


def test_the_gradient_reaches_the_encoder():
    quantiser = ResidualQuantiser(8, 2, 16, 4)
    vectors = torch.randn(1, 5, 8, requires_grad=True)
    quantiser(vectors).vectors.sum().backward()
    assert vectors.grad.abs().sum() > 0


# The losses.


def noise(seed, frames=SAMPLE_RATE_HZ):
    return 0.1 * torch.randn(2, frames, generator=torch.Generator().manual_seed(seed))


def test_the_energy_distance_prefers_noise_to_its_median():
    """A steady spectrum is nearer to every noise than other noise is, which is what makes codecs whistle; the energy distance disagrees."""
    features = SpectralFeatures(SAMPLE_RATE_HZ)
    real, first, second = (features(noise(seed)) for seed in (1, 2, 3))
    # The median in every bin: what a deterministic decoder tends to.
    steady = [(weight, value.median(1, keepdim=True).values.expand_as(value)) for weight, value in features(noise(4))]
    assert log_mel_distance(real, steady) < log_mel_distance(real, first)
    assert energy_distance(real, steady, steady, 0.0) < energy_distance(real, first, second, 0.0)
    assert energy_distance(real, steady, steady, 1.0) > energy_distance(real, first, second, 1.0)


def test_roughness_hears_tones_in_noise():
    time = torch.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tones = sum(0.02 * torch.sin(2 * torch.pi * 689.06 * k * time) for k in range(1, 20))
    assert roughness_distance(noise(1), noise(2)) < 0.3
    assert roughness_distance(noise(1), noise(2) + tones) > 1.0


def test_the_level_distance_counts_decades():
    features = SpectralFeatures(SAMPLE_RATE_HZ, linear=False)
    assert level_distance(features(noise(1)), features(noise(1))) == 0.0
    assert level_distance(features(noise(1)), features(0.1 * noise(1))) == pytest.approx(1.0, abs=0.05)
