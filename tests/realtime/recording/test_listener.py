import numpy as np

from realtime.recording.listener import Listener
from realtime.recording.reel import Reel


class MemoryTap:
    """A tap with a ring of its own size, filled by hand."""

    def __init__(self, capacity: int, frame: int = 1_000) -> None:
        self.capacity = capacity
        self.dropped_frames = 3  # from before anybody listened
        self.frame = frame
        self._waiting = np.zeros((0, 2), np.float32)

    def hear(self, frames: np.ndarray) -> None:
        kept = frames[: self.capacity - len(self._waiting)]
        self._waiting = np.concatenate([self._waiting, kept])
        self.dropped_frames += len(frames) - len(kept)

    def read(self) -> np.ndarray:
        frames, self._waiting = self._waiting, np.zeros((0, 2), np.float32)
        return frames


def ones(count: int) -> np.ndarray:
    return np.ones((count, 2), np.float32)


def test_all_tracks_stay_together_through_a_gap() -> None:
    master, stem = MemoryTap(100), MemoryTap(40)
    reel = Reel(2, 1_000)
    listener = Listener([master, stem], reel)
    for tap in (master, stem):
        tap.hear(ones(60))
    assert listener.drain() == 20
    for tap in (master, stem):
        tap.hear(2 * ones(10))
    assert listener.drain() == 0
    assert reel.head == 70
    stem_track, _ = reel.read(1, 0, 70)
    assert stem_track[:, 0].tolist() == [1.0] * 40 + [0.0] * 20 + [2.0] * 10
    assert reel.read(0, 0, 70)[0][:, 0].tolist() == [1.0] * 60 + [2.0] * 10


def test_knows_when_the_reel_began() -> None:
    tap = MemoryTap(100)
    listener = Listener([tap], Reel(1, 1_000))
    listener.drain()
    tap.frame = 4_711
    tap.hear(ones(5))
    listener.drain()
    tap.frame = 4_716
    tap.hear(ones(5))
    listener.drain()
    assert listener.origin_frame == 4_711
