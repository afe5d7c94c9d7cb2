"""Descriptors as the Descriptor Transformer writes and reads them: its JSON of columns, its older layouts, and its query results.

It does not know audio. A file that is refused is left as it is.

Three layouts are read:

columns
    ``{"_id": [path, …], "_sample": [0, hop, …], "mfcc0": […], …, "mfcc38": […]}``, of one sound, or of many below each other
    (AUDIOS_database.json). Ours are called theirs there: delta0..12 are mfcc13..25, delta_delta0..12 are mfcc26..38. Older files have
    cent, flat, rolloff, rms and f0 instead. A key with "_" in it is no descriptor; any but the two named is kept as metadata. A
    prediction has neither of the two.
rows, of process_descriptor_json.ipynb
    ``[{"0": {"cent": "…", "flat": "…", …}}, {"15400": {…}}, …]``, numbers as text, usually in a .txt file. Its writer was off by one:
    each row holds the description of the row before it, the first that of the last. That is undone here.
queries
    ``{"_id": […], "_sample": […]}``: where in the database each predicted row was found.

No layout says the sample rate, and in that of rows the fundamental assumes 22050 Hz whatever the sound's was.
"""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import CLASSIC, MFCC, OTHERS
from patches.errors import shown
from training.descriptor_errors import (
    DescribedTwiceError,
    DescriptorFileError,
    HopError,
    MissingColumnError,
    RaggedColumnsError,
    TableLayoutError,
    TableValueError,
    UnknownColumnError,
)
from training.descriptor_json_file import load_json, write_columns
from training.descriptor_table import UNKNOWN_SAMPLE, DescriptorTable

__all__ = ["OURS", "THEIRS", "read_descriptor_json", "read_query_json", "write_descriptor_json", "write_query_json"]

ID, SAMPLE = "_id", "_sample"
THEIRS = {**{name: f"mfcc{index}" for index, name in enumerate(MFCC)}, **{name: name for name in (*CLASSIC, *OTHERS)}}
"""Our names to the seeds'."""
OURS = {theirs: ours for ours, theirs in THEIRS.items()}
"""The seeds' names to ours."""

# No descriptor of any sound is near this; what is larger is damage, and would be infinite as float32 not far above.
GREATEST_VALUE = 1e9
GREATEST_SAMPLE = 1 << 48


def read_descriptor_json(path: Path, *, hop_frames: int | None = None) -> DescriptorTable:
    """Read a file of descriptors in any of the seeds' layouts.

    Parameters
    ----------
    path : Path
    hop_frames : int, optional
        What its rows must be apart; by default any distance will do that is the same throughout.

    Returns
    -------
    DescriptorTable
        Columns in the file's order, under our names; ask it for them by name.

    Raises
    ------
    DescriptorFileError
        Its subclasses say what is wrong, and where.

    Thread
    ------
    Any but audio.
    """
    try:
        data = load_json(path)
        table = _from_rows(data) if isinstance(data, list) else _from_columns(data)
        found = _hop(table)
        if hop_frames is not None and found not in (None, hop_frames):
            raise HopError("described at another hop", got=found, allowed=hop_frames, hint="Describe the sounds again")
    except DescriptorFileError as error:
        error.where = f"{path}: {error.where}" if error.where else path
        raise
    return DescriptorTable(table.names, table.frames, table.file_ids, table.sample_positions, found, None, table.metadata, path)


def write_descriptor_json(path: Path, table: DescriptorTable, *, replace: bool = False) -> bool:
    """Write descriptors in the seeds' layout of columns, whole or not at all.

    Parameters
    ----------
    path : Path
        Its folder is made if need be.
    table : DescriptorTable
        Its rate is not written: the layout has no place for it.
    replace : bool
        Whether a file that says something else may be replaced.

    Returns
    -------
    bool
        False if the very same file was there already.

    Raises
    ------
    OutputExistsError
        A file that says something else is there.
    OutputFailedError
        The disk refused.
    MissingColumnError
        Some rows say where they are from, and others do not, as where a prediction was joined to a database.
    """
    columns: list[tuple[str, Iterable[str]]] = []
    unknown = table.sample_positions == UNKNOWN_SAMPLE
    if not unknown.any():
        columns = [(ID, map(json.dumps, table.file_ids)), (SAMPLE, map(str, table.sample_positions.tolist()))]
    elif any(table.file_ids) or not unknown.all():
        got = f"row {int(np.argmax(unknown))} without"
        raise MissingColumnError("some rows have no sample position", where=path, got=got, allowed="all, or none")
    columns += [(key, (json.dumps(value) for value in values)) for key, values in table.metadata.items()]
    columns += [(THEIRS[name], map(repr, table.frames[:, index].tolist())) for index, name in enumerate(table.names)]
    return write_columns(path, columns, replace)


def read_query_json(path: Path) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Read where the rows of a query were found.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple of str, int64 array of shape (N,)
        The sound of each row, and the sample in it.

    Raises
    ------
    DescriptorFileError
        Its subclasses say what is wrong, and where.
    """
    try:
        data = load_json(path)
        if not isinstance(data, dict):
            raise TableLayoutError("no query result", got=shown(data), allowed=f"an object with {ID} and {SAMPLE}")
        for key in (ID, SAMPLE):
            if key not in data:
                got = ", ".join(map(shown, list(data)[:4])) or "none"
                hint = f"A query result has {ID} and {SAMPLE}"
                raise MissingColumnError("a column is missing", got=got, allowed=key, hint=hint)
        _check_lengths(data)
        return _texts(data[ID]), _samples(data[SAMPLE])
    except DescriptorFileError as error:
        error.where = f"{path}: {error.where}" if error.where else path
        raise


def write_query_json(path: Path, file_ids: Sequence[str], sample_positions: Sequence[int], *, replace: bool = False) -> bool:
    """Write where the rows of a query were found; else as `write_descriptor_json`."""
    return write_columns(path, [(ID, map(json.dumps, file_ids)), (SAMPLE, (str(int(position)) for position in sample_positions))], replace)


def _from_columns(data: Any) -> DescriptorTable:
    if not isinstance(data, dict):
        raise TableLayoutError("no table of descriptors", got=shown(data), allowed="an object of columns, or a list of rows")
    features = {}
    for key in data:
        if key in OURS:
            features[OURS[key]] = data[key]
        elif key in THEIRS:
            raise UnknownColumnError("a column is not known", got=shown(key), hint=f"In this layout it is called {THEIRS[key]}")
        elif "_" not in key:
            raise UnknownColumnError("a column is not known", got=shown(key), allowed=f"mfcc0 to mfcc38, {', '.join((*CLASSIC, *OTHERS))}")
    if not features:
        hint = "It is a query result: it says where sounds are, not what they are like" if ID in data else None
        raise TableLayoutError("no descriptor in it", got=", ".join(map(shown, list(data)[:4])) or "an empty object", hint=hint)
    for key, other in ((ID, SAMPLE), (SAMPLE, ID)):
        if key in data and other not in data:
            hint = f"Add {other}, or describe the sounds again"
            raise MissingColumnError("a column is missing", got=f"{key} without {other}", allowed="both, or neither", hint=hint)
    count = _check_lengths(data)
    if count == 0:
        raise TableLayoutError("no rows", got="empty columns", allowed="at least one row")
    frames = np.stack([_numbers(THEIRS[name], values) for name, values in features.items()], axis=1)  # (N, D)
    metadata = {key: tuple(values) for key, values in data.items() if key not in OURS and key not in (ID, SAMPLE)}
    ids = _texts(data[ID]) if ID in data else ("",) * count
    positions = _samples(data[SAMPLE]) if SAMPLE in data else np.full(count, UNKNOWN_SAMPLE, dtype=np.int64)
    return DescriptorTable(tuple(features), frames, ids, positions, None, None, metadata)


def _from_rows(data: list[Any]) -> DescriptorTable:
    if not data:
        raise TableLayoutError("no rows", got="an empty list", allowed="at least one row")
    positions, rows = [], []
    for index, item in enumerate(data):
        if not isinstance(item, dict) or len(item) != 1 or not isinstance(next(iter(item.values())), dict):
            raise TableLayoutError("no row of descriptors", where=f"[{index}]", got=shown(item), allowed='{"sample": {"cent": …}}')
        key, row = next(iter(item.items()))
        if not (key.isascii() and key.isdigit()) or len(key) > 15:
            raise TableValueError("no sample position", where=f"[{index}]", got=shown(key), allowed="a whole number")
        for name in row:
            if name not in CLASSIC:
                raise UnknownColumnError("a column is not known", where=f"[{index}]", got=shown(name), allowed=", ".join(CLASSIC))
        missing = [name for name in CLASSIC if name not in row]
        if missing:
            got, hint = f"{len(row)} of {len(CLASSIC)}", "Describe the sound again: it may be cut short"
            raise MissingColumnError("a column is missing", where=f"[{index}]", got=got, allowed=missing[0], hint=hint)
        positions.append(int(key))
        rows.append([_number(f"[{index}].{name}", row[name]) for name in CLASSIC])
    # Row x holds the description of x - 1, and the first that of the last.
    frames = np.roll(np.array(rows, dtype=np.float64), -1, axis=0)
    return DescriptorTable(CLASSIC, frames, ("",) * len(rows), np.array(positions, dtype=np.int64), None)


def _number(where: str, value: Any) -> float:
    """Return a number that may be written as text."""
    number = math.nan
    if isinstance(value, str) and "_" not in value and len(value) <= 64:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) <= GREATEST_VALUE else math.inf
    if not abs(number) <= GREATEST_VALUE:
        raise TableValueError("no number of a descriptor", where=where, got=shown(value), allowed=f"finite, up to {GREATEST_VALUE:g}")
    return number


def _check_lengths(data: dict[str, Any]) -> int:
    """Return the length that all columns have."""
    lengths: dict[int, str] = {}
    for key, values in data.items():
        if not isinstance(values, list):
            raise TableLayoutError("a column is no list", where=shown(key), got=shown(values), allowed="a list")
        lengths.setdefault(len(values), key)
    if len(lengths) > 1:
        (first, a), (second, b) = list(lengths.items())[:2]
        got = f"{first} in {shown(a)}, {second} in {shown(b)}"
        raise RaggedColumnsError("columns of different lengths", got=got, allowed="one length", hint="Copy the file again")
    return next(iter(lengths), 0)


def _numbers(key: str, values: list[Any]) -> NDArray[np.float64]:
    if not set(map(type, values)) <= {int, float} or not all(abs(value) <= GREATEST_VALUE for value in values):
        for index, value in enumerate(values):
            if type(value) not in (int, float) or not abs(value) <= GREATEST_VALUE:
                allowed = f"a finite number up to {GREATEST_VALUE:g}"
                raise TableValueError("no number of a descriptor", where=f"{key}[{index}]", got=shown(value), allowed=allowed)
    return np.array(values, dtype=np.float64)


def _texts(values: list[Any]) -> tuple[str, ...]:
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise TableValueError("no name of a sound", where=f"{ID}[{index}]", got=shown(value), allowed="text")
    return tuple(values)


def _samples(values: list[Any]) -> NDArray[np.int64]:
    for index, value in enumerate(values):
        if type(value) is not int or not 0 <= value <= GREATEST_SAMPLE:
            raise TableValueError("no sample position", where=f"{SAMPLE}[{index}]", got=shown(value), allowed="a whole number, 0 and up")
    return np.array(values, dtype=np.int64)


def _hop(table: DescriptorTable) -> int | None:
    """Return how far the rows of each sound are apart, None where no sound has two, and check that it is the same throughout."""
    positions = table.sample_positions
    if np.any(positions == UNKNOWN_SAMPLE):
        return None
    moments = list(zip(table.file_ids, positions.tolist(), strict=True))
    if len(set(moments)) < len(moments):
        seen: set[tuple[str, int]] = set()
        row = next(row for row, moment in enumerate(moments) if moment in seen or seen.add(moment))
        got = f"{shown(moments[row][0])} at sample {moments[row][1]}"
        raise DescribedTwiceError("one moment has two rows", where=f"row {row}", got=got, allowed="one", hint="Delete the copy")
    same = np.array([a == b for a, b in zip(table.file_ids, table.file_ids[1:], strict=False)], dtype=bool)
    steps = np.diff(positions)
    if not same.any():
        return None
    hop = int(steps[same][0])
    odd = np.flatnonzero(same & (steps != hop))
    if hop <= 0 or len(odd):
        row = int(odd[0]) if len(odd) else 0
        got = f"{steps[row]} between rows {row} and {row + 1}"
        raise HopError("the rows are not evenly spaced", where=SAMPLE, got=got, allowed=f"{hop}" if hop > 0 else "rows in time order")
    return hop
