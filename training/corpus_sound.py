"""One sound of a corpus: decoded, written as 16 bits and described, block by block, so that its length does not decide the memory needed.

It knows neither units nor folders. What is described is the sound as it is written, so whoever describes it again gets the same numbers.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from patches.descriptors import DescriptorSpec
from training import audio_cache
from training.audio_folder import (
    HIGHEST_RATE_HZ,
    LOUDEST_PEAK,
    LOWEST_RATE_HZ,
    MP3_LENGTH_ERROR,
    SILENCE_PEAK,
    Clip,
    decode_audio,
)
from training.corpus_onsets import OnsetFinder
from training.descriptor_cache import described
from training.descriptors import Descriptors
from training.errors import (
    NonFiniteAudioError,
    SampleRateError,
    SilentAudioError,
    TooLoudAudioError,
    TooManyChannelsError,
    TruncatedAudioError,
    UnreadableAudioError,
)

__all__ = ["FULL_SCALE", "Sound", "dequantise", "describe_sound", "open_sound", "quantise", "scale_of"]

FULL_SCALE = 32768
# Loudness of what has none; the same floor as the descriptor's.
SILENCE_DBFS = -100.0
# Longer sounds are decoded in pieces: ten minutes of stereo at 44.1 kHz are 200 MB, and twice that while they are resampled.
LONG_SAMPLES = 2 * 600 * 44_100
BLOCK_FRAMES = 1 << 20

Array = NDArray[np.float32]
Pcm = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Sound:
    """What was found out about a sound while it was written.

    Attributes
    ----------
    frames : int
    rows : Descriptors
        Row i is centred on frame i * hop.
    onsets : int64 array, frames, ascending
        Where something begins; empty where nobody asked.
    loudness_dbfs : float
        Of the whole sound as it was written. It is recorded, not applied.
    turned_down_db : float
        0, or how much a sound past full scale was turned down as a whole to fit 16 bits.
    sha256 : str
        Of the 16-bit samples: equal for the same sound in two files without loss.
    """

    frames: int
    rows: Descriptors
    onsets: NDArray[np.int64]
    loudness_dbfs: float
    turned_down_db: float
    sha256: str


def scale_of(peak: float) -> np.float32:
    """Return the factor from amplitude to 16-bit steps. What goes past full scale is turned down as a whole, not clipped."""
    return np.float32((FULL_SCALE - 1) / max(peak, (FULL_SCALE - 1) / FULL_SCALE))


def quantise(audio: Array) -> Pcm:
    """Return samples as 16 bits; see `scale_of`."""
    return np.rint(audio * scale_of(float(np.abs(audio).max(initial=0.0)))).astype(np.int16)


def dequantise(samples: Pcm) -> Array:
    """Return 16-bit samples as a reader of the file gets them, in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def open_sound(path: Path, sha256: str, sample_rate_hz: int, cache: Path | None, scratch: Path) -> Array:
    """Return a file's sound, decoded or from the cache.

    Parameters
    ----------
    path : Path
    sha256 : str
        Of the file's bytes.
    sample_rate_hz : int
    cache : Path, optional
        By default the user's.
    scratch : Path
        Of a file that may be written, for a sound too long to be decoded in memory.

    Returns
    -------
    float32 array, shape (T, 1 or 2), read only

    Raises
    ------
    AudioFileError
        As `training.audio_folder` refuses files.
    """
    entry = audio_cache.entry_path(cache, sha256, sample_rate_hz, "as_is")
    audio = audio_cache.load(entry)
    if audio is not None:
        return audio
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise UnreadableAudioError("cannot be read as audio", where=path, got=error.error_string) from error
    if info.frames * info.channels <= LONG_SAMPLES:
        return audio_cache.store(entry, decode_audio(path, sample_rate_hz, "as_is"))
    return audio_cache.store(entry, _decode_long(path, sample_rate_hz, scratch))


def describe_sound(audio: Array, out: Path, channels: int, spec: DescriptorSpec, *, onsets: bool, cache: Path | None = None) -> Sound:
    """Write a sound as 16-bit samples and describe what was written, or remember how it was described.

    Parameters
    ----------
    audio : float32 array, shape (T, 1 or 2)
    out : Path
        File to write: interleaved little-endian samples. A second one beside it is used and deleted if the sound is long.
    channels : int
        1 or 2. Mono is doubled, stereo is averaged.
    spec : DescriptorSpec
    onsets : bool
        Whether to look for onsets too.
    cache : Path, optional
        Of descriptors; by default the user's.

    Returns
    -------
    Sound
    """
    blocks = [(start, min(start + BLOCK_FRAMES, len(audio))) for start in range(0, len(audio), BLOCK_FRAMES)]
    peak = max(float(np.abs(_mixed(audio[start:stop], channels)).max(initial=0.0)) for start, stop in blocks)
    scale = scale_of(peak)
    finder = OnsetFinder(spec.sample_rate_hz) if onsets else None
    digest, power = hashlib.sha256(), 0.0
    heard, scratch = _room(len(audio), channels, out)
    with out.open("wb") as file:
        for start, stop in blocks:
            samples = np.rint(_mixed(audio[start:stop], channels) * scale).astype("<i2")  # (T, C)
            content = samples.tobytes()
            file.write(content)
            digest.update(content)
            block = dequantise(samples)
            heard[start:stop] = block
            power += float(np.square(block, dtype=np.float64).sum())
            if finder is not None:
                finder.push(block[:, 0] if channels == 1 else block.mean(1, dtype=np.float32))
    rows = described(Clip(out, "", heard, digest.hexdigest()), spec, cache)
    del heard
    if scratch is not None:
        scratch.unlink()
    loudness = 10.0 * np.log10(max(power / (len(audio) * channels), 10.0 ** (SILENCE_DBFS / 10.0)))
    found = np.zeros(0, np.int64) if finder is None else finder.find()
    turned_down_db = 20.0 * float(np.log10(max(peak * FULL_SCALE / (FULL_SCALE - 1), 1.0)))
    return Sound(len(audio), rows, found, float(loudness), turned_down_db, digest.hexdigest())


def _room(frames: int, channels: int, out: Path) -> tuple[Array, Path | None]:
    """Return where to put a sound: in memory, or in a file where it is long."""
    if frames * channels <= LONG_SAMPLES:
        return np.empty((frames, channels), np.float32), None
    scratch = out.with_suffix(".heard")
    return np.memmap(scratch, np.float32, "w+", shape=(frames, channels)), scratch


def _mixed(audio: Array, channels: int) -> Array:
    if audio.shape[1] == channels:
        return audio
    return np.repeat(audio, 2, axis=1) if channels == 2 else audio.mean(axis=1, keepdims=True, dtype=np.float32)


def _decode_long(path: Path, sample_rate_hz: int, scratch: Path) -> Array:
    """Decode as `training.audio_folder.decode_audio` does, but through a file: the same samples, but for the last bit of an MP3's.

    Raises
    ------
    AudioFileError
        As there.
    """
    try:
        with soundfile.SoundFile(path) as file:
            channels, native_rate_hz, promised = file.channels, file.samplerate, file.frames
            if channels > 2:
                raise TooManyChannelsError("too many channels", where=path, got=channels, allowed="1 or 2", hint="Mix it down to stereo")
            if not LOWEST_RATE_HZ <= native_rate_hz <= HIGHEST_RATE_HZ:
                allowed = f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
                raise SampleRateError("states a rate no recorder has", where=path, got=f"{native_rate_hz} Hz", allowed=allowed)
            decoded, peak = 0, 0.0
            with scratch.open("wb") as out:
                for block in _resampled(file, sample_rate_hz):
                    if not np.isfinite(block).all():
                        raise NonFiniteAudioError("holds NaN or infinity", where=path)
                    peak = max(peak, float(np.abs(block).max(initial=0.0)))
                    out.write(np.ascontiguousarray(block, np.float32).tobytes())
                decoded = file.tell()
    except soundfile.LibsndfileError as error:
        raise UnreadableAudioError("cannot be read as audio", where=path, got=error.error_string) from error
    if decoded < (1.0 - MP3_LENGTH_ERROR) * promised:
        raise TruncatedAudioError("ends before its header says", where=path, got=f"{decoded} frames", hint="Copy or export it again")
    if peak > LOUDEST_PEAK:
        raise TooLoudAudioError("is too loud to be sound", where=path, got=f"peak {peak:.2g}", allowed=f"{LOUDEST_PEAK:g} at most")
    if peak <= SILENCE_PEAK:
        raise SilentAudioError("is silent", where=path, got=f"peak {peak:.2g}", allowed=f"over {SILENCE_PEAK:.2g}")
    return np.memmap(scratch, np.float32, "r").reshape(-1, channels)


def _resampled(file: soundfile.SoundFile, sample_rate_hz: int) -> Iterator[Array]:
    """Yield a file's sound in blocks at another rate; soxr's stream gives what it would give of the whole."""
    stream = None
    if file.samplerate != sample_rate_hz:
        stream = soxr.ResampleStream(file.samplerate, sample_rate_hz, file.channels, dtype="float32", quality="HQ")
    while True:
        block = file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
        last = len(block) < BLOCK_FRAMES
        yield block if stream is None else stream.resample_chunk(block, last=last)
        if last:
            return
