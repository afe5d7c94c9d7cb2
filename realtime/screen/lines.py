"""Lines of text that know what a click on them does: what most panels are made of. It knows no stage."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from realtime.screen.themes import Inks

WHEEL_DOWN, WHEEL_UP = -1, 1


class Piece(NamedTuple):
    """A piece of a line. `ink` and `ground` are names of `Inks`; `does` is an action's id, or anything the panel knows what to do with."""

    text: str
    ink: str = "foreground"
    does: str = ""
    bold: bool = False
    ground: str = "background"
    reverse: bool = False


Line = tuple[Piece, ...]


def chip(text: str, does: str) -> Piece:
    """Something that looks as if it could be pressed."""
    return Piece(text, "primary", does, True, "panel")


class Lines(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines below each other, the first `fixed` of which stay where they are while the others scroll.

    Each line is drawn once, and again only when it is another one. Keys are the panel's: nothing is bound here.

    Parameters
    ----------
    fixed : int
        Lines of the head.

    Thread
    ------
    The screen's.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    Lines { height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    class Pressed(Message):
        """Somebody pressed a mouse button on a piece that does something."""

        def __init__(self, does: str, button: int) -> None:
            super().__init__()
            self.does = does
            self.button = button

    class Turned(Message):
        """Somebody turned the wheel on a piece that stands for an address: 1 up, -1 down."""

        def __init__(self, path: str, steps: int) -> None:
            super().__init__()
            self.path = path
            self.steps = steps

    def __init__(self, fixed: int = 0) -> None:
        super().__init__()
        self._fixed = fixed
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}
        self._inks: Inks | None = None

    def put(self, lines: Sequence[Line]) -> None:
        """Show these lines."""
        before, self._lines = self._lines, list(lines)
        width, height = self.scrollable_content_region.size
        if len(before) != len(self._lines):
            self._strips.clear()
            self.virtual_size = Size(width, len(self._lines))
            self.refresh()
            return
        for number, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if old != new:
                self._strips.pop(number, None)
                y = self._row_of(number)
                if 0 <= y < height:
                    self.refresh(Region(0, y, width, 1))

    def reveal(self, first: int, last: int) -> None:
        """Scroll so that these lines are to be seen."""
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if first - top < self._fixed:
            self.scroll_to(y=first - self._fixed, animate=False)
        elif last - top >= height:
            self.scroll_to(y=last - height + 1, animate=False)

    def render_line(self, y: int) -> Strip:
        """One row."""
        number = y if y < self._fixed else y + self.scroll_offset.y
        inks = self._inks = self._inks or Inks(self.app.theme_variables)
        strip = self._strips.get(number)
        if strip is None:
            pieces = self._lines[number] if number < len(self._lines) else ()
            strip = Strip(Segment(p.text, inks(p.ink, p.ground, bold=p.bold, reverse=p.reverse)) for p in pieces)
            self._strips[number] = strip
        return strip.adjust_cell_length(self.scrollable_content_region.width, inks())

    def notify_style_update(self) -> None:
        """Draw everything again: the theme may be another one."""
        super().notify_style_update()
        self._inks = None
        self._strips.clear()

    def does_at(self, x: int, y: int) -> str:
        """What the piece at a cell does."""
        number = y if y < self._fixed else y + self.scroll_offset.y
        end = 0
        for piece in self._lines[number] if number < len(self._lines) else ():
            end += Segment(piece.text).cell_length
            if x < end:
                return piece.does
        return ""

    def jump_targets(self) -> list[tuple[tuple[int, int], Callable[[], None]]]:
        """Where on the screen something can be pressed, and what presses it: each thing once."""
        corner, size = self.content_region.offset, self.scrollable_content_region.size
        found: dict[str, tuple[int, int]] = {}
        for number, line in enumerate(self._lines):
            x, y = 0, self._row_of(number)
            for piece in line:
                if piece.does and 0 <= y < size.height and x < size.width:
                    found.setdefault(piece.does, (corner.x + x, corner.y + y))
                x += Segment(piece.text).cell_length
        return [(place, lambda does=does: self._press(does)) for does, place in found.items()]  # type: ignore[misc]

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A press counts, not the letting go: a scene is wanted now."""
        place = event.get_content_offset(self)
        does = self.does_at(place.x, place.y) if place is not None else ""
        if does:
            event.stop()
            self.post_message(self.Pressed(does, event.button))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Turn what is under the pointer, or scroll."""
        self._wheel(event, WHEEL_UP)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Turn what is under the pointer, or scroll."""
        self._wheel(event, WHEEL_DOWN)

    def _wheel(self, event: events.MouseEvent, steps: int) -> None:
        place = event.get_content_offset(self)
        does = self.does_at(place.x, place.y) if place is not None else ""
        if does.startswith("/"):
            event.prevent_default()
            event.stop()
            self.post_message(self.Turned(does, steps))

    def _press(self, does: str) -> None:
        self.post_message(self.Pressed(does, 1))

    def _row_of(self, number: int) -> int:
        """Row of a line in the widget; -1 where it is scrolled away above."""
        if number < self._fixed:
            return number
        y = number - self.scroll_offset.y
        return y if y >= self._fixed else -1
