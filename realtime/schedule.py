"""Changes for a frame to come, as the host hands them over. It knows places in the shared block, not what is controlled there.

What is handed over too late changes at once. What the host sets without a frame is in force from the next block or step on, and wins over
everything that was scheduled for before it.
"""

import threading

from realtime.kernels import layout as at
from realtime.kernels.queue import push
from realtime.kernels.views import Floats
from realtime.shared import SharedBlock

AT_ONCE = 0
"""A frame that is past."""
_PRODUCER = threading.Lock()
"""A queue has one producer: the host, whichever of its threads it is."""


class MixerSchedule:
    """Values that the mixer heeds at an exact frame: gains, pan, mute, solo, master gain; input gain with the block of that frame.

    Parameters
    ----------
    block : SharedBlock

    Thread
    ------
    Any.
    """

    def __init__(self, block: SharedBlock) -> None:
        self._block = block

    def push(self, frame: int, position: int, value: float) -> bool:
        """Let the host's float at `position` (see `realtime.kernels.layout`) be `value` (linear) from `frame` on; false when too many wait.

        The host's own cell is left as it is.
        """
        with _PRODUCER:
            words, floats = self._block.words, self._block.floats
            return bool(push(words, floats, at.W_SCHEDULE, at.F_SCHEDULE, at.SCHEDULE_SLOTS, frame, position, 0, value))

    def set(self, position: int, value: float) -> None:
        """Set the host's float at `position` by hand: now, whatever was scheduled for before."""
        if _already(self._block.floats, position, value):
            # The callback takes what changed. This did not, but something scheduled may be in force instead.
            self.push(AT_ONCE, position, value)
        self._block.floats[position] = value


class DeckSchedule:
    """Values that the steps of a deck heed: from the step on whose first frame is heard at the frame asked for, or is the next after it.

    Parameters
    ----------
    block : SharedBlock
    deck : int
        From 0.

    Thread
    ------
    Any.
    """

    def __init__(self, block: SharedBlock, deck: int) -> None:
        self._block = block
        self._deck = deck

    def push(self, frame: int, index: int, value: float, ring: int = -1) -> bool:
        """Let control `index` of the patch on `ring` (-1: the one that is heard) be `value` from `frame` on.

        False when too many wait, or none is heard.
        """
        ring = ring if ring >= 0 else int(self._block.words[at.deck_words(self._deck) + at.D_ACTIVE])
        if ring < 0:
            return False
        queue = at.ring_words(self._deck, ring) + at.R_SCHEDULE
        values = at.ring_floats(self._deck, ring) + at.RF_SCHEDULE
        with _PRODUCER:
            return bool(push(self._block.words, self._block.floats, queue, values, at.RING_SCHEDULE_SLOTS, frame, index, 0, value))

    def set(self, index: int, value: float, ring: int) -> None:
        """Set the host's value of control `index` of the patch on `ring` by hand: now, whatever was scheduled for before."""
        position = at.ring_floats(self._deck, ring) + at.RF_CONTROLS + index
        if _already(self._block.floats, position, value):
            self.push(AT_ONCE, index, value, ring)
        self._block.floats[position] = value


def _already(floats: Floats, position: int, value: float) -> bool:
    return float(floats[position]) == float(floats.dtype.type(value))
