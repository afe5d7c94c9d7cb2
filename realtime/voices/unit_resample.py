"""Sound read at any rate, in either direction. It knows a stretch of frames and where in it a unit is, not why.

At rate 1 on a whole frame the frames are copied as they are. Elsewhere each is the sum of the frames around it under a windowed sinc; above
rate 1 the sinc is stretched by the rate, which takes away what would come out above half the sample rate.

What aliases: the filter is 6 dB down at the highest frequency that fits (half the sample rate divided by the rate) and falls within some
20 % above it, so of a sound with strong content just there a weak mirror image stays.
"""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from realtime.kernels.views import Floats
from realtime.voices.unit_envelope import DIRECTION, POSITION, RATE, Slots

ZEROS: Final = 12
"""Zero crossings of the sinc on each side: 24 frames per sample at rates up to 1."""
PHASES: Final = 512
"""Table entries per zero crossing; read with linear interpolation, that errs by less than -100 dB."""
KAISER_BETA: Final = 8.0
"""Side lobes at about -80 dB."""
RATE_MAX: Final = 4.0
MARGIN_FRAMES: Final = int(ZEROS * RATE_MAX) + 2
"""Frames needed on each side of those that are played."""


def sinc_table() -> NDArray[np.float64]:
    """Right half of the windowed sinc, shape (ZEROS * PHASES + 2,); exactly 0 at the whole numbers, so whole frames come out unchanged.

    Source: Smith 1984, "A flexible sampling-rate conversion method"; window of Kaiser.
    """
    x = np.arange(ZEROS * PHASES + 2) / PHASES
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1.0 - (x / ZEROS) ** 2, 0.0, 1.0))) / np.i0(KAISER_BETA)
    table = np.asarray(np.sinc(x) * window, np.float64)
    table[PHASES::PHASES] = 0.0
    table[-2:] = 0.0
    return table


@njit(
    "void(float64[:, ::1], int64, float64, float32[:, ::1], int64, float32[::1], float64[::1], float64[::1], float32[:, ::1])",
    cache=True,
    nogil=True,
)
def render(
    slots: Slots,
    row: int,
    rate: float,
    block: Floats,
    block_start: int,
    gain: Floats,
    place: NDArray[np.float64],
    table: NDArray[np.float64],
    out: Floats,
) -> None:
    """Add one step of a unit to the output and move its position and rate.

    Parameters
    ----------
    slots : float64 array, shape (rows, COLUMNS)
        POSITION and RATE of `row` are moved.
    row : int
    rate : float, corpus frames per frame, 0.25..4
        Reached at the end of the step, in a straight line from the rate of the last one.
    block : float32 array, shape (n, C)
        The corpus around what is played, with `MARGIN_FRAMES` on both sides; silence outside the unit's file.
    block_start : int
        Corpus frame of `block[0]`.
    gain : float32 array, shape (T,)
    place : float64 array, shape (4,)
        Gains of the left and right output at the beginning of the step, then at its end.
    table : float64 array
        From `sinc_table`.
    out : float32 array, shape (T, 1 or 2), linear amplitude
        Added to. `C` is 1, or 2 where the output has two.

    Raises
    ------
    Nothing.

    Thread
    ------
    The deck's. Allocates nothing.

    Source
    ------
    Smith 1984, as in `sinc_table`. The sum is divided by the sum of its weights, so a constant stays constant at every fraction.
    """
    slot = slots[row]
    frames = out.shape[0]
    outputs = out.shape[1]
    channels = block.shape[1]
    position = slot[POSITION]
    direction = slot[DIRECTION]
    start_rate = slot[RATE]
    bend = (rate - start_rate) / (2.0 * frames)
    copied = start_rate == 1.0 and rate == 1.0 and position == math.floor(position)
    moves = place[0] != place[2] or place[1] != place[3]
    left = np.float32(place[2])
    right = np.float32(place[3])
    whole = int(position) - block_start
    for i in range(frames):
        if gain[i] == 0.0:
            continue
        if copied:
            source = whole + i if direction > 0 else whole - i
            first = block[source, 0]
            second = block[source, channels - 1]
        else:
            here = position + direction * i * (start_rate + bend * i) - block_start
            stretch = max(start_rate + 2.0 * bend * i, 1.0)
            reach = ZEROS * stretch
            scale = PHASES / stretch
            a = 0.0
            b = 0.0
            total = 0.0
            for k in range(math.ceil(here - reach), math.floor(here + reach) + 1):
                x = abs(k - here) * scale
                entry = int(x)
                weight = table[entry] + (x - entry) * (table[entry + 1] - table[entry])
                total += weight
                a += weight * block[k, 0]
                if channels > 1:
                    b += weight * block[k, 1]
            first = np.float32(a / total)
            second = np.float32(b / total) if channels > 1 else first
        if moves:
            part = (i + 1) / frames
            left = np.float32(place[0] + (place[2] - place[0]) * part)
            right = np.float32(place[1] + (place[3] - place[1]) * part)
        out[i, 0] += first * gain[i] * left
        if outputs > 1:
            out[i, 1] += second * gain[i] * right
    slot[POSITION] = position + direction * frames * (start_rate + bend * frames)
    slot[RATE] = rate
