"""A FLAC file of 24 bits that plays at any moment while it grows. It knows the container, not whose sound it is.

libFLAC writes whole blocks and says how many samples there are only at the end: a file whose writer is killed says "unknown", which some
readers, libsndfile among them, do not take. So `update` writes the number of samples of the blocks that have arrived into the header (the
checksum of all samples stays unknown, which the format allows), and remembers the length of the file there: to that length it is cut when
the disk takes no more.
"""

import contextlib
import struct

import numpy as np
import soundfile
from numpy.typing import NDArray

from realtime.kernels.layout import CHANNELS
from realtime.kernels.views import Floats
from realtime.recording.disk_file import DiskFile

FULL_SCALE = 1 << 23
_MARK = b"fLaC"
_BLOCK_SIZES = 8
"""Where STREAMINFO, which always comes first, begins: least and greatest block size."""
_TOTAL = _BLOCK_SIZES + 13
"""Where five bytes begin whose last 36 bits are the number of samples."""
_TOTAL_BYTES = 5
_TOTAL_BITS = 36


def to_24_bit(frames: Floats) -> tuple[NDArray[np.int32], int]:
    """Samples as whole numbers of 24 bits in the upper part of 32, and how many were over full scale and are cut."""
    scaled = np.rint(frames * np.float32(FULL_SCALE))
    over = int(np.count_nonzero((scaled >= FULL_SCALE + 1) | (scaled < -FULL_SCALE)))
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int32) << 8, over


class FlacFile:
    """Half the size of 24 bits uncompressed; what is over full scale is cut and counted. See `take_file.TakeFile`.

    Source
    ------
    RFC 9639, 8.2 (STREAMINFO).
    """

    def __init__(self, disk: DiskFile, sample_rate_hz: int) -> None:
        self._disk = disk
        self._frames = 0
        self._whole = (0, 0)
        self.clipped = 0
        self._file = soundfile.SoundFile(disk, "w", samplerate=sample_rate_hz, channels=CHANNELS, format="FLAC", subtype="PCM_24")

    @property
    def kept_frames(self) -> int:
        """Frames that a reader finds if it is abandoned now."""
        return self._whole[0]

    def write(self, frames: Floats) -> None:
        """Append frames."""
        samples, over = to_24_bit(frames)
        try:
            self._file.write(samples)
        except (soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts that all was taken
            raise self._disk.error or OSError(str(error) or "the encoder took less than it was given") from None
        if self._disk.error is not None:
            raise self._disk.error
        self._frames += len(frames)
        self.clipped += over

    def update(self) -> None:
        """Make the header tell what is there."""
        head = self._disk.peek(0, _TOTAL + _TOTAL_BYTES)
        if len(head) < _TOTAL + _TOTAL_BYTES or not head.startswith(_MARK):
            return
        (block_frames,) = struct.unpack_from(">H", head, _BLOCK_SIZES)
        # The encoder holds a block back until it has one sample of the next.
        frames = max(self._frames - 1, 0) // block_frames * block_frames
        size = self._disk.size_bytes
        packed = int.from_bytes(head[_TOTAL:], "big") >> _TOTAL_BITS << _TOTAL_BITS | frames
        self._disk.overwrite(_TOTAL, packed.to_bytes(_TOTAL_BYTES, "big"))
        self._whole = (frames, size)

    def finish(self) -> None:
        """Complete it; the encoder writes a header that knows everything."""
        try:
            self._file.close()
        except soundfile.LibsndfileError as error:
            raise self._disk.error or OSError(str(error)) from None
        if self._disk.error is not None:
            raise self._disk.error

    def abandon(self) -> None:
        """Complete it with the blocks that were there when the header was last right."""
        frames, size = self._whole
        head = self._disk.peek(_TOTAL, _TOTAL_BYTES)
        # What the encoder writes from here on goes nowhere.
        self._disk.error = self._disk.error or OSError("abandoned")
        with contextlib.suppress(soundfile.LibsndfileError):
            self._file.close()
        if size:
            self._disk.cut(size)
            packed = int.from_bytes(head, "big") >> _TOTAL_BITS << _TOTAL_BITS | frames
            self._disk.overwrite(_TOTAL, packed.to_bytes(_TOTAL_BYTES, "big"))
