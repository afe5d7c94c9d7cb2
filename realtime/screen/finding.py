"""What the doctor has found, in plain words, with what helps."""

from dataclasses import dataclass
from enum import IntEnum

from realtime.control.address import Value


class Gravity(IntEnum):
    """How much it matters; the gravest come first."""

    BAD = 0
    """Sound is missing or will be lost."""
    CARE = 1
    """It can go wrong soon, or does a little."""
    HINT = 2
    """Good to know."""
    FINE = 3


@dataclass(frozen=True)
class Remedy:
    """Something the screen can do about it: a request at an address, or an action of the table. `label` says what will be done."""

    label: str
    path: str = ""
    values: tuple[Value, ...] = ()
    action: str = ""


@dataclass(frozen=True)
class Finding:
    """One finding: what is noticed, why and what to do in a sentence or two, and what the screen can do itself."""

    gravity: Gravity
    title: str
    text: str
    remedy: Remedy | None = None


def sentence(text: str) -> str:
    """What somebody else says, as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('. ')}."
