"""The UDP socket and the thread that listens on it. It knows datagrams and where they come from, not what they mean."""

import errno
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any

from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.control.traffic import Traffic
from realtime.errors import UsageError
from realtime.osc.bounds import DATAGRAM_BYTES
from realtime.osc.flood import FloodLimits
from realtime.osc.receiver import OscReceiver, OscSnapshot

HOST, PORT = "127.0.0.1", 9000
"""Only this machine is listened to unless told otherwise: packets have no password."""
BUFFER_BYTES = 1 << 22
"""What the system keeps for us while we work; it may give less."""
BACKLOG, WORKED_ON = 64, 32
"""After so many packets without a pause more are sure to wait; of these one in so many is worked on, the rest when there is a pause."""
IDLE_S = 0.1
"""How often the thread looks whether it is to end."""
SETTLE_S = 0.001
"""How often it looks whether what waits of a flood may be taken."""
JOIN_LIMIT_S = 2.0

# Linux tells of closed ports only where asked to, by numbers that Python's socket module does not name.
_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
_ERROR_QUEUE = getattr(socket, "MSG_ERRQUEUE", 0)

Address = Any
"""A socket's address: a tuple of host, port and, for IPv6, two numbers."""


class PortError(UsageError):
    """A network address that cannot be listened on."""


class _Way:
    """Sends to one peer, at the port it sends from or at another."""

    __slots__ = ("_peer", "_port", "_send")

    def __init__(self, send: Callable[[Address, bytes], bool], peer: Address, port: int = 0) -> None:
        self._send = send
        self._peer = peer
        self._port = port

    def __call__(self, packet: bytes) -> bool:
        peer = self._peer
        return self._send((peer[0], self._port, *peer[2:]) if self._port else peer, packet)

    @property
    def target(self) -> tuple[str, int]:
        """Host and port that it sends to."""
        return self._peer[0], self._port or self._peer[1]

    def to(self, port: int) -> "_Way":
        """What sends to another port of this peer."""
        return _Way(self._send, self._peer, port)


class OscServer:
    """Listens, hands on, and sends what is answered from the same port.

    Parameters
    ----------
    core : ControlCore
    host : str
        Name or number of the network address; `0.0.0.0` or `::` listens on all.
    port : int
        0 lets the system choose.
    log : EventLog
    limits : FloodLimits, optional
    traffic : Traffic, optional
        Is told of every message.

    Thread
    ------
    `start`, `close`: control. Receiving and feedback: threads of their own.
    """

    def __init__(
        self,
        core: ControlCore,
        host: str,
        port: int,
        log: EventLog,
        limits: FloodLimits | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self.host = host
        self.port = port
        """The real one, once it has started."""
        self._log = log
        self.receiver = OscReceiver(core, log, limits, traffic=traffic)
        self._socket: socket.socket | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="osc receive", daemon=True)

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._socket is not None and not self._stop.is_set()

    def start(self) -> None:
        """Open the port and begin.

        Raises
        ------
        PortError — it is taken, not allowed, or the host is not this machine's.
        """
        self._socket = _open(self.host, self.port)
        self.port = int(self._socket.getsockname()[1])
        self._thread.start()
        self.receiver.feedback.start()

    def close(self) -> None:
        """End, and give the port back."""
        self._stop.set()
        self.receiver.feedback.close()
        if self._thread.is_alive():
            self._thread.join(JOIN_LIMIT_S)
        if self._socket is not None:
            self._socket.close()

    def snapshot(self) -> OscSnapshot:
        """What happened so far."""
        return self.receiver.snapshot()

    def _run(self) -> None:
        opened = self._socket
        assert opened is not None
        without_pause = 0
        while not self._stop.is_set():
            try:
                # One byte more than is allowed, so that what was cut is seen to be too long.
                datagram, peer = opened.recvfrom(DATAGRAM_BYTES + 4)
            except BlockingIOError:
                without_pause = 0
                self._wait(opened)
                continue
            except OSError as error:
                self._hear_of_closed_ports(opened, error)
                continue
            # Where the machine is busy, values are taken in many times faster than they are worked on: what the system has no room for
            # is lost, and the last one is the one that counts.
            without_pause += 1
            has_more = without_pause > BACKLOG and without_pause % WORKED_ON != 0
            self.receiver.handle(datagram, peer, _Way(self._send, peer), has_more=has_more)

    def _wait(self, opened: socket.socket) -> None:
        """Wait for a packet, or until something that waits of a flood may be taken."""
        settled = self.receiver.settle()
        wait_s = 0.0 if settled else SETTLE_S if self.receiver.is_flooded else IDLE_S
        readable, _, _ = select.select([opened], [], [], wait_s)
        if readable and _ERROR_QUEUE:
            # A closed port makes the socket readable although no packet came; what it says has to be taken off the queue.
            self._drop_closed(opened)

    def _hear_of_closed_ports(self, opened: socket.socket, error: OSError) -> None:
        if error.errno not in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EMSGSIZE):
            self._log.say("osc", f"receiving: {error}", f"receive {error.errno}")
            # Whatever it is, it may come again at once.
            self._stop.wait(IDLE_S)
        if _ERROR_QUEUE:
            self._drop_closed(opened)

    def _drop_closed(self, opened: socket.socket) -> None:
        """Forget the clients whose system says that nobody listens there."""
        while True:
            try:
                # The address is where the packet of ours had been sent.
                _, details, _, peer = opened.recvmsg(0, 512, _ERROR_QUEUE)
            except OSError:
                return
            if details and _is_refusal(details[0][2]):
                self.receiver.forget(peer)

    def _send(self, peer: Address, packet: bytes) -> bool:
        opened = self._socket
        if opened is None:
            return False
        try:
            opened.sendto(packet, peer)
        except ConnectionRefusedError:
            # About an earlier packet, perhaps to somebody else; this one was not sent yet.
            try:
                opened.sendto(packet, peer)
            except OSError:
                return False
        except OSError:
            return False
        return True


def _is_refusal(details: bytes) -> bool:
    """Whether an extended socket error (Linux, struct sock_extended_err) begins with "connection refused"."""
    return len(details) >= 4 and struct.unpack("=I", details[:4])[0] == errno.ECONNREFUSED


def _open(host: str, port: int) -> socket.socket:
    what = f"OSC on {host}:{port}"
    if not 0 <= port <= 65535:
        raise PortError(what, got=f"port {port}", allowed="0 to 65535, 0 for any that is free")
    if not host:
        raise PortError(what, got="no host", allowed="an address of this machine; 0.0.0.0 or :: for all of them")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
        opened = socket.socket(family, kind, protocol)
    except (OSError, ValueError) as error:
        # A ValueError is a name that is none: a zero in it, a part that is too long.
        raise PortError(
            what, got=str(error), allowed="a network address of this machine", hint="--osc-host 127.0.0.1 is always there"
        ) from None
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        if sys.platform == "linux":
            opened.setsockopt(*_RECVERR[family], 1)
        opened.bind(address)
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            hint = "another program has the port; take another by --osc-port, 0 for any that is free"
            raise PortError(what, got="a port in use", hint=hint) from None
        hint = "take 127.0.0.1 and a port above 1023 by --osc-host and --osc-port"
        raise PortError(what, got=str(error), allowed="an address of this machine and a free port", hint=hint) from None
    return opened
