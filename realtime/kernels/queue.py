"""Single-producer single-consumer queues of small entries in the shared block. They know positions, not what an entry means.

An entry is a time, a kind and a number (int64 each) and a value (float32). Head and tail only grow; a slot is their value modulo the
number of slots, a power of two. A queue that is full drops the newest entry and counts it: neither side ever waits.
"""

from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import load_acquire, store_release
from realtime.kernels.views import FLOATS, WORDS, Floats, Words


@njit(f"boolean({WORDS}, {FLOATS}, int64, int64, int64, int64, int64, int64, float32)", cache=True, nogil=True)
def push(words: Words, floats: Floats, queue: int, values: int, slots: int, when: int, what: int, number: int, value: float) -> bool:
    """Append an entry.

    Parameters
    ----------
    words, floats : the shared block
    queue, values : int
        Where the queue's words and its values begin.
    slots : int
        A power of two.
    when, what, number : int
    value : float

    Returns
    -------
    bool
        False when there was no room: the entry is dropped and counted.

    Thread
    ------
    Producer only. Allocates nothing, never waits.
    """
    head = words[queue + at.Q_HEAD]
    if head - load_acquire(words, queue + at.Q_TAIL) >= slots:
        words[queue + at.Q_DROPPED] += 1
        return False
    slot = head & (slots - 1)
    entry = queue + at.Q_SLOTS + at.Q_ENTRY * slot
    words[entry] = when
    words[entry + 1] = what
    words[entry + 2] = number
    floats[values + slot] = value
    store_release(words, queue + at.Q_HEAD, head + 1)
    return True


@njit(f"int64({WORDS}, {FLOATS}, int64, int64, int64, int64[:, ::1], float32[::1])", cache=True, nogil=True)
def take(words: Words, floats: Floats, queue: int, values: int, slots: int, entries: Words, out: Floats) -> int:
    """Move entries out of a queue.

    Parameters
    ----------
    words, floats : the shared block
    queue, values : int
        Where the queue's words and its values begin.
    slots : int
        A power of two.
    entries : int64 array, shape (n, 3)
        Time, kind and number of each; overwritten from the start.
    out : float32 array, shape (n,)
        Their values.

    Returns
    -------
    int
        How many, at most n.

    Thread
    ------
    Consumer only.
    """
    tail = words[queue + at.Q_TAIL]
    count = min(load_acquire(words, queue + at.Q_HEAD) - tail, entries.shape[0])
    for i in range(count):
        slot = (tail + i) & (slots - 1)
        entry = queue + at.Q_SLOTS + at.Q_ENTRY * slot
        for j in range(at.Q_ENTRY):
            entries[i, j] = words[entry + j]
        out[i] = floats[values + slot]
    store_release(words, queue + at.Q_TAIL, tail + count)
    return count
