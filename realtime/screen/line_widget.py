"""A widget that draws itself row by row, and of its rows only those that changed: what twenty looks a second can be afforded with."""

from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.filter import ANSIToTruecolor
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from realtime.screen.key_table import key_name
from realtime.screen.session import Session
from realtime.screen.sheet import Row
from realtime.screen.themes import Inks

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen

WHEEL_SHARE: Final = 0.02
"""Share of a control's range that a notch of the wheel moves it by."""


class LineWidget(Widget):
    """A widget of rows. A subclass paints in `paint`, gives a row by `row`, and calls `draw` when it has something new to show.

    It has no border and no padding: a row is as wide as the widget, or `LEAST_WIDTH`.

    Thread
    ------
    The screen's.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    LEAST_WIDTH: ClassVar[int] = 40
    """Cells that rows are painted for at least; what a terminal has less is cut."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._made: Inks | None = None
        self._strips: list[Strip | None] = []
        self._painted = Size(-1, -1)

    @property
    def session(self) -> Session:
        """The stage, and what is selected."""
        return cast("StarlingScreen", self.app).session

    def key_of(self, action_id: str) -> str:
        """What the first key of an action is called, by the performer's keymap; empty: it has none."""
        keys = cast("StarlingScreen", self.app).keymap.keys_of(action_id)
        return key_name(keys[0]) if keys else ""

    @property
    def inks(self) -> Inks:
        """The styles of the theme; other ones after it changed."""
        if self._made is None:
            self._made = Inks(self.app.theme_variables)
        return self._made

    def paint(self) -> set[int]:
        """Paint what is new; returns the rows that were painted."""
        raise NotImplementedError

    def row(self, y: int) -> Row:
        """A row that was painted."""
        raise NotImplementedError

    def draw(self) -> None:
        """Show what is new."""
        changed = self._paint()
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of a region, as they were painted last."""
        if self._painted != self.size:
            # The size is another since the last look.
            self._paint()
        lines = [self._strip(y) for y in crop.line_range]
        return lines if crop.column_span == (0, self.size.width) else [line.crop(*crop.column_span) for line in lines]

    def notify_style_update(self) -> None:
        """The theme may be another one: everything is painted anew."""
        super().notify_style_update()
        self._made = None
        self._painted = Size(-1, -1)

    def _paint(self) -> set[int]:
        fresh = self._painted != self.size
        changed = self.paint()
        if fresh:
            self._painted = self.size
            self._strips = [None] * self.size.height
            return set(range(self.size.height))
        for y in changed:
            self._strips[y] = None
        return changed

    def _strip(self, y: int) -> Strip:
        strip = self._strips[y]
        if strip is None:
            width = self.size.width
            # Rows have the width they were asked for, but are never painted narrower than that.
            strip = Strip(self.row(y), max(width, self.LEAST_WIDTH)).crop(0, width)
            for line_filter in self.get_line_filters():
                # Inks are true colours already.
                if not isinstance(line_filter, ANSIToTruecolor):
                    strip = strip.apply_filter(line_filter, self.background_colors[1])
            self._strips[y] = strip
        return strip
