"""Serves the addresses that are OSC's own. It knows the table of them, the clients and the core, no packet's way in."""

import threading
from collections.abc import Callable, Hashable
from functools import partial

from realtime.control.address import Argument, Value, take_argument
from realtime.control.core import ControlCore
from realtime.osc.clients import Clients
from realtime.osc.feedback import Feedback
from realtime.osc.flood import Peer
from realtime.osc.replies import Replies
from realtime.osc.table import BY_PATH, CLIENTS, QUERY_PREFIX

MOST_SYNCS = 256
"""Syncs of all peers that may wait for what was asked for before."""
DUMP_TOKENS = 100.0
"""What /q/all costs of a peer's share: its answer is as long as that many messages."""


class OwnAddresses:
    """What each of them does.

    Parameters
    ----------
    core : ControlCore
    clients : Clients
    feedback : Feedback
    charge : callable
        Counts what a peer asks for beyond a message.

    Thread
    ------
    Any; of one peer one after the other.
    """

    def __init__(self, core: ControlCore, clients: Clients, feedback: Feedback, charge: Callable[[Peer, float], None]) -> None:
        self._core = core
        self._clients = clients
        self._feedback = feedback
        self._charge = charge
        self._lock = threading.Lock()
        self._syncs = 0
        self.served: dict[str, Callable[[Hashable, Peer, Replies, tuple[Value, ...]], None]] = {
            "/notify": self._notify,
            "/reply": self._reply,
            "/sync": self._sync,
            "/q/all": self._query_all,
        }
        """What serves each address but `/q/{address}`."""

    def owns(self, path: str) -> bool:
        """Whether an address is OSC's own."""
        return path in self.served or path.startswith(QUERY_PREFIX)

    def do(self, key: Hashable, peer: Peer, replies: Replies, path: str, arguments: tuple[Value, ...]) -> None:
        """Serve an own address."""
        serve = self.served.get(path)
        if serve is None:
            self._query(replies, path, arguments)
            return
        why = _misfit(BY_PATH[path].arguments, arguments)
        if why:
            replies.fail(path, why)
        else:
            serve(key, peer, replies, arguments)

    def _notify(self, key: Hashable, peer: Peer, replies: Replies, arguments: tuple[Value, ...]) -> None:
        if arguments[0]:
            client = self._clients.add(key, peer.send, int(arguments[1]) if len(arguments) > 1 else None)
            why = f"clients: all {CLIENTS} places are taken; /notify 0 frees one"
        else:
            client = self._clients.remove(key)
            why = "this address and port was not told of changes"
        if client is None:
            replies.fail("/notify", why)
        else:
            replies.send("/done", ("/notify", client.number, CLIENTS))

    def _reply(self, key: Hashable, peer: Peer, replies: Replies, arguments: tuple[Value, ...]) -> None:
        to = getattr(peer.send, "to", None)
        if to is None:
            replies.fail("/reply", "this connection has no ports; answers come back by it")
            return
        peer.send = to(int(arguments[0]))
        peer.redirected = arguments[0] != 0
        self._clients.redirect(key, peer.send)
        replies.send("/done", ("/reply", int(arguments[0])))

    def _sync(self, key: Hashable, peer: Peer, replies: Replies, arguments: tuple[Value, ...]) -> None:
        with self._lock:
            taken = self._syncs < MOST_SYNCS
            self._syncs += taken
        if taken:
            self._core.sync(partial(self._synced, replies, int(arguments[0])))
        else:
            replies.fail("/sync", f"waiting: {MOST_SYNCS} wait already; ask again when one is answered")

    def _synced(self, replies: Replies, number: int) -> None:
        with self._lock:
            self._syncs -= 1
        replies.send("/synced", (number,))

    def _query_all(self, key: Hashable, peer: Peer, replies: Replies, arguments: tuple[Value, ...]) -> None:
        self._charge(peer, DUMP_TOKENS)
        if not self._feedback.dump(key, peer.send):
            replies.fail("/q/all", "too many ask for everything at once; ask again")

    def _query(self, replies: Replies, path: str, arguments: tuple[Value, ...]) -> None:
        asked = path[len(QUERY_PREFIX) - 1 :]
        address = self._core.addresses().get(asked)
        if arguments:
            replies.fail(path, f"number of arguments: got {len(arguments)}; allowed: none")
        elif address is None:
            replies.fail(path, "no such address now; /q/all lists all that have a value")
        elif address.kind == "query":
            self._core.request(asked, (), replies.origin)
        else:
            values = self._core.read(asked)
            if values is None:
                replies.fail(path, "it has no value: it is a command")
            else:
                replies.send(asked, values)


def _misfit(wanted: tuple[Argument, ...], given: tuple[Value, ...]) -> str:
    """Why arguments are not those of an own address; empty if they are. Nothing is clipped here: 2 is neither on nor off."""
    least = sum(not argument.optional for argument in wanted)
    if not least <= len(given) <= len(wanted):
        return f"number of arguments: got {len(given)}; allowed: {' '.join(argument.name for argument in wanted) or 'none'}"
    for argument, got in zip(wanted, given, strict=False):
        try:
            clipped = take_argument(argument, got)[1]
        except ValueError as error:
            return str(error)
        if clipped:
            return f"{argument.name}: got {got!r}; allowed: {argument.allowed}"
    return ""
