"""What panels have in common that are lines of text with a selected one. It knows keys and clicks, not what the lines say."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from realtime.attach.view import StageView
from realtime.screen.actions import BY_ID
from realtime.screen.control_actions import ask_value
from realtime.screen.key_table import key_name
from realtime.screen.lines import Line, Lines, Piece, chip
from realtime.screen.panel import Panel

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen

_WAYS = {
    "up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0), "pageup": (0, -10), "pagedown": (0, 10),
    "home": (0, -9999), "end": (0, 9999),
}  # fmt: skip
"""Key -> how far it moves the selection, in columns and rows."""
PRIMARY_BUTTON = 1


class ListPanel(Panel):
    """A panel of `Lines`. A subclass says what it shows (`_facts`), as which lines (`_draw`), and what moving and pressing do.

    Thread
    ------
    The screen's.
    """

    HEAD: ClassVar[int] = 1
    """Lines that do not scroll."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"move({x}, {y})", show=False, system=True) for key, (x, y) in _WAYS.items()
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._body = Lines(self.HEAD)
        self._shown: Hashable = None

    @property
    def stage_app(self) -> "StarlingScreen":
        """The screen it is on."""
        return cast("StarlingScreen", self.app)

    def compose(self) -> ComposeResult:
        """Its one part."""
        yield self._body

    def show(self, view: StageView) -> None:
        """Show a view, if what is shown of it is another one."""
        width = self._body.scrollable_content_region.width
        facts = (self._facts(view), width)
        if width and facts != self._shown:
            self._shown = facts
            self._body.put(self._draw(view, width))

    def action_move(self, columns: int, rows: int) -> None:
        """Move the selection."""
        self._move(columns, rows)
        self.show(self.session.view)

    def on_lines_pressed(self, event: Lines.Pressed) -> None:
        """Do what was pressed: an action, or whatever the panel knows."""
        event.stop()
        if event.does in BY_ID:
            self.stage_app.action_perform(event.does)
        else:
            self._press(event.does, primary=event.button == PRIMARY_BUTTON)

    def ask_number(self, path: str, place: int, initial: str, then: Callable[[float], None]) -> None:
        """Ask for a number that is an argument of an address; what is no number is asked for again."""
        address = self.session.address(path)
        if address is None:
            self.session.say(f"{path}: the stage has no such address", error=True)
            return
        argument = address.arguments[place]
        ask_value(self.stage_app, argument.name, argument, initial, lambda value: then(float(value)))

    def offer(self, action_id: str, what: str) -> Line:
        """The keys of an action as something to press, and what it does."""
        return (chip(f" {self.stage_app.keys_shown(action_id)} ", action_id), Piece(f" {what}", "dim", action_id))

    def offers(self, what: Mapping[str, str]) -> Line:
        """The first keys of actions as something to press, beside each other, each with a word."""
        pieces = []
        for action_id, word in what.items():
            keys = self.stage_app.keymap.keys_of(action_id)
            pieces += [Piece(" "), chip(key_name(keys[0]) if keys else "·", action_id), Piece(f" {word} ", "dim", action_id)]
        return tuple(pieces)

    def _facts(self, view: StageView) -> Hashable:
        """Everything the lines depend on."""
        raise NotImplementedError

    def _draw(self, view: StageView, width: int) -> Sequence[Line]:
        """The lines, each up to `width` cells."""
        raise NotImplementedError

    def _move(self, columns: int, rows: int) -> None:
        """Move the selection; without one the lines move."""
        self._body.scroll_relative(y=rows, animate=False)

    def _press(self, does: str, *, primary: bool) -> None:
        """Do what a piece says that is no action."""
