"""A sheet that says class and parameters of every sound: ``file, class, <parameter>...``, separated by commas, semicolons or tabs.

A column ``gust[0..10]`` holds the parameter ``gust`` and says what it may be.

A blank cell means that this sound has no such parameter. Nothing is guessed and nothing is computed: a cell is a number or a mistake.
"""

import csv
import io
import math
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from patches.fields import BY_PATH
from training.data_errors import ParameterSheetError, SheetClassError, SheetFileError, SheetNumberError, SheetRowError

__all__ = ["DEFAULT_NAMES", "LONGEST_NAME", "ParameterSheet", "SheetRow", "default_sheet", "read_parameter_sheet"]

DEFAULT_NAMES = ("parameters.csv", "parameters.tsv")
# The second of each is how the DACSynthformer's spreadsheets call it.
FILE_COLUMNS = ("file", "full file name")
CLASS_COLUMNS = ("class", "class name")
# float() would also take "nan", "1_000" and digits of other scripts.
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# A name that ends like this declares a range; "level [dB]" is only a name.
RANGE = re.compile(rf"(?P<name>.*?)\s*\[\s*(?P<low>{NUMBER.pattern})\s*\.\.\s*(?P<high>{NUMBER.pattern})\s*\]")
# What is meant as a range and is none: "gust[10..0]", "gust[0-10]".
LIKE_RANGE = re.compile(r".*\[(?:[^\[]*(?:\.\.|…)[^\[]*|\s*[-+]?[0-9.]+\s*[-–:;,]\s*[-+]?[0-9.]+\s*)\]")
# No name with a range is longer, and a pattern should not search for one in whatever a sheet holds.
LONGEST_COLUMN = 200
# A row for each second of a month fits.
LARGEST_BYTES = 256 << 20
# Classes and parameters become labels of controls; what a patch cannot show is refused before anything is learned of it.
LONGEST_NAME = int(BY_PATH["controls[].label"].high)
SHOWN = 40


@dataclass(frozen=True)
class SheetRow:
    """What the sheet says of one file.

    Attributes
    ----------
    line : int
        Of the sheet, counted from 1.
    class_name : str or None
        None where the sheet has no class column.
    values : dict of str to float
        In the parameter's own unit; what is blank is left out.
    """

    line: int
    class_name: str | None
    values: dict[str, float]


@dataclass(frozen=True)
class ParameterSheet:
    """A whole sheet.

    Attributes
    ----------
    file : Path
    parameters : tuple of str
        In the order of their columns, without their ranges.
    rows : dict of str to SheetRow
        By path relative to the folder of sounds.
    declared : dict of str to (min, max)
        Of the parameters whose columns declare a range. The values are not held against it here.
    """

    file: Path
    parameters: tuple[str, ...]
    rows: dict[str, SheetRow]
    declared: dict[str, tuple[float, float]]


def default_sheet(folder: Path) -> Path | None:
    """Return the sheet that lies in a folder of sounds, if there is one."""
    return next((folder / name for name in DEFAULT_NAMES if (folder / name).is_file()), None)


def read_parameter_sheet(sheet: Path, known: Collection[str]) -> ParameterSheet:
    """Read a sheet strictly.

    Parameters
    ----------
    sheet : Path
        UTF-8, with or without a byte order mark. The tab separates where the suffix is ``.tsv``; else what the header has most of.
    known : collection of str
        The paths that a row may name, relative to the folder of sounds, with forward slashes.

    Raises
    ------
    ParameterSheetError
        It cannot be read, or its header cannot be.
    SheetFileError, SheetRowError, SheetClassError, SheetNumberError
        A row cannot be; the message says its line and column.
    """
    table = _table(sheet, _text(sheet))
    columns, lines = [_declared(sheet, place, cell) for place, cell in enumerate(table[0][1], 1)], table[1:]
    header = [name for name, _ in columns]
    file_column, class_column = _column(header, FILE_COLUMNS), _column(header, CLASS_COLUMNS)
    if file_column is None:
        hint = "The first line of a sheet names its columns: file,class,<parameter>,..."
        raise ParameterSheetError(
            "has no column of files", where=sheet, got=_shown(", ".join(header)), allowed="a column 'file'", hint=hint
        )
    parameters = {name: place for place, name in enumerate(header) if place not in (file_column, class_column)}
    _check_header(sheet, header)
    rows: dict[str, SheetRow] = {}
    for line, cells in lines:
        where = f"{sheet}, line {line}"
        if len(cells) != len(header):
            hint = "A name with the separator in it belongs in quotes"
            raise SheetRowError("a row needs as many cells as the header", where=where, got=len(cells), allowed=len(header), hint=hint)
        path = _path(where, cells[file_column], known)
        if path in rows:
            raise SheetRowError("names a file again", where=where, got=path, hint=f"It is on line {rows[path].line} already")
        class_name = None if class_column is None else _class_name(where, cells[class_column])
        values = {name: _number(where, name, cells[place]) for name, place in parameters.items() if cells[place]}
        rows[path] = SheetRow(line, class_name, values)
    if not rows:
        raise ParameterSheetError("has a header and no row", where=sheet, hint="Add a row for each sound, or use another --sheet")
    declared = {name: bounds for name, bounds in columns if bounds is not None}
    return ParameterSheet(sheet, tuple(parameters), rows, declared)


def _text(sheet: Path) -> str:
    hint = "Save it from the spreadsheet as CSV with UTF-8"
    try:
        status = sheet.stat()
        # A pipe would be waited for without end.
        if not stat.S_ISREG(status.st_mode):
            raise ParameterSheetError("is not a plain file", where=sheet)
        if status.st_size > LARGEST_BYTES:
            raise ParameterSheetError("is too large", where=sheet, got=f"{status.st_size} bytes", allowed=f"{LARGEST_BYTES} bytes at most")
        text = sheet.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ParameterSheetError("cannot be read", where=sheet, got=error.strerror) from error
    except UnicodeDecodeError as error:
        raise ParameterSheetError("is not UTF-8 text", where=sheet, got=f"byte {error.start}", hint=hint) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ParameterSheetError("holds a NUL character, so it is not text", where=f"{sheet}, line {line}", hint=hint)
    return text


def _table(sheet: Path, text: str) -> list[tuple[int, list[str]]]:
    """Return the rows that are not blank, each with its line."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = "\t" if sheet.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    table = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                table.append((reader.line_num, cells))
    except csv.Error as error:
        hint = "Save it from the spreadsheet as CSV again"
        raise ParameterSheetError(
            "cannot be read as a table", where=f"{sheet}, line {reader.line_num}", got=str(error), hint=hint
        ) from error
    if not table:
        raise ParameterSheetError("is empty", where=sheet, allowed="file,class,<parameter>,... and a row for each sound")
    return table


def _declared(sheet: Path, place: int, cell: str) -> tuple[str, tuple[float, float] | None]:
    """Return the name of a column, and the range that it declares, if it does."""
    match = RANGE.fullmatch(cell) if len(cell) <= LONGEST_COLUMN else None
    if match is None and (len(cell) > LONGEST_COLUMN or not LIKE_RANGE.fullmatch(cell)):
        return cell, None
    name, low, high = (match["name"], float(match["low"]), float(match["high"])) if match else ("", 0.0, 0.0)
    if not -math.inf < low < high < math.inf or name.lower() in (*FILE_COLUMNS, *CLASS_COLUMNS):
        hint = "A parameter from 0 to 10 is written gust[0..10]"
        allowed = "a parameter, and in brackets two numbers, the lower first"
        raise ParameterSheetError(f"column {place} declares no range", where=sheet, got=repr(_shown(cell)), allowed=allowed, hint=hint)
    return name, (low, high)


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((place for place, name in enumerate(header) if name.lower() in names), None)


def _check_header(sheet: Path, header: list[str]) -> None:
    for place, name in enumerate(header, 1):
        if not name or not name.isprintable() or len(name) > LONGEST_NAME:
            allowed = f"1 to {LONGEST_NAME} printable characters"
            raise ParameterSheetError(f"column {place} has no name", where=sheet, got=repr(_shown(name)), allowed=allowed)
        if header.index(name) < place - 1:
            raise ParameterSheetError("names a column twice", where=sheet, got=repr(name), hint="Remove or rename one of them")


def _path(where: str, cell: str, known: Collection[str]) -> str:
    path = PurePosixPath(cell).as_posix()
    if not cell or path not in known:
        hint = "Paths are relative to the folder of sounds, with forward slashes: wind/wind_0001.flac"
        raise SheetFileError("names a sound that is not in the folder", where=where, got=repr(_shown(cell)), hint=hint)
    return path


def _class_name(where: str, cell: str) -> str:
    if not cell or not cell.isprintable() or len(cell) > LONGEST_NAME:
        raise SheetClassError(
            "a row needs a class", where=where, got=repr(_shown(cell)), allowed=f"1 to {LONGEST_NAME} printable characters"
        )
    return cell


def _number(where: str, name: str, cell: str) -> float:
    value = float(cell) if NUMBER.fullmatch(cell) else math.nan
    if not math.isfinite(value):
        hint = "A class without this parameter has a blank cell"
        got, allowed = repr(_shown(cell)), "a finite number like 0.5, or nothing"
        raise SheetNumberError(f"column {name!r} holds no number", where=where, got=got, allowed=allowed, hint=hint)
    return value


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."
