"""The event log: what happened and when, filtered by where it happened and by a text. It stays at the newest line until it is scrolled."""

import time
from collections.abc import Hashable, Sequence
from textwrap import wrap
from typing import ClassVar, Final

from textual.binding import BindingType

from realtime.attach.view import LineView, StageView
from realtime.screen.actions import Where
from realtime.screen.lines import Line, Piece
from realtime.screen.list_panel import ListPanel
from realtime.screen.panel import bindings

GROUPS: Final = {"osc": "OSC", "midi": "MIDI", "engine": "Engine", "other": "Rest"}
"""Filters, by the last part of their action's name."""
_GROUP_OF: Final = {
    "osc": "osc", "oscquery": "osc", "midi": "midi", "engine": "engine", "deck": "engine", "device": "engine", "audition": "engine"
}  # fmt: skip
_INKS: Final = {"osc": "secondary", "midi": "accent", "engine": "primary", "other": "dim"}
_TIME_CELLS: Final = 9
_CHANNEL_CELLS: Final = 9
_LEAST_CELLS: Final = 16
"""Width of the text in a narrow terminal."""


class LogPanel(ListPanel):
    """The event log.

    Thread
    ------
    The screen's.
    """

    NAME: ClassVar[Where] = "log"
    HEAD: ClassVar[int] = 2
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("log")]

    def __init__(self) -> None:
        super().__init__()
        self._hidden: frozenset[str] = frozenset()
        self._search = ""
        self._made: dict[int, tuple[Line, ...]] = {}
        self._made_wide = 0
        self._owners: list[int] = []
        self._newest = True
        self._placed = 0
        """Where it was scrolled to last by the panel: elsewhere, somebody has scrolled."""

    def show(self, view: StageView) -> None:
        """Show a view; at the end it stays at the end, elsewhere the line at the top stays there."""
        body = self._body
        if body.scroll_offset.y != self._placed:
            self._newest = body.scroll_offset.y >= body.max_scroll_y
        top = self._owners[body.scroll_offset.y] if body.scroll_offset.y < len(self._owners) else 0
        shown = self._shown
        super().show(view)
        if self._newest:
            if body.scroll_offset.y != body.max_scroll_y:
                body.scroll_end(animate=False, force=True, immediate=True)
        elif self._shown != shown:
            body.scroll_to(y=sum(owner < top for owner in self._owners), animate=False, force=True, immediate=True)
        self._placed = body.scroll_offset.y

    def do_log_osc(self) -> None:
        """Show or hide what OSC says."""
        self._toggle("osc")

    def do_log_midi(self) -> None:
        """Show or hide what MIDI says."""
        self._toggle("midi")

    def do_log_engine(self) -> None:
        """Show or hide what engine and decks say."""
        self._toggle("engine")

    def do_log_other(self) -> None:
        """Show or hide the rest."""
        self._toggle("other")

    def do_log_search(self) -> None:
        """Ask for a text that lines must have; an empty one shows all."""
        self.stage_app.prompt("Only lines with this text (empty: all)", self._search, self._look_for)

    def do_log_end(self) -> None:
        """Go to the newest line and stay there."""
        self._body.scroll_end(animate=False, force=True, immediate=True)
        self._newest, self._placed = True, self._body.scroll_offset.y
        self.show(self.session.view)

    def _toggle(self, group: str) -> None:
        self._hidden ^= {group}
        self.do_log_end()

    def _look_for(self, text: str) -> None:
        self._search = text.strip()
        self.do_log_end()

    def _move(self, columns: int, rows: int) -> None:
        self._body.scroll_relative(y=rows, animate=False, force=True, immediate=True)

    def _facts(self, view: StageView) -> Hashable:
        newest = view.lines[-1].number if view.lines else 0
        return newest, len(view.lines), self._hidden, self._search, self._newest, view.osc.packets, view.osc.sent, view.midi.messages

    def _draw(self, view: StageView, width: int) -> Sequence[Line]:
        if width != self._made_wide:
            self._made, self._made_wide = {}, width
        self._made = {line.number: self._made.get(line.number) or _written(line, width) for line in view.lines}
        shown = [line for line in view.lines if self._is_shown(line)]
        body = [(line.number, row) for line in shown for row in self._made[line.number]]
        self._owners = [number for number, _ in body]
        if not shown:
            why = "nothing matches the filters" if view.lines else "nothing has happened yet"
            body = [(0, (Piece(why, "dim"),))]
        return [self._filters(view), self._traffic(view, len(shown)), *(row for _, row in body)]

    def _is_shown(self, line: LineView) -> bool:
        text = self._search.casefold()
        return group_of(line.channel) not in self._hidden and (text in line.text.casefold() or text in line.channel.casefold())

    def _filters(self, view: StageView) -> Line:
        counts = dict.fromkeys(GROUPS, 0)
        for line in view.lines:
            counts[group_of(line.channel)] += line.count
        pieces: list[Piece] = []
        for group, name in GROUPS.items():
            on = group not in self._hidden
            text = f"{'●' if on else '○'} {name} {counts[group]}"
            pieces += [Piece(text, _INKS[group] if on else "dim", f"log.{group}", bold=on), Piece("  ")]
        return tuple(pieces)

    def _traffic(self, view: StageView, shown: int) -> Line:
        """What comes and goes altogether, since only what went wrong or is new has a line; and what is looked for."""
        searched = (Piece(f"only “{self._search}” ({shown})  ", "warning", "log.search", bold=True),) if self._search else ()
        held = () if self._newest else (Piece("❚❚ newer below  ", "warning", "log.end", bold=True),)
        traffic = f"OSC in {view.osc.packets} out {view.osc.sent}  MIDI in {view.midi.messages}"
        return (*searched, *held, Piece(traffic, "dim"))


def group_of(channel: str) -> str:
    """The filter a channel belongs to."""
    return _GROUP_OF.get(channel.partition(" ")[0], "other")


def _written(line: LineView, width: int) -> tuple[Line, ...]:
    """One event as lines of up to `width` cells."""
    text = f"{line.text} ×{line.count}" if line.count > 1 else line.text
    parts = wrap(text, max(width - _TIME_CELLS - _CHANNEL_CELLS, _LEAST_CELLS)) or [""]
    clock = time.strftime("%H:%M:%S", time.localtime(line.time_s))
    channel = f"{line.channel[: _CHANNEL_CELLS - 1]:<{_CHANNEL_CELLS}}"
    first = (Piece(f"{clock:<{_TIME_CELLS}}", "dim"), Piece(channel, _INKS[group_of(line.channel)], bold=True), Piece(parts[0]))
    return (first, *((Piece(" " * (_TIME_CELLS + _CHANNEL_CELLS)), Piece(part)) for part in parts[1:]))
