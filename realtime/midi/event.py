"""What a controller did, whatever bytes said so: plain records. They know no port library and no address of the stage.

::

    port's bytes -> message.py -> parameters.py, mpe.py, clock.py -> events -> whoever listens
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "cc", "cc14", "nrpn", "rpn", "bend", "pressure", "poly", "note", "program", "mpe_bend", "mpe_slide", "mpe_pressure", "clock", "panic"
]
"""Which part of a controller.

`cc` is every control change by itself, also the halves of a pair; `cc14` is the pair n, n + 32 as one, told beside them as soon as a
controller has sent both halves together. `mpe_*` are the three gestures of a note in an MPE zone, whatever member channel it lies on;
`poly` is key pressure.
"""
ClockAction = Literal["tick", "start", "continue", "stop", "position"]
PanicKind = Literal["all_sound_off", "all_notes_off"]


@dataclass(frozen=True, order=True)
class Source:
    """One thing on a controller that can be moved. It is hashable: mappings look it up.

    `port` is the name of the port without the numbers that change with every plugging. `channel` is 1 to 16, as controllers print it; in an
    MPE zone it is the channel of the zone's master (1 or 16), 0 is a thing without channel (clock). `number` is the controller (0 to 127),
    the pair's first controller (0 to 31), the parameter (0 to 16 383: MSB · 128 + LSB) or the note (0 to 127), 0 where there is only one.
    """

    port: str
    channel: int
    kind: Kind
    number: int = 0


@dataclass(frozen=True)
class ControlEvent:
    """A knob, fader, wheel or finger moved.

    Exactly one of `value` and `step` is there. `value` is the place, 0 to 1, exact at both ends and, for a bend, 0.5 at rest. `step` is a
    data increment or decrement of an NRPN or RPN (+1, -1). A control change of a relative encoder comes as `cc` with its place like any
    other: only the mapping knows that it is one, and reads `raw` with `parameters.relative_step(raw, mode)`.
    """

    source: Source
    value: float | None
    raw: int
    """As it was sent: 0 to `top`."""
    top: int
    """Greatest raw value: 127 or 16 383."""
    ns: int
    """When it was sent, as well as is known: nanoseconds of `time.monotonic_ns`."""
    step: int | None = None
    note: int | None = None
    """The note that an `mpe_*` or `poly` event belongs to; None: no note sounds on that channel."""


@dataclass(frozen=True)
class NoteEvent:
    """A key or pad went down or up. `source` is of kind `note`. A note-on of velocity 0 is a note that went up."""

    source: Source
    on: bool
    velocity: float
    """0 to 1: how fast it went down, or up (64/127 where the controller does not say)."""
    raw: int
    """Velocity as it was sent, 0 to 127."""
    ns: int
    member: int = 0
    """In an MPE zone: the channel it sounds on; 0 outside."""


@dataclass(frozen=True)
class ProgramEvent:
    """A program was asked for. `source` is of kind `program`, number 0. `bank` (0 to 16 383: MSB · 128 + LSB) is the channel's last one."""

    source: Source
    bank: int
    program: int
    """0 to 127, as it was sent; controllers often print one more."""
    ns: int


@dataclass(frozen=True)
class ClockEvent:
    """A clock ticked (24 times a quarter note), began, went on, stopped or was moved. Times and tempo are those of the jitter filter.

    `beat` is in quarter notes since the beginning of the song, at this event.
    """

    source: Source
    action: ClockAction
    beat: float
    running: bool
    tempo_bpm: float
    """0.0 until enough ticks have come."""
    ns: int


@dataclass(frozen=True)
class PanicEvent:
    """All sound off (control change 120) or all notes off (123)."""

    source: Source
    kind: PanicKind
    ns: int


Event = ControlEvent | NoteEvent | ProgramEvent | ClockEvent | PanicEvent
