"""Tells whether two files hold the same sound, though in another format, at another level or resampled. It knows samples, not files.

Compared is how the timbre flickers from row to row, without its slow course and without level: two takes of the same rain, or two notes
with the same decay, have the same course and the same averages, but each flickers in its own way. Sounds under a second are too short a
proof and are never called the same by it.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from patches.descriptors import MEL_BANDS, MFCC_COUNT, WINDOW_FRAMES, DescriptorSpec
from training.one_librosa import librosa

__all__ = ["Duplicates", "Flicker", "flicker_of"]

# One second at the usual hop.
LEAST_ROWS = 43
# The slow course that is taken away: a fifth of a second.
COURSE_ROWS = 9
MIDDLE_ROWS = LEAST_ROWS
# Encoders put up to two rows before a sound; their ends differ as much.
LENGTH_ROWS = 4
LENGTH_SHARE = 0.01
LAGS = range(-6, 7)
SIMILAR = 0.45
# Between the two kinds as measured by tests/training/test_corpus_duplicates.py: the same sound through MP3, Ogg, -20 dB or another rate
# correlates by 0.68 and more; different sounds by 0.23 at most, but for machines that beat in step, by 0.52.
SAME = 0.62
# Of each quarter: two mixes of a piece may be the same for most of it.
SAME_QUARTER = 0.45
# Rows that hardly move, in MFCC units: what is left is rounding.
STILL = 0.02
# Spectra looked at together: 2 MiB.
BLOCK_ROWS = 256

Array = NDArray[np.float32]


class Flicker(NamedTuple):
    """What a sound is recognised by: `rows` (n, columns), and from their middle `middle`, of unit length."""

    rows: Array
    middle: Array


def flicker_of(audio: Array, spec: DescriptorSpec) -> Flicker | None:
    """Return what a sound is recognised by, or None where it is too short or too still for that.

    Parameters
    ----------
    audio : float32 array, shape (T, C), linear amplitude
        May be a memory map.
    spec : DescriptorSpec
        Its hop and rate are used.
    """
    if 1 + len(audio) // spec.hop_frames < LEAST_ROWS + 2:
        return None
    # The first and last rows hear the silence around the sound.
    columns = _timbre(audio, spec)[1:-1]
    moved = columns - uniform_filter1d(columns, COURSE_ROWS, axis=0, mode="nearest")
    if np.sqrt(np.mean(moved**2)) < STILL:
        return None
    # Each column counts alike.
    moved /= np.maximum(np.sqrt(np.mean(moved**2, axis=0)), STILL)
    flicker = moved.astype(np.float32)
    start = (len(flicker) - MIDDLE_ROWS) // 2
    return Flicker(flicker, _unit(flicker[start : start + MIDDLE_ROWS].ravel()))


def _timbre(audio: Array, spec: DescriptorSpec) -> NDArray[np.float64]:
    """Return MFCC 1 to 12 of each row, down to the quietest: unlike a descriptor's, so that a copy turned down is still itself."""
    hop, rows = spec.hop_frames, 1 + len(audio) // spec.hop_frames
    mel = librosa.filters.mel(sr=spec.sample_rate_hz, n_fft=WINDOW_FRAMES, n_mels=MEL_BANDS)
    half = WINDOW_FRAMES // 2
    parts = []
    for first in range(0, rows, BLOCK_ROWS):
        count = min(BLOCK_ROWS, rows - first)
        begin, end = first * hop - half, (first + count - 1) * hop + half
        piece = np.asarray(audio[max(begin, 0) : max(end, 0)], np.float64).mean(axis=1)
        piece = np.pad(piece, (max(-begin, 0), end - max(begin, 0) - len(piece)))
        power = np.abs(librosa.stft(piece, n_fft=WINDOW_FRAMES, hop_length=hop, center=False)) ** 2
        parts.append(librosa.feature.mfcc(S=librosa.power_to_db(mel @ power, top_db=None), n_mfcc=MFCC_COUNT)[1:].T)
    return np.concatenate(parts)


class Duplicates:
    """The sounds seen so far, by what they are recognised by.

    Capacity
    --------
    The rows of every sound: 2 KiB per second of it.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._rows: list[Array] = []
        self._middles: Array = np.zeros((0, 0), np.float32)
        self._lengths: NDArray[np.int64] = np.zeros(64, np.int64)

    def find(self, flicker: Flicker) -> str | None:
        """Return the name of the first sound that is the same, or None."""
        count = len(self._names)
        length = len(flicker.rows)
        near = np.abs(self._lengths[:count] - length) <= max(LENGTH_ROWS, int(LENGTH_SHARE * length))
        candidates = np.flatnonzero(near)
        if not len(candidates):
            return None
        start = (length - MIDDLE_ROWS) // 2
        shifted = [start + lag for lag in LAGS if 0 <= start + lag <= length - MIDDLE_ROWS]
        probes = np.stack([_unit(flicker.rows[place : place + MIDDLE_ROWS].ravel()) for place in shifted], axis=1)
        alike = self._middles[candidates] @ probes  # (candidates, lags)
        for place in np.flatnonzero(alike.max(axis=1) >= SIMILAR):
            other = int(candidates[place])
            lag = shifted[int(alike[place].argmax())] - (int(self._lengths[other]) - MIDDLE_ROWS) // 2
            if _same(self._rows[other], flicker.rows, lag):
                return self._names[other]
        return None

    def add(self, name: str, flicker: Flicker) -> None:
        """Remember a sound."""
        count = len(self._names)
        if count == 0 or count >= len(self._middles):
            grown = np.zeros((max(64, 2 * count), len(flicker.middle)), np.float32)
            grown[:count] = self._middles[:count] if count else 0.0
            self._middles = grown
            self._lengths = np.append(self._lengths[:count], np.zeros(len(grown) - count, np.int64))
        self._middles[count] = flicker.middle
        self._lengths[count] = len(flicker.rows)
        self._names.append(name)
        self._rows.append(flicker.rows.astype(np.float16))


def correlation(first: Array, second: Array) -> float:
    """Return the correlation of two sets of rows of the same shape, all columns together."""
    return float(np.dot(_unit(first.ravel()), _unit(second.ravel())))


def _same(known: Array, rows: Array, lag: int) -> bool:
    """Tell whether row i + lag of `rows` is row i of `known`, all along."""
    begin, end = max(0, -lag), min(len(known), len(rows) - lag)
    if end - begin < 0.9 * max(len(known), len(rows)):
        return False
    first, second = known[begin:end].astype(np.float32), rows[begin + lag : end + lag]
    if correlation(first, second) < SAME:
        return False
    edges = [(end - begin) * part // 4 for part in range(5)]
    return all(correlation(first[a:b], second[a:b]) >= SAME_QUARTER for a, b in itertools.pairwise(edges))


def _unit(vector: Array) -> Array:
    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)
