"""Where a unit must begin so that its waveform goes on with the one it replaces. It knows two stretches of sound, not their fades."""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from realtime.kernels.views import Floats
from realtime.voices.audio_source import AudioSource
from realtime.voices.unit_envelope import DIRECTION, FIRST, LAST, PITCH_HZ, POSITION

JOIN_FRAMES: Final = 1024
"""Most frames that are compared."""
PITCH_MIN_HZ: Final = 40.0
"""Below, half a period is more than the ear forgives as a shift in time."""
PITCH_MAX_HZ: Final = 2000.0
"""Above, a period is too few frames to be placed by whole ones."""

SILENT = 1e-9
"""Less power than this, against full scale or against the other sound, cannot be correlated."""


@njit("float32(float32[::1], float32[::1], int64)", cache=True, nogil=True, fastmath=True)
def _product(reference: Floats, candidate: Floats, offset: int) -> float:
    total = np.float32(0.0)
    for i in range(reference.shape[0]):
        total += reference[i] * candidate[offset + i]
    return total  # type: ignore[return-value]  # a machine number


@njit("UniTuple(float64, 2)(float32[::1], float32[::1], int64)", cache=True, nogil=True)
def best_lag(reference: Floats, candidate: Floats, before: int) -> tuple[float, float]:
    """Find the shift at which two sounds are most alike.

    Parameters
    ----------
    reference : float32 array, shape (L,)
        What would come next.
    candidate : float32 array, shape (L + before + after,)
        What could come instead; shift 0 begins at `candidate[before]`.
    before : int
        Greatest shift to the past; the greatest to the future is what is left of `candidate`.

    Returns
    -------
    shift, likeness : float
        Frames from -before to after, the smaller of two that are equally good; normalised cross-correlation there, 0..1. (0, 0) where
        either is silent or nothing correlates positively.

    Raises
    ------
    Nothing.

    Thread
    ------
    The deck's. Allocates nothing. One product of L frames for every shift.

    Source
    ------
    The similarity search of WSOLA, Verhelst & Roelands 1993, with the correlation normalised.
    """
    length = reference.shape[0]
    power = 0.0
    for i in range(length):
        power += float(reference[i]) * float(reference[i])
    # Sums from the first shift on give the power under every shift.
    energy = 0.0
    for i in range(length):
        energy += float(candidate[i]) * float(candidate[i])
    best = 0.0
    shift = 0
    for offset in range(candidate.shape[0] - length + 1):
        if offset > 0:
            leaving = float(candidate[offset - 1])
            coming = float(candidate[offset + length - 1])
            energy += coming * coming - leaving * leaving
        if energy > SILENT * power and power > SILENT:
            likeness = float(_product(reference, candidate, offset)) / math.sqrt(power * energy)
            lag = offset - before
            if likeness > best + 1e-6 or (likeness > best - 1e-6 and likeness > 0.0 and abs(lag) < abs(shift)):
                best = max(best, likeness)
                shift = lag
    return float(shift), min(best, 1.0)


@njit("void(float32[:, ::1], int64, int64, float32[::1])", cache=True, nogil=True)
def copy_along(block: Floats, start: int, direction: int, out: Floats) -> None:
    """Copy the first channel of `block`, shape (n, C), from `start` on in the direction of play (1 or -1) to `out`, shape (L,)."""
    for i in range(out.shape[0]):
        out[i] = block[start + direction * i, 0]


def read_within(audio: AudioSource, start: int, out: Floats, first: int, last: int) -> None:
    """Fill `out`, shape (n, C), with the corpus from `start` on, silence outside of the file from `first` to `last`."""
    before = min(max(first - start, 0), len(out))
    inside = min(max(last + 1 - start, before), len(out))
    out[:before] = 0.0
    out[inside:] = 0.0
    if inside > before:
        audio.read(start + before, out[before:inside])


class Aligner:
    """Reads two places of the corpus and finds the shift that joins them.

    Parameters
    ----------
    audio : AudioSource
    sample_rate_hz : int

    Thread
    ------
    The deck's. Allocates no arrays after the constructor.
    """

    def __init__(self, audio: AudioSource, sample_rate_hz: int) -> None:
        self._audio = audio
        self._sample_rate_hz = sample_rate_hz
        most = JOIN_FRAMES + 2 * (math.ceil(sample_rate_hz / PITCH_MIN_HZ / 2) + 1)
        self._near = np.zeros((most, 1), np.float32)
        self._reference = np.zeros(JOIN_FRAMES, np.float32)
        self._candidate = np.zeros(most, np.float32)

    def align(
        self, old: NDArray[np.float64], start: int, direction: int, pitch_hz: float, limit: tuple[int, int], fade_frames: int
    ) -> tuple[int, float]:
        """Find where a unit that is to begin at `start` begins instead.

        Parameters
        ----------
        old : float64 array, shape (COLUMNS,)
            The unit it replaces, as in `unit_envelope`.
        start : int
        direction : int
            1 forwards, -1 backwards.
        pitch_hz : float
            Of the new unit; 0 where unknown.
        limit : (int, int)
            First and last frame of its file; the start stays inside.
        fade_frames : int
            Corpus frames that sound together; compared are at least a period and at most `JOIN_FRAMES`.

        Returns
        -------
        shift, likeness : int, float
            Corpus frames, at most half a period; normalised cross-correlation, 0..1. (0, 0) where a pitch is unknown or out of range.

        Raises
        ------
        Nothing.
        """
        if not (PITCH_MIN_HZ <= pitch_hz <= PITCH_MAX_HZ and PITCH_MIN_HZ <= old[PITCH_HZ] <= PITCH_MAX_HZ):
            return 0, 0.0
        period = self._sample_rate_hz / pitch_hz
        length = min(max(fade_frames, math.ceil(period)), JOIN_FRAMES)
        along = 1 if old[DIRECTION] > 0 else -1
        position = round(float(old[POSITION]))
        near = self._near[:length]
        read_within(self._audio, position if along > 0 else position - length + 1, near, int(old[FIRST]), int(old[LAST]))
        copy_along(near, 0 if along > 0 else length - 1, along, self._reference[:length])
        room = (start - limit[0], limit[1] - start)
        before, after = (min(int(period / 2), side) for side in room[::direction])
        count = before + length + after
        near = self._near[:count]
        read_within(self._audio, start - before if direction > 0 else start + before - count + 1, near, *limit)
        copy_along(near, 0 if direction > 0 else count - 1, direction, self._candidate[:count])
        shift, likeness = best_lag(self._reference[:length], self._candidate[:count], before)
        return direction * int(shift), likeness
