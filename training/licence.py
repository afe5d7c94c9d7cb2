"""Under which terms the sounds of a folder are: known only where the folder's own sheet says it of every one of them."""

import json
from pathlib import Path
from typing import Any

from training.audio_folder import AudioFolder
from training.errors import SheetError

__all__ = ["CC0", "USER_SUPPLIED", "audio_licence"]

SHEET = "textures.json"
CC0 = "CC0-1.0"
USER_SUPPLIED = "user-supplied"


def audio_licence(sounds: AudioFolder) -> str:
    """Return CC0 if the folder's sheet says so and lists every clip by its hash, so that no other sound is given away by name or place.

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
        The sheet cannot be read.
    """
    sheet = sounds.folder / SHEET
    if not sheet.is_file():
        return USER_SUPPLIED
    values = _read(sheet)
    if not isinstance(values, dict) or values.get("licence") != CC0 or not isinstance(values.get("files"), dict):
        return USER_SUPPLIED
    listed = values["files"]
    return CC0 if all(listed.get(clip.path.as_posix()) == clip.sha256 for clip in sounds.clips) else USER_SUPPLIED


def _read(sheet: Path) -> Any:
    hint = "Make the textures again, or remove the sheet"
    try:
        return json.loads(sheet.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SheetError("cannot be read", where=sheet, got=type(error).__name__, hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise SheetError("not JSON", where=sheet, got=str(error), hint=hint) from error
