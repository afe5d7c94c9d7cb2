"""The units of one sound: which stretches of it, and the row of description that each of them has.

It knows rows and frames, not files.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patches.corpus_manifest import Segmentation
from patches.descriptors import DescriptorSpec
from training.corpus_onsets import cut_lengths
from training.corpus_sound import Sound
from training.descriptors import Descriptors
from training.errors import OptionError

__all__ = ["LONGEST_SECONDS", "SEGMENTS", "SHORTEST_SECONDS", "SoundUnits", "cut_sound", "make_segmentation", "shortest_sound"]

SEGMENTS = ("hop", "onset")
SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 2.0
LEAST_SECONDS, MOST_SECONDS = 0.01, 600.0

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SoundUnits:
    """The units of a sound, in time order.

    Attributes
    ----------
    descriptors : float32 array, shape (N, D)
    attributes : float32 array, shape (N, 3)
    f0_hz : float32 array, shape (N,)
    start_frames, length_frames : int64 array, shape (N,)
        Within the sound.
    """

    descriptors: Array
    attributes: Array
    f0_hz: Array
    start_frames: NDArray[np.int64]
    length_frames: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start_frames)


def make_segmentation(kind: str, spec: DescriptorSpec, shortest_seconds: float | None, longest_seconds: float | None) -> Segmentation:
    """Return how to cut, checked.

    Raises
    ------
    OptionError
        No such way to cut; lengths out of range or the wrong way round, or given for units of a hop, which have all one length.
    """
    if kind not in SEGMENTS:
        raise OptionError("no such way to cut sounds into units", where="--segments", got=repr(kind), allowed=", ".join(SEGMENTS))
    if kind == "hop":
        for option, seconds in (("--shortest", shortest_seconds), ("--longest", longest_seconds)):
            if seconds is not None:
                raise OptionError("units of a hop have all one length", where=option, got=f"{seconds:g} s", hint="Add --segments onset")
        return Segmentation("hop", spec.hop_frames, spec.hop_frames)
    shortest = SHORTEST_SECONDS if shortest_seconds is None else shortest_seconds
    longest = max(LONGEST_SECONDS, shortest) if longest_seconds is None else longest_seconds
    for option, seconds in (("--shortest", shortest), ("--longest", longest)):
        if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
            allowed = f"{LEAST_SECONDS:g} to {MOST_SECONDS:g} s"
            raise OptionError("a unit cannot have this length", where=option, got=f"{seconds:g} s", allowed=allowed)
    if longest < shortest:
        raise OptionError("longer than --longest", where="--shortest", got=f"{shortest:g} s", allowed=f"up to {longest:g} s")
    return Segmentation("onset", round(shortest * spec.sample_rate_hz), round(longest * spec.sample_rate_hz))


def shortest_sound(segmentation: Segmentation) -> int:
    """Return the least frames of a sound that has a unit."""
    # From half a hop, because the first row hears silence before the sound, to half a hop after the unit, for what fades out.
    return 2 * segmentation.shortest_frames if segmentation.kind == "hop" else segmentation.shortest_frames


def cut_sound(sound: Sound, spec: DescriptorSpec, segmentation: Segmentation) -> SoundUnits:
    """Cut a sound into units.

    Parameters
    ----------
    sound : Sound
    spec : DescriptorSpec
    segmentation : Segmentation
        By hop: the unit of row i plays from half a hop before the row's centre to half a hop after it, so that a description is of what is
        heard. By onsets: a unit has the mean of the rows whose centres are in it, and the median of their fundamentals if half of them
        have one.

    Returns
    -------
    SoundUnits
        None where the sound is shorter than `shortest_sound`.
    """
    hop = spec.hop_frames
    if segmentation.kind == "hop":
        rows = np.arange(1, max((sound.frames - hop) // hop + 1, 1))
        starts = rows * hop - hop // 2
        chosen = sound.rows
        return SoundUnits(chosen.frames[rows], chosen.attributes[rows], chosen.f0_hz[rows], starts, np.full(len(rows), hop, np.int64))
    cuts = cut_lengths(sound.onsets, sound.frames, segmentation.shortest_frames, segmentation.longest_frames)
    return _averaged(sound.rows, np.array(cuts, np.int64).reshape(-1, 2), hop)


def _averaged(rows: Descriptors, cuts: NDArray[np.int64], hop: int) -> SoundUnits:
    first = -(-cuts[:, 0] // hop)
    last = np.maximum(-(-(cuts[:, 0] + cuts[:, 1]) // hop), first + 1)
    # A unit shorter than a hop may have no centre in it: then the nearest row is its own.
    first, last = np.minimum(first, len(rows) - 1), np.minimum(last, len(rows))
    frames = np.empty((len(cuts), rows.frames.shape[1]), np.float32)
    attributes = np.empty((len(cuts), rows.attributes.shape[1]), np.float32)
    f0_hz = np.zeros(len(cuts), np.float32)
    for unit, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        frames[unit] = rows.frames[begin:end].mean(axis=0, dtype=np.float64)
        attributes[unit] = rows.attributes[begin:end].mean(axis=0, dtype=np.float64)
        voiced = rows.f0_hz[begin:end][rows.f0_hz[begin:end] > 0.0]
        if 2 * len(voiced) >= end - begin:
            f0_hz[unit] = np.median(voiced)
    return SoundUnits(frames, attributes, f0_hz, cuts[:, 0].copy(), cuts[:, 1].copy())
