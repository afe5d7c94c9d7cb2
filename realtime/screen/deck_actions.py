"""What a performer does to the selected deck. It knows the session, and where the decks are shown."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from realtime.control.address import Value
from realtime.screen.control_actions import ask_value

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen

LEAD_STEP: Final = 1.5
"""Factor of one step of the lead: two steps halve or double it, near enough."""
SHORTEST_LEAD_FRAMES: Final = 64
"""Below it a step is less than a frame's worth; the stage keeps what a block needs in any case."""
ANSWER_S: Final = 0.5
"""A lead or mode that was asked for is seen on the deck by then; until then the next step goes on from what was asked."""
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
        self._asked: dict[str, tuple[int, float]] = {}
        """Address -> what was asked there last, and when."""
        self._prime = str(Path.cwd())

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
        self._begin_with(self._session.deck, secrets.randbelow(SEEDS))

    def do_deck_seed(self) -> None:
        """Ask for a seed, and begin anew with it."""
        path, number = self._path("seed"), self._session.deck
        address = self._session.address(path)
        if address is not None:
            ask_value(self._app, path, address.arguments[0], str(self._session.deck_view.seed), lambda seed: self._begin_with(number, seed))

    def do_deck_prime(self) -> None:
        """Ask for a sound file, and begin anew after the sequencer has heard it."""
        path, number = self._path("prime"), self._session.deck

        def hear(file: str) -> None:
            self._prime = file
            self._session.ask(path, file, then=lambda told: self._session.say_done(told, f"deck {number} begins after {Path(file).name}"))

        self._app.ask_path(f"Sound file for the sequencer of deck {number} to hear first", self._prime, hear)

    def do_deck_mode(self) -> None:
        """Pin the next mode of the voice; after the last leave it to the machine."""
        deck, path = self._session.deck_view, self._path("mode")
        if len(deck.modes) < 2:
            self._session.say(f"deck {deck.number} has no other mode" if deck.modes else f"deck {deck.number} plays nothing", True)
            return
        mode = self._last_asked(path, deck.mode_asked) + 1
        mode = mode if mode < len(deck.modes) else -1
        self._ask_and_note(path, mode)
        self._session.say(f"deck {deck.number} chooses its mode" if mode < 0 else f"deck {deck.number}: mode {deck.modes[mode]}")

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

    def do_deck_random_patch(self) -> None:
        """Load any other patch."""
        self._session.ask(self._path("patch/random"))

    def do_deck_longer_lead(self) -> None:
        """Keep more sound ready."""
        self._lead(LEAD_STEP)

    def do_deck_shorter_lead(self) -> None:
        """Keep less sound ready."""
        self._lead(1 / LEAD_STEP)

    def do_deck_auto_lead(self) -> None:
        """Let the deck choose."""
        path = self._path("lead")
        self._asked.pop(path, None)
        self._session.ask(path, 0)
        self._session.say(f"deck {self._session.deck} chooses its lead")

    def _path(self, rest: str) -> str:
        return f"/deck/{self._session.deck}/{rest}"

    def _go(self, by: int) -> None:
        count = len(self._session.view.decks)
        if count:
            self._app.select((self._session.deck - 1 + by) % count + 1)

    def _lead(self, factor: float) -> None:
        path, number = self._path("lead"), self._session.deck
        before = self._last_asked(path, self._session.deck_view.lead_frames)
        address = self._session.address(path)
        if address is None or not before:
            self._session.say(f"deck {number} has no lead: it is empty", True)
            return
        frames = min(max(round(before * factor), SHORTEST_LEAD_FRAMES), int(address.arguments[0].maximum))
        self._ask_and_note(path, frames)
        self._session.say(f"deck {number}: lead {1000 * frames / self._session.view.sample_rate_hz:.0f} ms")

    def _begin_with(self, number: int, seed: Value) -> None:
        self._session.ask(f"/deck/{number}/seed", seed, then=lambda told: self._session.say_done(told, f"deck {number}: seed {seed}"))

    def _last_asked(self, path: str, shown: int) -> int:
        """What was asked for a moment ago, before the deck has it; otherwise what it has."""
        asked, asked_s = self._asked.get(path, (shown, -ANSWER_S))
        return asked if self._app.clock() - asked_s < ANSWER_S else shown

    def _ask_and_note(self, path: str, value: int) -> None:
        self._asked[path] = (value, self._app.clock())
        self._session.ask(path, value)
