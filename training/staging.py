"""A folder that is written whole or not at all: filled beside its place, and put there in the end. It knows no format."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import OutputFailedError

__all__ = ["staged"]


@contextmanager
def staged(target: Path, out: Path, what: str, also: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """Give a folder beside the target to fill, and put it in its place if that went well; otherwise nothing of it stays.

    Parameters
    ----------
    target : Path
        Absent, or an empty folder.
    out : Path
        The target as the user wrote it, and `what` it is: both for the message.
    also : tuple of exception types
        What else than OSError means that it could not be written.

    Raises
    ------
    OutputFailedError
        It could not be written.
    """
    staging = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
        inner = staging / target.name
        inner.mkdir()
        yield inner
        if target.exists():
            target.rmdir()
        inner.rename(target)
    except (OSError, *also) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise OutputFailedError(f"{what} could not be written", where=out, got=got, hint="Nothing was left behind") from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
