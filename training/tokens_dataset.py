"""A dataset of tokens: what a token model learns from. It knows neither sound nor codec, only what a codec is called.

::

    DATASET/dataset.json   format 1; codec, classes, parameters, clips (path, sha256, start, steps, weights, values, split), licence,
                           audio_folder, codec_place, created, seed, key
    DATASET/tokens.npz     codes uint16 (K, all steps); clip i is codes[:, start : start + steps]

`key` is the SHA-256 of all that shapes what is learned, so equal keys are equal data, and what was changed by hand is found out.
"""

import dataclasses
import hashlib
import json
import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.audio_folder import is_folder
from training.data_errors import DamagedDatasetError, MissingDatasetError
from training.errors import OptionError, OutputExistsError, OutputFailedError
from training.staging import staged

__all__ = [
    "SPLITS",
    "CodecInfo",
    "Codes",
    "Floats",
    "Parameter",
    "TokenClip",
    "TokenDataset",
    "check_free",
    "read_dataset",
    "write_dataset",
]

FORMAT = 1
DESCRIPTION = "dataset.json"
TOKENS = "tokens.npz"
SPLITS = ("training", "held_out")
# Weights are written with so many decimals; their sum may miss one by as much.
DECIMALS = 6
WEIGHT_ERROR = 1e-4
HINT = "Prepare it again: python -m training prepare --audio DIR --out DATASET"

Codes = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CodecInfo:
    """The codec that made the codes; `codebooks` may be fewer than the codec has."""

    kind: str
    identity: str
    sample_rate_hz: int
    hop_frames: int
    codebooks: int
    codebook_size: int


@dataclass(frozen=True)
class Parameter:
    """A parameter and its range in its own unit."""

    name: str
    min: float
    max: float


@dataclass(frozen=True, eq=False)
class TokenClip:
    """One clip.

    Attributes
    ----------
    path : str
        In the folder of sounds; for a blend, the clips it was made of.
    sha256 : str
        Of the file's bytes; for a blend, of what it was made of.
    codes : int64 array, shape (K, S)
    weights : float32 array, shape (classes,)
        Sum 1.
    values : float32 array, shape (parameters,)
        0..1 in the parameter's range; NaN where the clip has no such parameter.
    split : "training" or "held_out"
    """

    path: str
    sha256: str
    codes: Codes
    weights: Floats
    values: Floats
    split: str


@dataclass(frozen=True, eq=False)
class TokenDataset:
    """A whole dataset; `folder` and `key` are filled in by writing it. `codec_place` is where the codec was when the codes were made."""

    folder: Path
    codec: CodecInfo
    classes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    clips: tuple[TokenClip, ...]
    licence: str
    key: str = ""
    audio_folder: str = ""
    codec_place: str = ""
    created: str = ""
    seed: int = 0

    def of(self, split: str) -> tuple[TokenClip, ...]:
        """Return the clips of one side: "training" or "held_out"."""
        return tuple(clip for clip in self.clips if clip.split == split)


def check_free(out: Path) -> Path:
    """Return the folder that `out` leads to.

    Raises
    ------
    OutputExistsError
        It is neither absent nor an empty folder.
    OptionError
        It is the current folder.
    OutputFailedError
        It cannot be looked into.
    """
    target = Path(os.path.realpath(out))
    try:
        taken = os.path.lexists(target) and (not is_folder(target) or any(target.iterdir()))
    except OSError as error:
        raise OutputFailedError("cannot be looked into", where=out, got=error.strerror) from error
    if taken:
        raise OutputExistsError("the output is there already, and is left as it is", where=out, hint="Remove it or choose another --out")
    if target == Path.cwd():
        # The folder is renamed into its place whole: whoever stands in the old one would stand in a folder that is gone.
        raise OptionError("the current folder cannot be replaced", where="--out", got=out, hint="Name a folder in it: --out tokens")
    return target


def write_dataset(out: Path, dataset: TokenDataset) -> TokenDataset:
    """Write a dataset, whole or not at all, and return it as it is there.

    Raises
    ------
    OutputExistsError
        `out` is neither absent nor an empty folder.
    OutputFailedError
        The disk refused.
    """
    target = check_free(out)
    codes = np.concatenate([clip.codes for clip in dataset.clips], axis=1).astype(np.uint16)  # (K, all steps)
    values = _description(dataset)
    values["key"] = key = _key(values, codes)
    with staged(target, out, "the dataset") as folder:
        with (folder / TOKENS).open("wb") as file:
            np.savez_compressed(file, codes=codes)
        text = json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / DESCRIPTION).write_text(text, encoding="utf-8", newline="\n")
    return dataclasses.replace(dataset, folder=out, key=key)


def read_dataset(folder: Path) -> TokenDataset:
    """Read a dataset and check every part of it.

    Raises
    ------
    MissingDatasetError
        There is none.
    DamagedDatasetError
        Its files are not what `write_dataset` wrote; the message says which and what.
    """
    file, tokens = folder / DESCRIPTION, folder / TOKENS
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingDatasetError("no dataset there", where=folder, got=f"no {DESCRIPTION}", hint=HINT) from error
    except OSError as error:
        raise DamagedDatasetError("cannot be read", where=file, got=error.strerror) from error
    try:
        values = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedDatasetError("not JSON", where=file, got=str(error)[:200], hint=HINT) from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        got = values.get("format") if isinstance(values, dict) else type(values).__name__
        raise DamagedDatasetError("not a dataset of this version", where=file, got=f"format {got!r}", allowed=f"format {FORMAT}", hint=HINT)
    codes = _codes(tokens)
    try:
        dataset = _dataset(folder, values, codes)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        got = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DamagedDatasetError("not what a preparation writes", where=file, got=got, hint=HINT) from error
    if _key(values, codes) != dataset.key:
        raise DamagedDatasetError("the codes and what is said of them do not belong together", where=folder, got="another key", hint=HINT)
    return dataset


def _codes(tokens: Path) -> NDArray[np.uint16]:
    try:
        # Opened here, since NumPy leaves open what turns out to be no archive.
        with tokens.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            codes = arrays["codes"]
    except FileNotFoundError as error:
        raise DamagedDatasetError("the codes are missing", where=tokens, hint=HINT) from error
    except OSError as error:
        raise DamagedDatasetError("cannot be read", where=tokens, got=error.strerror or str(error), hint=HINT) from error
    except (ValueError, KeyError, EOFError, TypeError, AttributeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedDatasetError("holds no codes", where=tokens, got=str(error)[:200], hint=HINT) from error
    if codes.dtype != np.uint16 or codes.ndim != 2:
        got = f"{codes.dtype} {codes.shape}"
        raise DamagedDatasetError("holds codes of another kind", where=tokens, got=got, allowed="uint16 (K, steps)", hint=HINT)
    return codes


def _dataset(folder: Path, values: dict[str, Any], codes: NDArray[np.uint16]) -> TokenDataset:
    """Build a dataset from its description; raises KeyError, TypeError or ValueError for the first thing that cannot be."""
    codec = CodecInfo(**_typed("codec", values["codec"], CodecInfo))
    _check(min(codec.sample_rate_hz, codec.hop_frames, codec.codebooks, codec.codebook_size - 1) >= 1, "codec: a number under its least")
    _check(len(codes) == codec.codebooks, f"{len(codes)} rows of codes for {codec.codebooks} codebooks")
    _check(not codes.size or int(codes.max()) < codec.codebook_size, f"a code over {codec.codebook_size - 1} in {TOKENS}")
    classes = tuple(values["classes"])
    _check(bool(classes) and all(isinstance(name, str) for name in classes) and len(set(classes)) == len(classes), "classes")
    parameters = tuple(Parameter(**_typed("parameters", row, Parameter)) for row in values["parameters"])
    _check(all(math.isfinite(row.min) and row.min < row.max < math.inf for row in parameters), "a parameter without a range")
    _check(len({row.name for row in parameters}) == len(parameters), "parameters: a name twice")
    texts = {name: values[name] for name in ("licence", "key", "audio_folder", "codec_place", "created")}
    _check(all(isinstance(text, str) for text in texts.values()) and type(values["seed"]) is int, "licence, key, created or seed")
    clips, end = [], 0
    for place, row in enumerate(values["clips"]):
        clips.append(_clip(f"clip {place}", row, codes, end, len(classes), len(parameters)))
        end += clips[-1].codes.shape[1]
    _check(bool(clips), "no clips")
    _check(end == codes.shape[1], f"{codes.shape[1]} steps of codes, {end} of clips")
    return TokenDataset(folder, codec, classes, parameters, tuple(clips), seed=values["seed"], **texts)


def _clip(name: str, row: Any, codes: NDArray[np.uint16], start: int, classes: int, parameters: int) -> TokenClip:
    _check(isinstance(row, dict), f"{name} is {type(row).__name__}")
    _check(isinstance(row["path"], str) and isinstance(row["sha256"], str), f"{name}: path or sha256")
    _check(row["split"] in SPLITS, f"{name}: split {row['split']!r}")
    steps = row["steps"]
    _check(type(steps) is int and type(row["start"]) is int and steps >= 1, f"{name}: start {row['start']!r}, steps {steps!r}")
    _check(
        row["start"] == start and start + steps <= codes.shape[1], f"{name}: steps {row['start']} to {row['start'] + steps} are not its own"
    )
    _check(len(row["weights"]) == classes and len(row["values"]) == parameters, f"{name}: {classes} weights, {parameters} values needed")
    weights = np.array([_number(weight) for weight in row["weights"]], np.float32)
    values = np.array([math.nan if value is None else _number(value) for value in row["values"]], np.float32)
    _check(bool((weights >= 0.0).all()) and abs(float(weights.sum()) - 1.0) <= WEIGHT_ERROR, f"{name}: weights {row['weights']}")
    _check(bool((np.isnan(values) | ((values >= 0.0) & (values <= 1.0))).all()), f"{name}: values {row['values']}")
    own = codes[:, start : start + steps].astype(np.int64)  # (K, S)
    return TokenClip(row["path"], row["sha256"], own, weights, values, row["split"])


def _description(dataset: TokenDataset) -> dict[str, Any]:
    clips, start = [], 0
    for clip in dataset.clips:
        steps = clip.codes.shape[1]
        clips.append(
            {
                "path": clip.path,
                "sha256": clip.sha256,
                "start": start,
                "steps": steps,
                "weights": [round(float(weight), DECIMALS) for weight in clip.weights],
                "values": [None if math.isnan(value) else round(float(value), DECIMALS) for value in clip.values],
                "split": clip.split,
            }
        )
        start += steps
    return {
        "format": FORMAT,
        "codec": dataclasses.asdict(dataset.codec),
        "classes": list(dataset.classes),
        "parameters": [dataclasses.asdict(parameter) for parameter in dataset.parameters],
        "clips": clips,
        "licence": dataset.licence,
        "audio_folder": dataset.audio_folder,
        "codec_place": dataset.codec_place,
        "created": dataset.created,
        "seed": dataset.seed,
    }


def _key(values: dict[str, Any], codes: NDArray[np.uint16]) -> str:
    """Hash all but where and when: the same sounds elsewhere, or tomorrow, are the same data."""
    said = {name: values.get(name) for name in ("format", "codec", "classes", "parameters", "clips", "licence", "seed")}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode())
    digest.update(np.ascontiguousarray(codes).astype("<u2").tobytes())
    return digest.hexdigest()


def _typed(name: str, row: Any, kind: type) -> dict[str, Any]:
    """Return a row with the fields of a dataclass, each of its type."""
    _check(isinstance(row, dict), f"{name} is {type(row).__name__}")
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    _check(set(row) == set(fields), f"{name} has {', '.join(sorted(map(str, row)))}")
    for field, wanted in fields.items():
        fits = type(row[field]) in ((int, float) if wanted is float else (wanted,))
        _check(fits, f"{name}: {field} {row[field]!r}")
    return row


def _number(value: Any) -> float:
    _check(type(value) in (int, float) and math.isfinite(value), f"{value!r} is no number")
    return float(value)


def _check(fits: bool, problem: str) -> None:
    if not fits:
        raise ValueError(problem)
