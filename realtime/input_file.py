"""A sound file heard as if it were the live input, for renders. It knows frames of the device's clock, not who listens."""

from pathlib import Path

import numpy as np
import soxr

from realtime.kernels.views import Floats
from realtime.seed_clip import mono_block, open_clip

_READ_FRAMES = 1 << 14


class InputFile:
    """A sound file as a stream at the device's rate, read as it is needed; after its end there is silence.

    Parameters
    ----------
    path : Path
        Anything libsndfile reads, at any rate, with any number of channels: their mean is heard.
    rate_hz : int
        The device's.

    Raises
    ------
    ClipError — missing or no audio; from `until`: broken, or with samples that are no numbers.

    Thread
    ------
    The renderer's. Each deck has one of its own.
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._path = path
        self._file = open_clip(path)
        source_hz = int(self._file.samplerate)
        self._resampler = None if source_hz == rate_hz else soxr.ResampleStream(source_hz, rate_hz, 1, dtype="float32", quality="HQ")
        self._ahead: Floats = np.zeros(0, np.float32)
        self._position = 0
        self._ended = False

    def until(self, frame: int) -> Floats:
        """What is heard from where the last call ended up to a frame of the device's clock, float32, shape (T,)."""
        count = max(frame - self._position, 0)
        while len(self._ahead) < count and not self._ended:
            self._read()
        heard = np.zeros(count, np.float32)
        there = min(count, len(self._ahead))
        heard[:there] = self._ahead[:there]
        self._ahead = self._ahead[there:]
        self._position += count
        return heard

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _read(self) -> None:
        block = mono_block(self._path, self._file, _READ_FRAMES)
        self._ended = len(block) == 0
        if self._resampler is not None:
            block = np.asarray(self._resampler.resample_chunk(block, last=self._ended), np.float32).reshape(-1)
        self._ahead = np.concatenate([self._ahead, block])
