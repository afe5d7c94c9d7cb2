"""The list of a deck's controls as rows: classes as faders, parameters as sliders, in as many columns as there is room for.

It knows values and badges as they are given, no stage.
"""

from dataclasses import dataclass
from functools import lru_cache

from rich.segment import Segment

from realtime.control.address import Value
from realtime.screen.badges import WIDTH as BADGE_WIDTH
from realtime.screen.badges import Badges, is_learning
from realtime.screen.bars import HANDLE, cell, fader, slider
from realtime.screen.control_list import GROUPS, Control, share_of
from realtime.screen.session import Session
from realtime.screen.sheet import Row, Sheet, fit, squeeze
from realtime.screen.themes import Inks

LEAST_FLOW = 36
"""Cells that a column of controls needs."""
LEAST_BAR = 6
GAP = 2
"""Cells between columns of controls."""
Line = Control | str | None
"""What stands in one row of one column: a control, a heading, or nothing."""


@dataclass(frozen=True)
class Measures:
    """Widths of the parts of a control's row, in cells."""

    width: int
    name: int
    bar: int
    value: int
    badge: int


class ControlRows:
    """The controls of one deck in a given room.

    Parameters
    ----------
    listed : list of Control
    width, height : int, cells
    badges : bool
        There is room for badges.

    Thread
    ------
    The screen's.
    """

    def __init__(self, listed: list[Control], width: int, height: int, badges: bool) -> None:
        self.listed = listed
        self.height = max(height, 0)
        lines = _lines(listed, self.height, 1)
        flows = 1
        if len(lines) > self.height > 0:
            most = max(1, (width + GAP) // (LEAST_FLOW + GAP))
            flows = min(most, -(-len(listed) // self.height))
            lines = _lines(listed, self.height, flows)
        self.flow_width = (width - GAP * (flows - 1)) // flows
        self.flows = flows
        self.measures = measures(listed, self.flow_width, badges)
        self.first = 0
        """The first line that is to be seen."""
        self._width = width
        self._grid: list[list[Line]] = []
        self._seen_lines: list[Control] = []
        self._seen_first = -1
        self._seen: tuple[object, ...] = ()
        self._lines = lines
        self._places = {line.path: number for number, line in enumerate(lines) if isinstance(line, Control)}

    @property
    def above(self) -> int:
        """Controls above what is to be seen."""
        return sum(isinstance(line, Control) for line in self._lines[: self.first])

    @property
    def below(self) -> int:
        """Controls below what is to be seen."""
        return sum(isinstance(line, Control) for line in self._lines[self.first + self.height * self.flows :])

    def reveal(self, path: str) -> None:
        """Scroll as little as needed for a control to be seen."""
        place, room = self._places.get(path), self.height * self.flows
        if place is None or room <= 0:
            return
        self.first = min(self.first, place)
        self.first = max(self.first, place - room + 1)
        self.first = max(0, min(self.first, len(self._lines) - room))

    def line(self, flow: int, row: int) -> Line:
        """What stands in a row of a column."""
        number = self.first + flow * self.height + row
        return self._lines[number] if number < len(self._lines) else None

    def find(self, x: int, row: int) -> tuple[Control, int] | None:
        """The control at a cell, and where in its row the cell is."""
        flow, at = divmod(x, self.flow_width + GAP)
        if row < 0 or row >= self.height or flow >= self.flows or at >= self.flow_width:
            return None
        line = self.line(flow, row)
        return (line, at) if isinstance(line, Control) else None

    def places(self) -> list[tuple[int, int, Control]]:
        """Column, row and control of everything that is to be seen, in cells."""
        step = self.flow_width + GAP
        found = [(flow * step, row, self.line(flow, row)) for flow in range(self.flows) for row in range(self.height)]
        return [(x, row, line) for x, row, line in found if isinstance(line, Control)]

    def put(self, sheet: Sheet, top: int, session: Session, selected: str, badges: Badges, inks: Inks) -> None:
        """Show present values in the rows of `sheet` from `top`."""
        if self._seen_first != self.first:
            self._seen_first = self.first
            self._grid = [[self.line(flow, row) for flow in range(self.flows)] for row in range(self.height)]
            self._seen_lines = [line for lines in self._grid for line in lines if isinstance(line, Control)]
        values = [session.value(line.path) for line in self._seen_lines]
        seen = (values, selected, badges.edition, inks)
        if seen == self._seen:
            return
        self._seen = seen
        found = dict(zip((line.path for line in self._seen_lines), values, strict=True))
        for row, lines in enumerate(self._grid):
            cells: list[object] = []
            for line in lines:
                path = line.path if isinstance(line, Control) else ""
                cells += (line, found.get(path), path == selected != "", badges.of(path), badges.way(path))
            sheet.put(top + row, self._paint, inks, *cells)

    def _paint(self, inks: Inks, *cells: object) -> Row:
        row: Row = []
        for at in range(0, len(cells), 5):
            if at:
                row.append(Segment(" " * GAP, inks()))
            line = cells[at]
            if isinstance(line, Control):
                row += paint_control(inks, self.measures, *cells[at : at + 5])  # type: ignore[arg-type]
            elif line:
                row += heading(inks, self.flow_width, str(line))
            else:
                row.append(Segment(" " * self.flow_width, inks()))
        missing = self._width - self.flows * self.flow_width - GAP * (self.flows - 1)
        return [*row, Segment(" " * missing, inks())] if missing else row


def _lines(listed: list[Control], height: int, flows: int) -> list[Line]:
    """The controls with headings and gaps between groups, as far as there is room for those."""
    groups = {group: [control for control in listed if control.group == group] for group in GROUPS}
    full = {group: members for group, members in groups.items() if members}
    headed: list[Line] = []
    airy: list[Line] = []
    for group, members in full.items():
        if group != "stage":
            headed.append(GROUPS[group])
            airy += [None, GROUPS[group]]
        headed += members
        airy += members
    room = height * flows
    if flows == 1 and len(airy) <= room:
        return airy
    return headed if len(headed) <= room else list(listed)


@lru_cache(256)
def _names(listed: tuple[Control, ...]) -> tuple[int, int]:
    return max((len(control.label) for control in listed), default=0), max((control.widest for control in listed), default=0)


def measures(listed: list[Control], width: int, badges: bool) -> Measures:
    """How a row of `width` cells is divided."""
    longest, widest = _names(tuple(listed))
    badge = BADGE_WIDTH + 1 if badges else 0
    value = min(widest, 12)
    # Marker, and a space before bar, value and end.
    room = width - 4 - value - badge
    name = max(min(longest, room - max(LEAST_BAR, room * 2 // 5)), 4)
    return Measures(width, name, max(room - name, 1), value, badge)


def heading(inks: Inks, width: int, text: str) -> Row:
    """A heading with a rule."""
    return [
        Segment(" ", inks()),
        Segment(text, inks("dim")),
        Segment(" " + "─" * (width - len(text) - 2), inks("rule")),
    ]


def paint_control(inks: Inks, parts: Measures, control: Control, value: Value | None, selected: bool, badge: str, way: float | None) -> Row:
    """One control: marker, name, bar, value with unit, badge."""
    ground = "selected" if selected else "background"
    ink = "fader" if control.group == "classes" else "slider"
    moved = value is not None and value != (0.0 if control.group == "classes" else control.argument.default)
    words = inks("foreground" if moved or selected else "dim", ground, bold=selected)
    row = [Segment("›" if selected else " ", inks("primary", ground, bold=True)), Segment(squeeze(control.label, parts.name) + " ", words)]
    if value is None:
        row.append(Segment(" " * parts.bar, words))
    else:
        bar = _bar(inks, parts.bar, control, value, ink, ground)
        row += bar if way is None else _with_knob(bar, share_of(value, control.argument) - way, parts.bar, inks("badge", ground, bold=True))
    text = "" if value is None else control.text(value)
    row.append(Segment(" " + (fit(text, parts.value) if len(text) > parts.value else text.rjust(parts.value)), words))
    if parts.badge:
        learns = is_learning(badge)
        row.append(Segment(" ", words))
        row.append(Segment(fit(badge, parts.badge - 1), inks("badge", ground, bold=learns, reverse=learns)))
    row.append(Segment(" ", words))
    return row


def _bar(inks: Inks, width: int, control: Control, value: Value, ink: str, ground: str) -> Row:
    share = share_of(value, control.argument)
    if control.group == "classes":
        eighths = round(share * width * 8)
        # A class that is heard at all shows.
        return fader(width, max(eighths, 1) if share > 0.0 else 0, ink, inks, ground)
    return slider(width, cell(share, width), cell(control.origin, width), ink, inks, ground)


def _with_knob(bar: Row, share: float, width: int, style: object) -> Row:
    """A bar with a mark where the knob stands that has yet to pick the value up."""
    at = cell(share, width)
    row: Row = []
    for segment in bar:
        text = segment.text
        if 0 <= at < len(text) and text != HANDLE:
            pieces = (Segment(text[:at], segment.style), Segment("○", style), Segment(text[at + 1 :], segment.style))  # type: ignore[arg-type]
            row += [piece for piece in pieces if piece.text]
        else:
            row.append(segment)
        at -= len(text)
    return row
