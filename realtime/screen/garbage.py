"""When the screen's memory is cleared of cycles: while nobody waits for it. It knows Python's collector and a clock.

What Textual keeps of a screen is 200 000 objects. Python goes through all of them every few seconds, 80 ms in which no key is seen. Here
those that are there at the start are left alone, and what came since is looked through when no hand is on the keys.
"""

import gc
from collections.abc import Callable
from typing import Any, Final

BUILT_S: Final = 2.0
"""By then everything that every screen has is there."""
CALM_S: Final = 1.0
"""After the last key a hand may be taken to rest."""
EVERY_S: Final = 10.0
LONGEST_S: Final = 60.0
"""Who plays without a rest for so long sees one key late, rather than a screen that grows."""
_NEVER: Final = 1_000_000


class Garbage:
    """Collects what is old when it is calm.

    Parameters
    ----------
    clock : callable
        Seconds.
    collector : module, or what stands for `gc` in a test; None: leave everything to Python

    Thread
    ------
    The screen's.
    """

    def __init__(self, clock: Callable[[], float], collector: Any = gc) -> None:
        self._clock = clock
        self._gc = collector
        self._holds = False
        self._key_s = self._collected_s = clock()

    def key(self) -> None:
        """Note that a hand is at work."""
        self._key_s = self._clock()

    def look(self) -> None:
        """Clear, if it is time and calm."""
        now = self._clock()
        waited_s = now - self._collected_s
        if self._gc is None:
            return
        if not self._holds:
            if waited_s >= BUILT_S:
                self._hold()
        elif waited_s >= LONGEST_S or (waited_s >= EVERY_S and now - self._key_s >= CALM_S):
            self._clear()

    def _clear(self) -> None:
        self._gc.collect()
        self._collected_s = self._clock()

    def _hold(self) -> None:
        """Leave what is there now alone, and keep Python from clearing what is old by itself; what is young it still does."""
        self._clear()
        self._gc.freeze()
        young, middle, _ = self._gc.get_threshold()
        self._gc.set_threshold(young, middle, _NEVER)
        self._holds = True
