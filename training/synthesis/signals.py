"""What every texture is made of: shaped noise, slow random motion, grains strewn in time, and a last pass that sets the level.

It does not know which texture it is used for. All randomness comes from the generator passed in, so a seed gives the same samples.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal
from scipy.interpolate import CubicSpline

__all__ = [
    "PEAK_DBFS",
    "SAMPLE_RATE_HZ",
    "amplitude",
    "band",
    "finish",
    "moving_noise",
    "moving_noise_grid",
    "noise",
    "poisson_starts",
    "resonance",
    "room",
    "seconds_to_frames",
    "slow",
    "strew",
    "unit_rms",
    "wander",
]

SAMPLE_RATE_HZ = 44_100
PEAK_DBFS = -1.0
# Where the limiter's curve ends: the offset that is taken away after it is far smaller than what is left to the peak.
CEILING_DBFS = PEAK_DBFS - 0.2
# The soft limiter is linear up to here. Peaks of sparse grains are bent above it, steady sounds never reach it.
KNEE_DBFS = -7.0
# Under hearing; what lies below it is only offset that would eat headroom.
LOWEST_HZ = 20.0
# Long enough that a clip neither begins nor ends with a click, short enough to be no part of the sound.
FADE_S = 0.005
# 93 ms: 11 Hz between bins resolves a whistle, and its half is the fastest that such a noise can move.
MOVING_WINDOW_FRAMES = 4096
MOVING_HOP_FRAMES = MOVING_WINDOW_FRAMES // 2

Array = NDArray[np.float32]
Generator = np.random.Generator


def seconds_to_frames(seconds: float) -> int:
    """Return the number of frames nearest to a time."""
    return round(seconds * SAMPLE_RATE_HZ)


def amplitude(level_db: float) -> float:
    """Return the linear amplitude of a level in dB."""
    return float(10.0 ** (level_db / 20.0))


def unit_rms(audio: Array) -> Array:
    """Return the sound scaled to an RMS of 1; silence stays silence."""
    rms = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    return audio if rms == 0.0 else audio * np.float32(1.0 / rms)


def band(frequency_hz: Array, low_hz: float, high_hz: float, slope: float = 2.0) -> Array:
    """Return the amplitude response of a band with gentle skirts.

    Parameters
    ----------
    frequency_hz : array
    low_hz, high_hz : float
        Where the response has fallen to 1/√2 (for corners well apart).
    slope : float
        Steepness of the skirts; 1 is 6 dB per octave.

    Returns
    -------
    array, like `frequency_hz`
    """
    f = np.maximum(frequency_hz, 1.0)
    return 1.0 / np.sqrt((1.0 + (low_hz / f) ** (2.0 * slope)) * (1.0 + (f / high_hz) ** (2.0 * slope)))


def resonance(frequency_hz: Array, centre_hz: Array | float, quality: Array | float) -> Array:
    """Return the amplitude response of a resonance, 1 at its centre; arguments broadcast."""
    return 1.0 / np.sqrt(1.0 + np.square(2.0 * quality * (frequency_hz - centre_hz) / centre_hz))


def noise(rng: Generator, frames: int, gain: Callable[[Array], Array]) -> Array:
    """Make Gaussian noise with a fixed spectrum, at an RMS of 1.

    Parameters
    ----------
    rng : Generator
    frames : int
    gain : function from frequencies in Hz to amplitudes

    Returns
    -------
    float32 array, shape (frames,)
    """
    size = fft.next_fast_len(frames, real=True)
    spectrum = fft.rfft(rng.standard_normal(size, dtype=np.float32))
    frequency_hz = fft.rfftfreq(size, 1.0 / SAMPLE_RATE_HZ).astype(np.float32)
    spectrum *= gain(frequency_hz).astype(np.float32)
    return unit_rms(fft.irfft(spectrum, size)[:frames])


def moving_noise_grid(frames: int) -> tuple[int, float, Array]:
    """Return the grid that `moving_noise` wants its gains on: number of instants, instants per second, frequencies in Hz."""
    count = -(-frames // MOVING_HOP_FRAMES) + 1
    frequency_hz = fft.rfftfreq(MOVING_WINDOW_FRAMES, 1.0 / SAMPLE_RATE_HZ).astype(np.float32)
    return count, SAMPLE_RATE_HZ / MOVING_HOP_FRAMES, frequency_hz


def moving_noise(rng: Generator, frames: int, gain: Array) -> Array:
    """Make Gaussian noise whose spectrum moves.

    Windows of independent noise, each with its own spectrum, overlap by half under a sine window, whose square sums to one.

    Parameters
    ----------
    rng : Generator
    frames : int
    gain : float32 array, shape (instants, bins)
        Amplitudes on the grid of `moving_noise_grid(frames)`.

    Returns
    -------
    float32 array, shape (frames,)
        A gain of 1 everywhere gives white noise with an RMS of 1.
    """
    instants, bins = gain.shape
    spectrum = rng.standard_normal((instants, 2 * bins), dtype=np.float32).view(np.complex64)
    spectrum *= gain
    spectrum[:, 0] = 0.0
    window = np.sin(np.pi * (np.arange(MOVING_WINDOW_FRAMES, dtype=np.float32) + 0.5) / MOVING_WINDOW_FRAMES)
    pieces = fft.irfft(spectrum, MOVING_WINDOW_FRAMES, axis=1)  # (instants, window)
    pieces *= window * np.float32(np.sqrt(MOVING_WINDOW_FRAMES / 2.0))
    audio = np.zeros((instants + 1, MOVING_HOP_FRAMES), dtype=np.float32)
    audio[:-1] += pieces[:, :MOVING_HOP_FRAMES]
    audio[1:] += pieces[:, MOVING_HOP_FRAMES:]
    return audio[1:].reshape(-1)[:frames]


def wander(rng: Generator, count: int, per_second: float, speed_hz: float) -> Array:
    """Make a smooth random motion around 0 with a standard deviation near 1.

    Parameters
    ----------
    rng : Generator
    count : int
        Values to make.
    per_second : float
        Values per second.
    speed_hz : float
        New random targets per second, joined by a cubic spline.

    Returns
    -------
    float32 array, shape (count,)
    """
    time = np.arange(count) * (speed_hz / per_second) + rng.uniform(0.0, 1.0)
    knots = rng.standard_normal(int(time[-1]) + 4)
    return CubicSpline(np.arange(-1, len(knots) - 1), knots)(time).astype(np.float32)


def slow(rng: Generator, frames: int, speed_hz: float) -> Array:
    """Make a `wander` at audio rate; its fastest useful speed is about 20 Hz."""
    per_second = 200.0
    count = int(frames / SAMPLE_RATE_HZ * per_second) + 2
    points = wander(rng, count, per_second, speed_hz)
    return np.interp(np.arange(frames), np.arange(count) * (SAMPLE_RATE_HZ / per_second), points).astype(np.float32)


def poisson_starts(rng: Generator, frames: int, per_second: float) -> NDArray[np.int64]:
    """Draw the frames at which independent events begin, in time order."""
    count = rng.poisson(per_second * frames / SAMPLE_RATE_HZ)
    return np.sort(rng.integers(0, frames, count))


def strew(frames: int, starts: NDArray[np.int64], grains: Sequence[Array], which: NDArray[np.int64], gains: Array) -> Array:
    """Add grains of sound at given places.

    Parameters
    ----------
    frames : int
    starts : int array, shape (N,), within 0..frames
    grains : sequence of float32 arrays, any lengths
    which : int array, shape (N,)
        Index into `grains`.
    gains : float array, shape (N,)

    Returns
    -------
    float32 array, shape (frames,)
        A grain that reaches past the end is cut there.
    """
    longest = max(len(grain) for grain in grains)
    audio = np.zeros(frames + longest, dtype=np.float32)
    for start, index, gain in zip(starts.tolist(), which.tolist(), np.asarray(gains, dtype=np.float32), strict=True):
        grain = grains[index]
        audio[start : start + len(grain)] += grain * gain
    return audio[:frames]


def room(rng: Generator, audio: Array, decay_s: float, wet: float, damping_hz: float = 5000.0) -> Array:
    """Put a sound into a room: a tail of noise that fades by 60 dB in `decay_s`, `wet` times as strong as the sound itself."""
    frames = seconds_to_frames(decay_s)
    time = np.arange(frames, dtype=np.float32) / frames
    tail = noise(rng, frames, lambda f: band(f, 150.0, damping_hz, 1.0)) * np.exp(-6.91 * time)
    tail[: seconds_to_frames(0.004)] = 0.0
    tail *= np.float32(wet / np.sqrt(np.sum(np.square(tail))))
    return audio + signal.oaconvolve(audio, tail)[: len(audio)].astype(np.float32)


def finish(audio: Array, level_dbfs: float) -> Array:
    """Set the level, bend the peaks under the ceiling, and take offset and edge clicks away.

    Parameters
    ----------
    audio : float32 array, shape (T,)
    level_dbfs : float
        RMS before the peaks are bent.

    Returns
    -------
    float32 array, shape (T,)
        Peak at most `PEAK_DBFS`.
    """
    highpass = signal.butter(2, LOWEST_HZ, "highpass", fs=SAMPLE_RATE_HZ, output="sos")
    audio = unit_rms(signal.sosfilt(highpass, audio).astype(np.float32)) * np.float32(amplitude(level_dbfs))
    knee, room_above = amplitude(KNEE_DBFS), amplitude(CEILING_DBFS) - amplitude(KNEE_DBFS)
    over = np.abs(audio) > knee
    audio[over] = np.sign(audio[over]) * (knee + room_above * np.tanh((np.abs(audio[over]) - knee) / room_above))
    # Bending peaks that point one way more than the other makes an offset again.
    audio -= np.mean(audio, dtype=np.float64).astype(np.float32)
    count = min(seconds_to_frames(FADE_S), len(audio) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / max(1, count))).astype(np.float32)
    audio[:count] *= ramp
    audio[len(audio) - count :] *= ramp[::-1]
    return audio
