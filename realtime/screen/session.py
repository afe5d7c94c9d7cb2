"""One performer at one screen: what is selected, what was changed last, and the way to the stage. It knows no widget."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from realtime.attach.view import DeckView, PatchView, StageView
from realtime.control.address import Address, Value, to_share, to_value
from realtime.screen.link import StageLink, Told

MOST_UNDO = 100
SAME_TURN_S = 1.0
"""Changes of one control within this time are one turn, taken back together."""


ANSWER_S = 0.3
"""The stage's answer to a value that was set is here by then; until then what was set is shown."""


@dataclass(frozen=True)
class Change:
    """Values that were set here at once, and what they were before; taken back together."""

    before: Mapping[str, Value]
    time_s: float


def _at_once(call: Callable[[], object]) -> None:
    call()


class Session:
    """What a screen has of its own. It goes with the screen; everything else is the stage's.

    Parameters
    ----------
    link : StageLink
    say : callable
        Shows a text and whether it is an error.
    clock : callable
        Seconds, for what belongs to one turn.
    later : callable, optional
        Has something done on the screen's thread; for a test: at once.

    Thread
    ------
    The screen's. Answers come on the link's thread; `then` of everything here is called on the screen's.
    """

    def __init__(
        self,
        link: StageLink,
        say: Callable[[str, bool], None],
        clock: Callable[[], float],
        later: Callable[[Callable[[], object]], object] = _at_once,
    ) -> None:
        self.link = link
        self.deck = 1
        """The selected deck, from 1."""
        self.selected: dict[int, str] = {}
        """Deck -> address of its selected control."""
        self._say = say
        self._clock = clock
        self._later = later
        self._changes: list[Change] = []
        self._mine: dict[str, tuple[Value, float]] = {}

    @property
    def view(self) -> StageView:
        """The stage, as it was seen last."""
        return self.link.look()

    @property
    def deck_view(self) -> DeckView:
        """The selected deck."""
        decks = self.view.decks
        return decks[self.deck - 1] if self.deck <= len(decks) else DeckView(self.deck)

    @property
    def control(self) -> str:
        """Address of the selected control; empty: none, or it went with its patch."""
        path = self.selected.get(self.deck, "")
        return path if path in self.view.addresses else ""

    def address(self, path: str) -> Address | None:
        """What is known of an address."""
        return self.view.addresses.get(path)

    def value(self, path: str) -> Value | None:
        """The present value. For a moment after it was set here, what it was set to: the stage's answer is on its way."""
        mine = self._mine.get(path)
        if mine is not None:
            if self._clock() - mine[1] < ANSWER_S:
                return mine[0]
            del self._mine[path]
        return self.view.values.get(path)

    def ask(self, path: str, *arguments: Value, then: Callable[[Told], None] | None = None) -> None:
        """Ask for something; what is refused is shown."""

        def heard(told: Told) -> None:
            if told.state == "failed":
                self._say(f"{told.path}: {told.why}", True)
            if then is not None:
                then(told)

        def pass_on(told: Told) -> None:
            self._later(partial(heard, told))

        self.link.ask(path, *arguments, then=pass_on)

    def patches(self, then: Callable[[Sequence[PatchView]], None]) -> None:
        """Have the library read, and be called with it."""

        def pass_on(found: Sequence[PatchView]) -> None:
            self._later(partial(then, found))

        self.link.patches(pass_on)

    def say(self, text: str, error: bool = False) -> None:
        """Show a text for a while."""
        self._say(text, error)

    def say_done(self, told: Told, text: str) -> None:
        """Show a text where what was asked for is done; what was refused has been shown."""
        if told.state == "done":
            self._say(text, False)

    def set(self, path: str, value: Value) -> None:
        """Set a value, so that it can be taken back."""
        self.set_all({path: value})

    def set_all(self, values: Mapping[str, Value]) -> None:
        """Set values at once, so that they can be taken back together."""
        before = {path: held for path in values if (held := self.value(path)) is not None}
        for path in values:
            if path not in before:
                self._say(f"{path}: there is no such control now", True)
        before = {path: held for path, held in before.items() if held != values[path]}
        if not before:
            return
        now = self._clock()
        last = self._changes[-1] if self._changes else None
        if last is not None and last.before.keys() == before.keys() and now - last.time_s < SAME_TURN_S:
            self._changes[-1] = Change(last.before, now)
        else:
            self._changes.append(Change(before, now))
            del self._changes[:-MOST_UNDO]
        for path in before:
            self._put(path, values[path])

    def turn(self, path: str, share: float) -> None:
        """Move a value by a share of its range (-1 to 1), along its curve."""
        address, value = self.address(path), self.value(path)
        if address is None or value is None:
            return
        argument = address.argument
        if argument.choices:
            last = len(argument.choices) - 1
            by = round(share * last) or (1 if share > 0 else -1)
            place = argument.choices.index(str(value)) if value in argument.choices else 0
            self.set(path, argument.choices[max(0, min(place + by, last))])
            return
        if argument.tag == "s":
            return
        moved = to_value(min(max(to_share(float(value), argument) + share, 0.0), 1.0), argument)
        if argument.tag == "i":
            moved = round(moved) if round(moved) != value else int(value) + (1 if share > 0 else -1)
            moved = int(min(max(moved, argument.minimum), argument.maximum))
        self.set(path, moved)

    def toggle(self, path: str) -> None:
        """Between 0 and 1."""
        value = self.value(path)
        self.set(path, 0.0 if value is not None and float(value) >= 0.5 else 1.0)

    def undo(self) -> Mapping[str, Value]:
        """Take the last change back: the addresses and what they are again; empty: there is nothing to take back."""
        while self._changes:
            change = self._changes.pop()
            back = {path: value for path, value in change.before.items() if path in self.view.values}
            for path, value in back.items():
                self._put(path, value)
            if back:
                return back
        return {}

    def _put(self, path: str, value: Value) -> None:
        self._mine[path] = (value, self._clock())
        self.ask(path, value)
