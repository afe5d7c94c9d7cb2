"""The corpus player's kernel: units of a corpus, joined with equal power. It knows frames and positions, not descriptors.

Every step puts out exactly as many frames as it is long, so duration is exactly conserved. A step that goes on where the last one ended
is copied as it is, with no cross-fade in it. A step that begins elsewhere fades from the frames that would have come next to its own
first frames, so nothing is cut and nothing is played twice.
"""

import math

import numpy as np
from numba import njit

from realtime.kernels.views import Floats


@njit("void(float32[:, ::1], int64, int64, int64, float32[:, ::1])", cache=True, nogil=True)
def play(audio: Floats, position: int, start: int, crossfade_frames: int, out: Floats) -> None:
    """Fill one step from the corpus.

    Parameters
    ----------
    audio : float32 array, shape (N, C)
        The corpus.
    position : int
        Frame that would come next after the last step; -1 when nothing was played yet (the first step fades in from silence).
    start : int
        Frame to play from. Equal to `position`: no cross-fade.
    crossfade_frames : int
        Length of the cross-fade, at most the step's.
    out : float32 array, shape (T, C)
        Overwritten completely.

    Raises
    ------
    Nothing: a position outside the corpus reads as silence.

    Thread
    ------
    The deck's. Allocates nothing.

    Source
    ------
    Equal-power law: cos and sin of one angle, so that two uncorrelated sounds keep their power through the fade.
    """
    total, channels = audio.shape
    frames = out.shape[0]
    fade = 0 if start == position else min(crossfade_frames, frames)
    for i in range(frames):
        inside = 0 <= start + i < total
        for c in range(channels):
            out[i, c] = audio[start + i, c] if inside else np.float32(0.0)
    for i in range(fade):
        # Half-sample offsets make the fade symmetric in time.
        angle = (i + 0.5) / fade * (math.pi / 2)
        gain_in = np.float32(math.sin(angle))
        gain_out = np.float32(math.cos(angle))
        old = position + i
        inside = position >= 0 and old < total
        for c in range(channels):
            leaving = audio[old, c] if inside else np.float32(0.0)
            out[i, c] = out[i, c] * gain_in + leaving * gain_out
