"""MIDI clock: where the beat is and how fast it goes, by ticks that come a little early and a little late. It knows no transport.

Ticks are filtered by a delay-locked loop: a prediction of the next tick that every tick pulls a little towards itself.
"""

import math
from dataclasses import dataclass
from typing import Final

from realtime.midi.event import ClockAction, ClockEvent, Source

TICKS_A_BEAT: Final = 24
TICKS_A_SIXTEENTH: Final = 6
BANDWIDTH_HZ: Final = 0.5
"""Of the settled loop: ±3 ms of jitter (USB, a busy sender) become 0.1 bpm (σ) at 120 bpm, and a drift is followed in a second."""
SETTLING_TICKS: Final = 24
"""The loop begins wide and narrows over a quarter note."""
KNOWN_AFTER_TICKS: Final = 6
"""Tempo is told from here on."""
SLOWEST_BPM: Final = 20.0
FASTEST_BPM: Final = 400.0
LOST_NS: Final = 500_000_000
"""A clock that is silent for so long begins anew (20 bpm: a tick in 125 ms)."""
RELOCK_TICKS: Final = 3
"""So many ticks in a row more than half a period off are a new tempo, not jitter."""


@dataclass
class _Loop:
    """Delay-locked loop.

    Source
    ------
    F. Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005, equations of section 4: ω = 2πBT, b = √2 ω, c = ω².
    """

    period_ns: float = 0.0
    predicted_ns: float = 0.0
    ticks: int = 0
    astray: int = 0
    last_ns: int = 0

    def take(self, ns: int) -> float:
        """Filtered time of a tick that came at `ns`."""
        since_last = ns - self.last_ns
        if self.ticks and since_last > LOST_NS:
            self.ticks = 0
        self.last_ns = ns
        self.ticks += 1
        if self.ticks == 1:
            self.predicted_ns, self.astray = float(ns), 0
            return float(ns)
        if self.ticks == 2:
            self.period_ns = self._bounded(float(since_last))
            self.predicted_ns = ns + self.period_ns
            return float(ns)
        error = ns - self.predicted_ns
        self.astray = self.astray + 1 if abs(error) > self.period_ns / 2 else 0
        if self.astray >= RELOCK_TICKS:
            self.ticks = 2
            self.period_ns, self.predicted_ns, self.astray = self._bounded(float(since_last)), ns + self._bounded(float(since_last)), 0
            return float(ns)
        # A wide loop settles soon, a narrow one is calm: from a quarter of the tick rate down to the bandwidth.
        wide = 0.25 / self.ticks * 2
        omega = 2 * math.pi * max(BANDWIDTH_HZ * self.period_ns * 1e-9, wide if self.ticks < SETTLING_TICKS else 0.0)
        filtered = self.predicted_ns + min(math.sqrt(2) * omega, 1.0) * error
        self.period_ns = self._bounded(self.period_ns + min(omega * omega, 0.5) * error)
        self.predicted_ns = filtered + self.period_ns
        return filtered

    @property
    def tempo_bpm(self) -> float:
        """Quarter notes a minute; 0 while it is not known."""
        return 60e9 / (TICKS_A_BEAT * self.period_ns) if self.ticks >= KNOWN_AFTER_TICKS else 0.0

    @staticmethod
    def _bounded(period_ns: float) -> float:
        return min(max(period_ns, 60e9 / (TICKS_A_BEAT * FASTEST_BPM)), 60e9 / (TICKS_A_BEAT * SLOWEST_BPM))


class ClockFollower:
    """Follows the clock of one port.

    Thread
    ------
    One: whoever reads the port.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._loop = _Loop()
        self._running = False
        self._next_tick = 0
        self._beat = 0.0

    def tick(self, ns: int) -> ClockEvent:
        """24 times a quarter note. The first tick after a start is the beat it starts at."""
        filtered = self._loop.take(ns)
        if self._running:
            self._beat = self._next_tick / TICKS_A_BEAT
            self._next_tick += 1
        return self._event("tick", round(filtered))

    def start(self, ns: int) -> ClockEvent:
        """From the beginning."""
        self._move(0)
        self._running = True
        return self._event("start", ns)

    def go_on(self, ns: int) -> ClockEvent:
        """From where it stands."""
        self._move(self._next_tick)
        self._running = True
        return self._event("continue", ns)

    def stop(self, ns: int) -> ClockEvent:
        """Stand still; the tempo is still followed."""
        self._running = False
        return self._event("stop", ns)

    def position(self, sixteenths: int, ns: int) -> ClockEvent:
        """Song position pointer."""
        self._move(sixteenths * TICKS_A_SIXTEENTH)
        return self._event("position", ns)

    def _move(self, tick: int) -> None:
        self._next_tick = tick
        self._beat = tick / TICKS_A_BEAT

    def _event(self, action: ClockAction, ns: int) -> ClockEvent:
        return ClockEvent(self._source, action, self._beat, self._running, self._loop.tempo_bpm, ns)


class ClockChoice:
    """One clock of several: whichever came first, until it is silent for `LOST_NS`."""

    def __init__(self) -> None:
        self._port = ""
        self._heard_ns = 0

    def admits(self, event: ClockEvent) -> bool:
        """Whether this event is of the clock to be followed."""
        if event.source.port != self._port and self._port and event.ns - self._heard_ns < LOST_NS:
            return False
        self._port = event.source.port
        self._heard_ns = event.ns
        return True
