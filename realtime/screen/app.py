"""The screen: composition, 20 looks a second, and the way of an action to whoever does it. It owns nothing of the stage."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message_pump import MessagePump
from textual.widgets import ContentSwitcher, Input

from realtime.screen.actions import BY_ID, Where
from realtime.screen.commands import Commands
from realtime.screen.deck_area import DeckArea
from realtime.screen.garbage import Garbage
from realtime.screen.history import History
from realtime.screen.key_footer import KeyFooter
from realtime.screen.key_table import key_names
from realtime.screen.keymap import Keymap, keymap_path, read_keymap
from realtime.screen.link import StageLink
from realtime.screen.notices import Notices
from realtime.screen.panel import Panel, bindings
from realtime.screen.panels import make_panel
from realtime.screen.preferences import remember_theme, remembered_theme
from realtime.screen.prompt import Confirm, Prompt, asked_text, asked_yes
from realtime.screen.resizing import Resizing
from realtime.screen.session import Session
from realtime.screen.strip import MasterStrip
from realtime.screen.themes import THEMES
from realtime.screen.typeahead import KeyMark, Typeahead
from realtime.version import difference

LOOK_S: Final = 0.05
WIDE: Final = 120
"""Columns from which an open panel stands beside the decks; below, it covers them."""
_THEME_NAMES: Final = tuple(theme.name for theme in THEMES)


class StarlingScreen(App[str], inherit_bindings=False):
    """The screen. `run` returns why the stage went, with return code 1; where the performer closed or ended it, an empty text, with 0.

    Parameters
    ----------
    link : StageLink
    panels : list of Panel, optional
        Other panels than all there are, for a test: the first is opened.
    clock : callable
        Seconds, for what is shown for a while and what belongs together.
    garbage : Garbage, optional
        Who clears this process's memory; where there is none, Python does when it likes.

    Thread
    ------
    The screen's.
    """

    CSS_PATH = Path(__file__).with_name("starling.tcss")
    TITLE = "Starling"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - a class variable to Textual, not to its annotation
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("")]

    def __init__(
        self,
        link: StageLink,
        panels: list[Panel] | None = None,
        clock: Callable[[], float] = time.monotonic,
        garbage: Garbage | None = None,
    ) -> None:
        super().__init__()
        self._garbage = garbage or Garbage(clock, None)
        self.link = link
        self.clock = clock
        self._notices = Notices(self, clock)
        self.session = Session(link, self._notices.say, clock, self.call_later)
        self.keymap: Keymap = read_keymap(keymap_path())
        self.decks = DeckArea(id="decks", clock=clock)
        self._strip = MasterStrip(clock=clock)
        self._switcher = ContentSwitcher(id="panels")
        self._panels: dict[str, Panel] = {panel.NAME: panel for panel in panels or ()}
        self._first: Where = panels[0].NAME if panels else ""
        self._entered: Panel | None = None
        """The panel that was told that it is open."""
        self._commands = Commands(self)
        self.typeahead = Typeahead(self._takes_keys, super().on_event, self.set_timer)
        self._quitting = False
        self._sizes = Resizing(clock, self.post_message)
        self.history = History()
        """Counters of the last minute, also from before the doctor was asked."""
        for theme in THEMES:
            self.register_theme(theme)
        remembered = remembered_theme()
        self.theme = remembered if remembered in _THEME_NAMES else _THEME_NAMES[0]

    def compose(self) -> ComposeResult:
        """Build the parts that are always there; a panel is built when it is opened first."""
        yield self._strip
        with Horizontal(id="stage"):
            yield self.decks
            yield self._switcher
        yield KeyFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin to look."""
        self.set_keymap(self.keymap.for_textual())
        for problem in filter(None, (*self.keymap.problems, difference(self.session.view.version))):
            self._notices.say(problem, True)
        if self._first:
            self.open_panel(self._first)
        else:
            self.decks.focus()
        self.set_interval(LOOK_S, self.look)
        self.look()

    def look(self) -> None:
        """Show what is new, where it can be seen."""
        if self.link.gone:
            self.exit("" if self._quitting else self.link.gone, return_code=0 if self._quitting else 1)
            return
        self._garbage.look()
        self._sizes.look()
        view = self.session.view
        self.history.note(view, self.clock())
        self._strip.show(view)
        if self.decks.display:
            self.decks.show(view)
        panel = self.panel
        # A moving picture is worth least, and costs most, while its place is about to change.
        if panel is not None and not (panel.MOVES and self._sizes.waits):
            panel.show(view)

    # Panels.

    @property
    def panel(self) -> Panel | None:
        """The panel that is open. At the end of the screen panels go before their frame does."""
        return next((panel for panel in self._panels.values() if panel.is_attached and panel.id == self._switcher.current), None)

    @property
    def place(self) -> Where:
        """Name of the panel that is open; empty: none."""
        return self.panel.NAME if self.panel is not None else ""

    def open_panel(self, name: Where) -> Panel:
        """Open a panel by its name, in the place of the one that is open; where it is open already, go to it."""
        panel = self._panels.get(name)
        if panel is not None and panel is self._entered:
            panel.focus_first()
            return panel
        if panel is None:
            panel = self._panels[name] = make_panel(name)
        self._leave_panel()
        if panel.parent is None:
            panel.id = f"panel-{name}"
            panel.display = False
            self._switcher.mount(panel)
        self._switcher.current = panel.id
        # Until they can take keys, nobody does: what is meant for the panel must not turn a control of a deck.
        self.screen.set_focus(None)
        # Its parts are there only after it was mounted, and by then another may be open.
        panel.call_after_refresh(self._enter_panel, panel)
        self.query_one("#stage").add_class("-panel")
        return panel

    def close_panel(self) -> None:
        """Close the panel that is open, and go to the decks."""
        self._leave_panel()
        self._switcher.current = None
        self.query_one("#stage").remove_class("-panel")
        self.decks.focus()

    def _enter_panel(self, panel: Panel) -> None:
        if panel is self.panel and self._entered is None:
            self._entered = panel
            panel.opened()
            self.call_later(self.typeahead.go_on)

    def _leave_panel(self) -> None:
        if self._entered is not None:
            self._entered.closed()
        self._entered = None

    def toggle_panel(self, name: Where) -> None:
        """Open a panel or go to it; where the performer is in it already, close it."""
        panel = self.panel
        if panel is not None and name == panel.NAME and (panel.has_focus_within or self.screen.focused is panel):
            self.close_panel()
        else:
            self.open_panel(name)

    # Actions.

    def action_perform(self, action_id: str) -> None:
        """Do one action of the table."""
        self.perform(action_id)

    def perform(self, action_id: str) -> None:
        """Do one action of the table; one of a panel that is not open opens it first."""
        action = BY_ID[action_id]
        if action.where in ("", "decks"):
            self._commands.do(action)
        elif action.where == self.place:
            getattr(self.panel, action.method)()
        else:
            panel = self.open_panel(action.where)
            panel.call_after_refresh(lambda: getattr(panel, action.method)())
        # What was done is seen now, not at the next look.
        self.call_later(self.look)

    def select(self, deck: int, path: str = "") -> None:
        """Go to a deck, and to a control of it."""
        self.session.deck = deck
        if path:
            self.session.selected[deck] = path
        if self.decks.display:
            self.decks.focus()

    def on_deck_area_selected(self, event: DeckArea.Selected) -> None:
        """Somebody pointed at a deck or control."""
        self.select(event.deck, event.path)

    async def on_event(self, event: events.Event) -> None:
        """Panic works also while something is asked, unless its key is text there. Of many new sizes the last one counts."""
        if isinstance(event, events.Resize) and not self._sizes.takes(event):
            return
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self.screen.is_modal and self._is_panic(event):
            self.perform("stage.panic")
        else:
            self._garbage.key()
            await self.typeahead.take(event)

    async def on_key_mark(self, mark: KeyMark) -> None:
        """A key is done."""
        await self.typeahead.come_back(mark)

    async def on_descendant_focus(self) -> None:
        """What was opened can take keys."""
        await self.typeahead.go_on()

    def _takes_keys(self) -> MessagePump | None:
        """What a key goes to; None while a question or a panel is being opened."""
        # At its end keys may still wait, and there is no screen.
        if not self.screen_stack or self.focused is not None:
            return self.focused if self.screen_stack else None
        screen = self.screen
        # Textual has no public word for: everything in it is built.
        opens = not screen._is_mounted or bool(screen.focus_chain) if screen.is_modal else self.panel is not None and self._entered is None
        return None if opens else screen

    def _is_panic(self, event: events.Key) -> bool:
        is_text = event.is_printable and isinstance(self.screen.focused, Input)
        return not is_text and event.key in self.keymap.keys_of("stage.panic")

    # What the parts of the screen need of it.

    def prompt(self, title: str, initial: str, then: Callable[[str], None], completions: Sequence[str] = ()) -> None:
        """Ask for a line of text; `then` gets it, and nothing happens where the performer leaves the question."""
        self.push_screen(Prompt(title, initial, completions), asked_text(then))

    def ask_path(self, title: str, initial: str, then: Callable[[str], None], *, new: bool = False) -> None:
        """Ask for a path; `then` gets it whole: the stage may have been started elsewhere. `new`: ask before writing over it."""

        def take(typed: str) -> None:
            if not typed.strip():
                return
            path = Path(typed.strip()).expanduser().absolute()
            if new and path.exists():
                self.confirm(f"{path} is there already. Write over it?", lambda: then(str(path)))
            else:
                then(str(path))

        self.prompt(title, initial, take)

    def confirm(self, question: str, then: Callable[[], None], again: tuple[str, ...] = ()) -> None:
        """Ask yes or no; `then` is called on yes. `again` are keys that mean yes too."""
        self.push_screen(Confirm(question, again), asked_yes(then))

    def keys_shown(self, action_id: str) -> str:
        """The keys of an action as they are now, for people."""
        return key_names(self.keymap.keys_of(action_id))

    def next_theme(self) -> None:
        """Take the next theme, and remember it."""
        place = _THEME_NAMES.index(self.theme) + 1 if self.theme in _THEME_NAMES else 0
        self.theme = _THEME_NAMES[place % len(_THEME_NAMES)]
        remember_theme(self.theme)

    def quit_stage(self) -> None:
        """End the stage: it fades and goes, and the screen with it."""
        if not self._quitting:
            self._quitting = True
            self.link.quit()
        self._notices.say("the sound fades", False)
