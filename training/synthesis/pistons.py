"""Pistons: an old two-cylinder engine with exhaust, thud, steam and clanking rods; it does not know files."""

import numpy as np
from scipy import signal

from training.synthesis.signals import (
    SAMPLE_RATE_HZ,
    Array,
    Generator,
    amplitude,
    band,
    noise,
    room,
    seconds_to_frames,
    slow,
    strew,
    unit_rms,
    wander,
)
from training.synthesis.texture import Parameter, Texture

__all__ = ["PISTONS", "STROKES_HZ"]

# Strokes per second, slow and fast: from steps one can count to a run that is nearly a tone.
STROKES_HZ = (1.0, 12.0)
CYLINDERS = 2
# Strokes of one cylinder that differ from each other: enough that the ear finds no loop.
STROKES_PER_CYLINDER = 6
EXHAUST_S = 0.28


def make_exhaust(rng: Generator, pipe_hz: float) -> Array:
    """Make one exhaust stroke: gas puffed through a pipe open at one end, which rings at odd harmonics, and the thud of the block."""
    frames = seconds_to_frames(EXHAUST_S)
    time = np.arange(frames, dtype=np.float32) / SAMPLE_RATE_HZ
    attack = 1.0 - np.exp(-time / 0.0015)
    puff = rng.standard_normal(frames) * attack * np.exp(-time / rng.uniform(0.022, 0.032))
    pipe = np.zeros(frames)
    for order in (1, 3, 5, 7, 9):
        centre_hz = order * pipe_hz * (1.0 + 0.01 * rng.standard_normal())
        b, a = signal.iirpeak(centre_hz, 7.0, fs=SAMPLE_RATE_HZ)
        pipe += signal.lfilter(b, a, puff) / order**0.6
    body = signal.lfilter(*signal.butter(1, [120.0, 2200.0], "bandpass", fs=SAMPLE_RATE_HZ), puff)
    steam = signal.lfilter(*signal.butter(2, [1800.0, 7000.0], "bandpass", fs=SAMPLE_RATE_HZ), rng.standard_normal(frames))
    steam *= attack * np.exp(-time / rng.uniform(0.05, 0.08))
    sweep_hz = 48.0 + 55.0 * np.exp(-time / 0.02)
    thud = np.sin(2.0 * np.pi * np.cumsum(sweep_hz) / SAMPLE_RATE_HZ) * attack * np.exp(-time / 0.055)
    stroke = 1.1 * pipe + 0.45 * body + 0.10 * steam + 0.28 * thud
    return (stroke * np.minimum(1.0, (time[-1] - time) / 0.03)).astype(np.float32)


def make_clank(rng: Generator, scale: float) -> Array:
    """Make the knock of a rod or valve: the free modes of a metal bar, the higher the shorter."""
    time = np.arange(seconds_to_frames(0.16), dtype=np.float32) / SAMPLE_RATE_HZ
    # Ratios of a bar free at both ends (Rayleigh, Theory of Sound, art. 174).
    ratios = np.array([1.0, 2.756, 5.404, 8.933, 13.34])
    clank = np.zeros_like(time)
    for ratio in ratios:
        mode_hz = 430.0 * scale * ratio * (1.0 + 0.015 * rng.standard_normal())
        clank += rng.uniform(0.3, 1.0) / ratio**0.45 * np.sin(2.0 * np.pi * mode_hz * time) * np.exp(-time / (0.03 / ratio**0.6))
    click = rng.standard_normal(len(time)) * np.exp(-time / 0.0008)
    return ((0.5 * clank + 0.25 * click) * np.minimum(1.0, (time[-1] - time) / 0.02)).astype(np.float32)


def make_pistons(rng: Generator, frames: int, *, rate: float) -> Array:
    """Run the engine at a rate between `STROKES_HZ`, a little unevenly."""
    low, high = STROKES_HZ
    period = SAMPLE_RATE_HZ / (low * (high / low) ** rate)
    count = int(frames / period) + 4
    drift = 1.0 + 0.012 * wander(rng, count, SAMPLE_RATE_HZ / period, 0.5)
    # The two cylinders are never quite opposite each other: strokes come in a long and a short.
    limp = rng.uniform(0.005, 0.03) * period * (np.arange(count) % CYLINDERS)
    times = np.cumsum(period * drift) - period * rng.uniform(0.3, 1.3) + limp + 0.012 * period * rng.standard_normal(count)
    cylinder = np.arange(count) % CYLINDERS
    pipe_hz = rng.uniform(78.0, 96.0)
    exhausts = [make_exhaust(rng, pipe_hz * (1.0 + 0.06 * number)) for number in range(CYLINDERS) for _ in range(STROKES_PER_CYLINDER)]
    clanks = [make_clank(rng, 1.0 + 0.22 * number) for number in range(CYLINDERS) for _ in range(STROKES_PER_CYLINDER)]
    variant = cylinder * STROKES_PER_CYLINDER + rng.integers(0, STROKES_PER_CYLINDER, count)

    def strewn(grains: list[Array], offset: float, level: float) -> Array:
        places = np.round(times + offset * period).astype(np.int64)
        kept = (places >= 0) & (places < frames)
        loudness = level * np.exp(0.13 * rng.standard_normal(count)) * (1.0 - 0.15 * cylinder)
        return strew(frames, places[kept], grains, variant[kept], loudness[kept])

    strokes = strewn(exhausts, 0.0, 1.0) + strewn(clanks, 0.31, 0.22) + strewn(clanks, 0.52, 0.12)
    strokes = unit_rms(room(rng, strokes, 0.35, 0.35))
    idle = noise(rng, frames, lambda f: band(f, 40.0, 220.0, 1.0) + 0.03 * band(f, 2500.0, 9000.0, 1.0)) * np.exp(
        0.15 * slow(rng, frames, 4.0)
    )
    return strokes + idle * np.float32(amplitude(-22.0))


PISTONS = Texture(
    name="pistons",
    code=4,
    summary="a two-cylinder engine with exhaust, thud, steam and clanking rods",
    parameters=(Parameter("rate", "0 one stroke per second, 1 twelve"),),
    level_dbfs=lambda rate: -21.0 + 2.0 * rate,
    make=make_pistons,
)
