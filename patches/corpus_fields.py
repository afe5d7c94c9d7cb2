"""What may stand in corpus.json: the table of fields, and both ways between plain JSON values and `patches.corpus_manifest`.

It opens no file. What one value says about another is in `check_corpus_rules`, which decoding runs last.
"""

import re
from dataclasses import fields, is_dataclass
from typing import Any

from patches.corpus_manifest import CorpusArray, CorpusAudio, CorpusFile, CorpusManifest, Segmentation, SkippedFile, Statistics
from patches.descriptors import ATTRIBUTES
from patches.errors import (
    DuplicateNameError,
    FileNameError,
    FutureFormatError,
    MissingKeyError,
    PatchError,
    UnknownKeyError,
    UnknownKindError,
    WrongTypeError,
    WrongValueError,
    shown,
)
from patches.fields import SHA256, UTC, Field, join
from patches.limits import GIB
from patches.strict_json import dumps
from patches.values import MAX_MAP_KEY_CHARACTERS, check_value

CORPUS_NAME = "corpus.json"
CORPUS_FORMAT = 1
AUDIO_NAME = "audio.pcm"
ARRAYS_FOLDER = "units"
SAMPLE_BYTES = 2
MAX_UNITS = 2**31 - 1
MAX_LABELS = 1024
MAX_CORPUS_FILES = 1_000_000
MAX_ARRAY_BYTES = 8 * GIB
"""Ten million units of two hundred descriptors."""
MAX_AUDIO_BYTES = 256 * GIB
"""A fortnight of stereo: what one disk of a stage computer holds."""
ARRAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "descriptors": ("<f4", ("N", "D")),
    "attributes": ("<f4", ("N", "A")),
    "f0_hz": ("<f4", ("N",)),
    "start_frames": ("<i8", ("N",)),
    "length_frames": ("<i8", ("N",)),
    "file_index": ("<i4", ("N",)),
    "label_index": ("<i2", ("N",)),
    "weight": ("<f4", ("N",)),
    "centroids": ("<f4", ("L", "C")),
    "list_start": ("<i8", ("L+1",)),
    "order": ("<i8", ("N",)),
}
"""Array -> its type and shape. N units, D descriptors, A attributes, C = D + A, L lists."""
LIST_ARRAYS = ("centroids", "list_start", "order")
"""There together, or not at all: a small corpus is searched whole."""
ITEM_BYTES = {"<f4": 4, "<i8": 8, "<i4": 4, "<i2": 2}

FIELDS: tuple[Field, ...] = (
    Field("format", "integer", 1, CORPUS_FORMAT),
    Field("kind", "text", 1, 16, one_of=("corpus",)),
    Field("descriptors", "list", 1, 256),
    Field("descriptors[]", "text", 1, 48, pattern=re.compile(r"[a-z][a-z0-9_]{0,47}")),
    Field("hop_frames", "integer", 64, 16384),
    Field("sample_rate_hz", "integer", 8000, 192000),
    Field("channels", "integer", 1, 2),
    Field("units", "integer", 0, MAX_UNITS),
    Field("frames", "integer", 0, MAX_AUDIO_BYTES // SAMPLE_BYTES),
    Field("labels", "list", 0, MAX_LABELS),
    Field("labels[]", "text", 1, 100),
    Field("files", "list", 0, MAX_CORPUS_FILES),
    Field("files[]", "object"),
    Field("files[].path", "text", 1, 4096),
    Field("files[].label", "text", 0, 100),
    Field("files[].sha256", "text", 64, 64, pattern=SHA256),
    Field("files[].first_frame", "integer", 0, MAX_AUDIO_BYTES // SAMPLE_BYTES),
    Field("files[].frames", "integer", 1, MAX_AUDIO_BYTES // SAMPLE_BYTES),
    Field("files[].seconds", "number", 0, 10**9),
    Field("files[].loudness_dbfs", "number", -1000, 1000),
    Field("files[].weight", "number", 0.001, 1000),
    Field("skipped", "list", 0, MAX_CORPUS_FILES),
    Field("skipped[]", "object"),
    Field("skipped[].path", "text", 1, 4096),
    Field("skipped[].reason", "text", 1, 4096),
    Field("skipped[].duplicate_of", "text", 1, 4096, required=False),
    Field("segmentation", "object"),
    Field("segmentation.kind", "text", 1, 16, one_of=("hop", "onset")),
    Field("segmentation.shortest_frames", "integer", 1, 2**31 - 1),
    Field("segmentation.longest_frames", "integer", 1, 2**31 - 1),
    Field("statistics", "object"),
    Field("statistics.mean", "list", 1 + len(ATTRIBUTES), 256 + len(ATTRIBUTES)),
    Field("statistics.mean[]", "number", -(10**12), 10**12),
    Field("statistics.std", "list", 1 + len(ATTRIBUTES), 256 + len(ATTRIBUTES)),
    Field("statistics.std[]", "number", 1e-9, 10**12),
    Field("arrays", "map", len(ARRAYS) - len(LIST_ARRAYS), len(ARRAYS)),
    Field("arrays{}", "object"),
    Field("arrays{}.file", "text", 1, 100),
    Field("arrays{}.dtype", "text", 3, 3, one_of=tuple(ITEM_BYTES)),
    Field("arrays{}.shape", "list", 1, 2),
    Field("arrays{}.shape[]", "integer", 0, MAX_UNITS + 1),
    Field("arrays{}.bytes", "integer", 1, MAX_ARRAY_BYTES),
    Field("arrays{}.sha256", "text", 64, 64, pattern=SHA256),
    Field("audio", "object"),
    Field("audio.file", "text", 1, 100, one_of=(AUDIO_NAME,)),
    Field("audio.bytes", "integer", 0, MAX_AUDIO_BYTES),
    Field("audio.sha256", "text", 64, 64, pattern=SHA256),
    Field("git", "text", 1, 80),
    Field("created", "text", 20, 20, pattern=UTC),
)
BY_PATH = {row.path: row for row in FIELDS}
KEYS: dict[str, tuple[str, ...]] = {
    parent: tuple(row.path.rpartition(".")[2] for row in FIELDS if row.path.rpartition(".")[0] == parent and row.path[-1] not in "]}")
    for parent in ("", *(row.path for row in FIELDS if row.type == "object"))
}


CLASSES: dict[str, type[Any]] = {
    "": CorpusManifest,
    "files[]": CorpusFile,
    "skipped[]": SkippedFile,
    "segmentation": Segmentation,
    "statistics": Statistics,
    "arrays{}": CorpusArray,
    "audio": CorpusAudio,
}


def decode_corpus(value: Any, *, file: str = CORPUS_NAME) -> CorpusManifest:
    """Return the corpus that a plain JSON value describes, having checked all of it.

    Raises
    ------
    FutureFormatError, UnknownKindError
        Not a corpus of this version; found before anything else.
    UnknownKeyError, MissingKeyError, WrongTypeError, WrongValueError
        By the table of fields.
    DuplicateNameError, FileNameError, WrongValueError
        By `check_corpus_rules`.

    Thread
    ------
    Any but audio.
    """
    if isinstance(value, dict):
        version, kind = value.get("format"), value.get("kind")
        if isinstance(version, int) and version > CORPUS_FORMAT:
            hint = "update Starling, or build the corpus again with this version"
            raise FutureFormatError(file=file, field="format", got=shown(version), allowed=str(CORPUS_FORMAT), hint=hint)
        if isinstance(kind, str) and kind != "corpus":
            raise UnknownKindError(file=file, field="kind", got=shown(kind), allowed="corpus")
    corpus: CorpusManifest = _decode("", "", value, file)
    check_corpus_rules(corpus, file=file)
    return corpus


def encode_corpus(corpus: CorpusManifest) -> bytes:
    """Return the canonical bytes of corpus.json, having checked it; errors as `decode_corpus`."""
    plain = _plain(corpus)
    decode_corpus(plain)
    return dumps(plain)


def check_corpus_rules(corpus: CorpusManifest, *, file: str) -> None:
    """Refuse a corpus whose values contradict each other.

    Raises
    ------
    DuplicateNameError
        A descriptor, label or path stands twice.
    FileNameError
        An array is not in its own file of the corpus.
    MissingKeyError, UnknownKeyError
        An array that must be there is not, or one nobody knows is.
    WrongValueError
        A shape, size, span or label does not fit the rest.
    """
    for where, names in (("descriptors", corpus.descriptors), ("labels", corpus.labels), ("files", [entry.path for entry in corpus.files])):
        if len(set(names)) != len(names):
            twice = next(name for place, name in enumerate(names) if name in names[:place])
            raise DuplicateNameError(file=file, field=where, got=shown(twice), allowed="each once")
    try:
        columns = len(corpus.spec) + len(ATTRIBUTES)
    except PatchError as error:
        error.file = file
        raise
    for where, numbers in (("statistics.mean", corpus.statistics.mean), ("statistics.std", corpus.statistics.std)):
        if len(numbers) != columns:
            raise WrongValueError(file=file, field=where, got=f"{len(numbers)} numbers", allowed=f"{columns}, one per column")
    if corpus.segmentation.longest_frames < corpus.segmentation.shortest_frames:
        _refuse(file, "segmentation.longest_frames", corpus.segmentation.longest_frames, f"{corpus.segmentation.shortest_frames} and up")
    end = 0
    for place, entry in enumerate(corpus.files):
        if entry.first_frame < end:
            _refuse(file, f"files[{place}].first_frame", entry.first_frame, f"{end} and up, where the file before it ends")
        if entry.label and entry.label not in corpus.labels:
            _refuse(file, f"files[{place}].label", shown(entry.label), "one of labels, or empty")
        end = entry.first_frame + entry.frames
    if end > corpus.frames:
        _refuse(file, "files", f"sound up to frame {end}", f"{corpus.frames} frames at most")
    wanted = corpus.frames * corpus.channels * SAMPLE_BYTES
    if corpus.audio.bytes != wanted:
        _refuse(file, "audio.bytes", corpus.audio.bytes, f"{wanted}: frames x channels x {SAMPLE_BYTES}")
    _check_arrays(corpus, columns, file)


def _check_arrays(corpus: CorpusManifest, columns: int, file: str) -> None:
    lists = [name for name in LIST_ARRAYS if name in corpus.arrays]
    for name in ARRAYS:
        if name not in corpus.arrays and (name not in LIST_ARRAYS or lists):
            raise MissingKeyError(file=file, field=f"arrays.{name}", allowed="an array", hint="build the corpus again")
    sizes = {"N": corpus.units, "D": len(corpus.descriptors), "A": len(ATTRIBUTES), "C": columns}
    if lists:
        sizes["L"] = corpus.arrays["centroids"].shape[0]
        sizes["L+1"] = sizes["L"] + 1
    for name, array in corpus.arrays.items():
        if name not in ARRAYS:
            raise UnknownKeyError(file=file, field=f"arrays.{name}", allowed=", ".join(ARRAYS), hint="delete it")
        where = f"arrays.{name}"
        if array.file != f"{ARRAYS_FOLDER}/{name}.npy":
            raise FileNameError(file=file, field=f"{where}.file", got=shown(array.file), allowed=f"{ARRAYS_FOLDER}/{name}.npy")
        dtype, axes = ARRAYS[name]
        shape = tuple(sizes[axis] for axis in axes)
        if array.dtype != dtype:
            _refuse(file, f"{where}.dtype", array.dtype, dtype)
        if array.shape != shape:
            _refuse(file, f"{where}.shape", str(array.shape), str(shape))
        items = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if array.bytes <= items * ITEM_BYTES[dtype]:
            _refuse(file, f"{where}.bytes", array.bytes, f"over {items * ITEM_BYTES[dtype]}: the numbers and a header")


def _refuse(file: str, where: str, got: object, allowed: str) -> None:
    raise WrongValueError(file=file, field=where, got=str(got), allowed=allowed)


def _decode(path: str, where: str, value: Any, file: str) -> Any:
    """Return the checked value of the row at `path` of the table, which stands at `where` in the file."""
    row = BY_PATH.get(path)
    if row is None or row.type == "object":
        if not isinstance(value, dict):
            raise WrongTypeError(file=file, field=where, got=shown(value), allowed="an object")
        for key in value:
            if key not in KEYS[path]:
                field_name = join(where, key[:MAX_MAP_KEY_CHARACTERS])
                raise UnknownKeyError(file=file, field=field_name, allowed=", ".join(KEYS[path]), hint="delete it")
        parts = {}
        for key in KEYS[path]:
            if key in value:
                parts[key] = _decode(join(path, key), join(where, key), value[key], file)
            elif BY_PATH[join(path, key)].required:
                raise MissingKeyError(file=file, field=join(where, key), allowed=BY_PATH[join(path, key)].allowed, hint="add it")
        return CLASSES[path](**parts)
    if row.type in ("list", "map"):
        if not isinstance(value, list if row.type == "list" else dict):
            raise WrongTypeError(file=file, field=where, got=shown(value), allowed="a list" if row.type == "list" else "an object")
        if not row.low <= len(value) <= row.high:
            raise WrongValueError(file=file, field=where, got=f"{len(value)} entries", allowed=row.allowed)
        if row.type == "list":
            return tuple(_decode(f"{path}[]", f"{where}[{place}]", entry, file) for place, entry in enumerate(value))
        return {key: _decode(f"{path}{{}}", join(where, key[:MAX_MAP_KEY_CHARACTERS]), value[key], file) for key in sorted(value)}
    return check_value(row, value, where=where, file=file)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        parts = {row.name: _plain(getattr(value, row.name)) for row in fields(value)}
        return {name: part for name, part in parts.items() if part is not None}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value
