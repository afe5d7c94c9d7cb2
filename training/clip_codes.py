"""The codes of sound files and of blends of two, made by a codec in one process or several, and kept. It knows neither classes nor splits.

What was encoded once is kept beside the decoded audio, under the hash of the file's bytes and the codec's identity.
"""

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training import audio_cache
from training.audio_folder import decode_audio, file_sha256
from training.clip_labels import TOKEN_SUFFIX
from training.deaf_workers import deaf_workers
from training.errors import AudioFileError, OutputFailedError

if TYPE_CHECKING:
    from training.codecs.codec import Codec

__all__ = ["Blend", "CodecSource", "Coded", "Recording", "encode_all"]

Codes = NDArray[np.int64]
# Of what is kept: 1 had the codes of some `.dac` files in the wrong order.
CODES_VERSION = 2


class Recording(NamedTuple):
    """A file to encode."""

    path: Path


class Blend(NamedTuple):
    """Two files to mix with equal power, the first with `weight` of it, and to encode; `sha256` is of both files and the weight."""

    first: Path
    second: Path
    weight: float
    sha256: str


class Coded(NamedTuple):
    """The codes of one sound, (K, S), or the reason why it has none."""

    sha256: str
    codes: Codes | None
    reason: AudioFileError | None = None


class CodecSource(NamedTuple):
    """How a process gets the codec: it is opened once in each."""

    opener: "Callable[[str | Path], Codec]"
    where: str | Path


class _Job(NamedTuple):
    sound: Recording | Blend
    sha256: str
    entry: Path


_codec: "Codec | None" = None


def encode_all(
    sounds: Sequence[Recording | Blend],
    codec: "Codec",
    source: CodecSource,
    *,
    workers: int = 1,
    cache: Path | None = None,
    title: str = "encoding",
) -> list[Coded]:
    """Return the codes of every sound, in the same order.

    Parameters
    ----------
    sounds : sequence of Recording or Blend
    codec : Codec
    source : CodecSource
        How other processes open the same codec.
    workers : int, 1 and up
        Processes. The codes do not depend on it.
    cache : Path, optional
        Where codes are kept; by default the user's cache folder.
    title : str
        Of the progress bar.

    Raises
    ------
    TokenFileError
        A file of tokens does not fit the codec, or is none.
    OutputFailedError
        A worker was killed.

    Thread
    ------
    Any; starts processes of its own if asked to.
    """
    results: dict[int, Coded] = {}
    jobs: dict[int, _Job] = {}
    for place, sound in enumerate(sounds):
        try:
            sha256 = sound.sha256 if isinstance(sound, Blend) else file_sha256(sound.path)
        except AudioFileError as reason:
            results[place] = Coded("", None, reason)
            continue
        entry = audio_cache.entry_path(cache, sha256, codec.sample_rate_hz, f"codes{CODES_VERSION}_{codec.identity}")
        codes = _kept(entry, codec)
        if codes is None:
            jobs[place] = _Job(sound, sha256, entry)
        else:
            results[place] = Coded(sha256, codes)
    if jobs:
        made = _made(list(jobs.values()), codec, source, workers)
        results.update(zip(jobs, tqdm(made, desc=title, unit="clip", total=len(jobs), leave=False, disable=None), strict=True))
    return [results[place] for place in range(len(sounds))]


def _made(jobs: Sequence[_Job], codec: "Codec", source: CodecSource, workers: int) -> Iterator[Coded]:
    if workers == 1 or len(jobs) == 1:
        yield from (_encode(job, codec) for job in jobs)
        return
    # Spawned, not forked: a fork copies locks of threads that torch and BLAS have started.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_open, initargs=(source,)) as pool:
            with deaf_workers():
                made = pool.map(_encode_here, jobs)
            yield from made
    except BrokenExecutor as error:
        hint = "It may have run out of memory: use fewer --workers. What was encoded is kept"
        raise OutputFailedError("a process that encodes has ended", where="--workers", got=workers, hint=hint) from error


def _open(source: CodecSource) -> None:
    global _codec
    _codec = source.opener(source.where)
    # A codec without torch has no need of it, and its import takes seconds.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _encode_here(job: _Job) -> Coded:
    assert _codec is not None
    return _encode(job, _codec)


def _encode(job: _Job, codec: "Codec") -> Coded:
    try:
        codes = _codes(job.sound, codec)
    except AudioFileError as reason:
        return Coded(job.sha256, None, reason)
    # Whole numbers up to 2^24 are exact in the cache's float32.
    audio_cache.store(job.entry, codes.astype(np.float32))
    return Coded(job.sha256, codes)


def _codes(sound: Recording | Blend, codec: "Codec") -> Codes:
    if isinstance(sound, Blend):
        first, second = (_mono(path, codec) for path in (sound.first, sound.second))
        frames = min(len(first), len(second))
        mixed = first[:frames] * np.float32(sound.weight**0.5) + second[:frames] * np.float32((1.0 - sound.weight) ** 0.5)
        return codec.encode(mixed)
    if sound.path.suffix.lower() == TOKEN_SUFFIX:
        from training.token_files import read_token_file

        return read_token_file(sound.path, codec)
    return codec.encode(_mono(sound.path, codec))


def _mono(path: Path, codec: "Codec") -> NDArray[np.float32]:
    return np.ascontiguousarray(decode_audio(path, codec.sample_rate_hz, "mono")[:, 0])


def _kept(entry: Path, codec: "Codec") -> Codes | None:
    """Return what is kept if this codec can have made it: codes, and of a token file perhaps fewer codebooks."""
    kept = audio_cache.load(entry)
    if kept is None or not 1 <= len(kept) <= codec.codebooks:
        return None
    codes = np.array(kept).astype(np.int64)
    return codes if codes.size and codes.min() >= 0 and codes.max() < codec.codebook_size else None
