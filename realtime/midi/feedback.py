"""Values sent back to controllers, for their lights, rings and motors, without loops. It knows bytes and routes, no port library.

A message is only sent where the controller does not show the value already, so what it was just moved to is not echoed; and not while a
hand moves it, so a motor never pulls against a finger.
"""

from collections.abc import Callable, Sequence

from realtime.control.address import Value
from realtime.midi.event import ControlEvent, Kind, NoteEvent, Source
from realtime.midi.parameters import TOP_7
from realtime.midi.routes import Route, Routes
from realtime.midi.source_pattern import KINDS, port_meets

SETTLE_S = 0.25
"""A control is at rest this long after it was last moved."""
ECHO_S = 0.02
"""A press that equals what was sent to its light this short a time ago is a wire that leads back, not a finger."""
MESSAGES_PER_LOOK = 32
"""At 30 looks a second, what a five-pin wire carries: 31 250 baud are about a thousand messages of three bytes."""
KNOWN = 4096
"""Controls whose state is remembered: all that a large controller has."""

_NULL = 127
Messages = list[bytes]
Step = tuple[int, int]
"""Where a control stands, and its topmost step: a parameter may come with 7 bits and be sent with 14."""


def _parameter(channel: int, number: int, raw: int, high: int, low: int) -> Messages:
    """A parameter by data entry, left as the null parameter so that stray data moves nothing."""
    pairs = ((high, number >> 7), (low, number & 127), (6, raw >> 7), (38, raw & 127), (high, _NULL), (low, _NULL))
    return [bytes((0xB0 | channel, controller, value)) for controller, value in pairs]


ENCODERS: dict[Kind, Callable[[int, int, int], Messages]] = {
    "cc": lambda channel, number, raw: [bytes((0xB0 | channel, number, raw))],
    "cc14": lambda channel, number, raw: [bytes((0xB0 | channel, number, raw >> 7)), bytes((0xB0 | channel, number + 32, raw & 127))],
    "nrpn": lambda channel, number, raw: _parameter(channel, number, raw, 99, 98),
    "rpn": lambda channel, number, raw: _parameter(channel, number, raw, 101, 100),
    "bend": lambda channel, number, raw: [bytes((0xE0 | channel, raw & 127, raw >> 7))],
    "pressure": lambda channel, number, raw: [bytes((0xD0 | channel, raw))],
    "poly": lambda channel, number, raw: [bytes((0xA0 | channel, number, raw))],
    "note": lambda channel, number, raw: [bytes((0x90 | channel, number, raw))],
}
"""How each kind is said in bytes, by channel from 0, number and value. A note is lit by its velocity, 0 is dark."""


class Feedback:
    """What each controller shows, and what it should.

    Parameters
    ----------
    read : callable
        The present value of an address, None where there is none.
    changes : callable
        Values changed after a cursor, as `ControlCore.changes`.

    Thread
    ------
    Any one at a time.
    """

    def __init__(self, read: Callable[[str], Value | None], changes: Callable[[int], tuple[int, dict[str, tuple[Value, ...]]]]) -> None:
        self._read = read
        self._changes = changes
        self._cursor = 0
        self._routes: Routes | None = None
        self._ports: tuple[str, ...] = ()
        self._shows: dict[Source, Step] = {}
        self._sent: dict[Source, tuple[Step, float]] = {}
        self._moved_s: dict[Source, float] = {}
        self._due: dict[Source, None] = {}

    def hear(self, event: ControlEvent | NoteEvent, now_s: float) -> bool:
        """Note where a control is, before what it asks for is done. True: it only says again what it was told, there is nothing to do."""
        source = event.source
        raw = event.raw if isinstance(event, ControlEvent) or event.on else 0
        step = (raw, event.top if isinstance(event, ControlEvent) else TOP_7)
        sent, sent_s = self._sent.get(source, (None, 0.0))
        echo = step == sent and step == self._shows.get(source) and now_s - sent_s < ECHO_S
        if len(self._shows) < KNOWN or source in self._shows:
            self._shows[source] = step
            self._moved_s[source] = now_s
            self._due[source] = None
        return echo

    def collect(self, routes: Routes, ports: Sequence[str], now_s: float) -> list[tuple[str, Messages]]:
        """What is to be sent now: at most `MESSAGES_PER_LOOK`, the rest the next time.

        Parameters
        ----------
        routes : Routes
        ports : sequence of str
            Ports that are there. One that was not there before is told everything.
        """
        self._cursor, changed = self._changes(self._cursor)
        new = set(ports) - set(self._ports)
        for port in new:
            self.forget(port)
        everything = routes is not self._routes or bool(new)
        self._routes, self._ports = routes, tuple(ports)
        for path in routes.by_path if everything else changed:
            for route in routes.by_path.get(path, []):
                self._due.update(dict.fromkeys(self._targets(route, routes)))
        messages: list[tuple[str, Messages]] = []
        count = 0
        for source in list(self._due):
            if count >= MESSAGES_PER_LOOK:
                break
            if source.port in self._ports and now_s - self._moved_s.get(source, -SETTLE_S) < SETTLE_S:
                continue
            del self._due[source]
            said = self._say(source, routes, now_s) if source.port in self._ports else []
            if said:
                messages.append((source.port, said))
                count += len(said)
        return messages

    def forget(self, port: str) -> None:
        """Forget what the controls of a port show: after it was unplugged that is anybody's guess, and they are told anew."""
        for source in [source for source in self._shows if source.port == port]:
            del self._shows[source]
            self._sent.pop(source, None)
            self._due[source] = None

    def _say(self, source: Source, routes: Routes, now_s: float) -> Messages:
        """The messages that make a control show its value; none where it does already."""
        route = next((r for r in routes.of(source) if routes.mapping.feedback_of(r.binding) != "none" and r.address.kind == "value"), None)
        value = None if route is None else self._read(route.path)
        if route is None or value is None:
            return []
        shown = self._shows.get(source)
        if shown is not None and shown[0] == route.step_shown(value, shown[1]):
            return []
        top = KINDS[source.kind].top
        raw = route.step_shown(value, top)
        self._shows[source] = (raw, top)
        self._sent[source] = (self._shows[source], now_s)
        return ENCODERS[source.kind](source.channel - 1, source.number, raw)

    def _targets(self, route: Route, routes: Routes) -> list[Source]:
        """Controls that show a route's value. A binding that leaves port or channel open answers where it was heard."""
        pattern = route.binding.source
        if routes.mapping.feedback_of(route.binding) == "none" or route.address.kind != "value":
            return []
        if pattern.port and pattern.channel and pattern.low == pattern.high:
            return [Source(port, pattern.channel, pattern.kind, pattern.low) for port in self._ports if port_meets(pattern.port, port)]
        return [source for source in self._moved_s if pattern.matches(source)]
