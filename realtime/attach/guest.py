"""One client of the control socket: what it asks for and what it is told. It knows no other client and no clock but the one it is given."""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from realtime.attach.connection import Connection
from realtime.attach.endpoint import VERSION
from realtime.attach.librarian import Librarian, Tables
from realtime.attach.messages import TO_SCREEN_BYTES, MessageError, write_message
from realtime.attach.viewer import Seen, Viewer
from realtime.control.core import ControlCore
from realtime.control.outcome import Origin, Outcome

LOOK_S: Final = 0.02
"""Between two views at least; who asks more often waits."""
AT_ONCE: Final = 64
"""Messages of one client that are worked on before everything else has its turn."""
PAUSE_S: Final = 0.03
"""And until that client has its next ones: some 2000 a second, many times what hands send."""
HOLD_BYTES: Final = 1024 * 1024
"""With so much waiting to be read by it, a client is not listened to."""
HELLO_S: Final = 2.0
"""A stranger who has said nothing by then goes."""
STALLED_S: Final = 10.0
"""A client that takes nothing of what waits for it for so long goes."""


class RefusedError(MessageError):
    """A client is not let in, or not any more."""


@dataclass(frozen=True)
class Desk:
    """What a client can reach."""

    token: str
    has_room: Callable[[], bool]
    viewer: Viewer
    core: ControlCore
    librarian: Librarian
    post: "Callable[[Guest, Callable[[], None]], None]"
    """Has something called in the server's thread, from any, unless the guest has gone."""
    quit: Callable[[], None]


class Guest:
    """A connection and what is known of who is there.

    Parameters
    ----------
    connection : Connection
    desk : Desk
    now_s : float
        Seconds of a clock that only grows, as everywhere here.

    Thread
    ------
    The server's. What raises `MessageError` or `OSError` ends the connection.
    """

    def __init__(self, connection: Connection, desk: Desk, now_s: float) -> None:
        self.connection = connection
        self.attached = False
        self.closed = False
        self.watched = 0
        """Events its socket is waited for: the server's note."""
        self._desk = desk
        self._seen = Seen()
        self._since_s = now_s
        self._moved_s = now_s
        self._rests_s = 0.0
        self._behind = False
        """More of its messages may have come than were worked on."""
        self._looks = False
        self._looked_s = 0.0
        self._sound = False
        self._traffic = False

    @property
    def listens(self) -> bool:
        """Whether what it sends is wanted now."""
        return not self._behind and self.connection.out_bytes < HOLD_BYTES

    def due_s(self) -> float:
        """When it has to be looked after, if nothing happens before."""
        due = [] if self.attached else [self._since_s + HELLO_S]
        due += [self._rests_s] if self._behind else []
        due += [self._looked_s + LOOK_S] if self._looks else []
        due += [self._moved_s + STALLED_S] if self.connection.out_bytes else []
        return min(due, default=float("inf"))

    def take(self, now_s: float) -> None:
        """Do what it asks for."""
        self._behind = False
        for count, (name, arguments) in enumerate(self.connection.messages(), 1):
            if not self.attached and name != "hello":
                raise RefusedError("a client that does not say who it is", got=repr(name))
            _SERVED[name](self, *arguments)
            if count >= AT_ONCE:
                self._behind, self._rests_s = True, now_s + PAUSE_S
                return

    def look_after(self, now_s: float) -> None:
        """Do what is due."""
        if not self.connection.out_bytes:
            self._moved_s = now_s
        elif now_s >= self._moved_s + STALLED_S:
            raise RefusedError("a client that reads nothing", got=f"{self.connection.out_bytes} bytes waiting")
        if not self.attached and now_s >= self._since_s + HELLO_S:
            raise RefusedError("a client that says nothing", allowed=f"hello within {HELLO_S:g} s")
        if self._behind and now_s >= self._rests_s:
            self.take(now_s)
        if self._looks and now_s >= self._looked_s + LOOK_S:
            self._looks, self._looked_s = False, now_s
            self._send("view", self._desk.viewer.look(self._seen, sound=self._sound, traffic=self._traffic))

    def flush(self, now_s: float) -> None:
        """Send what waits, as far as it is taken."""
        if self.connection.flush():
            self._moved_s = now_s

    def end(self, name: str = "", text: str = "") -> None:
        """Close it, with a last word."""
        self.closed, self.attached = True, False
        try:
            if name:
                self._send(name, text)
        except (MessageError, OSError):
            pass
        finally:
            self.connection.close()

    # --- what it can say --------------------------------------------------------------------------------------------------------

    def _hello(self, version: int, token: str) -> None:
        if version != VERSION:
            raise RefusedError("a screen of another version of Starling", got=str(version), allowed=str(VERSION))
        if not hmac.compare_digest(token.encode(), self._desk.token.encode()):
            raise RefusedError("a wrong token")
        if not self.attached and not self._desk.has_room():
            raise RefusedError("too many screens are attached already", hint="close one")
        self.attached = True
        self._send("welcome", os.getpid())

    def _look(self, sound: bool, traffic: bool) -> None:
        self._looks, self._sound, self._traffic = True, sound, traffic

    def _ask(self, number: int, path: str, values: list[Any]) -> None:
        self._desk.core.request(path, values, Origin("screen", tell=partial(self._tell, number)))

    def _patches(self, number: int) -> None:
        self._desk.librarian.ask(partial(self._tell_patches, number))

    def _quit(self) -> None:
        self._desk.quit()

    # --- what it is told --------------------------------------------------------------------------------------------------------

    def _tell(self, number: int, outcome: Outcome) -> None:
        """What came of something that was asked for. Thread: any."""
        if outcome.state == "failed":
            # What a screen shows of it is soon gone.
            self._desk.core.log.say("screen", f"{outcome.path}: {outcome.why}")
        told = number, outcome.path, outcome.state, outcome.values, outcome.why
        self._desk.post(self, lambda: self._send("told", *told))

    def _tell_patches(self, number: int, tables: Tables) -> None:
        """Thread: the librarian's."""
        self._desk.post(self, lambda: self._send("patches", number, tables))

    def _send(self, name: str, *arguments: Any) -> None:
        line = write_message(name, *arguments)
        if len(line) > TO_SCREEN_BYTES:
            raise RefusedError(f"{name}: more than a screen can take", got=f"{len(line)} bytes", allowed=f"up to {TO_SCREEN_BYTES}")
        self.connection.send(line)


_SERVED: Final[dict[str, Callable[..., None]]] = {
    "hello": Guest._hello,
    "look": Guest._look,
    "ask": Guest._ask,
    "patches": Guest._patches,
    "quit": Guest._quit,
}
