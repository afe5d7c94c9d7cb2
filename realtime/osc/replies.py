"""What is said to a peer about what it asked for. It knows outcomes and packets, no socket."""

from collections.abc import Callable
from contextlib import suppress

from realtime.control.address import Value
from realtime.control.outcome import Origin, Outcome
from realtime.control.traffic import Traffic
from realtime.osc.flood import Peer, show_target
from realtime.osc.packet import encode

WHY_CHARACTERS = 400
"""A reason is cut here; it fits a packet beside an address."""


class Replies:
    """Answers to one peer; mistakes are told up to a rate, everything else always.

    Parameters
    ----------
    peer : Peer
    may_complain : callable
        Whether the peer may be told of one more mistake.
    traffic : Traffic
        Is told of every answer.

    Thread
    ------
    Any: commands end in threads of the core. Nothing blocks or raises.
    """

    def __init__(self, peer: Peer, may_complain: Callable[[Peer], bool], traffic: Traffic) -> None:
        self._peer = peer
        self._traffic = traffic
        self._may_complain = may_complain
        self.origin = Origin("osc", peer.name, self.tell)

    def tell(self, outcome: Outcome) -> None:
        """Send what came of a request."""
        if outcome.state == "done":
            self.send("/done", (outcome.path, *outcome.values))
        elif outcome.state == "answer":
            self.send(outcome.reply, outcome.values)
        elif outcome.state == "clipped":
            if self._may_complain(self._peer):
                self.send("/clipped", (outcome.path, *outcome.values))
        else:
            self.fail(outcome.path, outcome.why)

    def fail(self, path: str, why: str) -> None:
        """Send that something was refused, and why."""
        if self._may_complain(self._peer):
            self.send("/fail", (path, why[:WHY_CHARACTERS]))

    def send(self, path: str, values: tuple[Value, ...]) -> None:
        """Hand a message over; one that is not taken is lost, as UDP may lose any."""
        with suppress(OSError):
            if self._peer.send(encode(path, values)) is not False:
                self._traffic.note("osc out", show_target(self._peer.name, self._peer.send), ((path, values),))
