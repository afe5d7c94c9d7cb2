"""Spectra of a sound: frames, powers and mel bands; everything here is numpy and knows no judge."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from training.one_librosa import librosa

__all__ = ["level_db", "mel_bands", "nearest_power_of_two", "power_spectra", "to_db"]

Array = NDArray[np.float32]
TINY = 1e-12


def to_db(power: Array | float) -> Array:
    """Return a power in dB; nothing at all is -120 dB."""
    return 10.0 * np.log10(np.asarray(power, dtype=np.float64) + TINY)


def level_db(audio: Array) -> float:
    """Return the RMS level in dBFS."""
    return float(to_db(np.mean(np.square(audio, dtype=np.float64))))


def nearest_power_of_two(frames: float) -> int:
    """Return the power of two nearest to a number of frames, on a logarithmic scale."""
    return 1 << max(0, round(float(np.log2(frames))))


@lru_cache(maxsize=32)
def mel_bands(sample_rate_hz: int, window_frames: int, bands: int, low_hz: float = 0.0, high_hz: float | None = None) -> Array:
    """Return slaney's mel filters; float32 array, shape (bands, bins)."""
    return librosa.filters.mel(sr=sample_rate_hz, n_fft=window_frames, n_mels=bands, fmin=low_hz, fmax=high_hz)


def power_spectra(audio: Array, window_frames: int, hop_frames: int) -> Array:
    """Return the power of each bin of each Hann window; a full-scale sine comes out near 1/2, whatever the window.

    Parameters
    ----------
    audio : float32 array, shape (T,)
        Shorter than a window: zeros follow it.
    window_frames, hop_frames : int

    Returns
    -------
    float32 array, shape (windows, bins)
    """
    if len(audio) < window_frames:
        audio = np.pad(audio, (0, window_frames - len(audio)))
    window = _hann(window_frames)
    frames = np.lib.stride_tricks.sliding_window_view(audio, window_frames)[::hop_frames]
    spectra = fft.rfft(frames * window, axis=1)
    return (np.square(spectra.real) + np.square(spectra.imag)) * np.float32(2.0 / np.sum(window) ** 2)


@lru_cache(maxsize=16)
def _hann(frames: int) -> Array:
    return np.hanning(frames + 1)[:-1].astype(np.float32)
