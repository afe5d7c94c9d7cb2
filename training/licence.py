"""Under which terms the sounds of a folder are: known only where the folder's own sheet says it of every one of them."""

import csv
import json
from pathlib import Path

from training.audio_folder import AudioFolder
from training.errors import SheetError

__all__ = ["CC0", "USER_SUPPLIED", "audio_licence"]

SHEET = "textures.json"
LIST = "parameters.csv"
CC0 = "CC0-1.0"
USER_SUPPLIED = "user-supplied"


def audio_licence(sounds: AudioFolder) -> str:
    """Return CC0 if the folder's sheet says so and its list names every clip, so that a file put beside them later is not given away.

    Parameters
    ----------
    sounds : AudioFolder

    Returns
    -------
    str
        `CC0` or `USER_SUPPLIED`.

    Raises
    ------
    SheetError
        Sheet or list cannot be read.
    """
    sheet, listing = sounds.folder / SHEET, sounds.folder / LIST
    if not sheet.is_file() or not listing.is_file():
        return USER_SUPPLIED
    try:
        values = json.loads(_read(sheet))
    except ValueError as error:
        raise SheetError("not JSON", where=sheet, got=str(error), hint="Make the textures again, or remove the sheet") from error
    listed = {row.get("file") for row in csv.DictReader(_read(listing).splitlines())}
    named = all(clip.path.as_posix() in listed for clip in sounds.clips)
    return CC0 if isinstance(values, dict) and values.get("licence") == CC0 and named else USER_SUPPLIED


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SheetError("cannot be read", where=file, got=type(error).__name__, hint="Make the textures again, or remove it") from error
