"""Reads the library of patches aside: it is on a disk, which may take its time. It knows no connection."""

import threading
from collections.abc import Callable
from typing import Any

from patches.errors import PatchError
from realtime.attach.library import library
from realtime.attach.records import to_table
from realtime.attach.view import PatchView

Tables = list[dict[str, Any]]


class Librarian:
    """Reads while somebody waits; who comes meanwhile waits for the next reading.

    Thread
    ------
    `ask` from any; reading, and telling, is done in a thread that ends when nobody waits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Callable[[Tables], None]] = []
        self._reading = False

    def ask(self, then: Callable[[Tables], None]) -> None:
        """Have `then` called with every patch there is, as tables of `PatchView`. One without a slug says why there are none.

        `then` must not raise.
        """
        with self._lock:
            self._waiting.append(then)
            begin, self._reading = not self._reading, True
        if begin:
            threading.Thread(target=self._read, name="attach library", daemon=True).start()

    def _read(self) -> None:
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if not waiting:
                    self._reading = False
                    return
            tables = _tables()
            for then in waiting:
                then(tables)


def _tables() -> Tables:
    try:
        return [to_table(patch) for patch in library()]
    except (PatchError, OSError) as error:
        return [to_table(PatchView("", error=str(error)))]
