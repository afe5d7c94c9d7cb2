"""From which frame on a recording is no longer what it would have been. It knows samples, not what was turned.

A voice that is reset with a seed and not touched gives the same samples each time. Two stretches that were not touched give the
reference; where a stretch in which a control was turned leaves it, the control is heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MARK_FRAMES = 256
"""So many frames in a row are the same by chance in no sound but silence."""

Frames = NDArray[np.float32]


def find_reference(first: Frames, second: Frames, within: int) -> Frames:
    """What two untouched stretches have in common, from where it begins; nothing where they have nothing in common.

    Parameters
    ----------
    first, second : float32 arrays, shape (T, 2) and (U, 2)
        Each begins before its reset is heard.
    within : int
        Frame of `first` at which its reset is certainly heard.
    """
    mark = first[within : within + MARK_FRAMES]
    place = find_mark(second, mark)
    if place is None:
        return first[:0]
    after = equal_frames(first[within:], second[place:])
    before = equal_frames(first[:within][::-1], second[:place][::-1])
    return first[within - before : within + after]


def find_mark(sound: Frames, mark: Frames) -> int | None:
    """First frame where `mark` stands in `sound`, sample for sample; None where it does not, or is silence."""
    if len(mark) < MARK_FRAMES or not mark.any():
        return None
    data, wanted = sound.tobytes(), mark.tobytes()
    place = data.find(wanted)
    while place >= 0 and place % (sound.itemsize * sound.shape[1]):
        place = data.find(wanted, place + 1)
    return None if place < 0 else place // (sound.itemsize * sound.shape[1])


def equal_frames(one: Frames, other: Frames) -> int:
    """How many frames are the same before the first that is not."""
    count = min(len(one), len(other))
    different = np.flatnonzero((one[:count] != other[:count]).any(axis=1))
    return int(different[0]) if len(different) else count


def find_change(sound: Frames, reference: Frames) -> tuple[int, int] | None:
    """Where the reference begins in `sound`, and how many frames it holds; None where it does not begin there at all."""
    start = find_mark(sound, reference[:MARK_FRAMES])
    return None if start is None else (start, equal_frames(sound[start:], reference))
