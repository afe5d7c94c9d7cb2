"""The stage as it was last, kept as a rack file while it plays, for `--resume`. It knows the show and a folder, not who starts from it.

::

    last.toml       the stage that plays, or played last
    last-1.toml     the one before, and so on
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from realtime.rack_file import write_rack_text

if TYPE_CHECKING:
    from realtime.show import Show

QUIET_S: Final = 2.0
"""It is written when nothing has changed for so long: a hand that turns a knob is not written step by step."""
LONGEST_S: Final = 5.0
"""And after so long while it changes all the time."""
LOOK_S: Final = 0.25
KEPT: Final = 9
"""Stages before the last one that are kept: who starts another one after a crash finds the one that was lost."""
CLOSE_LIMIT_S: Final = 2.0


def find_last(folder: Path) -> Path | None:
    """The rack file of the stage that played last, in the folder where stages keep their lock; None: there is none."""
    return next((path for number in range(KEPT + 1) if (path := _path(folder, number)).is_file()), None)


def _path(folder: Path, number: int) -> Path:
    return folder / (f"last-{number}.toml" if number else "last.toml")


class LastRack:
    """Writes the rack of a show whenever it has changed.

    Parameters
    ----------
    show : Show
        Started.
    folder : Path
        Where the stage keeps its lock: nobody else writes there.
    clock : callable, optional
        Seconds that only grow.

    Thread
    ------
    `start` and `close` from one; it looks, and the file is written, in its own.
    """

    def __init__(self, show: "Show", folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._folder = folder
        self._clock = clock
        self._seen: tuple[Any, ...] = ()
        self._changed_s = 0.0
        self._since_s: float | None = None
        """When it first changed after it was written; None: the file has it all."""
        self._scenes = (-1, "")
        self._decks: list[dict[str, Any]] = []
        """As they were written last."""
        self._begun = False
        self._failed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="last rack", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Write what is not written yet, and end. Before the show's parts do."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_LIMIT_S)

    def look(self) -> None:
        """Look once, and write if it is time to."""
        now_s, state = self._clock(), self._state()
        if state != self._seen:
            self._seen, self._changed_s = state, now_s
            self._since_s = now_s if self._since_s is None else self._since_s
        ends = self._stop.is_set()
        if self._since_s is None or not (ends or now_s - self._changed_s >= QUIET_S or now_s - self._since_s >= LONGEST_S):
            return
        try:
            self._write()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the keeping of what comes after it
            if not self._failed:
                self._show.log.say("rack", f"the stage is not kept for --resume: {error}")
            self._failed = True
            # Again after a while: a disk can be full for a moment.
            self._since_s = self._changed_s = now_s
        else:
            self._since_s, self._failed = None, False

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.look()
        self.look()

    def _state(self) -> tuple[Any, ...]:
        """What a rack is made of, as what costs next to nothing to look at."""
        show, stage = self._show, self._show.core.recent()
        clock, mapping = show.transport, show.mapper.assignments
        # A clock that is followed breathes all the time.
        tempo = clock.tempo_bpm if clock.source == "internal" else 0.0
        decks = tuple(
            (d.folder or d.patch, d.state == "failed", d.seed, d.options, d.lead_asked, d.mode_asked, d.stage, d.values)
            for d in stage.decks
        )
        timing = tempo, clock.quantum_beats, clock.source, clock.running
        return show.scenes.edition, mapping.edition, mapping.takeover, timing, stage.master, decks

    def _write(self) -> None:
        edition, table = self._show.scenes.edition, self._show.racks.table() | self._show.racks.sound
        scenes = table.pop("scene")
        for number, deck in enumerate(self._show.core.recent().decks):
            if deck.state == "failed" and self._decks:
                # Given up, perhaps for want of memory: who resumes wants to try it again.
                table["deck"][number] = self._decks[number]
        if not scenes and not any("patch" in deck for deck in table["deck"]):
            # An empty stage is nothing to come back to, and must not take the place of what is.
            return
        self._decks = table["deck"]
        if edition != self._scenes[0]:
            # Scenes are most of it and change seldom: what they are as text is kept.
            self._scenes = edition, tomli_w.dumps({"scene": scenes})
        text = self._scenes[1] + tomli_w.dumps(table)
        if not self._begun:
            self._keep_older(text)
        write_rack_text(_path(self._folder, 0), text, private=True)
        self._begun = True

    def _keep_older(self, text: str) -> None:
        """Number what the stages before left; one that was just this stage is replaced."""
        last = _path(self._folder, 0)
        if not last.is_file() or last.read_bytes() == text.encode():
            return
        for number in range(KEPT, 0, -1):
            older = _path(self._folder, number - 1)
            if older.is_file():
                older.replace(_path(self._folder, number))
