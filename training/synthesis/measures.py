"""How each parameter of a texture is heard back from the sound alone; it does not know how the sound was made.

A measure rises with its parameter and means nothing across textures. It tells whether a sound that somebody else made, a model for one,
obeys the parameter it was asked for: by the rank correlation of asked and heard, so its unit does not matter.
"""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from training.synthesis.signals import SAMPLE_RATE_HZ

__all__ = ["MEASURES"]

Array = NDArray[np.float32]
TINY = 1e-12


def level_db(audio: Array) -> float:
    """Return the RMS level in dBFS."""
    return float(10.0 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + TINY))


def loudness_spread_db(audio: Array) -> float:
    """Return how far the level of 0.1 s pieces strays, as a standard deviation in dB: gusts and lulls.

    Only from 2 to 10 kHz: below, a narrow howl or a slow rumble strays by itself, in the most even wind.
    """
    piece = SAMPLE_RATE_HZ // 10
    audio = signal.sosfilt(signal.butter(2, [2000.0, 10000.0], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), audio)
    pieces = audio[: len(audio) // piece * piece].reshape(-1, piece)
    return float(np.std([level_db(row) for row in pieces]))


def crowding(audio: Array) -> float:
    """Return how closely sharp events follow each other: minus the logarithm of the kurtosis.

    Few events leave a distribution with a tall peak and long tails; as they pile up it tends to a Gaussian (central limit theorem),
    whatever the level.
    """
    above = signal.sosfilt(signal.butter(2, 500.0, "highpass", fs=SAMPLE_RATE_HZ, output="sos"), audio)
    return float(-np.log(np.mean(above**4) / (np.mean(above**2) ** 2 + TINY) + TINY))


def pitch_hz(audio: Array) -> float:
    """Return the fundamental, between 120 and 400 Hz, whose harmonics hold most of the average spectrum."""
    frequency_hz, _, power = signal.spectrogram(audio, SAMPLE_RATE_HZ, nperseg=8192, noverlap=4096)
    # The mean of logarithms hears the many who are there all the time, not the one that comes close for a moment.
    level = np.mean(np.log(power + TINY), axis=1)
    level -= signal.medfilt(level, 129)
    candidates_hz = np.geomspace(120.0, 400.0, 241)
    weights = 1.0 / np.arange(1, 7)
    sums = [np.sum(weights * np.interp(candidate * np.arange(1, 7), frequency_hz, level)) for candidate in candidates_hz]
    return float(candidates_hz[int(np.argmax(sums))])


def strokes_per_second(audio: Array) -> float:
    """Return the rate of strokes: the shortest lag at which the rises of the low band repeat nearly as well as they do at the best one."""
    hop = 256
    rate_hz = SAMPLE_RATE_HZ / hop
    low = signal.sosfilt(signal.butter(2, [40.0, 250.0], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), audio)
    envelope = np.sqrt(np.mean(np.square(low[: len(low) // hop * hop].reshape(-1, hop)), axis=1))
    rises = np.maximum(0.0, np.diff(envelope))
    # A stroke is a few hops wide, and its time jitters as much.
    rises = signal.convolve(rises, np.hanning(9), "same")
    rises -= np.mean(rises)
    correlation = signal.correlate(rises, rises, "full")[len(rises) - 1 :]
    # Long lags have fewer products: without this a slow engine would lose to noise.
    correlation /= np.arange(len(rises), 0, -1)
    lags = np.arange(int(rate_hz / 14.0), min(len(correlation) - 1, int(rate_hz / 0.7)))
    peaks = lags[(correlation[lags] > correlation[lags - 1]) & (correlation[lags] >= correlation[lags + 1])]
    if len(peaks) == 0:
        return 0.0
    strong = peaks[correlation[peaks] > 0.5 * np.max(correlation[peaks])]
    return float(rate_hz / strong[0])


MEASURES = MappingProxyType(
    {
        ("wind", "strength"): level_db,
        ("wind", "gustiness"): loudness_spread_db,
        ("rain", "density"): crowding,
        ("bees", "agitation"): pitch_hz,
        ("bees", "swarm"): level_db,
        ("pistons", "rate"): strokes_per_second,
        ("applause", "crowd"): crowding,
        ("fire", "intensity"): level_db,
    }
)
