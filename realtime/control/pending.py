"""What was asked for and is not done yet: loads that are to sound, and clients that wait for all of it. It knows numbers, not patches."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from realtime.snapshot import Snapshot

LOOK_FRAMES = 1_024
"""It looks this often while something is on its way: 23 ms at 44.1 kHz."""


class Watched(Protocol):
    """What shows the stage."""

    def snapshot(self) -> Snapshot:
        """The stage now."""


@dataclass(frozen=True)
class _Load:
    order: int
    number: int
    deck: int
    ended: Callable[[str], None]


class Pending:
    """Loads on their way, and who waits for them. A ticker of the conductor.

    Parameters
    ----------
    stage : Watched
    idle : callable
        Whether everything asked for has been begun.

    Thread
    ------
    `expect` and `sync` from any; `tick` the conductor's.
    """

    def __init__(self, stage: Watched, idle: Callable[[], bool]) -> None:
        self._stage = stage
        self._idle = idle
        self._lock = threading.Lock()
        self._order = 0
        self._loads: list[_Load] = []
        self._waiting: list[tuple[int, Callable[[], None]]] = []

    def expect(self, number: int, deck: int, ended: Callable[[str], None]) -> None:
        """Call `ended` with "" once load `number` is heard in a deck, or with the reason why it will not be. It must not raise.

        A deck counts from 0; the hidden one is `realtime.commands.AUDITION`.
        """
        with self._lock:
            self._order += 1
            self._loads.append(_Load(self._order, number, deck, ended))

    def expect_all(self, loads: Mapping[int, int], ended: Callable[[dict[int, str]], None]) -> None:
        """The same for several loads, by deck: `ended` is called once, with the reason of each that will not be heard."""
        whys: dict[int, str] = {}

        def one(deck: int, why: str) -> None:
            # From the conductor's thread alone.
            whys[deck] = why
            if len(whys) == len(loads):
                ended({deck: why for deck, why in sorted(whys.items()) if why})

        for deck, number in loads.items():
            self.expect(number, deck, partial(one, deck))

    def sync(self, then: Callable[[], None]) -> None:
        """Call `then` once every load expected until now has ended, and nothing else is waiting to be done. It must not raise."""
        with self._lock:
            self._order += 1
            self._waiting.append((self._order, then))

    def tick(self, frame: int) -> int | None:
        """Look whether anything has ended."""
        with self._lock:
            loads = list(self._loads)
            waiting = bool(self._waiting)
        if not loads and not waiting:
            # What is expected from now on is seen with the conductor's next look round.
            return frame + LOOK_FRAMES
        stage = self._stage.snapshot()
        ended = []
        for load in loads:
            deck = stage.deck(load.deck)
            if deck.playing == load.number:
                ended.append((load, ""))
            elif load.number not in deck.coming:
                later = deck.playing > load.number or any(number > load.number for number in deck.coming)
                ended.append((load, "another patch was asked for meanwhile" if later else deck.error or _why(deck.state)))
        with self._lock:
            for load, _ in ended:
                self._loads.remove(load)
            oldest = min((load.order for load in self._loads), default=self._order + 1)
            done = [then for order, then in self._waiting if order < oldest] if self._idle() else []
            self._waiting = [(order, then) for order, then in self._waiting if order >= oldest] if done else self._waiting
        for load, why in ended:
            load.ended(why)
        for then in done:
            then()
        return frame + LOOK_FRAMES


def _why(state: str) -> str:
    """Why a load that did not fail will not sound: it was cancelled while something else plays, or the deck was emptied."""
    return "cancelled" if state == "playing" else f"the deck is {state}"
