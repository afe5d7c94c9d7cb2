"""Text files written together, whole or not at all. It knows text and paths, not what the text says."""

import os
from pathlib import Path
from types import TracebackType

from realtime.errors import RenderError


class TextFileWriter:
    """Keeps text beside its targets and puts all of it in place at the end of the ``with`` block; a failure leaves what was there before.

    Thread: any one.

    Raises
    ------
    RenderError — the folder does not exist or is not writable, or the disk is full.
    """

    def __init__(self) -> None:
        self._parts: dict[Path, Path] = {}

    def write(self, path: Path, text: str) -> None:
        """Write what `path` shall hold."""
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._parts[path] = part
        if path.is_dir():
            raise RenderError(f"{path}: is a folder", hint="the text beside the sound has its place there")
        try:
            # A file name that is no Unicode is shown as it is written in a string of JSON.
            part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise _failed(path, error) from None

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
                part.unlink(missing_ok=True)


def _failed(path: Path, error: OSError) -> RenderError:
    return RenderError(f"{path}: not written", got=error.strerror or str(error), hint="free some space or choose another place")
