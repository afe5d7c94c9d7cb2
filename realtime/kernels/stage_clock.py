"""Where the stage clock stands in monotonic time. It knows when callbacks came, not what they made.

A callback comes at its time or later, never before, so the least delay seen of late is the truth and everything above it is jitter. What
is kept is one number: the monotonic time at which frame 0 would have been. It falls at once to whatever came earlier than expected, and
rises slowly, so that a device that is a little slower than it says, or has skipped a block, is followed too.
"""

from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.views import WORDS, Words

RISE_S = 2.0
"""Time constant of the rise."""
JUMP_NS = 100_000_000
"""A callback that comes this late, and by more than two blocks, comes after a pause: the clock stood still meanwhile."""


@njit(f"void({WORDS}, int64, int64)", cache=True, nogil=True)
def place_clock(words: Words, started_ns: int, frames: int) -> None:
    """Take note that the callback for the next `frames` frames began at `started_ns`. Audio thread, before the clock moves."""
    rate = words[at.W_SAMPLE_RATE_HZ]
    clock = words[at.W_CLOCK]
    # In two parts: a product of frames and nanoseconds overflows after two days.
    offset = started_ns - (clock // rate) * 1_000_000_000 - (clock % rate) * 1_000_000_000 // rate
    known = words[at.W_CLOCK_OFFSET_NS]
    late = offset - known
    block_ns = frames * 1_000_000_000 // rate
    if known == 0 or late < 0 or late > max(JUMP_NS, 2 * block_ns):
        words[at.W_CLOCK_OFFSET_NS] = offset
    else:
        words[at.W_CLOCK_OFFSET_NS] = known + int(late * min(1.0, block_ns / (RISE_S * 1e9)))
