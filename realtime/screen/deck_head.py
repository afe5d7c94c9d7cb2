"""What a deck's column says above its controls, row by row: who, state, levels, step time, lateness. Each function paints one row."""

from typing import Final

from rich.segment import Segment

from realtime.attach.view import DeckView
from realtime.screen.bars import METER_SIDE, bar_text, held_level, meter
from realtime.screen.sheet import Row, fit
from realtime.screen.themes import Inks

STATES: Final = {
    "playing": ("▶", "playing", "meter-low"),
    "frozen": ("❄", "frozen", "fader"),
    "loading": ("◌", "loading", "slider"),
    "restarting": ("↻", "recovering", "meter-mid"),
    "failed": ("✖", "failed", "meter-high"),
    "empty": ("·", "empty", "dim"),
}
"""State -> sign, word, ink."""
DEGRADED: Final = ("▼", "degraded", "meter-mid")
LETTERS: Final = (("M", "mute", "meter-high"), ("S", "solo", "meter-mid"), ("F", "freeze", "fader"))
"""Letter, control, ink."""
LETTER_WIDTH: Final = 3
BUSY_SHARE: Final = 0.7
"""Of the time a step makes sound for: from here on a deck has little to spare."""


def state_of(deck: DeckView) -> tuple[str, str, str]:
    """Sign, word and ink of a deck's state."""
    if deck.degraded and deck.state == "playing":
        return DEGRADED
    return STATES.get(deck.state, STATES["failed"])


def letters_at(width: int) -> int:
    """Where the letters begin in the first row of a column."""
    return width - LETTER_WIDTH * len(LETTERS) - 1


def paint_name(inks: Inks, width: int, number: int, name: str, selected: bool, on: tuple[bool, ...]) -> Row:
    """Number, name of the patch, and the letters of mute, solo and freeze: `on` says which, empty leaves them out."""
    ground = "selected" if selected else "head"
    room = (letters_at(width) if on else width) - 4
    row = [
        Segment(f" {number} ", inks("primary" if selected else "dim", ground, bold=True, reverse=True)),
        Segment(" " + fit(name, room), inks("foreground", ground, bold=True)),
    ]
    if not on:
        return row
    for (letter, _, ink), lit in zip(LETTERS, on, strict=True):
        row.append(Segment(f" {letter} ", inks(ink if lit else "dim", ground, bold=lit, reverse=lit)))
    return [*row, Segment(" ", inks("foreground", ground))]


def paint_state(inks: Inks, width: int, state: tuple[str, str, str], about: str, ink: str, selected: bool) -> Row:
    """State as sign and word, and what there is to know of the patch, in `ink`. A state that asks for help is reversed."""
    ground = "selected" if selected else "head"
    sign, word, colour = state
    said = f" {sign} {word} "
    row = [Segment(said, inks(colour, ground, bold=True, reverse=colour in ("meter-mid", "meter-high")))]
    return [*row, Segment(fit(f" {about}", width - len(said)), inks(ink, ground))]


def paint_text(inks: Inks, width: int, text: str, ink: str) -> Row:
    """A row of words."""
    return [Segment(fit(" " + text, width), inks(ink))]


def paint_meter(inks: Inks, width: int, side: str, cells: tuple[int, int, int], held: str, clipped: bool, solid: str, thin: str) -> Row:
    """Meter of one side, and the held peak; the upper one of two rows has no such words."""
    bar = width - 3 - METER_SIDE
    row = [Segment(f" {side} ", inks("dim")), *meter(bar, cells, inks, solid=solid, thin=thin)]
    return [*row, *held_level(held, clipped, inks)] if held else [*row, Segment(" " * METER_SIDE, inks())]


def paint_step(inks: Inks, width: int, share: int, most: int, said: str, aside: str) -> Row:
    """Step time against the time a step makes sound for, in eighths of a cell; `most` is the cell of the longest step, -1: none."""
    bar = width - 6 - len(said) - len(aside)
    busy = share / (bar * 8)
    ink = "meter-high" if busy >= 1.0 else "meter-mid" if busy >= BUSY_SHARE else "meter-low"
    text = bar_text(bar, share)
    rest = "─" * (bar - len(text))
    row = [Segment(" step ", inks("dim")), Segment(text, inks(ink))]
    mark = most - len(text)
    if 0 <= mark < len(rest):
        row += [
            Segment(rest[:mark], inks("track")),
            Segment("┃", inks("meter-high" if most >= bar - 1 else ink)),
            Segment(rest[mark + 1 :], inks("track")),
        ]
    else:
        row.append(Segment(rest, inks("track")))
    row += [Segment(said, inks("foreground" if busy < BUSY_SHARE else ink, bold=True)), Segment(aside, inks("dim"))]
    return [segment for segment in row if segment.text]


def paint_words(inks: Inks, width: int, *words: tuple[str, str]) -> Row:
    """Words with inks, three spaces between, as many as fit. An ink that ends in `!` is alarm: the word is reversed."""
    row = [Segment(" ", inks())]
    left = width - 1
    for text, ink in words:
        if len(text) > left:
            break
        alarm = ink.endswith("!")
        row.append(Segment(text, inks(ink.removesuffix("!"), bold=ink != "dim", reverse=alarm)))
        gap = min(3, left - len(text))
        row.append(Segment(" " * gap, inks()))
        left -= len(text) + gap
    return [*row, Segment(" " * left, inks())] if left else row


def paint_rule(inks: Inks, width: int, left: str, right: str) -> Row:
    """A rule between head and controls."""
    text = f" {left} "
    tail = f" {right} " if right else " "
    return [
        Segment(text, inks("dim")),
        Segment("─" * max(width - len(text) - len(tail), 0), inks("rule")),
        Segment(tail, inks("badge" if right else "dim", bold=bool(right))),
    ]
