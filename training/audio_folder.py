"""A folder of sounds as arrays: any format and rate in, one rate and one channel count out, every file left out named with its reason.

It does not know descriptors or models. The first sub-folder of a file is its class. What was decoded once is kept under the hash of
the file's bytes, so a renamed or moved file costs nothing and a changed one is decoded anew.
"""

import hashlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from training import audio_cache
from training.errors import (
    AudioFileError,
    EmptyAudioError,
    EmptyFolderError,
    FileNameTextError,
    LinkedFolderError,
    MissingFolderError,
    MixedChannelsError,
    NonFiniteAudioError,
    NothingToHoldOutError,
    NoUsableAudioError,
    OptionError,
    SampleRateError,
    SilentAudioError,
    TooLoudAudioError,
    TooManyChannelsError,
    TooShortAudioError,
    TruncatedAudioError,
    UnreadableAudioError,
)

__all__ = ["CHANNELS", "SUFFIXES", "AudioFolder", "Clip", "Skipped", "Split", "cannot_open", "is_folder", "read_audio_folder"]

SUFFIXES = frozenset({".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".aif", ".aiff", ".aifc"})
CHANNELS = ("as_is", "mono", "stereo")
# Two steps of 16 bits: dither and converter noise stay below it, the quietest usable recording does not.
SILENCE_PEAK = 2.0 / 32768.0
# 80 dB over full scale: no gain makes such numbers, and one file of them would be all that the statistics of a folder hear.
LOUDEST_PEAK = 1e4
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000
REASONS_SHOWN = 3
# Share by which the length an MP3 states may miss its true one: some encoders count their padding.
MP3_LENGTH_ERROR = 0.01
# What libsndfile's log says of a WAV or AIFF whose sound chunk runs past the end of the file; its frame count is of what is there.
SHORT_CHUNK = re.compile(r"^\s*(?:data|SSND)\s*:\s*(\d+) \(should be \d+\)", re.MULTILINE)
# The size that programs which write WAV into a pipe put for "unknown": such a file is whole. Some round it down to whole frames.
UNKNOWN_CHUNK_BYTES = 0xFFFF_FF00

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Clip:
    """One file of the folder.

    Attributes
    ----------
    path : Path
        Relative to the folder.
    class_name : str
        The first sub-folder, or "" for a file that lies in the folder itself.
    audio : float32 array, shape (T, C), linear amplitude
        Read only; a memory map of the cache where there is one, so a folder may be larger than memory.
    sha256 : str
        Of the file's bytes.
    """

    path: Path
    class_name: str
    audio: Array
    sha256: str


class Skipped(NamedTuple):
    """A file that is left out, relative to the folder, and why."""

    path: Path
    reason: AudioFileError


class Split(NamedTuple):
    """The clips to learn from and those to be judged by."""

    training: tuple[Clip, ...]
    held_out: tuple[Clip, ...]


@dataclass(frozen=True, eq=False)
class AudioFolder:
    """The usable sounds of a folder, sorted by path.

    Attributes
    ----------
    folder : Path
    sample_rate_hz : int
    channels : int
        1 or 2, the same for every clip.
    clips : tuple of Clip
        At least one.
    skipped : tuple of Skipped
        Files that look like audio by name and are left out.
    """

    folder: Path
    sample_rate_hz: int
    channels: int
    clips: tuple[Clip, ...]
    skipped: tuple[Skipped, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, sorted."""
        return tuple(sorted({clip.class_name for clip in self.clips}))

    @property
    def seconds(self) -> float:
        """The length of all clips together."""
        return sum(len(clip.audio) for clip in self.clips) / self.sample_rate_hz

    def split(self, held_out_share: float = 0.1, *, seed: int = 0) -> Split:
        """Part the clips by file, each class in the same proportion.

        A file's rank depends on its bytes, its class and the seed, never on names or order, and copies of one file in a class stay
        together. Every class with two different clips gives at least one and keeps at least one; a class with a single clip only trains.

        Parameters
        ----------
        held_out_share : float, between 0 and 1
        seed : int

        Returns
        -------
        Split

        Raises
        ------
        NothingToHoldOutError
            If no class has two different clips. `split_in_time` parts each clip instead.
        OptionError
            If the share is not between 0 and 1.
        """
        _check_share(held_out_share)
        contents = defaultdict(set)
        for clip in self.clips:
            contents[clip.class_name].add(clip.sha256)
        chosen = set()
        for class_name, hashes in contents.items():
            count = min(max(1, round(held_out_share * len(hashes))), len(hashes) - 1)
            ranked = sorted(hashes, key=lambda content: hashlib.sha256(f"{seed}/{class_name}/{content}".encode()).digest())
            chosen.update((class_name, content) for content in ranked[:count])
        if not chosen:
            raise NothingToHoldOutError(
                "no class has two different clips, so none can be held out for validation",
                where=self.folder,
                got=f"{len(self.clips)} clip(s) in {len(contents)} class(es)",
                hint="Add a second file, or split each clip in time",
            )
        held_out = tuple(clip for clip in self.clips if (clip.class_name, clip.sha256) in chosen)
        return Split(tuple(clip for clip in self.clips if (clip.class_name, clip.sha256) not in chosen), held_out)

    def split_in_time(self, held_out_share: float = 0.1) -> Split:
        """Part every clip in two: its beginning to learn from, its end to be judged by.

        For folders that `split` cannot part. The end of a known recording is easier to predict than a new one, so scores from it flatter.

        Parameters
        ----------
        held_out_share : float, between 0 and 1

        Returns
        -------
        Split
            Views of the same audio; path, class and hash are those of the whole clip.

        Raises
        ------
        OptionError
            If the share is not between 0 and 1.
        """
        _check_share(held_out_share)
        cuts = [max(1, round(len(clip.audio) * (1.0 - held_out_share))) for clip in self.clips]
        beginnings = (Clip(clip.path, clip.class_name, clip.audio[:cut], clip.sha256) for clip, cut in zip(self.clips, cuts, strict=True))
        ends = (Clip(clip.path, clip.class_name, clip.audio[cut:], clip.sha256) for clip, cut in zip(self.clips, cuts, strict=True))
        return Split(tuple(beginnings), tuple(ends))


def read_audio_folder(
    folder: Path, sample_rate_hz: int, *, channels: str = "as_is", min_seconds: float = 0.0, cache: Path | None = None
) -> AudioFolder:
    """Read every WAV, FLAC, MP3, OGG and AIFF file below a folder, in the order of their paths.

    Parameters
    ----------
    folder : Path
        Names that begin with a dot are passed over, and so is every file that is not audio by its suffix.
    sample_rate_hz : int
        Files at another rate are resampled (soxr, high quality).
    channels : "as_is", "mono" or "stereo"
        Mono is the mean of the channels; stereo doubles a mono file.
    min_seconds : float
        Shorter files are skipped.
    cache : Path, optional
        Where decoded audio is kept; by default the user's cache folder. What is there and damaged is made again.

    Returns
    -------
    AudioFolder

    Raises
    ------
    MissingFolderError
        If the path is not a folder.
    EmptyFolderError
        If there is no audio file in it.
    NoUsableAudioError
        If every audio file was skipped.
    MixedChannelsError
        If mono and stereo files are mixed and `channels` is "as_is".
    OptionError
        If `channels` is not one of the three, or the rate is not positive.

    Thread
    ------
    Any.
    """
    if channels not in CHANNELS:
        raise OptionError("no such way to treat channels", where="channels", got=repr(channels), allowed=", ".join(CHANNELS))
    if sample_rate_hz <= 0:
        raise OptionError("a sample rate must be positive", where="sample_rate_hz", got=sample_rate_hz, allowed="1 Hz and up")
    paths, linked = audio_files(folder)
    clips, skipped = [], [Skipped(path.relative_to(folder), linked_folder(path)) for path in linked]
    for path in tqdm(paths, desc="reading audio", unit="file", leave=False, disable=None):
        relative = path.relative_to(folder)
        try:
            sha256, audio = _read(path, sample_rate_hz, channels, cache)
            if len(audio) < min_seconds * sample_rate_hz:
                raise TooShortAudioError(
                    "too short", where=path, got=f"{len(audio) / sample_rate_hz:.3g} s", allowed=f"{min_seconds:g} s and up"
                )
        except AudioFileError as reason:
            skipped.append(Skipped(relative, reason))
            continue
        clips.append(Clip(relative, relative.parts[0] if len(relative.parts) > 1 else "", audio, sha256))
    if not clips:
        raise NoUsableAudioError(
            f"none of the {len(paths)} audio file(s) can be used",
            where=folder,
            hint="; ".join(str(skip.reason) for skip in skipped[:REASONS_SHOWN]) + (" ..." if len(skipped) > REASONS_SHOWN else ""),
        )
    _check_mixed(folder, clips)
    return AudioFolder(folder, sample_rate_hz, clips[0].audio.shape[1], tuple(clips), tuple(skipped))


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder's; unlike Path.is_dir, one too long for the system is none."""
    return os.path.isdir(path)  # noqa: PTH112


def audio_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the audio files below a folder, and the linked folders that are not entered."""
    if not is_folder(folder):
        raise MissingFolderError("there is no such folder of audio", where=folder, hint="Give the folder that holds the files")
    found, linked = [], []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        linked += [Path(here) / name for name in folders if (Path(here) / name).is_symlink()]
        found += [Path(here) / name for name in names if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES]
    if not found:
        hint = f"Links to folders are not followed: {linked[0].name}" if linked else None
        raise EmptyFolderError("no audio file in this folder", where=folder, allowed=", ".join(sorted(SUFFIXES)), hint=hint)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix()), sorted(linked)


def linked_folder(path: Path) -> LinkedFolderError:
    """Return what is to be said of a link to a folder."""
    return LinkedFolderError("a link to a folder, which is not followed", where=path, hint="Copy the sounds, or name that folder itself")


def file_sha256(path: Path) -> str:
    """Return the hash of a file's bytes.

    Raises
    ------
    FileNameTextError, UnreadableAudioError
        Its name is not text; it is no plain file, or does not open.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise FileNameTextError("its name is not text", where=path, allowed="UTF-8", hint="Rename it") from error
    try:
        # A pipe would be waited for without end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableAudioError("is not a plain file", where=path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise cannot_open(path, error) from error


def cannot_open(path: Path, error: OSError) -> UnreadableAudioError:
    """Return what is to be said of a file that the system does not open."""
    if path.is_symlink() and not path.exists():
        return UnreadableAudioError("a link that leads nowhere", where=path, hint="Copy the sound itself there, or delete the link")
    return UnreadableAudioError("cannot be opened", where=path, got=error.strerror)


def _read(path: Path, sample_rate_hz: int, channels: str, cache: Path | None) -> tuple[str, Array]:
    sha256 = file_sha256(path)
    entry = audio_cache.entry_path(cache, sha256, sample_rate_hz, channels)
    audio = audio_cache.load(entry)
    if audio is None:
        audio = audio_cache.store(entry, decode_audio(path, sample_rate_hz, channels))
    return sha256, audio


def decode_audio(path: Path, sample_rate_hz: int, channels: str) -> Array:
    try:
        with soundfile.SoundFile(path) as file:
            promised, native_rate_hz, count = file.frames, file.samplerate, file.channels
            truncated = _is_cut_short(file.extra_info)
            if count > 2:
                raise TooManyChannelsError("too many channels", where=path, got=count, allowed="1 or 2", hint="Mix it down to stereo")
            if not LOWEST_RATE_HZ <= native_rate_hz <= HIGHEST_RATE_HZ:
                allowed = f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
                raise SampleRateError("states a rate no recorder has", where=path, got=f"{native_rate_hz} Hz", allowed=allowed)
            audio = file.read(dtype="float32", always_2d=True)  # (T, C)
    except soundfile.LibsndfileError as error:
        raise UnreadableAudioError("cannot be read as audio", where=path, got=error.error_string) from error
    if truncated or len(audio) < (1.0 - MP3_LENGTH_ERROR) * promised:
        raise TruncatedAudioError("ends before its header says", where=path, got=f"{len(audio)} frames", hint="Copy or export it again")
    if len(audio) == 0:
        raise EmptyAudioError("holds no sound", where=path, got="0 frames")
    if not np.isfinite(audio).all():
        bad = int(np.argmin(np.isfinite(audio).all(axis=1)))
        raise NonFiniteAudioError("holds NaN or infinity", where=path, got=f"{audio[bad].tolist()} at frame {bad}")
    peak = float(np.max(np.abs(audio)))
    if peak > LOUDEST_PEAK:
        raise TooLoudAudioError("is too loud to be sound", where=path, got=f"peak {peak:.2g}", allowed=f"{LOUDEST_PEAK:g} at most")
    if peak <= SILENCE_PEAK:
        raise SilentAudioError("is silent", where=path, got=f"peak {peak:.2g}", allowed=f"over {SILENCE_PEAK:.2g}")
    if channels == "mono" and count == 2:
        audio = audio.mean(axis=1, keepdims=True)  # (T, 1)
    elif channels == "stereo" and count == 1:
        audio = np.repeat(audio, 2, axis=1)  # (T, 2)
    if native_rate_hz != sample_rate_hz:
        audio = soxr.resample(audio, native_rate_hz, sample_rate_hz, quality="HQ")
    return np.ascontiguousarray(audio, dtype=np.float32)


def _is_cut_short(libsndfile_log: str) -> bool:
    stated = SHORT_CHUNK.search(libsndfile_log)
    return stated is not None and int(stated[1]) < UNKNOWN_CHUNK_BYTES


def _check_mixed(folder: Path, clips: Iterable[Clip]) -> None:
    first = {clip.audio.shape[1]: clip.path for clip in reversed(list(clips))}
    if len(first) > 1:
        raise MixedChannelsError(
            "mono and stereo files are mixed",
            where=folder,
            got=f"mono {first[1]} and stereo {first[2]}",
            hint="Say which it should be: --channels mono|stereo",
        )


def _check_share(share: float) -> None:
    if not 0.0 < share < 1.0:
        raise OptionError("a share to hold out lies between 0 and 1", where="held_out_share", got=share, allowed="over 0, under 1")
