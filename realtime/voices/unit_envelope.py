"""How loud each sounding unit is, frame by frame. It knows clocks and distances to the end of a file, not the sound.

A unit has four reasons to be less than fully there, and their gains are multiplied: its attack, its release (after the frames it sounds
on at full level), the end of its file, and being hurried out because a stream has no slot left. All are parts of a sine or cosine, so an
attack and a release that begin together keep the power of two uncorrelated sounds.
"""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from realtime.kernels.views import Floats

Slots = NDArray[np.float64]
"""One row per unit that can sound, shape (rows, COLUMNS); float64 holds every frame number exactly and positions to 2⁻²⁰ of a frame."""

(
    ACTIVE,  # 1 while it sounds
    POSITION,  # corpus frame that comes next, with its fraction
    DIRECTION,  # 1 forwards, -1 backwards
    FIRST,  # first frame of its file
    LAST,  # last frame of its file
    RATE,  # corpus frames per frame at the end of the last step
    AGE,  # frames sounded so far
    ATTACK,  # frames
    LIFE,  # frames until it releases itself; -1: not by itself
    RELEASED,  # 1 from its release on
    HOLD,  # frames it still sounds at full level after its release
    RELEASE,  # frames
    FADED,  # frames of the release sounded so far
    HURRY,  # frames in which it is hurried out; 0: it is not
    HURRIED,  # frames of that sounded so far
    EDGE,  # frames of the fade at the end of its file
    PITCH_HZ,  # 0 where unknown
    PARTNER,  # row of the unit it was joined to; -1: none
    LIKENESS,  # normalised cross-correlation with it, 0..1
    SHIFT,  # corpus frames by which the join moved its start
    BIRTH,  # counts the units begun: tells which is older
    COLUMNS,
) = range(22)

GUARD_FRAMES: Final = 32
"""Shortest fade, also where 0 is asked for (0.7 ms): what is shorter is a click."""


@njit("void(float64[:, ::1], int64, float64, float64, float64, float64)", cache=True, nogil=True)
def release_slot(slots: Slots, row: int, hold: float, release: float, speed: float, left: float) -> None:
    """Let a unit go, so that it has faded out before its file ends.

    Parameters
    ----------
    slots : float64 array, shape (rows, COLUMNS)
    row : int
    hold, release : float, frames
        Shortened to what the file still has, the hold first.
    speed : float, corpus frames per frame
    left : float, corpus frames
        From the unit's next frame to the last one of its file.
    """
    slot = slots[row]
    remaining = max(math.floor(left / speed) + 1.0, 1.0)
    release = min(release, remaining)
    slot[RELEASED] = 1.0
    slot[RELEASE] = release
    slot[HOLD] = min(hold, remaining - release)
    slot[FADED] = 0.0
    if left / speed >= slot[EDGE]:
        # The release ends in time by itself; the edge is kept for a rate that is turned up meanwhile.
        slot[EDGE] = GUARD_FRAMES


@njit("void(float64[:, ::1], int64, float64, float32[::1])", cache=True, nogil=True)
def envelope(slots: Slots, row: int, rate: float, gain: Floats) -> None:
    """Fill one step of a unit's gain and move its clocks; not its position, which `render` moves.

    Parameters
    ----------
    slots : float64 array, shape (rows, COLUMNS)
        All clocks of `row` are moved; ACTIVE becomes 0 in the step in which it ends.
    row : int
    rate : float, corpus frames per frame
        Reached at the end of the step; see `unit_resample.render`.
    gain : float32 array, shape (T,), 0..1
        Overwritten completely.

    Raises
    ------
    Nothing.

    Thread
    ------
    The deck's. Allocates nothing.
    """
    slot = slots[row]
    frames = gain.shape[0]
    start_rate = slot[RATE]
    bend = (rate - start_rate) / (2.0 * frames)
    quarter = math.pi / 2
    ended = False
    for i in range(frames):
        # Corpus frames from here to the last one of the file in the direction of play.
        travelled = i * (start_rate + bend * i)
        if slot[DIRECTION] > 0:
            left = slot[LAST] - slot[POSITION] - travelled
        else:
            left = slot[POSITION] - travelled - slot[FIRST]
        if ended or left < 0.0 or slot[LAST] < slot[FIRST]:
            ended = True
            gain[i] = np.float32(0.0)
            continue
        speed = start_rate + 2.0 * bend * i
        if slot[RELEASED] == 0.0 and slot[LIFE] == 0.0:
            release_slot(slots, row, 0.0, slot[RELEASE], speed, left)
        value = 1.0
        if slot[AGE] < slot[ATTACK]:
            value = math.sin((slot[AGE] + 0.5) / slot[ATTACK] * quarter)
        if slot[RELEASED] > 0.0:
            if slot[HOLD] > 0.0:
                slot[HOLD] -= 1.0
            elif slot[FADED] < slot[RELEASE]:
                value *= math.cos((slot[FADED] + 0.5) / slot[RELEASE] * quarter)
                slot[FADED] += 1.0
            else:
                value = 0.0
                ended = True
        elif slot[LIFE] > 0.0:
            slot[LIFE] -= 1.0
        if slot[HURRY] > 0.0:
            if slot[HURRIED] < slot[HURRY]:
                value *= math.cos((slot[HURRIED] + 0.5) / slot[HURRY] * quarter)
                slot[HURRIED] += 1.0
            else:
                value = 0.0
                ended = True
        near = (left / speed + 0.5) / slot[EDGE]
        if near < 1.0:
            value *= math.sin(near * quarter)
        slot[AGE] += 1.0
        gain[i] = np.float32(value)
    travelled = frames * (start_rate + bend * frames)
    if slot[DIRECTION] > 0:
        left = slot[LAST] - slot[POSITION] - travelled
    else:
        left = slot[POSITION] - travelled - slot[FIRST]
    over = slot[RELEASED] > 0.0 and slot[HOLD] == 0.0 and slot[FADED] >= slot[RELEASE]
    hurried = slot[HURRY] > 0.0 and slot[HURRIED] >= slot[HURRY]
    if ended or over or hurried or left < 0.0:
        slot[ACTIVE] = 0.0


MOST_POWER: Final = 1.0001
"""What rounding makes of cos² + sin² is below."""


@njit("void(float32[::1], float32[::1], float64)", cache=True, nogil=True)
def balance_join(rising: Floats, falling: Floats, likeness: float) -> None:
    """Correct the gains of two units that are alike, so that their sum has the power of two that are not, in place.

    Parameters
    ----------
    rising, falling : float32 array, shape (T,)
        Gains of the unit that begins and of the one it replaces.
    likeness : float, 0..1
        Normalised cross-correlation of the two: 0 leaves the equal-power law as it is, 1 makes it the equal-gain law.

    Source
    ------
    Power of a sum, g² + h² + 2·r·g·h for a correlation of r; Fink, Holters & Zölzer 2016, "Signal-matched power-complementary
    cross-fading and dry-wet mixing".
    """
    for i in range(rising.shape[0]):
        g = float(rising[i])
        h = float(falling[i])
        if g > 0.0 and h > 0.0:
            alone = g * g + h * h
            factor = math.sqrt(alone / (alone + 2.0 * likeness * g * h))
            rising[i] = np.float32(g * factor)
            falling[i] = np.float32(h * factor)


@njit("void(float32[:, ::1], int64[::1], int64)", cache=True, nogil=True)
def bound_power(gains: Floats, rows: NDArray[np.int64], count: int) -> None:
    """Bring the gains of units that ring at once to the power of one, wherever it is more, in place.

    Parameters
    ----------
    gains : float32 array, shape (R, T)
    rows : int64 array
        Rows of the units; the first `count` are looked at.
    count : int

    Source
    ------
    Sounds that have nothing to do with each other add their powers. Fades of equal power sum to one and stay as they are.
    """
    for i in range(gains.shape[1]):
        power = 0.0
        for entry in range(count):
            gain = float(gains[rows[entry], i])
            power += gain * gain
        if power > MOST_POWER:
            factor = np.float32(1.0 / math.sqrt(power))
            for entry in range(count):
                gains[rows[entry], i] *= factor
