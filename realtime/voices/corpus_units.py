"""A corpus as the stage plays it: units of sound, each with one row of description, and the source their sound is read from.

It knows no files: `realtime.voices.corpus_patch` and `realtime.voices.corpus_open` read them, `realtime.voices.corpus_join` puts several
together.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import DescriptorSpec
from realtime.kernels.views import Floats
from realtime.voices.audio_source import AudioSource

NO_LABEL = -1
STD_FLOOR = 1e-6
"""A column that never changes would be divided by nothing."""


class Ivf(NamedTuple):
    """Inverted lists: units grouped by the centroid they are nearest to, in the corpus' own z-scores [descriptors | attributes].

    Attributes
    ----------
    centroids : float32 array, shape (L, D + 3)
    list_start : int64 array, shape (L + 1,)
        List `l` is ``order[list_start[l] : list_start[l + 1]]``.
    order : int64 array, shape (N,)
        Every unit once.
    """

    centroids: Floats
    list_start: NDArray[np.int64]
    order: NDArray[np.int64]


@dataclass(eq=False)
class UnitCorpus:
    """Units and their sound. N is the number of units, D that of descriptors, T the frames of `audio`.

    Attributes
    ----------
    descriptors : float32 array, shape (N, D)
        Raw, finite, in the order of `spec.names`.
    attributes : float32 array, shape (N, 3)
        Loudness in dBFS, brightness in log2 Hz, noisiness in dB.
    f0_hz : float32 array, shape (N,)
        0 where there is no pitch.
    start_frames : int64 array, shape (N,)
        First frame of each unit in `audio`, ascending.
    length_frames : int64 array, shape (N,)
        1 and up; the unit lies inside its file.
    file_index : int32 array, shape (N,)
        Which of `files`, ascending.
    label_index : int16 array, shape (N,)
        Which of `labels`; -1 for none.
    weight : float32 array, shape (N,)
        How much the builder of the corpus, or who joined it to others, wants each unit; 1 is as it is.
    follows : bool array, shape (N,)
        Whether unit i + 1 goes on where unit i ends.
    mean, std : float32 array, shape (D + 3,)
        Of [descriptors | attributes]; no `std` is 0. Their z-scores are the space of `ivf`.
    labels, files : tuple of str
    file_first, file_last : int64 array, shape (F,)
        First and last-plus-one frame in `audio` of each file.
    file_offset : int64 array, shape (F,)
        Frame of the file itself that `file_first` is: over 0 where only a part of it is in the corpus.
    audio : AudioSource
    spec : DescriptorSpec
    ivf : Ivf or None
        None where the corpus is small enough to be searched whole.
    notes : tuple of str
        What was left out and why, in lines for the user.

    Thread
    ------
    The deck's. The arrays are not written to once it is made.
    """

    descriptors: Floats
    attributes: Floats
    f0_hz: Floats
    start_frames: NDArray[np.int64]
    length_frames: NDArray[np.int64]
    file_index: NDArray[np.int32]
    label_index: NDArray[np.int16]
    weight: Floats
    follows: NDArray[np.bool_]
    mean: Floats
    std: Floats
    labels: tuple[str, ...]
    files: tuple[str, ...]
    file_first: NDArray[np.int64]
    file_last: NDArray[np.int64]
    file_offset: NDArray[np.int64]
    audio: AudioSource
    spec: DescriptorSpec
    ivf: Ivf | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.start_frames)

    def unit_at(self, file: int, frame: int) -> int:
        """Return the unit of a file that sounds at a frame of `audio`: the last that has begun; before the first, the first.

        Returns
        -------
        int
            -1 where the file has no unit.
        """
        # Of the column's own type: searched for another, numpy copies the whole column first.
        sought = np.array((file, file + 1), self.file_index.dtype)
        first, last = (int(place) for place in np.searchsorted(self.file_index, sought))
        if first == last:
            return -1
        return first + max(int(np.searchsorted(self.start_frames[first:last], frame, "right")) - 1, 0)

    def limit(self, unit: int) -> tuple[int, int]:
        """Return the first and the last-plus-one frame in `audio` of the file that a unit is of."""
        file = int(self.file_index[unit])
        return int(self.file_first[file]), int(self.file_last[file])

    def source_frame(self, unit: int, frame: int) -> int:
        """Return which frame of its file, at the corpus' rate, a frame of `audio` is."""
        file = int(self.file_index[unit])
        return frame - int(self.file_first[file]) + int(self.file_offset[file])

    def gone_units(self) -> NDArray[np.bool_]:
        """Tell of each unit, (N,), whether some of its sound is not there any more."""
        gone = np.zeros(len(self), np.bool_)
        for first, last in self.audio.gone():
            gone |= (self.start_frames < last) & (self.start_frames + self.length_frames > first)
        return gone

    def described(self) -> Floats:
        """Return the rows that are searched, before any scaling: [descriptors | attributes], shape (N, D + 3)."""
        return np.hstack([self.descriptors, self.attributes])


def follow_flags(start_frames: NDArray[np.int64], length_frames: NDArray[np.int64], file_index: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell of each unit whether the next goes on where it ends: in the same file, without a gap or an overlap."""
    goes_on = (file_index[1:] == file_index[:-1]) & (start_frames[1:] == start_frames[:-1] + length_frames[:-1])
    return np.append(goes_on, False) if len(start_frames) else np.zeros(0, np.bool_)


def kept_units(corpus: UnitCorpus, keep: NDArray[np.bool_], note: str) -> UnitCorpus:
    """Return a corpus of some of its units, with one more note.

    Parameters
    ----------
    corpus : UnitCorpus
    keep : bool array, shape (N,)
    note : str

    Returns
    -------
    UnitCorpus
        Of the same audio, files and labels; `mean`, `std` and the centroids stay.
    """
    place = np.cumsum(keep) - 1
    picked: dict[str, Any] = {
        name: np.ascontiguousarray(getattr(corpus, name)[keep])
        for name in ("descriptors", "attributes", "f0_hz", "start_frames", "length_frames", "file_index", "label_index", "weight")
    }
    # A unit still goes on into the next where both were kept: what lies between them was never there.
    followed = corpus.follows[:-1] & keep[:-1] & keep[1:]
    follows = np.append(followed, False)[keep]
    ivf = None
    if corpus.ivf is not None:
        stays = keep[corpus.ivf.order]
        starts = np.concatenate([[0], np.cumsum(stays)])[corpus.ivf.list_start].astype(np.int64)
        ivf = Ivf(corpus.ivf.centroids, starts, place[corpus.ivf.order[stays]].astype(np.int64))
    return UnitCorpus(
        **picked,
        follows=follows,
        mean=corpus.mean,
        std=corpus.std,
        labels=corpus.labels,
        files=corpus.files,
        file_first=corpus.file_first,
        file_last=corpus.file_last,
        file_offset=corpus.file_offset,
        audio=corpus.audio,
        spec=corpus.spec,
        ivf=ivf,
        notes=(*corpus.notes, note),
    )


def choose_labels(corpus: UnitCorpus, labels: tuple[str, ...], name: str) -> UnitCorpus:
    """Return a corpus of the units with one of these labels.

    Parameters
    ----------
    corpus : UnitCorpus
    labels : tuple of str
        Empty: the corpus as it is. One that the corpus does not have is left out, and a note says so.
    name : str
        Of the corpus, for the notes.

    Returns
    -------
    UnitCorpus
        Where it has none of them, or no unit with them, the whole corpus with a note: the show goes on.
    """
    if not labels:
        return corpus
    known = [label for label in dict.fromkeys(labels) if label in corpus.labels]
    has = ", ".join(corpus.labels) or "none"
    missing = ", ".join(label for label in dict.fromkeys(labels) if label not in corpus.labels)
    notes = (f"{name}: no label {missing}; it has {has}",) if missing else ()
    keep = np.isin(corpus.label_index, [corpus.labels.index(label) for label in known])
    if not keep.any():
        return replace(corpus, notes=(*corpus.notes, *notes, f"{name}: no unit has a label asked for, so all are played"))
    left = kept_units(corpus, keep, f"{name}: {int(keep.sum())} of {len(corpus)} units are labelled {', '.join(known)}")
    return replace(left, notes=(*corpus.notes, *notes, left.notes[-1]))
