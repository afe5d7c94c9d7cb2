"""The stage clock in the time of everybody else: which frame it is now, and which it was or will be at another time. It knows no device."""

import time

from realtime.kernels import layout as at
from realtime.shared import SharedBlock

STANDS_S = 0.25
"""The clock is not taken to be further than this from what the callback has counted: it stands still while the device does."""


class FrameClock:
    """Maps time to frames of the stage clock.

    The callback keeps the mapping (`realtime.kernels.stage_clock`): the least delay of the callbacks of the last seconds, so that
    neither the size of a block nor the jitter of its calls shows.

    Parameters
    ----------
    block : SharedBlock

    Thread
    ------
    Any.
    """

    def __init__(self, block: SharedBlock) -> None:
        self._block = block
        self._rate = block.sample_rate_hz

    def now(self) -> int:
        """Frames since the stream opened: the frame whose block the device asks for now. 0 before it has called."""
        counted = int(self._block.words[at.W_CLOCK])
        reach = int(STANDS_S * self._rate)
        return min(max(self.at_monotonic_ns(time.monotonic_ns()), counted - reach), counted + reach)

    def at_monotonic_ns(self, instant_ns: int) -> int:
        """Frame at an instant of ``time.monotonic_ns``, past or to come, as if the device never paused; 0 before it has called."""
        offset_ns = int(self._block.words[at.W_CLOCK_OFFSET_NS])
        return 0 if offset_ns == 0 else (instant_ns - offset_ns) * self._rate // 1_000_000_000

    def at_unix_s(self, unix_s: float) -> int:
        """The same for seconds since 1970; a wall clock that was set anew counts from then on."""
        ahead_ns = round(unix_s * 1e9) - time.time_ns()
        return self.at_monotonic_ns(time.monotonic_ns() + ahead_ns)
