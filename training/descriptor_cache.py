"""Descriptors on disk, under the hash of the samples they describe; it does not know files, folders or formats.

What an entry is found by is everything its numbers follow from: the samples as they are described, the names, the hop, the rate and the
version of their definition. So there is no stale entry, whatever is renamed, cut, resampled or asked for at another hop. Reading, writing
and what a damaged entry comes to are as in `training.audio_cache`: whole or not at all, and described again.
"""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from patches.descriptors import ATTRIBUTES, DEFAULT_SPEC, DescriptorSpec
from training import audio_cache
from training.audio_folder import Clip
from training.descriptors import BLOCK_HOPS, Descriptors, DescriptorStream, frame_count, joined

__all__ = ["VERSION", "described", "entry_path", "trim"]

# Of the definition of the descriptors: a change of any number that `describe` returns needs another.
VERSION = 2
# Some seventy hours of sound at the default hop.
LIMIT_BYTES = 2 << 30
# One entry in so many is followed by a look at the whole cache, which would otherwise cost more than what is cached.
TRIM_EVERY = 64

Array = NDArray[np.float32]
log = logging.getLogger(__name__)


def described(clip: Clip, spec: DescriptorSpec = DEFAULT_SPEC, cache: Path | None = None) -> Descriptors:
    """Describe a clip, or remember how it was described.

    Parameters
    ----------
    clip : Clip
        Its audio, shape (T, C), is at the spec's rate; the mean of its channels is described.
    spec : DescriptorSpec
    cache : Path, optional
        By default the user's cache folder.

    Returns
    -------
    Descriptors
        Those of `describe`, bit by bit.

    Raises
    ------
    ValueError
        A sample is NaN or infinite.

    Thread
    ------
    Any, and any number of processes.
    """
    entry = entry_path(cache, clip.audio, spec)
    shape = (frame_count(len(clip.audio), spec.hop_frames), len(spec) + len(ATTRIBUTES) + 1)
    kept = audio_cache.load(entry)
    if kept is None or kept.shape != shape:
        fresh = _describe(clip.audio, spec)
        audio_cache.store(entry, np.concatenate([fresh.frames, fresh.attributes, fresh.f0_hz[:, None]], axis=1))
        if int(entry.stem[:8], 16) % TRIM_EVERY == 0:
            trim(cache)
        return fresh
    _touch(entry)
    columns = len(spec)
    return Descriptors(kept[:, :columns].copy(), kept[:, columns:-1].copy(), kept[:, -1].copy())


def entry_path(cache: Path | None, audio: Array, spec: DescriptorSpec) -> Path:
    """Return where the descriptors of these samples are kept.

    Parameters
    ----------
    cache : Path, optional
        By default the user's cache folder.
    audio : float32 array, shape (T, C)
    spec : DescriptorSpec

    Returns
    -------
    Path
        Need not exist.
    """
    digest = hashlib.sha256(repr((VERSION, spec.names, spec.hop_frames, spec.sample_rate_hz)).encode())
    for block in _mono_blocks(audio, BLOCK_HOPS * spec.hop_frames):
        digest.update(block)
    name = digest.hexdigest()
    return _root(cache) / name[:2] / f"{name}_descriptors_v{VERSION}.npy"


def trim(cache: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
    """Delete the entries that were not used for longest until the cache is no larger than the limit; of any version, and nothing else.

    Parameters
    ----------
    cache : Path, optional
        By default the user's cache folder.
    limit_bytes : int

    Thread
    ------
    Any, and any number of processes: who still reads a deleted entry reads it to its end, or describes again.
    """
    entries = []
    for path in _root(cache).glob("*/*_descriptors_v*.npy"):
        try:
            status = path.stat()
        except OSError:
            continue  # another process was faster
        entries.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= limit_bytes:
            return
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("descriptor cache not trimmed: %s", error)
            return
        total -= size


def _root(cache: Path | None) -> Path:
    return Path(user_cache_dir("starling", appauthor=False)) / "descriptors" if cache is None else cache


def _touch(entry: Path) -> None:
    try:
        entry.touch()
    except OSError:
        log.debug("descriptor cache: %s keeps its age", entry)


def _mono_blocks(audio: Array, block_frames: int) -> Iterator[Array]:
    """Yield the mean of the channels of (T, C) audio in blocks, (t,), contiguous: an hour that is a memory map never lies in memory."""
    for start in range(0, len(audio), block_frames):
        block = np.asarray(audio[start : start + block_frames], dtype=np.float32)
        yield np.ascontiguousarray(block[:, 0]) if block.shape[1] == 1 else block.mean(1, dtype=np.float32)


def _describe(audio: Array, spec: DescriptorSpec) -> Descriptors:
    stream = DescriptorStream(spec)
    parts = [stream.push(block) for block in _mono_blocks(audio, BLOCK_HOPS * spec.hop_frames)]
    return joined([*parts, stream.flush()], spec)
