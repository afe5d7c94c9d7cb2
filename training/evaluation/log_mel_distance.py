"""How far a reconstruction is from its source: mel spectra at four resolutions, and SI-SDR; it does not know codecs."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from training.evaluation.spectrum import mel_bands

__all__ = ["RESOLUTIONS", "log_mel_distance", "si_sdr_db"]

Array = NDArray[np.float32]
RESOLUTIONS = ((64, 10), (256, 40), (1024, 80), (2048, 160))
"""Window in frames, mel bands."""
SMALLEST = 1e-5


def log_mel_distance(source: Array, other: Array, sample_rate_hz: int) -> float:
    """Return the mean |Δ log10 mel| over four resolutions.

    Parameters
    ----------
    source, other : float32 arrays, shape (T,), linear amplitude
    sample_rate_hz : int

    Source
    ------
    The mel loss of Kumar et al. 2023 (DAC) with its convention: periodic Hann, hop of a quarter window, magnitudes of an
    un-normalised centred STFT, slaney mel filters, clamped at 1e-5.
    """
    distances = []
    for window, bands in RESOLUTIONS:
        filters = mel_bands(sample_rate_hz, window, bands)
        a, b = (np.log10(np.maximum(SMALLEST, _magnitudes(sound, window) @ filters.T)) for sound in (source, other))
        distances.append(float(np.mean(np.abs(a - b), dtype=np.float64)))
    return float(np.mean(distances))


def si_sdr_db(source: Array, other: Array) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB.

    Source
    ------
    Le Roux et al. 2019, SDR - half-baked or well done?
    """
    reference, estimate = (np.asarray(sound, dtype=np.float64) - np.mean(sound, dtype=np.float64) for sound in (source, other))
    target = reference * (estimate @ reference / (reference @ reference + 1e-20))
    error = estimate - target
    return float(10.0 * np.log10((target @ target + 1e-20) / (error @ error + 1e-20)))


def _magnitudes(sound: Array, window: int) -> Array:
    padded = np.pad(np.asarray(sound, dtype=np.float32), window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // 4]
    return np.abs(fft.rfft(frames * np.hanning(window + 1)[:-1].astype(np.float32), axis=1))
