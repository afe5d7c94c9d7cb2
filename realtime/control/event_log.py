"""What happened, for a person to read: each thing once, not a thousand times. It knows texts and times, not who shows them."""

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from realtime.plain import plain

KEPT = 500
"""Lines that can be scrolled back to."""
REPEAT_S = 10.0
"""The same thing is said again after this long, with how often it happened meanwhile."""
_KEYS = 1024


@dataclass(frozen=True)
class LogLine:
    """One line. `channel` says where it happened (`osc`, `midi`, `record`, ...), `count` how often since it was last said."""

    number: int
    time_s: float
    channel: str
    text: str
    count: int = 1


class EventLog:
    """Collects lines; a thing that repeats is said once, and again with its number after `REPEAT_S`.

    Thread
    ------
    Any: one short lock, no file, no print.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[LogLine] = deque(maxlen=KEPT)
        self._said: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._number = 0

    def say(self, channel: str, text: str, key: str = "") -> None:
        """Note that something happened. Things with the same `key` (by default: the same text) are one thing."""
        now = time.monotonic()
        # Names of files, ports and programs are in it.
        channel, text = plain(channel), plain(text)
        name = (channel, key or text)
        with self._lock:
            when, waiting = self._said.get(name, (-REPEAT_S, 0))
            if now - when < REPEAT_S:
                self._said[name] = (when, waiting + 1)
                return
            self._number += 1
            self._lines.append(LogLine(self._number, now, channel, text, waiting + 1))
            self._said[name] = (now, 0)
            self._said.move_to_end(name)
            while len(self._said) > _KEYS:
                self._said.popitem(last=False)

    def lines(self, after: int = 0) -> list[LogLine]:
        """Lines said after line number `after`, oldest first."""
        with self._lock:
            if after >= self._number:
                return []
            return [line for line in self._lines if line.number > after]
