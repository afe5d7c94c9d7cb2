"""The doctor: what is wrong and what helps, in plain words, and at a key. It finds nothing out itself."""

from collections.abc import Hashable, Iterator, Sequence
from textwrap import wrap
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.message import Message

from realtime.attach.view import StageView
from realtime.control.address import Address
from realtime.screen.actions import Where
from realtime.screen.diagnosis import diagnose
from realtime.screen.finding import Finding, Gravity
from realtime.screen.lines import Line, Piece
from realtime.screen.list_panel import ListPanel
from realtime.screen.machine_report import MachineReport
from realtime.screen.panel import bindings

EVERY_S: Final = 1.0
SIGNS: Final = {Gravity.BAD: ("✖", "error"), Gravity.CARE: ("▲", "warning"), Gravity.HINT: ("·", "dim"), Gravity.FINE: ("✓", "success")}
LOOKING: Final = "looking …"
_INDENT: Final = 4
_LEAST_CELLS: Final = 16
_SELECT, _FIX = "select ", "fix "


class DoctorPanel(ListPanel):
    """Findings, the gravest first, and what was found of the machine when somebody asked.

    Thread
    ------
    The screen's.
    """

    NAME: ClassVar[Where] = "doctor"
    HEAD: ClassVar[int] = 0
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("doctor")]

    class Told(Message):
        """What was found of the machine."""

        def __init__(self, lines: tuple[str, ...]) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self) -> None:
        super().__init__()
        self._found: tuple[Finding, ...] = ()
        self._found_s = -EVERY_S
        self._selected = ""
        self._machine: tuple[str, ...] = ()
        self._report: MachineReport | None = None
        self._rows: dict[str, tuple[int, int]] = {}

    def opened(self) -> None:
        """See what is wrong now, the gravest first."""
        super().opened()
        self._found_s = -EVERY_S
        self._selected = ""
        self.show(self.session.view)

    def show(self, view: StageView) -> None:
        """Look for what is wrong once a second: it is read, not watched."""
        now = self.stage_app.clock()
        if now - self._found_s >= EVERY_S:
            self._found_s = now
            self._found = diagnose(view, self.stage_app.history)
        super().show(view)

    def do_doctor_fix(self) -> None:
        """Do what the selected advice says."""
        finding = self._finding()
        remedy = finding.remedy if finding is not None else None
        if remedy is None:
            self.session.say("nothing here that the screen can do itself: the text says what helps")
        elif remedy.action:
            self.stage_app.perform(remedy.action)
        else:
            address: Address | None = self.session.address(remedy.path)
            if address is not None and address.kind == "value":
                self.session.set(remedy.path, *remedy.values)
            else:
                self.session.ask(remedy.path, *remedy.values)
            self.session.say(remedy.label)
            self._found_s = -EVERY_S

    def do_doctor_devices(self) -> None:
        """List devices, priorities and libraries below the advice."""
        if self._machine == (LOOKING,):
            return
        self._machine = (LOOKING,)
        self._report = MachineReport(self._hear_machine)
        self.show(self.session.view)
        self._body.scroll_end(animate=False, force=True, immediate=True)

    def _hear_machine(self, lines: tuple[str, ...]) -> None:
        self.post_message(self.Told(lines))

    def on_doctor_panel_told(self, event: Told) -> None:
        """Show what was found of the machine, from its first line."""
        self._machine = event.lines
        self.show(self.session.view)
        first = self._rows.get("", (0, 0))[0]
        self._body.scroll_to(y=first, animate=False, force=True, immediate=True)

    def on_unmount(self) -> None:
        """Leave no process behind."""
        if self._report is not None:
            self._report.close()

    def _finding(self) -> Finding | None:
        return next((finding for finding in self._found if finding.title == self._selected), self._found[0] if self._found else None)

    def _move(self, columns: int, rows: int) -> None:
        titles = [finding.title for finding in self._found]
        finding = self._finding()
        place = titles.index(finding.title) + rows if finding is not None else -1
        if 0 <= place < len(titles):
            self._selected = titles[place]
            self._body.reveal(*self._rows[titles[place]])
        else:
            super()._move(columns, rows)

    def _press(self, does: str, *, primary: bool) -> None:
        for verb in (_SELECT, _FIX):
            if does.startswith(verb):
                self._selected = does.removeprefix(verb)
        if does.startswith(_FIX):
            self.stage_app.perform("doctor.fix")
        self.show(self.session.view)

    def _facts(self, view: StageView) -> Hashable:
        return self._found, self._selected, self._machine

    def _draw(self, view: StageView, width: int) -> Sequence[Line]:
        selected = self._finding()
        lines: list[Line] = []
        self._rows = {}
        for finding in self._found:
            first = len(lines)
            lines += self._advice(finding, width, finding is selected)
            self._rows[finding.title] = (first, len(lines) - 1)
            lines.append(())
        self._rows[""] = (len(lines), len(lines))
        return [*lines, *self._machine_lines(width)]

    def _advice(self, finding: Finding, width: int, is_selected: bool) -> Iterator[Line]:
        sign, ink = SIGNS[finding.gravity]
        does = _SELECT + finding.title
        title = f"{sign} {finding.title}"[: max(width - 2, 0)]
        yield Piece("› " if is_selected else "  ", "accent", does, True), Piece(title, ink, does, True)
        for part in wrap(finding.text, max(width - _INDENT, _LEAST_CELLS)):
            yield Piece(" " * _INDENT, does=does), Piece(part, does=does)
        if finding.remedy is not None:
            key = self.stage_app.keys_shown("doctor.fix")
            text = f"{key}: {finding.remedy.label}" if is_selected else f"→ {finding.remedy.label}"
            yield Piece(" " * _INDENT), Piece(text, "accent", _FIX + finding.title, is_selected, reverse=is_selected)

    def _machine_lines(self, width: int) -> Iterator[Line]:
        if not self._machine:
            key = self.stage_app.keys_shown("doctor.devices")
            yield (Piece(f"  {key}: look at the machine (devices, priorities, libraries)"[:width], "dim", "doctor.devices"),)
            return
        yield (Piece("  The machine", "primary", bold=True),)
        for line in self._machine:
            needs = line.startswith("->")
            for part in wrap(line, max(width - _INDENT, _LEAST_CELLS), subsequent_indent="   ", drop_whitespace=False) or [""]:
                yield Piece(" " * _INDENT), Piece(part, "warning" if needs else "foreground")
