"""A real codec small enough for tests: bands of each hop's spectrum, quantised in even steps of level. Deterministic, NumPy only."""

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np

RATE_HZ = 8_000
HOP_FRAMES = 64


class TinyCodec:
    """See `training.codecs.codec.Codec`: each codebook is the level of one band, in steps of 3 dB."""

    kind = "spectral"
    licence = "CC0-1.0"
    sample_rate_hz = RATE_HZ
    hop_frames = HOP_FRAMES
    codebooks = 3
    codebook_size = 32
    lookahead_frames = 0

    def __init__(self, identity: str = "7" * 64):
        self.identity = identity
        self.encoded = 0

    def encode(self, audio):
        """(T,) -> (3, ceil(T / 64))."""
        self.encoded += 1
        steps = -(-len(audio) // HOP_FRAMES)
        padded = np.zeros(steps * HOP_FRAMES, np.float32)
        padded[: len(audio)] = audio
        spectrum = np.abs(np.fft.rfft(padded.reshape(steps, HOP_FRAMES), axis=1))[:, 1:]  # (S, 32)
        bands = np.stack([band.mean(axis=1) for band in np.split(spectrum, (4, 12), axis=1)])  # (3, S)
        return np.clip(np.round((20.0 * np.log10(bands + 1e-9) + 60.0) / 3.0), 0, 31).astype(np.int64)

    def decode(self, codes, seed=0):
        """(k, S) -> (S * 64,): a tone in the middle of each band."""
        levels = 10.0 ** ((np.repeat(codes, HOP_FRAMES, axis=1) * 3.0 - 60.0) / 20.0)
        times = np.arange(levels.shape[1]) / RATE_HZ
        tones = np.sin(2.0 * np.pi * np.array([[300.0], [1000.0], [2700.0]])[: len(codes)] * times)
        return (levels * tones / HOP_FRAMES).sum(axis=0).astype(np.float32)


def open_tiny(where: str | Path) -> TinyCodec:
    """A `training.codecs.codec.open_codec` that has one codec, and can be pickled; `where` becomes its identity."""
    return TinyCodec(str(where) if len(str(where)) == 64 else "7" * 64)


class StruckCodec(TinyCodec):
    """Gets Ctrl-C as it encodes, as every process of a terminal does; the test's own process is left alone."""

    def encode(self, audio):
        """As `TinyCodec.encode`."""
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGINT)
        return super().encode(audio)


def open_struck(where: str | Path) -> StruckCodec:
    """See `open_tiny`."""
    return StruckCodec()
