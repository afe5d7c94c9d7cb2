"""Reads and writes a corpus folder: corpus.json, the arrays of its units, the file of its sound.

::

    CORPUS/corpus.json     what it is: `patches.corpus_fields`
    CORPUS/units/*.npy     one array each, as NumPy writes them
    CORPUS/audio.pcm       all sound, 16-bit little-endian samples, channels interleaved

It does not know what the arrays mean, and needs nothing but the standard library.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from patches.corpus_fields import ARRAYS_FOLDER, CORPUS_NAME, decode_corpus, encode_corpus
from patches.corpus_manifest import CorpusManifest
from patches.errors import (
    CorruptArrayError,
    HashMismatchError,
    MissingFileError,
    NotAFolderError,
    PatchWriteError,
    SizeMismatchError,
    SymlinkError,
    UnknownCorpusError,
    UnknownPatchError,
    UnreadableFileError,
    shown,
)
from patches.limits import MIB
from patches.npz_scan import read_npy_header
from patches.reader import check_folder, open_plain, read_bounded
from patches.strict_json import loads

MAX_CORPUS_MANIFEST_BYTES = 256 * MIB
"""A million files of 250 bytes each."""
COPY_AGAIN = "copy the corpus again, or build it again: python -m training corpus"
CHUNK_BYTES = 1 << 20


class ArrayBytes(NamedTuple):
    """The numbers of one array: `data` can be written to, so that compiled code may take it as it is."""

    data: bytearray
    dtype: str
    shape: tuple[int, ...]


def is_corpus_folder(path: Path) -> bool:
    """Tell whether a path is a folder with a corpus.json in it, right or wrong."""
    try:
        return (path / CORPUS_NAME).is_file()
    except OSError:
        # A name too long for any file.
        return False


def read_corpus_manifest(folder: Path) -> CorpusManifest:
    """Return what a corpus says of itself, checked, with the size of its sound compared; no array is opened.

    Parameters
    ----------
    folder : Path
        May be reached through a link; nothing in it may be one.

    Raises
    ------
    UnknownCorpusError
        Nothing is there, or it is a file.
    MissingFileError, SymlinkError, NotAFileError, UnreadableFileError, OversizeError
        As `patches.reader.open_plain` and `read_bounded`.
    ManifestError
        As `patches.corpus_fields.decode_corpus`.
    SizeMismatchError
        The sound is not as long as it should be.

    Thread
    ------
    Any but audio.
    """
    try:
        check_folder(folder)
    except UnknownPatchError as error:
        hint = "make one: python -m training corpus"
        raise UnknownCorpusError(file=error.file, got=error.got, allowed=f"the folder that holds {CORPUS_NAME}", hint=hint) from None
    path = folder / CORPUS_NAME
    corpus = decode_corpus(loads(read_bounded(path, MAX_CORPUS_MANIFEST_BYTES), file=str(path)), file=str(path))
    _check_size(folder / corpus.audio.file, corpus.audio.bytes)
    return corpus


def read_array(folder: Path, corpus: CorpusManifest, name: str) -> ArrayBytes:
    """Return the numbers of an array: exactly those that were hashed.

    They are read and not mapped into memory: a mapped file that is cut short while it is used ends the process that uses it.

    Parameters
    ----------
    folder : Path
    corpus : CorpusManifest
        As `read_corpus_manifest` returned it.
    name : str
        One of its arrays.

    Raises
    ------
    SizeMismatchError, HashMismatchError
        Not the bytes that corpus.json lists.
    CorruptArrayError, PickledArrayError
        Not an array, or another than corpus.json says.
    FolderError
        Missing, a link, not a file: as `patches.reader.open_plain`.

    Thread
    ------
    Any but audio.
    """
    array = corpus.arrays[name]
    _check_arrays_folder(folder)
    path = folder / array.file
    where = str(path)
    with open_plain(path) as stream:
        try:
            _check_size(path, array.bytes, os.fstat(stream.fileno()).st_size)
            try:
                dtype, shape, header_bytes = read_npy_header(stream, file=where, field=name)
            except ValueError as error:
                raise CorruptArrayError(file=where, got=shown(str(error)), allowed="an array as NumPy writes it") from None
            if (dtype, shape) != (array.dtype, array.shape):
                allowed = f"{array.dtype} {array.shape}, as {CORPUS_NAME} says"
                raise CorruptArrayError(file=where, got=f"{dtype} {shape}", allowed=allowed, hint=COPY_AGAIN)
            stream.seek(0)
            head = stream.read(header_bytes)
            if b"'fortran_order': True" in head and len(shape) > 1:
                raise CorruptArrayError(file=where, got="an array column by column", allowed="row by row")
            data = bytearray(array.bytes - header_bytes)
            count = stream.readinto(data)  # type: ignore[attr-defined]
        except OSError as error:
            raise UnreadableFileError(file=where, got=error.strerror or str(error), hint="check the disk") from error
    if count != len(data):
        raise SizeMismatchError(file=where, got=f"{header_bytes + count} bytes", allowed=str(array.bytes), hint=COPY_AGAIN)
    digest = hashlib.sha256(head)
    digest.update(data)
    if digest.hexdigest() != array.sha256:
        raise HashMismatchError(file=where, got=f"{digest.hexdigest()[:12]}…", allowed=f"{array.sha256[:12]}…", hint=COPY_AGAIN)
    items = 1
    for size in shape:
        items *= size
    if len(data) != items * int(dtype[2:]):
        raise CorruptArrayError(file=where, got=f"{len(data)} bytes of numbers", allowed=f"{items * int(dtype[2:])}, as the header says")
    return ArrayBytes(data, dtype, shape)


def check_corpus_folder(folder: Path) -> CorpusManifest:
    """Check all of a corpus, its sound byte by byte too, which takes as long as reading it; errors as the other functions here."""
    corpus = read_corpus_manifest(folder)
    for name in corpus.arrays:
        read_array(folder, corpus, name)
    path = folder / corpus.audio.file
    digest = hashlib.sha256()
    with open_plain(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != corpus.audio.sha256:
        raise HashMismatchError(file=str(path), got=f"{digest.hexdigest()[:12]}…", allowed=f"{corpus.audio.sha256[:12]}…", hint=COPY_AGAIN)
    return corpus


def write_corpus_manifest(folder: Path, corpus: CorpusManifest) -> None:
    """Write corpus.json into a folder whose arrays and sound are there already, and read it back.

    Raises
    ------
    PatchError
        As `read_corpus_manifest`; PatchWriteError where the disk refuses.
    """
    path = folder / CORPUS_NAME
    try:
        path.write_bytes(encode_corpus(corpus))
    except OSError as error:
        raise PatchWriteError(file=str(path), got=error.strerror or str(error)) from error
    read_corpus_manifest(folder)


def _check_arrays_folder(folder: Path) -> None:
    """Refuse a folder of arrays that is reached through a link, which could lead anywhere."""
    path = folder / ARRAYS_FOLDER
    try:
        mode = path.lstat().st_mode
    except OSError:
        raise MissingFileError(file=str(path), got="nothing", allowed="the folder of arrays", hint=COPY_AGAIN) from None
    if stat.S_ISLNK(mode):
        raise SymlinkError(file=str(path), got="a symbolic link", allowed="a folder", hint="put the folder itself there")
    if not stat.S_ISDIR(mode):
        raise NotAFolderError(file=str(path), got="a file", allowed="the folder of arrays")


def _check_size(path: Path, wanted: int, got: int | None = None) -> None:
    if got is None:
        with open_plain(path) as stream:
            got = os.fstat(stream.fileno()).st_size
    if got != wanted:
        raise SizeMismatchError(file=str(path), got=f"{got} bytes", allowed=f"{wanted}, as {CORPUS_NAME} says", hint=COPY_AGAIN)
