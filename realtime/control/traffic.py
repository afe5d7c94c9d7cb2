"""What went by: the newest messages that came in and went out, for a person to look at. It knows no protocol and no words."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from realtime.control.address import Value

KEPT: Final = 200
"""Messages that can be asked for; older ones are only counted."""
Channel = Literal["osc in", "osc out", "midi in", "midi out"]
CHANNELS: Final[tuple[Channel, ...]] = ("osc in", "osc out", "midi in", "midi out")
Said = tuple[str, tuple[Value, ...]] | bytes
"""An OSC address (for OSCQuery also a command) and its arguments, or the bytes of a MIDI packet."""


class Passed(NamedTuple):
    """One message. `time_s` is of the clock of `Traffic`, `who` the peer or port it came from or went to."""

    time_s: float
    channel: Channel
    who: str
    said: Said


class Traffic:
    """Keeps messages as they are: of ten thousand a second somebody looks at forty.

    Parameters
    ----------
    clock : callable
        Seconds that only grow, those of the event log.

    Capacity: `KEPT` messages, up to 64 KiB of arguments each.

    Thread
    ------
    Any: one short lock, nothing is put into words.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._passed: deque[tuple[float, Channel, str, Said]] = deque(maxlen=KEPT)
        self._count = 0

    def note(self, channel: Channel, who: str, messages: Sequence[Said]) -> None:
        """Note what came, or went, in one packet or at one time."""
        with self._lock:
            # Here, so that times are in the order of the numbers.
            now_s = self._clock()
            self._count += len(messages)
            for said in messages[-KEPT:]:
                self._passed.append((now_s, channel, who, said))

    def since(self, number: int, most: int) -> list[tuple[int, Passed]]:
        """The first `most` of the messages after number `number` that are kept, each with its number, oldest first.

        Messages are numbered from 1 as they were noted: a number that is missing is one that nobody keeps.
        """
        if number >= self._count:
            return []
        with self._lock:
            passed, count = tuple(self._passed), self._count
        first = count - len(passed) + 1
        begin = max(number + 1, first)
        return [(place, Passed(*passed[place - first])) for place in range(begin, min(begin + most, count + 1))]
