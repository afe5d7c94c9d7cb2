"""Reads a patch folder: the manifest, and the bytes of the files it lists.

Does not load models or arrays. What is checked is what is returned: every file is opened once, without following links.
"""

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from patches.codec import decode
from patches.content import check_content
from patches.errors import (
    HashMismatchError,
    MissingFileError,
    NotAFileError,
    NotAFolderError,
    OversizeError,
    SizeMismatchError,
    SlugMismatchError,
    SymlinkError,
    UnknownPatchError,
    UnreadableFileError,
    shown,
)
from patches.limits import MANIFEST_NAME, MAX_FILE_BYTES, MAX_MANIFEST_BYTES
from patches.manifest import DataFile, Manifest, Model
from patches.names import check_file_name
from patches.strict_json import loads

OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
"""Not following links, and not waiting for a pipe's other end, on systems that can say so."""


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading.

    The name is looked at, opened, and the open file looked at again, so that a link put there in between is refused too.

    Raises
    ------
    MissingFileError
        Nothing has this name.
    SymlinkError
        The name is a link, or became something else while it was opened.
    NotAFileError
        A folder, pipe, socket or device.
    UnreadableFileError
        The operating system refused.
    """
    try:
        seen = path.lstat()
        if stat.S_ISLNK(seen.st_mode):
            raise SymlinkError(file=str(path), got="a symbolic link", allowed="a plain file", hint="put the file itself there")
        if not stat.S_ISREG(seen.st_mode):
            got = "a folder" if stat.S_ISDIR(seen.st_mode) else "a pipe or device"
            raise NotAFileError(file=str(path), got=got, allowed="a plain file")
        stream = os.fdopen(os.open(path, OPEN_FLAGS), "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(file=str(path), got="nothing", allowed="a plain file", hint=f"copy {path.parent} again, all of it") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SymlinkError(file=str(path), got="a symbolic link, put there just now", allowed="a plain file") from None
        raise UnreadableFileError(file=str(path), got=error.strerror or str(error), hint="check its permissions") from error
    if not os.path.samestat(seen, os.fstat(stream.fileno())):
        stream.close()
        raise SymlinkError(file=str(path), got="another file than a moment ago", allowed="a plain file that stays")
    return stream


def _read(path: Path, wanted_bytes: int) -> tuple[bytes, int]:
    """Return at most `wanted_bytes` + 1 bytes of a plain file, none if it is longer, and the length that was seen."""
    with open_plain(path) as stream:
        try:
            size_bytes = os.fstat(stream.fileno()).st_size
            data = stream.read(wanted_bytes + 1) if size_bytes <= wanted_bytes else b""
        except OSError as error:
            raise UnreadableFileError(file=str(path), got=error.strerror or str(error), hint="check the disk") from error
    return data, max(size_bytes, len(data))


def read_bounded(path: Path, limit_bytes: int) -> bytes:
    """Return a plain file's bytes.

    Raises
    ------
    OversizeError
        More than `limit_bytes`; not even those are then kept.
    FolderError
        As `open_plain`.
    """
    data, size_bytes = _read(path, limit_bytes)
    if size_bytes > limit_bytes:
        raise OversizeError(file=str(path), got=f"{size_bytes} bytes", allowed=f"{limit_bytes}")
    return data


def check_folder(folder: Path) -> None:
    """Refuse what is not a folder.

    Raises
    ------
    UnknownPatchError
        Nothing is there, or the system does not let us see it.
    NotAFolderError
        Something else is.
    """
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        got = "nothing" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or str(error)
        raise UnknownPatchError(file=str(folder), got=got, allowed="the slug of a patch, or the path of its folder") from None
    if not is_folder:
        raise NotAFolderError(file=str(folder), got="a file", allowed="the folder that holds patch.json")


def read_manifest(folder: Path) -> Manifest:
    """Return what a patch's manifest says, checked; no other file is opened.

    Parameters
    ----------
    folder : Path
        The patch. It may be reached through a link; nothing in it may be one.

    Raises
    ------
    UnknownPatchError, NotAFolderError
        As `check_folder`.
    SlugMismatchError
        The slug is not the folder's name.
    FolderError, ManifestError, OversizeError
        As `open_plain`, `patches.strict_json.loads` and `patches.codec.decode`.

    Thread
    ------
    Any but audio.
    """
    check_folder(folder)
    path = folder / MANIFEST_NAME
    manifest = decode(loads(read_bounded(path, MAX_MANIFEST_BYTES), file=str(path)), file=str(path))
    name = Path(os.path.abspath(folder)).name  # noqa: PTH100 (resolve() would follow a link and see another name)
    if manifest.slug != name:
        hint = "a slug never changes: rename the folder"
        raise SlugMismatchError(
            file=str(path), field="slug", got=shown(manifest.slug), allowed=f"the folder's name, {shown(name)}", hint=hint
        )
    return manifest


def read_bytes(folder: Path, entry: Model | DataFile) -> bytes:
    """Return the bytes of a listed file: exactly those that were hashed and checked.

    Parameters
    ----------
    folder : Path
        The patch.
    entry : Model or DataFile
        From the patch's manifest.

    Returns
    -------
    bytes
        To be given to the model runtime or array reader directly; opening the path again would open the door again.

    Raises
    ------
    SizeMismatchError
        Not `entry.bytes` long.
    HashMismatchError
        Not the bytes listed.
    ContentError
        Listed, but not what the extension promises: `patches.content`.
    FolderError
        A name that leaves the folder, a link, nothing there: as `open_plain`.

    Thread
    ------
    Any but audio.
    """
    path = folder / entry.file
    check_file_name(entry.file, ("",), file=str(folder))
    if entry.bytes > MAX_FILE_BYTES:
        raise OversizeError(file=str(path), got=f"{entry.bytes} bytes", allowed=f"{MAX_FILE_BYTES}")
    data, size_bytes = _read(path, entry.bytes)
    if size_bytes != entry.bytes or len(data) != entry.bytes:
        hint = "copy the patch again, it may be cut short"
        raise SizeMismatchError(file=str(path), got=f"{size_bytes} bytes", allowed=f"{entry.bytes}, as the manifest says", hint=hint)
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        raise HashMismatchError(
            file=str(path), got=f"{digest[:12]}…", allowed=f"{entry.sha256[:12]}…", hint="copy the patch again, or export it again"
        )
    check_content(data, entry.file, file=str(path))
    return data
