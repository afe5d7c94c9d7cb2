"""Which values a hand set lately, so that what goes on by itself leaves them to the hand. It knows names of values, no player."""

import threading

from realtime.control.namespace import Spot

BY_ITSELF = ("scene", "automation")
"""Kinds of origin that are no hand."""

Key = Spot | str


def key(path: str, spot: Spot | None) -> Key:
    """One name for a value, however many addresses it has."""
    return path if spot is None or spot.place == "own" else spot


class Hands:
    """Counts the touches of every value.

    Thread
    ------
    Any: one short lock to note, none to ask.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._last: dict[Key, int] = {}

    @property
    def mark(self) -> int:
        """The present moment, to ask with later."""
        return self._count

    def note(self, value: Key) -> None:
        """A hand set a value."""
        with self._lock:
            self._count += 1
            self._last[value] = self._count

    def touched(self, value: Key, since: int) -> bool:
        """Whether a hand set a value after a mark."""
        return self._last.get(value, 0) > since
