"""Tones where there should be noise: how far the long-term spectrum strays from its own running median.

A codec or a model that turns noise into a bundle of steady tones scores high here, though every mel band has the right level.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

__all__ = ["NOISE_PEAK_DB", "is_noise", "line_spread_db"]

Array = NDArray[np.float32]
SEGMENT_FRAMES = 8192
MEDIAN_BINS = 101
SMALLEST = 1e-30
BAND_HZ = (100.0, 16_000.0)
PEAK_PERCENTILE = 99.9
"""The highest three bins of the band: the width of one line."""
NOISE_PEAK_DB = 15.0
"""A class whose real clips peak less than this above their surroundings (median) is noise.

The spread itself does not tell: a room colours applause (2.4 dB) as widely as the hum of bees (2.8), but by some dB up and down, where a
line stands out on its own. Peaks of single clips of 4 or 12 s: rain 3, fire 3, wind 4, applause 7, pistons 10; bees 33. One segment of
noise peaks by 10 dB by chance.
"""


def line_spread_db(sounds: Sequence[Array], sample_rate_hz: int) -> float:
    """Return the standard deviation, in dB, of the long-term spectrum about its running median.

    Parameters
    ----------
    sounds : sequence of float32 arrays, shape (T,)
        Their spectra are averaged, each of them as loud as it is. What is compared must be of the same length: a short
        average strays by chance (one segment by 5.6 dB, n of them by about 5 / √n).
    sample_rate_hz : int

    Returns
    -------
    float
        0 for a smooth spectrum.

    Source
    ------
    Welch 1967, Hann window, half overlap; 8192 points resolve 5.4 Hz at 44.1 kHz, 101 bins are 544 Hz.
    """
    return float(np.std(_stray(sounds, sample_rate_hz)))


def is_noise(clips: Sequence[Array], sample_rate_hz: int) -> bool:
    """Tell from its real clips whether a class is noise, in which a line is a fault.

    Clip by clip: over many clips the lines of a hum that is tuned differently each time average out.
    """
    peaks = [np.percentile(_stray([clip], sample_rate_hz), PEAK_PERCENTILE) for clip in clips]
    return bool(np.median(peaks) <= NOISE_PEAK_DB)


def _stray(sounds: Sequence[Array], sample_rate_hz: int) -> NDArray[np.float64]:
    """Return by how many dB each bin of the band strays from the running median of the long-term spectrum."""
    total, count = np.zeros(SEGMENT_FRAMES // 2 + 1), 0
    for sound in sounds:
        segments = max(0, (len(sound) - SEGMENT_FRAMES) // (SEGMENT_FRAMES // 2) + 1)
        if segments:
            frequency_hz, power = signal.welch(np.asarray(sound, dtype=np.float64), sample_rate_hz, nperseg=SEGMENT_FRAMES)
            total += segments * power
            count += segments
    if count == 0:
        raise ValueError(f"no sound as long as one segment of {SEGMENT_FRAMES} frames")
    # Relative to nothing: the high end of a quiet wind lies under any fixed floor.
    level = 10.0 * np.log10(np.maximum(total / count, SMALLEST))
    stray = level - ndimage.median_filter(level, MEDIAN_BINS, mode="nearest")
    return stray[(frequency_hz >= BAND_HZ[0]) & (frequency_hz <= min(BAND_HZ[1], 0.45 * sample_rate_hz))]
