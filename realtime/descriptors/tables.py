"""The constant arrays of the descriptors: window, mel filters, cosine transform, derivatives. They know no sound.

Each is computed here to equal what librosa or SciPy computes; the tests compare them.
"""

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import DELTA_REACH, MEL_BANDS, MFCC_COUNT, WINDOW_FRAMES

__all__ = ["BINS", "dct_basis", "delta_weights", "hann", "mel_basis"]

BINS = WINDOW_FRAMES // 2 + 1
# Slaney's mel scale: linear up to 1 kHz, 27 steps per factor 6.4 above.
LINEAR_HZ_PER_MEL = 200.0 / 3.0
LOG_FROM_HZ = 1000.0
LOG_STEP = np.log(6.4) / 27.0

Doubles = NDArray[np.float64]


def hann() -> Doubles:
    """Return the periodic Hann window, shape (2048,)."""
    phase: Doubles = 2.0 * np.pi * np.arange(WINDOW_FRAMES) / WINDOW_FRAMES
    return 0.5 - 0.5 * np.cos(phase)


def mel_basis(sample_rate_hz: int) -> Doubles:
    """Return the triangular filters of a mel spectrum, shape (128, 1025), each with the area of its band in Hz.

    Source
    ------
    Slaney, Auditory Toolbox, 1998, as in ``librosa.filters.mel(htk=False, norm="slaney")``, whose float32 values these are.
    """
    from_bin_hz = np.arange(BINS) * (sample_rate_hz / WINDOW_FRAMES)
    edges_hz = _to_hz(np.linspace(0.0, _to_mel(sample_rate_hz / 2.0), MEL_BANDS + 2))
    distance = edges_hz[:, None] - from_bin_hz[None, :]  # (130, 1025)
    width = np.diff(edges_hz)
    rising = -distance[:-2] / width[:-1, None]
    falling = distance[2:] / width[1:, None]
    # librosa rounds the triangles to float32, and then once more when they are divided by their width.
    triangles = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    triangles *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return triangles.astype(np.float64)


def _to_mel(hertz: float) -> float:
    if hertz < LOG_FROM_HZ:
        return hertz / LINEAR_HZ_PER_MEL
    return float(LOG_FROM_HZ / LINEAR_HZ_PER_MEL + np.log(hertz / LOG_FROM_HZ) / LOG_STEP)


def _to_hz(mel: Doubles) -> Doubles:
    log_from_mel = LOG_FROM_HZ / LINEAR_HZ_PER_MEL
    return np.where(mel < log_from_mel, LINEAR_HZ_PER_MEL * mel, LOG_FROM_HZ * np.exp(LOG_STEP * (mel - log_from_mel)))


def dct_basis() -> Doubles:
    """Return the first 13 rows of the orthonormal cosine transform (type 2) of 128 values, shape (13, 128)."""
    order, position = np.arange(MFCC_COUNT)[:, None], np.arange(MEL_BANDS)[None, :]
    basis: Doubles = np.sqrt(2.0 / MEL_BANDS) * np.cos(np.pi * order * (2 * position + 1) / (2 * MEL_BANDS))
    basis[0] /= np.sqrt(2.0)
    return basis


def delta_weights() -> Doubles:
    """Return what the rows from four before to four after weigh in the first and second derivative per hop, shape (2, 9).

    Source
    ------
    Savitzky and Golay, Anal. Chem. 36(8), 1964: least squares by a line for the first, by a parabola for the second.
    """
    rows = np.arange(-DELTA_REACH, DELTA_REACH + 1, dtype=np.float64)
    line = np.linalg.pinv(np.vander(rows, 2, increasing=True))
    parabola = np.linalg.pinv(np.vander(rows, 3, increasing=True))
    return np.stack([line[1], 2.0 * parabola[2]])
