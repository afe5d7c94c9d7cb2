"""A mapping: which control of a controller moves which address, and how. It knows the table of addresses, no port, no file and no value.

An address is a path of the control core. In the last place ``@N`` may stand for the Nth there is in whatever patch is loaded:
``/deck/1/param/@3``, its third parameter; ``/deck/1/class/@1``, its first class. A binding whose address does not exist now sleeps.
"""

import math
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args

from realtime.control.address import Address, Argument, Curve, Value, take_arguments
from realtime.control.table import CLASS_ROW, PARAM_ROW, TABLE, Row
from realtime.kernels.layout import MAX_DECKS
from realtime.midi.choices import ACTIONS, FEEDBACKS, MODES, ActionName, FeedbackMode, Mode
from realtime.midi.programs import ProgramRule
from realtime.midi.source_pattern import KINDS, MappingError, SourcePattern
from realtime.midi.takeover import TAKEOVERS, TakeoverMode
from realtime.midi.zones import Zone

MAX_BINDINGS = 1024
MAX_ADDRESS_CHARACTERS = 200
MAX_PLACE = 64
"""Greatest N of an address ``@N``."""
DEFAULT_STEP = 0.01
"""Share of the range per step of a relative encoder: a hundred steps from end to end, about four turns of a plain one."""

CURVES: tuple[str, ...] = get_args(Curve)
_PLACE = re.compile(r"@([0-9]{1,2})")
_NAME = re.compile(r"[^/\s#*,?\[\]{}@]{1,64}")


@dataclass(frozen=True)
class Binding:
    """One control, one address.

    `minimum` and `maximum` are in the units of the address, None: its own. `curve` None: its own. `takeover` and `feedback` None: those of
    the mapping.

    Raises
    ------
    MappingError — parts that do not go together, or an address that no patch could have.
    """

    source: SourcePattern
    address: str
    action: ActionName = "follow"
    minimum: float | None = None
    maximum: float | None = None
    curve: Curve | None = None
    invert: bool = False
    mode: Mode = "absolute"
    step: float = DEFAULT_STEP
    arguments: tuple[Value, ...] = ()
    takeover: TakeoverMode | None = None
    feedback: FeedbackMode | None = None

    def __post_init__(self) -> None:
        where = f"{self.source.text} to {self.address[:MAX_ADDRESS_CHARACTERS]}"
        row = row_of(self.address)
        action = ACTIONS.get(self.action)
        if action is None:
            raise MappingError(f"{where}: action", got=repr(self.action), allowed=", ".join(ACTIONS))
        choices: tuple[tuple[str, str | None, Iterable[str]], ...] = (
            ("mode", self.mode, MODES),
            ("curve", self.curve, CURVES),
            ("takeover", self.takeover, TAKEOVERS),
            ("feedback", self.feedback, FEEDBACKS),
        )
        for name, got, allowed in choices:
            if got is not None and got not in allowed:
                raise MappingError(f"{where}: {name}", got=repr(got), allowed=", ".join(allowed))
        note = self.source.kind == "note"
        if not (action.notes if note else action.controls):
            raise MappingError(f"{where}: action for a {'note' if note else 'control'}", got=self.action, allowed=_actions(note, row))
        if row.kind == "command" and not action.commands:
            raise MappingError(f"{where}: action for a command", got=self.action, allowed="trigger")
        if self.action == "trigger" and (row.kind == "command" or self.arguments):
            _check_arguments(where, self.address, row, self.arguments)
        if self.mode != "absolute" and (self.source.kind != "cc" or self.action != "follow"):
            raise MappingError(f"{where}: mode", got=self.mode, allowed="absolute; encoders are control changes (cc) that a value follows")
        for name, number in (("minimum", self.minimum), ("maximum", self.maximum)):
            # A whole number of a TOML file can be longer than any float.
            if number is not None and not abs(number) <= sys.float_info.max:
                raise MappingError(f"{where}: {name}", got=f"{number}"[:80], allowed="a number")
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            got = f"{self.minimum:g} and {self.maximum:g}"
            raise MappingError(f"{where}: minimum not below maximum", got=got, hint="use invert = true to turn a control around")
        if not 0.0 < self.step <= 1.0:
            raise MappingError(f"{where}: step", got=f"{self.step}"[:80], allowed="above 0, up to 1 (share of the range)")

    def way(self, argument: Argument | None = None) -> str:
        """What it does and over which range, in words: ``follow 0 to 1``.

        Parameters
        ----------
        argument : Argument, optional
            Of the address it moves now, whose range is meant where the binding has none of its own.
        """
        low = self.minimum if self.minimum is not None or argument is None else argument.minimum
        high = self.maximum if self.maximum is not None or argument is None else argument.maximum
        unit = f" {argument.unit}" if argument is not None and argument.unit else ""
        ends = ["" if end is None or math.isinf(end) else f"{end:g}" for end in (low, high)]
        if self.invert:
            ends.reverse()
        parts = [f"{self.action} {ends[0]} to {ends[1]}{unit}" if all(ends) else self.action]
        parts += [" ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in self.arguments)] if self.arguments else []
        parts += [word for word in (self.curve, self.takeover) if word is not None]
        parts += [f"{self.mode.replace('_', ' ')} by {self.step:.1%}"] if self.mode != "absolute" else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Mapping:
    """Every binding, what programs do, and what holds for all of them.

    Raises
    ------
    MappingError — too many bindings, or the same twice.
    """

    bindings: tuple[Binding, ...] = ()
    programs: tuple[ProgramRule, ...] = ()
    takeover: TakeoverMode = "pickup"
    feedback: FeedbackMode = "show"
    zones: tuple[Zone, ...] = ()

    def __post_init__(self) -> None:
        if self.takeover not in TAKEOVERS:
            raise MappingError("takeover", got=repr(self.takeover), allowed=", ".join(TAKEOVERS))
        if self.feedback not in FEEDBACKS:
            raise MappingError("feedback", got=repr(self.feedback), allowed=", ".join(FEEDBACKS))
        most = max(len(self.bindings), len(self.programs), len(self.zones))
        if most > MAX_BINDINGS:
            raise MappingError("too many bindings, programs or zones", got=str(most), allowed=f"up to {MAX_BINDINGS} of each")
        seen: set[tuple[object, ...]] = set()
        for binding in self.bindings:
            key = (binding.source, binding.address)
            if key in seen:
                raise MappingError("the same binding twice", got=f"{binding.source.where} to {binding.address}", allowed="one of each")
            seen.add(key)
        for zone in self.zones:
            if zone.key in seen:
                raise MappingError("the same zone twice", got=f"master {zone.master} of {zone.port or 'any port'}", allowed="one of each")
            seen.add(zone.key)
        for rule in self.programs:
            if rule.key in seen:
                raise MappingError("the same program twice", got=rule.text, allowed="one of each")
            _check_arguments(rule.text, rule.address, row_of(rule.address), rule.arguments)
            seen.add(rule.key)

    def feedback_of(self, binding: Binding) -> FeedbackMode:
        """What is sent back. A note is only lit where its binding says so: a controller with a sound of its own would play it."""
        if not KINDS[binding.source.kind].top or binding.action in ("velocity", "key"):
            return "none"
        if binding.feedback is None and binding.source.kind == "note":
            return "none"
        return binding.feedback or self.feedback

    def takeover_of(self, binding: Binding, default: TakeoverMode) -> TakeoverMode:
        """How the control takes over, `default` where its binding does not say. A wheel that springs back always does, and so does a
        control that is moved by motor.
        """
        if not KINDS[binding.source.kind].stays or binding.mode != "absolute" or self.feedback_of(binding) == "move":
            return "off"
        return binding.takeover or default

    def with_bindings(self, bindings: Iterable[Binding]) -> "Mapping":
        """The same with other bindings."""
        return replace(self, bindings=tuple(bindings))

    def stolen_by(self, learned: Binding) -> list[Binding]:
        """Bindings that go when another one is learned: those of its control, and those of its address."""
        return [b for b in self.bindings if b.address == learned.address or b.source.covers(learned.source)]


def row_of(path: str) -> Row:
    """The row of the table that an address of a mapping belongs to, whether a patch has it now or not.

    Raises
    ------
    MappingError — no row: nothing could ever be there. Or it is a query, which only answers.
    """
    shown = repr(path[:MAX_ADDRESS_CHARACTERS])
    if len(path) <= MAX_ADDRESS_CHARACTERS:
        given = path.split("/")
        for row in TABLE:
            if _fits(row, given):
                if row.kind == "query":
                    raise MappingError("address: a query only answers", got=shown, allowed="an address of a value or a command")
                return row
    raise MappingError("address: nothing can be there", got=shown, hint="docs/osc.md lists every address")


def place_of(path: str) -> tuple[str, int] | None:
    """Parent and N of an address ``.../@N``; None for any other."""
    parent, _, last = path.rpartition("/")
    match = _PLACE.fullmatch(last)
    return (parent, int(match[1])) if match is not None else None


def _check_arguments(where: str, path: str, row: Row, arguments: tuple[Value, ...]) -> None:
    """Refuse arguments that the address could never take; those of a patch's own controls are known when it is loaded."""
    if row.arguments is None:
        return
    try:
        take_arguments(Address(path, row.kind, row.arguments, row.summary), arguments)
    except ValueError as error:
        raise MappingError(f"{where}: arguments", got=str(error)) from None


def _fits(row: Row, given: list[str]) -> bool:
    wanted = row.path.split("/")
    if len(wanted) != len(given):
        return False
    for part, got in zip(wanted, given, strict=True):
        if part == "{deck}":
            if not (got.isascii() and got.isdecimal() and got == str(int(got)) and 1 <= int(got) <= MAX_DECKS):
                return False
        elif part.startswith("{"):
            place = _PLACE.fullmatch(got) if row.path in (PARAM_ROW, CLASS_ROW) else None
            if not (1 <= int(place[1]) <= MAX_PLACE if place is not None else _NAME.fullmatch(got)):
                return False
        elif part != got:
            return False
    return True


def _actions(note: bool, row: Row) -> str:
    fitting = [a.name for a in ACTIONS.values() if (a.notes if note else a.controls) and (row.kind == "value" or a.commands)]
    return ", ".join(fitting)
