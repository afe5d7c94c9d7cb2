"""What every panel is: a part of the screen that shows a view and does the actions of its name."""

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding
from textual.containers import Vertical
from textual.widget import Widget

from realtime.attach.view import StageView
from realtime.screen.actions import ACTIONS, Where
from realtime.screen.session import Session

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen


def bindings(where: Where) -> list[Binding]:
    """Bindings of the actions of one place; a user's keymap replaces their keys by id."""
    return [
        Binding(
            ",".join(action.keys), f"app.perform('{action.id}')", action.label, show=action.footer, id=action.id, tooltip=action.summary
        )
        for action in ACTIONS
        if action.where == where
    ]


class Panel(Vertical):
    """A panel. `NAME` is its place in the action table; it has a method `do_<panel>_<verb>` for each of its actions.

    Thread
    ------
    The screen's.
    """

    NAME: ClassVar[Where] = ""
    MOVES: ClassVar[bool] = False
    """It is another picture at every look."""

    @property
    def session(self) -> Session:
        """The stage, and what is selected."""
        return cast("StarlingScreen", self.app).session

    def show(self, view: StageView) -> None:
        """Show a view; called up to 20 times a second while the panel is to be seen. What did not change must not be drawn again."""

    def opened(self) -> None:
        """Somebody opened the panel: put the focus where it is of use."""
        self.focus_first()

    def closed(self) -> None:
        """It is covered or gone: stop what costs."""

    def focus_first(self) -> None:
        """Focus the first part that can have it."""
        if self.focusable:
            self.focus()
            return
        for part in self.query(Widget):
            if part.focusable:
                part.focus()
                return
