"""Signs of life of the processes that share a sweep: who works on which trial, and whether they still do.

::

    journal.log.alive/7    one file for trial 7: "host pid", touched every few seconds

It knows trial numbers and files only. Times are those of the file system that holds the files, so clocks of machines need not agree.
"""

import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["BEAT_S", "STALE_S", "Leases"]

BEAT_S = 10.0
STALE_S = 120.0
"""A process that was silent for so long is dead, or its machine hangs: its trial is given to another."""


class Leases:
    """The signs of life beside a sweep's storage.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    beat_s, stale_s : float

    Thread
    ------
    `hold` starts a thread that touches the file; everything else from any one.
    """

    def __init__(self, folder: Path, *, beat_s: float = BEAT_S, stale_s: float = STALE_S) -> None:
        self._folder = folder
        self._beat_s = beat_s
        self._stale_s = stale_s
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, number: int) -> None:
        """Say that this process works on a trial from now on."""
        (self._folder / str(number)).write_text(f"{_host()} {os.getpid()}", encoding="utf-8")

    def give_back(self, number: int) -> None:
        """Say that it does no more."""
        (self._folder / str(number)).unlink(missing_ok=True)

    @contextmanager
    def hold(self, number: int) -> Iterator[None]:
        """Keep saying that this process works on a trial, and give it back in the end."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(self._beat_s):
                # Another process may have thought this one dead; the disk may be away for a moment.
                with suppress(OSError):
                    os.utime(self._folder / str(number))

        thread = threading.Thread(target=beat, name=f"lease of trial {number}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.give_back(number)

    def abandoned(self, number: int) -> bool:
        """Tell whether nobody works on a trial that was begun."""
        file = self._folder / str(number)
        try:
            host, _, pid = file.read_text(encoding="utf-8").partition(" ")
            touched_s = file.stat().st_mtime
        except FileNotFoundError:
            return True
        if host == _host() and pid.isdecimal() and not _runs(int(pid)):
            return True
        probe = self._folder / f".now.{os.getpid()}.{threading.get_ident()}"
        probe.touch()
        now_s = probe.stat().st_mtime
        probe.unlink(missing_ok=True)
        return now_s - touched_s > self._stale_s


def _host() -> str:
    # Two containers may have one name, and a reboot starts process numbers again.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - a file of the kernel
    except OSError:
        return platform.node().replace(" ", "_") or "unknown"
    return f"{platform.node().replace(' ', '_')}/{boot}/{space}"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        # Somebody else's process: it is there.
        return True
    return True
