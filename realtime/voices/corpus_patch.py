"""The corpus that a mosaic patch brings along: `corpus.npz` and `corpus.flac`.

It knows arrays and sound; what the sequencer makes of the tables is the voice's business.
"""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from patches.descriptors import ATTRIBUTES, DescriptorSpec
from patches.errors import PatchError
from patches.manifest import Manifest
from patches.reader import read_bytes
from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.voices.audio_source import MemorySource
from realtime.voices.corpus_units import NO_LABEL, STD_FLOOR, UnitCorpus, follow_flags

Arrays = dict[str, NDArray[Any]]
REQUIRED: dict[str, tuple[int, str]] = {
    "descriptors": (2, "f"),
    "attributes": (2, "f"),
    "mean": (1, "f"),
    "std": (1, "f"),
    "attribute_mean": (1, "f"),
    "attribute_std": (1, "f"),
    "start_frames": (1, "i"),
    "file_index": (1, "i"),
    "prime": (2, "f"),
    "weights": (1, "f"),
}
"""Array -> number of axes and kind of number."""
OPTIONAL: dict[str, tuple[int, str]] = {
    "f0_hz": (1, "f"),
    "length_frames": (1, "i"),
    "label_index": (1, "i"),
    "labels": (1, "u"),
    "files": (1, "u"),
    "unit_weight": (1, "f"),
    "file_spans": (2, "i"),
}
"""Patches made before there were labels have none of these. Texts are the bytes of UTF-8 lines: an npz of a patch holds numbers only."""


@dataclass(frozen=True, eq=False)
class PatchTables:
    """What the sequencer of a patch needs beside units. D is the number of descriptors.

    Attributes
    ----------
    mean, std : float32 array, shape (D + 3,)
        Of [descriptors | attributes]: the z-score the sequencer was trained with, and the corpus' own for the attributes. No `std` is 0.
    prime : float32 array, shape (P, D), z-scores
        Frames to hear first.
    weights : float32 array, shape (D,)
        Of the descriptors in the search, before any control.
    """

    mean: Floats
    std: Floats
    prime: Floats
    weights: Floats


def load_patch_tables(folder: Path, manifest: Manifest) -> PatchTables:
    """Read what the sequencer needs; errors as `load_patch_corpus`."""
    return _tables(_read_arrays(folder, manifest))


def load_patch_corpus(folder: Path, manifest: Manifest) -> UnitCorpus:
    """Read the corpus of a patch into memory.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
        Of a patch of kind `mosaic`.

    Returns
    -------
    UnitCorpus
        A patch from before labels and lengths has units of one step, no labels and no pitch. Its sound may be mono where the patch is
        stereo.

    Raises
    ------
    VoiceError
        The arrays or the sound are not what manifest and format say.
    PatchError
        A file is missing or not the one the manifest names.

    Thread
    ------
    The deck's, while it loads.
    """
    arrays = _read_arrays(folder, manifest)
    name = manifest.file("corpus").file
    spec = _spec(manifest, arrays, name)
    audio = _read_sound(folder, manifest)
    tables = _tables(arrays)
    starts = arrays["start_frames"].astype(np.int64)
    files = arrays["file_index"].astype(np.int32)
    units = len(starts)
    lengths = arrays["length_frames"].astype(np.int64) if "length_frames" in arrays else np.full(units, spec.hop_frames, np.int64)
    labels = lines_of(arrays.get("labels"), name, "labels")
    label_index = arrays["label_index"].astype(np.int16) if "label_index" in arrays else np.full(units, NO_LABEL, np.int16)
    if starts.min() < 0 or lengths.min() < 1 or (starts + lengths).max() > len(audio):
        got = f"frames {starts.min()} to {(starts + lengths).max()}"
        raise VoiceError(f"{name}: units lie outside {manifest.file('audio').file}", got=got, allowed=f"0 to {len(audio)}")
    if (np.diff(files) < 0).any() or files.min() < 0 or (np.diff(starts) < 0).any():
        raise VoiceError(f"{name}: units are not in the order of files and time")
    if label_index.min() < NO_LABEL or label_index.max() >= len(labels):
        raise VoiceError(f"{name}: a label has no name", got=f"label {label_index.max()}", allowed=f"-1 to {len(labels) - 1}")
    weight = np.ascontiguousarray(arrays["unit_weight"], np.float32) if "unit_weight" in arrays else np.ones(units, np.float32)
    if weight.min() <= 0.0:
        raise VoiceError(f"{name}: the weight of a unit is not over 0", got=f"{weight.min():g}")
    count = int(files.max()) + 1
    names = lines_of(arrays.get("files"), name, "files") or tuple(f"file {index}" for index in range(count))
    spans = arrays["file_spans"].astype(np.int64) if "file_spans" in arrays else _spans(starts, files, count, len(audio))
    if spans.shape != (len(names), 3) or len(names) < count:
        raise VoiceError(f"{name}: files, their names and spans do not fit", got=f"{spans.shape}, {len(names)} names, {count} files")
    return UnitCorpus(
        descriptors=np.ascontiguousarray(arrays["descriptors"], np.float32),
        attributes=np.ascontiguousarray(arrays["attributes"], np.float32),
        f0_hz=np.ascontiguousarray(arrays["f0_hz"], np.float32) if "f0_hz" in arrays else np.zeros(units, np.float32),
        start_frames=starts,
        length_frames=lengths,
        file_index=files,
        label_index=label_index,
        weight=weight,
        follows=follow_flags(starts, lengths, files),
        mean=tables.mean,
        std=tables.std,
        labels=labels,
        files=names,
        file_first=np.ascontiguousarray(spans[:, 0]),
        file_last=np.ascontiguousarray(spans[:, 1]),
        file_offset=np.ascontiguousarray(spans[:, 2]),
        audio=MemorySource(audio),
        spec=spec,
    )


def lines_of(text: NDArray[Any] | None, file: str, name: str) -> tuple[str, ...]:
    """Return the lines of a text that is kept as an array of bytes; none where there is no array.

    Raises
    ------
    VoiceError — it is not UTF-8 text that may be printed.
    """
    if text is None or text.size == 0:
        return ()
    try:
        lines = tuple(text.astype(np.uint8).tobytes().decode("utf-8").split("\n"))
    except UnicodeDecodeError as error:
        raise VoiceError(f"{file}: array {name} is not text", got=error.reason, allowed="UTF-8") from None
    if not all(line.isprintable() and line for line in lines) or len(set(lines)) != len(lines):
        raise VoiceError(f"{file}: array {name} holds an empty, unprintable or repeated line")
    return lines


def _spec(manifest: Manifest, arrays: Arrays, name: str) -> DescriptorSpec:
    try:
        text = str(manifest.settings.get("descriptors", "mfcc"))
        spec = DescriptorSpec.parse(text, hop_frames=manifest.audio.step_frames, sample_rate_hz=manifest.audio.sample_rate_hz)
    except PatchError as error:
        raise VoiceError(f"{manifest.slug}: its descriptors are not known to this program", got=error.got, allowed=error.allowed) from None
    got = arrays["descriptors"].shape[1]
    if got != len(spec):
        raise VoiceError(f"{name}: another number of descriptors than the patch says", got=str(got), allowed=f"{len(spec)} ({spec.text})")
    return spec


def _read_sound(folder: Path, manifest: Manifest) -> Floats:
    entry = manifest.file("audio")
    try:
        audio, rate = soundfile.read(io.BytesIO(read_bytes(folder, entry)), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise VoiceError(f"{entry.file}: not readable as audio", got=str(error)) from None
    rate_hz, channels = manifest.audio.sample_rate_hz, manifest.audio.channels
    if rate != rate_hz or audio.shape[1] not in (1, channels):
        allowed = f"{rate_hz} Hz, {channels} channel(s)" + (" or 1" if channels > 1 else "")
        got = f"{rate} Hz, {audio.shape[1]} channels"
        raise VoiceError(f"{entry.file}: not the audio the manifest describes", got=got, allowed=allowed)
    return np.ascontiguousarray(audio, np.float32)


def _spans(starts: NDArray[np.int64], files: NDArray[np.int32], count: int, frames: int) -> NDArray[np.int64]:
    """First frame, last frame and offset of each file, as well as its units tell."""
    first = np.array([starts[min(int(np.searchsorted(files, file)), len(starts) - 1)] for file in range(count)], np.int64)
    first[0] = 0
    return np.stack([first, np.append(first[1:], frames), np.zeros(count, np.int64)], axis=1)


def _tables(arrays: Arrays) -> PatchTables:
    mean = np.concatenate([arrays["mean"], arrays["attribute_mean"]]).astype(np.float32)
    std = np.maximum(np.concatenate([arrays["std"], arrays["attribute_std"]]), STD_FLOOR).astype(np.float32)
    return PatchTables(mean, std, np.ascontiguousarray(arrays["prime"], np.float32), np.ascontiguousarray(arrays["weights"], np.float32))


def _read_arrays(folder: Path, manifest: Manifest) -> Arrays:
    """The corpus' arrays, checked against the tables; VoiceError as `load_patch_corpus`."""
    entry = manifest.file("corpus")
    name = entry.file
    known = REQUIRED | OPTIONAL
    try:
        with np.load(io.BytesIO(read_bytes(folder, entry)), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files if key in known}
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise VoiceError(f"{name}: not a readable corpus", got=str(error)) from None
    for key in REQUIRED:
        if key not in arrays:
            raise VoiceError(f"{name}: no array {key}", got=", ".join(arrays), allowed=", ".join(REQUIRED))
    for key, array in arrays.items():
        rank, kind = known[key]
        if array.ndim != rank or array.dtype.kind != kind or (array.size == 0 and key in REQUIRED):
            raise VoiceError(f"{name}: array {key} is not of the shape or type agreed", got=f"{array.dtype} {array.shape}")
        if kind == "f" and not np.isfinite(array).all():
            raise VoiceError(f"{name}: array {key} holds numbers that are not finite")
    units, size = arrays["descriptors"].shape
    wanted: dict[str, tuple[int, ...]] = {
        "attributes": (units, len(ATTRIBUTES)),
        "mean": (size,),
        "std": (size,),
        "weights": (size,),
        "attribute_mean": (len(ATTRIBUTES),),
        "attribute_std": (len(ATTRIBUTES),),
        "start_frames": (units,),
        "file_index": (units,),
        "prime": (len(arrays["prime"]), size),
        "f0_hz": (units,),
        "length_frames": (units,),
        "label_index": (units,),
        "unit_weight": (units,),
    }
    for key, shape in wanted.items():
        if key in arrays and arrays[key].shape != shape:
            raise VoiceError(f"{name}: array {key} does not fit the others", got=str(arrays[key].shape), allowed=str(shape))
    if not np.isfinite(arrays["weights"].sum()) or arrays["weights"].min() < 0:
        raise VoiceError(f"{name}: a weight is negative", got=str(float(arrays["weights"].min())), allowed="0 or more")
    return arrays
