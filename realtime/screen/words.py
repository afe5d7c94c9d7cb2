"""Words of a row, of which the less important ones get shorter or go where there is no room. It knows what they say, not what it means."""

from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment

from realtime.screen.sheet import Row
from realtime.screen.themes import Inks

GAP = 2
"""Cells between words."""


@dataclass(frozen=True)
class Word:
    """One thing a row says.

    `texts` are ways to say it, the longest first; an empty one leaves it out. The greater the `weight`, the longer it stays. `does` is what
    a click on it does.
    """

    texts: tuple[str, ...]
    ink: str = "foreground"
    weight: int = 0
    reverse: bool = False
    bold: bool = False
    does: str = ""


def choose(words: tuple[Word, ...], width: int) -> list[tuple[Word, str]]:
    """Words with the texts that fit into `width` cells together, the least important shortened first."""
    ways = [0] * len(words)

    def total() -> int:
        lengths = [cell_len(word.texts[way]) for word, way in zip(words, ways, strict=True) if word.texts[way]]
        return sum(lengths) + GAP * max(len(lengths) - 1, 0)

    while total() > width:
        shorter = [n for n, word in enumerate(words) if ways[n] + 1 < len(word.texts)]
        if not shorter:
            break
        # Everything is said shortly before anything is left out.
        ways[min(shorter, key=lambda n: (not words[n].texts[ways[n] + 1], words[n].weight))] += 1
    return [(word, word.texts[way]) for word, way in zip(words, ways, strict=True) if word.texts[way]]


def paint_words(inks: Inks, width: int, ground: str, words: tuple[Word, ...]) -> Row:
    """The words that fit, and blanks to the end."""
    row: Row = []
    left = width
    for word, text in choose(words, width):
        if row:
            row.append(Segment(" " * GAP, inks("foreground", ground)))
            left -= GAP
        row.append(Segment(text, inks(word.ink, ground, bold=word.bold, reverse=word.reverse)))
        left -= cell_len(text)
    return [*row, Segment(" " * left, inks("foreground", ground))] if left > 0 else row


def word_at(words: tuple[Word, ...], width: int, x: int) -> str:
    """What a click on a cell does; empty: nothing."""
    at = 0
    for word, text in choose(words, width):
        if at <= x < at + cell_len(text):
            return word.does
        at += cell_len(text) + GAP
    return ""
