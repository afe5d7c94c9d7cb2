"""Processor time of the stage's processes, read in the screen's process. It knows process ids, not what they do."""

from collections.abc import Callable, Iterable
from typing import Final

import psutil

EVERY_S: Final = 1.0
"""Between two readings: what a performer can follow, and what is left of the noise of a short span."""


class CpuMeter:
    """Per cent of one core that processes use, read once in `EVERY_S`.

    Thread
    ------
    The screen's. A reading takes some tens of microseconds for each process.
    """

    def __init__(self, open_process: Callable[[int], psutil.Process] = psutil.Process) -> None:
        self._open = open_process
        self._processes: dict[int, psutil.Process] = {}
        self._shares: dict[int, float] = {}
        self._read_s = -EVERY_S

    def look(self, pids: Iterable[int], now_s: float) -> None:
        """Read anew, where that is due."""
        if now_s - self._read_s < EVERY_S:
            return
        self._read_s = now_s
        kept = {pid: self._processes[pid] for pid in pids if pid in self._processes}
        self._shares = {pid: share for pid, process in kept.items() if (share := self._share(process)) is not None}
        for pid in pids:
            if pid > 0 and (pid not in kept or pid not in self._shares):
                self._begin(pid, kept)
        self._processes = kept

    def percent(self, pid: int) -> float | None:
        """Per cent of one core, over the last second; None: not known yet, or the process is gone."""
        return self._shares.get(pid)

    def _begin(self, pid: int, kept: dict[int, psutil.Process]) -> None:
        kept.pop(pid, None)
        try:
            kept[pid] = self._open(pid)
        except psutil.Error:
            return
        # The first reading is the beginning of the first span, and says nothing yet.
        self._share(kept[pid])

    @staticmethod
    def _share(process: psutil.Process) -> float | None:
        try:
            return float(process.cpu_percent(None))
        except psutil.Error:
            return None
