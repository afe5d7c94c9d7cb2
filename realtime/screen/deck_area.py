"""The decks: drawn line by line, of these only what changed, and the mouse on them. How they look is `realtime.screen.deck_layout`'s."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message

from realtime.attach.view import StageView
from realtime.screen.badges import Badges
from realtime.screen.control_list import Control, share_of, value_at
from realtime.screen.deck_column import DeckColumn
from realtime.screen.deck_layout import DeckLayout
from realtime.screen.line_widget import WHEEL_SHARE, LineWidget
from realtime.screen.memory import Holds
from realtime.screen.panel import bindings
from realtime.screen.sheet import Row
from realtime.screen.themes import Inks

ONE_BELOW: Final = 100
"""Cells of the screen below which one deck is shown at a time."""
FINE: Final = 0.1
"""With shift the mouse moves a control by this much of what it would otherwise."""


@dataclass(frozen=True)
class Grab:
    """A control that the mouse holds: where its value stood, the cell it was taken at, and cells of its whole way."""

    control: Control
    share: float
    x: int
    cells: int


class DeckArea(LineWidget, can_focus=True):
    """All decks, as columns.

    Thread
    ------
    The screen's.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("decks")]

    class Selected(Message):
        """Somebody selected a deck, or a control of it (`path`, otherwise empty)."""

        def __init__(self, deck: int, path: str) -> None:
            super().__init__()
            self.deck = deck
            self.path = path

    def __init__(self, *, id: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._view = StageView()
        self._badges = Badges()
        self._holds: dict[int, Holds] = {}
        self._layout = DeckLayout(0, 0, True, (), Inks({}), "")
        self._grab: Grab | None = None

    def show(self, view: StageView) -> None:
        """Show a view."""
        self._view = view
        self.draw()

    def paint(self) -> set[int]:
        """Paint what is new of the view."""
        empty = tuple(deck.state == "empty" and not deck.patch for deck in self._view.decks)
        width = max(self.size.width, self.LEAST_WIDTH)
        plan = (width, self.size.height, self.screen.size.width < ONE_BELOW, empty, self.inks, self.key_of("panel.browser"))
        if self._layout.plan != plan:
            self._layout = DeckLayout(*plan)
        self._badges.update(self._view.midi)
        return self._layout.show(self._view, self.session, self._badges, self._holds, self._clock())

    def row(self, y: int) -> Row:
        """A row that was painted."""
        return self._layout.row(y)

    def jump_targets(self) -> list[tuple[Region, Callable[[], object]]]:
        """Every deck and every control that is to be seen: its place on the screen, and what selects it."""
        layout, corner = self._layout, self.region.offset
        found: list[tuple[Region, Callable[[], object]]] = []
        for left, column in zip(layout.lefts, layout.columns, strict=True):
            x, y = corner.x + left, corner.y + layout.top
            found.append((Region(x, y, 3, 1), partial(self._select, column.number, "")))
            for at, row, control in column.rows.places():
                found.append((Region(x + at, y + column.top + row, 1, 1), partial(self._select, column.number, control.path)))
        shown = {column.number for column in layout.columns}
        for number, start, end in layout.tabs():
            if number not in shown:
                found.append((Region(corner.x + start, corner.y, end - start, 1), partial(self._select, number, "")))
        return found

    async def on_mouse_down(self, event: events.MouseDown) -> None:
        """Select what is there; a control is held, a letter is switched."""
        event.stop()
        for number, start, end in self._layout.tabs():
            if event.y == 0 and start <= event.x < end:
                self._select(number, "")
                return
        found = self._layout.column_at(event.x)
        if found is None:
            return
        column, x = found
        y = event.y - self._layout.top
        if column.is_hint(y):
            self._select(column.number, "")
            await self.run_action("app.perform('panel.browser')")
            return
        letter = column.letter(x, y)
        at = column.rows.find(x, y - column.top)
        self._select(column.number, at[0].path if at else "")
        if letter and letter in self._view.values:
            self.session.toggle(letter)
        elif at is None:
            self._holds[column.number].forget_clip()
        else:
            self._hold(at[0], event.x, column)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Turn the control that is held."""
        if self._grab is not None:
            event.stop()
            moved = (event.x - self._grab.x) / self._grab.cells * (FINE if event.shift else 1.0)
            self.session.set(self._grab.control.path, value_at(self._grab.share + moved, self._grab.control.argument))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go."""
        if self._grab is not None:
            event.stop()
            self._grab = None
            self.release_mouse()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """More."""
        self._wheel(event, WHEEL_SHARE)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Less."""
        self._wheel(event, -WHEEL_SHARE)

    def _wheel(self, event: events.MouseEvent, share: float) -> None:
        found = self._layout.column_at(event.x)
        at = found[0].rows.find(found[1], event.y - self._layout.top - found[0].top) if found else None
        if found is not None and at is not None:
            event.stop()
            self._select(found[0].number, at[0].path)
            self.session.turn(at[0].path, share * (FINE if event.shift else 1.0))

    def _hold(self, control: Control, x: int, column: DeckColumn) -> None:
        value = self.session.value(control.path)
        if value is not None and (control.argument.choices or control.argument.tag != "s"):
            self._grab = Grab(control, share_of(value, control.argument), x, column.rows.measures.bar)
            self.capture_mouse()

    def _select(self, deck: int, path: str) -> None:
        self.session.deck = deck
        if path:
            self.session.selected[deck] = path
        self.focus()
        self.post_message(self.Selected(deck, path))
