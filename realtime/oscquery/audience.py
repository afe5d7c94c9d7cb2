"""All WebSockets: what they say is taken, what changes is sent to those that listen. It knows the control core's reading side, no HTTP.

Values go out thirty times a second, of each the latest. A client that does not read is sent nothing until it does; then it gets what is
true by then.
"""

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Protocol

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from realtime.control.address import Value
from realtime.control.event_log import EventLog
from realtime.control.traffic import Traffic
from realtime.osc.flood import show_peer
from realtime.osc.packet import encode
from realtime.oscquery import limits
from realtime.oscquery.budget import Budget
from realtime.oscquery.door import Door
from realtime.oscquery.listener import Listener, Message, say
from realtime.oscquery.view import View

POLICY_VIOLATION = 1008
"""Close code of RFC 6455, 7.4.1."""


class Receiver(Protocol):
    """Takes OSC packets: `realtime.osc.receiver.OscReceiver`."""

    def handle(self, datagram: bytes, peer: Hashable, send: Callable[[bytes], object]) -> None:
        """Take one packet; answers go to `send`."""

    def forget(self, peer: Hashable) -> None:
        """Drop a peer that is gone."""


class Audience:
    """Everybody who has a WebSocket open.

    Parameters
    ----------
    view : View
    door : Door
    log : EventLog
    receiver : Receiver, optional
        Takes OSC packets. None: they are refused.
    traffic : Traffic
        Is told of the messages that are not the receiver's: LISTEN and IGNORE, and what they bring.

    Thread
    ------
    One: that of the loop it is made in.
    """

    def __init__(self, view: View, door: Door, log: EventLog, receiver: Receiver | None, traffic: Traffic) -> None:
        self._view = view
        self._traffic = traffic
        self._door = door
        self._log = log
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._listeners: dict[ServerConnection, Listener] = {}
        self._stalled_s: dict[ServerConnection, float] = {}
        self.dropped = 0
        """Listeners that did not read what was sent to them."""
        view.on_change = self._tell_changed

    def __len__(self) -> int:
        return len(self._listeners)

    # --- what they say ------------------------------------------------------------------------------------------------------

    async def hear(self, connection: ServerConnection) -> None:
        """Serve one WebSocket until it ends."""
        peer = ("ws", next(self._numbers), connection.remote_address[0])
        name = show_peer(peer)
        note = self._traffic.note
        listener = Listener(functools.partial(self._send_soon, connection), lambda channel, messages: note(channel, name, messages))
        budget = Budget(limits.MESSAGES_PER_S)
        self._listeners[connection] = listener
        try:
            async for message in connection:
                budget.tokens_per_s = min(limits.MESSAGES_PER_S, limits.ALL_MESSAGES_PER_S / len(self._listeners))
                wait_s = budget.take(1.0)
                if isinstance(message, str):
                    self._command(connection, listener, message)
                elif self._receiver is not None:
                    self._receiver.handle(message, peer, listener.reply)
                else:
                    self._refuse(listener, "OSC over the WebSocket, which nothing takes here")
                if listener.refused > limits.REFUSALS:
                    await connection.close(POLICY_VIOLATION, "too many messages that make no sense")
                if wait_s:
                    await asyncio.sleep(wait_s)
        except ConnectionClosed:
            # Gone without a word, as people's tablets are.
            pass
        finally:
            listener.gone = True
            del self._listeners[connection]
            self._stalled_s.pop(connection, None)
            if self._receiver is not None:
                self._receiver.forget(peer)

    def _command(self, connection: ServerConnection, listener: Listener, text: str) -> None:
        tree = self._view.refresh()
        heard, why = listener.command(text, tree)
        if why:
            self._refuse(listener, why)
            return
        # What is true now, so that nothing set between a client's reading and its listening is missed.
        for path in heard:
            values = self._view.core.read(path) if tree.addresses[path].kind == "value" else None
            if values is not None:
                listener.keep((path, values), encode(path, values))
        self._send(connection, listener)

    def _refuse(self, listener: Listener, why: str) -> None:
        listener.refused += 1
        self._door.turn_away(f"a client sent {why}", "message")

    # --- what they are sent -------------------------------------------------------------------------------------------------

    def _send_soon(self, connection: ServerConnection) -> None:
        """Have the loop send what waits for a client. Thread: any."""
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._send_now, connection)

    def _send_now(self, connection: ServerConnection) -> None:
        listener = self._listeners.get(connection)
        if listener is not None and listener.waiting:
            self._send(connection, listener)

    def _send(self, connection: ServerConnection, listener: Listener) -> None:
        """Send what waits for a client, unless it has not read what it was sent before."""
        if connection.transport.get_write_buffer_size() > limits.SEND_BYTES:
            return
        packets, values = listener.take()
        for packet in packets:
            # The first write may find that the client has gone; asyncio complains of each one after it.
            if connection.transport.is_closing():
                return
            broadcast((connection,), packet)
        if values:
            # Answers were noted by whoever gave them.
            listener.note("osc out", values)

    def _tell_changed(self, containers: list[str]) -> None:
        """Tell everybody where the namespace changed."""
        for listener in self._listeners.values():
            listener.follow(self._view.tree)
        for path in containers if len(containers) <= limits.CHANGED_PATHS else ("/",):
            broadcast(tuple(self._listeners), say("PATH_CHANGED", path))
            for listener in self._listeners.values():
                listener.note("osc out", (("PATH_CHANGED", (path,)),))

    async def feed(self) -> None:
        """Send what changed, thirty times a second, until it is cancelled."""
        cursor = 0
        while True:
            await asyncio.sleep(limits.FEEDBACK_S)
            try:
                self._view.refresh()
                if self._listeners:
                    cursor, changed = self._view.core.changes(cursor)
                    self._spread(changed)
                    self._drop_stalled()
            except Exception as error:  # noqa: BLE001 - one value that cannot be told must not end the telling of all others
                self._log.say("oscquery", f"values were not sent: {type(error).__name__}: {error}", "feed")

    def _spread(self, changed: Mapping[str, Sequence[Value]]) -> None:
        made: dict[str, tuple[Message, bytes]] = {}
        for connection, listener in tuple(self._listeners.items()):
            for path, values in changed.items():
                if path in listener.paths:
                    if path not in made:
                        made[path] = (path, tuple(values)), encode(path, values)
                    listener.keep(*made[path])
            if listener.waiting:
                self._send(connection, listener)

    def _drop_stalled(self) -> None:
        """End connections whose client has not read for long."""
        now_s = self._loop.time()
        for connection in tuple(self._listeners):
            if connection.transport.get_write_buffer_size() <= limits.SEND_BYTES:
                self._stalled_s.pop(connection, None)
            elif now_s - self._stalled_s.setdefault(connection, now_s) > limits.STALLED_S:
                self.dropped += 1
                self._log.say("oscquery", f"a client that read nothing for {limits.STALLED_S:g} s was dropped", "stalled")
                connection.transport.abort()
