"""Rain: drops that hit leaves, ground and water, over the hiss of those too far to tell apart; it does not know files."""

import numpy as np
from scipy import signal

from training.synthesis.signals import SAMPLE_RATE_HZ, Array, Generator, amplitude, band, noise, poisson_starts, slow, strew, unit_rms
from training.synthesis.texture import Parameter, Texture

__all__ = ["RAIN"]

DROP_SOUNDS = 160
DROP_S = 0.03
DROPS_PER_SECOND = (9.0, 2600.0)
# Nearest drop over farthest, in distance: amplitude falls with 1/distance, so this bounds how far one drop stands out.
NEAREST = 0.2


def make_drop(rng: Generator) -> Array:
    """Make the sound of one drop: the impact, and for some the air bubble it drags under water, which rings (Minnaert 1933)."""
    time = np.arange(round(DROP_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    hiss = rng.standard_normal(len(time))
    hardness = rng.uniform()
    if hardness > 0.5:
        hiss = np.diff(hiss, prepend=0.0)
    else:
        hiss = np.convolve(hiss, np.hanning(9), "same") * 0.7
    drop = hiss * np.exp(-time / rng.uniform(0.0004, 0.0022)) * (1.0 - np.exp(-time / 0.0001))
    if rng.uniform() < 0.45:
        centre_hz = 900.0 * 7.0 ** rng.uniform()
        start = rng.uniform(0.001, 0.006)
        ring_time = np.maximum(0.0, time - start)
        ring = np.sin(2.0 * np.pi * centre_hz * ring_time * (1.0 + rng.uniform(0.0, 4.0) * ring_time))
        drop += rng.uniform(0.2, 1.2) * ring * np.exp(-ring_time / rng.uniform(0.0015, 0.006)) * (time >= start)
    else:
        thud_hz = 250.0 * 5.0 ** rng.uniform()
        drop += rng.uniform(0.1, 0.5) * np.sin(2.0 * np.pi * thud_hz * time) * np.exp(-time / rng.uniform(0.001, 0.004))
    drop *= np.minimum(1.0, (time[-1] - time) / 0.004)
    return (drop / np.sqrt(np.sum(drop**2))).astype(np.float32)


def make_rain(rng: Generator, frames: int, *, density: float) -> Array:
    """Strew drops evenly over a disc around the listener, and add the far ones as noise."""
    low, high = DROPS_PER_SECOND
    starts = poisson_starts(rng, frames, low * (high / low) ** density)
    distance = np.maximum(NEAREST, np.sqrt(rng.uniform(size=len(starts))))
    drops = [make_drop(rng) for _ in range(DROP_SOUNDS)]
    near = strew(
        frames, starts, drops, rng.integers(0, DROP_SOUNDS, len(starts)), (1.0 / distance) * np.exp(0.4 * rng.standard_normal(len(starts)))
    )
    near = signal.sosfilt(signal.butter(1, 250.0, "highpass", fs=SAMPLE_RATE_HZ, output="sos"), near).astype(np.float32)
    far = noise(rng, frames, lambda f: band(f, 700.0 - 350.0 * density, 9000.0, 1.0) + 0.35 * band(f, 4000.0, 12000.0, 2.0))
    far *= np.exp((0.10 - 0.05 * density) * slow(rng, frames, 0.7) + 0.06 * slow(rng, frames, 7.0))
    return unit_rms(near) + far * np.float32(amplitude(-15.0 + 9.0 * density))


RAIN = Texture(
    name="rain",
    code=2,
    summary="drops on leaves, ground and water over the hiss of distant ones",
    parameters=(Parameter("density", "0 single drops, 1 a downpour"),),
    level_dbfs=lambda density: -29.0 + 12.0 * density,
    make=make_rain,
)
