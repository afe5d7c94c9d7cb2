"""Compiled: what one window of sound is like, from its samples, its spectrum and its autocorrelation. They know no stream.

Every function equals one of librosa's to rounding (see `training.descriptor_block`, which calls those). All is float64.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from patches.descriptors import (
    BRIGHTNESS_FLOOR_HZ,
    CLASSIC,
    DELTA_REACH,
    FLOOR_POWER,
    LOUDNESS_FLOOR_DBFS,
    MEL_BANDS,
    MFCC_COUNT,
    OTHERS,
    PERIOD_ERROR,
    VOICED_ABOVE_RMS,
    VOICED_BELOW,
    WINDOW_FRAMES,
)

__all__ = ["BACK_ROWS", "LOUDEST", "place", "power_of", "release", "spectral", "temporal"]

BACK_ROWS = 2 * DELTA_REACH + 1
"""Static rows kept: those the derivatives of the middle one look at."""
LOUDEST = 1e4
"""80 dB over full scale. A live input that shows more is broken; the products of eight powers below stay far from overflow."""

BINS = WINDOW_FRAMES // 2 + 1
AMIN = 1e-10
TINY = 1e-12
SMALLEST = 2.2250738585072014e-308
"""numpy's smallest normal float64: what librosa adds to a denominator."""
ROLL_SHARE = 0.85
TROUGH_BELOW = 0.1
CENT, FLAT, ROLLOFF, RMS, F0 = (MFCC_COUNT + CLASSIC.index(name) for name in ("cent", "flat", "rolloff", "rms", "f0"))
LOUDNESS, ONSET = (MFCC_COUNT + len(CLASSIC) + OTHERS.index(name) for name in ("loudness", "onset"))

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@njit("int64(float32[:], float64[::1], int64)", cache=True, nogil=True)
def place(samples: Floats, window: Doubles, at: int) -> int:
    """Copy samples into a window; what is no sound (NaN, infinite, over `LOUDEST`) becomes silence.

    Parameters
    ----------
    samples : float32 array, shape (T,)
    window : float64 array, shape (2048,)
    at : int
        Where the first goes; all must fit.

    Returns
    -------
    int
        Samples that were no sound.

    Thread
    ------
    Worker. No allocation.
    """
    faults = 0
    for i in range(samples.shape[0]):
        sample = samples[i]
        if abs(sample) <= LOUDEST:
            window[at + i] = sample
        else:
            window[at + i] = 0.0
            faults += 1
    return faults


@njit("void(complex128[::1])", cache=True, nogil=True)
def power_of(spectrum: Complexes) -> None:
    """Replace a spectrum by its power, whose inverse transform is the autocorrelation."""
    for i in range(spectrum.shape[0]):
        value = spectrum[i]
        spectrum[i] = complex(value.real * value.real + value.imag * value.imag, 0.0)


@njit(
    "void(complex128[::1], float64, float64[:, ::1], int64[:, ::1], float64[:, ::1], float64[::1], boolean, float64[::1],"
    " float32[::1], float32[::1])",
    cache=True,
    nogil=True,
)
def spectral(
    spectrum: Complexes,
    bin_hz: float,
    mel: Doubles,
    mel_bins: NDArray[np.int64],
    dct: Doubles,
    log_mel: Doubles,
    is_first: bool,
    magnitude: Doubles,
    static: Floats,
    attributes: Floats,
) -> None:
    """Fill what follows from a spectrum: cepstrum, onset strength, centroid, flatness, roll-off.

    Parameters
    ----------
    spectrum : complex128 array, shape (1025,)
        Of the windowed samples.
    bin_hz : float
    mel : float64 array, shape (128, 1025)
    mel_bins : int64 array, shape (128, 2)
        First and last-plus-one bin with weight in each band.
    dct : float64 array, shape (13, 128)
    log_mel : float64 array, shape (128,), dB
        Of the window before; replaced by this one's.
    is_first : bool
        There was none before.
    magnitude : float64 array, shape (1025,)
        Scratch.
    static : float32 array, shape (20,)
    attributes : float32 array, shape (3,)

    Thread
    ------
    Worker. No allocation.

    Source
    ------
    librosa 0.11: mfcc, onset_strength, spectral_centroid, spectral_flatness, spectral_rolloff.
    """
    total = 0.0
    moment = 0.0
    power_sum = 0.0
    log_sum = 0.0
    product = 1.0
    raised_sum = 0.0
    raised_log_sum = 0.0
    raised_product = 1.0
    for k in range(BINS):
        power = spectrum[k].real * spectrum[k].real + spectrum[k].imag * spectrum[k].imag
        magnitude[k] = math.sqrt(power)
        total += magnitude[k]
        moment += k * magnitude[k]
        floored = max(AMIN, power)
        power_sum += floored
        # One logarithm for eight bins: their product is between 1e-80 and 1e112.
        product *= floored
        raised = max(FLOOR_POWER, power)
        raised_sum += raised
        raised_product *= raised
        if k & 7 == 7:
            log_sum += math.log(product)
            product = 1.0
            raised_log_sum += math.log(raised_product)
            raised_product = 1.0
    log_sum += math.log(product)
    raised_log_sum += math.log(raised_product)
    centroid_hz = bin_hz * moment / total if total > 0.0 else 0.0
    flatness = math.exp(log_sum / BINS) * BINS / power_sum
    noisiness = math.exp(raised_log_sum / BINS) * BINS / raised_sum
    limit = ROLL_SHARE * total
    running = 0.0
    last = 0
    for k in range(BINS):
        running += magnitude[k]
        last = k
        if running >= limit:
            break
    rise = 0.0
    for band in range(MEL_BANDS):
        energy = 0.0
        for k in range(mel_bins[band, 0], mel_bins[band, 1]):
            energy += mel[band, k] * magnitude[k] * magnitude[k]
        level = 10.0 * math.log10(max(FLOOR_POWER, energy))
        rise += max(0.0, level - log_mel[band])
        log_mel[band] = level
    for order in range(MFCC_COUNT):
        value = 0.0
        for band in range(MEL_BANDS):
            value += dct[order, band] * log_mel[band]
        static[order] = value
    static[CENT] = centroid_hz
    static[FLAT] = flatness
    static[ROLLOFF] = last * bin_hz
    static[ONSET] = 0.0 if is_first else rise / MEL_BANDS
    attributes[1] = math.log2(max(centroid_hz, BRIGHTNESS_FLOOR_HZ))
    attributes[2] = min(10.0 * math.log10(noisiness), 0.0)


@njit(
    "float64(float64[::1], float64[::1], boolean, float64, int64, int64, float64[::1], float32[::1], float32[::1])",
    cache=True,
    nogil=True,
)
def temporal(
    window: Doubles,
    overlap: Doubles,
    with_f0: bool,
    rate_hz: float,
    shortest: int,
    longest: int,
    scratch: Doubles,
    static: Floats,
    attributes: Floats,
) -> float:
    """Fill what follows from the samples: RMS, loudness and, where asked for, the fundamental.

    Parameters
    ----------
    window : float64 array, shape (2048,)
        Not multiplied by a window function.
    overlap : float64 array, shape (4096,)
        Its autocorrelation; not read without `with_f0`.
    with_f0 : bool
    rate_hz : float
    shortest, longest : int
        Periods that are looked at, in samples.
    scratch : float64 array, shape (2048,)
    static : float32 array, shape (20,)
    attributes : float32 array, shape (3,)

    Returns
    -------
    float
        The fundamental of a voiced window in Hz, 0 of any other and without `with_f0`.

    Thread
    ------
    Worker. No allocation.

    Source
    ------
    YIN, de Cheveigné and Kawahara, JASA 111(4), 2002, in the form of librosa 0.11.
    """
    energy = 0.0
    for i in range(WINDOW_FRAMES):
        energy += window[i] * window[i]
    rms = math.sqrt(energy / WINDOW_FRAMES)
    loudness = max(20.0 * math.log10(max(rms, TINY)), LOUDNESS_FLOOR_DBFS)
    static[RMS] = rms
    static[LOUDNESS] = loudness
    static[F0] = 0.0
    attributes[0] = loudness
    if not with_f0:
        return 0.0
    head = 0.0
    total = 0.0
    for lag in range(1, longest + 1):
        head += window[lag - 1] * window[lag - 1]
        # librosa takes no energy off at lag 1; it is its numbers that are wanted.
        difference = 2.0 * (overlap[0] - overlap[lag]) - (head if lag > 1 else 0.0)
        total += difference
        scratch[lag] = difference / (total / lag + SMALLEST)
    # The first trough under the threshold, else the lowest point of all.
    period = shortest
    for lag in range(shortest, longest + 1):
        value = scratch[lag]
        before = scratch[lag - 1] if lag > shortest else math.inf
        is_trough = value < before and (lag == longest or (value < scratch[lag + 1] if lag == shortest else value <= scratch[lag + 1]))
        if is_trough and value < TROUGH_BELOW:
            period = lag
            break
        if value < scratch[period]:
            period = lag
    shift = 0.0
    if shortest < period < longest:
        curve = scratch[period + 1] + scratch[period - 1] - 2.0 * scratch[period]
        slope = (scratch[period + 1] - scratch[period - 1]) / 2.0
        if abs(slope) < abs(curve):
            shift = -slope / curve
    f0_hz = rate_hz / (period + shift)
    static[F0] = f0_hz
    # The same difference per sample, without those that have no partner: where near that period the least of the power fails to repeat.
    guess = np.rint(rate_hz / f0_hz)
    first = max(2, math.floor(guess * (1.0 - PERIOD_ERROR)))
    last = max(2, math.ceil(guess * (1.0 + PERIOD_ERROR)))
    head = 0.0
    tail = 0.0
    total = 0.0
    best = 0
    mean = 0.0
    for lag in range(1, last + 2):
        head += window[lag - 1] * window[lag - 1]
        tail += window[WINDOW_FRAMES - lag] * window[WINDOW_FRAMES - lag]
        difference = max(2.0 * (energy - overlap[lag]) - head - tail, 0.0) / (WINDOW_FRAMES - lag)
        scratch[lag] = difference
        total += difference
        if first <= lag <= last and (best == 0 or difference < scratch[best]):
            best = lag
            mean = total / lag
    if rms < VOICED_ABOVE_RMS or mean <= 0.0 or scratch[best] >= VOICED_BELOW * mean:
        return 0.0
    curve = scratch[best + 1] + scratch[best - 1] - 2.0 * scratch[best]
    slope = (scratch[best + 1] - scratch[best - 1]) / 2.0
    return rate_hz / (best - slope / curve) if abs(slope) < curve else rate_hz / best


@njit("void(float32[:, ::1], int64, int64, float64[:, ::1], int64[::1], boolean, float32[::1])", cache=True, nogil=True)
def release(kept: Floats, row: int, known: int, weights: Doubles, columns: NDArray[np.int64], with_deltas: bool, out: Floats) -> None:
    """Fill the columns of one row from the static rows around it.

    Parameters
    ----------
    kept : float32 array, shape (9, 20)
        Row i is at i modulo 9.
    row, known : int
        The row to fill, and how many are known in all. Rows before the first and after the last repeat those.
    weights : float64 array, shape (2, 9)
        See `tables.delta_weights`.
    columns : int64 array, shape (D,)
        Places in `patches.descriptors.ALL_NAMES`.
    with_deltas : bool
        If not, the derivatives are 0.
    out : float32 array, shape (D,)

    Thread
    ------
    Worker. No allocation.
    """
    for column in range(columns.shape[0]):
        name = columns[column]
        order = name // MFCC_COUNT
        if order == 0:
            out[column] = kept[row % BACK_ROWS, name]
        elif order >= 3:
            out[column] = kept[row % BACK_ROWS, name - 2 * MFCC_COUNT]
        elif with_deltas:
            value = 0.0
            for step in range(BACK_ROWS):
                other = min(max(row + step - DELTA_REACH, 0), known - 1)
                value += weights[order - 1, step] * kept[other % BACK_ROWS, name - order * MFCC_COUNT]
            out[column] = value
        else:
            out[column] = 0.0
