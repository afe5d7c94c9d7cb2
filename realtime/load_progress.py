"""How far a load is: its stages in order, what each weighs, and how that is said. It knows no process, no voice and no shared block.

What is told is work that was done (files checked and read, primes heard, steps timed), never time that passed.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final


class LoadStage(IntEnum):
    """What is done between the order to load a patch and its sound, in this order."""

    STARTING = 0
    """The process is not there yet, or has not answered."""
    READING = 1
    """Its files are checked, read and opened."""
    HEARING = 2
    """A token model hears its primes."""
    WARMING = 3
    MEASURING = 4
    """Steps are timed, to choose the lead."""
    FILLING = 5
    """The ring is filled up to the lead."""


Progress = Callable[[LoadStage, int, int], None]
"""Told what is being done, and how much of it is done of how much there is, in any unit; whole numbers."""

WEIGHTS: Final[dict[str, tuple[float, ...]]] = {
    "tokens": (0.0, 0.09, 0.73, 0.07, 0.1, 0.01),
    "mosaic": (0.0, 0.6, 0.0, 0.2, 0.1, 0.1),
}
"""Kind of patch -> how much of the whole each stage is.

Measured on two shared cores, from a spare: `textures` reads for 0.26 s, hears its 18 primes for 2.03 s, warms up for 0.20 s and is measured
for 0.15 to 0.39 s; `field` reads for 0.09 s, warms up for 0.03 s and is measured for 0.01 s. Both fill in 0.03 s. A start weighs nothing: a
spare has it behind it, and a process of its own begins to count when it is there.
"""
_REFUSED: Final = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""A patch that no voice plays never gets further than being read."""
_TEXTS: Final = {
    LoadStage.STARTING: "starting",
    LoadStage.READING: "reading the model",
    LoadStage.HEARING: "hearing prime {done} of {of}",
    LoadStage.WARMING: "warming up",
    LoadStage.MEASURING: "measuring {done} of {of}",
    LoadStage.FILLING: "filling",
}
_BITS: Final = 28
_MOST: Final = (1 << _BITS) - 1


def untold(stage: LoadStage, done: int, of: int) -> None:
    """Nobody wants to know."""


def pack(stage: LoadStage, done: int, of: int) -> int:
    """The three as one word, so that who reads it sees what belongs together; up to 2^28 - 1 each."""
    return stage << 2 * _BITS | min(done, _MOST) << _BITS | min(of, _MOST)


def unpack(word: int) -> tuple[LoadStage, int, int]:
    """What `pack` was given. A word of zero: starting."""
    return LoadStage(word >> 2 * _BITS), word >> _BITS & _MOST, word & _MOST


def share_of(kind: str, stage: LoadStage, done: int, of: int) -> float:
    """How much of the load of a patch of this kind is done, 0 to 1."""
    weights = WEIGHTS.get(kind, _REFUSED)
    return min(sum(weights[:stage]) + weights[stage] * min(done / max(of, 1), 1.0), 1.0)


def text_of(stage: LoadStage, done: int, of: int) -> str:
    """What is being done, in words: ``measuring 30 of 48``."""
    return _TEXTS[stage].format(done=done, of=of)
