"""The soft limiter: nothing leaves above the ceiling, and what stays below the knee is not touched. It knows one stereo-linked envelope."""

import math

import numpy as np
from numba import njit

KNEE = 0.7
"""Linear amplitude (-3.1 dBFS) below which the signal is passed as it is."""
CEILING = 0.985
"""Linear amplitude (-0.13 dBFS) that is never exceeded; under -0.1 dBFS also after rounding to 16 bits."""
RELEASE_S = 0.15


@njit("float32(float32)", cache=True, nogil=True)
def soft_gain(envelope: float) -> float:
    """Gain that brings a peak of `envelope` (linear, >= 0) under the ceiling.

    The curve is the identity up to the knee and tends to the ceiling as a hyperbolic tangent, so it has no corner at the knee.
    """
    if envelope <= KNEE:
        return np.float32(1.0)
    span = CEILING - KNEE
    return np.float32((KNEE + span * math.tanh((envelope - KNEE) / span)) / envelope)


@njit("float32(float32, float32, float32)", cache=True, nogil=True)
def follow(envelope: float, peak: float, release: float) -> float:
    """Peak envelope with an instant attack, so that it is never below the signal; `release` is the factor per frame."""
    decayed = envelope * release
    return peak if peak > decayed else decayed
