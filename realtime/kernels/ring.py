"""Single-producer single-consumer rings of stereo frames in the shared block. They know positions, not decks.

The producer is one deck process, the consumer the audio callback; their identities cannot be interchanged. A head and a tail only grow;
the slot is their value modulo `layout.RING_FRAMES`. What the producer wrote is visible once the consumer has acquired the head.

The last `layout.GUARD_FRAMES` frames behind the consumer are left alone by the producer. When a ring runs dry the consumer plays them
backwards under a fade, which has no jump in it, and then silence.
"""

import math

import numpy as np
from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import load_acquire, store_release
from realtime.kernels.views import FLOATS, WORDS, Floats, Words

CONCEAL_FRAMES = 1_024
"""Length of the fade after the last frame of a ring that ran dry: 21 ms at 48 kHz, under the guard."""
LEVEL_FRAMES = 256
"""Length of the fade-in when frames come again: 5 ms at 48 kHz."""


@njit(f"int64({WORDS}, int64)", cache=True, nogil=True)
def fill(words: Words, ring: int) -> int:
    """Frames ready in the ring whose words begin at `ring`. Any thread."""
    return load_acquire(words, ring + at.R_HEAD) - load_acquire(words, ring + at.R_TAIL)


@njit(f"int64({WORDS}, {FLOATS}, int64, int64, float32[:, ::1], int64)", cache=True, nogil=True)
def write(words: Words, floats: Floats, ring: int, data: int, frames: Floats, count: int) -> int:
    """Append frames to a ring.

    Parameters
    ----------
    words, floats : the shared block
    ring, data : int
        Where the ring's words and its audio begin.
    frames : float32 array, shape (T, 2)
    count : int
        Frames of it to append.

    Returns
    -------
    int
        Frames written: less than `count` when the ring has no room for more (a short write is no error).

    Thread
    ------
    Producer only. Allocates nothing, never waits.
    """
    head = words[ring + at.R_HEAD]
    tail = load_acquire(words, ring + at.R_TAIL)
    room = at.RING_FRAMES - at.GUARD_FRAMES - (head - tail)
    written = min(count, max(room, 0))
    for i in range(written):
        slot = data + 2 * ((head + i) & at.RING_MASK)
        floats[slot] = frames[i, 0]
        floats[slot + 1] = frames[i, 1]
    store_release(words, ring + at.R_HEAD, head + written)
    return written


@njit(f"int64({WORDS}, {FLOATS}, int64, int64, int64, int64, int64, int64)", cache=True, nogil=True)
def read(words: Words, floats: Floats, ring: int, ring_state: int, data: int, lead_frames: int, out: int, count: int) -> int:
    """Fill `count` frames at position `out` of `floats` from a ring, whatever is in it.

    What is missing is faded, then silent. A ring that ran dry flows again, with a fade-in, once it holds `lead_frames` and
    the fade is over.

    Parameters
    ----------
    words, floats : the shared block
    ring, data : int
        Where the ring's words and its audio begin.
    ring_state : int
        Where the ring's floats begin.
    lead_frames : int
        Frames it must hold before it flows.
    out : int
        Position in `floats`, interleaved stereo; overwritten completely.
    count : int

    Returns
    -------
    int
        Frames missing. The ring's flowing flag falls from 1 to 0 in the call in which it ran dry.

    Thread
    ------
    Consumer only. Allocates nothing, never waits.
    """
    tail = words[ring + at.R_TAIL]
    ready = load_acquire(words, ring + at.R_HEAD) - tail
    level = floats[ring_state + at.RF_LEVEL]
    concealed = words[ring + at.R_CONCEALED]
    if words[ring + at.R_FLOWING] == 0 and ready >= max(lead_frames, 1) and concealed >= CONCEAL_FRAMES:
        words[ring + at.R_FLOWING] = 1
        words[ring + at.R_CONSUMED] = 1
        level = np.float32(0.0)
    taken = 0
    if words[ring + at.R_FLOWING] == 1:
        taken = min(ready, count)
        for i in range(taken):
            slot = data + 2 * ((tail + i) & at.RING_MASK)
            level = min(level + np.float32(1.0 / LEVEL_FRAMES), np.float32(1.0))
            floats[out + 2 * i] = floats[slot] * level
            floats[out + 2 * i + 1] = floats[slot + 1] * level
        if taken < count:
            words[ring + at.R_FLOWING] = 0
            concealed = 0
    tail += taken
    for i in range(taken, count):
        left = np.float32(0.0)
        right = np.float32(0.0)
        if concealed < CONCEAL_FRAMES:
            fade = np.float32(0.5 + 0.5 * math.cos(math.pi * (concealed + 1) / CONCEAL_FRAMES)) * level
            slot = data + 2 * ((tail - 1 - concealed) & at.RING_MASK)
            left = floats[slot] * fade
            right = floats[slot + 1] * fade
            concealed += 1
        floats[out + 2 * i] = left
        floats[out + 2 * i + 1] = right
    floats[ring_state + at.RF_LEVEL] = level
    words[ring + at.R_CONCEALED] = concealed
    store_release(words, ring + at.R_TAIL, tail)
    return count - taken


@njit(f"void({WORDS}, {FLOATS}, int64, int64, int64)", cache=True, nogil=True)
def open_ring(words: Words, floats: Floats, ring: int, ring_state: int, data: int) -> None:
    """Empty a ring for a new producer. Only while neither producer nor consumer uses it (the deck is not active on it and faded out)."""
    for i in range(at.RING_WORDS):
        words[ring + i] = 0
    words[ring + at.R_CONCEALED] = CONCEAL_FRAMES
    floats[ring_state + at.RF_PRESENCE] = 0.0
    floats[ring_state + at.RF_LEVEL] = 0.0
    for i in range(2 * at.RING_FRAMES):
        floats[data + i] = 0.0
