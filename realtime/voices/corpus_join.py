"""Several corpora as one: their units one after the other, labels of one name as one, sound read from where it is.

It knows corpora, not files.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.voices.audio_source import JoinedSource
from realtime.voices.corpus_units import NO_LABEL, STD_FLOOR, Ivf, UnitCorpus

ASSIGN_UNITS = 4096
"""Units compared with all centroids at a time: some megabytes."""


def join_corpora(chosen: list[tuple[UnitCorpus, float]]) -> UnitCorpus:
    """Return one corpus of all units.

    Parameters
    ----------
    chosen : list of (UnitCorpus, float)
        At least one; the number multiplies the weight of each of its units.

    Returns
    -------
    UnitCorpus
        Mono corpora sound on both channels of stereo ones. Labels are merged by name, in the order they come; a file name that is in two
        corpora is told apart by the number of its corpus. Where one has inverted lists all have: the units of the others are put
        into the nearest lists.

    Raises
    ------
    VoiceError — nothing to join, or corpora of different descriptors, hops or rates.

    Thread
    ------
    The deck's, while it loads.
    """
    if not chosen:
        raise VoiceError("no corpus to play", allowed="one and up")
    corpora = [corpus for corpus, _ in chosen]
    first = corpora[0]
    if len(chosen) == 1:
        return first if chosen[0][1] == 1.0 else replace(first, weight=(first.weight * np.float32(chosen[0][1])).astype(np.float32))
    for corpus in corpora[1:]:
        if corpus.spec != first.spec:
            got = f"{corpus.spec.text}, hop {corpus.spec.hop_frames}, {corpus.spec.sample_rate_hz} Hz"
            allowed = f"{first.spec.text}, hop {first.spec.hop_frames}, {first.spec.sample_rate_hz} Hz"
            raise VoiceError("corpora of different descriptors cannot be joined", got=got, allowed=allowed)
    audio = JoinedSource(tuple(corpus.audio for corpus in corpora))
    labels = tuple(dict.fromkeys(label for corpus in corpora for label in corpus.labels))
    file_offsets = np.cumsum([0, *(len(corpus.files) for corpus in corpora)])
    mean, std = _pooled(corpora)
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(corpus, name) for corpus in corpora])
        for name in ("descriptors", "attributes", "f0_hz", "length_frames", "follows", "file_offset")
    }
    frames = audio.starts[:-1]
    for name in ("start_frames", "file_first", "file_last"):
        joined[name] = np.concatenate([getattr(corpus, name) + begin for corpus, begin in zip(corpora, frames, strict=True)])
    return UnitCorpus(
        **joined,
        file_index=np.concatenate([corpus.file_index + offset for corpus, offset in zip(corpora, file_offsets[:-1], strict=True)]).astype(
            np.int32
        ),
        label_index=np.concatenate([_relabelled(corpus, labels) for corpus in corpora]),
        weight=np.concatenate([corpus.weight * np.float32(weight) for corpus, weight in chosen]).astype(np.float32),
        mean=mean,
        std=std,
        labels=labels,
        files=_names(corpora),
        audio=audio,
        spec=first.spec,
        ivf=_lists(corpora, mean, std),
        notes=tuple(note for corpus in corpora for note in corpus.notes),
    )


def _names(corpora: list[UnitCorpus]) -> tuple[str, ...]:
    """File names; one that two corpora share gets the corpus' number before it, or nobody could tell which was played."""
    count: dict[str, int] = {}
    for corpus in corpora:
        for name in corpus.files:
            count[name] = count.get(name, 0) + 1
    return tuple(name if count[name] == 1 else f"{place + 1}:{name}" for place, corpus in enumerate(corpora) for name in corpus.files)


def _relabelled(corpus: UnitCorpus, labels: tuple[str, ...]) -> NDArray[np.int16]:
    # The last place is that of -1, no label.
    places = np.array([*(labels.index(label) for label in corpus.labels), NO_LABEL], np.int16)
    return np.asarray(places[corpus.label_index], np.int16)


def _pooled(corpora: list[UnitCorpus]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of all units together, from those of each corpus."""
    counts = np.array([len(corpus) for corpus in corpora], np.float64)[:, None]
    means = np.stack([corpus.mean for corpus in corpora]).astype(np.float64)
    squares = np.stack([corpus.std for corpus in corpora]).astype(np.float64) ** 2 + means**2
    mean = (counts * means).sum(axis=0) / counts.sum()
    variance = (counts * squares).sum(axis=0) / counts.sum() - mean**2
    return mean.astype(np.float32), np.maximum(np.sqrt(np.maximum(variance, 0.0)), STD_FLOOR).astype(np.float32)


def _lists(corpora: list[UnitCorpus], mean: Floats, std: Floats) -> Ivf | None:
    """Inverted lists of all units in the z-scores of the joined corpus, or None where no corpus has any."""
    with_lists = [corpus for corpus in corpora if corpus.ivf is not None]
    if not with_lists:
        return None
    # Centroids are means, so they move into other z-scores as rows do.
    centroids = np.concatenate(
        [(corpus.ivf.centroids * corpus.std + corpus.mean - mean) / std for corpus in with_lists if corpus.ivf is not None]
    ).astype(np.float32)
    owner = []
    base = 0
    for corpus in corpora:
        if corpus.ivf is None:
            owner.append(_nearest(((corpus.described() - mean) / std).astype(np.float32), centroids))
            continue
        mine = np.empty(len(corpus), np.int64)
        sizes = np.diff(corpus.ivf.list_start)
        mine[corpus.ivf.order] = np.repeat(np.arange(len(sizes)), sizes) + base
        base += len(sizes)
        owner.append(mine)
    of_list = np.concatenate(owner)
    order = np.argsort(of_list, kind="stable").astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(np.bincount(of_list, minlength=len(centroids)))]).astype(np.int64)
    return Ivf(centroids, starts, order)


def _nearest(rows: Floats, centroids: Floats) -> NDArray[np.int64]:
    """Return the nearest centroid of each row."""
    squares = (centroids**2).sum(axis=1)
    parts = [
        np.argmin(squares - 2.0 * rows[start : start + ASSIGN_UNITS] @ centroids.T, axis=1) for start in range(0, len(rows), ASSIGN_UNITS)
    ]
    return np.concatenate(parts).astype(np.int64)
