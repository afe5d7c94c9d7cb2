"""What `python -m realtime machine` says, read without holding anything up. It knows the command, not what it finds."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Final

from realtime.plain import plain

COMMAND: Final = (sys.executable, "-m", "realtime", "machine")
MOST_S: Final = 60.0
"""A sound system that does not answer for this long will not."""
LOWEST_PRIORITY: Final = 19
"""The show comes first."""
MORE: Final = "python -m realtime doctor says more"


class MachineReport:
    """One reading of the report, in a process and a thread of its own.

    Parameters
    ----------
    then : callable
        Gets the lines, or one that says why there are none. Called once, on the reading thread.
    command : sequence of str
        What is run.

    Thread
    ------
    `close`: the screen's.
    """

    def __init__(self, then: Callable[[tuple[str, ...]], None], command: Sequence[str] = COMMAND) -> None:
        self._then = then
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError as error:
            then((f"-> the machine could not be looked at: {error.strerror}; {MORE}",))
            return
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, LOWEST_PRIORITY)
        self._thread = threading.Thread(target=self._read, args=(self._process,), name="machine-report", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it, if it still runs; no process is left."""
        if self._process is not None:
            self._process.kill()
            self._thread.join()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        with process:
            try:
                told, _ = process.communicate(timeout=MOST_S)
            except subprocess.TimeoutExpired:
                process.kill()
                self._then((f"-> no answer within {MOST_S:g} s: the sound system may hang; {MORE}",))
                return
        lines = [plain(line) for line in told.decode("utf-8", "replace").splitlines()]
        if process.returncode:
            lines.append(f"-> the look at the machine ended with code {process.returncode}; {MORE}")
        self._then(tuple(lines))
