"""Claims of no drop-out at a short lead, on a machine that stands still now and then."""

from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
ATTEMPTS = 3


def undisturbed(attempt: Callable[[], Found], underruns: Callable[[Found], int]) -> Found:
    """What the first attempt found in which no deck ran dry; what the last one found where there is none.

    A machine that others use too keeps everybody waiting for tens of milliseconds now and then: longer than the leads that are looked at.
    What Starling does wrong it does every time.
    """
    for _ in range(ATTEMPTS):
        found = attempt()
        if not underruns(found):
            break
        print(f"ran dry {underruns(found)} times")
    return found


def underruns_said(text: str) -> int:
    """Of what a show says at its end; one that says nothing of the kind has none that could be counted."""
    words = text.partition(" underruns")[0].split()
    return int(words[-1]) if words and words[-1].isdecimal() else 0
