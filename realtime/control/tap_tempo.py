"""A tempo that is tapped: its mean over the last taps. It knows the transport and the time, not who taps."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from realtime.control.address import Address, Value
from realtime.control.outcome import Origin
from realtime.control.table import TEMPO_MAX, TEMPO_MIN
from realtime.control.transport import SOURCES, Transport, TransportError

if TYPE_CHECKING:
    from realtime.control.core import ControlCore

MOST_TAPS: Final = 8
"""Two bars of four: a hand's unevenness is averaged out, and a new tempo is there after two bars at most."""
FORGET_S: Final = 2.0
"""A tap so long after the one before begins anew."""


class TapTempo:
    """Serves ``/transport/tap``.

    Parameters
    ----------
    transport : Transport
    clock : callable, optional
        Seconds of a clock that only grows.

    Thread
    ------
    Any: one short lock.
    """

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._taps: deque[float] = deque(maxlen=MOST_TAPS)

    def tap(self) -> float:
        """Take a tap; from the second on it sets the tempo. Returns the tempo, in beats per minute.

        Raises
        ------
        TransportError — another clock than the stage's own leads.
        """
        source = self._transport.source
        if source != SOURCES[0]:
            hint = "set /transport/source internal first"
            raise TransportError("transport: a tap sets the stage's own clock only", got=f"source {source}", allowed=SOURCES[0], hint=hint)
        now_s = self._clock()
        with self._lock:
            if self._taps and now_s - self._taps[-1] > FORGET_S:
                self._taps.clear()
            self._taps.append(now_s)
            passed_s, beats = now_s - self._taps[0], len(self._taps) - 1
        if beats:
            # Two messages that came together are no time apart.
            self._transport.set_tempo(min(max(60.0 * beats / passed_s, TEMPO_MIN), TEMPO_MAX) if passed_s > 0.0 else TEMPO_MAX)
        return self._transport.tempo_bpm

    def serve(self, core: "ControlCore") -> None:
        """Answer the row."""
        core.serve("/transport/tap", self._serve_tap)

    def _serve_tap(self, address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        return (self.tap(),)
