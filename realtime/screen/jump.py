"""Jump mode: letters on everything that can be gone to; typing one is being there. It knows places and calls, no widget by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.widgets import Label

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen

LETTERS: Final = "asdfghjklqwertyuiopzxcvbnm"
"""The nearest first: the home row."""


@dataclass(frozen=True)
class Target:
    """A place on the screen, in cells from its upper left corner, and what takes one there."""

    x: int
    y: int
    go: Callable[[], object]


def targets(app: "StarlingScreen") -> list[Target]:
    """Every target that a visible widget offers, in reading order.

    A widget offers them by `jump_targets()`: pairs of a place on the screen (a region, whose corner counts, or x and y) and a call.
    """
    found = []
    for widget in app.screen.query("*"):
        offer = getattr(widget, "jump_targets", None)
        if offer is None or not widget.is_on_screen:
            continue
        for place, go in offer():
            x, y = place.offset if isinstance(place, Region) else place
            if app.size.region.contains(x, y):
                found.append(Target(x, y, go))
    return sorted(found, key=lambda target: (target.y, target.x))


def names(count: int) -> list[str]:
    """A name for each target: the first have one letter, and only as many as need it have two; nobody's is the beginning of another's."""
    # A letter that begins names of two is a name less of one.
    begin = min(max(-(-(count - len(LETTERS)) // (len(LETTERS) - 1)), 0), len(LETTERS))
    alone, first = LETTERS[: len(LETTERS) - begin], LETTERS[len(LETTERS) - begin :]
    return [*alone, *("".join(pair) for pair in product(first, LETTERS))][:count]


class Jump(ModalScreen[None]):
    """Shows the letters over the screen, and goes where the typed one is.

    Parameters
    ----------
    found : sequence of Target
    """

    DEFAULT_CSS = """
    Jump { background: transparent; }
    Jump Label { position: absolute; width: auto; height: 1; text-style: bold; color: $background; background: $accent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    def __init__(self, found: Sequence[Target]) -> None:
        super().__init__()
        self._targets = dict(zip(names(len(found)), found, strict=False))
        self._typed = ""

    def compose(self) -> ComposeResult:
        """Put a letter on each target."""
        for name, target in self._targets.items():
            label = Label(name)
            label.styles.offset = (target.x, target.y)
            yield label

    def on_key(self, event: events.Key) -> None:
        """Take a letter; any key that is none leaves."""
        if event.key == "escape":
            return
        event.stop()
        typed = self._typed + (event.character or "")
        if typed in self._targets:
            self._go(self._targets[typed])
        elif any(name.startswith(typed) for name in self._targets) and typed != self._typed:
            self._typed = typed
            for label, name in zip(self.query(Label), self._targets, strict=True):
                label.display = name.startswith(typed)
        else:
            self.action_leave()

    def on_click(self, event: events.Click) -> None:
        """A click leaves: the mouse needs no letters."""
        event.stop()
        self.action_leave()

    def action_leave(self) -> None:
        """Go nowhere."""
        # Keys that come together are all this screen's, also those after the one that it left by.
        if self.is_current:
            self.dismiss(None)

    def _go(self, target: Target) -> None:
        # What is gone to takes the focus: it must be the app's screen that has it by then.
        app = cast("StarlingScreen", self.app)
        if self.is_current:
            self.dismiss(None)
            app.call_later(target.go)
