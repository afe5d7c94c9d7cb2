"""Learning: which control was moved, and what sort of control it is. It knows events, no port and no value.

Arm an address, move the control, wait a moment: done.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from realtime.control.address import Curve
from realtime.control.table import CLASS_ROW
from realtime.midi.choices import ActionName, Mode
from realtime.midi.event import ControlEvent, NoteEvent, Source
from realtime.midi.mapping import Binding, row_of
from realtime.midi.parameters import TOP_7
from realtime.midi.source_pattern import exactly

QUIET_S = 0.3
"""The hand has stopped when nothing came for this long."""
ENOUGH = 24
"""Events of one control after which nothing more is waited for."""
LIMIT_S = 30.0
"""Learning ends by itself: a knob touched later in the show must not be bound by surprise."""
HEARD = 256
"""Events of all controls after which nothing more is waited for: the jitter of a desk of faders never stops."""
REPEATS = 2
"""A knob hardly ever sends the same value twice running; an encoder does all the time."""
LITTLE = 0.1
"""An MPE finger that wanders less than this only meant the note."""

LEARN_RULES: tuple[tuple[str, str], ...] = (
    ("a note", "is bound at once: as `select` to a class, `trigger` to a command, `toggle` to anything else"),
    ("controls that move together", "the one that travelled farthest is meant; the jitter of another fader is not"),
    ("both control changes of a pair n, n + 32", "are bound as one, `cc14`"),
    ("NRPN, RPN", "are bound as the parameter, not as its four control changes"),
    ("0 and 127 only", "is a button: bound as a note would be"),
    ("1, 2, ... and 127, 126, ... , each more than once running", "is an encoder: `twos_complement`"),
    ("65, 66, ... and 63, 62, ..., each more than once running", "is an encoder: `binary_offset`; turn it both ways"),
    ("1, 2, ... and 65, 66, ..., each more than once running", "is an encoder: `sign_magnitude`; turn it both ways"),
    ("an MPE finger", "means what it did most: bend, slide or pressure; the note, where it did little"),
    ("anything else", "is a knob, fader or wheel that the value follows"),
    ("a knob that reaches or passes the value meanwhile", "has picked it up: the value follows from its next movement on"),
    ("the control has a binding already", "it is taken from the address it had, and that is said"),
    ("the address has a control already", "the new one takes its place, and that is said"),
    ("minimum above maximum", "turns the control around"),
    (f"nothing comes for {LIMIT_S:.0f} s", "learning ends"),
)
"""The rules, for people; the tests go through them one by one."""


@dataclass(frozen=True)
class Wish:
    """What is to be learned: an address and, where given, the range and curve in which the control shall move it."""

    address: str
    minimum: float | None = None
    maximum: float | None = None
    curve: Curve | None = None


@dataclass
class Heard:
    """What came from one control."""

    places: list[float] = field(default_factory=list)
    raws: list[int] = field(default_factory=list)
    steps: bool = False
    top: int = TOP_7
    """Steps of the control between its ends."""

    @property
    def travel(self) -> float:
        """How far it was moved: a share of its way."""
        return max(self.places) - min(self.places)


class Learn:
    """Listens while it is armed.

    Thread
    ------
    Any one at a time.
    """

    def __init__(self) -> None:
        self.wish: Wish | None = None
        self._since_s = 0.0
        self._last_s = 0.0
        self._count = 0
        self._heard: dict[Source, Heard] = {}
        self.moved: tuple[Source, Heard] | None = None
        """The control that was bound last, and how it was moved for it."""

    def arm(self, wish: Wish, now_s: float) -> None:
        """Begin to listen for the control of an address; another wish that waited is dropped."""
        self.wish, self._since_s, self._last_s, self._count = wish, now_s, now_s, 0
        self._heard.clear()

    def cancel(self) -> Wish | None:
        """Leave it; the wish that waited, if one did."""
        wish, self.wish = self.wish, None
        self._heard.clear()
        return wish

    def hear(self, event: ControlEvent | NoteEvent, now_s: float) -> Binding | None:
        """Take an event in; the binding, as soon as it is clear."""
        if self.wish is None:
            return None
        if isinstance(event, NoteEvent):
            if event.on and not event.member:
                self.moved = None
                return self._end(event.source, self._pressed())
            if not event.on:
                return None
        self._count, self._last_s = self._count + 1, now_s
        heard = self._heard.setdefault(event.source, Heard())
        heard.raws.append(event.raw)
        if isinstance(event, NoteEvent):
            heard.places.append(0.0)
        else:
            heard.steps = heard.steps or event.step is not None
            heard.top = event.top
            heard.places.append(0.0 if event.value is None else event.value)
        full = self._count >= HEARD or len(self._heard[event.source].raws) >= ENOUGH
        return self._decide() if full else None

    def settle(self, now_s: float) -> Binding | None:
        """Look whether the hand has stopped; the binding if it has. After `LIMIT_S` without a control the wish is dropped."""
        if self.wish is None:
            return None
        if self._heard:
            return self._decide() if now_s - self._last_s >= QUIET_S else None
        if now_s - self._since_s >= LIMIT_S:
            self.cancel()
        return None

    def _pressed(self) -> ActionName:
        """What a press does to the address that is wished for."""
        assert self.wish is not None
        row = row_of(self.wish.address)
        if row.kind == "command":
            return "trigger"
        return "select" if row.path == CLASS_ROW else "toggle"

    def _decide(self) -> Binding:
        """The control that was meant."""
        assert self.wish is not None
        fingers = {s: h for s, h in self._heard.items() if s.kind.startswith("mpe_") and h.travel >= LITTLE}
        notes = {s: h for s, h in self._heard.items() if s.kind == "note"}
        heard = (fingers or notes) if notes else self._heard
        source = max(heard, key=lambda source: (_spread(heard[source]), source.kind == "cc14"))
        if source.kind == "cc":
            pair = Source(source.port, source.channel, "cc14", source.number % 32)
            if pair in heard and source.number < 64:
                source = pair
        self.moved = source, heard[source]
        if source.kind == "note" or (source.kind == "cc" and _is_button(heard[source].raws)):
            return self._end(source, self._pressed())
        mode = _mode(heard[source].raws) if source.kind == "cc" else "absolute"
        command = row_of(self.wish.address).kind == "command"
        return self._end(source, "trigger" if command else "follow", "absolute" if command else mode)

    def _end(self, source: Source, action: ActionName, mode: Mode = "absolute") -> Binding:
        wish = self.cancel()
        assert wish is not None
        low, high = wish.minimum, wish.maximum
        turned = low is not None and high is not None and low > high
        return Binding(exactly(source), wish.address, action, high if turned else low, low if turned else high, wish.curve, turned, mode)


def _spread(heard: Heard) -> float:
    """How much a control was moved: its way, or for an encoder the number of its steps."""
    if heard.steps or _mode(heard.raws) != "absolute":
        return len(heard.raws) / 127
    return heard.travel


def _is_button(raws: list[int]) -> bool:
    """Whether these are presses: all the way and back, nothing between, and never more than once running."""
    return set(raws) <= {0, 127} and 127 in raws and all(a != b for a, b in pairwise(raws))


_LOW, _BELOW, _ABOVE, _HIGH = range(1, 16), range(49, 64), range(65, 80), range(113, 128)
_ENCODERS: tuple[tuple[tuple[range, ...], Mode], ...] = (
    ((_LOW, _HIGH), "twos_complement"),
    ((_BELOW, _ABOVE), "binary_offset"),
    ((_LOW, _ABOVE), "sign_magnitude"),
)
"""Values that encoders send, turned at most 15 steps between two messages. The first that fits: one turned one way only is ambiguous."""


def _mode(raws: list[int]) -> Mode:
    """Which sort of encoder sends these values of a control change, or `absolute`."""
    if sum(a == b for a, b in pairwise(raws)) < REPEATS:
        return "absolute"
    return next((mode for ranges, mode in _ENCODERS if all(any(raw in r for r in ranges) for raw in raws)), "absolute")
