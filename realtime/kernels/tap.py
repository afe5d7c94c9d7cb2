"""Reading the tap: what the mixer put out, for a recording. It knows the tap ring, not files."""

from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import load_acquire, store_release
from realtime.kernels.views import FLOATS, WORDS, Floats, Words


@njit(f"int64({WORDS}, {FLOATS}, float32[:, ::1])", cache=True, nogil=True)
def take(words: Words, floats: Floats, out: Floats) -> int:
    """Move frames from the tap to `out`.

    Parameters
    ----------
    words, floats : the shared block
    out : float32 array, shape (T, 2)

    Returns
    -------
    int
        Frames moved, at most T; the rest of `out` is left as it was.

    Thread
    ------
    One reader at a time, any thread but the audio thread.
    """
    tail = words[at.W_TAP_TAIL]
    count = min(load_acquire(words, at.W_TAP_HEAD) - tail, out.shape[0])
    for i in range(count):
        slot = at.F_TAP + 2 * ((tail + i) & at.TAP_MASK)
        out[i, 0] = floats[slot]
        out[i, 1] = floats[slot + 1]
    store_release(words, at.W_TAP_TAIL, tail + count)
    return count
