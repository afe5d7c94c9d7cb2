"""A WAV file of 32-bit floats that plays at any moment while it grows. It knows the container, not whose sound it is.

The header is right for what is in the file after every `update`; who is killed between two leaves a file that is a little longer than its
header says, which every player takes. Past 4 GB the place kept by a `JUNK` chunk becomes the `ds64` of RF64.
"""

import struct

import numpy as np

from realtime.kernels.layout import CHANNELS
from realtime.kernels.views import Floats
from realtime.recording.disk_file import DiskFile

_FRAME_BYTES = 4 * CHANNELS
_IEEE_FLOAT = 3
_UNKNOWN = 0xFFFF_FFFF
_LAYOUT = "<4sI4s 4sIQQQI 4sIHHIIHHH 4sII 4sI"
"""RIFF · JUNK or ds64 · fmt · fact · data."""
HEADER_BYTES = struct.calcsize(_LAYOUT)
LIMIT_BYTES = 0xFFFF_FFFE
"""What a RIFF can count."""


def wav_header(sample_rate_hz: int, frames: int, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """The header of a stereo float file with `frames` frames.

    Source
    ------
    EBU Tech 3306 (RF64); Microsoft Multimedia Programming Interface 1.0 and New Multimedia Data Types (fmt and fact of IEEE float).
    """
    data_bytes = frames * _FRAME_BYTES
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    long = riff_bytes > limit_bytes
    counts = (riff_bytes, data_bytes, frames) if long else (0, 0, 0)
    return struct.pack(
        _LAYOUT,
        *(b"RF64" if long else b"RIFF", _UNKNOWN if long else riff_bytes, b"WAVE"),
        *(b"ds64" if long else b"JUNK", 28, *counts, 0),
        *(b"fmt ", 18, _IEEE_FLOAT, CHANNELS, sample_rate_hz, sample_rate_hz * _FRAME_BYTES, _FRAME_BYTES, 32, 0),
        *(b"fact", 4, _UNKNOWN if long else frames),
        *(b"data", _UNKNOWN if long else data_bytes),
    )


class WavFile:
    """Samples exactly as they were heard, over full scale too. See `take_file.TakeFile`."""

    def __init__(self, disk: DiskFile, sample_rate_hz: int) -> None:
        self._disk = disk
        self._rate_hz = sample_rate_hz
        self._frames = 0
        self.clipped = 0
        disk.append(wav_header(sample_rate_hz, 0))

    @property
    def kept_frames(self) -> int:
        """Frames that a reader finds if it is abandoned now."""
        return self._frames

    def write(self, frames: Floats) -> None:
        """Append frames."""
        self._disk.append(np.ascontiguousarray(frames, "<f4").data)
        self._frames += len(frames)

    def update(self) -> None:
        """Make the header tell what is there."""
        self._disk.overwrite(0, wav_header(self._rate_hz, self._frames))

    def finish(self) -> None:
        """Complete it."""
        self.update()

    def abandon(self) -> None:
        """Complete it with what arrived whole."""
        self._disk.cut(HEADER_BYTES + self._frames * _FRAME_BYTES)
        self.update()
