"""Fire: crackles of every size over a roar that flickers; it does not know files."""

import numpy as np

from training.synthesis.signals import (
    SAMPLE_RATE_HZ,
    Array,
    Generator,
    amplitude,
    band,
    noise,
    poisson_starts,
    seconds_to_frames,
    slow,
    strew,
    unit_rms,
)
from training.synthesis.texture import Parameter, Texture

__all__ = ["FIRE"]

CRACKLE_SOUNDS = 96
CRACKLE_S = 0.03
BURSTS_PER_SECOND = (2.0, 40.0)
CRACKLES_PER_BURST = 3.0
# Exponent of the sizes' distribution: many small, few large, no typical one. The largest is bounded, or it would set the level alone.
SIZE_EXPONENT = 1.4
LARGEST = 6.0


def make_crackle(rng: Generator) -> Array:
    """Make one crackle: wood that cracks, a bang of a fraction of a millisecond, and the splinter that rings after it; unit energy."""
    frames = seconds_to_frames(CRACKLE_S)
    time = np.arange(frames, dtype=np.float32) / SAMPLE_RATE_HZ
    centre_hz = 1200.0 * 7.0 ** rng.uniform()
    snap = noise(rng, frames, lambda f: band(f, 0.6 * centre_hz, 1.7 * centre_hz, 1.5)) * np.exp(-time / (0.0003 * 8.0 ** rng.uniform()))
    wood_hz = 220.0 * 4.0 ** rng.uniform()
    knock = np.sin(2.0 * np.pi * wood_hz * time) * np.exp(-time / rng.uniform(0.002, 0.006))
    crackle = (snap + rng.uniform(0.0, 0.5) * knock) * (1.0 - np.exp(-time / 0.00005)) * np.minimum(1.0, (time[-1] - time) / 0.005)
    return (crackle / np.sqrt(np.sum(crackle**2))).astype(np.float32)


def make_fire(rng: Generator, frames: int, *, intensity: float) -> Array:
    """Let the wood crackle in bursts over flames and hiss."""
    low, high = BURSTS_PER_SECOND
    bursts = poisson_starts(rng, frames, low * (high / low) ** intensity)
    starts = np.repeat(bursts, rng.geometric(1.0 / CRACKLES_PER_BURST, len(bursts)))
    starts = starts + np.round(rng.exponential(0.02 * SAMPLE_RATE_HZ, len(starts))).astype(np.int64)
    starts = starts[starts < frames]
    sizes = np.minimum(LARGEST, (1.0 - rng.uniform(size=len(starts))) ** (-1.0 / SIZE_EXPONENT))
    sounds = [make_crackle(rng) for _ in range(CRACKLE_SOUNDS)]
    crackle = strew(frames, starts, sounds, rng.integers(0, CRACKLE_SOUNDS, len(starts)), sizes)

    flicker = np.exp((0.28 + 0.1 * intensity) * slow(rng, frames, 7.0) + 0.25 * slow(rng, frames, 1.2))
    roar = noise(rng, frames, lambda f: band(f, 40.0, 110.0 + 170.0 * intensity, 1.1)) * flicker
    hiss = noise(rng, frames, lambda f: band(f, 1500.0, 9000.0, 1.0)) * np.exp(0.3 * slow(rng, frames, 3.0))
    bed = roar + hiss * np.float32(amplitude(-17.0 + 3.0 * intensity))
    return unit_rms(bed) * np.float32(amplitude(-7.0 + 8.0 * intensity)) + unit_rms(crackle)


FIRE = Texture(
    name="fire",
    code=6,
    summary="crackling wood over roaring flames",
    parameters=(Parameter("intensity", "0 embers, 1 a blaze"),),
    level_dbfs=lambda intensity: -28.5 + 7.5 * intensity,
    make=make_fire,
)
