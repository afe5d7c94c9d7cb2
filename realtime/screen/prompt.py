"""Questions to the performer: a line of text, or yes and no. They know nobody who asks, and no stage."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label

from realtime.plain import plain
from realtime.screen.key_table import key_names

WIDTH = 72
"""Columns of a question: it fits a terminal of 80."""


class Prompt(ModalScreen[str | None]):
    """Asks for a line of text: Enter takes it, Escape leaves everything as it was.

    Parameters
    ----------
    title : str
        What is asked for, with what is allowed.
    initial : str
        Stands there already, selected: typing replaces it.
    completions : sequence of str
        What the text may begin with; the first that fits is offered, and → takes it.
    """

    DEFAULT_CSS = f"""
    Prompt {{ align: center middle; }}
    Prompt > Vertical {{
        width: {WIDTH}; max-width: 100%; height: auto; padding: 0 1;
        border: round $primary; background: $surface;
    }}
    Prompt Input {{ background: $boost; }}
    Prompt Label {{ width: 100%; }}
    Prompt #how {{ color: $text-muted; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    def __init__(self, title: str, initial: str = "", completions: Sequence[str] = ()) -> None:
        super().__init__()
        self._title = plain(title)
        self._initial = plain(initial)
        self._completions = completions

    def compose(self) -> ComposeResult:
        """Build the question."""
        with Vertical():
            yield Label(self._title, markup=False)
            suggester = SuggestFromList(self._completions) if self._completions else None
            yield Input(self._initial, select_on_focus=True, compact=True, suggester=suggester)
            yield Label("Enter takes it, Escape leaves it" + (", → completes it" if suggester else ""), id="how")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the text."""
        event.stop()
        self._end(event.value)

    def action_leave(self) -> None:
        """Take nothing."""
        self._end(None)

    def _end(self, text: str | None) -> None:
        # A hand may press a key twice before the question has gone.
        if self.is_current:
            self.dismiss(text)


class Confirm(ModalScreen[bool]):
    """Asks yes or no.

    Parameters
    ----------
    question : str
    again : tuple of str
        Keys that mean yes too: the key that led here, pressed once more.
    """

    DEFAULT_CSS = f"""
    Confirm {{ align: center middle; }}
    Confirm > Vertical {{
        width: {WIDTH}; max-width: 100%; height: auto; padding: 0 1;
        border: round $warning; background: $surface;
    }}
    Confirm Label {{ width: 100%; }}
    Confirm #how {{ color: $text-muted; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Yes", show=False),
        Binding("n,escape", "answer(False)", "No", show=False),
    ]

    def __init__(self, question: str, again: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._question = plain(question)
        self._again = again
        for key in again:
            self._bindings.bind(key, "answer(True)", show=False)

    def compose(self) -> ComposeResult:
        """Build the question."""
        with Vertical():
            yield Label(self._question, markup=False)
            yield Label(f"{key_names(('y', *self._again[:1]))}: yes    {key_names(('n', 'escape'))}: no", id="how", markup=False)

    def action_answer(self, yes: bool) -> None:
        """End with the answer; pressed twice, the first counts."""
        if self.is_current:
            self.dismiss(yes)


def asked_text(then: Callable[[str], None]) -> Callable[[str | None], None]:
    """`then` for a prompt: it is called with what was typed, and not at all where it was left."""
    return lambda text: None if text is None else then(text)


def asked_yes(then: Callable[[], None]) -> Callable[[bool | None], None]:
    """`then` for a question: it is called where the answer is yes."""
    return lambda yes: then() if yes else None
