"""What waits for its time: entries of a queue, sorted by time by the one who will heed them. It knows times, not what changes then.

The queue holds them in the order they were asked for, which need not be the order they are due in. So the consumer keeps a sorted list of
its own beside the queue; entries of the same time stay in the order they came.
"""

from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import load_acquire, store_release
from realtime.kernels.views import FLOATS, WORDS, Floats, Words

NEVER = 2**62
"""Later than anything that is scheduled."""
ADMITTED = 256
"""Entries sorted in at once at most, so that a flood of them does not make one block long: half a millisecond at worst."""


@njit(f"void({WORDS}, {FLOATS}, int64, int64, int64, int64, int64)", cache=True, nogil=True)
def admit(words: Words, floats: Floats, queue: int, values: int, slots: int, waiting: int, waiting_values: int) -> None:
    """Sort what came into the queue into the list of what waits.

    Parameters
    ----------
    words, floats : the shared block
    queue, values : int
        Where the queue's words and its values begin.
    slots : int
        Of the queue, and of the list.
    waiting, waiting_values : int
        Where the list's words and its values begin.

    Thread
    ------
    Consumer only. Allocates nothing, never waits; what finds no room in the list stays in the queue.
    """
    tail = words[queue + at.Q_TAIL]
    count = min(load_acquire(words, queue + at.Q_HEAD) - tail, ADMITTED)
    if count <= 0:
        return
    first = words[waiting + at.P_FIRST]
    end = words[waiting + at.P_END]
    base = waiting + at.P_SLOTS
    if end + count > slots and first > 0:
        for i in range(end - first):
            words[base + at.P_ENTRY * i] = words[base + at.P_ENTRY * (first + i)]
            words[base + at.P_ENTRY * i + 1] = words[base + at.P_ENTRY * (first + i) + 1]
            floats[waiting_values + i] = floats[waiting_values + first + i]
        end -= first
        first = 0
    count = min(count, slots - end)
    for i in range(count):
        slot = (tail + i) & (slots - 1)
        entry = queue + at.Q_SLOTS + at.Q_ENTRY * slot
        when = words[entry]
        place = end
        while place > first and words[base + at.P_ENTRY * (place - 1)] > when:
            words[base + at.P_ENTRY * place] = words[base + at.P_ENTRY * (place - 1)]
            words[base + at.P_ENTRY * place + 1] = words[base + at.P_ENTRY * (place - 1) + 1]
            floats[waiting_values + place] = floats[waiting_values + place - 1]
            place -= 1
        words[base + at.P_ENTRY * place] = when
        words[base + at.P_ENTRY * place + 1] = words[entry + 1]
        floats[waiting_values + place] = floats[values + slot]
        end += 1
    words[waiting + at.P_FIRST] = first
    words[waiting + at.P_END] = end
    store_release(words, queue + at.Q_TAIL, tail + count)


@njit(f"int64({WORDS}, int64)", cache=True, nogil=True)
def next_due(words: Words, waiting: int) -> int:
    """Time of the first entry that waits, `NEVER` if none does. Consumer only."""
    first = words[waiting + at.P_FIRST]
    return words[waiting + at.P_SLOTS + at.P_ENTRY * first] if first < words[waiting + at.P_END] else NEVER


@njit(f"int64({WORDS}, int64)", cache=True, nogil=True)
def drop_first(words: Words, waiting: int) -> int:
    """Take the first entry off the list, of which there must be one; returns its place there. Consumer only."""
    first = words[waiting + at.P_FIRST]
    if first + 1 == words[waiting + at.P_END]:
        words[waiting + at.P_FIRST] = 0
        words[waiting + at.P_END] = 0
    else:
        words[waiting + at.P_FIRST] = first + 1
    return first
