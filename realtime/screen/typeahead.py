"""Keys in the order they were pressed: each goes to what the one before it opened. It knows keys and messages, not what they do.

Textual sends a key to what has the focus, and does what is bound to it when it has come back from there. A key that comes meanwhile goes to
what had the focus before, and is lost where a question was opened. Here it waits until the one before it is done.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from textual import events
from textual.message import Message
from textual.message_pump import MessagePump

LAPS: Final = 2
"""How often a mark follows a key: back the first time, what is bound to the key was begun; the second time, what that asked for is done."""
POLL_S: Final = 0.01
LOST_S: Final = 3.0
"""A mark that has not come back after this long will not: a machine that stands still for so long loses keys, not a hand."""
PATIENCE_S: Final = 3.0
"""What is being opened for longer than this gets its keys as it is: nothing that hangs shall hold them."""
MOST: Final = 256
"""Keys that wait. Who holds a key down while the machine stands still does not want all of them."""


class KeyMark(Message):
    """Follows a key on its way up through the screen."""

    def __init__(self, number: int, lap: int) -> None:
        super().__init__()
        self.number = number
        self.lap = lap


class Typeahead:
    """Lets one key through at a time.

    Parameters
    ----------
    front : callable
        What takes keys now; None while it is being built.
    deliver : callable
        Sends a key there.
    later : callable
        Has something done after so many seconds.

    Thread
    ------
    The screen's.
    """

    def __init__(
        self,
        front: Callable[[], MessagePump | None],
        deliver: Callable[[events.Key], Awaitable[None]],
        later: Callable[[float, Callable[[], Awaitable[None]]], object],
    ) -> None:
        self._front = front
        self._deliver = deliver
        self._later = later
        self._waiting: deque[events.Key] = deque(maxlen=MOST)
        self._number = 0
        self._followed: MessagePump | None = None
        """What the mark of the key on its way was sent to; None: no key is on its way."""
        self._since_s = 0.0
        self._polls = False

    def __len__(self) -> int:
        """Keys that are not done."""
        return len(self._waiting) + (self._followed is not None)

    async def take(self, key: events.Key) -> None:
        """Send a key on its way, when those before it are done."""
        if not self:
            self._since_s = time.monotonic()
        self._waiting.append(key)
        await self.go_on()

    async def come_back(self, mark: KeyMark) -> None:
        """Take a mark that has come up to the app."""
        if mark.number != self._number or self._followed is None:
            return
        if mark.lap + 1 < LAPS and self._send(KeyMark(mark.number, mark.lap + 1)):
            return
        self._done()
        await self.go_on()

    async def go_on(self) -> None:
        """Let the next key through, where it may go; also called when something that was opened can take keys."""
        while self._waiting and self._may_go():
            self._number += 1
            self._since_s, self._followed = time.monotonic(), self._front()
            await self._deliver(self._waiting.popleft())
            if self._followed is None or not self._followed.post_message(KeyMark(self._number, 0)):
                self._done()
        if self._waiting and not self._polls:
            self._polls = True
            self._later(POLL_S, self._poll)

    def _may_go(self) -> bool:
        waited_s = time.monotonic() - self._since_s
        if self._followed is not None and (waited_s > LOST_S or not self._followed.is_running):
            # What it was sent to took it along: a question that was answered.
            self._done()
        return self._followed is None and (self._front() is not None or waited_s > PATIENCE_S)

    def _send(self, mark: KeyMark) -> bool:
        self._followed = self._front()
        return self._followed is not None and self._followed.post_message(mark)

    def _done(self) -> None:
        self._since_s, self._followed = time.monotonic(), None

    async def _poll(self) -> None:
        self._polls = False
        await self.go_on()
