"""Every value there is, as it was last set by whoever: what is read and sent back. It knows addresses and snapshots."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from patches.manifest import Manifest
from realtime import commands as do
from realtime.control.address import Value
from realtime.control.namespace import Namespace, Spot
from realtime.controls import DECK_CONTROLS, MASTER_CONTROLS
from realtime.errors import UnknownControlError
from realtime.snapshot import Snapshot

FRESH_S = 0.02
"""A snapshot younger than this is fresh enough: feedback goes out 30 times a second."""

_MASTER = {control.id: index for index, control in enumerate(MASTER_CONTROLS)}
_STAGE = {control.id: index for index, control in enumerate(DECK_CONTROLS)}


class Stage(Protocol):
    """The engine's two doors."""

    def send(self, command: do.Command) -> int:
        """Ask for something."""

    def snapshot(self) -> Snapshot:
        """The stage now."""


class Mirror:
    """The values behind the addresses.

    Parameters
    ----------
    stage : Stage

    Thread
    ------
    Any: one lock, held for a snapshot at most.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lock = threading.RLock()
        self._manifests: tuple[Manifest | None, ...] = ()
        self._held: dict[str, tuple[Callable[[], Value], Callable[[Value], None]]] = {}
        self._values: dict[str, tuple[int, Value]] = {}
        self._own: dict[str, Spot] = {}
        """Values that are kept elsewhere, which no snapshot shows."""
        self._written = False
        """A value was set since the last look: what became of it is to be seen."""
        self._cursor = 0
        self._looked_s = 0.0
        self._snapshot = stage.snapshot()
        self.edition = 0
        self.namespace = Namespace(())
        self.refresh(now=True)

    def hold(self, path: str, get: Callable[[], Value], put: Callable[[Value], None]) -> None:
        """Have a value kept elsewhere."""
        with self._lock:
            self._held[path] = (get, put)

    def snapshot(self) -> Snapshot:
        """The stage as it was last looked at, at most `FRESH_S` ago."""
        with self._lock:
            self.refresh()
            return self._snapshot

    def refresh(self, *, now: bool = False) -> None:
        """Look at the stage again, unless that was done a moment ago."""
        with self._lock:
            if not now and time.monotonic() - self._looked_s < FRESH_S:
                return
            before, snapshot = self._snapshot, self._stage.snapshot()
            self._snapshot, self._looked_s = snapshot, time.monotonic()
            manifests = tuple(deck.manifest for deck in snapshot.decks)
            moved, self._written = self._written or _values(snapshot) != _values(before), False
            if self.edition == 0 or manifests != self._manifests:
                moved = True
                self._manifests = manifests
                self.namespace = Namespace(manifests)
                self._own = {path: spot for path, spot in self.namespace.spots.items() if spot.place == "own"}
                self.edition += 1
                for gone in self._values.keys() - self.namespace.spots.keys():
                    del self._values[gone]
            # Nearly always nothing has moved, and every reader looks some 20 times a second.
            places = [{} if m is None or not moved else {c.id: i for i, c in enumerate(m.controls)} for m in manifests]
            for path, spot in (self.namespace.spots if moved else self._own).items():
                value = self._look(path, spot, snapshot, places)
                if value is not None:
                    self._note(path, value)

    def _look(self, path: str, spot: Spot, snapshot: Snapshot, places: list[dict[str, int]]) -> Value | None:
        if spot.place == "own":
            held = self._held.get(path)
            return None if held is None else held[0]()
        if spot.place == "master":
            return snapshot.master[_MASTER[spot.control]] if snapshot.master else None
        deck = snapshot.decks[spot.deck]
        if spot.place == "deck":
            return deck.stage[_STAGE[spot.control]] if deck.stage else None
        index = places[spot.deck][spot.control]
        return deck.values[index] if index < len(deck.values) else None

    def _note(self, path: str, value: Value) -> None:
        known = self._values.get(path)
        if known is None or known[1] != value:
            self._cursor += 1
            self._values[path] = (self._cursor, value)

    def read(self, path: str) -> tuple[Value, ...] | None:
        """The value of an address, as it is now; None if it has none."""
        with self._lock:
            self.refresh()
            held = self._held.get(path)
            if held is not None:
                self._note(path, held[0]())
            found = self._values.get(path)
            return None if found is None else (found[1],)

    def changes(self, since: int) -> tuple[int, dict[str, tuple[Value, ...]]]:
        """Values noted after cursor `since`, and the new cursor."""
        with self._lock:
            self.refresh()
            return self._cursor, {path: (value,) for path, (cursor, value) in self._values.items() if cursor > since}

    def write(self, path: str, value: Value) -> None:
        """Set a value, which has been brought into range.

        Raises
        ------
        StageError — whoever holds it refuses, or the patch that had it has gone.
        """
        spot = self.namespace.spots.get(path)
        if spot is None:
            raise UnknownControlError("the patch that had it has gone", got=path)
        if spot.place == "own":
            held = self._held.get(path)
            if held is not None:
                held[1](value)
        else:
            deck = None if spot.place == "master" else spot.deck
            self._stage.send(do.SetControl(deck, spot.control, float(value)))
        with self._lock:
            self._written = True
            for alias in self.namespace.aliases.get(spot, ()) if spot.place != "own" else (path,):
                self._note(alias, value)


def _values(snapshot: Snapshot) -> tuple[object, ...]:
    """Everything of a snapshot that an address may show."""
    return snapshot.master, *((deck.stage, deck.values) for deck in snapshot.decks)
