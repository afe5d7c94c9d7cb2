"""The OSCQuery server: HTTP and WebSocket on one port, in a thread of its own. It knows the control core, not the stage.

Plain requests are answered from the tree (`requests.py`); a WebSocket takes LISTEN and IGNORE in JSON and OSC packets in binary, and is
sent values, answers and PATH_CHANGED (`audience.py`). What a client may cost is in `limits.py`.
"""

import asyncio
import contextlib
import functools
import logging
import socket
import threading
from dataclasses import dataclass
from typing import Any, cast

from websockets.asyncio.server import ServerConnection, serve

from realtime.control.event_log import EventLog
from realtime.control.traffic import Traffic
from realtime.errors import OptionError
from realtime.oscquery import limits
from realtime.oscquery.announce import Announcement, host_label
from realtime.oscquery.audience import Audience, Receiver
from realtime.oscquery.door import Door, GuardedConnection
from realtime.oscquery.requests import Requests
from realtime.oscquery.view import Core, View

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9001
MAX_PORT = 65_535
START_LIMIT_S = 10.0
CLOSE_LIMIT_S = 12.0
GOING_AWAY = 1001
"""Close code of RFC 6455, 7.4.1."""


@dataclass(frozen=True)
class OscQuerySnapshot:
    """The server in numbers."""

    port: int
    connections: int
    listeners: int
    requests: int
    refused: int
    """Connections, requests and messages that were turned away."""
    dropped: int
    """Listeners that did not read what was sent to them."""
    announced: bool


class OscQueryServer:
    """Serves the namespace.

    Parameters
    ----------
    core : ControlCore
    osc_port : int
        UDP port of the OSC server, for HOST_INFO and the announcement; 0: there is none.
    host, port : str, int
        Where to listen; port 0 chooses a free one.
    log : EventLog
    receiver : OscReceiver, optional
        Takes OSC packets that come by WebSocket. None: they are refused.
    traffic : Traffic, optional
        Is told of every message of LISTEN; of OSC packets the receiver tells.
    announce : bool
        Whether to be found by multicast DNS.

    Thread
    ------
    `start` and `close` from one; everything else happens in the thread "oscquery".
    """

    def __init__(
        self,
        core: Core,
        osc_port: int,
        host: str,
        port: int,
        log: EventLog,
        receiver: Receiver | None = None,
        traffic: Traffic | None = None,
        *,
        announce: bool = True,
    ) -> None:
        self._core = core
        self._osc_port = osc_port
        self._host = host
        self._log = log
        self._receiver = receiver
        self._traffic = traffic or Traffic()
        self._announce = announce
        self.port = port
        """The real one, once it has started."""
        self.name = f"Starling on {host_label()}"
        self._door = Door(log)
        self._requests: Requests | None = None
        self._audience: Audience | None = None
        self._announcement: Announcement | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen.

        Raises
        ------
        OptionError — the host is not one of this machine, or the port is taken.
        """
        listening = _bind(self._host, self.port)
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(listening,), name="oscquery", daemon=True)
        self._thread.start()
        self._ready.wait(START_LIMIT_S)

    def close(self) -> None:
        """End all connections, take the announcement back and end the thread. May be called again."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            # The loop may have ended by itself.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(CLOSE_LIMIT_S)

    def snapshot(self) -> OscQuerySnapshot:
        """The server in numbers, now. Thread: any."""
        requests, audience, announcement = self._requests, self._audience, self._announcement
        return OscQuerySnapshot(
            self.port,
            len(self._door),
            0 if audience is None else len(audience),
            0 if requests is None else requests.count,
            self._door.refused,
            0 if audience is None else audience.dropped,
            announcement is not None and announcement.is_heard,
        )

    def _run(self, listening: socket.socket) -> None:
        # Without a handler, Python would print what asyncio logs.
        asyncio_logger, handler = logging.getLogger("asyncio"), _ToEventLog(self._log)
        asyncio_logger.addHandler(handler)
        try:
            asyncio.run(self._serve(listening))
        except Exception as error:  # noqa: BLE001 - the thread's end is the only place left to say why
            self._log.say("oscquery", f"OSCQuery ended: {type(error).__name__}: {error}")
        finally:
            asyncio_logger.removeHandler(handler)
            self._ready.set()
            listening.close()

    async def _serve(self, listening: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._hear_of)
        self._stop = asyncio.Event()
        view = View(self._core)
        requests = self._requests = Requests(view, self._door, self.name, self._osc_port, self.port)
        audience = self._audience = Audience(view, self._door, self._log, self._receiver, self._traffic)
        announcement = self._announcement = Announcement(self.name, self._host, (self.port, self._osc_port), self._log)
        server = await serve(audience.hear, **self._options(listening, requests))
        tasks = [asyncio.create_task(audience.feed())]
        if self._announce:
            tasks.append(asyncio.create_task(announcement.keep()))
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            server.close(code=GOING_AWAY)
            # Lets it write the close frames before the connections are cut.
            await asyncio.sleep(0)
            await announcement.close()
            self._door.empty()
            await server.wait_closed()

    def _options(self, listening: socket.socket, requests: Requests) -> dict[str, Any]:
        """What `serve` is told: every limit that the library keeps for us."""
        return {
            "sock": listening,
            "backlog": limits.SOCKET_BACKLOG,
            "process_request": requests.answer,
            # A few bytes get no smaller, and every compressed connection holds a window of its own.
            "compression": None,
            "server_header": None,
            "open_timeout": limits.OPEN_TIMEOUT_S,
            "close_timeout": limits.CLOSE_TIMEOUT_S,
            "ping_interval": limits.PING_S,
            "ping_timeout": limits.PING_S,
            "max_size": limits.MESSAGE_BYTES,
            "logger": _logger(self._log),
            "create_connection": cast("type[ServerConnection]", functools.partial(GuardedConnection, door=self._door)),
        }

    def _hear_of(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Say what went wrong in the loop: too many open files, a connection reset at a bad moment."""
        error = context.get("exception")
        self._log.say("oscquery", f"{context.get('message', 'fault')}: {error}" if error else str(context.get("message")), "loop")


class _ToEventLog(logging.Handler):
    """Takes a library's log lines to the event log."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, once."""
        error = record.exc_info[1] if record.exc_info else None
        self._log.say("oscquery", f"{record.getMessage()}: {error}" if error else record.getMessage(), record.getMessage())


def _logger(log: EventLog) -> logging.Logger:
    """A logger for the library whose errors come to the event log, once each, and never to the screen."""
    logger = logging.Logger("oscquery", logging.ERROR)
    logger.addHandler(_ToEventLog(log))
    return logger


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises
    ------
    OptionError — it cannot be had.
    """
    try:
        if not host:
            # getaddrinfo would take it for every interface there is.
            raise ValueError("no host")
        if not 0 <= port <= MAX_PORT:
            # getaddrinfo would take it modulo 65536.
            raise ValueError(f"ports go from 0 to {MAX_PORT}")
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address[:2], family=family, backlog=limits.SOCKET_BACKLOG)
    except (OSError, OverflowError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise OptionError(
            f"OSCQuery cannot listen: {why}",
            got=f"{host} port {port}",
            allowed="a host of this machine and a free TCP port",
            hint="choose another with --oscquery-port, or close the program that has it",
        ) from error
    # Connections inherit it. See SEND_BUFFER_BYTES.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.SEND_BUFFER_BYTES)
    return listening
