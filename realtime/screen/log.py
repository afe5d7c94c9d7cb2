"""The event log: what happened and when, and between it the messages that went by, filtered by where and by a text.

It stays at the newest line until it is scrolled; then no more messages come, which would push out what is read.
"""

import time
from collections.abc import Hashable, Iterator, Sequence
from operator import attrgetter
from textwrap import wrap
from typing import ClassVar, Final

from textual.binding import BindingType

from realtime.attach.view import LineView, StageView
from realtime.control.traffic import CHANNELS
from realtime.screen.actions import Where
from realtime.screen.lines import Line, Piece
from realtime.screen.list_panel import ListPanel
from realtime.screen.panel import bindings

GROUPS: Final = {"osc": "OSC", "midi": "MIDI", "engine": "Engine", "other": "Rest"}
"""Filters, by the last part of their action's name."""
_GROUP_OF: Final = {
    "osc": "osc", "oscquery": "osc", "midi": "midi", "engine": "engine", "deck": "engine", "device": "engine", "audition": "engine"
}  # fmt: skip
MESSAGES: Final[tuple[frozenset[str], ...]] = tuple(map(frozenset, (("in", "out"), ("in",), ("out",), ())))
"""Which single messages are shown, by the last word of their channels, in the order of their action."""
DRAW_S: Final = 0.2
"""New messages are shown no more often: in a flood every row is another one each time, which costs a screen more than all else here."""
_TRAFFIC: Final = frozenset(CHANNELS)
_INKS: Final = {"osc": "secondary", "midi": "accent", "engine": "primary", "other": "dim"}
_TIME_CELLS: Final = 9
_CHANNEL_CELLS: Final = 9
_LEAST_CELLS: Final = 16
"""Width of the text in a narrow terminal."""
_Place = tuple[float, bool, int]
"""Where a line stands among all: its time, whether it is a message, and its number."""
_FIRST: Final = (0.0, False, 0)


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
        self._ways = MESSAGES[0]
        self._search = ""
        self._passed: tuple[LineView, ...] = ()
        """The messages that are shown, as they were at `_taken_s`."""
        self._taken_s = -DRAW_S
        self._made: dict[_Place, tuple[Line, ...]] = {}
        self._made_wide = 0
        self._drawn: list[Line] = []
        """All rows but the first two."""
        self._drawn_of: Hashable = None
        self._counts = dict.fromkeys(GROUPS, 0)
        self._found = 0
        """Lines that are shown."""
        self._owners: list[_Place] = []
        self._open = False
        self._newest = True
        self._placed = 0
        """Where it was scrolled to last by the panel: elsewhere, somebody has scrolled."""

    def opened(self) -> None:
        """Have messages come."""
        self._open = True
        super().opened()
        self._want()

    def closed(self) -> None:
        """Have them come no more."""
        self._open = False
        self._want()

    def show(self, view: StageView) -> None:
        """Show a view; at the end it stays at the end, elsewhere the line at the top stays there."""
        now_s = self.stage_app.clock()
        if view.traffic is not self._passed and now_s - self._taken_s >= DRAW_S:
            self._passed, self._taken_s = view.traffic, now_s
        body = self._body
        if body.scroll_offset.y != self._placed:
            self._newest = body.scroll_offset.y >= body.max_scroll_y
        top = self._owners[body.scroll_offset.y] if body.scroll_offset.y < len(self._owners) else _FIRST
        shown = self._shown
        super().show(view)
        if self._newest:
            if body.scroll_offset.y != body.max_scroll_y:
                body.scroll_end(animate=False, force=True, immediate=True)
        elif self._shown != shown:
            body.scroll_to(y=sum(owner < top for owner in self._owners), animate=False, force=True, immediate=True)
        self._placed = body.scroll_offset.y
        self._want()

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

    def do_log_messages(self) -> None:
        """The next of `MESSAGES`."""
        self._ways = MESSAGES[(MESSAGES.index(self._ways) + 1) % len(MESSAGES)]
        self.do_log_end()

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

    def _want(self) -> None:
        """Have messages come while they are shown, at the end."""
        self.session.link.want_traffic(self._open and self._newest and bool(self._ways) and not self._hidden >= {"osc", "midi"})

    def _move(self, columns: int, rows: int) -> None:
        self._body.scroll_relative(y=rows, animate=False, force=True, immediate=True)

    def _facts(self, view: StageView) -> Hashable:
        return self._lines_facts(view), self._newest, view.osc.packets, view.osc.sent, view.midi.messages

    def _lines_facts(self, view: StageView) -> Hashable:
        """What all rows but the first two depend on."""
        newest = (lines[-1].number if lines else 0 for lines in (view.lines, self._passed))
        return *newest, len(view.lines), self._hidden, self._ways, self._search

    def _draw(self, view: StageView, width: int) -> Sequence[Line]:
        facts = self._lines_facts(view), width
        if facts != self._drawn_of:
            self._drawn_of = facts
            self._draw_lines(view, width)
        return [self._filters(), self._traffic(view), *self._drawn]

    def _draw_lines(self, view: StageView, width: int) -> None:
        """Merge what happened and what went by; a line that was there is not put into rows again."""
        if width != self._made_wide:
            self._made, self._made_wide = {}, width
        self._counts = dict.fromkeys(GROUPS, 0)
        for line in view.lines:
            self._counts[group_of(line.channel)] += line.count
        # Both are in order already, which is what sorting them together is fastest at.
        lines = sorted((*view.lines, *self._passed), key=attrgetter("time_s"))
        placed = [((line.time_s, line.channel in _TRAFFIC, line.number), line) for line in lines]
        self._made = {place: self._made.get(place) or _written(line, width) for place, line in placed}
        self._found = 0
        rows = list(self._rows(placed))
        self._owners, self._drawn = [place for place, _ in rows], [row for _, row in rows]
        if not rows:
            self._drawn = [(Piece("nothing matches the filters" if lines else "nothing has happened yet", "dim"),)]

    def _rows(self, placed: Sequence[tuple[_Place, LineView]]) -> Iterator[tuple[_Place, Line]]:
        """Every row that is shown, and the place of its line; messages that are missing in a place have one row."""
        before, missing = 0, 0
        for place, line in placed:
            if place[1]:
                missing += max(line.number - before - 1, 0) if before else 0
                before = line.number
            if self._is_shown(line):
                self._found += 1
                if place[1] and missing:
                    yield place, (Piece(" " * _TIME_CELLS), Piece(f"… {missing} more", "dim"))
                    missing = 0
                for row in self._made[place]:
                    yield place, row

    def _is_shown(self, line: LineView) -> bool:
        if group_of(line.channel) in self._hidden:
            return False
        if line.channel in _TRAFFIC and line.channel.rpartition(" ")[2] not in self._ways:
            return False
        text = self._search.casefold()
        return not text or text in line.text.casefold() or text in line.channel.casefold()

    def _filters(self) -> Line:
        pieces: list[Piece] = []
        for group, name in GROUPS.items():
            on = group not in self._hidden
            text = f"{'●' if on else '○'} {name} {self._counts[group]}"
            pieces += [Piece(text, _INKS[group] if on else "dim", f"log.{group}", bold=on), Piece("  ")]
        return tuple(pieces)

    def _traffic(self, view: StageView) -> Line:
        """Which messages are shown, what comes and goes altogether, and what is looked for."""
        searched = (Piece(f"only “{self._search}” ({self._found})  ", "warning", "log.search", bold=True),) if self._search else ()
        held = () if self._newest else (Piece("❚❚ newer below  ", "warning", "log.end", bold=True),)
        text = " ".join(("● Messages" if self._ways else "○ Messages", *(self._ways if len(self._ways) == 1 else ())))
        messages = Piece(text, "foreground" if self._ways else "dim", "log.messages", bold=bool(self._ways))
        traffic = f"  OSC in {view.osc.packets} out {view.osc.sent}  MIDI in {view.midi.messages}"
        return (*searched, *held, messages, Piece(traffic, "dim"))


def group_of(channel: str) -> str:
    """The filter a channel belongs to."""
    return _GROUP_OF.get(channel.partition(" ")[0], "other")


def _written(line: LineView, width: int) -> tuple[Line, ...]:
    """One event as lines of up to `width` cells."""
    text = f"{line.text} ×{line.count}" if line.count > 1 else line.text
    room = max(width - _TIME_CELLS - _CHANNEL_CELLS, _LEAST_CELLS)
    # Wrapping takes ten times as long as everything else here, and most lines of a flood are short.
    parts = [text] if len(text) <= room and "\n" not in text else wrap(text, room) or [""]
    clock = _clock(line.time_s)
    channel = f"{line.channel[: _CHANNEL_CELLS - 1]:<{_CHANNEL_CELLS}}"
    first = (Piece(f"{clock:<{_TIME_CELLS}}", "dim"), Piece(channel, _INKS[group_of(line.channel)], bold=True), Piece(parts[0]))
    return (first, *((Piece(" " * (_TIME_CELLS + _CHANNEL_CELLS)), Piece(part)) for part in parts[1:]))


def _clock(time_s: float) -> str:
    """Time of day; what no calendar has is a time too, of a machine whose clock is wrong."""
    try:
        return time.strftime("%H:%M:%S", time.localtime(time_s))
    except (OverflowError, ValueError, OSError):
        return "--:--:--"
