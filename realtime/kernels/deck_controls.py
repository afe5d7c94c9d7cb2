"""The controls of a patch as a step heeds them: the host's cells, what is scheduled, and the journal of both. It knows no voice.

The latest wins: a cell of the host that changed since the last step wins over what was scheduled for before this one.
"""

import math

from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.queue import push
from realtime.kernels.schedule import admit, drop_first, next_due
from realtime.kernels.views import FLOATS, WORDS, Floats, Words


@njit(f"boolean({WORDS}, {FLOATS}, int64, int64, int64, int64, int64, float32)", cache=True, nogil=True)
def note(words: Words, floats: Floats, ring: int, ring_state: int, step: int, what: int, number: int, value: float) -> bool:
    """Put an entry in the journal of a ring; false when it found no room. Deck process only."""
    return push(words, floats, ring + at.R_JOURNAL, ring_state + at.RF_JOURNAL, at.RING_JOURNAL_SLOTS, step, what, number, value)


@njit(f"void({WORDS}, {FLOATS}, int64, int64, int64, int64, int64, boolean)", cache=True, nogil=True)
def take_controls(words: Words, floats: Floats, ring: int, ring_state: int, count: int, frame: int, step: int, frozen: bool) -> None:
    """Bring the values in force (`RF_SET`) up to date for a step and note what changed.

    Parameters
    ----------
    words, floats : the shared block
    ring, ring_state : int
        Where the ring's words and its floats begin.
    count : int
        Controls of the patch.
    frame : int
        When the first frame of the step will be heard: what is due at or before it is heeded.
    step : int
        Number of the step since the ring was opened. Step 0 takes and notes everything.
    frozen : bool

    Thread
    ------
    Deck process. Allocates nothing, never waits.
    """
    waiting = ring + at.R_WAITING
    waiting_values = ring_state + at.RF_WAITING
    if step == 0:
        for i in range(count):
            value = floats[ring_state + at.RF_CONTROLS + i]
            floats[ring_state + at.RF_SEEN + i] = value
            floats[ring_state + at.RF_SET + i] = value if math.isfinite(value) else 0.0
    admit(words, floats, ring + at.R_SCHEDULE, ring_state + at.RF_SCHEDULE, at.RING_SCHEDULE_SLOTS, waiting, waiting_values)
    while next_due(words, waiting) <= frame:
        place = drop_first(words, waiting)
        control = words[waiting + at.P_SLOTS + at.P_ENTRY * place + 1]
        value = floats[waiting_values + place]
        # What is no number is never taken, nor taken for a change.
        if 0 <= control < count and math.isfinite(value):
            floats[ring_state + at.RF_SET + control] = value
    for i in range(count):
        value = floats[ring_state + at.RF_CONTROLS + i]
        if value != floats[ring_state + at.RF_SEEN + i] and math.isfinite(value):
            floats[ring_state + at.RF_SEEN + i] = value
            floats[ring_state + at.RF_SET + i] = value
        value = floats[ring_state + at.RF_SET + i]
        if step == 0 or value != floats[ring_state + at.RF_NOTED + i]:
            floats[ring_state + at.RF_NOTED + i] = value
            note(words, floats, ring, ring_state, step, i, 0, value)
    freeze = 1.0 if frozen else 0.0
    if step == 0 or freeze != floats[ring_state + at.RF_NOTED + at.MAX_CONTROLS]:
        floats[ring_state + at.RF_NOTED + at.MAX_CONTROLS] = freeze
        note(words, floats, ring, ring_state, step, at.J_FREEZE, 0, freeze)
