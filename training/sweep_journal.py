"""The journal of a sweep from outside: whether a file is one, and in what two sweeps differ. It knows no trial."""

import json
from pathlib import Path

from training.sweep_errors import SweepStorageError

__all__ = ["check_journal", "difference"]

LINE_BYTES = 1 << 16


def check_journal(storage: Path) -> None:
    """Refuse a file that is no journal before anything is appended to it."""
    if not storage.absolute().parent.is_dir():
        raise SweepStorageError("no such folder", where=storage.absolute().parent, hint="Make it first")
    try:
        with storage.open("rb") as file:
            first = file.readline(LINE_BYTES)
        if first and not (isinstance(line := json.loads(first), dict) and "op_code" in line):
            raise ValueError(f"it begins with {first[:40]!r}")
    except FileNotFoundError:
        return
    except OSError as error:
        raise SweepStorageError("cannot be read", where=storage, got=error.strerror) from error
    except (ValueError, RecursionError) as error:
        hint = "Choose another --storage, or move the file away"
        raise SweepStorageError("not the journal of a sweep", where=storage, got=str(error), hint=hint) from error


def difference(mine: str, noted: str) -> str:
    """Name the dials in which two texts of JSON objects differ."""
    try:
        left, right = json.loads(mine), json.loads(noted)
        names = [name for name in {**left, **right} if left.get(name) != right.get(name)]
        return f"another {', '.join(names)}"
    except (ValueError, AttributeError, TypeError):
        return f"{mine}, not {noted}"
