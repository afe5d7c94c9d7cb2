"""The two files that hold the corpus of a mosaic patch: `corpus.npz` and `corpus.flac`.

It knows the patch format, not how units are chosen.
"""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

from export.corpus import Corpus
from training.corpus_weights import descriptor_weights

# Frames the sequencer hears before it goes on alone: 1.5 s.
PRIME_ROWS = 64
# An attribute that hardly varies must not be blown up to unit spread.
STD_FLOOR = 1e-3

Array = NDArray[np.float32]


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
    mean, std : float32 array, shape (D,)
        The z-score the sequencer was trained with.

    Returns
    -------
    bytes
        An npz without pickled objects; the same corpus gives the same bytes. Texts are UTF-8 lines as bytes, for an npz of a patch holds
        numbers only.
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
        weights=descriptor_weights(corpus.spec),
        f0_hz=corpus.f0_hz.astype(np.float32),
        length_frames=corpus.length_frames,
        label_index=corpus.label_index,
        unit_weight=corpus.unit_weight.astype(np.float32),
        file_spans=np.array([(*span, offset) for span, offset in zip(corpus.spans, corpus.offsets, strict=True)], np.int64),
        labels=lines(corpus.labels),
        files=lines(corpus.files),
    )
    return written.getvalue()


def lines(texts: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return texts as the bytes of UTF-8 lines; what would break a line or cannot be shown is written as it can be."""
    plain = ("".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text) for text in texts)
    return np.frombuffer("\n".join(plain).encode("utf-8"), np.uint8)


def prime_of(corpus: Corpus, mean: Array, std: Array) -> Array:
    """Return z-scored frames to warm a sequencer with, (P, D): the beginning of the file with the most units."""
    longest = np.flatnonzero(corpus.file_index == np.bincount(corpus.file_index).argmax())[:PRIME_ROWS]
    return ((corpus.descriptors[longest] - mean) / std).astype(np.float32)
