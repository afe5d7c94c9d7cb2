"""Decks beside each other in a given room: which are shown, where, and what is under a cell. It paints rows and knows no widget."""

from collections.abc import Iterator
from typing import Final

from rich.segment import Segment

from realtime.attach.view import DeckView, StageView
from realtime.screen.badges import Badges
from realtime.screen.bars import tiny
from realtime.screen.deck_column import DeckColumn
from realtime.screen.deck_head import state_of
from realtime.screen.memory import Holds
from realtime.screen.session import Session
from realtime.screen.sheet import Row, Sheet, fit
from realtime.screen.themes import Inks

LEAST_WIDTH: Final = 36
"""Cells that a column needs."""
EMPTY_WIDTH: Final = 22
"""Cells that the column of an empty deck needs."""


class DeckLayout:
    """The columns of the decks that fit, and a row of tabs for all where some do not.

    Parameters
    ----------
    width, height : int, cells
    one : bool
        Show one deck at a time.
    empty : tuple of bool
        Of every deck, whether it is empty: those need little room.
    inks : Inks
    load_key : str
        What the key is called that opens the patch browser.

    Thread
    ------
    The screen's.
    """

    def __init__(self, width: int, height: int, one: bool, empty: tuple[bool, ...], inks: Inks, load_key: str) -> None:
        self.plan = (width, height, one, empty, inks, load_key)
        self._needs = [EMPTY_WIDTH if is_empty else LEAST_WIDTH for is_empty in empty]
        self._most = 1 if one else len(empty)
        self.top = 1 if self._fitting(0) < len(empty) and height > 1 else 0
        """First row of the columns; above it are the tabs."""
        self.columns: list[DeckColumn] = []
        self.lefts: list[int] = []
        self._tabs = Sheet(width, self.top)
        self._first = -1
        self._changed = set(range(height))

    def show(self, view: StageView, session: Session, badges: Badges, holds: dict[int, Holds], now_s: float) -> set[int]:
        """Show a view; returns the rows that were painted."""
        if not view.decks:
            return set()
        self._place(session.deck)
        for deck in view.decks:
            # Also of decks that are not shown: their tabs say that they clip.
            holds.setdefault(deck.number, Holds()).hear(deck.peak_db, now_s)
        for column in self.columns:
            column.show(view.decks[column.number - 1], view, session, badges, holds[column.number], now_s)
            self._changed.update(y + self.top for y in column.sheet.changed)
            column.sheet.changed.clear()
        if self.top:
            tabs = tuple(_tab(deck, holds[deck.number], session.deck == deck.number) for deck in view.decks)
            self._tabs.put(0, self._paint_tabs, *tabs)
            self._changed |= self._tabs.changed
            self._tabs.changed.clear()
        changed, self._changed = self._changed, set()
        return changed

    def row(self, y: int) -> Row:
        """The segments of a row, as wide as all together."""
        if y < self.top:
            return self._tabs.rows[y]
        width, inks = self.plan[0], self.plan[4]
        row: Row = []
        for column in self.columns:
            if row:
                row.append(Segment("│", inks("rule")))
            row += column.sheet.rows[y - self.top] or [Segment(" " * column.sheet.width, inks())]
        return row or [Segment(" " * width, inks())]

    def column_at(self, x: int) -> tuple[DeckColumn, int] | None:
        """The column at a cell, and where in it the cell is."""
        for left, column in zip(self.lefts, self.columns, strict=True):
            if left <= x < left + column.sheet.width:
                return column, x - left
        return None

    def tabs(self) -> Iterator[tuple[int, int, int]]:
        """Deck, first cell and cell after the last of every tab."""
        if self.top:
            for place in range(len(self._needs)):
                yield place + 1, self._tab_at(place), self._tab_at(place + 1)

    def _tab_at(self, place: int) -> int:
        return place * self.plan[0] // len(self._needs)

    def _fitting(self, first: int) -> int:
        """How many columns fit from the one at `first` on, at least one."""
        used = count = 0
        for need in self._needs[first : first + self._most]:
            used += need + 1
            if count and used > self.plan[0] + 1:
                break
            count += 1
        return count

    def _place(self, deck: int) -> None:
        """Have the columns show the selected deck, moving as little as needed."""
        chosen = min(max(deck, 1), len(self._needs)) - 1
        first = min(max(self._first, 0), chosen)
        while first + self._fitting(first) <= chosen:
            first += 1
        if first == self._first:
            return
        self._first = first
        width, height, _, empty, inks, load_key = self.plan
        shown = range(first, first + self._fitting(first))
        # What is left over is for decks that have something to show.
        wide = [place for place in shown if not empty[place]] or list(shown)
        left = width - sum(self._needs[place] + 1 for place in shown) + 1
        self.columns, self.lefts = [], []
        at = 0
        for place in shown:
            more = left // len(wide) + (wide.index(place) < left % len(wide)) if place in wide else 0
            self.lefts.append(at)
            self.columns.append(DeckColumn(place + 1, self._needs[place] + more, height - self.top, inks, load_key))
            at += self.columns[-1].sheet.width + 1
        self._changed.update(range(height))

    def _paint_tabs(self, *tabs: tuple[int, str, str, str, str, bool, bool]) -> Row:
        inks = self.plan[4]
        row: Row = []
        for place, (number, sign, ink, name, levels, clipped, mine) in enumerate(tabs):
            width = self._tab_at(place + 1) - self._tab_at(place)
            ground = "selected" if mine else "head"
            tail = "CLIP" if clipped else f" {levels} "
            row.append(Segment(f" {number} ", inks("primary" if mine else "dim", ground, bold=True, reverse=mine)))
            row.append(Segment(f" {sign}", inks(ink, ground, bold=True)))
            row.append(Segment(fit(f" {name}", width - 5 - len(tail)), inks("foreground" if mine else "dim", ground, bold=mine)))
            row.append(Segment(tail, inks("meter-high" if clipped else "meter-low", ground, bold=clipped, reverse=clipped)))
        return row


def _tab(deck: DeckView, holds: Holds, mine: bool) -> tuple[int, str, str, str, str, bool, bool]:
    sign, word, ink = state_of(deck)
    return deck.number, sign, ink, deck.name or word, tiny(deck.peak_db[0]) + tiny(deck.peak_db[1]), holds.clipped, mine
