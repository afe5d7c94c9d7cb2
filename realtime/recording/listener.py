"""From the taps to the reel, all tracks at the same frames. It knows taps and a reel, no thread and no file."""

from collections.abc import Sequence
from typing import Protocol

from realtime.kernels.views import Floats
from realtime.recording.reel import Reel


class TapReader(Protocol):
    """What is listened to: see `realtime.tap`."""

    @property
    def dropped_frames(self) -> int:
        """Frames that found no room, since the stream opened."""

    @property
    def frame(self) -> int:
        """Frame of the stage clock at which the last read began."""

    def read(self) -> Floats:
        """All frames since the last read, shape (T, 2)."""


class Listener:
    """Moves what the taps hold to the reel.

    A tap that was not read in time has dropped its newest frames: silence of the same length stands for them, so that tracks stay together.
    Thread: one at a time.
    """

    def __init__(self, taps: Sequence[TapReader], reel: Reel) -> None:
        self._taps = taps
        self._reel = reel
        self._dropped = [tap.dropped_frames for tap in taps]
        self.origin_frame = 0
        """Frame of the stage clock at which the reel began; right once `reel.head` is not 0."""

    def drain(self) -> int:
        """Take all there is; returns how many frames were dropped since the last time, of the track that lost most."""
        lost = 0
        for track, tap in enumerate(self._taps):
            frames = tap.read()
            if track == 0 and len(frames) and self._reel.head == 0:
                self.origin_frame = tap.frame
            self._reel.append(track, frames)
            # A tap drops while it is full, that is, after all that was just read.
            dropped = tap.dropped_frames
            count = dropped - self._dropped[track]
            if count:
                self._dropped[track] = dropped
                self._reel.append_silence(track, count)
                lost = max(lost, count)
        return lost
