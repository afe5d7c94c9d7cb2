"""The published codec behind the codec interface: whole sounds in, whole sounds out, a piece at a time. It does not know `.dac` files."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.codecs.codec import Codes, Sound, read_codec_weights
from training.codecs.dac_model import DacModel
from training.codecs.dac_weights import build_dac, read_config
from training.codecs.errors import CodesError

__all__ = ["DacCodec", "load_dac"]

# A piece of sound that is computed at once: at full size 5 s need about 1 GB.
PIECE_STEPS = 430


def load_dac(folder: Path, meta: dict[str, Any]) -> "DacCodec":
    """Return the codec that ``codec-import`` wrote to a folder.

    Raises
    ------
    MissingCodecError, DamagedCodecError
        As `read_codec_weights`.
    WrongArchitectureError, CodebookCountError
        The weights do not fit the config.
    """
    config = read_config(meta["config"], folder)
    model = build_dac(config, read_codec_weights(folder, meta), folder)
    return DacCodec(model, meta["checkpoint_sha256"], meta["licence"])


class DacCodec:
    """The published codec, offline.

    Parameters
    ----------
    model : DacModel
    identity, licence : str
        As in `Codec`.

    Attributes
    ----------
    lookahead_frames : int
        Of the decoder that streams exactly: 9.3 steps, 4757 frames, at 44.1 kHz.
    """

    kind = "dac"

    def __init__(self, model: DacModel, identity: str, licence: str) -> None:
        self.model, self.identity, self.licence = model, identity, licence
        config = model.config
        self.sample_rate_hz = config.sample_rate
        self.hop_frames = config.hop_frames
        self.codebooks = config.n_codebooks
        self.codebook_size = config.codebook_size
        self.lookahead_frames = config.decoder_reach_frames

    def encode(self, audio: Sound) -> Codes:
        """Return the codes of a sound, (T,) -> (K, ceil(T / hop)), the end filled up with zeros."""
        sound = np.asarray(audio, np.float32)
        if sound.ndim != 1:
            raise TypeError(f"audio has shape {sound.shape}; it must be mono, (T,)")
        steps, hop = -(-len(sound) // self.hop_frames), self.hop_frames
        padded = np.zeros(steps * hop, np.float32)
        padded[: len(sound)] = sound
        codes = np.zeros((self.codebooks, steps), np.int64)
        reach = -(-self.model.config.encoder_reach_frames // hop)
        with torch.no_grad():
            for start in range(0, steps, PIECE_STEPS):
                # Neighbours within reach are computed along and cut off: the pieces meet as if there were one.
                stop, first = min(start + PIECE_STEPS, steps), max(start - reach, 0)
                piece = torch.from_numpy(padded[first * hop : (stop + reach) * hop])
                codes[:, start:stop] = self.model.encode(piece[None, None])[0, :, start - first : stop - first].numpy()
        return codes

    def decode(self, codes: Codes, seed: int = 0) -> Sound:
        """Return the sound of codes, (k <= K, S) -> (S * hop,); -1 is no code.

        Nothing in this decoder is drawn, so every seed gives the same sound.

        Raises
        ------
        CodesError
        """
        values = self.checked(codes)
        steps, hop = values.shape[1], self.hop_frames
        sound = np.zeros(steps * hop, np.float32)
        reach = -(-self.model.config.decoder_reach_frames // hop)
        with torch.no_grad():
            for start in range(0, steps, PIECE_STEPS):
                stop, first = min(start + PIECE_STEPS, steps), max(start - reach, 0)
                piece = self.model.decode(torch.from_numpy(values[None, :, first : stop + reach]))[0, 0]
                # With an odd rate the last frames of a clip do not exist; they stay zero.
                cut = piece[(start - first) * hop : (stop - first) * hop].numpy()
                sound[start * hop : start * hop + len(cut)] = cut
        return sound

    def checked(self, codes: NDArray[Any]) -> Codes:
        """Return codes as int64 if this codec can have made them; raises CodesError."""
        values = np.asarray(codes)
        if values.ndim != 2 or not 1 <= len(values) <= self.codebooks or values.dtype.kind not in "iu":
            got = f"shape {values.shape} of {values.dtype}"
            raise CodesError("these cannot be codes of this codec", got=got, allowed=f"(1 to {self.codebooks}, steps) whole numbers")
        values = values.astype(np.int64)
        if values.size and not (values.min() >= -1 and values.max() < self.codebook_size):
            raise CodesError("a code is outside of its codebook", got=int(np.abs(values).max()), allowed=f"-1 to {self.codebook_size - 1}")
        return values
