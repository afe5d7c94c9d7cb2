"""A WAV file written whole or not at all. It knows frames and a path, not where the frames come from."""

import os
from pathlib import Path
from types import TracebackType

import soundfile

from realtime.errors import RenderError
from realtime.kernels.layout import CHANNELS
from realtime.kernels.views import Floats

SUBTYPE = "PCM_24"
"""What every editor and sampler reads; its noise floor is below any patch's."""
_FRAME_BYTES = 3 * CHANNELS
_WAV_LIMIT_BYTES = 4_000_000_000


class AudioFileWriter:
    """Writes beside the target under another name and takes its place at the end, so a failure leaves what was there before.

    Parameters
    ----------
    path : Path
        Target. A device file or a pipe is written directly.
    sample_rate_hz : int
    expected_frames : int
        Over 4 GB of it the file is RF64, as WAV cannot count further.

    Raises
    ------
    RenderError — the folder does not exist, is not writable, or the disk is full.
    """

    def __init__(self, path: Path, sample_rate_hz: int, expected_frames: int = 0) -> None:
        self._path = path
        self._frames = 0
        special = path.exists() and not path.is_file()
        if path.is_dir():
            raise RenderError(f"{path}: is a folder", hint="name a file, as in --render take.wav")
        if not path.parent.is_dir():
            raise RenderError(f"{path}: its folder does not exist", hint=f"make it first: mkdir -p {path.parent}")
        self._part = path if special else path.with_name(f".{path.name}.{os.getpid()}.part")
        container = "RF64" if expected_frames * _FRAME_BYTES > _WAV_LIMIT_BYTES else "WAV"
        try:
            self._file = soundfile.SoundFile(
                self._part, "w", samplerate=sample_rate_hz, channels=CHANNELS, format=container, subtype=SUBTYPE
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._failed(error) from None

    def write(self, frames: Floats) -> None:
        """Append frames, shape (T, 2)."""
        try:
            self._file.write(frames)
            self._frames += len(frames)
        except (soundfile.LibsndfileError, OSError, AssertionError) as error:  # soundfile asserts that all was written
            raise self._failed(error) from None

    def __enter__(self) -> "AudioFileWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._file.close()
            if kind is None and self._part != self._path:
                # A full disk can show itself as late as here.
                if soundfile.info(self._part).frames != self._frames:
                    raise OSError("the file is shorter than what was written to it")
                self._part.replace(self._path)
        except (soundfile.LibsndfileError, OSError) as failure:
            raise self._failed(failure) from None
        finally:
            self._discard()

    def _failed(self, error: BaseException) -> RenderError:
        self._discard()
        reason = str(error).strip() or "the disk took less than was written"
        return RenderError(
            f"{self._path}: not written", got=reason, hint="free some space or choose another place; the old file is untouched"
        )

    def _discard(self) -> None:
        if self._part != self._path:
            self._part.unlink(missing_ok=True)
