"""How much is heard of each peer and of all: a flood becomes the latest value of each address. It knows no socket and no core.

A peer that sends more than its share is not cut off: what is too much waits, one packet for each address, the newer in place of the older.
When the flood ebbs, what waits is taken, so that the last value that was sent is the one that holds.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.osc.replies import Replies

Send = Callable[[bytes], object]
"""Hands a packet to a peer: from any thread, at once or not at all; False (or OSError) says that it was not taken."""


@dataclass(frozen=True)
class FloodLimits:
    """Messages per second and at once, of one peer and of all; what may wait of one peer; peers remembered; replies to mistakes."""

    peer_rate_hz: float = 10_000.0
    peer_burst: float = 2_000.0
    total_rate_hz: float = 20_000.0
    total_burst: float = 4_000.0
    waiting: int = 256
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
    """Someone who sends: how much it may, what of it waits, and where answers go."""

    name: str
    send: Send
    bucket: Bucket
    mistakes: Bucket
    heard_s: float
    waiting: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    replies: "Replies | None" = None
    """What speaks to it, kept from packet to packet."""


class FloodGate:
    """Every peer, and what of each may be taken now.

    Parameters
    ----------
    limits : FloodLimits
    clock : callable
        Seconds that never run backwards.

    Thread
    ------
    Its owner holds a lock around each call.
    """

    def __init__(self, limits: FloodLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._total = Bucket(limits.total_rate_hz, limits.total_burst, clock())
        self._peers: OrderedDict[Hashable, Peer] = OrderedDict()
        self._flooding: set[Hashable] = set()
        self.dropped = 0
        """Packets that a newer one for the same address replaced, or that found no room to wait."""

    @property
    def is_flooded(self) -> bool:
        """Whether anything waits."""
        return bool(self._flooding)

    def peer(self, key: Hashable, send: Send) -> Peer:
        """The record of a peer, made when it is new; the one that was not heard for the longest is forgotten for it."""
        peer = self._peers.get(key)
        if peer is None:
            now_s = self._clock()
            limits = self._limits
            bucket = Bucket(limits.peer_rate_hz, limits.peer_burst, now_s)
            mistakes = Bucket(limits.mistake_rate_hz, limits.mistake_burst, now_s)
            peer = self._peers[key] = Peer(show_peer(key), send, bucket, mistakes, now_s)
            while len(self._peers) > limits.peers:
                self.forget(next(iter(self._peers)))
        else:
            self._peers.move_to_end(key)
            peer.send = send
        return peer

    def admit(self, key: Hashable, send: Send, datagram: bytes) -> tuple[Peer, bytes | None, bool]:
        """Take a packet in.

        Returns
        -------
        Peer, bytes or None, bool
            Whose it is; the packet that is to be worked on now (this one, or one of the same peer that waited longer; None: none now); and
            whether this is where a flood begins.
        """
        peer = self.peer(key, send)
        now_s = peer.heard_s = self._clock()
        may = peer.bucket.has_any(now_s) and self._total.has_any(now_s)
        if may and not peer.waiting:
            self._take(peer)
            return peer, datagram, False
        begins = not peer.waiting
        name = _name(datagram)
        if peer.waiting.pop(name, None) is not None:
            self.dropped += 1
        elif len(peer.waiting) >= self._limits.waiting:
            peer.waiting.popitem(last=False)
            self.dropped += 1
        peer.waiting[name] = datagram
        self._flooding.add(key)
        return peer, self._oldest(key, peer) if may else None, begins

    def next_waiting(self) -> tuple[Hashable, Peer, bytes] | None:
        """A packet that waited and may be worked on now."""
        now_s = self._clock()
        if not self._flooding or not self._total.has_any(now_s):
            return None
        for key in self._flooding:
            peer = self._peers[key]
            if peer.bucket.has_any(now_s):
                return key, peer, self._oldest(key, peer)
        return None

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
        """Drop all that is known of a peer."""
        self._flooding.discard(key)
        peer = self._peers.pop(key, None)
        if peer is not None:
            self.dropped += len(peer.waiting)

    def _take(self, peer: Peer) -> None:
        peer.bucket.take()
        self._total.take()

    def _oldest(self, key: Hashable, peer: Peer) -> bytes:
        self._take(peer)
        datagram = peer.waiting.popitem(last=False)[1]
        if not peer.waiting:
            self._flooding.discard(key)
        return datagram


def show_peer(key: Hashable) -> str:
    """A peer in words: `127.0.0.1:57120`."""
    if isinstance(key, tuple) and len(key) >= 2 and isinstance(key[0], str) and isinstance(key[1], int):
        return f"[{key[0]}]:{key[1]}" if ":" in key[0] else f"{key[0]}:{key[1]}"
    return str(key)


def _name(datagram: bytes) -> bytes:
    """What a packet is about, without a check: its address, of a bundle the first message's."""
    start = 20 if datagram.startswith(b"#bundle") else 0
    return datagram[start : max(datagram.find(b"\0", start, start + 256), start)]
