"""Integrated loudness by ITU-R BS.1770-4, as the published codec's files state it. It knows no file and no codec.

Source
------
ITU-R BS.1770-4; filter designs by their analogue parameters as in De Man 2018, Evaluation of Implementations of the EBU R128 Loudness
Measurement, which pyloudnorm and with it the reference use. As in the reference, the last block is filled up with silence and counts.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

__all__ = ["QUIETEST_DB", "integrated_loudness_db"]

BLOCK_S, STEP_S = 0.4, 0.1
ABSOLUTE_GATE_DB, RELATIVE_GATE_DB = -70.0, -10.0
OFFSET_DB = -0.691
# What the reference gives for silence.
QUIETEST_DB = -70.0
# The reference fills shorter sounds up with silence.
SHORTEST_S = 0.5


def integrated_loudness_db(audio: NDArray[np.float32], sample_rate_hz: int) -> float:
    """Return the gated loudness of a mono sound (T,) in LUFS, `QUIETEST_DB` for silence."""
    sound = np.asarray(audio, np.float64)
    short = int(SHORTEST_S * sample_rate_hz) - len(sound)
    if short > 0:
        sound = np.pad(sound, (0, short))
    for b, a in (_high_shelf(4.0, math.sqrt(0.5), 1500.0, sample_rate_hz), _high_pass(0.5, 38.0, sample_rate_hz)):
        sound = lfilter(b, a, sound)
    block, step = int(BLOCK_S * sample_rate_hz), int(STEP_S * sample_rate_hz)
    blocks = -(-(len(sound) - block) // step) + 1
    sound = np.pad(sound, (0, (blocks - 1) * step + block - len(sound)))
    total = np.concatenate([[0.0], np.cumsum(sound**2)])
    starts = step * np.arange(blocks)
    power = (total[starts + block] - total[starts]) / (BLOCK_S * sample_rate_hz)
    with np.errstate(divide="ignore"):
        level = OFFSET_DB + 10.0 * np.log10(power)
    heard = level > ABSOLUTE_GATE_DB
    if not heard.any():
        return QUIETEST_DB
    gate = OFFSET_DB + 10.0 * math.log10(power[heard].mean()) + RELATIVE_GATE_DB
    return max(OFFSET_DB + 10.0 * math.log10(power[heard & (level > gate)].mean()), QUIETEST_DB)


def _high_shelf(gain_db: float, q: float, corner_hz: float, rate_hz: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bristow-Johnson's Audio EQ Cookbook, high shelf."""
    gain, angle = 10.0 ** (gain_db / 40.0), 2.0 * math.pi * corner_hz / rate_hz
    cosine, alpha = math.cos(angle), math.sin(angle) / (2.0 * q)
    root = 2.0 * math.sqrt(gain) * alpha
    b = (
        gain * ((gain + 1) + (gain - 1) * cosine + root),
        -2 * gain * ((gain - 1) + (gain + 1) * cosine),
        gain * ((gain + 1) + (gain - 1) * cosine - root),
    )
    a = ((gain + 1) - (gain - 1) * cosine + root, 2 * ((gain - 1) - (gain + 1) * cosine), (gain + 1) - (gain - 1) * cosine - root)
    return np.array(b) / a[0], np.array(a) / a[0]


def _high_pass(q: float, corner_hz: float, rate_hz: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bristow-Johnson's Audio EQ Cookbook, high pass."""
    angle = 2.0 * math.pi * corner_hz / rate_hz
    cosine, alpha = math.cos(angle), math.sin(angle) / (2.0 * q)
    b = ((1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2)
    a = (1 + alpha, -2 * cosine, 1 - alpha)
    return np.array(b) / a[0], np.array(a) / a[0]
