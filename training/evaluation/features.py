"""What a piece of sound is like, as one vector: colour, level, movement, grain, rhythm and pitch.

The judges see nothing else of a sound. It does not know classes or parameters. Textures differ in what their time course does (gusts,
drops, strokes), so half of the vector is about time: percentiles and modulation spectra of band envelopes, repetition of onsets, kurtosis.
"""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from training.evaluation.spectrum import level_db, mel_bands, nearest_power_of_two, power_spectra, to_db

__all__ = ["piece_features"]

Array = NDArray[np.float32]
LOWEST_HZ, HIGHEST_HZ = 30.0, 16_000.0
MEL_BANDS = 64
COLOUR_WINDOW_S = 2048 / 44_100
# 5.8 ms: as short as a clap or a drop, so that grains are told apart.
ENVELOPE_WINDOW_S = 256 / 44_100
ENVELOPE_BANDS_HZ = ((0.0, 344.0), (344.0, 1000.0), (1000.0, 2500.0), (2500.0, 6000.0), (6000.0, HIGHEST_HZ))
MODULATION_EDGES_HZ = np.geomspace(0.3, 120.0, 17)
# Repetitions per second that are looked for: slower ones do not come often enough in a piece, faster ones are a tone.
RATES_HZ = (0.7, 14.0)
SLOW_PIECES_S = (0.1, 0.5)
GRAIN_BANDS_HZ = ((100.0, 500.0), (500.0, None), (500.0, 2000.0), (2000.0, 8000.0))
PITCH_WINDOW_S = 8192 / 44_100
PITCHES_HZ = np.geomspace(80.0, 1000.0, 145)
HARMONICS = np.arange(1, 7)
# 350 Hz each side: wide enough to bridge the gap between harmonics of the highest pitch, so that the median is the floor between them.
FLOOR_HZ = 694.0
NOTHING = 1e-10


def piece_features(audio: Array, sample_rate_hz: int) -> NDArray[np.float64]:
    """Describe a piece of sound.

    Parameters
    ----------
    audio : float32 array, shape (T,), linear amplitude
        A few seconds; silence is described too.
    sample_rate_hz : int

    Returns
    -------
    float64 array, shape (F,)
        Finite. F is the same for every sound.

    Thread
    ------
    Any.
    """
    audio = np.ascontiguousarray(audio, dtype=np.float32)
    parts = [_colour(audio, sample_rate_hz), [level_db(audio)]]
    parts += _movement(audio, sample_rate_hz)
    parts += [_grain(audio, sample_rate_hz), _pitch(audio, sample_rate_hz)]
    return np.nan_to_num(np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts]))


def _colour(audio: Array, sample_rate_hz: int) -> NDArray[np.float64]:
    window = nearest_power_of_two(COLOUR_WINDOW_S * sample_rate_hz)
    filters = mel_bands(sample_rate_hz, window, MEL_BANDS, LOWEST_HZ, min(HIGHEST_HZ, 0.45 * sample_rate_hz))
    power = power_spectra(audio, window, window // 4) @ filters.T  # (windows, bands)
    level = to_db(power)
    low, high = np.percentile(level, [10, 95], axis=0)
    return np.concatenate([np.mean(level, axis=0), np.std(level, axis=0), low[::2], high[::2], to_db(np.mean(power, axis=0))])


def _movement(audio: Array, sample_rate_hz: int) -> list[NDArray[np.float64]]:
    window = nearest_power_of_two(ENVELOPE_WINDOW_S * sample_rate_hz)
    hop = window // 2
    power = power_spectra(audio, window, hop)
    frequency_hz = np.arange(power.shape[1]) * (sample_rate_hz / window)
    rate_hz = sample_rate_hz / hop
    parts = []
    for low_hz, high_hz in ENVELOPE_BANDS_HZ:
        envelope = np.sum(power[:, (frequency_hz >= low_hz) & (frequency_hz < high_hz)], axis=1, dtype=np.float64) + NOTHING
        level = 10.0 * np.log10(envelope)
        parts += [_distribution(level, envelope), _slow_spread(envelope, rate_hz), _modulation(level, rate_hz), _repetition(level, rate_hz)]
    return parts


def _distribution(level: NDArray[np.float64], envelope: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = level - np.mean(level)
    spread = np.std(centred) + 1e-9
    moments = [spread, np.log(np.mean(centred**4) / spread**4 + 1e-3), np.mean(centred**3) / spread**3]
    rises = np.log(np.percentile(np.maximum(0.0, np.diff(level)), [50, 90, 99]) + 0.01)
    return np.concatenate([np.percentile(level, [5, 25, 50, 75, 95, 99]) - to_db(np.mean(envelope)), moments, rises])


def _slow_spread(envelope: NDArray[np.float64], rate_hz: float) -> list[float]:
    spreads = []
    for seconds in SLOW_PIECES_S:
        frames = max(1, min(len(envelope), int(rate_hz * seconds)))
        pieces = envelope[: len(envelope) // frames * frames].reshape(-1, frames)
        spread = float(np.std(10.0 * np.log10(np.mean(pieces, axis=1))))
        spreads += [spread, float(np.log(spread + 0.1))]
    return spreads


def _modulation(level: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    window = np.hanning(len(level))
    spectrum = np.square(np.abs(fft.rfft((level - np.mean(level)) * window))) / (np.sum(np.square(window)) * rate_hz)
    place = np.arange(len(spectrum)) * (rate_hz / len(level))
    edges = np.searchsorted(place, MODULATION_EDGES_HZ)
    # A band of a short piece may hold no bin of its own: then the nearest one speaks for it.
    return np.array([10.0 * np.log10(np.mean(spectrum[a : max(b, a + 1)]) + 1e-9) for a, b in itertools.pairwise(edges)])


def _repetition(level: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Return how often onsets come (logarithm of the shortest strong period), how strongly, and their autocorrelation by lag."""
    # Onsets jitter by some hops; without the smoothing a stroke would not meet its neighbour.
    rises = np.convolve(np.maximum(0.0, np.diff(level)), np.hanning(19), "same")
    rises -= np.mean(rises)
    size = fft.next_fast_len(2 * len(rises), real=True)
    correlation = fft.irfft(np.square(np.abs(fft.rfft(rises, size))), size)[: len(rises)]
    # Long lags have fewer products: without this a slow rhythm would lose to noise.
    correlation /= np.arange(len(rises), 0, -1)
    correlation /= correlation[0] + NOTHING
    first, last = int(rate_hz / RATES_HZ[1]), min(int(rate_hz / RATES_HZ[0]), len(correlation) - 1)
    lags = np.arange(first, last)
    peaks = lags[(correlation[lags] > correlation[lags - 1]) & (correlation[lags] >= correlation[lags + 1])]
    strong = peaks[correlation[peaks] > 0.5 * max(0.0, np.max(correlation[peaks], initial=0.0))]
    rate = rate_hz / strong[0] if len(strong) else 0.0
    edges = np.geomspace(first, last, 17).astype(int)
    by_lag = [np.max(correlation[a : b + 1]) for a, b in itertools.pairwise(edges)]
    return np.array([np.log(rate + 0.5), np.max(correlation[lags]), *by_lag])


def _grain(audio: Array, sample_rate_hz: int) -> list[float]:
    """Return how peaked the waveform is by band: few grains make tall peaks, many pile up to a Gaussian."""
    values = []
    for low_hz, high_hz in GRAIN_BANDS_HZ:
        if high_hz is None or high_hz >= 0.5 * sample_rate_hz:
            sections = signal.butter(2, low_hz, "highpass", fs=sample_rate_hz, output="sos")
        else:
            sections = signal.butter(2, [low_hz, high_hz], "bandpass", fs=sample_rate_hz, output="sos")
        band = signal.sosfilt(sections, audio).astype(np.float64)
        square = np.mean(np.square(band)) + NOTHING
        values += [np.log(np.mean(band**4) / square**2 + 1e-3), np.log(square / (np.mean(np.abs(band)) ** 2 + NOTHING))]
    return values


def _pitch(audio: Array, sample_rate_hz: int) -> NDArray[np.float64]:
    window = nearest_power_of_two(PITCH_WINDOW_S * sample_rate_hz)
    power = power_spectra(audio, window, window // 2)
    # The mean of logarithms hears what is there all the time, not what comes close for a moment.
    level = np.mean(np.log(power + NOTHING), axis=0)
    level -= signal.medfilt(level, 2 * int(0.5 * FLOOR_HZ * window / sample_rate_hz) + 1)
    frequency_hz = np.arange(len(level)) * (sample_rate_hz / window)
    strength = np.interp(np.outer(PITCHES_HZ, HARMONICS), frequency_hz, level) @ (1.0 / HARMONICS)
    return np.concatenate([[np.log(PITCHES_HZ[np.argmax(strength)]), np.max(strength)], strength[::4]])
