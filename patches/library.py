"""Where patches are: the folders searched, in order, and the patches in them.

Does not open anything but manifests, except to install.
"""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from patches.errors import PatchError, UnknownPatchError, UnreadableFileError, shown
from patches.fields import SLUG
from patches.limits import MANIFEST_NAME
from patches.manifest import Manifest
from patches.reader import check_folder, read_manifest
from patches.writer import copy_patch

SEARCH_VARIABLE = "STARLING_PATCHES"
"""Environment variable with further folders of patches, separated as in PATH; they come first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One patch in the library: its slug, its folder, and either its manifest or what is wrong with it."""

    slug: str
    folder: Path
    manifest: Manifest | None = None
    error: PatchError | None = None


def user_folder() -> Path:
    """Return the folder that installed patches live in; it may not exist yet."""
    return platformdirs.user_data_path("starling", appauthor=False) / "patches"


def bundled_folder() -> Path:
    """Return the folder of the patches that ship with the program."""
    return Path(__file__).parent / "bundled"


def search_folders() -> tuple[Path, ...]:
    """Return the folders searched for patches, first match first: ``STARLING_PATCHES``, the user's, the bundled ones."""
    named = os.environ.get(SEARCH_VARIABLE, "").split(os.pathsep)
    return (*(Path(folder) for folder in named if folder), user_folder(), bundled_folder())


def _patches_in(folder: Path) -> list[Path]:
    """Return the patches in one folder of patches, by name. What has no manifest, or a hidden name, is none."""
    try:
        found = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UnreadableFileError(file=str(folder), got=error.strerror or str(error), hint="check its permissions") from error
    return [path for path in found if not path.name.startswith(".") and os.path.lexists(path / MANIFEST_NAME)]


def available() -> tuple[Entry, ...]:
    """Return every patch that `find` would find, by slug; broken ones with their error.

    Raises
    ------
    UnreadableFileError
        The operating system refused to list a folder that is there.

    Thread
    ------
    Any but audio.
    """
    entries: dict[str, Entry] = {}
    for folder in search_folders():
        for path in _patches_in(folder):
            if path.name in entries:
                continue
            try:
                entries[path.name] = Entry(path.name, path, manifest=read_manifest(path))
            except PatchError as error:
                entries[path.name] = Entry(path.name, path, error=error)
    return tuple(entries[slug] for slug in sorted(entries))


def find(slug_or_folder: str) -> Path:
    """Return the folder of a patch.

    Parameters
    ----------
    slug_or_folder : str
        A slug, looked for in `search_folders`, or the path of a patch folder. What can be a slug is one: ``./field`` is a path.

    Raises
    ------
    UnknownPatchError
        No patch has this slug, or no folder this path. The message names the slugs there are and the nearest one.
    NotAFolderError
        The path is a file's.

    Thread
    ------
    Any but audio.
    """
    if not slug_or_folder:  # which pathlib would take for the current folder
        raise UnknownPatchError(got="nothing", allowed="the slug of a patch, or the path of its folder")
    if not SLUG.fullmatch(slug_or_folder):
        check_folder(Path(slug_or_folder))
        return Path(slug_or_folder)
    for folder in search_folders():
        if os.path.lexists(folder / slug_or_folder / MANIFEST_NAME):
            return folder / slug_or_folder
    slugs = sorted({path.name for folder in search_folders() for path in _patches_in(folder)})
    near = difflib.get_close_matches(slug_or_folder, slugs, n=1)
    if near:
        hint = f"did you mean {near[0]}?"
    elif Path(slug_or_folder).is_dir():
        hint = f"for the folder of this name write ./{slug_or_folder}"
    else:
        hint = f"python -m patches list shows them; more are looked for in {SEARCH_VARIABLE}"
    raise UnknownPatchError(got=shown(slug_or_folder), allowed=", ".join(slugs) or "none is installed", hint=hint)


def install(source: Path, *, replace: bool = False) -> Path:
    """Copy a patch folder to the user's patches, whole or not at all, and return the copy.

    Parameters
    ----------
    source : Path
        A valid patch folder.
    replace : bool
        Whether an installed patch of the same slug gives way.

    Raises
    ------
    PatchError
        As `patches.writer.copy_patch`.

    Thread
    ------
    Any but audio.
    """
    return copy_patch(source, user_folder(), replace=replace)
