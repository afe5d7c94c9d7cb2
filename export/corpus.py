"""The corpus of a mosaic patch: which seconds of an audio folder go along, their units, and the two files that hold them.

It does not know models or manifests. What is described is the sound as it is written, 16 bits and all, so whoever describes the file again
gets the same numbers.
"""

import io
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from export.errors import EmptyCorpusError
from training.audio_folder import AudioFolder, Clip
from training.descriptors import HOP_FRAMES, MFCC_COUNT, describe
from training.sequencer_data import EDGE_ROWS, STD_FLOOR, mono

FULL_SCALE = 32768
# Shorter pieces would be mostly seams: fewer files are taken instead.
MIN_PIECE_SECONDS = 2.0
# The shortest stretch with a unit in it wherever it is cut: rows near both cuts describe a silence that the sound does not have.
SHORTEST_STRETCH = 2 * (EDGE_ROWS + 1) * HOP_FRAMES
# Frames the sequencer hears before it goes on alone: 1.5 s.
PRIME_ROWS = 64
# The weights of MFCCs, their deltas and their second deltas on the squared z-scored distance. The deltas are two thirds of the 39 and only
# say how the static third moves; at full weight they would outvote it. So the static third decides (57 %), movement chooses among likes.
GROUP_WEIGHTS = (1.0, 0.5, 0.25)

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
    descriptors : float32 array, shape (N, 39), raw
    attributes : float32 array, shape (N, 3)
    start_frames : int64 array, shape (N,)
    file_index : int32 array, shape (N,)
    """

    audio: NDArray[np.int16]
    sample_rate_hz: int
    spans: tuple[tuple[int, int], ...]
    descriptors: Array
    attributes: Array
    start_frames: NDArray[np.int64]
    file_index: NDArray[np.int32]

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.audio) / self.sample_rate_hz


def choose_pieces(folder: AudioFolder, seconds: float) -> list[Piece]:
    """Choose which stretches of a folder go into a corpus, evenly over classes and then over files.

    Parameters
    ----------
    folder : AudioFolder
    seconds : float
        At most this much. Where a class or file is shorter than its share, the others get the rest; where a share of every class would be
        too short for a unit, fewer classes are taken.

    Returns
    -------
    list of Piece
        In the folder's order; the middle of each chosen file, where neither its fade-in nor its fade-out is.
    """
    budget = int(seconds * folder.sample_rate_hz)
    shortest = int(MIN_PIECE_SECONDS * folder.sample_rate_hz)
    classes = [[clip for clip in folder.clips if clip.class_name == name] for name in folder.class_names]
    classes = _spread(classes, max(1, budget // SHORTEST_STRETCH))
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


def build_corpus(pieces: list[Piece], sample_rate_hz: int, crossfade_frames: int) -> Corpus:
    """Quantise the pieces, put them behind each other and describe every unit.

    Parameters
    ----------
    pieces : list of Piece
    sample_rate_hz : int
    crossfade_frames : int
        A unit plays its hop and this much of what follows, so that much must be there.

    Returns
    -------
    Corpus

    Raises
    ------
    EmptyCorpusError
        No piece is long enough for a unit.
    """
    audio, spans, rows = [], [], []
    offset = 0
    for piece in pieces:
        samples = quantise(piece.clip.audio[piece.start : piece.stop])
        described = describe(mono(dequantise(samples)))
        first, stop = _usable_rows(piece, len(described), crossfade_frames)
        if stop <= first:
            continue
        index = np.arange(first, stop)
        starts = offset + index * HOP_FRAMES - HOP_FRAMES // 2
        rows.append((described.frames[index], described.attributes[index], starts, np.full(len(index), len(spans))))
        audio.append(samples)
        spans.append((offset, offset + len(samples)))
        offset += len(samples)
    if not rows:
        # From half a hop, because the first row has no sound before it, to the end of the fade.
        least = HOP_FRAMES + HOP_FRAMES // 2 + crossfade_frames
        raise EmptyCorpusError("no sound is long enough for one unit", allowed=f"whole files of {least} samples and up")
    frames, attributes, starts, files = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Corpus(np.concatenate(audio), sample_rate_hz, tuple(spans), frames, attributes, starts.astype(np.int64), files.astype(np.int32))


def _usable_rows(piece: Piece, rows: int, crossfade_frames: int) -> tuple[int, int]:
    """Return the range of rows that are units: all of the unit is in the piece, and no cut is heard in its description."""
    length = piece.stop - piece.start
    # Row i begins half a hop before its centre i * hop. Rows near a cut describe a silence that the sound does not have.
    first = 1 if piece.start == 0 else EDGE_ROWS
    fitting = (length - crossfade_frames - HOP_FRAMES // 2) // HOP_FRAMES + 1
    return first, min(fitting, rows if piece.stop == len(piece.clip.audio) else rows - EDGE_ROWS)


def quantise(audio: Array) -> NDArray[np.int16]:
    """Return samples as 16 bits. What goes past full scale is turned down as a whole, not clipped."""
    peak = float(np.abs(audio).max(initial=0.0))
    scale = (FULL_SCALE - 1) / max(peak, (FULL_SCALE - 1) / FULL_SCALE)
    return np.rint(audio * np.float32(scale)).astype(np.int16)


def dequantise(samples: NDArray[np.int16]) -> Array:
    """Return 16-bit samples as a reader of the file gets them, in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def to_flac(corpus: Corpus) -> bytes:
    """Return the sound as a 16-bit FLAC file."""
    written = io.BytesIO()
    soundfile.write(written, corpus.audio, corpus.sample_rate_hz, format="FLAC", subtype="PCM_16")
    return written.getvalue()


def to_npz(corpus: Corpus, mean: Array, std: Array) -> bytes:
    """Return the units as the `corpus` file of the patch format.

    Parameters
    ----------
    corpus : Corpus
    mean, std : float32 array, shape (39,)
        The z-score the sequencer was trained with.

    Returns
    -------
    bytes
        An npz without pickled objects; the same corpus gives the same bytes.
    """
    written = io.BytesIO()
    np.savez_compressed(
        written,
        descriptors=corpus.descriptors.astype(np.float32),
        attributes=corpus.attributes.astype(np.float32),
        mean=mean.astype(np.float32),
        std=std.astype(np.float32),
        attribute_mean=corpus.attributes.mean(0, dtype=np.float64).astype(np.float32),
        attribute_std=np.maximum(corpus.attributes.std(0, dtype=np.float64), STD_FLOOR).astype(np.float32),
        start_frames=corpus.start_frames,
        file_index=corpus.file_index,
        prime=prime_of(corpus, mean, std),
        weights=np.repeat(np.array(GROUP_WEIGHTS, dtype=np.float32), MFCC_COUNT),
    )
    return written.getvalue()


def prime_of(corpus: Corpus, mean: Array, std: Array) -> Array:
    """Return z-scored frames to warm a sequencer with, (P, 39): the beginning of the file with the most units."""
    longest = np.flatnonzero(corpus.file_index == np.bincount(corpus.file_index).argmax())[:PRIME_ROWS]
    return ((corpus.descriptors[longest] - mean) / std).astype(np.float32)
