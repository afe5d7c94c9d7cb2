"""What the screen remembers from one time to the next: the theme. It knows a file in the user's state folder."""

import os
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from realtime.instance import FOLDER_VARIABLE

MOST_CHARACTERS: Final = 64


def _path() -> Path:
    given = os.environ.get(FOLDER_VARIABLE)
    return (Path(given) if given else user_state_path("starling")) / "screen.theme"


def remembered_theme() -> str:
    """Name of the theme that was chosen last; empty: none was, or it cannot be read."""
    try:
        with _path().open(encoding="utf-8") as file:
            return file.read(MOST_CHARACTERS).strip()
    except (OSError, UnicodeDecodeError):
        return ""


def remember_theme(name: str) -> None:
    """Write the theme down. A full or read-only disk is no reason to bother a performer: the theme is on in any case."""
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name + "\n", encoding="utf-8")
    except OSError:
        return
