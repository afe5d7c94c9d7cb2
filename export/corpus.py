"""The corpus of a mosaic patch: which seconds of an audio folder go along, and their units.

It does not know models or manifests. What is described is the sound as it is written, 16 bits and all, so whoever describes the file again
gets the same numbers.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from export.errors import EmptyCorpusError
from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.audio_folder import AudioFolder, Clip
from training.corpus_sound import dequantise, quantise
from training.descriptors import describe

# Shorter pieces would be mostly seams: fewer files are taken instead.
MIN_PIECE_SECONDS = 2.0
NO_LABEL = -1

Array = NDArray[np.float32]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Piece:
    """A stretch of one clip, in samples of the clip."""

    clip: Clip
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Corpus:
    """Sound and units, in the form of the patch format.

    Attributes
    ----------
    audio : int16 array, shape (T, C)
    sample_rate_hz : int
    spans : tuple of (int, int)
        First and last-plus-one sample in `audio` of each file.
    offsets : tuple of int
        Of each file, which of its own samples the first of its span is.
    descriptors : float32 array, shape (N, D), raw
    attributes : float32 array, shape (N, 3)
    f0_hz : float32 array, shape (N,)
        0 where there is no pitch.
    start_frames, length_frames : int64 array, shape (N,)
    file_index : int32 array, shape (N,)
    label_index : int16 array, shape (N,)
        -1 for none.
    unit_weight : float32 array, shape (N,)
    labels, files : tuple of str
    spec : DescriptorSpec
    """

    audio: NDArray[np.int16]
    sample_rate_hz: int
    spans: tuple[tuple[int, int], ...]
    offsets: tuple[int, ...]
    descriptors: Array
    attributes: Array
    f0_hz: Array
    start_frames: NDArray[np.int64]
    length_frames: NDArray[np.int64]
    file_index: NDArray[np.int32]
    label_index: NDArray[np.int16]
    unit_weight: Array
    labels: tuple[str, ...]
    files: tuple[str, ...]
    spec: DescriptorSpec

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.audio) / self.sample_rate_hz


def edge_rows(spec: DescriptorSpec) -> int:
    """Return how many rows near a cut describe a silence that the sound does not have."""
    return -(-spec.lookahead_frames // spec.hop_frames)


def choose_pieces(folder: AudioFolder, seconds: float, spec: DescriptorSpec = DEFAULT_SPEC) -> list[Piece]:
    """Choose which stretches of a folder go into a corpus, evenly over classes and then over files.

    Parameters
    ----------
    folder : AudioFolder
    seconds : float
        At most this much. Where a class or file is shorter than its share, the others get the rest; where a share of every class would be
        too short for a unit, fewer classes are taken.
    spec : DescriptorSpec

    Returns
    -------
    list of Piece
        In the folder's order; the middle of each chosen file, where neither its fade-in nor its fade-out is.
    """
    budget = int(seconds * folder.sample_rate_hz)
    shortest = int(MIN_PIECE_SECONDS * folder.sample_rate_hz)
    classes = [[clip for clip in folder.clips if clip.class_name == name] for name in folder.class_names]
    # The shortest stretch with a unit in it wherever it is cut.
    classes = _spread(classes, max(1, budget // (2 * (edge_rows(spec) + 1) * spec.hop_frames)))
    pieces = []
    for clips, share in zip(classes, fill_evenly([sum(len(clip.audio) for clip in clips) for clips in classes], budget), strict=True):
        chosen = _spread(clips, max(1, share // shortest))
        while sum(len(clip.audio) for clip in chosen) < share:
            chosen = _spread(clips, len(chosen) + 1)
        for clip, length in zip(chosen, fill_evenly([len(clip.audio) for clip in chosen], share), strict=True):
            start = (len(clip.audio) - length) // 2
            pieces.append(Piece(clip, start, start + length))
    return sorted(pieces, key=lambda piece: piece.clip.path)


def _spread(items: list[Item], count: int) -> list[Item]:
    """Return so many items at even distances, because files are often named along a parameter."""
    count = min(count, len(items))
    return [items[int((index + 0.5) * len(items) / count)] for index in range(count)]


def fill_evenly(capacities: list[int], budget: int) -> list[int]:
    """Share a budget so that all get the same but none more than its capacity.

    Parameters
    ----------
    capacities : list of int
    budget : int

    Returns
    -------
    list of int
        Sums to `budget`, or to all capacities if that is less.
    """
    shares = [0] * len(capacities)
    order = sorted(range(len(capacities)), key=lambda index: capacities[index])
    for position, index in enumerate(order):
        shares[index] = min(capacities[index], budget // (len(order) - position))
        budget -= shares[index]
    return shares


def build_corpus(pieces: list[Piece], sample_rate_hz: int, crossfade_frames: int, spec: DescriptorSpec = DEFAULT_SPEC) -> Corpus:
    """Quantise the pieces, put them behind each other and describe every unit.

    Parameters
    ----------
    pieces : list of Piece
    sample_rate_hz : int
    crossfade_frames : int
        A unit plays its hop and this much of what follows, so that much must be there.
    spec : DescriptorSpec

    Returns
    -------
    Corpus

    Raises
    ------
    EmptyCorpusError
        No piece is long enough for a unit.
    """
    hop = spec.hop_frames
    audio, spans, kept, rows = [], [], [], []
    offset = 0
    for piece in pieces:
        samples = quantise(piece.clip.audio[piece.start : piece.stop])
        described = describe(_mono(dequantise(samples)), spec)
        first, stop = _usable_rows(piece, len(described), crossfade_frames, spec)
        if stop <= first:
            continue
        index = np.arange(first, stop)
        starts = offset + index * hop - hop // 2
        rows.append((described.frames[index], described.attributes[index], described.f0_hz[index], starts, np.full(len(index), len(spans))))
        audio.append(samples)
        spans.append((offset, offset + len(samples)))
        kept.append(piece)
        offset += len(samples)
    if not rows:
        # From half a hop, because the first row has no sound before it, to the end of the fade.
        least = hop + hop // 2 + crossfade_frames
        raise EmptyCorpusError("no sound is long enough for one unit", allowed=f"whole files of {least} samples and up")
    frames, attributes, f0_hz, starts, files = (np.concatenate(column) for column in zip(*rows, strict=True))
    labels = tuple(sorted({piece.clip.class_name for piece in kept} - {""}))
    places = np.array([labels.index(piece.clip.class_name) if piece.clip.class_name else NO_LABEL for piece in kept], np.int16)
    return Corpus(
        audio=np.concatenate(audio),
        sample_rate_hz=sample_rate_hz,
        spans=tuple(spans),
        offsets=tuple(piece.start for piece in kept),
        descriptors=frames,
        attributes=attributes,
        f0_hz=f0_hz,
        start_frames=starts.astype(np.int64),
        length_frames=np.full(len(starts), hop, np.int64),
        file_index=files.astype(np.int32),
        label_index=places[files],
        unit_weight=np.ones(len(starts), np.float32),
        labels=labels,
        files=tuple(piece.clip.path.as_posix() for piece in kept),
        spec=spec,
    )


def _mono(audio: Array) -> Array:
    return audio[:, 0] if audio.shape[1] == 1 else audio.mean(1, dtype=np.float32)


def _usable_rows(piece: Piece, rows: int, crossfade_frames: int, spec: DescriptorSpec) -> tuple[int, int]:
    """Return the range of rows that are units: all of the unit is in the piece, and no cut is heard in its description."""
    hop, edge = spec.hop_frames, edge_rows(spec)
    length = piece.stop - piece.start
    # Row i begins half a hop before its centre i * hop. Rows near a cut describe a silence that the sound does not have.
    first = 1 if piece.start == 0 else edge
    fitting = (length - crossfade_frames - hop // 2) // hop + 1
    return first, min(fitting, rows if piece.stop == len(piece.clip.audio) else rows - edge)
