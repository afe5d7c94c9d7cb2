"""Class and parameters of every sound of a folder: from its sheet, its sub-folders or its files' names. It opens no sound."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from training.audio_folder import SUFFIXES, is_folder
from training.data_errors import ClassNameError, ParameterRangeError
from training.errors import EmptyFolderError, MissingFolderError, SheetError
from training.name_parameters import name_parameters
from training.parameter_sheet import LONGEST_NAME, default_sheet, read_parameter_sheet
from training.tokens_dataset import Parameter

__all__ = ["TOKEN_SUFFIX", "Label", "LabelledFolder", "label_folder", "labels_within", "parameter_ranges"]

TOKEN_SUFFIX = ".dac"
# Beside the sheet of a folder that `python -m training textures` made: what its parameters may be.
DESCRIPTION = "textures.json"


class Label(NamedTuple):
    """What is known of one sound: its class, its parameters in their own units, and where that is said."""

    class_name: str
    values: dict[str, float]
    where: str


@dataclass(frozen=True)
class LabelledFolder:
    """A folder and what is said of its sounds.

    Attributes
    ----------
    folder : Path
    labels : dict of str to Label
        By path in the folder, sorted.
    parameters : tuple of str
        In the order of the sheet, or in which names say them.
    declared : dict of str to (min, max)
        Ranges that the sheet's header declares, or else ``textures.json``; other parameters have the range that is seen.
    unlisted : tuple of str
        Sounds that the sheet says nothing of.
    linked : tuple of str
        Sub-folders reached through links, which are not entered.
    """

    folder: Path
    labels: dict[str, Label]
    parameters: tuple[str, ...]
    declared: dict[str, tuple[float, float]]
    unlisted: tuple[str, ...]
    linked: tuple[str, ...]


def label_folder(folder: Path, sheet: Path | None = None) -> LabelledFolder:
    """Find the sounds of a folder and what is said of them.

    Parameters
    ----------
    folder : Path
        Names that begin with a dot are passed over.
    sheet : Path, optional
        By default the folder's own ``parameters.csv`` or ``.tsv``, if it has one. A sound's class is its cell in the sheet, else its first
        sub-folder, else what its name says, else the folder's own name. Parameters are the sheet's; without one, those of the names.

    Raises
    ------
    MissingFolderError, EmptyFolderError
        There is no such folder, or no sound in it.
    ParameterSheetError
        The sheet cannot be used; its subclasses say why.
    ClassNameError
        A class would have a name that nothing can show.
    NameParametersError
        A name says a parameter twice.
    ParameterRangeError
        A value lies outside of the range that the sheet's header or ``textures.json`` declares.
    SheetError
        ``textures.json`` cannot be read.
    """
    paths, linked = _sounds(folder)
    own_name = Path(os.path.realpath(folder)).name or "sound"
    sheet = sheet or default_sheet(folder)
    labels: dict[str, Label] = {}
    declared = _declared(folder / DESCRIPTION)
    declaring = dict.fromkeys(declared, DESCRIPTION)
    if sheet is None:
        parameters: dict[str, None] = {}
        for path in paths:
            named = name_parameters(PurePosixPath(path))
            labels[path] = Label(_class(path, own_name), named.values if named else {}, str(folder / path))
            parameters.update(dict.fromkeys(labels[path].values))
        unlisted = ()
    else:
        read = read_parameter_sheet(sheet, set(paths))
        parameters = dict.fromkeys(read.parameters)
        for path in sorted(read.rows):
            row = read.rows[path]
            labels[path] = Label(row.class_name or _class(path, own_name), row.values, f"{sheet}, line {row.line}")
        unlisted = tuple(path for path in paths if path not in read.rows)
        # The sheet is nearer to its numbers than what lies beside the sounds.
        declared |= read.declared
        declaring |= dict.fromkeys(read.declared, "The sheet's header")
    for label in labels.values():
        if not label.class_name.isprintable() or len(label.class_name) > LONGEST_NAME:
            allowed = f"1 to {LONGEST_NAME} printable characters"
            raise ClassNameError("no name of a class", where=label.where, got=repr(label.class_name), allowed=allowed, hint="Rename it")
        for name, value in label.values.items():
            low, high = declared.get(name, (value, value))
            if not low <= value <= high:
                what = f"column {name!r} is out of range" if sheet else f"{name!r} is out of range"
                allowed, hint = f"{low:g} to {high:g}", f"{declaring[name]} declares the range"
                raise ParameterRangeError(what, where=label.where, got=f"{value:g}", allowed=allowed, hint=hint)
    return LabelledFolder(folder, labels, tuple(parameters), declared, unlisted, linked)


def parameter_ranges(names: Sequence[str], labels: Iterable[Label], declared: dict[str, tuple[float, float]]) -> tuple[Parameter, ...]:
    """Return each parameter that some label has, with its range: declared, else 0..1 if all values lie in it, else what is seen.

    Raises
    ------
    ParameterRangeError
        A parameter has one value only, and that not within 0..1.
    """
    labels, parameters = list(labels), []
    for name in names:
        said: dict[float, Label] = {}
        for label in labels:
            if name in label.values:
                said.setdefault(label.values[name], label)
        if not said:
            continue
        low, high = declared.get(name, (min(said), max(said)))
        if name not in declared and low >= 0.0 and high <= 1.0:
            low, high = 0.0, 1.0
        if not low < high:
            hint = (
                "Nothing can be learned from it: remove the column, add sounds with other values, or declare a range in the sheet's header"
            )
            where = said[low].where
            raise ParameterRangeError(
                f"{name!r} is the same for every sound to learn from", where=where, got=f"{low:g}", allowed="two values or more", hint=hint
            )
        parameters.append(Parameter(name, float(low), float(high)))
    return tuple(parameters)


def labels_within(labels: Sequence[Label], parameters: Sequence[Parameter]) -> tuple[list[Label], list[str]]:
    """Set values beyond what is learned from to the nearest end of it.

    Which clips of a folder are held out is chance, so the widest value may be among them, and that is nobody's mistake.

    Returns
    -------
    list of Label
        In the same order.
    list of str
        A line for the user on each parameter that had such values.
    """
    kept, lines = list(labels), []
    for parameter in parameters:
        name, low, high = parameter.name, parameter.min, parameter.max
        beyond = [place for place, label in enumerate(labels) if not low <= label.values.get(name, low) <= high]
        for place in beyond:
            kept[place] = kept[place]._replace(values=kept[place].values | {name: min(max(labels[place].values[name], low), high)})
        if beyond:
            first = labels[beyond[0]]
            lines.append(
                f"{len(beyond)} held-out clip(s) with a {name} beyond {low:g}..{high:g}, which is learned from, are judged at its end: "
                f"{first.where} has {first.values[name]:g}. A range in the sheet's header is kept: {name}[low..high]"
            )
    return kept, lines


def _sounds(folder: Path) -> tuple[list[str], tuple[str, ...]]:
    if not is_folder(folder):
        raise MissingFolderError("there is no such folder of audio", where=folder, hint="Give the folder that holds the files")
    found, linked = [], []
    suffixes = SUFFIXES | {TOKEN_SUFFIX}
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = Path(here).relative_to(folder)
        linked += [(inside / name).as_posix() for name in folders if (Path(here) / name).is_symlink()]
        found += [(inside / name).as_posix() for name in names if not name.startswith(".") and Path(name).suffix.lower() in suffixes]
    if not found:
        hint = f"Links to folders are not followed: {linked[0]}" if linked else None
        raise EmptyFolderError("no audio file in this folder", where=folder, allowed=", ".join(sorted(suffixes)), hint=hint)
    return sorted(found), tuple(sorted(linked))


def _class(path: str, own_name: str) -> str:
    parts = PurePosixPath(path).parts
    if len(parts) > 1:
        return parts[0]
    named = name_parameters(PurePosixPath(path))
    return named.class_name if named else own_name


def _declared(file: Path) -> dict[str, tuple[float, float]]:
    """Return the range of each parameter over all classes that declare it."""
    if not file.is_file():
        return {}
    hint = "Make the textures again, or remove the file"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        rows = [item for texture in values.get("classes", {}).values() for item in texture.get("parameters", {}).items()]
        ranges: dict[str, tuple[float, float]] = {}
        for name, row in rows:
            low, high = _bound(row, "min"), _bound(row, "max")
            if not low < high:
                raise ValueError(f"{name}: min {low:g}, max {high:g}")
            earlier = ranges.get(name, (low, high))
            ranges[name] = (min(low, earlier[0]), max(high, earlier[1]))
    except OSError as error:
        raise SheetError("cannot be read", where=file, got=error.strerror, hint=hint) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SheetError("does not declare parameters", where=file, got=str(error)[:200], hint=hint) from error
    return ranges


def _bound(row: Any, name: str) -> float:
    value = row[name]
    if type(value) not in (int, float) or not abs(value) < float("inf"):
        raise ValueError(f"{name} {value!r} is no number")
    return float(value)
