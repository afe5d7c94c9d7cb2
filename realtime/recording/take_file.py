"""One file of a take, whatever its format. It knows which suffix means which format, not where the sound comes from."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import soundfile

from realtime.kernels.views import Floats
from realtime.recording.disk_file import DiskFile
from realtime.recording.flac_file import FlacFile
from realtime.recording.wav_file import WavFile


class TakeFile(Protocol):
    """A sound file that plays whenever its writer is stopped.

    Every method but `abandon` raises OSError when the disk takes no more; then `abandon` is called, and nothing after it.
    Thread: any one.
    """

    clipped: int
    """Samples over full scale that the format could not hold."""

    @property
    def kept_frames(self) -> int:
        """Frames that a reader finds if it is abandoned now."""

    def write(self, frames: Floats) -> None:
        """Append frames, float32, shape (T, 2), linear amplitude."""

    def update(self) -> None:
        """Make the header tell what is there: from here on a kill loses nothing that was there."""

    def finish(self) -> None:
        """Complete it."""

    def abandon(self) -> None:
        """Complete it with what arrived whole, needing no room."""


FORMATS: dict[str, Callable[[DiskFile, int], TakeFile]] = {".flac": FlacFile, ".wav": WavFile}
"""By suffix; the first is the one used where none is named."""
DEFAULT_SUFFIX = next(iter(FORMATS))


def open_take_file(path: Path, sample_rate_hz: int) -> tuple[DiskFile, TakeFile]:
    """Make a new file.

    Raises
    ------
    FileExistsError — the name is taken.
    OSError — the file cannot be made; nothing is left of it.
    """
    disk = DiskFile(path)
    try:
        return disk, FORMATS[path.suffix.lower()](disk, sample_rate_hz)
    except (OSError, soundfile.LibsndfileError) as error:
        disk.close()
        path.unlink(missing_ok=True)
        raise error if isinstance(error, OSError) else OSError(str(error)) from None
