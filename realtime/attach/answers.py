"""Who waits for what came of a request, on a screen's end. It knows numbers, no socket."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

MOST_WAITING: Final = 512
"""Requests that an answer may still come to."""


class Answers:
    """Callbacks by the number of their request, and those whose turn has come.

    Capacity: `MOST_WAITING`; the oldest goes.
    Thread: any; `deliver` the link's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, Callable[[Any], None]] = OrderedDict()
        self._due: deque[Callable[[], None]] = deque()
        self._of_values: dict[str, int] = {}
        self._number = 0

    def expect(self, then: Callable[[Any], None] | None, value: str = "") -> int:
        """Number of a request; 0: nobody waits for what comes of it.

        Parameters
        ----------
        then : callable, optional
        value : str
            Address of the value that is set, whose requests have one number: only refusals are told of, and only the last one matters.
            With a number each, a fader that is moved would push out all others who wait.
        """
        if then is None:
            return 0
        with self._lock:
            self._number += 1
            number = self._of_values.setdefault(value, self._number) if value else self._number
            self._waiting[number] = then
            self._waiting.move_to_end(number)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
        return number

    def take(self, number: int, answer: object) -> None:
        """An answer has come. There can be more of one request: learning is done at once, and answered when a control was moved."""
        with self._lock:
            then = self._waiting.get(number)
        if then is not None:
            self.tell(then, answer)

    def tell(self, then: Callable[[Any], None], answer: object) -> None:
        """Have an answer delivered to somebody with the next ones."""
        self._due.append(lambda: then(answer))

    def deliver(self) -> None:
        """Call everyone whose answer has come."""
        while self._due:
            # A screen that is being closed takes no calls any more; that must not end the link before it says goodbye.
            with suppress(Exception):
                self._due.popleft()()
