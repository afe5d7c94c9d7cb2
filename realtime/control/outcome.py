"""Who asked, and what came of it: plain records. They know no transport."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from realtime.control.address import Value


@dataclass(frozen=True)
class Outcome:
    """What came of one request. `values` are what was done or what was asked for, `why` is a reason in words."""

    path: str
    """Address as it was asked for."""
    state: Literal["done", "clipped", "failed", "answer"]
    values: tuple[Value, ...] = ()
    """`done`: arguments of the acknowledgement. `clipped`: value asked for, value set. `answer`: arguments of the reply."""
    why: str = ""
    reply: str = ""
    """Address of an answer: `/status.reply`."""


def _nobody(outcome: Outcome) -> None:
    """Nobody waits for an outcome."""


@dataclass(frozen=True)
class Origin:
    """Who asks. `tell` hears of every command's outcome, of values that were refused or clipped, and of answers; from any thread, and it
    must not block.
    """

    kind: Literal["osc", "midi", "scene", "automation", "screen", "command line"]
    name: str = ""
    tell: Callable[[Outcome], None] = field(default=_nobody, compare=False)
