"""What the files of a take are called. It knows paths, no sound.

A name that is taken gets a number; all files of a take get the same one. Names that are made here hold nothing a file system objects to.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from platformdirs import user_music_path

from realtime.recording.errors import RecordingError
from realtime.recording.take_file import DEFAULT_SUFFIX, FORMATS

MASTER = "master"
SIDECAR_SUFFIX = ".performance.json"
MAX_PATH = 4096
"""Characters of a path that is asked for."""
_NUMBERS = 999
_SLUG = 40
_ODD = re.compile(r"[^\w .-]+")


def default_folder() -> Path:
    """Where takes go when nobody says: `Starling` among the user's music."""
    return user_music_path() / "Starling"


@dataclass(frozen=True)
class TakeNames:
    """Paths of one take: `tracks` in the order asked for, the master first."""

    tracks: tuple[Path, ...]
    sidecar: Path

    @property
    def master(self) -> Path:
        """The file with everything."""
        return self.tracks[0]


def deck_label(number: int, patch: str) -> str:
    """What the stem of a deck (0-based) is called: `deck 1 textures`."""
    slug = _ODD.sub("-", patch)[:_SLUG].strip(" .-")
    return f"deck {number + 1} {slug}".strip()


def take_names(folder: Path, asked: str, labels: Sequence[str], now: datetime) -> TakeNames:
    """Free names for a take.

    Parameters
    ----------
    folder : Path
        Where takes go; made if it is not there and needed.
    asked : str
        Path of the master, from `folder` unless it is a full one; empty: the time of day. Without a suffix it becomes FLAC.
    labels : sequence of str
        One for each track, the master's first.
    now : datetime
        Local time.

    Raises
    ------
    RecordingError — a folder, a suffix that is no format, a folder that is not there or cannot be made.
    """
    if asked.strip():
        base, suffix = _asked(folder, asked.strip())
        # A name that somebody chose is the master's as it stands.
        ends = ["", *(f" {label}" for label in labels[1:])]
    else:
        _make(folder)
        base, suffix = folder / f"{now:%Y-%m-%d %H-%M-%S}", DEFAULT_SUFFIX
        ends = [f" {label}" for label in labels]
    try:
        for number in range(1, _NUMBERS + 1):
            name = base.name if number == 1 else f"{base.name} {number}"
            names = TakeNames(tuple(base.with_name(f"{name}{end}{suffix}") for end in ends), base.with_name(name + SIDECAR_SUFFIX))
            if not any(path.exists() or path.is_symlink() for path in (*names.tracks, names.sidecar)):
                return names
    except OSError as error:
        raise _refused(base.with_name(base.name + suffix), error) from None
    raise RecordingError(f"{base}{suffix}: this name is taken, as are its numbers", allowed=f"up to {_NUMBERS} takes of one name")


def _asked(folder: Path, asked: str) -> tuple[Path, str]:
    """Folder and name without suffix, and the suffix, of what was asked for."""
    if len(asked) > MAX_PATH or "\0" in asked:
        raise RecordingError("the path of a recording", got=f"{len(asked)} characters", allowed=f"up to {MAX_PATH}, none of them zero")
    try:
        path = Path(asked).expanduser()
        if not path.is_absolute():
            _make(folder)
            path = folder / path
        if path.is_dir() or asked.endswith(("/", "\\")):
            raise RecordingError(f"{path}: is a folder", hint=f"name a file, as in {path / f'take{DEFAULT_SUFFIX}'}")
        if not path.parent.is_dir():
            raise RecordingError(f"{path}: its folder does not exist", hint="make it first, or give a name without a folder")
    except (OSError, RuntimeError) as error:  # RuntimeError: ~ of nobody
        raise RecordingError(f"{asked[:80]}: no path to record to", got=str(error)) from None
    if not path.suffix:
        return path, DEFAULT_SUFFIX
    if path.suffix.lower() not in FORMATS:
        raise RecordingError(f"{path.name}: format", got=path.suffix, allowed=", ".join(FORMATS))
    return path.with_suffix(""), path.suffix


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, error) from None


def _refused(path: Path, error: OSError) -> RecordingError:
    return RecordingError(f"{path}: cannot be recorded to", got=error.strerror or str(error), hint="choose another place")
