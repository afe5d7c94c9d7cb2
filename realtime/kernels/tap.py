"""Reading the taps: what the mixer put out, and each deck's part of it, for a recording. It knows their rings, not files."""

from numba import njit

from realtime.kernels.atomics import load_acquire, store_release
from realtime.kernels.views import FLOATS, WORDS, Floats, Words


@njit(f"int64({WORDS}, {FLOATS}, int64, int64, int64, int64, float32[:, ::1])", cache=True, nogil=True)
def take(words: Words, floats: Floats, head: int, tail: int, data: int, mask: int, out: Floats) -> int:
    """Move frames from a tap to `out`.

    Parameters
    ----------
    words, floats : the shared block
    head, tail : int
        Where the tap's head and tail are.
    data : int
        Where its audio begins.
    mask : int
        Frames it holds, less one.
    out : float32 array, shape (T, 2)

    Returns
    -------
    int
        Frames moved, at most T; the rest of `out` is left as it was.

    Thread
    ------
    One reader at a time, any thread but the audio thread.
    """
    position = words[tail]
    count = min(load_acquire(words, head) - position, out.shape[0])
    for i in range(count):
        slot = data + 2 * ((position + i) & mask)
        out[i, 0] = floats[slot]
        out[i, 1] = floats[slot + 1]
    store_release(words, tail, position + count)
    return count
