"""Decoded audio on disk, under the hash of what it was decoded from; it does not know formats or folders.

An entry is an ordinary `.npy` file followed by the SHA-256 of its bytes, written beside its place and then renamed into it: whatever
interrupts the writing, an entry is there whole or not at all. What does not match its hash is as good as absent.
"""

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

__all__ = ["entry_path", "load", "store"]

# Part of every entry's name: a change in how audio is decoded or stored makes new entries instead of misreading old ones.
VERSION = 2
DIGEST_BYTES = 32

Array = NDArray[np.float32]
log = logging.getLogger(__name__)


def entry_path(cache: Path | None, sha256: str, sample_rate_hz: int, channels: str) -> Path:
    """Return where the audio of a file with this hash is kept, decoded at this rate with these channels.

    Parameters
    ----------
    cache : Path, optional
        By default the user's cache folder.
    sha256 : str
        Of the source file's bytes.
    sample_rate_hz : int
    channels : str

    Returns
    -------
    Path
        Need not exist.
    """
    root = Path(user_cache_dir("starling", appauthor=False)) / "audio" if cache is None else cache
    return root / sha256[:2] / f"{sha256}_{sample_rate_hz}_{channels}_v{VERSION}.npy"


def load(entry: Path) -> Array | None:
    """Map an entry into memory, or return None if it is absent or damaged.

    Parameters
    ----------
    entry : Path

    Returns
    -------
    float32 array, shape (T, C), or None
        Read only.
    """
    try:
        with entry.open("rb") as file:
            digest = _digest(file, entry.stat().st_size - DIGEST_BYTES)
            if file.read() != digest:
                return None
        audio = np.load(entry, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return audio if audio.dtype == np.float32 and audio.ndim == 2 else None


def store(entry: Path, audio: Array) -> Array:
    """Write an entry and return it mapped; where the disk refuses, return the audio as it is.

    Parameters
    ----------
    entry : Path
        Replaced if it exists.
    audio : float32 array, shape (T, C)

    Returns
    -------
    float32 array, shape (T, C)
        Read only.
    """
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=entry.parent, suffix=".part")
        try:
            with os.fdopen(handle, "w+b") as file:
                np.save(file, audio, allow_pickle=False)
                size = file.tell()
                file.seek(0)
                digest = _digest(file, size)
                file.seek(size)
                file.write(digest)
            Path(temporary).replace(entry)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        # A cache saves time and nothing else: a full or locked disk costs only that.
        log.warning("audio cache not written: %s", error)
    kept = load(entry)
    if kept is None:
        kept = audio
        kept.setflags(write=False)
    return kept


def _digest(file: BinaryIO, size: int) -> bytes:
    """Return the SHA-256 of the next `size` bytes of a file, and leave it behind them."""
    digest = hashlib.sha256()
    while size > 0:
        part = file.read(min(size, 1 << 20))
        if not part:
            break
        digest.update(part)
        size -= len(part)
    return digest.digest()
