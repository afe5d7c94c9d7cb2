"""What is mapped to what, as a table: learn, unlearn, save, load, takeover."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.binding import BindingType

from realtime.attach.view import MidiView, StageView
from realtime.screen.actions import Where
from realtime.screen.control_list import next_choice
from realtime.screen.lines import Line, Piece
from realtime.screen.link import Told
from realtime.screen.list_panel import ListPanel
from realtime.screen.panel import bindings
from realtime.screen.sheet import fit, squeeze

MAPPING_NAME: Final = "mapping.toml"
TAKEOVER: Final = "/midi/takeover"
LISTENING: Final = "● turn a knob"
_STATE = 14
"""Columns that the state has at least."""
_WAY = 9
"""And the way, where the others are long: `-60 to 12`."""
_OFFERS: Final = {"mapping.range": "range", "mapping.unlearn": "unlearn", "mapping.save": "save", "mapping.load": "load"}
"""What has no other place for the mouse."""


@dataclass(frozen=True)
class Mapped:
    """One row: a binding, or the selected control that has none."""

    source: str
    address: str
    way: str = ""
    state: str = ""
    ink: str = "dim"
    now: str = ""
    """The address it moves now."""


class MappingPanel(ListPanel):
    """The mapping table. Its first row is the selected control where nothing is mapped to that.

    Thread
    ------
    The screen's.
    """

    NAME: ClassVar[Where] = "mapping"
    HEAD: ClassVar[int] = 4
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("mapping")]

    def __init__(self) -> None:
        super().__init__()
        self._place = 0
        self._rows: tuple[Mapped, ...] = ()
        self._control = ""
        """The control that was selected when it was looked at last."""
        self._learned = self._taken = ""
        self._path = str(Path.cwd() / MAPPING_NAME)

    def opened(self) -> None:
        """Begin at the selected control."""
        self._control = ""
        super().opened()

    # --- what is to be seen ---------------------------------------------------------------------------------------------------

    def _facts(self, view: StageView) -> Hashable:
        midi = view.midi
        takeover, control = self.session.value(TAKEOVER), self.session.control
        if control != self._control:
            # Whoever selects another control at the decks means its row.
            self._control, self._rows = control, rows(midi, control)
            self._select(next((place for place, row in enumerate(self._rows) if control in (row.address, row.now)), 0))
        return (
            midi.bindings, midi.ways, midi.waiting, midi.learning, midi.ports, midi.last, takeover,
            control, self._place, self._learned, self._taken,
        )  # fmt: skip

    def _draw(self, view: StageView, width: int) -> Sequence[Line]:
        self._rows = rows(view.midi, self.session.control)
        self._place = max(0, min(self._place, len(self._rows) - 1))
        widths = _widths(self._rows, width)
        titles = "".join(fit(title, cells) for title, cells in zip(("  control", "moves", "how"), widths, strict=True))
        return [
            self._ports_line(view.midi, width),
            self._learn_line(view.midi),
            (Piece(f" {self._taken}", "warning"),) if self._taken else self.offers(_OFFERS),
            (Piece(fit(f"{titles}state", width), "dim"),),
            *(_line(row, place, widths, width, place == self._place) for place, row in enumerate(self._rows)),
            *(() if self._rows else ((Piece("   nothing is mapped; select a control of a deck first", "dim"),),)),
        ]

    def _ports_line(self, midi: MidiView, width: int) -> Line:
        takeover = Piece(f" takeover {self.session.value(TAKEOVER) or '?'} ", "primary", "mapping.takeover")
        if not midi.ports:
            return (takeover, Piece(" no controller is connected", "warning"))
        last = f" · last: {midi.last[1]}" if midi.last[1] else ""
        text = f" {', '.join(midi.ports)}{last}"
        return (takeover, Piece(squeeze(text, max(width - len(takeover.text), 8)), "dim"))

    def _learn_line(self, midi: MidiView) -> Line:
        if midi.learning:
            keys = self.stage_app.keys_shown("mapping.learn")
            return (Piece(f" {LISTENING} now: {midi.learning}", "accent", "mapping.learn", True), Piece(f"   {keys} leaves it", "dim"))
        return (Piece(f" {self._learned}", "success"),)

    # --- what is done ---------------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> Mapped | None:
        """The selected row."""
        found = rows(self.session.view.midi, self.session.control)
        return found[self._place] if self._place < len(found) else None

    def do_mapping_learn(self) -> None:
        """Have the next knob moved drive the address of the selected row; again leaves it."""
        self._learn()

    def do_mapping_range(self) -> None:
        """Ask for a range, and learn with it."""
        row = self.selected
        if row is None:
            return self._say_none()

        def learn(typed: str) -> None:
            try:
                low, high = (float(part) for part in typed.replace(",", ".").replace(" to ", " ").split())
                if not math.isfinite(low) or not math.isfinite(high):
                    raise ValueError
            except ValueError:
                self.session.say(f"range: got {typed[:40]!r}; allowed: two numbers, as in 0.2 0.8; the greater first turns it around", True)
                self.do_mapping_range()
                return
            self._learn(low, high)

        address = self.session.address(row.address)
        ends = f"{address.argument.minimum:g} {address.argument.maximum:g}" if address is not None and address.kind == "value" else "0 1"
        self.stage_app.prompt(f"Range for {row.address}, from and to; then turn the knob", ends, learn)

    def do_mapping_unlearn(self) -> None:
        """Take every knob off the address of the selected row."""
        row = self.selected
        if row is None or not row.source:
            return self._say_none()
        self.session.ask("/midi/unlearn", row.address)

    def do_mapping_save(self) -> None:
        """Ask where to, and write the mapping."""

        def save(path: str) -> None:
            self._path = path
            self.session.ask("/midi/save", path, then=lambda told: self.session.say_done(told, f"mapping saved: {path}"))

        self.stage_app.ask_path("Save the mapping as", self._path, save, new=True)

    def do_mapping_load(self) -> None:
        """Ask which, and take a mapping: a file, or a name of those that ship."""

        def load(typed: str) -> None:
            path = Path(typed).expanduser()
            known = path if path.is_absolute() or path.suffix or path.name != typed else None
            name = str(known.absolute()) if known is not None else typed
            self._path = name if known is not None else self._path
            self.session.ask("/midi/load", name, then=lambda told: self.session.say_done(told, f"mapping taken: {typed}"))

        self.stage_app.prompt("Take the mapping from", self._path, load)

    def do_mapping_takeover(self) -> None:
        """The next of off, pick-up and scale."""
        address, value = self.session.address(TAKEOVER), self.session.value(TAKEOVER)
        if address is not None and value is not None and address.argument.choices:
            self.session.set(TAKEOVER, next_choice(address.argument, value))

    def _learn(self, *ends: float) -> None:
        row, learning = self.selected, self.session.view.midi.learning
        if row is None:
            return self._say_none()
        if learning == row.address and not ends:
            self.session.ask("/midi/learn/cancel")
        else:
            self._learned = self._taken = ""
            self.session.ask("/midi/learn", row.address, *ends, then=self._hear)

    def _hear(self, told: Told) -> None:
        if told.state == "answer" and len(told.values) > 2:
            address, source, action, *taken = map(str, told.values)
            self._learned = f"{source.partition(',')[0]} now moves {address}" + ("" if action == "follow" else f" ({action})")
            self._taken = f"taken away for it: {', '.join(taken)}" if taken else ""

    def _say_none(self) -> None:
        self.session.say("nothing is mapped there; select a control of a deck, and learn", error=True)

    def _move(self, columns: int, rows: int) -> None:
        self._select(max(0, min(self._place + rows + columns, len(self._rows) - 1)))

    def _select(self, place: int) -> None:
        self._place = place
        self._body.reveal(self.HEAD + place, self.HEAD + place)

    def _press(self, does: str, *, primary: bool) -> None:
        """A press selects a row; one on what is selected learns."""
        place = int(does)
        if place == self._place and primary:
            self.do_mapping_learn()
        self._place = place
        self.show(self.session.view)


def rows(midi: MidiView, control: str) -> tuple[Mapped, ...]:
    """The rows of the table; the selected control comes first where nothing moves it."""
    # What came last is another thing with every turn of a knob, and is none of the table's business.
    return _rows(replace(midi, last=("", ""), messages=0), control)


@lru_cache(4)
def _rows(midi: MidiView, control: str) -> tuple[Mapped, ...]:
    sources = Counter(source for source, _, _ in midi.bindings)
    targets = Counter(address for _, address, _ in midi.bindings)
    waiting = {path: way for _, path, way in midi.waiting}
    found = []
    for place, (source, address, now) in enumerate(midi.bindings):
        state, ink = "", "foreground"
        way = waiting.get(now)
        if midi.learning in (address, now):
            state, ink = LISTENING, "accent"
        elif not now.startswith("/"):
            state, ink = f"· {now}", "dim"
        elif way is not None:
            state, ink = f"turn it {abs(way) * 100.0:.0f} % ›" if way > 0.0 else f"‹ turn it {-way * 100.0:.0f} %", "warning"
        elif sources[source] > 1:
            state = f"≡ it moves {sources[source]}"
        elif targets[address] > 1:
            state = f"≡ {targets[address]} move it"
        found.append(Mapped(source, address, midi.ways[place].removeprefix("follow ") if place < len(midi.ways) else "", state, ink, now))
    if control and control not in {path for _, address, now in midi.bindings for path in (address, now)}:
        listens = midi.learning == control
        found.insert(0, Mapped("", control, "", LISTENING if listens else "not mapped", "accent" if listens else "dim"))
    return tuple(found)


def _widths(rows: Sequence[Mapped], width: int) -> tuple[int, int, int]:
    """Columns of source, address and way, each with a gap: what they need, as far as there is room. The state has the rest."""
    titles = ("control", "moves", "how")
    need = [max(map(cell_len, texts)) for texts in zip(titles, *((row.source, row.address, row.way) for row in rows), strict=True)]
    source = min(need[0] + 3, width // 4)
    address = max(min(need[1] + 1, width - source - _WAY - _STATE - 1), 8)
    way = max(min(need[2] + 2, width - source - address - _STATE), _WAY)
    return source, address, way


@lru_cache(2048)
def _line(row: Mapped, place: int, widths: tuple[int, int, int], width: int, selected: bool) -> Line:
    ground = "selected" if selected else "background"
    mark = "›" if selected else " "
    does = str(place)
    source, address, way = widths
    return (
        Piece(f"{mark} {squeeze(row.source or '—', source - 3)} ", "foreground", does, selected, ground),
        Piece(f"{squeeze(row.address, address - 1)} ", "foreground", does, selected, ground),
        Piece(f"{fit(row.way, way - 1)} ", "dim", does, False, ground),
        Piece(fit(row.state, width - sum(widths)), row.ink, does, False, ground),
    )
