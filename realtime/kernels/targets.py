"""The values the mixer heeds: what the host has set, what is scheduled, and the journal of both. It knows values, not samples.

The host writes its cells when it likes; the callback looks at them once per block and keeps what is in force in cells of its own, so that
the journal says exactly which frames sounded with which values. The latest wins: a cell that changed since the last look wins over what
was scheduled for before this block.
"""

import math

import numpy as np
from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import load_acquire
from realtime.kernels.queue import push
from realtime.kernels.schedule import drop_first, next_due
from realtime.kernels.views import FLOATS, WORDS, Floats, Words


@njit(f"void({WORDS}, {FLOATS}, int64, int64, int64, int64, float32)", cache=True, nogil=True)
def journal(words: Words, floats: Floats, frame: int, what: int, deck: int, ring: int, value: float) -> None:
    """Note that `what` (one of `layout.J_MASTER` and on) is `value` from `frame` on. Audio thread."""
    place = what * at.JOURNAL_PLACES + ring * at.MAX_DECKS + deck
    push(words, floats, at.W_JOURNAL, at.F_JOURNAL, at.JOURNAL_SLOTS, frame, place, 0, value)


@njit(f"boolean({FLOATS}, int64, int64, int64)", cache=True, nogil=True)
def take_cell(floats: Floats, cell: int, seen: int, in_force: int) -> bool:
    """Take the host's value at `cell` if it changed since the last look; true if what is in force changed with it."""
    value = floats[cell]
    # What is no number is never taken, nor taken for a change.
    if value == floats[seen] or not math.isfinite(value):
        return False
    floats[seen] = value
    changed = floats[in_force] != value
    floats[in_force] = value
    return changed


@njit(f"boolean({WORDS}, int64, int64)", cache=True, nogil=True)
def _take_word(words: Words, cell: int, in_force: int) -> bool:
    """Take the host's word at `cell`; true if it changed."""
    value = load_acquire(words, cell)
    if value == words[in_force]:
        return False
    words[in_force] = value
    return True


@njit(f"void({WORDS}, {FLOATS}, int64)", cache=True, nogil=True)
def look(words: Words, floats: Floats, frame: int) -> None:
    """Take what the host has set since the last look; it is in force from `frame` on. Audio thread, where a block begins."""
    if take_cell(floats, at.F_MASTER_GAIN, at.F_MASTER_SEEN, at.F_MASTER_SET):
        journal(words, floats, frame, at.J_MASTER, 0, 0, floats[at.F_MASTER_SET])
    if _take_word(words, at.W_RUN, at.W_RUN_SET):
        journal(words, floats, frame, at.J_RUN, 0, 0, np.float32(words[at.W_RUN_SET]))
    if _take_word(words, at.W_GATE, at.W_GATE_SET):
        journal(words, floats, frame, at.J_GATE, 0, 0, np.float32(words[at.W_GATE_SET]))
    for deck in range(at.MAX_DECKS):
        base = at.W_DECKS + deck * at.DECK_WORDS
        state = at.F_DECKS + deck * at.DECK_FLOATS
        if _take_word(words, base + at.D_ACTIVE, base + at.D_ACTIVE_SET):
            journal(words, floats, frame, at.J_ACTIVE, deck, 0, np.float32(words[base + at.D_ACTIVE_SET]))
        for i in range(at.MIXED):
            if take_cell(floats, state + i, state + at.DF_SEEN + i, state + at.DF_SET + i):
                journal(words, floats, frame, at.J_MIXED + i, deck, 0, floats[state + at.DF_SET + i])


@njit(f"void({WORDS}, {FLOATS}, int64, int64, float32)", cache=True, nogil=True)
def _put(words: Words, floats: Floats, frame: int, position: int, value: float) -> None:
    """Bring into force what is scheduled for the host's cell at `position`; one that has no such cell changes nothing."""
    if position == at.F_INPUT_GAIN:
        floats[at.F_MASTER_SET + 1] = value
        return
    if position == at.F_MASTER_GAIN:
        if floats[at.F_MASTER_SET] != value:
            floats[at.F_MASTER_SET] = value
            journal(words, floats, frame, at.J_MASTER, 0, 0, value)
        return
    deck = (position - at.F_DECKS) // at.DECK_FLOATS
    i = position - at.F_DECKS - deck * at.DECK_FLOATS
    if 0 <= deck < at.MAX_DECKS and 0 <= i < at.MIXED:
        cell = at.F_DECKS + deck * at.DECK_FLOATS + at.DF_SET + i
        if floats[cell] != value:
            floats[cell] = value
            journal(words, floats, frame, at.J_MIXED + i, deck, 0, value)


@njit(f"void({WORDS}, {FLOATS}, int64)", cache=True, nogil=True)
def apply_due(words: Words, floats: Floats, frame: int) -> None:
    """Bring into force, from `frame` on, everything scheduled for it or before. Audio thread."""
    while next_due(words, at.W_WAITING) <= frame:
        place = drop_first(words, at.W_WAITING)
        position = words[at.W_WAITING + at.P_SLOTS + at.P_ENTRY * place + 1]
        value = floats[at.F_WAITING + place]
        if math.isfinite(value):
            _put(words, floats, frame, position, value)
