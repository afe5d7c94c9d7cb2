"""What the Fréchet distance listens with: log-mel statistics, which need nothing, or CLAP, where its weights are."""

import importlib
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import soxr
from numpy.typing import NDArray

from training.evaluation.errors import EmbeddingUnavailableError
from training.evaluation.spectrum import mel_bands, nearest_power_of_two, power_spectra, to_db

__all__ = ["EMBEDDINGS", "Embedding", "clap", "log_mel"]

Embedding = Callable[[list[NDArray[np.float32]], int], NDArray[np.float64]]
"""Sounds at a sample rate -> one row per second of each, in order."""

BANDS = 64
WINDOW_S = 2048 / 44_100
LOWEST_HZ, HIGHEST_HZ = 30.0, 16_000.0
# 60 dB under a loud texture: what lies below is not heard, and must not be measured as a difference.
FLOOR_DB = -90.0
CLAP_RATE_HZ = 48_000
CLAP_MODEL = "laion/clap-htsat-unfused"


def log_mel(sounds: list[NDArray[np.float32]], sample_rate_hz: int) -> NDArray[np.float64]:
    """Return mean and spread of each mel band's level over every second; shape (seconds, 128)."""
    window = nearest_power_of_two(WINDOW_S * sample_rate_hz)
    filters = mel_bands(sample_rate_hz, window, BANDS, LOWEST_HZ, min(HIGHEST_HZ, 0.45 * sample_rate_hz))
    rows = []
    for piece in _seconds(sounds, sample_rate_hz):
        level = np.maximum(FLOOR_DB, to_db(power_spectra(piece, window, window // 4) @ filters.T))
        rows.append(np.concatenate([np.mean(level, axis=0), np.std(level, axis=0)]))
    return np.array(rows, dtype=np.float64)


def clap(sounds: list[NDArray[np.float32]], sample_rate_hz: int) -> NDArray[np.float64]:
    """Return the CLAP embedding of every second; shape (seconds, 512).

    Raises
    ------
    EmbeddingUnavailableError
        Package or weights are not on this machine; nothing is fetched.
    """
    hint = f"pip install transformers, and fetch the weights once: huggingface-cli download {CLAP_MODEL}; or use --embedding log-mel"
    try:
        transformers = importlib.import_module("transformers")
        torch = importlib.import_module("torch")
        model = transformers.ClapModel.from_pretrained(CLAP_MODEL, local_files_only=True).eval()
        processor = transformers.ClapProcessor.from_pretrained(CLAP_MODEL, local_files_only=True)
    except (ImportError, OSError, ValueError) as error:
        got = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EmbeddingUnavailableError("CLAP is not on this machine", where="--embedding clap", got=got, hint=hint) from error
    rows = []
    with torch.inference_mode():
        for piece in _seconds(sounds, sample_rate_hz):
            audio = soxr.resample(piece, sample_rate_hz, CLAP_RATE_HZ)
            inputs = processor(audios=[audio], sampling_rate=CLAP_RATE_HZ, return_tensors="pt")
            rows.append(model.get_audio_features(**inputs)[0].numpy().astype(np.float64))
    return np.array(rows, dtype=np.float64)


def _seconds(sounds: list[NDArray[np.float32]], sample_rate_hz: int) -> list[NDArray[np.float32]]:
    return [
        np.asarray(sound[start : start + sample_rate_hz], dtype=np.float32)
        for sound in sounds
        for start in range(0, len(sound) - sample_rate_hz + 1, sample_rate_hz)
    ]


EMBEDDINGS: MappingProxyType[str, Embedding] = MappingProxyType({"log-mel": log_mel, "clap": clap})
