"""Wind: turbulent noise that follows the speed of the air, with edges that howl; it does not know files."""

import numpy as np

from training.synthesis.signals import Array, Generator, band, moving_noise, moving_noise_grid, resonance, wander
from training.synthesis.texture import Parameter, Texture

__all__ = ["WIND"]

HOWLS = 5
# Standard deviations: air comes neither to a stop nor to a blast, however the dice fall.
LARGEST_SWAY = 1.8


def make_wind(rng: Generator, frames: int, *, strength: float, gustiness: float) -> Array:
    """Make noise whose spectrum follows a gusting air speed.

    The pressure of turbulence grows with the square of the speed and its spectrum reaches higher; an edge howls at a frequency that rises
    with the speed (Strouhal: frequency = 0.2 × speed / width) and is excited more than in proportion.
    """
    instants, per_second, f = moving_noise_grid(frames)
    sway = 0.75 * wander(rng, instants, per_second, 0.25) + 0.55 * wander(rng, instants, per_second, 0.7)
    sway += 0.3 * wander(rng, instants, per_second, 3.0)
    # Each clip sways as much as its gustiness says, not as its dice fell.
    sway = (sway - np.mean(sway)) / np.std(sway)
    speed = (0.25 + 0.75 * strength) * np.exp((0.04 + 0.40 * gustiness) * LARGEST_SWAY * np.tanh(sway / LARGEST_SWAY))
    speed = speed[:, None].astype(np.float32)  # (instants, 1), 1 is a storm

    corner_hz = 90.0 + 520.0 * speed
    gain = speed**2 * (1.0 + (f / corner_hz) ** 2) ** -0.62 * band(f, 35.0, 16000.0, 1.0)
    for _ in range(HOWLS):
        centre_hz = 280.0 * 7.0 ** rng.uniform() * speed**0.4 * np.exp(0.08 * wander(rng, instants, per_second, 1.0))[:, None]
        lively = np.exp(0.9 * wander(rng, instants, per_second, 0.6))[:, None]
        howl = rng.uniform(0.4, 1.3) * lively * speed**2.6 * np.minimum(1.0, 500.0 / centre_hz)
        gain += howl * resonance(f, centre_hz, rng.uniform(8.0, 30.0))
    leaves = np.exp(0.35 * wander(rng, instants, per_second, 6.0))[:, None]
    gain += 0.06 * leaves * speed**3 * band(f, 1800.0, 8000.0, 1.5)
    return moving_noise(rng, frames, gain.astype(np.float32))


WIND = Texture(
    name="wind",
    code=1,
    summary="turbulent air with gusts and howling edges",
    parameters=(
        Parameter("strength", "0 a light breeze, 1 a storm"),
        Parameter("gustiness", "0 an even flow, 1 gusts and lulls"),
    ),
    level_dbfs=lambda strength, gustiness: -30.0 + 13.0 * strength,
    make=make_wind,
)
