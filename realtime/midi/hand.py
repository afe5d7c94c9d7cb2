"""What moving a control asks for: turns, presses and strokes become values and commands. It knows routes and present values, no port."""

from collections.abc import Callable, Iterator

from realtime.control.address import Value
from realtime.midi.choices import Mode
from realtime.midi.event import ControlEvent, NoteEvent, Source
from realtime.midi.learn import Heard
from realtime.midi.parameters import TOP_7, relative_step
from realtime.midi.routes import Route, Routes
from realtime.midi.takeover import Takeover, TakeoverMode

Ask = tuple[str, tuple[Value, ...]]
"""An address and arguments to ask the control core for."""
PRESSED = 0.5
"""A control in the upper half of its way is pressed."""
Rule = Callable[[Route], TakeoverMode]
"""The takeover of a route."""
Wait = tuple[Source, str, float]
"""A control, the address it would move, and how far it has to go to pick the value up: a share of its way, below 0 to the left."""
THERE = 1e-6
"""Nearer than this the value is there already: float32 and decibels round by less, a step of a 14-bit control is more."""


class Hand:
    """Remembers, per control and address, what soft takeover needs, and which gates are held open.

    Parameters
    ----------
    read : callable
        The present value of an address, None where there is none.

    Thread
    ------
    Any one at a time.
    """

    def __init__(self, read: Callable[[str], Value | None]) -> None:
        self._read = read
        self._takeovers: dict[tuple[Source, str], Takeover] = {}
        self._pressed: set[Source] = set()
        self._open: dict[Source, list[Route]] = {}
        self._waits: dict[tuple[Source, str], float] = {}

    def forget(self) -> None:
        """Forget where controls stood: the mapping is another one."""
        self._takeovers.clear()
        self._waits.clear()
        self._pressed.clear()

    def waiting(self, routes: Routes, rule: Rule) -> list[Wait]:
        """Controls that were moved in vain and do not hold their value now either, by the routes of now."""
        waiting: list[Wait] = []
        for (source, path), place in self._waits.items():
            route = next((r for r in routes.of(source) if r.path == path and r.binding.action == "follow"), None)
            value = None if route is None else self._read(path)
            if route is None or value is None or rule(route) == "off":
                continue
            stands = route.place_of(value)
            if not self._takeovers[source, path].holds(stands):
                waiting.append((source, path, stands - place))
        return waiting

    def move(self, event: ControlEvent | NoteEvent, routes: list[Route], rule: Rule) -> list[Ask]:
        """What an event asks for, in order.

        Parameters
        ----------
        rule : callable
        """
        source = event.source
        down = event.on if isinstance(event, NoteEvent) else event.value is not None and event.value >= PRESSED
        # A note that is struck again without having been let go is a stroke of its own; a knob in its upper half is pressed once.
        pressed = down and (isinstance(event, NoteEvent) or source not in self._pressed)
        (self._pressed.add if down else self._pressed.discard)(source)
        asks = [] if down else list(self._let_go(source))
        for route in routes:
            if route.binding.action == "follow" and isinstance(event, ControlEvent):
                asks += self._follow(event, route, rule(route))
            elif pressed and isinstance(event, NoteEvent) and route.binding.action == "velocity":
                asks.append((route.path, (route.value_at(route.place_heard(event.velocity, TOP_7)),)))
            elif pressed and route.binding.action == "key":
                span = route.binding.source.high - route.binding.source.low
                asks.append((route.path, (route.value_at((source.number - route.binding.source.low) / max(span, 1)),)))
            elif pressed:
                asks += self._press(source, route)
        return asks

    def saw(self, event: ControlEvent | NoteEvent, routes: list[Route]) -> None:
        """Note where a control is that only said again what it was told: it may be turned on from there."""
        if isinstance(event, NoteEvent) or event.value is None:
            return
        for route in routes:
            if route.binding.action == "follow" and _steps(event, route.binding.mode) is None:
                self._takeovers.setdefault((event.source, route.path), Takeover()).saw(route.place_heard(event.value, event.top))

    def learned(self, source: Source, heard: Heard, routes: list[Route]) -> None:
        """Note how a control was moved in order to be learned: it may have reached the value that it moves from now on, or not."""
        for route in routes:
            value = self._read(route.path)
            if route.binding.action != "follow" or route.binding.mode != "absolute" or heard.steps or value is None:
                continue
            places = [route.place_heard(place, heard.top) for place in heard.places]
            if not self._takeovers.setdefault((source, route.path), Takeover()).moved(places, route.place_of(value), heard.top):
                self._waits[source, route.path] = places[-1]

    def release(self, port: str) -> list[Ask]:
        """Let go everything that a port held: it is gone, or says so itself."""
        gone = [source for source in {*self._pressed, *self._open} if source.port == port]
        self._pressed.difference_update(gone)
        return [ask for source in gone for ask in self._let_go(source)]

    def _let_go(self, source: Source) -> Iterator[Ask]:
        """Close the gates a source opened, also where a patch change meanwhile gave its place to another address."""
        for route in self._open.pop(source, []):
            yield route.path, (route.value_at(0.0),)

    def _press(self, source: Source, route: Route) -> Iterator[Ask]:
        binding = route.binding
        if binding.action == "trigger":
            given = route.address.kind == "command" or bool(binding.arguments)
            yield route.path, binding.arguments if given else (route.value_at(1.0),)
        elif binding.action == "toggle":
            value = self._read(route.path)
            yield route.path, (route.value_at(1.0 if value is None or route.place_of(value) < PRESSED else 0.0),)
        elif binding.action in ("momentary", "select"):
            if binding.action == "momentary":
                self._open.setdefault(source, []).append(route)
            yield route.path, (route.value_at(1.0),)
            for sibling in route.siblings:
                yield sibling.path, (sibling.value_at(0.0),)

    def _follow(self, event: ControlEvent, route: Route, rule: TakeoverMode) -> Iterator[Ask]:
        value = self._read(route.path)
        if value is None:
            return
        stands = route.place_of(value)
        takeover = self._takeovers.setdefault((event.source, route.path), Takeover())
        steps = _steps(event, route.binding.mode)
        if steps is not None:
            place: float | None = min(max(takeover.present(stands) + steps * route.binding.step, 0.0), 1.0)
        elif event.value is not None:
            heard = route.place_heard(event.value, event.top)
            place = takeover.take(rule, heard, stands, event.top)
            if place is None:
                self._waits[event.source, route.path] = heard
        else:
            return
        if place is None:
            return
        self._waits.pop((event.source, route.path), None)
        rounded = route.rounded(place)
        takeover.left_at(place, rounded)
        if abs(rounded - stands) > THERE:
            yield route.path, (route.value_at(place),)


def _steps(event: ControlEvent, mode: Mode) -> int | None:
    """Steps that were turned, where the control says steps and not its place."""
    if event.step is not None:
        return event.step
    return None if mode == "absolute" else relative_step(event.raw, mode)
