"""What a performer does to the selected deck. It knows the session, and where the decks are shown."""

import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen

LEAD_STEP: Final = 1.5
"""Factor of one step of the lead: two steps halve or double it, near enough."""
SHORTEST_LEAD_FRAMES: Final = 64
"""Below it a step is less than a frame's worth; the stage keeps what a block needs in any case."""
ANSWER_S: Final = 0.5
"""A lead that was asked for is seen on the deck by then; until then the next step goes on from what was asked."""
SEEDS: Final = 2**31
"""Seeds that are drawn: as many as OSC's `i` can name."""


class DeckActions:
    """Does the actions of the group `deck`.

    Thread
    ------
    The screen's.
    """

    def __init__(self, app: "StarlingScreen") -> None:
        self._app = app
        self._session = app.session
        self._leads: dict[int, tuple[int, float]] = {}

    def do_deck_select(self, number: int) -> None:
        """Go to a deck by its number, from 1."""
        count = len(self._session.view.decks)
        if number > count:
            self._session.say(f"there is no deck {number}; there are {count}", True)
            return
        self._app.select(number)

    def do_deck_next(self) -> None:
        """Go to the next deck; after the last comes the first."""
        self._go(1)

    def do_deck_previous(self) -> None:
        """Go to the deck before; before the first comes the last."""
        self._go(-1)

    def do_deck_mute(self) -> None:
        """Mute, or open."""
        self._session.toggle(self._path("mute"))

    def do_deck_solo(self) -> None:
        """Solo, or all again."""
        self._session.toggle(self._path("solo"))

    def do_deck_freeze(self) -> None:
        """Hold the model, or let it go on."""
        self._session.toggle(self._path("freeze"))

    def do_deck_reset(self) -> None:
        """Begin anew with the same seed."""
        self._session.ask(self._path("reset"))

    def do_deck_new_seed(self) -> None:
        """Begin anew with a seed nobody chose."""
        seed = secrets.randbelow(SEEDS)
        self._session.ask(self._path("seed"), seed)
        self._session.say(f"deck {self._session.deck}: seed {seed}")

    def do_deck_unload(self) -> None:
        """Empty the deck; ask before, since nothing brings back what it played."""
        path = self._path("unload")
        if self._session.deck_view.patch:
            self._app.confirm(f"Fade out deck {self._session.deck} and empty it?", lambda: self._session.ask(path))

    def do_deck_next_patch(self) -> None:
        """Load the next patch by name."""
        self._session.ask(self._path("patch/next"))

    def do_deck_previous_patch(self) -> None:
        """Load the patch before by name."""
        self._session.ask(self._path("patch/previous"))

    def do_deck_longer_lead(self) -> None:
        """Keep more sound ready."""
        self._lead(LEAD_STEP)

    def do_deck_shorter_lead(self) -> None:
        """Keep less sound ready."""
        self._lead(1 / LEAD_STEP)

    def do_deck_auto_lead(self) -> None:
        """Let the deck choose."""
        self._leads.pop(self._session.deck, None)
        self._session.ask(self._path("lead"), 0)
        self._session.say(f"deck {self._session.deck} chooses its lead")

    def _path(self, rest: str) -> str:
        return f"/deck/{self._session.deck}/{rest}"

    def _go(self, by: int) -> None:
        count = len(self._session.view.decks)
        if count:
            self._app.select((self._session.deck - 1 + by) % count + 1)

    def _lead(self, factor: float) -> None:
        path, number, now = self._path("lead"), self._session.deck, self._app.clock()
        asked, asked_s = self._leads.get(number, (0, 0.0))
        before = asked if asked and now - asked_s < ANSWER_S else self._session.deck_view.lead_frames
        address = self._session.address(path)
        if address is None or not before:
            self._session.say(f"deck {number} has no lead: it is empty", True)
            return
        frames = min(max(round(before * factor), SHORTEST_LEAD_FRAMES), int(address.arguments[0].maximum))
        self._leads[number] = (frames, now)
        self._session.ask(path, frames)
        self._session.say(f"deck {number}: lead {1000 * frames / self._session.view.sample_rate_hz:.0f} ms")
