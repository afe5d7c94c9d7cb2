"""Sound files that are heard, as a mono signal at a patch's rate: one clip, or a folder of them. It knows files, not who listens."""

import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from realtime.errors import ClipError
from realtime.kernels.views import Floats

CLIP_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".aif", ".aiff", ".aifc", ".mp3", ".ogg", ".oga", ".opus", ".w64", ".rf64", ".caf", ".au"}
)
"""What is taken from a folder. A file that is named is opened whatever it is called."""
LONGEST_CLIP_S = 600.0
"""What a sequencer hears before it predicts; its memory is seconds to minutes. At 192 kHz this is half a gigabyte on the way."""
SHORTEST_CLIP_FRAMES = 2_048
"""One analysis window, at the patch's rate: with less there is no descriptor."""
SILENCE_DB = -90.0
"""Peak at or below which a clip is silent: the last bit of 16."""
_SILENCE = math.pow(10.0, SILENCE_DB / 20.0)
_READ_FRAMES = 1 << 16


@dataclass(frozen=True)
class SeedClip:
    """One seed of a folder, and where its sound goes under the folder of outputs."""

    path: Path
    output: Path


def open_clip(path: Path) -> soundfile.SoundFile:
    """A sound file, opened to be heard.

    Raises
    ------
    ClipError — missing, a folder, not readable, or no audio.
    """
    if path.is_dir():
        raise ClipError(f"{path}: is a folder", allowed="a sound file")
    try:
        # Opened here and not by libsndfile, whose message for a missing file and for one that is no audio is the same.
        with path.open("rb"):
            pass
        return soundfile.SoundFile(path)
    except OSError as error:
        hint = "check its name and its permissions"
        raise ClipError(f"{path}: cannot be read", got=error.strerror or str(error), allowed="a sound file", hint=hint) from None
    except (soundfile.LibsndfileError, TypeError) as error:  # a TypeError is a file without a header, by its suffix
        got = getattr(error, "error_string", "no header")
        raise ClipError(f"{path}: not audio", got=got, allowed="what libsndfile reads: WAV, FLAC, AIFF, MP3, OGG") from None


def mono_block(path: Path, file: soundfile.SoundFile, frames: int) -> Floats:
    """The mean of the channels of the next frames, float32, shape (<= frames,); empty at the end.

    Raises
    ------
    ClipError — the file is broken here, or holds what is no number.
    """
    try:
        block = file.read(frames, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise ClipError(f"{path}: broken after {file.tell()} frames", got=str(error).strip()) from None
    if not np.isfinite(block).all():
        raise ClipError(f"{path}: a sample is no number", hint="repair or re-export the file")
    return np.asarray(block.mean(axis=1), np.float32)


def read_clip(path: Path, rate_hz: int, *, longest_s: float = LONGEST_CLIP_S, least_frames: int = SHORTEST_CLIP_FRAMES) -> Floats:
    """A whole sound file as one mono signal.

    Parameters
    ----------
    path : Path
        Anything libsndfile reads, at any rate, with any number of channels.
    rate_hz : int
        Rate wanted; converted by soxr.
    longest_s : float
    least_frames : int
        At `rate_hz`.

    Returns
    -------
    float32 array, shape (T,), linear amplitude
        The mean of the channels.

    Raises
    ------
    ClipError — missing, no audio, empty, silent, too short, too long, broken, or with samples that are no numbers.

    Thread
    ------
    Any but audio; allocates as much as the clip is long.
    """
    with open_clip(path) as file:
        source_hz = int(file.samplerate)
        limit = math.ceil(longest_s * source_hz)
        blocks: list[Floats] = []
        count = 0
        # What the header says of the length is not to be trusted; it is only quicker where it says too much.
        while file.frames <= limit and count <= limit and len(block := mono_block(path, file, _READ_FRAMES)):
            blocks.append(block)
            count += len(block)
        if count > limit or file.frames > limit:
            seconds = max(count, file.frames) / source_hz
            raise ClipError(
                f"{path}: too long", got=f"{seconds:.0f} s", allowed=f"up to {longest_s:g} s", hint="cut out what should be heard"
            )
    if count == 0:
        raise ClipError(f"{path}: empty", got="0 frames", allowed=f"{least_frames / rate_hz:.3f} s or more")
    clip = np.concatenate(blocks)
    if source_hz != rate_hz:
        clip = np.asarray(soxr.resample(clip, source_hz, rate_hz, quality="HQ"), np.float32)
    if len(clip) < least_frames:
        raise ClipError(f"{path}: too short", got=f"{len(clip) / rate_hz:.3f} s", allowed=f"{least_frames / rate_hz:.3f} s or more")
    if float(np.abs(clip).max()) <= _SILENCE:
        raise ClipError(f"{path}: silent", got=f"a peak below {SILENCE_DB:g} dBFS", hint="if it is not, its channels cancel each other")
    return clip


def find_clips(folder: Path) -> list[SeedClip]:
    """Every sound file in a folder and below, by path, each with an output of its own.

    An output has the seed's folder and name, with ``.wav`` for its suffix; seeds of one folder that differ in the suffix alone (or, for
    disks that cannot tell, in capitals) keep it: ``take.aif.wav``. Hidden files and folders are left out.

    Raises
    ------
    ClipError — no sound file there; two seeds that would be written to one file all the same.
    """
    paths = []
    try:
        for place, folders, names in os.walk(folder, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths += [Path(place) / name for name in names if not name.startswith(".") and Path(name).suffix.lower() in CLIP_SUFFIXES]
    except OSError as error:
        raise ClipError(f"{folder}: cannot be listed", got=error.strerror or str(error)) from None
    if not paths:
        raise ClipError(f"{folder}: no sound file there", allowed=", ".join(sorted(CLIP_SUFFIXES)))
    paths = sorted(path.relative_to(folder) for path in paths)
    same = Counter(_key(path.with_suffix(".wav")) for path in paths)
    plain = [path.with_suffix(".wav") for path in paths]
    outputs = [made if same[_key(made)] == 1 else path.with_name(f"{path.name}.wav") for path, made in zip(paths, plain, strict=True)]
    taken: dict[str, Path] = {}
    for path, output in zip(paths, outputs, strict=True):
        other = taken.setdefault(_key(output), path)
        if other != path:
            raise ClipError(f"{folder}: two seeds would be written to one file", got=f"{other} and {path}", hint="rename one of them")
    return [SeedClip(folder / path, output) for path, output in zip(paths, outputs, strict=True)]


def _key(path: Path) -> str:
    return path.as_posix().casefold()


def _refuse(error: OSError) -> None:
    raise error
