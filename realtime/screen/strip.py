"""The master strip: the meter of the whole, what goes wrong, and the machine, in two rows."""

import time
from collections.abc import Callable
from typing import Final

from rich.segment import Segment
from textual import events

from realtime.attach.view import StageView
from realtime.screen.bars import METER_SIDE, held_level, meter, meter_cells
from realtime.screen.cpu import CpuMeter
from realtime.screen.line_widget import WHEEL_SHARE, LineWidget
from realtime.screen.memory import Holds
from realtime.screen.sheet import Row, Sheet, fit
from realtime.screen.strip_words import CLIP, GAIN, Lights, machine_words, performer_words
from realtime.screen.themes import Inks
from realtime.screen.words import Word, paint_words, word_at

CLIP_DB: Final = -0.2
"""The limiter lets nothing over -0.13 dBFS (`realtime.kernels.limiter`): who comes this near is cut hard."""
GROUND: Final = "panel"
NAMES: Final = (" MASTER L ", "        R ")
SHORT_NAMES: Final = (" L ", " R ")
WIDE: Final = 100
"""Cells from which the names are whole."""


class MasterStrip(LineWidget):
    """Two rows about the whole, and a third where the device has something to say.

    Parameters
    ----------
    clock : callable
        Seconds, for held peaks and lights.
    cpu : CpuMeter, optional

    Thread
    ------
    The screen's.
    """

    def __init__(self, *, id: str | None = None, clock: Callable[[], float] = time.monotonic, cpu: CpuMeter | None = None) -> None:
        super().__init__(id=id)
        self.cpu = cpu or CpuMeter()
        self._clock = clock
        self._view: StageView | None = None
        self._holds = Holds(CLIP_DB)
        self._lights = Lights()
        self._sheet = Sheet(0, 0)
        self._words: tuple[tuple[Word, ...], ...] = ((), ())

    def show(self, view: StageView) -> None:
        """Show a view."""
        self._view = view
        rows = 3 if view.notice else 2
        if self.styles.height is None or self.styles.height.value != rows:
            self.styles.height = rows
        self.draw()

    def paint(self) -> set[int]:
        """Paint what is new of the view."""
        width, height = max(self.size.width, self.LEAST_WIDTH), self.size.height
        if (self._sheet.width, self._sheet.height) != (width, height):
            self._sheet = Sheet(width, height)
        if self._view is not None:
            self._put(self._view, self._clock())
        changed, self._sheet.changed = self._sheet.changed, set()
        return changed

    def row(self, y: int) -> Row:
        """A row that was painted."""
        return self._sheet.rows[y] or [Segment(" " * self._sheet.width, self.inks(ground=GROUND))]

    async def on_mouse_down(self, event: events.MouseDown) -> None:
        """Do what the word under the mouse is for."""
        event.stop()
        does = self._does(event.x, event.y)
        if does == CLIP:
            self._holds.forget_clip()
        elif does and does != GAIN:
            await self.run_action(f"app.perform('{does}')")

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """More gain."""
        self._wheel(event, WHEEL_SHARE)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Less gain."""
        self._wheel(event, -WHEEL_SHARE)

    def _wheel(self, event: events.MouseEvent, share: float) -> None:
        if self._does(event.x, event.y) in (GAIN, CLIP):
            event.stop()
            self.session.turn("/master/gain", share)

    def _does(self, x: int, y: int) -> str:
        if y == 2:
            return "panel.doctor"
        left = self._meter_width()
        return CLIP if x < left else word_at(self._words[y], self._sheet.width - left - 1, x - left)

    def _meter_width(self) -> int:
        # Less than half: words need about fifty cells before they begin to shrink.
        return min(self._sheet.width * 2 // 5, 72)

    def _put(self, view: StageView, now_s: float) -> None:
        self.cpu.look((view.pid, *(deck.pid for deck in view.decks if deck.pid)), now_s)
        gain = self.session.value("/master/gain")
        self._words = (
            performer_words(view, self._lights, now_s, float(gain) if isinstance(gain, (int, float)) else None),
            machine_words(view, self._lights, self.cpu, now_s),
        )
        width = self._sheet.width
        names = NAMES if width >= WIDE else SHORT_NAMES
        bar = self._meter_width() - len(names[0]) - METER_SIDE
        self._holds.hear(view.peak_db, now_s)
        for y, (name, hold, peak_db, rms_db) in enumerate(zip(names, self._holds.sides, view.peak_db, view.rms_db, strict=True)):
            cells = meter_cells(rms_db, peak_db, hold.held_db, bar)
            self._sheet.put(y, _paint, self.inks, width, bar, name, cells, hold.said, hold.clipped, self._words[y])
        if view.notice:
            self._sheet.put(2, _paint_notice, self.inks, width, view.notice, self.key_of("panel.doctor"))


def _paint(
    inks: Inks, width: int, bar: int, name: str, cells: tuple[int, int, int], held: str, clipped: bool, words: tuple[Word, ...]
) -> Row:
    row = [Segment(name, inks("foreground", GROUND, bold=True)), *meter(bar, cells, inks, GROUND)]
    row += held_level(held, clipped, inks, GROUND)
    left = width - len(name) - bar - METER_SIDE
    return [*row, *paint_words(inks, left - 1, GROUND, words), Segment(" ", inks("dim", GROUND))]


def _paint_notice(inks: Inks, width: int, notice: str, key: str) -> Row:
    hint = f" {key}: what to do " if key else ""
    return [Segment(fit(f" ! {notice}", width - len(hint)) + hint, inks("meter-mid", GROUND, bold=True, reverse=True))]
