"""The last minute of every track in memory: what a pre-roll is saved from and what a recording waits in. It knows frames, no files.

A recording has no queue of its own: its writer reads here, and may be late by as much as the reel holds.
"""

import threading
from collections.abc import Sequence

import numpy as np

from realtime.kernels.layout import CHANNELS
from realtime.kernels.views import Floats


class Reel:
    """An endless loop of tape for several tracks that run together.

    Owner: one thread appends; any may read.
    Capacity: `capacity_frames` per track, all of it taken from the system at once, so that it does not grow during the show.
    Frames count from the first one appended. Thread: any; one lock, held while at most one piece is copied.
    """

    def __init__(self, tracks: int, capacity_frames: int) -> None:
        self.tracks = tracks
        self.capacity_frames = capacity_frames
        self._lock = threading.Lock()
        self._heads = [0] * tracks
        self._tape = np.empty((tracks, capacity_frames, CHANNELS), np.float32)
        # Writing is what makes the system hand over the pages.
        self._tape.fill(0.0)

    @property
    def head(self) -> int:
        """Frames there have been, of every track."""
        return min(self._heads)

    @property
    def oldest(self) -> int:
        """First frame that is still there."""
        return max(0, max(self._heads) - self.capacity_frames)

    def append(self, track: int, frames: Floats) -> None:
        """Put frames, shape (T, 2), at the end of a track."""
        skipped = max(len(frames) - self.capacity_frames, 0)
        if skipped:
            self._put(track, skipped, None)
        self._put(track, len(frames) - skipped, frames[skipped:])

    def append_silence(self, track: int, count: int) -> None:
        """Put frames of silence at the end of a track, any number."""
        self._put(track, count, None)

    def read(self, track: int, start: int, count: int) -> tuple[Floats, int]:
        """Copy frames from `start` on, which end at `head` at most.

        Returns
        -------
        float32 array, shape (count, 2), and int: how many of them are not there any more, and silent.
        """
        out = np.zeros((count, CHANNELS), np.float32)
        with self._lock:
            lost = min(max(self._heads[track] - self.capacity_frames - start, 0), count)
            for slot, place, length in self._pieces(start + lost, count - lost):
                out[lost + place : lost + place + length] = self._tape[track, slot : slot + length]
        return out, lost

    def _put(self, track: int, count: int, frames: Floats | None) -> None:
        with self._lock:
            head = self._heads[track]
            first = head + max(count - self.capacity_frames, 0)
            for slot, place, length in self._pieces(first, head + count - first):
                self._tape[track, slot : slot + length] = 0.0 if frames is None else frames[place : place + length]
            self._heads[track] = head + count

    def _pieces(self, start: int, count: int) -> Sequence[tuple[int, int, int]]:
        """Where `count` frames from `start` stand: (slot, place among them, length)."""
        slot = start % self.capacity_frames
        first = min(count, self.capacity_frames - slot)
        return ((slot, 0, first), (0, first, count - first))
