"""A screen's end of the control socket: the stage as a `StageLink`. It knows messages, no engine and no widget."""

import math
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from realtime.attach.answers import Answers
from realtime.attach.connection import Connection
from realtime.attach.endpoint import VERSION, read_endpoint
from realtime.attach.errors import AttachError, NoStageError
from realtime.attach.messages import MOST_NUMBER, TO_SCREEN, TO_SCREEN_BYTES, TO_STAGE_BYTES, MessageError, is_value, write_message
from realtime.attach.news import take_news
from realtime.attach.records import from_table
from realtime.attach.told import Told
from realtime.attach.view import PatchView, SoundView, StageView
from realtime.attach.waker import Waker
from realtime.control.address import Value
from realtime.plain import plain
from realtime.version import difference

HOST: Final = "127.0.0.1"
LOOK_S: Final = 0.05
"""Between two views."""
LATE_S: Final = 1.0
"""A view that has not come by then is asked for again."""
OPEN_LIMIT_S: Final = 5.0
CLOSE_LIMIT_S: Final = 1.0
MOST_WAITING_BYTES: Final = 1024 * 1024
"""Of requests: a stage that has stopped reading does not answer any more."""

Then = Callable[[Told], None]
ThenPatches = Callable[[Sequence[PatchView]], None]


class SocketLink:
    """The stage of a folder, over its socket; a `StageLink`.

    Parameters
    ----------
    folder : Path
        The instance folder, with the stage's `stage.json`.

    Thread
    ------
    `open` and `close` from one, before and after everything else; the others: see `StageLink`. Callbacks: the link's own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._view = StageView()
        self._gone = ""
        self._sound = False
        self._traffic = False
        self._wanted: deque[bytes] = deque()
        self._answers = Answers()
        self._looked_s = 0.0
        self._looking = False
        self._first = threading.Event()
        self._stop = threading.Event()
        self._waker: Waker | None = None
        self._connection: Connection | None = None
        self._pid = 0
        self._take: Final[dict[str, Callable[..., None]]] = {
            "welcome": lambda pid: None,
            "refused": self._take_end,
            "bye": self._take_end,
            "view": self._take_view,
            "told": self._take_told,
            "patches": self._take_patches,
        }
        self._thread = threading.Thread(target=self._run, name="attach link", daemon=True)

    def __enter__(self) -> "SocketLink":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Attach, and wait for the first view.

        Raises
        ------
        NoStageError — no stage plays here, or it ended without tidying up.
        AttachError — the stage refuses this screen or does not answer; the file is not to be trusted (`EndpointError`).
        """
        endpoint = read_endpoint(self._folder)
        try:
            opened = socket.create_connection((HOST, endpoint.port), OPEN_LIMIT_S)
        except OSError as error:
            hint = "python -m realtime --resume brings it back, python -m realtime starts another"
            raise NoStageError("the stage that played here has ended", got=error.strerror or str(error), hint=hint) from None
        self._waker = Waker()
        connection = self._connection = Connection(opened, TO_SCREEN, TO_SCREEN_BYTES)
        self._pid = endpoint.pid
        # What goes wrong here goes wrong again in the thread, which says so.
        with suppress(OSError):
            connection.send(write_message("hello", VERSION, endpoint.token))
        self._thread.start()
        answered = self._first.wait(OPEN_LIMIT_S)
        if answered and not self._gone:
            return
        self.close()
        raise AttachError(self._gone or "the stage does not answer", got=f"process {endpoint.pid}")

    def close(self) -> None:
        """Detach: the stage goes on. May be called again."""
        self._stop.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(CLOSE_LIMIT_S)

    def look(self) -> StageView:
        """The newest view; the same object until something newer came."""
        return self._view

    @property
    def gone(self) -> str:
        """Why the stage is not there any more; empty: it is."""
        return self._gone

    def ask(self, path: str, *arguments: Value, then: Then | None = None) -> None:
        """Ask for something; what is refused, clipped, done or answered is told to `then`, values that are taken are not."""
        if self._gone:
            return self._fail(path, arguments, self._gone, then)
        if any(isinstance(value, int) and not is_value(value) for value in arguments):
            return self._fail(path, arguments, f"a whole number too long for a screen; allowed: up to {MOST_NUMBER}", then)
        if not all(math.isfinite(value) for value in arguments if not isinstance(value, str)):
            return self._fail(path, arguments, "not a number", then)
        address = self._view.addresses.get(path)
        sets = address is not None and address.kind == "value"
        line = write_message("ask", self._answers.expect(then, path if sets else ""), path, arguments)
        connection = self._connection
        if len(line) > TO_STAGE_BYTES:
            self._fail(path, arguments, f"too long: {len(line)} bytes; allowed: up to {TO_STAGE_BYTES}", then)
        elif connection is None or connection.out_bytes > MOST_WAITING_BYTES:
            self._fail(path, arguments, "the stage does not answer", then)
        else:
            self._send(line)

    def patches(self, then: ThenPatches) -> None:
        """Have the library read."""
        self._send(write_message("patches", self._answers.expect(then)))

    def want_sound(self, on: bool) -> None:
        """Have the newest frames of the master come along."""
        self._sound = on

    def want_traffic(self, on: bool) -> None:
        """Have the messages come along that went by."""
        self._traffic = on

    def quit(self) -> None:
        """End the stage: it fades, completes its takes and goes."""
        self._send(write_message("quit"))

    # --- parts ------------------------------------------------------------------------------------------------------------------

    def _send(self, line: bytes) -> None:
        self._wanted.append(line)
        self._wake()

    def _wake(self) -> None:
        if self._waker is not None:
            self._waker.wake()

    def _fail(self, path: str, arguments: Sequence[Value], why: str, then: Then | None) -> None:
        """Say so as the stage would: from the link's own thread."""
        if then is not None:
            self._answers.tell(then, Told(path, "failed", tuple(arguments), why))
            self._wake()

    def _lost(self, how: str) -> str:
        return f"the stage (process {self._pid}) has gone ({how}): it was killed; python -m realtime --resume brings back what it played"

    # --- its thread -------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        connection, waker = self._connection, self._waker
        assert connection is not None  # made before the thread, as the waker is
        assert waker is not None
        with selectors.DefaultSelector() as selector:
            selector.register(waker, selectors.EVENT_READ, waker)
            selector.register(connection, selectors.EVENT_READ)
            while not self._stop.is_set() and not self._gone:
                try:
                    self._turn(selector, connection)
                except MessageError as error:
                    another = difference(self._view.version)
                    self._gone = f"what answers is no stage of this version: {error}" + (f"; {another}" if another else "")
                except OSError as error:
                    self._gone = self._lost(error.strerror or str(error))
            with suppress(MessageError, OSError):
                self._hand_over(connection)
            connection.close()
        self._first.set()
        # Whoever still asks is told that there is no stage.
        while not self._stop.is_set():
            self._answers.deliver()
            self._stop.wait(LOOK_S)
        waker.close()

    def _turn(self, selector: selectors.BaseSelector, connection: Connection) -> None:
        now_s = time.monotonic()
        if now_s >= self._looked_s + (LATE_S if self._looking else LOOK_S):
            self._looked_s, self._looking = now_s, True
            connection.send(write_message("look", self._sound, self._traffic))
        self._hand_over(connection)
        selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE * bool(connection.out_bytes))
        due_s = self._looked_s + (LATE_S if self._looking else LOOK_S)
        for key, events in selector.select(max(due_s - now_s, 0.0)):
            if isinstance(key.data, Waker):
                key.data.hear()
                continue
            if events & selectors.EVENT_WRITE:
                connection.flush()
            there = not events & selectors.EVENT_READ or connection.receive()
            for name, arguments in connection.messages():
                self._take[name](*arguments)
            if not there and not self._gone:
                self._gone = self._lost("without a word")
        self._answers.deliver()

    def _hand_over(self, connection: Connection) -> None:
        while self._wanted:
            connection.send(self._wanted.popleft())

    def _take_view(self, news: dict[str, Any]) -> None:
        view = take_news(self._view, news)
        if not self._sound and view.sound.frames:
            view = replace(view, sound=SoundView())
        self._view, self._looking = view, False
        self._first.set()

    def _take_told(self, number: int, path: str, state: str, values: list[Value], why: str) -> None:
        shown = tuple(plain(value) if isinstance(value, str) else value for value in values)
        self._answers.take(number, Told(plain(path), state, shown, plain(why)))

    def _take_patches(self, number: int, tables: list[dict[str, Any]]) -> None:
        self._answers.take(number, tuple(from_table(PatchView, table) for table in tables))

    def _take_end(self, why: str) -> None:
        self._gone = self._gone or plain(why)
