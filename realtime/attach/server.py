"""The stage's end of the control socket: who is let in and who is closed out. It knows connections, not what is asked for.

One thread does all of it and waits for nothing but sockets. A screen asks for a view when it wants one, so one that stands still is sent
nothing. Whatever a client does, the worst that comes of it is that its connection is closed.
"""

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from realtime.attach.connection import Connection
from realtime.attach.endpoint import Endpoint, new_token, remove_endpoint, write_endpoint
from realtime.attach.guest import Desk, Guest
from realtime.attach.librarian import Librarian
from realtime.attach.messages import TO_STAGE, TO_STAGE_BYTES, MessageError
from realtime.attach.viewer import Viewer
from realtime.attach.waker import Waker
from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog

HOST: Final = "127.0.0.1"
MOST_SCREENS: Final = 8
MOST_STRANGERS: Final = 16
"""Connections that have not said the token yet; one more, and the oldest of them goes, so that none of them keeps a screen out."""
BACKLOG: Final = 64
IDLE_S: Final = 0.5
STUMBLE_S: Final = 0.1
"""After something unforeseen, or when the system has no room for one more connection."""
JOIN_LIMIT_S: Final = 2.0
CHANNEL: Final = "screen"


class AttachServer:
    """Lets screens in.

    Parameters
    ----------
    viewer : Viewer
        Used by the server's thread only.
    core : ControlCore
    log : EventLog

    Thread
    ------
    `start` and `close` from one; `screens` and `quit_asked` from any.
    """

    def __init__(self, viewer: Viewer, core: ControlCore, log: EventLog) -> None:
        self.quit_asked = threading.Event()
        """A screen has asked to end the show."""
        self._viewer = viewer
        self._core = core
        self._log = log
        self._guests: list[Guest] = []
        self._posted: deque[tuple[Guest, Callable[[], None]]] = deque()
        self._stop = threading.Event()
        self._place: tuple[Path, Endpoint] | None = None
        self._desk: Desk | None = None
        self._selector = selectors.DefaultSelector()
        self._waker = Waker()
        self._selector.register(self._waker, selectors.EVENT_READ)
        self._door: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="attach", daemon=True)

    @property
    def screens(self) -> int:
        """Screens that are attached now."""
        return sum(guest.attached for guest in tuple(self._guests))

    def start(self, folder: Path) -> None:
        """Listen, and write where into `folder`.

        Raises
        ------
        EndpointError — the folder takes no file.
        OSError — there is no port to be had.
        """
        door = self._door = socket.create_server((HOST, 0), backlog=BACKLOG)
        door.setblocking(False)
        endpoint = Endpoint(int(door.getsockname()[1]), new_token(), os.getpid())
        write_endpoint(folder, endpoint)
        self._place = folder, endpoint
        self._desk = Desk(
            endpoint.token,
            lambda: self.screens < MOST_SCREENS,
            self._viewer,
            self._core,
            Librarian(),
            self._post,
            self.quit_asked.set,
        )
        self._selector.register(door, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Tell every screen that the stage ends, and close the door. May be called again, and without `start`."""
        if self._place is not None:
            remove_endpoint(*self._place)
            self._place = None
        self._stop.set()
        self._waker.wake()
        if self._thread.is_alive():
            self._thread.join(JOIN_LIMIT_S)
        if self._door is not None:
            self._door.close()
            self._door = None
        if not self._thread.is_alive():
            self._waker.close()
            self._selector.close()

    # --- its thread -------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - without this thread no screen is ever answered again: it says so and goes on
                self._log.say(CHANNEL, f"the control socket stumbled and goes on: {type(error).__name__}: {error}", "stumble")
                self._stop.wait(STUMBLE_S)
        for guest in self._guests:
            guest.end("bye", "the stage has ended")
        self._guests.clear()

    def _turn(self) -> None:
        due_s = min((guest.due_s() for guest in self._guests), default=float("inf"))
        for key, events in self._selector.select(min(max(due_s - time.monotonic(), 0.0), IDLE_S)):
            if isinstance(key.data, Guest):
                self._serve(key.data, events)
            elif key.fileobj is self._waker:
                self._waker.hear()
            else:
                self._accept()
        # What is posted meanwhile has its turn next time: the bell has rung again.
        for _ in range(len(self._posted)):
            guest, call = self._posted.popleft()
            with self._closing(guest):
                if not guest.closed:
                    call()
        now_s = time.monotonic()
        for guest in tuple(self._guests):
            with self._closing(guest):
                guest.look_after(now_s)
                self._watch(guest)

    def _post(self, guest: Guest, call: Callable[[], None]) -> None:
        """Thread: any."""
        self._posted.append((guest, call))
        self._waker.wake()

    def _accept(self) -> None:
        """Let a stranger in; when there are too many, the one goes who has been one for longest."""
        assert self._door is not None  # it is what was waited for
        assert self._desk is not None
        try:
            opened, _ = self._door.accept()
        except BlockingIOError:
            return
        except OSError as error:
            # No room for one more file: it would be offered again at once.
            self._log.say(CHANNEL, f"a screen could not be let in: {error}", "accept")
            self._stop.wait(STUMBLE_S)
            return
        strangers = [guest for guest in self._guests if not guest.attached]
        if len(strangers) >= MOST_STRANGERS:
            self._drop(strangers[0])
        try:
            guest = Guest(Connection(opened, TO_STAGE, TO_STAGE_BYTES), self._desk, time.monotonic())
        except OSError:
            # It has gone already.
            opened.close()
            return
        self._guests.append(guest)
        self._watch(guest)

    def _serve(self, guest: Guest, events: int) -> None:
        """Do what a socket is ready for."""
        with self._closing(guest):
            now_s = time.monotonic()
            if events & selectors.EVENT_WRITE:
                guest.flush(now_s)
            if events & selectors.EVENT_READ:
                there = guest.connection.receive()
                guest.take(now_s)
                if not there:
                    self._drop(guest)

    def _watch(self, guest: Guest) -> None:
        """Wait for what a guest's socket is wanted for now."""
        wanted = selectors.EVENT_READ * guest.listens | selectors.EVENT_WRITE * bool(guest.connection.out_bytes)
        if guest.closed or wanted == guest.watched:
            return
        if not guest.watched:
            self._selector.register(guest.connection, wanted, guest)
        elif wanted:
            self._selector.modify(guest.connection, wanted, guest)
        else:
            self._selector.unregister(guest.connection)
        guest.watched = wanted

    @contextmanager
    def _closing(self, guest: Guest) -> Iterator[None]:
        """Close the connection where what is done for it goes wrong."""
        try:
            yield
        except MessageError as error:
            self._log.say(CHANNEL, f"a connection to the control socket was closed: {error}", f"closed {error.what}")
            self._drop(guest, str(error))
        except OSError:
            self._drop(guest)

    def _drop(self, guest: Guest, why: str = "") -> None:
        if guest.closed:
            return
        if guest.attached:
            self._log.say(CHANNEL, "a screen was closed", "left")
        if guest.watched:
            self._selector.unregister(guest.connection)
        guest.end("refused" if why else "", why)
        self._guests.remove(guest)
