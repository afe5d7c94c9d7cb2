"""The `spectral` codec as a `training.codecs.codec.Codec`: NumPy in and out, whole sounds. It does not know training."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from training.codecs.codec import Codes, Sound, fit_weights, read_codec_weights
from training.codecs.errors import CodesError, DamagedCodecError
from training.codecs.spectral import HOP_FRAMES, LOOKAHEAD_FRAMES, SAMPLE_RATE_HZ, SpectralCodec, SpectralConfig

__all__ = ["Spectral", "check_codes", "load_spectral", "spectral_identity"]

# Whole sounds go through in pieces of this many steps, so that an hour needs no more memory than a minute.
PIECE_STEPS = 2048


class Spectral:
    """See `training.codecs.codec.Codec`; `model` is the torch module, `scores` what its training measured."""

    kind = "spectral"
    sample_rate_hz = SAMPLE_RATE_HZ
    hop_frames = HOP_FRAMES
    lookahead_frames = LOOKAHEAD_FRAMES

    def __init__(self, model: SpectralCodec, identity: str, licence: str):
        self.model = model.eval()
        self.scores: dict[str, float] = {}
        self.identity = identity
        self.licence = licence
        self.codebooks = model.config.codebooks
        self.codebook_size = model.config.codebook_size

    @torch.no_grad()
    def encode(self, audio: Sound) -> Codes:
        """Return the codes of a sound, (T,) -> (K, ceil(T / 512))."""
        steps = -(-len(audio) // HOP_FRAMES)
        padded = np.zeros(steps * HOP_FRAMES, np.float32)
        padded[: len(audio)] = audio
        state, codes = self.model.encoder.initial_state(), [np.zeros((self.codebooks, 0), np.int64)]
        for first in range(0, steps, PIECE_STEPS):
            piece = torch.from_numpy(padded[None, first * HOP_FRAMES : (first + PIECE_STEPS) * HOP_FRAMES])
            vectors, state = self.model.encoder(piece, state)
            codes.append(self.model.quantiser.encode(vectors)[0].numpy())
        return np.concatenate(codes, axis=1)

    @torch.no_grad()
    def decode(self, codes: Codes, seed: int = 0) -> Sound:
        """Return the sound of codes, (k, S) -> (S * 512,); the noise follows from the seed."""
        codes = check_codes(codes, self.codebooks, self.codebook_size)
        random = np.random.Generator(np.random.PCG64(seed))
        steps = codes.shape[1]
        # The decoder is one hop behind: the step after the last one says the end of it.
        codes = np.concatenate([codes, np.full((len(codes), 1), -1, np.int64)], axis=1)
        state, sounds = self.model.decoder.initial_state(), []
        for first in range(0, steps + 1, PIECE_STEPS):
            piece = torch.from_numpy(codes[None, :, first : first + PIECE_STEPS])
            noise = random.standard_normal(self.model.decoder.noise_shape(1, piece.shape[2]), dtype=np.float32)
            sound, state = self.model.decoder(self.model.quantiser.decode(piece), torch.from_numpy(noise), state)
            sounds.append(sound[0].numpy())
        return np.concatenate(sounds)[HOP_FRAMES : (steps + 1) * HOP_FRAMES]


def load_spectral(folder: Path, meta: dict[str, Any]) -> Spectral:
    """Open a codec folder that `training.codec_run` wrote; raises DamagedCodecError, MissingCodecError."""
    try:
        config = SpectralConfig(**meta["config"])
        model = SpectralCodec(config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DamagedCodecError("not the config of a spectral codec", where=folder / "meta.json", got=str(error)) from error
    fit_weights(folder, read_codec_weights(folder, meta), model.load_state_dict)
    codec = Spectral(model, spectral_identity(model), meta["licence"])
    codec.scores = _scores(meta)
    return codec


def _scores(meta: dict[str, Any]) -> dict[str, float]:
    """Return what a training said of its codec on held-out sound, and the time of all its stages."""
    scores = meta.get("scores")
    if not isinstance(scores, dict):
        return {}
    spent = [stage.get("training_seconds") for stage in [*meta.get("start", []), meta]]
    total = sum(float(seconds) for seconds in spent if isinstance(seconds, int | float))
    kept = {"log_mel": "validation_log_mel", "level_db": "validation_level_db", "roughness_db": "validation_roughness_db"}
    found = {f"codec_{name}": float(scores[key]) for name, key in kept.items() if isinstance(scores.get(key), int | float)}
    return found | {"codec_training_seconds": round(total, 1)}


def spectral_identity(model: SpectralCodec) -> str:
    """Return the SHA-256 of what makes the codes, encoder and codebooks: another decoder speaks the same ones."""
    made_by = {name: weight for name, weight in model.named_parameters() if not name.startswith("decoder.")}
    content = safetensors.torch.save({name: weight.detach().contiguous() for name, weight in sorted(made_by.items())})
    return hashlib.sha256(content).hexdigest()


def check_codes(codes: Codes, codebooks: int, codebook_size: int) -> Codes:
    """Return codes as int64 (k, S); raises CodesError where this codec cannot have made them (-1 is a code left out)."""
    codes = np.asarray(codes, np.int64)
    if codes.ndim != 2 or not 1 <= len(codes) <= codebooks:
        raise CodesError("codes of another shape", got=str(codes.shape), allowed=f"1 to {codebooks} rows")
    if codes.size and not -1 <= codes.min() <= codes.max() < codebook_size:
        raise CodesError("codes out of range", got=f"{codes.min()} to {codes.max()}", allowed=f"-1 to {codebook_size - 1}")
    return codes
