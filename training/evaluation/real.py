"""The real sounds that a patch is judged by: held-out clips of the classes it knows, with their parameters.

It does not know what is measured on them.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Control
from training.audio_folder import Skipped, read_audio_folder
from training.clip_labels import Label, label_folder
from training.evaluation.errors import ClassMismatchError, TooFewClipsError

__all__ = ["RealClass", "RealClip", "RealSounds", "control_of", "read_real_sounds"]

Array = NDArray[np.float32]
SHORTEST_PIECE_S = 2.0
FEWEST_CLIPS = 4


@dataclass(frozen=True, eq=False)
class RealClip:
    """One held-out clip: its path in the folder, its sound (T,), and the parameters that were stated for it."""

    path: Path
    audio: Array
    values: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class RealClass:
    """One class: its name in the folder, the parameters that all its clips have, in order, and the clips."""

    name: str
    parameters: tuple[str, ...]
    clips: tuple[RealClip, ...]


@dataclass(frozen=True, eq=False)
class RealSounds:
    """All of it.

    Attributes
    ----------
    folder : Path
    sample_rate_hz : int
    piece_seconds : float
        Length of what is judged at once: as asked for, or that of the shortest clip.
    classes : tuple of RealClass
        Those that the patch has too, in the order of their names.
    unused : dict from a class's name to why it is left out
    skipped : tuple of Skipped
        Files that could not be used.
    """

    folder: Path
    sample_rate_hz: int
    piece_seconds: float
    classes: tuple[RealClass, ...]
    unused: Mapping[str, str]
    skipped: tuple[Skipped, ...]

    @property
    def piece_frames(self) -> int:
        """Frames of what is judged at once."""
        return round(self.piece_seconds * self.sample_rate_hz)

    def pieces(self, audio: Array) -> list[Array]:
        """Return a sound in pieces of `piece_frames`: as few as cover it, overlapping where they must."""
        size = self.piece_frames
        count = max(1, math.ceil((len(audio) - 0.25 * size) / size))
        starts = np.linspace(0, max(0, len(audio) - size), count).round().astype(int)
        return [np.asarray(audio[start : start + size], dtype=np.float32) for start in starts]


def control_of(controls: Sequence[Control], prefix: str, name: str) -> Control | None:
    """Return the control that a patch has for a class or parameter of the studio, or None.

    Parameters
    ----------
    controls : sequence of Control
    prefix : str
        "class_" for a class, "" for a parameter.
    name : str
        As the folder of sounds or its sheet writes it.
    """
    plain = prefix + re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    mine = [control for control in controls if control.id.startswith("class_") == bool(prefix)]
    return next((control for control in mine if control.label == name), next((one for one in mine if one.id == plain), None))


def read_real_sounds(
    folder: Path, sample_rate_hz: int, controls: Sequence[Control], *, seconds: float, clips_per_class: int | None = None
) -> RealSounds:
    """Read a folder of held-out sounds.

    Parameters
    ----------
    folder : Path
        Classes and parameters are what `label_folder` finds: a sheet, sub-folders, or names of the seed's form.
    sample_rate_hz : int
    controls : sequence of Control
        The patch's. To a patch without classes all sounds are one class, and it has no parameters that the sheet could know.
    seconds : float
        Length of what is to be judged at once.
    clips_per_class : int, optional
        Take only so many, spread over the folder.

    Raises
    ------
    AudioFolderError, DataError
        As `read_audio_folder` and `label_folder`.
    ClassMismatchError
        If the patch has none of the classes.
    TooFewClipsError
        If a class has fewer than four clips.
    """
    labels = label_folder(folder).labels
    sounds = read_audio_folder(folder, sample_rate_hz, channels="mono", min_seconds=SHORTEST_PIECE_S)
    known = any(control.id.startswith("class_") for control in controls)
    clips: dict[str, list[RealClip]] = {}
    unused = {}
    for clip in sounds.clips:
        label = labels.get(clip.path.as_posix(), Label(clip.class_name, {}, ""))
        name = label.class_name if known else "sound"
        if known and control_of(controls, "class_", name) is None:
            unused[name] = "the patch has no such class"
            continue
        values = {key: value for key, value in label.values.items() if known and control_of(controls, "", key)}
        clips.setdefault(name, []).append(RealClip(clip.path, clip.audio[:, 0], values))
    if not clips:
        raise ClassMismatchError(
            "no class of the sounds is a class of the patch",
            where=folder,
            got=", ".join(sorted(unused)),
            allowed=", ".join(control.label for control in controls if control.id.startswith("class_")),
        )
    classes = tuple(_class(folder, name, _some(clips[name], clips_per_class)) for name in sorted(clips))
    shortest_s = min(len(clip.audio) for kind in classes for clip in kind.clips) / sample_rate_hz
    return RealSounds(folder, sample_rate_hz, min(seconds, shortest_s), classes, unused, sounds.skipped)


def _class(folder: Path, name: str, clips: list[RealClip]) -> RealClass:
    if len(clips) < FEWEST_CLIPS:
        raise TooFewClipsError(
            f"class {name!r}: too few clips to learn from some and be judged by others",
            where=folder,
            got=f"{len(clips)} of {SHORTEST_PIECE_S:g} s and up",
            allowed=f"{FEWEST_CLIPS} and up",
            hint="Add clips, cut long ones, or move the class out of the folder",
        )
    # A parameter that some clips of the class lack, or that never changes, cannot be judged in it.
    shared = [key for key in clips[0].values if all(key in clip.values for clip in clips)]
    return RealClass(name, tuple(key for key in shared if len({clip.values[key] for clip in clips}) > 1), tuple(clips))


def _some(clips: list[RealClip], count: int | None) -> list[RealClip]:
    if count is None or count >= len(clips):
        return clips
    return [clips[index] for index in np.linspace(0, len(clips) - 1, count).round().astype(int)]
