"""Taps as streams of what was heard: the source of a recording. They know the shared block, not files."""

import threading

import numpy as np

from realtime.kernels import layout as at
from realtime.kernels.tap import take
from realtime.kernels.views import Floats
from realtime.shared import SharedBlock

_SWITCHES = threading.Lock()
"""Which taps are on is one word."""


class _Tap:
    """Frames of one ring that the callback fills while its bit is set."""

    def __init__(self, block: SharedBlock, bit: int, places: tuple[int, int, int, int], data: int, capacity: int) -> None:
        self.frames = 0
        """Frames read since the start."""
        self.frame = 0
        """Frame of the stage clock that the last read began with. Exact while nothing was dropped."""
        self._block = block
        self._bit = bit
        self._head, self._tail, self._dropped, self._offset = places
        self._data = data
        self._mask = capacity - 1
        self._buffer = np.zeros((capacity, at.CHANNELS), np.float32)

    def start(self) -> None:
        """Begin with the next block, forgetting what was left unread."""
        self.stop()
        self._forget()
        _switch(self._block, self._bit, on=True)

    def stop(self) -> None:
        """Take no more blocks; what is in the tap can still be read."""
        _switch(self._block, self._bit, on=False)

    @property
    def dropped_frames(self) -> int:
        """Frames that found no room since the stream opened."""
        return int(self._block.words[self._dropped])

    def read(self) -> Floats:
        """All frames since the last read, shape (T, 2): a copy."""
        words = self._block.words
        tail = int(words[self._tail])
        count = self._take()
        if count:
            self.frame = tail + int(words[self._offset])
        self.frames += count
        return self._buffer[:count].copy()

    def _forget(self) -> None:
        self._block.words[self._tail] = self._block.words[self._head]
        self.frames = 0

    def _take(self) -> int:
        return int(take(self._block.words, self._block.floats, self._head, self._tail, self._data, self._mask, self._buffer))


class Tap(_Tap):
    """Frames as they went to the device.

    Capacity: `layout.TAP_FRAMES`; read at least every ten seconds, or frames are dropped and counted.
    Thread: one reader, not the audio thread.
    """

    def __init__(self, block: SharedBlock) -> None:
        places = (at.W_TAP_HEAD, at.W_TAP_TAIL, at.W_TAP_DROPPED, at.W_TAP_OFFSET)
        super().__init__(block, 0, places, at.F_TAP, at.TAP_FRAMES)


class StemTap(_Tap):
    """Frames of one deck (0-based) after its gain, pan, mute and solo, before the master's: the stems add up to the mix.

    A deck that is silent gives zeros, so that all taps that are on count the same frames.
    Capacity: `layout.STEM_FRAMES`; read at least every two seconds, or frames are dropped and counted.
    Thread: one reader, not the audio thread.
    """

    def __init__(self, block: SharedBlock, deck: int) -> None:
        base = at.deck_words(deck)
        places = (base + at.D_STEM_HEAD, base + at.D_STEM_TAIL, base + at.D_STEM_DROPPED, base + at.D_STEM_OFFSET)
        super().__init__(block, 1 + deck, places, at.F_STEMS + deck * at.STEM_FRAMES * at.CHANNELS, at.STEM_FRAMES)


def start_all(block: SharedBlock, decks: int) -> None:
    """Turn on the tap and the stems of the first `decks` decks with the same block, forgetting what was left unread.

    Thread: the one reader of all of them.
    """
    stop_all(block)
    words = block.words
    words[at.W_TAP_TAIL] = words[at.W_TAP_HEAD]
    for deck in range(decks):
        base = at.deck_words(deck)
        words[base + at.D_STEM_TAIL] = words[base + at.D_STEM_HEAD]
    with _SWITCHES:
        block.words[at.W_TAP_ON] = (1 << (1 + decks)) - 1


def stop_all(block: SharedBlock) -> None:
    """Turn every tap off; what is in them can still be read."""
    with _SWITCHES:
        block.words[at.W_TAP_ON] = 0


def _switch(block: SharedBlock, bit: int, *, on: bool) -> None:
    with _SWITCHES:
        others = int(block.words[at.W_TAP_ON]) & ~(1 << bit)
        block.words[at.W_TAP_ON] = others | (int(on) << bit)
