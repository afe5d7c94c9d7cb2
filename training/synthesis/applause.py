"""Applause: people who clap, each at a pace, with hands and at a place of their own, in a hall; it does not know files."""

import numpy as np

from training.synthesis.signals import SAMPLE_RATE_HZ, Array, Generator, band, noise, room, seconds_to_frames, strew
from training.synthesis.texture import Parameter, Texture

__all__ = ["APPLAUSE"]

PEOPLE = (2.0, 240.0)
CLAPS_HZ = 4.0
CLAPS_PER_PERSON = 2
CLAP_S = 0.05


def make_clap(rng: Generator, centre_hz: float, quality: float, damping_hz: float) -> Array:
    """Make one clap: noise through the cavity between the hands, over in some milliseconds, with unit energy.

    Source
    ------
    Repp 1987, The sound of two hands clapping: hand positions differ by the peak between about 500 and 2500 Hz.
    """
    frames = seconds_to_frames(CLAP_S)
    time = np.arange(frames, dtype=np.float32) / SAMPLE_RATE_HZ
    cavity = noise(rng, frames, lambda f: band(f, centre_hz / (1.0 + 1.0 / quality), centre_hz * (1.0 + 1.0 / quality), 2.0))
    skin = noise(rng, frames, lambda f: band(f, 700.0, damping_hz, 1.0))
    rise = 1.0 - np.exp(-time / 0.0002)
    clap = rise * (cavity * np.exp(-time / rng.uniform(0.004, 0.009)) + 0.7 * skin * np.exp(-time / rng.uniform(0.001, 0.002)))
    clap *= np.minimum(1.0, (time[-1] - time) / 0.01)
    return (clap / np.sqrt(np.sum(clap**2))).astype(np.float32)


def make_applause(rng: Generator, frames: int, *, crowd: float) -> Array:
    """Let everybody clap for the whole clip; the hall is heard more the farther away most of them sit."""
    decay_s = 0.45 + 0.5 * crowd
    frames += seconds_to_frames(decay_s)  # the hall is already full of sound when the clip begins
    people = round(PEOPLE[0] * (PEOPLE[1] / PEOPLE[0]) ** crowd)
    claps, starts, which, gains = [], [], [], []
    for person in range(people):
        pace_hz = CLAPS_HZ * np.exp(0.16 * rng.standard_normal())
        distance = 1.0 if person == 0 else 1.0 + 7.0 * np.sqrt(rng.uniform()) * crowd
        centre_hz = 550.0 * 4.0 ** rng.uniform()
        claps += [make_clap(rng, centre_hz, rng.uniform(0.8, 2.5), 9000.0 / distance**0.35) for _ in range(CLAPS_PER_PERSON)]
        count = int(frames / SAMPLE_RATE_HZ * pace_hz) + 2
        beat = (
            (np.arange(count) - rng.uniform()) / pace_hz
            + 0.014 * rng.standard_normal(count)
            + 0.02 * np.cumsum(rng.standard_normal(count)) / pace_hz
        )
        places = np.round(beat * SAMPLE_RATE_HZ).astype(np.int64)
        places = places[(places >= 0) & (places < frames)]
        starts.append(places)
        which.append(person * CLAPS_PER_PERSON + rng.integers(0, CLAPS_PER_PERSON, len(places)))
        gains.append(np.exp(0.2 * rng.standard_normal(len(places))) / distance)
    dry = strew(frames, np.concatenate(starts), claps, np.concatenate(which), np.concatenate(gains))
    return room(rng, dry, decay_s, 0.35 + 0.45 * crowd)[seconds_to_frames(decay_s) :]


APPLAUSE = Texture(
    name="applause",
    code=5,
    summary="people clapping in a hall",
    parameters=(Parameter("crowd", "0 two people, 1 a full hall"),),
    level_dbfs=lambda crowd: -28.0 + 11.0 * crowd,
    make=make_applause,
)
