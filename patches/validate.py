"""Checks a patch folder completely: every file in it, not only those that a voice would open.

Does not repair anything.
"""

import os
import stat
from pathlib import Path

from patches.content import flac_info
from patches.errors import (
    LicenceTextError,
    MissingFileError,
    NotAFileError,
    SymlinkError,
    UnlistedFileError,
    UnreadableFileError,
    WrongValueError,
    shown,
)
from patches.limits import LICENCE_NAME, MANIFEST_NAME, MAX_TEXT_BYTES, README_NAME
from patches.manifest import Manifest
from patches.reader import read_bounded, read_bytes, read_manifest


def validate(folder: Path) -> Manifest:
    """Return a patch's manifest, having checked everything in its folder.

    Parameters
    ----------
    folder : Path
        The patch.

    Raises
    ------
    UnlistedFileError
        Something is there that is neither listed nor patch.json, LICENSE or README.md.
    LicenceTextError
        LICENSE is empty or not UTF-8 text.
    WrongValueError
        The corpus has another sample rate than the manifest says.
    PatchError
        As `patches.reader.read_manifest` and, for every listed file, `patches.reader.read_bytes`.

    Thread
    ------
    Any but audio. Holds one file at a time in memory.
    """
    manifest = read_manifest(folder)
    _check_listing(folder, manifest)
    read_licence(folder)
    if os.path.lexists(folder / README_NAME):
        read_bounded(folder / README_NAME, MAX_TEXT_BYTES)
    for entry in manifest.entries:
        data = read_bytes(folder, entry)
        if entry.role == "audio" and entry.file.endswith(".flac"):
            rate_hz = flac_info(data, file=str(folder / entry.file)).sample_rate_hz
            if rate_hz != manifest.audio.sample_rate_hz:
                allowed = f"{rate_hz}, the rate of {entry.file}"
                raise WrongValueError(
                    file=str(folder / MANIFEST_NAME),
                    field="audio.sample_rate_hz",
                    got=shown(manifest.audio.sample_rate_hz),
                    allowed=allowed,
                )
    return manifest


def read_licence(folder: Path) -> str:
    """Return the licence's text.

    Raises
    ------
    LicenceTextError
        Empty or not UTF-8 text.
    FolderError, OversizeError
        Missing, a link, not a plain file, or too large.
    """
    path = folder / LICENCE_NAME
    try:
        text = read_bounded(path, MAX_TEXT_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        raise LicenceTextError(file=str(path), got="bytes that are not UTF-8", allowed="text") from None
    if not text.strip():
        raise LicenceTextError(
            file=str(path), got="nothing", allowed="text", hint="write under which terms the patch may be played and shared"
        )
    return text


def _check_listing(folder: Path, manifest: Manifest) -> None:
    """Refuse whatever lies in the folder beyond the plain files that belong there."""
    known = {entry.file for entry in manifest.entries} | {MANIFEST_NAME, LICENCE_NAME, README_NAME}
    missing = known - {README_NAME}
    try:
        with os.scandir(folder) as found:
            for item in found:
                path = str(folder / item.name)
                mode = item.stat(follow_symlinks=False).st_mode
                if stat.S_ISLNK(mode):
                    raise SymlinkError(file=path, got="a symbolic link", allowed="plain files", hint="put the file itself there")
                if not stat.S_ISREG(mode):
                    raise NotAFileError(file=path, got="a folder" if stat.S_ISDIR(mode) else "a pipe or device", allowed="plain files")
                if item.name not in known:
                    raise UnlistedFileError(file=path, allowed=", ".join(sorted(known)), hint="list it or delete it")
                missing.discard(item.name)
    except OSError as error:
        raise UnreadableFileError(file=str(folder), got=error.strerror or str(error), hint="check its permissions") from error
    for name in sorted(missing):
        raise MissingFileError(file=str(folder / name), got="nothing", allowed="a plain file", hint="copy the patch again")
