"""Bees: some that fly past, each a pulse train at its wing beat, in front of the hum of the rest; it does not know files."""

import numpy as np

from training.synthesis.signals import SAMPLE_RATE_HZ, Array, Generator, amplitude, band, moving_noise, moving_noise_grid, unit_rms, wander
from training.synthesis.texture import Parameter, Texture

__all__ = ["BEES"]

# Wing beats per second of a calm and of an agitated honey bee.
WING_HZ = (175.0, 275.0)
BEES_NEAR = (2.0, 26.0)
# Relative difference of the wing beats of two bees of one hive.
BEE_SPREAD = 0.04
TABLE_SIZE = 2048
HARMONICS = 40
# A bee's pitch and distance are followed this often; between, its phase runs evenly.
PIECE_FRAMES = 128


def make_bees(rng: Generator, frames: int, *, agitation: float, swarm: float) -> Array:
    """Fly a few bees past and hum with the others."""
    wing_hz = WING_HZ[0] * (WING_HZ[1] / WING_HZ[0]) ** agitation
    pieces = -(-frames // PIECE_FRAMES)
    per_second = SAMPLE_RATE_HZ / PIECE_FRAMES
    ramp = np.arange(PIECE_FRAMES, dtype=np.float32) / PIECE_FRAMES
    near = np.zeros((pieces, PIECE_FRAMES), dtype=np.float32)
    detune = BEE_SPREAD * rng.standard_normal(round(BEES_NEAR[0] * (BEES_NEAR[1] / BEES_NEAR[0]) ** swarm))
    for own_hz in wing_hz * np.exp(detune - np.mean(detune)):
        bend = (0.02 + 0.025 * agitation) * wander(rng, pieces, per_second, 1.5 + 2.0 * agitation)
        flutter = 0.006 * wander(rng, pieces, per_second, 14.0)
        phase_step = own_hz * np.exp(bend + flutter) / per_second  # turns per piece
        phase = np.cumsum(phase_step) - phase_step + rng.uniform()
        turns = (phase % 1.0).astype(np.float32)[:, None] + phase_step.astype(np.float32)[:, None] * ramp
        table = wing_table(rng, agitation)
        closeness = np.exp(
            0.85 * wander(rng, pieces + 1, per_second, 0.4 + 0.7 * agitation) + 0.12 * wander(rng, pieces + 1, per_second, 17.0)
        )
        loudness = closeness[:-1, None] + np.diff(closeness)[:, None] * ramp
        near += table[(turns * TABLE_SIZE).astype(np.int32) & (TABLE_SIZE - 1)] * loudness
    rest = hum(rng, frames, wing_hz, agitation)
    return unit_rms(near.reshape(-1)[:frames]) + rest * np.float32(amplitude(-12.0 + 12.0 * swarm))


def wing_table(rng: Generator, agitation: float) -> Array:
    """Return one beat of a wing: a bundle of harmonics that falls off less the harder the bee works."""
    k = np.arange(1, HARMONICS + 1)
    strength = k ** -(1.25 - 0.35 * agitation) * np.exp(0.5 * rng.standard_normal(HARMONICS)) / (1.0 + (k / 18.0) ** 4)
    strength[0] *= 0.8
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, dtype=np.complex128)
    # Phases near each other make a pulse, as the wing's stroke does; fully random ones would make an organ pipe.
    spectrum[1 : HARMONICS + 1] = strength * np.exp(1j * rng.normal(0.0, 0.9, HARMONICS))
    return unit_rms(np.fft.irfft(spectrum).astype(np.float32))


def hum(rng: Generator, frames: int, wing_hz: float, agitation: float) -> Array:
    """Make the sound of bees too many to count: noise around every harmonic, wider the higher, at an RMS of 1."""
    instants, per_second, f = moving_noise_grid(frames)
    centre_hz = wing_hz * np.exp(0.015 * wander(rng, instants, per_second, 0.5))[:, None]
    order = np.maximum(0.6, f / centre_hz)  # (instants, bins)
    width = 0.075 + 0.02 * agitation
    off = (order - np.maximum(1.0, np.round(order))) / np.maximum(1e-3, width * np.round(order).clip(1.0))
    gain = (np.exp(-0.5 * np.square(off)) + 0.02) * order ** -(1.35 - 0.35 * agitation) * band(f, 110.0, 7000.0, 2.0)
    gain *= np.exp(0.12 * wander(rng, instants, per_second, 2.0))[:, None]
    return unit_rms(moving_noise(rng, frames, gain.astype(np.float32)))


BEES = Texture(
    name="bees",
    code=3,
    summary="bees that fly past in front of a humming swarm",
    parameters=(
        Parameter("agitation", "0 calm and low, 1 angry: higher, brighter, restless"),
        Parameter("swarm", "0 two single bees, 1 a swarm"),
    ),
    level_dbfs=lambda agitation, swarm: -28.0 + 2.0 * agitation + 8.0 * swarm,
    make=make_bees,
)
