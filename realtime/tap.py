"""The tap as a stream of what was heard: the source of a recording. It knows the shared block, not files."""

import numpy as np

from realtime.kernels import layout as at
from realtime.kernels.tap import take
from realtime.kernels.views import Floats
from realtime.shared import SharedBlock


class Tap:
    """Frames as they went to the device.

    Capacity: `layout.TAP_FRAMES`; read at least every ten seconds, or frames are dropped and counted.
    Thread: one reader, not the audio thread.
    """

    def __init__(self, block: SharedBlock) -> None:
        self._block = block
        self._buffer = np.zeros((at.TAP_FRAMES, at.CHANNELS), np.float32)

    def start(self) -> None:
        """Begin with the next block, forgetting what was left unread."""
        words = self._block.words
        words[at.W_TAP_ON] = 0
        take(words, self._block.floats, self._buffer)
        words[at.W_TAP_ON] = 1

    def stop(self) -> None:
        """Take no more blocks; what is in the tap can still be read."""
        self._block.words[at.W_TAP_ON] = 0

    @property
    def dropped_frames(self) -> int:
        """Frames that found no room since the stream opened."""
        return int(self._block.words[at.W_TAP_DROPPED])

    def read(self) -> Floats:
        """All frames since the last read, shape (T, 2): a copy."""
        count = int(take(self._block.words, self._block.floats, self._buffer))
        return self._buffer[:count].copy()
