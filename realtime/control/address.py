"""An address of the namespace and its arguments, and how a value is brought into range. It knows numbers, not what they do.

OSC, OSCQuery, MIDI, scenes, automation, racks and `--set` all speak of controls by these addresses.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Value = float | int | str
"""What an argument can be: OSC's `f`, `i` and `s`."""
Tag = Literal["f", "i", "s"]
Curve = Literal["linear", "exponential"]
_UNBOUNDED = 2**31 - 1
"""A whole number up to here or further has no bound that anybody thinks of."""


@dataclass(frozen=True)
class Argument:
    """One argument of an address.

    `minimum` and `maximum` bound a number (inclusive) or the characters of a text; `choices` are the only texts allowed, where there are
    any. `optional` arguments may be left out from the end; `many` is the last one, given once or more often.
    """

    name: str
    tag: Tag
    minimum: float = -math.inf
    maximum: float = math.inf
    unit: str = ""
    default: Value | None = None
    curve: Curve = "linear"
    choices: tuple[str, ...] = ()
    optional: bool = False
    many: bool = False

    @property
    def allowed(self) -> str:
        """What may stand there, in words."""
        if self.choices:
            return ", ".join(self.choices)
        if self.tag == "s":
            return f"text of {self.minimum:g} to {self.maximum:g} characters" if math.isfinite(self.maximum) else "text"
        kind = "whole number" if self.tag == "i" else "number"
        unit = f" {self.unit}" if self.unit else ""
        if self.tag == "i" and self.maximum >= _UNBOUNDED:
            return kind if self.minimum < 0 else f"{kind} from {self.minimum:g}"
        return f"{kind} {self.minimum:g} to {self.maximum:g}{unit}" if math.isfinite(self.minimum) else kind


@dataclass(frozen=True)
class Address:
    """One address, as it stands in the namespace now.

    A *value* holds one argument, can be read, set, stored in a scene, mapped and automated. A *command* does something and answers `/done`
    or `/fail`. A *query* only answers.
    """

    path: str
    kind: Literal["value", "command", "query"]
    arguments: tuple[Argument, ...]
    summary: str
    smoothing_ms: float = 0.0
    row: str = ""
    """The row of the table it comes from: its path with names in braces."""

    @property
    def argument(self) -> Argument:
        """The one argument of a value."""
        return self.arguments[0]

    @property
    def tags(self) -> str:
        """OSC type tags of its arguments."""
        return "".join(argument.tag for argument in self.arguments)


def to_value(share: float, argument: Argument, curve: Curve | None = None) -> float:
    """The value of an argument at a share of its range, 0 to 1, along its curve."""
    share = min(max(share, 0.0), 1.0)
    low, high = argument.minimum, argument.maximum
    if (curve or argument.curve) == "exponential" and low > 0.0:
        value = low * math.pow(high / low, share)
    else:
        value = low + (high - low) * share
    # The ends are exact, whatever the rounding of the curve.
    value = high if share == 1.0 else min(max(value, low), high)
    return float(round(value)) if argument.tag == "i" else value


def to_share(value: float, argument: Argument, curve: Curve | None = None) -> float:
    """The share of an argument's range, 0 to 1, that a value stands at: the inverse of `to_value`."""
    low, high = argument.minimum, argument.maximum
    if high <= low:
        return 0.0
    value = min(max(value, low), high)
    if (curve or argument.curve) == "exponential" and low > 0.0:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def take_argument(argument: Argument, got: Value) -> tuple[Value, bool]:
    """`got` as this argument wants it, and whether it had to be clipped.

    Raises
    ------
    ValueError — the wrong kind, not finite, not one of the choices, or a text out of length; the message says what is allowed.
    """
    if argument.tag == "s":
        if not isinstance(got, str):
            raise ValueError(f"{argument.name}: got {got!r}; allowed: {argument.allowed}")
        if argument.choices and got not in argument.choices:
            raise ValueError(f"{argument.name}: got {got[:64]!r}; allowed: {argument.allowed}")
        if not argument.choices and math.isfinite(argument.maximum) and not argument.minimum <= len(got) <= argument.maximum:
            raise ValueError(f"{argument.name}: got {len(got)} characters; allowed: {argument.allowed}")
        return got, False
    if isinstance(got, bool):
        got = int(got)
    if not isinstance(got, (int, float)) or not _is_finite(got):
        raise ValueError(f"{argument.name}: got {got!r}; allowed: {argument.allowed}")
    value = min(max(got, argument.minimum), argument.maximum)
    if argument.tag == "i":
        # A fader sends 2.0 where a whole number is meant; 2.4 is nobody's deck.
        if value != int(value):
            raise ValueError(f"{argument.name}: got {got!r}; allowed: {argument.allowed}")
        return int(value), value != got
    return float(value), value != got


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        # A whole number that no float holds.
        return False


def take_arguments(address: Address, given: Sequence[Value]) -> tuple[tuple[Value, ...], bool]:
    """All arguments of a message, and whether any had to be clipped.

    Raises
    ------
    ValueError — too few, too many, or one that is not allowed.
    """
    wanted = address.arguments
    least = sum(not argument.optional for argument in wanted)
    open_ended = bool(wanted) and wanted[-1].many
    if len(given) < least or (len(given) > len(wanted) and not open_ended):
        allowed = f"{least}" if least == len(wanted) and not open_ended else f"{least} to {'any' if open_ended else len(wanted)}"
        names = " ".join(argument.name for argument in wanted) or "none"
        raise ValueError(f"number of arguments: got {len(given)}; allowed: {allowed} ({names})")
    taken = []
    clipped = False
    for number, got in enumerate(given):
        value, cut = take_argument(wanted[min(number, len(wanted) - 1)], got)
        taken.append(value)
        clipped = clipped or cut
    return tuple(taken), clipped
