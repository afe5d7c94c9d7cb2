"""A built corpus folder as the corpus of a patch: as many of its seconds as a patch may hold, with the units that are in them.

It does not know models or manifests. Nothing is described again: what the folder says of its units stays true of them.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.corpus import NO_LABEL, Corpus, choose_pieces
from export.errors import CorpusSpecError, EmptyCorpusError
from patches.corpus_folder import read_array, read_corpus_manifest
from patches.corpus_manifest import CorpusManifest
from patches.descriptors import DescriptorSpec
from training.audio_folder import AudioFolder, Clip

NAMES = ("descriptors", "attributes", "f0_hz", "start_frames", "length_frames", "file_index", "label_index", "weight")


def read_corpus_folder(path: Path, spec: DescriptorSpec, seconds: float, crossfade_frames: int) -> tuple[Corpus, AudioFolder]:
    """Read what of a corpus folder goes into a patch.

    Parameters
    ----------
    path : Path
        What `python -m training corpus` wrote.
    spec : DescriptorSpec
        Of the sequencer.
    seconds : float
        At most this much sound, shared evenly by labels and then by files.
    crossfade_frames : int
        What must be there after a unit of a hop.

    Returns
    -------
    Corpus
    AudioFolder
        All sounds of the folder, to say where the corpus is from; their audio are 16-bit numbers, memory-mapped.

    Raises
    ------
    CorpusSpecError
        Other descriptors, another hop or rate than the sequencer's.
    EmptyCorpusError
        No unit fits.
    PatchError
        The folder is damaged.
    """
    manifest = read_corpus_manifest(path)
    if manifest.spec != spec:
        raise CorpusSpecError(
            "the corpus is not described as the sequencer was taught",
            where=path,
            got=_said(manifest.spec),
            allowed=_said(spec),
            hint=f"Build it again: --descriptors {spec.text} --hop_length {spec.hop_frames} --sample_rate {spec.sample_rate_hz}",
        )
    arrays = {name: _array(path, manifest, name) for name in NAMES}
    described = np.isfinite(arrays["descriptors"]).all(axis=1) & np.isfinite(arrays["attributes"]).all(axis=1)
    samples = np.memmap(path / manifest.audio.file, "<i2", "r").reshape(-1, manifest.channels)
    clips = {
        entry.path: Clip(Path(entry.path), entry.label, samples[entry.first_frame : entry.first_frame + entry.frames], entry.sha256)
        for entry in manifest.files
    }
    folder = AudioFolder(path, spec.sample_rate_hz, manifest.channels, tuple(clips[name] for name in sorted(clips)), ())
    place = {entry.path: index for index, entry in enumerate(manifest.files)}
    tail = crossfade_frames if manifest.segmentation.kind == "hop" else 0
    audio, spans, offsets, units, starts, files = [], [], [], [], [], []
    offset = 0
    for piece in choose_pieces(folder, seconds, spec):
        entry = manifest.files[place[piece.clip.path.as_posix()]]
        first, last = entry.first_frame + piece.start, entry.first_frame + piece.stop
        begin, end = np.searchsorted(arrays["file_index"], (place[entry.path], place[entry.path] + 1))
        own = begin + np.flatnonzero(described[begin:end])
        ends = arrays["start_frames"][own] + arrays["length_frames"][own]
        own = own[(arrays["start_frames"][own] >= first) & (ends + tail <= last)]
        if not len(own):
            continue
        audio.append(samples[first:last])
        units.append(own)
        starts.append(arrays["start_frames"][own] - first + offset)
        files.append(np.full(len(own), len(spans), np.int32))
        spans.append((offset, offset + last - first))
        offsets.append((entry.path, piece.start))
        offset += last - first
    if not units:
        raise EmptyCorpusError(
            "no unit of the corpus fits into the patch", where=path, got=f"{seconds:g} s", hint="Give it more: --corpus-seconds"
        )
    chosen = np.concatenate(units)
    # Labels none of whose sounds are in the patch would be controls that do nothing.
    used = np.unique(arrays["label_index"][chosen])
    used = used[used >= 0]
    places = np.full(len(manifest.labels) + 1, NO_LABEL, np.int16)
    places[used] = np.arange(len(used))
    corpus = Corpus(
        audio=np.concatenate(audio).astype(np.int16),
        sample_rate_hz=spec.sample_rate_hz,
        spans=tuple(spans),
        offsets=tuple(start for _, start in offsets),
        descriptors=arrays["descriptors"][chosen],
        attributes=arrays["attributes"][chosen],
        f0_hz=arrays["f0_hz"][chosen],
        start_frames=np.concatenate(starts).astype(np.int64),
        length_frames=arrays["length_frames"][chosen],
        file_index=np.concatenate(files),
        label_index=places[arrays["label_index"][chosen]],
        unit_weight=arrays["weight"][chosen],
        labels=tuple(manifest.labels[place] for place in used),
        files=tuple(name for name, _ in offsets),
        spec=spec,
    )
    return corpus, folder


def _array(path: Path, manifest: CorpusManifest, name: str) -> NDArray[np.generic]:
    read = read_array(path, manifest, name)
    return np.frombuffer(read.data, np.dtype(read.dtype)).reshape(read.shape)


def _said(spec: DescriptorSpec) -> str:
    return f"{spec.text}, hop {spec.hop_frames}, {spec.sample_rate_hz} Hz"
