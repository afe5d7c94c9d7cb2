"""How much is heard of each peer and of all: a flood becomes the latest of its values. It knows no socket, no core and no address.

A peer that sends more than its share is not cut off: what is too much waits, of a value the latest, of everything else all that there is
room for, and is taken in order when the flood ebbs. The last value that was sent is the one that holds; a command is done or refused.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from realtime.osc.waiting import Waiting

if TYPE_CHECKING:
    from realtime.osc.replies import Replies

Send = Callable[[bytes], object]
"""Hands a packet to a peer: from any thread, at once or not at all; False (or OSError) says that it was not taken.

One that has ports has a method `to(port)` as well: what sends to another port of the same peer, 0 for the one it sends from; and a
property `target`: host and port that it sends to.
"""


LOOKS = 16
"""Peers of which something waits that are looked at for one that may be served, each time."""


@dataclass(frozen=True)
class FloodLimits:
    """Messages per second and at once, of one peer and of all; what may wait of one peer (values of so many addresses, so many other
    packets, bytes of these); peers remembered; replies to mistakes.
    """

    peer_rate_hz: float = 10_000.0
    peer_burst: float = 2_000.0
    total_rate_hz: float = 20_000.0
    total_burst: float = 4_000.0
    values: int = 4096
    queue: int = 256
    queue_bytes: int = 1 << 16
    peers: int = 256
    mistake_rate_hz: float = 100.0
    mistake_burst: float = 200.0


class Bucket:
    """Tokens that come at a rate, up to a number; a taker may leave a debt."""

    __slots__ = ("_at_s", "_burst", "_left", "_rate_hz")

    def __init__(self, rate_hz: float, burst: float, now_s: float) -> None:
        self._rate_hz = rate_hz
        self._burst = burst
        self._left = burst
        self._at_s = now_s

    def has_any(self, now_s: float) -> bool:
        """Whether there is a token."""
        if now_s > self._at_s:
            self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate_hz)
            self._at_s = now_s
        return self._left >= 1.0

    def take(self, tokens: float = 1.0) -> None:
        """Take tokens, whether they are there or not; a debt is bounded by what fills the bucket."""
        self._left = max(self._left - tokens, -self._burst)


@dataclass
class Peer:
    """Someone who sends: how much it may, what of it waits, and where answers go. Busy: a packet of it is being worked on."""

    name: str
    send: Send
    bucket: Bucket
    mistakes: Bucket
    waiting: Waiting
    busy: bool = False
    replies: "Replies | None" = None
    """What speaks to it, kept from packet to packet."""
    redirected: bool = False
    """Whether `send` goes to a port that the peer asked for, and stays when it sends again."""


class Ready(NamedTuple):
    """A packet that is to be worked on now, and whose it is. `FloodGate.done` is told when it was."""

    key: Hashable
    peer: Peer
    datagram: bytes


class Admitted(NamedTuple):
    """What becomes of a packet that came in: whose it is; the packet that is to be worked on now (this one or one that waited; None: none
    now); whether a flood begins here; whether there was no room for the packet.
    """

    peer: Peer
    ready: Ready | None
    begins: bool = False
    is_refused: bool = False


class FloodGate:
    """Every peer, and what of each may be taken now.

    Parameters
    ----------
    limits : FloodLimits
    value_path : callable
        The address whose value a packet sets, if that is all it does; None if it is anything else.
    clock : callable
        Seconds that never run backwards.

    Thread
    ------
    Its owner holds a lock around each call.
    """

    def __init__(self, limits: FloodLimits, value_path: Callable[[bytes], str | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._value_path = value_path
        self._clock = clock
        self._total = Bucket(limits.total_rate_hz, limits.total_burst, clock())
        # One for all that there is no place for, or who sends from ever new ports would be told any number of mistakes.
        self._strangers = Bucket(limits.mistake_rate_hz, limits.mistake_burst, clock())
        self._peers: OrderedDict[Hashable, Peer] = OrderedDict()
        """The one that was heard last is last."""
        self._flooding: OrderedDict[Hashable, None] = OrderedDict()
        """Peers of which something waits; the one whose turn it is is first."""
        self.dropped = 0
        """Values that a newer one for the same address replaced."""
        self.thrown_away = 0
        """Packets that found no room to wait, or waited when their peer was gone."""

    @property
    def is_flooded(self) -> bool:
        """Whether anything waits."""
        return bool(self._flooding)

    def peer(self, key: Hashable, send: Send) -> Peer:
        """The record of a peer, made when it is new; one of which nothing waits is forgotten for it, the one not heard for the longest.

        Where something waits of all of them, the record is not kept.
        """
        peer = self._peers.get(key)
        if peer is None:
            now_s = self._clock()
            limits = self._limits
            bucket = Bucket(limits.peer_rate_hz, limits.peer_burst, now_s)
            mistakes = Bucket(limits.mistake_rate_hz, limits.mistake_burst, now_s)
            waiting = Waiting(limits.values, limits.queue, limits.queue_bytes)
            peer = Peer(show_peer(key), send, bucket, mistakes, waiting)
            if len(self._peers) >= limits.peers:
                idle = next((other for other, known in self._peers.items() if not known.waiting and not known.busy), None)
                if idle is None:
                    peer.mistakes = self._strangers
                    return peer
                del self._peers[idle]
            self._peers[key] = peer
        else:
            self._peers.move_to_end(key)
            if not peer.redirected:
                peer.send = send
        return peer

    def admit(self, key: Hashable, send: Send, datagram: bytes, *, has_more: bool = False) -> Admitted:
        """Take a packet in. Where more have come already (`has_more`), a value waits: all of it is taken in before it is worked on."""
        peer = self.peer(key, send)
        if has_more and key in self._peers:
            path = self._value_path(datagram)
            replaced = None if path is None else peer.waiting.put_value(path, datagram)
            if replaced is not None:
                self.dropped += replaced
                self._flooding[key] = None
                return Admitted(peer, None)
        begins = False
        if not peer.waiting and not peer.busy:
            now_s = self._clock()
            if peer.bucket.has_any(now_s) and self._total.has_any(now_s):
                return Admitted(peer, self._hand_out(key, peer, datagram))
            begins = True
        kept = key in self._peers and self._put(peer, datagram)
        if kept:
            self._flooding[key] = None
        else:
            self.thrown_away += 1
        # Whoever's turn it is: who sends the most is not served the most.
        return Admitted(peer, self.next_waiting(), begins, not kept)

    def next_waiting(self) -> Ready | None:
        """A packet that waited and may be worked on now."""
        now_s = self._clock()
        if not self._flooding or not self._total.has_any(now_s):
            return None
        for _ in range(min(len(self._flooding), LOOKS)):
            key = next(iter(self._flooding))
            self._flooding.move_to_end(key)
            peer = self._peers[key]
            if not peer.busy and peer.bucket.has_any(now_s):
                datagram = peer.waiting.pop()
                if not peer.waiting:
                    del self._flooding[key]
                return self._hand_out(key, peer, datagram)
        return None

    def done(self, peer: Peer) -> None:
        """Note that the packet of a peer that was handed out was worked on."""
        peer.busy = False

    def charge(self, peer: Peer, tokens: float) -> None:
        """Count what a packet asks for beyond its first message."""
        peer.bucket.take(tokens)
        self._total.take(tokens)

    def may_complain(self, peer: Peer) -> bool:
        """Whether the peer may be told of one more mistake."""
        if not peer.mistakes.has_any(self._clock()):
            return False
        peer.mistakes.take()
        return True

    def forget(self, key: Hashable) -> None:
        """Drop all that is known of a peer, and what waits of it."""
        self._flooding.pop(key, None)
        peer = self._peers.pop(key, None)
        if peer is not None:
            self.thrown_away += len(peer.waiting)

    def _put(self, peer: Peer, datagram: bytes) -> bool:
        """Let a packet wait; whether there is room."""
        path = self._value_path(datagram)
        if path is None:
            return peer.waiting.put(datagram)
        replaced = peer.waiting.put_value(path, datagram)
        self.dropped += replaced is True
        return replaced is not None

    def _hand_out(self, key: Hashable, peer: Peer, datagram: bytes) -> Ready:
        peer.bucket.take()
        self._total.take()
        peer.busy = True
        return Ready(key, peer, datagram)


def show_target(key: Hashable, send: Send) -> str:
    """In words, where what is sent to a peer goes: it may hear on another port than it sends from."""
    return show_peer(getattr(send, "target", key))


def show_peer(key: Hashable) -> str:
    """A peer in words: `127.0.0.1:57120`."""
    if isinstance(key, tuple) and len(key) >= 2 and isinstance(key[0], str) and isinstance(key[1], int):
        return f"[{key[0]}]:{key[1]}" if ":" in key[0] else f"{key[0]}:{key[1]}"
    return str(key)
