"""The prompt that takes any address there is, as one would send it by OSC. It knows the session, and who asks questions."""

from typing import TYPE_CHECKING

from realtime.screen.command_line import Line, LineError, beginnings, read_line, said
from realtime.screen.link import Told

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen


class CommandPrompt:
    """Asks for a line, does it, and says what came of it. The last line is offered again.

    Thread
    ------
    The screen's.
    """

    def __init__(self, app: "StarlingScreen") -> None:
        self._app = app
        self._session = app.session
        self._last = ""

    def ask(self) -> None:
        """Ask for a line; one that cannot be taken is said and asked for again."""
        session = self._session
        deck = session.deck

        def take(typed: str) -> None:
            if not typed.strip():
                return
            self._last = typed.strip()
            try:
                line = read_line(typed, deck, session.view.addresses)
            except LineError as error:
                session.say(str(error), True)
                self.ask()
                return
            self._do(line)

        title = f"Address and arguments, as for OSC; without / for deck {deck}"
        self._app.prompt(title, self._last, take, beginnings(deck, session.view.addresses))

    def _do(self, line: Line) -> None:
        session, path = self._session, line.address.path
        if line.clipped:
            session.say(f"out of range: {line.text} was taken")
        if line.address.kind != "value":
            session.ask(path, *line.values, then=self._tell)
        elif line.values:
            session.set(path, line.values[0])
        elif (value := session.value(path)) is not None:
            session.say(said(path, (value,)))

    def _tell(self, told: Told) -> None:
        if told.state == "answer":
            self._session.say(said(told.path, told.values) if told.values else f"{told.path}: nothing")
        elif told.state == "done":
            self._session.say("done: " + said(told.path, told.values))
