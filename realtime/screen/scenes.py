"""The scenes as a grid: store, recall, morph, rename, delete."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from textual.binding import BindingType

from realtime.attach.view import SceneView, StageView
from realtime.screen.actions import BY_ID, Where
from realtime.screen.control_actions import shown_value
from realtime.screen.key_table import key_name
from realtime.screen.lines import Line, Piece
from realtime.screen.list_panel import ListPanel
from realtime.screen.panel import bindings
from realtime.screen.sheet import fit

CELL: Final = 19
"""Columns of a cell at least, with the gap beside it."""
ROWS: Final = 3
"""Lines of a cell, with the gap below it."""
MORPH_S: Final = 4.0
"""What is offered first: a bar at 60 bpm, slow enough to be heard as a movement."""
MORE: Final = "more"
"""The cell behind the last scene."""
_OFFERS: Final = {"scenes.morph": "morph", "scenes.overwrite": "store here", "scenes.rename": "rename", "scenes.delete": "delete"}
"""What has no other place for the mouse."""


@dataclass(frozen=True)
class Cell:
    """What a cell shows."""

    number: int
    name: str
    sign: str
    note: str
    ink: str
    selected: bool
    key: str = ""
    """What recalls it from everywhere."""


class ScenesPanel(ListPanel):
    """The scene grid.

    Thread
    ------
    The screen's.
    """

    NAME: ClassVar[Where] = "scenes"
    HEAD: ClassVar[int] = 3
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scenes")]

    def __init__(self) -> None:
        super().__init__()
        self._place = 0
        self._columns = 1
        self._seconds = MORPH_S
        self._coming = ""
        """Name of a scene that is to be selected as soon as it is there."""

    def opened(self) -> None:
        """Begin at the scene that was recalled last."""
        scenes = self.session.view.scenes
        if scenes.last in scenes.names:
            self._place = scenes.names.index(scenes.last)
        super().opened()

    # --- what is to be seen ---------------------------------------------------------------------------------------------------

    def _facts(self, view: StageView) -> Hashable:
        scenes = view.scenes
        if self._coming in scenes.names:
            self._place, self._coming = scenes.names.index(self._coming), ""
        self._place = max(0, min(self._place, len(scenes.names)))
        running = view.transport.running and view.transport.quantum_beats > 0
        return (scenes.names, scenes.last, _steps(scenes.morph), scenes.saved, scenes.goal, scenes.waiting, running, self._place)

    def _draw(self, view: StageView, width: int) -> Sequence[Line]:
        scenes = view.scenes
        self._columns = max(1, width // CELL)
        lines = [_head(view, self.stage_app.keys_shown("stage.save_rack")), self.offers(_OFFERS), ()]
        cells = [_cell(scenes, place, place == self._place, self._key(place + 1)) for place in range(len(scenes.names))]
        cells.append(Cell(0, "store a scene", "+", "", "dim", self._place == len(scenes.names)))
        for first in range(0, len(cells), self._columns):
            lines += _row(tuple(cells[first : first + self._columns]), width // self._columns)
        return lines

    def _key(self, number: int) -> str:
        action = BY_ID.get(f"scene.recall_{number}")
        keys = self.stage_app.keymap.keys_of(action.id) if action is not None else ()
        return key_name(keys[0]) if keys else ""

    # --- what is done ---------------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> str:
        """Name of the selected scene; empty: the cell behind the last one is."""
        names = self.session.view.scenes.names
        return names[self._place] if self._place < len(names) else ""

    def do_scenes_recall(self) -> None:
        """Recall the selected scene; on the cell behind the last one, store."""
        if self.selected:
            self.session.ask("/scene/recall", self.selected)
        else:
            self.do_scenes_store()

    def do_scenes_store(self) -> None:
        """Ask for a name and store everything under it."""
        names = self.session.view.scenes.names
        free = next(name for number in range(1, len(names) + 2) if (name := f"scene {number}") not in names)
        self.stage_app.prompt("Store the scene as", free, self._store)

    def do_scenes_overwrite(self) -> None:
        """Store everything in the selected scene."""
        if self.selected:
            self._store(self.selected)
        else:
            self.do_scenes_store()

    def do_scenes_morph(self) -> None:
        """Ask for seconds and move to the selected scene."""
        name = self._needed()

        def go(seconds: float) -> None:
            self._seconds = seconds
            self.session.ask("/scene/morph", name, seconds)

        if name:
            self.ask_number("/scene/morph", 1, shown_value(self._seconds), go)

    def do_scenes_rename(self) -> None:
        """Ask for another name."""
        name = self._needed()

        def rename(new: str) -> None:
            if new.strip() and new.strip() != name:
                self.session.ask("/scene/rename", name, new.strip())

        if name:
            self.stage_app.prompt(f"Another name for “{name}”", name, rename)

    def do_scenes_delete(self) -> None:
        """Ask, and forget the selected scene."""
        name = self._needed()
        if name:
            self.stage_app.confirm(f"Delete the scene “{name}”?", lambda: self.session.ask("/scene/delete", name))

    def _store(self, typed: str) -> None:
        name = typed.strip()

        def store() -> None:
            self._coming = name
            self.session.ask("/scene/save", name)

        if name in self.session.view.scenes.names:
            self.stage_app.confirm(f"Store over the scene “{name}”?", store)
        elif name:
            store()

    def _needed(self) -> str:
        """The selected scene; where none is, it is said how to have one."""
        if not self.selected:
            self.session.say(f"select a scene first; {self.stage_app.keys_shown('scenes.store')} stores one", error=True)
        return self.selected

    def _move(self, columns: int, rows: int) -> None:
        last = len(self.session.view.scenes.names)
        place = self._place + columns + rows * self._columns
        if rows and not 0 <= place <= last:
            # A column ends above the last row: down goes to the last cell there is, up stays.
            place = last if rows > 0 and self._place // self._columns < last // self._columns else self._place
        if abs(rows) > len(self.session.view.scenes.names):
            place = 0 if rows < 0 else last
        self._select(max(0, min(place, last)))

    def _select(self, place: int) -> None:
        self._place = place
        first = self.HEAD + place // self._columns * ROWS
        self._body.reveal(first, first + ROWS - 2)

    def _press(self, does: str, *, primary: bool) -> None:
        """A press on a cell recalls its scene; with another button it only selects it."""
        place = len(self.session.view.scenes.names) if does == MORE else int(does)
        self._select(place)
        self.show(self.session.view)
        if primary:
            self.do_scenes_recall()


def _steps(share: float) -> int:
    """How far a morph is, as finely as it is shown."""
    return int(share * 100.0) if share >= 0.0 else -1


def _head(view: StageView, save_keys: str) -> Line:
    scenes = view.scenes
    count = f" {len(scenes.names)} scene{'' if len(scenes.names) == 1 else 's'}"
    when = " · taken at the bar" if view.transport.running and view.transport.quantum_beats else ""
    if scenes.saved:
        return (Piece(f"{count}{', in the file of the rack' if scenes.names else ''}{when}", "dim"),)
    lost = f"▲ not saved: {save_keys}{'' if when else ' saves the rack'}"
    return (Piece(f"{count}{when} · ", "dim"), Piece(lost, "warning", "stage.save_rack"))


def _cell(scenes: SceneView, place: int, selected: bool, key: str) -> Cell:
    name = scenes.names[place]
    sign, note, ink = " ", "", "foreground"
    if name == scenes.waiting:
        sign, note, ink = "◌", "at the next bar", "warning"
    elif name == scenes.goal:
        sign, note, ink = "▸", f"{_bar(scenes.morph)} {_steps(scenes.morph)} %", "accent"
    elif name == scenes.last:
        sign, note, ink = "▶", "recalled last", "success"
    return Cell(place + 1, name, sign, note, ink, selected, key)


def _bar(share: float, width: int = 8) -> str:
    done = int(share * width)
    return "▓" * done + "░" * (width - done)


@lru_cache(512)
def _row(cells: tuple[Cell, ...], width: int) -> Sequence[Line]:
    names: list[Piece] = []
    notes: list[Piece] = []
    for cell in cells:
        does = str(cell.number - 1) if cell.number else MORE
        ground = "selected" if cell.selected else "panel"
        head = f"{'›' if cell.selected else ' '}{cell.number or '+':>2} "
        names.append(Piece(head, "primary" if cell.selected else "dim", does, cell.selected, ground))
        names.append(Piece(fit(cell.name, width - 1 - len(head)), cell.ink if cell.number else "dim", does, cell.selected, ground))
        note = f"  {cell.sign if cell.number else ' '} {cell.note}"
        # The key goes where there is no room for both.
        key = f" {cell.key} " if len(note) + len(cell.key) + 2 < width and cell.key else ""
        notes.append(Piece(fit(note, width - 1 - len(key)), cell.ink, does, False, ground))
        notes.append(Piece(key, "dim", does, False, ground))
        gap = Piece(" ")
        names.append(gap)
        notes.append(gap)
    return (tuple(names), tuple(notes), ())
