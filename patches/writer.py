"""Writes patch folders, whole or not at all.

Does not make models or arrays; it takes their bytes. A patch is built in a hidden folder beside its place, validated there, and renamed.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace as with_changes
from pathlib import Path

from patches.codec import encode
from patches.errors import FileNameError, MissingFileError, OversizeError, PatchExistsError, PatchWriteError, UnlistedFileError, shown
from patches.fields import SLUG
from patches.limits import LICENCE_NAME, MANIFEST_NAME, MAX_FILE_BYTES, MAX_TEXT_BYTES, README_NAME
from patches.manifest import DataFile, Manifest, Model
from patches.names import check_file_name, is_device
from patches.reader import open_plain, read_bounded
from patches.validate import read_licence, validate

CHUNK_BYTES = 1 << 20

Stamp = tuple[str, int]
"""SHA-256 in hexadecimal, and length in bytes."""


def write_patch(out_dir: Path, manifest: Manifest, files: Mapping[str, bytes | Path], licence_text: str, *, replace: bool = False) -> Path:
    """Write a patch folder ``out_dir/<slug>``, atomically, and return it.

    Parameters
    ----------
    out_dir : Path
        The folder of patches; made if it is missing.
    manifest : Manifest
        `sha256` and `bytes` of its files are filled in from `files`, whatever they say.
    files : mapping of str to bytes or Path
        Listed file name -> its bytes, or the file to copy. May also hold README.md.
    licence_text : str
        For LICENSE.
    replace : bool
        Whether a patch of the same slug gives way. It is untouched until the new one is complete and valid.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    PatchExistsError
        The slug is taken and `replace` is False.
    MissingFileError, UnlistedFileError
        `files` and the manifest's list differ.
    PatchWriteError
        The disk refused.
    PatchError
        The patch would not be valid: as `patches.validate.validate`.

    Thread
    ------
    Any but audio.
    """

    def build(folder: Path) -> None:
        listed = {entry.file for entry in manifest.entries}
        for name in sorted(listed - files.keys()):
            raise MissingFileError(file=name, got="nothing", allowed="bytes or a path for every listed file")
        for name in sorted(files.keys() - listed - {README_NAME}):
            raise UnlistedFileError(file=shown(name), allowed=", ".join(sorted(listed)))
        for name in sorted(files):
            check_file_name(name, ("",))
        stamps = {name: _put(source, folder / name) for name, source in files.items()}
        _put(encode(_stamped(manifest, stamps)), folder / MANIFEST_NAME)
        _put(licence_text.encode("utf-8"), folder / LICENCE_NAME)

    return _build_in_place(out_dir, manifest.slug, build, replace=replace)


def copy_patch(source: Path, out_dir: Path, *, replace: bool = False) -> Path:
    """Copy a valid patch folder to ``out_dir/<slug>``, atomically, and return the copy.

    The copy is checked against the hashes of the manifest that was read first, so a file that changes meanwhile is refused.

    Raises
    ------
    PatchExistsError, PatchWriteError
        As `write_patch`.
    PatchError
        The source, or its copy, is not valid: as `patches.validate.validate`.
    """
    manifest = validate(source)

    def build(folder: Path) -> None:
        for entry in manifest.entries:
            _put(source / entry.file, folder / entry.file)
        _put(encode(manifest), folder / MANIFEST_NAME)
        _put(read_licence(source).encode("utf-8"), folder / LICENCE_NAME)
        if (source / README_NAME).exists():
            _put(read_bounded(source / README_NAME, MAX_TEXT_BYTES), folder / README_NAME)

    return _build_in_place(out_dir, manifest.slug, build, replace=replace)


def _stamped(manifest: Manifest, stamps: Mapping[str, Stamp]) -> Manifest:
    """Return the manifest with hash and length of every file."""

    def model(entry: Model) -> Model:
        return with_changes(entry, sha256=stamps[entry.file][0], bytes=stamps[entry.file][1])

    def data(entry: DataFile) -> DataFile:
        return with_changes(entry, sha256=stamps[entry.file][0], bytes=stamps[entry.file][1])

    return with_changes(manifest, models=tuple(map(model, manifest.models)), data=tuple(map(data, manifest.data)))


def _put(source: bytes | Path, target: Path) -> Stamp:
    """Write one new file through to the disk and return its stamp."""
    digest, size_bytes = hashlib.sha256(), 0
    with target.open("xb") as out:
        if isinstance(source, bytes):
            digest.update(source)
            size_bytes = out.write(source)
        else:
            with open_plain(source) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size_bytes += out.write(chunk)
                    if size_bytes > MAX_FILE_BYTES:
                        raise OversizeError(file=str(source), got=f"over {size_bytes} bytes", allowed=f"{MAX_FILE_BYTES}")
        out.flush()
        os.fsync(out.fileno())  # before the rename: after a power cut there must be no patch of empty files
    return digest.hexdigest(), size_bytes


def _build_in_place(out_dir: Path, slug: str, build: Callable[[Path], None], *, replace: bool) -> Path:
    """Build a patch beside its place, validate it, and rename it into place."""
    if not SLUG.fullmatch(slug) or is_device(slug):
        raise FileNameError(file=str(out_dir), field="slug", got=shown(slug), allowed=f"text matching {SLUG.pattern}, no Windows device")
    target = out_dir / slug
    if os.path.lexists(target) and not replace:
        raise PatchExistsError(file=str(target), hint="choose another slug, or replace it (--replace)")
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{slug}-", suffix=".part", dir=out_dir, ignore_cleanup_errors=True) as scratch:
            folder = Path(scratch) / slug
            folder.mkdir()
            build(folder)
            validate(folder)
            _swap(folder, target, replace=replace)
    except OSError as error:
        hint = "what was there before is untouched; make room or choose another folder"
        raise PatchWriteError(file=str(target), got=error.strerror or str(error), hint=hint) from error
    return target


def _swap(folder: Path, target: Path, *, replace: bool) -> None:
    """Rename `folder` to `target`; what was there goes only when its successor is in place, and comes back if that fails.

    Two renames: no system call exchanges folders everywhere. A power cut between them leaves the old patch whole in a hidden folder
    ``.<slug>-….old`` beside its place.
    """
    if not replace or not os.path.lexists(target):
        folder.rename(target)  # fails if a patch has come there meanwhile
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".old", dir=target.parent))
    kept = aside / target.name
    try:
        target.rename(kept)
        folder.rename(target)
    except BaseException:
        if os.path.lexists(kept):
            kept.rename(target)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
