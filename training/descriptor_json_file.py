"""Large JSON files, read strictly and written whole: what files of descriptors have in common. It does not know their layouts."""

import filecmp
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from patches.errors import shown
from training.descriptor_errors import DuplicateColumnError, OversizeTableError, TableSyntaxError, UnreadableTableError
from training.errors import OutputExistsError, OutputFailedError

__all__ = ["load_json", "write_columns"]

# Some seven hours of the 39 at the default hop, and about four times that in memory while it is read.
GREATEST_BYTES = 1 << 30


def load_json(path: Path) -> Any:
    """Return the one JSON value of a file.

    A file in which the same value stands several times, one after the other, as a writer that appends leaves it, counts as one.

    Raises
    ------
    DescriptorFileError
        Unreadable, too large, not strict JSON, a key twice, or several values that differ.
    """
    try:
        size = path.stat().st_size
        if size > GREATEST_BYTES:
            raise OversizeTableError("too large", got=f"{size} bytes", allowed=f"{GREATEST_BYTES} at most", hint="Read its parts")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UnreadableTableError("cannot be read", got=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise TableSyntaxError("not text", got=f"byte {error.start} is not UTF-8", allowed="UTF-8 JSON") from error
    decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
    try:
        values = list(_values(decoder, text))
    except json.JSONDecodeError as error:
        got = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise TableSyntaxError("not JSON", got=got, hint="Copy the file again, it may be cut short") from error
    except RecursionError as error:
        raise TableSyntaxError("nested too deeply", allowed="a table of descriptors") from error
    except ValueError as error:
        raise TableSyntaxError("a number of thousands of digits", allowed="numbers of ordinary length") from error
    if any(value != values[0] for value in values[1:]):
        hint = "Its writer appends: keep the last table of the file and delete the others"
        raise TableSyntaxError("several tables that differ, one after the other", got=len(values), allowed="one", hint=hint)
    return values[0]


def _values(decoder: json.JSONDecoder, text: str) -> Iterator[Any]:
    """Yield the values that stand one after the other in a text, at least one."""
    end = len(text.rstrip())
    at = len(text) - len(text.lstrip())
    while True:
        value, at = decoder.raw_decode(text, at)
        yield value
        while at < end and text[at].isspace():
            at += 1
        if at >= end:
            return


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for index, key in enumerate(keys) if key in keys[:index])
        raise DuplicateColumnError("a key stands twice", got=shown(twice), allowed="each key once", hint="Delete one of the two")
    return built


def _no_constant(text: str) -> NoReturn:
    hint = "Its sound or its writer was at fault: describe the sound again"
    raise TableSyntaxError("not a number that JSON has", got=text, allowed="finite numbers", hint=hint)


def write_columns(path: Path, columns: Sequence[tuple[str, Iterable[str]]], replace: bool) -> bool:
    """Write an object of columns as ``json.dump(indent=2)`` would, whole or not at all, in bounded memory.

    Parameters
    ----------
    path : Path
        Its folder is made if need be.
    columns : sequence of (str, iterable of str)
        Names, and values as JSON.
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
    """
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.", suffix=".part")
        part = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write("{")
            for index, (key, values) in enumerate(columns):
                file.write(f"{',' if index else ''}\n  {json.dumps(key)}: ")
                is_empty = True
                for value in values:
                    file.write(f"{'[' if is_empty else ','}\n    {value}")
                    is_empty = False
                file.write("[]" if is_empty else "\n  ]")
            file.write("\n}" if columns else "}")
        if path.exists():
            if path.is_file() and filecmp.cmp(part, path, shallow=False):
                return False
            if not replace:
                raise OutputExistsError("is there already and says something else", where=path, hint="Name another place, or replace it")
        # mkstemp makes files for one user only; this is an ordinary file.
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        got = error.strerror or str(error)
        raise OutputFailedError("the descriptors could not be written", where=path, got=got, hint="Nothing was left behind") from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return True
