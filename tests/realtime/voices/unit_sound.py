"""What the tests of the unit player share: sounds, a player on them, and steps put one after the other."""

import numpy as np

from realtime.kernels.views import Floats
from realtime.voices.audio_source import MemorySource
from realtime.voices.unit_player import UnitPlayer
from realtime.voices.unit_shape import Shape

RATE_HZ = 44_100
STEP = 1_024


def noise(frames: int, channels: int = 1, seed: int = 3) -> Floats:
    return (0.25 * np.random.default_rng(seed).standard_normal((frames, channels))).astype(np.float32)


def sine(frequency_hz: float, frames: int, phase: float = 0.0, level: float = 0.5) -> Floats:
    turns = frequency_hz / RATE_HZ * np.arange(frames) + phase
    return (level * np.sin(2 * np.pi * turns)).astype(np.float32)[:, None]


def sawtooth(frequency_hz: float, frames: int, phase: float = 0.0) -> Floats:
    """Band-limited: up to 16 harmonics, up to 10 kHz."""
    turns = frequency_hz / RATE_HZ * np.arange(frames) + phase
    harmonics = range(1, min(16, int(10_000 / frequency_hz)) + 1)
    return sum(0.3 / k * np.sin(2 * np.pi * k * turns) for k in harmonics).astype(np.float32)[:, None]


def player(audio: Floats, channels_out: int = 0, step_frames: int = STEP) -> UnitPlayer:
    channels_out = channels_out or audio.shape[1]
    return UnitPlayer(MemorySource(audio), step_frames=step_frames, channels_out=channels_out, sample_rate_hz=RATE_HZ)


def everywhere(audio: Floats) -> tuple[int, int]:
    return (0, len(audio) - 1)


def run(made: UnitPlayer, shape: Shape, steps: int, channels: int = 1, step_frames: int = STEP) -> Floats:
    """Steps one after the other; what `step` leaves unwritten is not a number."""
    out = np.full((steps, step_frames, channels), np.nan, np.float32)
    for block in out:
        made.step(shape, block)
    return out.reshape(-1, channels)


def steepest(sound: Floats) -> float:
    return float(np.abs(np.diff(sound, axis=0)).max())


def fade_ms(frames: int) -> float:
    return frames * 1000.0 / RATE_HZ
