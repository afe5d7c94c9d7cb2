"""A file that is new, grows at its end and whose beginning is put right now and then. It knows bytes, not what they mean."""

import os
from pathlib import Path


class DiskFile:
    """A raw file, made by this object and by nobody before it.

    It is also what libsndfile writes into (`write`, `read`, `seek`, `tell`): there an exception cannot pass, so an error is kept in `error`
    and whatever comes after it goes nowhere.

    Raises
    ------
    FileExistsError — the name is taken; nothing is ever overwritten.
    OSError — the file cannot be made.

    Thread
    ------
    Any one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: OSError | None = None
        self._file = path.open("x+b", buffering=0)

    def append(self, content: bytes | memoryview) -> None:
        """Write at the end.

        Raises
        ------
        OSError — the disk took less than it was given.
        """
        self._file.seek(0, os.SEEK_END)
        self._write(content)

    def overwrite(self, position: int, content: bytes) -> None:
        """Write over what stands at `position`, and go back to where the file was."""
        place = self._file.tell()
        self._file.seek(position)
        try:
            self._write(content)
        finally:
            self._file.seek(place)

    def cut(self, size_bytes: int) -> None:
        """Shorten to `size_bytes`."""
        self._file.truncate(size_bytes)

    def peek(self, position: int, count: int) -> bytes:
        """Bytes that stand at `position`; the file stays where it is."""
        place = self._file.tell()
        self._file.seek(position)
        try:
            return self._file.read(count) or b""
        finally:
            self._file.seek(place)

    def commit(self) -> None:
        """Wait until the disk itself has it: what even a power cut leaves."""
        # Not everywhere is there a call that leaves out the file's times.
        getattr(os, "fdatasync", os.fsync)(self._file.fileno())

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def gone(self) -> bool:
        """Whether it was removed while it is written; moved is not removed."""
        return os.fstat(self._file.fileno()).st_nlink == 0 and os.name == "posix"

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    # --- what libsndfile calls ----------------------------------------------------------------------------------------------

    def write(self, content: bytes) -> int:
        """Take `content`; after an error, pretend to."""
        if self.error is None:
            try:
                self._write(content)
            except OSError as error:
                self.error = error
                return 0
        return len(content)

    def read(self, count: int) -> bytes:
        """Up to `count` bytes from where the file is."""
        return self._file.read(count) or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where the file is."""
        return self._file.tell()

    def _write(self, content: bytes | memoryview) -> None:
        left = memoryview(content).cast("B")
        while len(left):
            # A nearly full disk takes a part first and refuses the rest with a reason.
            left = left[self._file.write(left) or 0 :]
