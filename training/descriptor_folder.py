"""A folder of files of descriptors as one table, and where the files of a folder of sounds go. It does not know audio.

Every .json and .txt file below the folder is looked at. The seeds kept copies beside the originals and counted both; here a moment of a
sound counts once.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from training.audio_folder import is_folder
from training.descriptor_errors import DescriptorFileError
from training.descriptor_json import read_descriptor_json
from training.descriptor_table import DescriptorTable, joined_tables
from training.errors import EmptyFolderError, MissingFolderError

__all__ = ["SUFFIXES", "SkippedTable", "json_places", "read_descriptor_folder"]

SUFFIXES = frozenset({".json", ".txt"})
REASONS_SHOWN = 3


class SkippedTable(NamedTuple):
    """A file that is left out, and why."""

    path: Path
    reason: DescriptorFileError


def read_descriptor_folder(folder: Path, *, hop_frames: int | None = None) -> tuple[DescriptorTable, tuple[SkippedTable, ...]]:
    """Read every file of descriptors below a folder, in the order of their paths.

    Parameters
    ----------
    folder : Path
        Names that begin with a dot are passed over. Links to folders are not followed.
    hop_frames : int, optional
        What the rows must be apart.

    Returns
    -------
    DescriptorTable, tuple of SkippedTable
        The rows of all, each moment of a sound once, and the files that are no descriptors, each with its reason.

    Raises
    ------
    MissingFolderError
        The path is not a folder.
    EmptyFolderError
        No file in it can be used.
    DescriptorFileError
        The files contradict each other: other columns, hops, or descriptions of one moment.
    """
    if not is_folder(folder):
        raise MissingFolderError("there is no such folder of descriptors", where=folder)
    tables, skipped, contents = [], [], set()
    for path in _files(folder):
        try:
            table = read_descriptor_json(path, hop_frames=hop_frames)
            content = hashlib.sha256(path.read_bytes()).digest()
        except DescriptorFileError as reason:
            skipped.append(SkippedTable(path.relative_to(folder), reason))
            continue
        # The older layout does not name its sounds, so only the whole file tells a copy.
        if content not in contents:
            contents.add(content)
            tables.append(table)
    if not tables:
        hint = "; ".join(str(skip.reason) for skip in skipped[:REASONS_SHOWN]) or None
        raise EmptyFolderError("no file of descriptors in this folder", where=folder, allowed=", ".join(sorted(SUFFIXES)), hint=hint)
    return joined_tables(tables), tuple(skipped)


def json_places(sounds: Iterable[Path]) -> dict[Path, Path]:
    """Return where the descriptors of each sound go, relative to an output folder, so that no two go to the same place.

    Parameters
    ----------
    sounds : iterable of Path
        Relative to the folder of sounds.

    Returns
    -------
    dict of Path to Path
        In the same sub-folder as the sound: its name with .json for its suffix, or, in a sub-folder where two sounds would then have the
        same (also on a disk that does not tell capitals), every sound's whole name with .json behind it.
    """
    folders = defaultdict(list)
    for sound in sounds:
        folders[sound.parent].append(sound)
    places = {}
    for inside in folders.values():
        short = {sound.stem.casefold() for sound in inside}
        for sound in inside:
            places[sound] = sound.with_suffix(".json") if len(short) == len(inside) else sound.with_name(f"{sound.name}.json")
    return places


def _files(folder: Path) -> list[Path]:
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here) / name for name in names if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
