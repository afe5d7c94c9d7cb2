"""What a mosaic plays and hears first: the corpora it was asked for as one, and the frames that prime its sequencer.

It knows files and tables, not how a step is made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from patches.manifest import Manifest
from realtime.descriptors.live import LiveDescriptors
from realtime.errors import ClipError
from realtime.kernels.views import Floats
from realtime.seed_clip import read_clip
from realtime.voices.corpus import UnitCorpus, choose_labels, join_corpora, load_patch_corpus, load_patch_tables, open_corpus_folder
from realtime.voices.voice import OWN_CORPUS, CorpusChoice, VoiceOptions

PRIME_FRAMES = 1024
"""The end of a seed clip that is heard, 24 s at a hop of 1024: more than any model here remembers."""

PCM_SCALE = 32_768
PART = 1_000
"""What one corpus counts for in what is told of reading, however large it is: how large is known only when it is opened."""


@dataclass(frozen=True, eq=False)
class MosaicParts:
    """All a mosaic needs beside its model. D is the number of descriptors.

    Attributes
    ----------
    corpus : UnitCorpus
    prime : float32 array, shape (P, D), z-scores
        At least one frame.
    weights : float32 array, shape (D,)
    notes : tuple of str
        What there is to say about the corpora.
    """

    corpus: UnitCorpus
    prime: Floats
    weights: Floats
    notes: tuple[str, ...]


def load_parts(folder: Path, manifest: Manifest, options: VoiceOptions, read: Callable[[int, int], None]) -> MosaicParts:
    """Read a patch's tables, its corpora and its prime; `read` is told how much of them is there, of how much.

    A corpus that is not the patch's own is z-scored by its own statistics: what is average for the model is average for the corpus, so a
    model of one sound plays all of another.

    Raises
    ------
    VoiceError — a corpus is not one, or not of the model's hop, rate and descriptors.
    ClipError — the prime is no readable sound, or too short.
    PatchError — a file of the patch is missing or not the one the manifest names.
    """
    tables = load_patch_tables(folder, manifest)
    own = load_patch_corpus(folder, manifest)
    size, rate_hz = own.descriptors.shape[1], manifest.audio.sample_rate_hz
    opened: list[tuple[UnitCorpus, CorpusChoice]] = []

    def of_this(done: int, of: int) -> None:
        read(PART * (1 + len(opened)) + PART * done // of, PART * (1 + len(options.corpora)))

    for choice in options.corpora:
        of_this(0, 1)
        path = Path(choice.path)
        corpus = own if choice.path == OWN_CORPUS else open_corpus_folder(path, spec=own.spec, sample_rate_hz=rate_hz, read=of_this)
        opened.append((corpus, choice))
    of_this(0, 1)
    corpus, dropped = _joined(opened) if opened else (own, ())
    prime = tables.prime
    if options.prime is not None:
        prime = _prime(options.prime, own, tables.mean[:size], tables.std[:size])
    return MosaicParts(corpus, prime, tables.weights, (*corpus.notes, *dropped))


def _joined(opened: list[tuple[UnitCorpus, CorpusChoice]]) -> tuple[UnitCorpus, tuple[str, ...]]:
    """Corpora as one, of the labels asked for; what has none of them is left out as long as another has, and a note says so."""
    has = [not choice.labels or bool(set(choice.labels) & set(corpus.labels)) for corpus, choice in opened]
    joined, notes = [], []
    for (corpus, choice), fits in zip(opened, has, strict=True):
        name = Path(choice.path).name
        if any(has) and not fits:
            notes.append(f"{name}: left out, it has no label {', '.join(choice.labels)}")
            continue
        joined.append((choose_labels(corpus, choice.labels, name), choice.weight))
    return join_corpora(joined), tuple(notes)


def _prime(path: Path, own: UnitCorpus, mean: Floats, std: Floats) -> Floats:
    """The z-scored frames of a seed clip, as the sequencer learned to hear them: without those that look at the silence around it."""
    spec = own.spec
    live = LiveDescriptors(spec)
    edge = -(-spec.lookahead_frames // spec.hop_frames)
    samples = read_clip(path, spec.sample_rate_hz)[-(PRIME_FRAMES + 2 * edge) * spec.hop_frames :]
    # In 16 bits, as training and corpus were described: MFCCs hear what they leave in a band without sound.
    samples = (np.round(samples * np.float32(PCM_SCALE)) / np.float32(PCM_SCALE)).astype(np.float32)
    rows = np.concatenate([live.push(samples).frames, live.flush().frames])
    inner = rows[edge : len(rows) - edge] if len(rows) > 2 * edge else rows
    if not len(inner):
        raise ClipError(f"{path}: too short to prime a sequencer", got=f"{len(samples)} frames", allowed=f"{spec.hop_frames} or more")
    return np.ascontiguousarray((inner[-PRIME_FRAMES:] - mean) / std, np.float32)
