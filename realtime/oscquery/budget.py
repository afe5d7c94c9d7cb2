"""How much may be done per second: a bucket of tokens that says how long to wait. It knows a clock, not what is done."""

import time
from collections.abc import Callable


class Budget:
    """Tokens that come in at a steady rate, up to one second's worth.

    Who takes more than there are owes them, and waits until they have come in. So nothing is refused here and the order is kept.

    Thread
    ------
    One: that of the server's loop.
    """

    def __init__(self, tokens_per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.tokens_per_s = tokens_per_s
        self._clock = clock
        self._tokens = tokens_per_s
        self._then_s = clock()

    def take(self, tokens: float) -> float:
        """Take tokens; returns the seconds to wait before they may be used (0: none)."""
        self._fill()
        self._tokens -= tokens
        return max(0.0, -self._tokens / self.tokens_per_s)

    def wait_s(self, tokens: float) -> float:
        """The seconds `take` would ask for, without taking."""
        self._fill()
        return max(0.0, (tokens - self._tokens) / self.tokens_per_s)

    def _fill(self) -> None:
        now_s = self._clock()
        self._tokens = min(self.tokens_per_s, self._tokens + (now_s - self._then_s) * self.tokens_per_s)
        self._then_s = now_s
