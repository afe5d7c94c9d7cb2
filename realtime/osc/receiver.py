"""What a datagram asks for, whoever brought it: check, decode, look up, hand to the core. It knows no socket.

Nothing is done of a packet of which any part is malformed, a pattern that is none or matches nothing, or too far in the future.
"""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.control.traffic import Traffic
from realtime.osc.bounds import ELEMENTS, IMMEDIATELY, check
from realtime.osc.clients import Clients
from realtime.osc.feedback import Feedback
from realtime.osc.flood import FloodGate, FloodLimits, Peer, Ready, Send, show_peer
from realtime.osc.own import OwnAddresses
from realtime.osc.packet import Message, decode
from realtime.osc.pattern import PatternError, Work, is_pattern
from realtime.osc.pattern_memory import PatternMemory
from realtime.osc.replies import Replies
from realtime.osc.table import QUERY_PREFIX, REPLIES
from realtime.osc.time_tag import to_seconds_ahead
from realtime.osc.value_packet import ValuePackets

HORIZON_S = 10.0
"""Bundles may be this far ahead of their time."""
LATE_S = 0.001
"""A bundle is late when its time is past by more than this; a sender's "now" is a little past whenever it arrives."""


PANIC_S = 0.1
"""A panic waits behind nothing this often; of a flood of them the others do."""
_PANIC = b"/panic\0"
_PANIC_BYTES = 64


@dataclass(frozen=True)
class OscSnapshot:
    """Counts since the start."""

    received: int
    """Packets that came."""
    messages: int
    """Messages that were handed on."""
    refused: int
    """Packets that are malformed."""
    dropped: int
    """Values of a flood in whose place a newer one was taken."""
    thrown_away: int
    """Packets of a flood that found no room to wait."""
    late: int
    """Messages whose time was past: done at once."""
    scheduled: int
    """Messages with a time to come."""
    errors: int
    """Mistakes of ours that were caught; 0 unless there is a bug."""
    clients: int
    """Clients that are told of changes."""
    sent: int
    """Feedback packets sent."""
    unsent: int
    """Feedback packets that a client's queue did not take."""


class OscReceiver:
    """Takes packets of any peer.

    Parameters
    ----------
    core : ControlCore
    log : EventLog
    limits : FloodLimits
    wall_clock : callable
        Seconds since 1970, what time tags are of.
    traffic : Traffic, optional
        Is told of every message that is read and sent.

    Thread
    ------
    Any; packets of one peer one after the other.
    """

    def __init__(
        self,
        core: ControlCore,
        log: EventLog,
        limits: FloodLimits | None = None,
        wall_clock: Callable[[], float] = time.time,
        traffic: Traffic | None = None,
    ) -> None:
        self._core = core
        self._log = log
        self._wall_clock = wall_clock
        self._traffic = traffic or Traffic()
        self._lock = threading.Lock()
        self._value_packets = ValuePackets()
        self._gate = FloodGate(limits or FloodLimits(), self._value_path)
        self.clients = Clients()
        self.feedback = Feedback(core, self.clients, lambda error: self._caught("feedback", error), self._traffic)
        self._own = OwnAddresses(core, self.clients, self.feedback, self._charge)
        self._patterns = PatternMemory()
        self._panicked_s = -PANIC_S
        self._received = self._messages = self._refused = self._late = self._scheduled = self._errors = 0

    def handle(self, datagram: bytes, peer: Hashable, send: Send, *, has_more: bool = False) -> None:
        """Do what a packet asks for.

        Parameters
        ----------
        datagram : bytes
            Anything at all.
        peer : hashable
            Who sent it: `("127.0.0.1", 57120)`, or a key of the transport's own.
        send : callable
            Hands an answer to that peer, now or later, from any thread; never blocks.
        has_more : bool
            Whether many more have come already: a value waits then, until `settle` or a later packet takes it.

        Raises
        ------
        Nothing.
        """
        self._received += 1
        try:
            if self._is_panic(datagram):
                with self._lock:
                    record = self._gate.peer(peer, send)
                self._take(peer, record, datagram)
                return
            with self._lock:
                admitted = self._gate.admit(peer, send, datagram, has_more=has_more)
            name = admitted.peer.name
            if admitted.begins:
                self._log.say("osc", f"{name} sends more than is listened to: of each value the latest counts, the rest waits", "flood")
            if admitted.is_refused:
                self._log.say("osc", f"{name}: too much waits; what comes beyond is thrown away and answered with /fail", "thrown away")
                self._turn_away(admitted.peer, datagram)
            if admitted.ready is not None:
                self._work(admitted.ready)
        except Exception as error:  # noqa: BLE001 - a packet must never end the thread that receives
            self._caught("receiver", error)

    def _is_panic(self, datagram: bytes) -> bool:
        """Whether this is a panic, which waits behind no flood; the next ones of a flood of them do."""
        if not datagram.startswith(_PANIC) or len(datagram) > _PANIC_BYTES:
            return False
        now_s = time.monotonic()
        first = now_s - self._panicked_s >= PANIC_S
        if first:
            self._panicked_s = now_s
        return first

    def settle(self) -> bool:
        """Take one packet that a flood left waiting, if there is one that may be taken now; whether there was."""
        if not self._gate.is_flooded:
            return False
        try:
            with self._lock:
                found = self._gate.next_waiting()
            if found is not None:
                self._work(found)
            return found is not None
        except Exception as error:  # noqa: BLE001 - as in `handle`
            self._caught("receiver", error)
            return True

    @property
    def is_flooded(self) -> bool:
        """Whether packets wait."""
        return self._gate.is_flooded

    def forget(self, peer: Hashable) -> None:
        """Drop a peer that is gone: its place among the clients, and what waits of it."""
        with self._lock:
            self._gate.forget(peer)
        if self.clients.remove(peer) is not None:
            self._log.say("osc", f"{show_peer(peer)} is gone: it is told of changes no more", "gone")

    def snapshot(self) -> OscSnapshot:
        """What happened so far."""
        return OscSnapshot(
            self._received,
            self._messages,
            self._refused,
            self._gate.dropped,
            self._gate.thrown_away,
            self._late,
            self._scheduled,
            self._errors,
            len(self.clients),
            self.feedback.sent,
            self.feedback.unsent,
        )

    # --- from packet to requests ----------------------------------------------------------------------------------------------

    def _work(self, ready: Ready) -> None:
        try:
            self._take(*ready)
        finally:
            with self._lock:
                self._gate.done(ready.peer)

    def _take(self, key: Hashable, record: Peer, datagram: bytes) -> None:
        elements = check(datagram)
        messages = elements if isinstance(elements, str) else decode(datagram, elements)
        if isinstance(messages, str):
            self._refuse(record, messages)
            return
        self._traffic.note("osc in", record.name, [(path, arguments) for path, arguments, _ in messages])
        self.clients.hear(key)
        replies = self._replies(record)
        now: list[Message] = []
        later: dict[int, list[Message]] = {}
        wall_s = self._wall_clock()
        why = self._sort(messages, wall_s, now, later)
        if why:
            replies.fail(*why)
            return
        if len(messages) > 1:
            self._charge(record, len(messages) - 1.0)
        self._messages += len(messages)
        for path, arguments, _ in now:
            if self._own.owns(path):
                self._own.do(key, record, replies, path, arguments)
            else:
                self._core.request(path, arguments, replies.origin)
        for tag, group in later.items():
            self._scheduled += len(group)
            frame = self._core.frame_at(wall_s + to_seconds_ahead(tag, wall_s))
            self._core.schedule(frame, [(path, arguments) for path, arguments, _ in group], replies.origin)

    def _sort(self, messages: list[Message], wall_s: float, now: list[Message], later: dict[int, list[Message]]) -> tuple[str, str] | None:
        """Put messages, patterns replaced by what they stand for, where they belong by time; or the address and reason of a refusal."""
        work = Work()
        for message in messages:
            path, arguments, tag = message
            if _is_reply(path):
                continue
            ahead_s = 0.0 if tag <= IMMEDIATELY else to_seconds_ahead(tag, wall_s)
            if ahead_s > HORIZON_S:
                return path, f"time tag: got {ahead_s:.1f} s ahead; allowed: up to {HORIZON_S:g} s"
            if ahead_s < -LATE_S:
                self._late += 1
            try:
                paths = self._expand(path, work)
            except PatternError as error:
                return path, str(error)
            if not paths:
                return path, "pattern: no address matches"
            where = later.setdefault(tag, []) if ahead_s > 0.0 else now
            where.extend([message] if paths[0] is path else [Message(found, arguments, tag) for found in paths])
            if ahead_s > 0.0 and self._own.owns(path):
                return path, "time tag: got a time to come; allowed: now, for what is answered"
            if len(now) + sum(map(len, later.values())) > ELEMENTS:
                return path, f"addresses in one packet: got more than {ELEMENTS}; allowed: at most {ELEMENTS}"
        return None

    def _expand(self, path: str, work: Work) -> tuple[str, ...]:
        """The addresses a path stands for: itself, unless it is a pattern."""
        if not is_pattern(path):
            return (path,)
        if path.startswith(QUERY_PREFIX):
            asked = self._expand(path[len(QUERY_PREFIX) - 1 :], work)
            return tuple(QUERY_PREFIX[:-1] + found for found in asked)
        return self._patterns.find(path, self._core.addresses(), work)

    # --- what goes wrong ------------------------------------------------------------------------------------------------------

    def _charge(self, record: Peer, tokens: float) -> None:
        with self._lock:
            self._gate.charge(record, tokens)

    def _may_complain(self, record: Peer) -> bool:
        with self._lock:
            return self._gate.may_complain(record)

    def _value_path(self, datagram: bytes) -> str | None:
        return self._value_packets.path(datagram, self._core.addresses())

    def _replies(self, record: Peer) -> Replies:
        replies = record.replies
        if replies is None:
            replies = record.replies = Replies(record, self._may_complain, self._traffic)
        return replies

    def _turn_away(self, record: Peer, datagram: bytes) -> None:
        """Answer a packet that there is no room for, by its first address; seldom enough that it may be read for that."""
        if not self._may_complain(record):
            return
        elements = check(datagram)
        messages = elements if isinstance(elements, str) else decode(datagram, elements[:1])
        if isinstance(messages, str):
            self._refuse(record, messages)
        elif messages and not _is_reply(messages[0].path):
            self._replies(record).fail(messages[0].path, "too much: there is no room for it to wait; send it later")

    def _refuse(self, record: Peer, why: str) -> None:
        """Count a malformed packet. It is not answered: what sent it may answer the answer."""
        self._refused += 1
        # One line for each kind of reason: a sender can have any number of ports.
        self._log.say("osc", f"malformed packet from {record.name}: {why}", f"malformed {why.partition(':')[0]}")

    def _caught(self, where: str, error: Exception) -> None:
        self._errors += 1
        self._log.say("osc", f"{where}: {type(error).__name__}: {error}", f"error {where}")


def _is_reply(path: str) -> bool:
    """Whether an address is one that only answers."""
    return path in REPLIES or path.endswith(".reply")
