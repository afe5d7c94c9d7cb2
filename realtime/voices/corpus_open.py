"""Opens a corpus folder, as `python -m training corpus` writes them, for the stage.

It knows the folder's format, not what is played. Tables are read into memory, because all of them are searched all the time; sound is read
where and when it is played, because an hour of it is half a gigabyte that nobody hears at once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patches.corpus_folder import read_array, read_corpus_manifest
from patches.corpus_manifest import CorpusManifest
from patches.descriptors import DescriptorSpec
from patches.errors import shown
from realtime.errors import VoiceError
from realtime.voices.audio_source import FileSource
from realtime.voices.corpus_units import NO_LABEL, STD_FLOOR, Ivf, UnitCorpus, follow_flags, kept_units

Arrays = dict[str, NDArray[Any]]


class _Bound(NamedTuple):
    array: str
    least: float
    most: float
    meaning: str


def open_corpus_folder(
    path: Path, *, spec: DescriptorSpec, sample_rate_hz: int, read: Callable[[int, int], None] = lambda done, of: None
) -> UnitCorpus:
    """Open a corpus for a model.

    Parameters
    ----------
    path : Path
        The folder.
    spec : DescriptorSpec
        The descriptors, hop and rate of the model.
    sample_rate_hz : int
        Of the patch.
    read : callable, optional
        Told how many bytes of its tables are checked and read, of how many.

    Returns
    -------
    UnitCorpus
        Units whose description is no number are left out, and a note counts them.

    Raises
    ------
    VoiceError
        Another hop, rate or list of descriptors than the model's; arrays that contradict each other or the sound; no unit.
    PatchError
        The folder is not what `patches.corpus_folder` allows: missing, damaged, cut short, hostile.

    Thread
    ------
    The deck's, while it loads.
    """
    path = Path(path)
    manifest = read_corpus_manifest(path)
    _check_spec(path, manifest, spec, sample_rate_hz)
    if manifest.units == 0:
        raise VoiceError(f"{path}: a corpus without a unit", got="0 units", allowed="1 and up", hint="build it again with other sounds")
    arrays: Arrays = {}
    done, whole = 0, sum(array.bytes for array in manifest.arrays.values())
    for name, array in manifest.arrays.items():
        found = read_array(path, manifest, name)
        arrays[name] = np.frombuffer(found.data, np.dtype(found.dtype)).reshape(found.shape)
        done += array.bytes
        read(done, whole)
    _check_arrays(path, manifest, arrays)
    corpus = UnitCorpus(
        descriptors=arrays["descriptors"],
        attributes=arrays["attributes"],
        f0_hz=arrays["f0_hz"],
        start_frames=arrays["start_frames"],
        length_frames=arrays["length_frames"],
        file_index=arrays["file_index"],
        label_index=arrays["label_index"],
        weight=arrays["weight"],
        follows=follow_flags(arrays["start_frames"], arrays["length_frames"], arrays["file_index"]),
        mean=np.array(manifest.statistics.mean, np.float32),
        std=np.maximum(np.array(manifest.statistics.std, np.float32), STD_FLOOR),
        labels=manifest.labels,
        files=tuple(entry.path for entry in manifest.files),
        file_first=np.array([entry.first_frame for entry in manifest.files], np.int64),
        file_last=np.array([entry.first_frame + entry.frames for entry in manifest.files], np.int64),
        file_offset=np.zeros(len(manifest.files), np.int64),
        audio=FileSource(path / manifest.audio.file, manifest.channels, manifest.frames),
        spec=spec,
        ivf=Ivf(arrays["centroids"], arrays["list_start"], arrays["order"]) if "order" in arrays else None,
    )
    return _without_bad_units(path, corpus)


def _check_spec(path: Path, manifest: CorpusManifest, spec: DescriptorSpec, sample_rate_hz: int) -> None:
    """Refuse a corpus that was described in another way than the model expects: its units would be chosen by the wrong numbers."""
    again = f"build it again: python -m training corpus --audio SOUNDS --out {path} --replace --descriptors {spec.text}"
    again += f" --hop_length {spec.hop_frames} --sample_rate {sample_rate_hz}"
    for what, got, allowed in (
        ("hop_frames", manifest.hop_frames, spec.hop_frames),
        ("sample_rate_hz", manifest.sample_rate_hz, sample_rate_hz),
    ):
        if got != allowed:
            raise VoiceError(f"{path}: {what} is not the model's", got=str(got), allowed=str(allowed), hint=again)
    if manifest.descriptors != spec.names:
        got_text = shown(DescriptorSpec(manifest.descriptors, spec.hop_frames, sample_rate_hz).text)
        raise VoiceError(f"{path}: descriptors are not the model's", got=got_text, allowed=spec.text, hint=again)


def _check_arrays(path: Path, manifest: CorpusManifest, arrays: Arrays) -> None:
    """Refuse numbers that would read outside of a table or a file; NaN in descriptions is another matter."""
    starts, lengths, files = arrays["start_frames"], arrays["length_frames"], arrays["file_index"]
    bounds = [
        _Bound("file_index", 0, len(manifest.files) - 1, "a file"),
        _Bound("label_index", NO_LABEL, len(manifest.labels) - 1, "a label"),
        _Bound("start_frames", 0, manifest.frames - 1, "a frame of the sound"),
        _Bound("length_frames", 1, manifest.frames, "frames"),
        _Bound("weight", 1e-6, 1e6, "a weight"),
    ]
    if "order" in arrays:
        bounds += [_Bound("order", 0, manifest.units - 1, "a unit"), _Bound("list_start", 0, manifest.units, "a place in order")]
    for bound in bounds:
        array = arrays[bound.array]
        # Written so that NaN is refused too.
        if not (array.min() >= bound.least and array.max() <= bound.most):
            got = f"{array.min()} to {array.max()}"
            raise VoiceError(f"{path}: array {bound.array} holds no {bound.meaning}", got=got, allowed=f"{bound.least:g} to {bound.most:g}")
    if (np.diff(files) < 0).any() or (np.diff(starts) < 0).any():
        raise VoiceError(f"{path}: units are not in the order of files and time", hint="build the corpus again")
    first = np.array([entry.first_frame for entry in manifest.files], np.int64)[files]
    last = np.array([entry.first_frame + entry.frames for entry in manifest.files], np.int64)[files]
    outside = (starts < first) | (starts + lengths > last)
    if outside.any():
        unit = int(np.argmax(outside))
        got = f"unit {unit}, frames {starts[unit]} to {starts[unit] + lengths[unit]}"
        raise VoiceError(f"{path}: a unit lies outside its file", got=got, allowed=f"{first[unit]} to {last[unit]}")
    if "order" in arrays:
        _check_lists(path, manifest, arrays)


def _check_lists(path: Path, manifest: CorpusManifest, arrays: Arrays) -> None:
    list_start = arrays["list_start"]
    whole = list_start[0] == 0 and list_start[-1] == manifest.units and (np.diff(list_start) >= 0).all()
    if not whole or (np.bincount(arrays["order"], minlength=manifest.units) != 1).any():
        raise VoiceError(f"{path}: the inverted lists do not hold every unit once", hint="build the corpus again")
    if not np.isfinite(arrays["centroids"]).all():
        raise VoiceError(f"{path}: array centroids holds numbers that are not finite", hint="build the corpus again")


def _without_bad_units(path: Path, corpus: UnitCorpus) -> UnitCorpus:
    good: NDArray[np.bool_] = np.asarray(np.isfinite(corpus.described()).all(axis=1))
    if not good.any():
        corpus.audio.close()
        raise VoiceError(f"{path}: no unit has a description of finite numbers", got=f"{len(corpus)} units without", hint="build it again")
    # A pitch that is no number is no pitch.
    corpus.f0_hz[~np.isfinite(corpus.f0_hz) | (corpus.f0_hz < 0.0)] = 0.0
    if good.all():
        return corpus
    return kept_units(corpus, good, f"{path}: {int((~good).sum())} of {len(corpus)} units have no description and are left out")
