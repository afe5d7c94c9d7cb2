"""Tells a person what becomes of the stage: each thing once, and a status. It knows snapshots and the event log, not how they are shown."""

from typing import Final

from realtime.console import Console
from realtime.control.event_log import EventLog
from realtime.device_list import NULL_DEVICE
from realtime.engine import Engine
from realtime.snapshot import Snapshot
from realtime.status import status_line

PLAIN_STATUS_S: Final = 10.0
PLAIN_COLUMNS: Final = 400


class StageWatch:
    """Says what is new since the last look.

    Parameters
    ----------
    engine : Engine
    log : EventLog
    console : Console

    Thread
    ------
    The host's main thread.
    """

    def __init__(self, engine: Engine, log: EventLog, console: Console) -> None:
        self._engine = engine
        self._log = log
        self._console = console
        self._line = 0
        self._errors: dict[int, str] = {}
        self._notes: dict[int, str] = {}
        self._notice = ""
        self._had_device = False
        self._status_s = 0.0

    def say_log(self) -> None:
        """Say what is new in the log."""
        for line in self._log.lines(self._line):
            self._line = line.number
            times = f" ({line.count} times)" if line.count > 1 else ""
            self._console.say(f"{line.text}{times}", error=True)

    def look(self, snapshot: Snapshot, passed_s: float) -> None:
        """Say what is new, `passed_s` after the last time."""
        console = self._console
        if self._engine.notice != self._notice:
            self._notice = self._engine.notice
            again = " again" if self._had_device else ""
            self._log.say("device", self._notice or f"device {snapshot.device} plays{again}")
        self._had_device = self._had_device or snapshot.device != NULL_DEVICE
        for deck in snapshot.decks:
            if deck.error != self._errors.get(deck.number, ""):
                self._errors[deck.number] = deck.error
                self._log.say(f"deck {deck.number + 1}", f"deck {deck.number + 1}: {deck.error or 'plays again'}")
            if deck.note != self._notes.get(deck.number, ""):
                self._notes[deck.number] = deck.note
                if deck.note:
                    self._log.say(f"deck {deck.number + 1}", f"deck {deck.number + 1}: {deck.note}")
        self.say_log()
        if console.live:
            console.status(status_line(snapshot, console.columns))
        self._status_s += passed_s
        if console.wants_status and self._status_s >= PLAIN_STATUS_S:
            self._status_s = 0.0
            console.say(status_line(snapshot, PLAIN_COLUMNS))


def failure(snapshot: Snapshot) -> str:
    """Why nothing will ever sound; empty: something can."""
    if any(deck.state != "failed" for deck in snapshot.decks):
        return ""
    return "; ".join(f"deck {deck.number + 1}: {deck.error}" for deck in snapshot.decks)
