"""What the screen says for a while: each text once, for as long as it takes to read. It knows texts and times, not where they stand."""

from collections.abc import Callable
from typing import Any, Final

from textual.app import App
from textual.widgets._toast import ToastRack

from realtime.plain import plain

SAID_AGAIN_S: Final = 2.0
"""The same text is shown once within this time: a controller that is refused is refused a hundred times a second."""
LEAST_S: Final = 4.0
LEAST_ERROR_S: Final = 8.0
"""Who plays looks elsewhere when it comes."""
MOST_S: Final = 20.0
MOST_AT_ONCE: Final = 2
CHARACTER_S: Final = 0.08
"""Read beside something else: some twelve characters a second."""


class Notices:
    """Says texts to the performer.

    Parameters
    ----------
    app : App
    clock : callable
        Seconds.

    Thread
    ------
    The screen's.
    """

    def __init__(self, app: App[Any], clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._said: dict[str, float] = {}

    def say(self, text: str, error: bool = False) -> None:
        """Show a text, unless it was shown a moment ago."""
        text, now = plain(text), self._clock()
        if now - self._said.get(text, -SAID_AGAIN_S) < SAID_AGAIN_S:
            return
        self._said = {said: time_s for said, time_s in self._said.items() if now - time_s < SAID_AGAIN_S} | {text: now}
        self._app.notify(text, severity="error" if error else "information", timeout=reading_s(text, error), markup=False)
        # The app has it with its next message.
        self._app.call_later(self._make_room)

    def _make_room(self) -> None:
        """Take back what is too much, the oldest first. The newest stays, and beside it rather what went wrong."""
        before = sorted(list(self._app._notifications)[:-1], key=lambda note: note.severity == "error")
        for note in before[: max(len(before) + 1 - MOST_AT_ONCE, 0)]:
            # Textual has no public word for it, and leaves the place of one that is only forgotten.
            self._app._unnotify(note, refresh=False)
            for screen in self._app.screen_stack:
                screen.query(f"#{ToastRack._toast_id(note)}").remove()


def reading_s(text: str, error: bool) -> float:
    """Seconds that a text is shown."""
    return min(max(len(text) * CHARACTER_S, LEAST_ERROR_S if error else LEAST_S), MOST_S)
