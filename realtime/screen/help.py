"""The keys, on one page: first those of what is in front of the performer. Made of the one table."""

from typing import ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from realtime.screen.actions import Where
from realtime.screen.key_table import grouped, key_rows
from realtime.screen.keymap import Keymap, keymap_path

KEYS_WIDTH: Final = 17
LABEL_WIDTH: Final = 18


def help_table(place: Where, keymap: Keymap) -> Table:
    """All actions with their keys as they are now; the group of the panel `place` first."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=KEYS_WIDTH)
    table.add_column(width=LABEL_WIDTH)
    table.add_column(ratio=1)
    for head, actions in grouped(place):
        table.add_row("", Text(head, "bold underline"), "")
        for row in key_rows(actions, keymap.keys):
            table.add_row(Text(row.keys, "bold", justify="right"), Text(row.label), Text(row.summary))
        table.add_row("", "", "")
    return table


class Help(ModalScreen[None]):
    """The page of keys.

    Parameters
    ----------
    place : Where
        The panel that is open; empty: none.
    keymap : Keymap
    """

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help > VerticalScroll {
        width: 100; max-width: 100%; height: 90%; padding: 0 1;
        border: round $primary; background: $surface;
    }
    Help Static { width: 1fr; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,question_mark", "leave", "Close", show=False)]

    def __init__(self, place: Where, keymap: Keymap) -> None:
        super().__init__()
        self._place = place
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """Build the page."""
        with VerticalScroll() as page:
            page.border_title = "Keys"
            page.border_subtitle = "↑ ↓ scroll, Esc closes"
            yield Static(help_table(self._place, self._keymap))
            yield Label(f'Keys of your own: {self._keymap.path or keymap_path()}, as "deck.mute" = "z"', markup=False)
            for problem in self._keymap.problems:
                yield Label(problem, markup=False)

    def action_leave(self) -> None:
        """Close it."""
        self.dismiss(None)
