"""Where the sound of a corpus lies: in memory, in a file of 16-bit samples, or in several of those behind each other.

It knows frames and channels, not units. A read never fails: what is not there is silence, and is counted.
"""

import os
import weakref
from pathlib import Path
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from patches.reader import open_plain
from realtime.errors import VoiceError
from realtime.kernels.views import Floats

BUFFER_FRAMES = 4096
"""Frames read at once: more than a step of most patches, little enough to stay in the first-level cache."""
SAMPLE_BYTES = 2
FULL_SCALE = 32768


class AudioSource(Protocol):
    """Frames that can be read from any place.

    Attributes
    ----------
    frames : int
        How many there are.
    channels : int
        1 or 2.
    Thread
    ------
    One reader, the deck's.
    """

    frames: int
    channels: int

    @property
    def faults(self) -> int:
        """Reads that found less than was there when the source was opened."""

    def read(self, start: int, out: Floats) -> None:
        """Fill `out` with the frames from `start` on.

        Parameters
        ----------
        start : int
            Any; what lies outside of the source is silence.
        out : float32 array, shape (n, 1 or 2), linear amplitude
            Overwritten completely. Mono is doubled for two channels, stereo is averaged for one.

        Raises
        ------
        Nothing: what cannot be read is silence, counted in `faults`.
        """

    def changed(self) -> str:
        """Say what has happened to the file since it was opened; "" where nothing has. Costs a system call: not for every step."""

    def gone(self) -> list[tuple[int, int]]:
        """First and last-plus-one frame of each stretch that was there when the source was opened and is not any more."""

    def close(self) -> None:
        """Let go of the file; reads are silence afterwards."""


class MemorySource:
    """Sound that is in memory as it will be played.

    Parameters
    ----------
    audio : float32 array, shape (T, 1 or 2), linear amplitude
        Kept, not copied.
    """

    def __init__(self, audio: Floats) -> None:
        self.audio = np.ascontiguousarray(audio, np.float32)
        self.frames, self.channels = self.audio.shape
        self.faults = 0

    def read(self, start: int, out: Floats) -> None:
        """See `AudioSource.read`."""
        _copy(self.audio, start, out)

    def changed(self) -> str:
        """Memory does not change."""
        return ""

    def gone(self) -> list[tuple[int, int]]:
        """Nor does it get less."""
        return []

    def close(self) -> None:
        """Nothing to let go of."""


class FileSource:
    """Sound in a file of interleaved little-endian 16-bit samples, read where and when it is played.

    It is read, not mapped: to touch a page of a mapped file that was truncated or whose disk was pulled out ends the whole process, while
    a read comes back short. The file stays open, so it may be renamed, replaced or deleted: what was opened is what is heard.

    Parameters
    ----------
    path : Path
    channels : int
        1 or 2.
    frames : int
        As many as the file must hold.

    Raises
    ------
    VoiceError — the file has another size.
    PatchError — it is missing, a link, or cannot be opened.

    Capacity
    --------
    `BUFFER_FRAMES`; a longer read goes in pieces.
    """

    def __init__(self, path: Path, channels: int, frames: int) -> None:
        self.path = path
        self.channels = channels
        self.frames = frames
        self.faults = 0
        self._frame_bytes = SAMPLE_BYTES * channels
        stream = open_plain(path)
        # Unbuffered: a buffer between would only be copied once more.
        self._file = os.fdopen(os.dup(stream.fileno()), "rb", buffering=0)
        stream.close()
        # A voice that is dropped lets go of its file without being asked to.
        weakref.finalize(self, self._file.close)
        self._opened = os.fstat(self._file.fileno())
        if self._opened.st_size != frames * self._frame_bytes:
            self._file.close()
            raise VoiceError(
                f"{path}: another length than its corpus says",
                got=f"{self._opened.st_size} bytes",
                allowed=f"{frames * self._frame_bytes}",
                hint="copy the corpus again, it may be cut short",
            )
        self._samples: NDArray[np.int16] = np.zeros(BUFFER_FRAMES * channels, np.dtype("<i2"))
        self._bytes = self._samples.data.cast("B")
        _convert(self._samples, 0, channels, np.zeros((1, 2), np.float32))

    def read(self, start: int, out: Floats) -> None:
        """See `AudioSource.read`."""
        total = out.shape[0]
        done = 0
        while done < total:
            count = min(BUFFER_FRAMES, total - done)
            self._read_piece(start + done, out[done : done + count])
            done += count

    def _read_piece(self, start: int, out: Floats) -> None:
        first, last = max(start, 0), min(start + out.shape[0], self.frames)
        if last <= first:
            out.fill(0.0)
            return
        wanted = (last - first) * self._frame_bytes
        got = self._fill(first * self._frame_bytes, wanted)
        if got < wanted:
            self.faults += 1
            self._bytes[got:wanted] = bytes(wanted - got)
        head, tail = first - start, last - start
        out[:head] = 0.0
        out[tail:] = 0.0
        _convert(self._samples, 0, self.channels, out[head:tail])

    def _fill(self, offset: int, wanted: int) -> int:
        """Read bytes into the buffer and return how many came; a disk that is gone gives none."""
        got = 0
        try:
            self._file.seek(offset)
            while got < wanted:
                count = self._file.readinto(self._bytes[got:wanted])
                if not count:
                    break
                got += count
        except (OSError, ValueError):  # ValueError: the file was closed
            pass
        return got

    def changed(self) -> str:
        """See `AudioSource.changed`."""
        try:
            now = self.path.stat()
        except OSError as error:
            return f"{self.path}: {error.strerror or error}"
        if not os.path.samestat(now, self._opened):
            return f"{self.path}: another file has taken its place"
        if now.st_size != self._opened.st_size:
            return f"{self.path}: {now.st_size} bytes, {self._opened.st_size} when it was opened"
        if now.st_mtime_ns != self._opened.st_mtime_ns:
            return f"{self.path}: written to since it was opened"
        return ""

    def gone(self) -> list[tuple[int, int]]:
        """See `AudioSource.gone`: a file that was cut short. One that was deleted or replaced is still whole for whoever has it open."""
        try:
            left = os.fstat(self._file.fileno()).st_size // self._frame_bytes
        except (OSError, ValueError):
            left = 0
        return [(left, self.frames)] if left < self.frames else []

    def close(self) -> None:
        """See `AudioSource.close`."""
        self._file.close()


class JoinedSource:
    """Several sources behind each other. Whoever must not run on from one file into the next knows where its file ends.

    Parameters
    ----------
    sources : tuple of AudioSource
        At least one. It has the channels of the widest.
    """

    def __init__(self, sources: tuple[AudioSource, ...]) -> None:
        self.sources = sources
        self.channels = max(source.channels for source in sources)
        starts = [0]
        for source in sources:
            starts.append(starts[-1] + source.frames)
        self.starts = tuple(starts)
        self.frames = starts[-1]

    @property
    def faults(self) -> int:
        """Of all sources together."""
        return sum(source.faults for source in self.sources)

    def read(self, start: int, out: Floats) -> None:
        """See `AudioSource.read`."""
        stop = start + out.shape[0]
        if start < 0:
            out[: min(-start, out.shape[0])] = 0.0
        for index, source in enumerate(self.sources):
            begin, end = self.starts[index], self.starts[index + 1]
            first, last = max(start, begin), min(stop, end)
            if first < last:
                source.read(first - begin, out[first - start : last - start])
        if stop > self.frames:
            out[max(self.frames - start, 0) :] = 0.0

    def changed(self) -> str:
        """See `AudioSource.changed`; the first that has."""
        return next((said for source in self.sources if (said := source.changed())), "")

    def gone(self) -> list[tuple[int, int]]:
        """See `AudioSource.gone`."""
        return [
            (begin + first, begin + last) for begin, source in zip(self.starts, self.sources, strict=False) for first, last in source.gone()
        ]

    def close(self) -> None:
        """See `AudioSource.close`."""
        for source in self.sources:
            source.close()


@njit("void(float32[:, ::1], int64, float32[:, ::1])", cache=True, nogil=True)
def _copy(audio: Floats, start: int, out: Floats) -> None:
    """Copy frames, with silence outside; channels as `AudioSource.read` says. Thread: the deck's; allocates nothing."""
    total, channels = audio.shape
    wide = out.shape[1]
    for i in range(out.shape[0]):
        at = start + i
        inside = 0 <= at < total
        for c in range(wide):
            if not inside:
                out[i, c] = np.float32(0.0)
            elif wide == 1 and channels == 2:
                out[i, c] = np.float32(0.5) * (audio[at, 0] + audio[at, 1])
            else:
                out[i, c] = audio[at, min(c, channels - 1)]


@njit("void(int16[::1], int64, int64, float32[:, ::1])", cache=True, nogil=True)
def _convert(samples: NDArray[np.int16], first: int, channels: int, out: Floats) -> None:
    """Turn interleaved 16-bit samples into frames in [-1, 1). Thread: the deck's; allocates nothing."""
    scale = np.float32(1.0 / FULL_SCALE)
    wide = out.shape[1]
    for i in range(out.shape[0]):
        at = (first + i) * channels
        for c in range(wide):
            if wide == 1 and channels == 2:
                out[i, c] = np.float32(0.5) * (np.float32(samples[at]) + np.float32(samples[at + 1])) * scale
            else:
                out[i, c] = np.float32(samples[at + min(c, channels - 1)]) * scale
