"""The command palette: every action, every scene and every patch by a part of its name."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from realtime.attach.view import PatchView
from realtime.screen.key_table import grouped, key_names

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen

LIBRARY_WAIT_S: Final = 2.0
Entry = tuple[str, str, Callable[[], object]]
"""What it is called, what is said about it, and what does it."""


class _Named(Provider):
    """Finds among entries by their names."""

    @property
    def screen_app(self) -> "StarlingScreen":
        """The screen that the palette is over."""
        return cast("StarlingScreen", self.app)

    def entries(self) -> Iterable[Entry]:
        """All there are now."""
        raise NotImplementedError

    async def search(self, query: str) -> Hits:
        """What fits."""
        matcher = self.matcher(query)
        for name, said, do in self.entries():
            score, places = matcher.fuzzy_search.match(query, name)
            if score > 0:
                shown = Content(name)
                for place in places:
                    shown = shown.stylize(matcher.match_style, place, place + 1)
                yield Hit(score, shown, do, name, _as_is(said))

    async def discover(self) -> Hits:
        """Everything, as long as nothing is typed."""
        for name, said, do in self.entries():
            yield DiscoveryHit(Content(name), do, name, _as_is(said))


def _as_is(text: str) -> str:
    """A text that Textual shall not look for markup in: it asks for a `str`, and takes what is made of one as it is."""
    return cast("str", Content(text))


class ActionProvider(_Named):
    """The action table; those of the panel that is open come first."""

    def entries(self) -> Iterable[Entry]:
        """Actions by group."""
        app = self.screen_app
        for head, actions in grouped(app.place):
            # A panel's "Search" is told from another's by its heading.
            before = f"{head}: " if actions[0].where else ""
            for action in actions:
                keys = key_names(app.keymap.keys_of(action.id))
                yield f"{before}{action.label}", f"{keys}   {action.summary}", partial(app.perform, action.id)


class SceneProvider(_Named):
    """Scenes, to recall."""

    def entries(self) -> Iterable[Entry]:
        """Scenes in their order."""
        session = self.screen_app.session
        for name in session.view.scenes.names:
            yield f"Recall scene {name}", "takes its values", partial(session.ask, "/scene/recall", name)


class PatchProvider(_Named):
    """Patches, to load into the selected deck. They are listed by the stage, which may take a moment."""

    async def startup(self) -> None:
        """Have the library read."""
        self._patches: Sequence[PatchView] = ()
        here = asyncio.Event()

        def take(found: Sequence[PatchView]) -> None:
            self._patches = found
            here.set()

        self.screen_app.session.patches(take)
        try:
            await asyncio.wait_for(here.wait(), LIBRARY_WAIT_S)
        except TimeoutError:
            self.screen_app.session.say("the library of patches does not answer", True)

    def entries(self) -> Iterable[Entry]:
        """Patches that can be played."""
        session = self.screen_app.session
        for patch in self._patches:
            if not patch.error:
                load = partial(session.ask, f"/deck/{session.deck}/load", patch.slug)
                yield f"Load {patch.slug} into deck {session.deck}", patch.summary, load


class Find(CommandPalette):
    """The palette over all of them."""

    DEFAULT_CSS = """
    Find SearchIcon { display: none; }
    Find CommandInput { padding-left: 1; }
    """

    def __init__(self) -> None:
        super().__init__([ActionProvider, SceneProvider, PatchProvider], placeholder="Find an action, scene or patch")
