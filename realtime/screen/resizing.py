"""Which of a window's sizes count, while it is dragged. It knows sizes and a clock, no layout."""

from collections.abc import Callable
from typing import Final

from textual import events

RESIZE_S: Final = 0.5
"""While a window is dragged the screen is laid out anew no more often: that takes as long as ten keys. The first size counts at once."""


class Resizing:
    """Holds new sizes back; of many the last one counts.

    Parameters
    ----------
    clock : callable
        Seconds.
    again : callable
        Brings a size once more, whose time has come.

    Thread
    ------
    The screen's.
    """

    def __init__(self, clock: Callable[[], float], again: Callable[[events.Resize], object]) -> None:
        self._clock = clock
        self._again = again
        self._to_come: events.Resize | None = None
        self._laid_out_s = clock() - RESIZE_S

    @property
    def waits(self) -> bool:
        """Whether a size is to come."""
        return self._to_come is not None

    def takes(self, event: events.Resize) -> bool:
        """Whether a new size counts now."""
        now = self._clock()
        if now - self._laid_out_s < RESIZE_S:
            self._to_come = event
            return False
        self._laid_out_s, self._to_come = now, None
        return True

    def look(self) -> None:
        """Bring the size that has waited long enough."""
        event = self._to_come
        if event is not None and self._clock() - self._laid_out_s >= RESIZE_S:
            self._again(events.Resize(event.size, event.virtual_size, event.container_size, event.pixel_size))
