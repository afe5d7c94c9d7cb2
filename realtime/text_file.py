"""Text files written together, whole or not at all. It knows text and paths, not what the text says."""

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from realtime.errors import RenderError


class TextFileWriter:
    """Keeps text beside its targets and puts all of it in place at the end of the ``with`` block; a failure leaves what was there before.

    Thread: any one.

    Parameters
    ----------
    private : bool
        For this user's eyes only, and on the disk before it is in place: it outlives a power cut.

    Raises
    ------
    RenderError — the folder does not exist or is not writable, or the disk is full.
    """

    def __init__(self, *, private: bool = False) -> None:
        self._private = private
        self._parts: dict[Path, Path] = {}

    def write(self, path: Path, text: str) -> None:
        """Write what `path` shall hold."""
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._parts[path] = part
        try:
            if path.is_dir():
                raise RenderError(f"{path}: is a folder", hint="the text beside the sound has its place there")
            # A file name that is no Unicode is shown as it is written in a string of JSON.
            with os.fdopen(self._open(part), "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(text)
                if self._private:
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise _failed(path, error) from None

    def _open(self, part: Path) -> int:
        # One that an earlier process of this number left may be open to others; with its mode from the start nobody opens it in between.
        part.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        return os.open(part, flags, 0o600 if self._private else 0o666)

    def __enter__(self) -> "TextFileWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                for path, part in self._parts.items():
                    try:
                        part.replace(path)
                    except OSError as failure:
                        raise _failed(path, failure) from None
        finally:
            for part in self._parts.values():
                with suppress(OSError):
                    part.unlink(missing_ok=True)


def _failed(path: Path, error: OSError) -> RenderError:
    return RenderError(f"{path}: not written", got=error.strerror or str(error), hint="free some space or choose another place")
