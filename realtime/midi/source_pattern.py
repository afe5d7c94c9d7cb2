"""Which controls of which controllers are meant: the kinds as one table, and patterns over sources. It knows names and numbers, no port.

A pattern is written as kind, number or range of numbers: ``cc 70``, ``note 36``, ``note 48-72``, ``nrpn 1024``, ``bend``.
"""

import re
from dataclasses import dataclass

from realtime.errors import UsageError
from realtime.midi.event import Kind, Source

CHANNELS = 16
MAX_PORT_CHARACTERS = 128
_TEXT = re.compile(r"([a-z0-9_]{2,12})(?: ([0-9]{1,5})(?:-([0-9]{1,5}))?)?")


class MappingError(UsageError):
    """A mapping of MIDI controllers cannot be what it says."""


@dataclass(frozen=True)
class SourceKind:
    """One kind of control that can be bound.

    `top_number` is the greatest number of it, 0 where there is only one per channel. `stays` says that it stays where it is put, which is
    what soft takeover is for. `top` is the greatest value that can be sent to it, 0: it shows nothing.
    """

    kind: Kind
    top_number: int
    stays: bool
    top: int
    summary: str


KINDS: dict[str, SourceKind] = {
    kind.kind: kind
    for kind in (
        SourceKind("cc", 127, True, 127, "a control change"),
        SourceKind("cc14", 31, True, 16_383, "a pair of control changes n and n + 32, sent in either order"),
        SourceKind("nrpn", 16_383, True, 16_383, "a non-registered parameter: MSB · 128 + LSB"),
        SourceKind("rpn", 16_383, True, 16_383, "a registered parameter: MSB · 128 + LSB"),
        SourceKind("bend", 0, False, 16_383, "the pitch wheel; in the middle at rest"),
        SourceKind("pressure", 0, False, 127, "channel pressure"),
        SourceKind("poly", 127, False, 127, "pressure of one key"),
        SourceKind("note", 127, False, 127, "a key or pad"),
        SourceKind("mpe_bend", 0, False, 0, "bend of the newest touched note of an MPE zone"),
        SourceKind("mpe_slide", 0, False, 0, "slide (control change 74) of a note of an MPE zone"),
        SourceKind("mpe_pressure", 0, False, 0, "pressure of a note of an MPE zone"),
    )
}
"""The one table of what can be bound. Programs have their own rules (`realtime.midi.programs`), clock and panic need none."""


@dataclass(frozen=True)
class SourcePattern:
    """Sources that a binding listens to: one kind, the numbers `low` to `high`, a channel (0: any) and ports.

    `port` is a piece of the port's name, without regard to capitals; ``*`` in it stands for any text. Empty: any port.

    Raises
    ------
    MappingError — an unknown kind, a number, a channel or a port name out of range.
    """

    kind: Kind
    low: int = 0
    high: int = 0
    channel: int = 0
    port: str = ""

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise MappingError("source: no kind of control is called this", got=self.kind, allowed=", ".join(KINDS))
        if not 0 <= self.low <= self.high <= kind.top_number:
            raise MappingError(f"source {self.kind}: number", got=f"{self.low}-{self.high}", allowed=f"0 to {kind.top_number}")
        if not 0 <= self.channel <= CHANNELS:
            raise MappingError(f"source {self.kind}: channel", got=str(self.channel), allowed=f"1 to {CHANNELS}")
        if len(self.port) > MAX_PORT_CHARACTERS:
            raise MappingError(
                f"source {self.kind}: port", got=f"{len(self.port)} characters", allowed=f"up to {MAX_PORT_CHARACTERS} characters"
            )

    @property
    def text(self) -> str:
        """Kind and numbers, as they are written."""
        top = KINDS[self.kind].top_number
        if not top or (self.low, self.high) == (0, top):
            return self.kind
        return f"{self.kind} {self.low}" if self.low == self.high else f"{self.kind} {self.low}-{self.high}"

    @property
    def where(self) -> str:
        """Everything, for a person: ``cc 70, channel 1, MPK mini``."""
        parts = [self.text]
        if self.channel:
            parts.append(f"channel {self.channel}")
        if self.port:
            parts.append(self.port)
        return ", ".join(parts)

    def matches(self, source: Source) -> bool:
        """Whether a source is meant."""
        return (
            source.kind == self.kind
            and self.low <= source.number <= self.high
            and self.channel in (0, source.channel)
            and port_meets(self.port, source.port)
        )

    def covers(self, other: "SourcePattern") -> bool:
        """Whether every source that another pattern of one source means is meant by this one too."""
        return (
            other.kind == self.kind
            and self.low <= other.low
            and other.high <= self.high
            and self.channel in (0, other.channel)
            and port_meets(self.port, other.port)
        )


def port_meets(pattern: str, port: str) -> bool:
    """Whether a port of this name is meant by a piece of a name, in which ``*`` stands for any text."""
    name = port.lower()
    at = 0
    # Each piece is looked for once, behind the one before it: linear in the name, whatever the pattern.
    for piece in pattern.lower().split("*"):
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def parse_source(text: str, channel: int = 0, port: str = "") -> SourcePattern:
    """The pattern written as `text`. A kind with numbers, named without one, means all of them.

    Raises
    ------
    MappingError — not of this form, or out of range.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise MappingError("source: not a control", got=repr(text[:64]), allowed='"cc 70", "note 36", "note 48-72", "bend"')
    name, low, high = match.groups()
    kind = KINDS.get(name)
    if kind is None:
        raise MappingError("source: no kind of control is called this", got=name, allowed=", ".join(KINDS))
    if low is None:
        return SourcePattern(kind.kind, 0, kind.top_number, channel, port)
    return SourcePattern(kind.kind, int(low), int(high or low), channel, port)


def exactly(source: Source) -> SourcePattern:
    """The pattern that means this source only, on its own port and channel."""
    return SourcePattern(source.kind, source.number, source.number, source.channel, source.port[:MAX_PORT_CHARACTERS])
