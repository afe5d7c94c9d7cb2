"""One WebSocket's client: what it listens to, and what waits to be sent to it. It knows no socket: the server takes from it.

Memory is bounded: of each value the latest waits, of answers the first `REPLIES`.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from realtime.control.address import Value
from realtime.control.traffic import Channel
from realtime.oscquery.limits import COMMAND_CHARACTERS, REPLIES, SUBSCRIPTIONS
from realtime.oscquery.nodes import Tree

Message = tuple[str, tuple[Value, ...]]
"""An address and its value, or a command and its address."""


class Listener:
    """What one client asked to hear.

    Parameters
    ----------
    wake : callable
        Called when an answer waits that nobody has been told of; from any thread.
    note : callable
        Told of messages that were understood, and by whoever sends them of those that were sent.

    Thread
    ------
    That of the server's loop; `reply` from any.
    """

    def __init__(
        self, wake: Callable[[], None], note: Callable[[Channel, Sequence[Message]], None] = lambda channel, messages: None
    ) -> None:
        self._wake = wake
        self.note = note
        self._asked: set[str] = set()
        self._values: dict[str, tuple[Message, bytes]] = {}
        self._replies: deque[bytes] = deque()
        self.paths: frozenset[str] = frozenset()
        """The addresses whose values are sent."""
        self.gone = False
        self.refused = 0
        """Messages that made no sense."""

    def command(self, text: str, tree: Tree) -> tuple[tuple[str, ...], str]:
        """Do what a JSON message says. Returns the addresses that are heard from now on, and why nothing was done (empty: it was)."""
        if len(text) > COMMAND_CHARACTERS:
            return (), f"a message of {len(text)} characters; allowed: {COMMAND_CHARACTERS}"
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return (), "a message that is no JSON"
        name, path = (message.get("COMMAND"), message.get("DATA")) if isinstance(message, dict) else (None, None)
        if not isinstance(name, str) or name not in COMMANDS or not isinstance(path, str):
            return (), f"a message that is not {{COMMAND: {' or '.join(COMMANDS)}, DATA: address}}"
        self.note("osc in", ((name, (path,)),))
        return COMMANDS[name](self, path.rstrip("/") or "/", tree)

    def follow(self, tree: Tree) -> None:
        """Take the addresses of another state of the namespace. One that is gone is heard again when it comes back."""
        self.paths = frozenset(heard for path in self._asked for heard in tree.below(path))
        for path in self._values.keys() - self.paths:
            del self._values[path]

    def keep(self, message: Message, packet: bytes) -> None:
        """Have a value sent, in place of an earlier one that has not been."""
        self._values[message[0]] = message, packet

    def reply(self, packet: bytes) -> bool:
        """Have an answer sent. False where it is not taken: the client is gone, or does not read the answers it has."""
        if self.gone or len(self._replies) >= REPLIES:
            return False
        self._replies.append(packet)
        self._wake()
        return True

    def take(self) -> tuple[list[bytes], list[Message]]:
        """All that waits, answers first, and which values are among it; nothing waits afterwards."""
        packets, values = [], []
        while self._replies:
            packets.append(self._replies.popleft())
        for message, packet in self._values.values():
            values.append(message)
            packets.append(packet)
        self._values.clear()
        return packets, values

    @property
    def waiting(self) -> bool:
        """Whether there is something to take."""
        return bool(self._replies or self._values)

    def _listen(self, path: str, tree: Tree) -> tuple[tuple[str, ...], str]:
        heard = tree.below(path)
        if not heard and tree.find(path) is None:
            return (), f"LISTEN to {path[:64]!r}, which is no address now"
        if len(self._asked) >= SUBSCRIPTIONS and path not in self._asked:
            return (), f"more than {SUBSCRIPTIONS} LISTENs"
        self._asked.add(path)
        self.paths |= frozenset(heard)
        return heard, ""

    def _ignore(self, path: str, tree: Tree) -> tuple[tuple[str, ...], str]:
        self._asked.discard(path)
        self.follow(tree)
        return (), ""


COMMANDS: Mapping[str, Callable[[Listener, str, Tree], tuple[tuple[str, ...], str]]] = {
    "LISTEN": Listener._listen,
    "IGNORE": Listener._ignore,
}
"""What a client can say in JSON."""


def say(command: str, data: Any) -> str:
    """A message to a client in JSON."""
    return json.dumps({"COMMAND": command, "DATA": data}, separators=(",", ":"))
