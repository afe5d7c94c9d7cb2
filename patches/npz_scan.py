"""Checks an npz file without NumPy: numbers only, and no more of them than the limit.

An npz is a zip of npy files; every header is read, every byte is unpacked once against its checksum. Does not know what the arrays mean.

Source: NEP 1 "A simple file format for NumPy arrays"; PKWARE APPNOTE.TXT 6.3.9 (zip).
"""

import ast
import io
import math
import struct
import zipfile
import zlib
from typing import IO

from patches.errors import ArchiveBombError, CorruptArrayError, PickledArrayError, shown
from patches.limits import MAX_ARRAYS, MAX_FILE_BYTES

ITEM_BYTES = {
    "<f2": 2, "<f4": 4, "<f8": 8,
    "|i1": 1, "<i2": 2, "<i4": 4, "<i8": 8,
    "|u1": 1, "<u2": 2, "<u4": 4, "<u8": 8,
    "|b1": 1,
}  # fmt: skip
"""npy type -> bytes of one item. Little-endian numbers only, so that arrays are used where they lie."""

MAX_HEADER_BYTES = 10_000
"""NumPy's own limit for a header that it will evaluate."""
MAX_DIRECTORY_BYTES = 64 * 1024
"""Room for 64 names of 255 characters and their fields, with some to spare."""
CHUNK_BYTES = 1 << 20

END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
UNPACK_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    OSError,
)
"""All that the standard library raises on damaged zip files; none of them can come from our own checks."""


def scan_npz(data: bytes, *, file: str) -> None:
    """Refuse an npz file that is damaged, holds objects or unpacks to too much.

    Parameters
    ----------
    data : bytes
        The whole file.
    file : str
        Its name, for the message.

    Raises
    ------
    PickledArrayError
        An array of objects: reading it would run code.
    ArchiveBombError
        More arrays or bytes, once unpacked, than the limits.
    CorruptArrayError
        Not a zip of npy files of plain little-endian numbers, or one that does not unpack to what it says.

    Thread
    ------
    Any but audio.
    """
    _check_directory(data, file)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except UNPACK_ERRORS as error:
        raise CorruptArrayError(file=file, got=shown(str(error)), allowed="a zip of npy files") from None
    with archive:
        members = archive.infolist()
        unpacked_bytes = sum(member.file_size for member in members)
        if unpacked_bytes > MAX_FILE_BYTES:
            raise ArchiveBombError(file=file, got=f"{unpacked_bytes} bytes unpacked", allowed=f"{MAX_FILE_BYTES}")
        names = [member.filename for member in members]
        if len(set(names)) != len(names):
            raise CorruptArrayError(file=file, got="two arrays of one name", allowed="each name once")
        for member in members:
            _check_member(archive, member, file)


def _check_directory(data: bytes, file: str) -> None:
    """Bound the zip's directory before the standard library builds an object for each of its entries."""
    size = END_OF_DIRECTORY.size
    tail = data[-size:]
    if len(data) < size or not data.startswith(b"PK") or not tail.startswith(b"PK\x05\x06") or data[-size - 20 :].startswith(b"PK\x06\x07"):
        raise CorruptArrayError(file=file, got="no zip directory at the end", allowed="a plain zip of npy files", hint="copy it again")
    _, _, _, _, count, directory_bytes, _, comment_bytes = END_OF_DIRECTORY.unpack(tail)
    if count > MAX_ARRAYS or directory_bytes > MAX_DIRECTORY_BYTES or comment_bytes:
        raise ArchiveBombError(
            file=file, got=f"{count} arrays in a directory of {directory_bytes} bytes", allowed=f"{MAX_ARRAYS} arrays, no comment"
        )


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: str) -> None:
    """Check one array: name, packing, header, length and checksum."""
    where = member.filename
    if not where.endswith(".npy") or "/" in where or "\\" in where or not where.isprintable():
        raise CorruptArrayError(file=file, field=shown(where), got="not an array", allowed="plain names ending in .npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 0x1:
        raise CorruptArrayError(file=file, field=where, got="another packing or a password", allowed="stored or deflated, as NumPy writes")
    try:
        with archive.open(member) as stream:
            kind, shape, header_bytes = read_npy_header(stream, file=file, field=where)
            item_bytes, items = ITEM_BYTES[kind], math.prod(shape)
            read_bytes = header_bytes
            while chunk := stream.read(CHUNK_BYTES):
                read_bytes += len(chunk)
    except UNPACK_ERRORS as error:
        raise CorruptArrayError(file=file, field=where, got=shown(str(error)), allowed="an array that unpacks to what it says") from None
    if read_bytes != header_bytes + item_bytes * items:
        got = f"{read_bytes - header_bytes} bytes of numbers"
        raise CorruptArrayError(file=file, field=where, got=got, allowed=f"{item_bytes * items}, as the header says")


def read_npy_header(stream: IO[bytes], *, file: str, field: str) -> tuple[str, tuple[int, ...], int]:
    """Read the head of a npy file, up to its numbers.

    Parameters
    ----------
    stream : binary file
        At its beginning.
    file, field : str
        For the message.

    Returns
    -------
    tuple of str, tuple of int, int
        Type, as in `ITEM_BYTES`, shape, and bytes before the numbers.

    Raises
    ------
    PickledArrayError
        An array of objects: reading it would run code.
    CorruptArrayError
        Not an array of plain little-endian numbers, of at most 8 axes.
    ValueError
        Not a header at all.
    """
    header, header_bytes = _read_header(stream)
    kind, shape = _check_header(header, file, field)
    return kind, shape, header_bytes


def _read_header(stream: IO[bytes]) -> tuple[object, int]:
    """Return the npy header's value and the bytes up to the numbers. ValueError on anything that is not a header."""
    magic = stream.read(8)
    if len(magic) != 8 or magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2, 3):
        raise ValueError("not an npy file of version 1 to 3")
    length_format = "<H" if magic[6] == 1 else "<I"
    length_field = stream.read(struct.calcsize(length_format))
    (length,) = struct.unpack(length_format, length_field)
    text = stream.read(min(length, MAX_HEADER_BYTES))
    if len(text) != length:
        raise ValueError(f"a header of {length} bytes that is too long or cut short")
    try:
        # Literals only: nothing is called. Deep nesting fails inside the parser.
        value = ast.literal_eval(text.decode("utf-8"))
    except (SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError("a header that is not a literal") from None
    return value, 8 + len(length_field) + length


def _check_header(header: object, file: str, where: str) -> tuple[str, tuple[int, ...]]:
    """Return type and shape of an array of plain numbers."""
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise CorruptArrayError(file=file, field=where, got="another header", allowed="descr, fortran_order and shape")
    kind, shape = header["descr"], header["shape"]
    if "O" in repr(kind):
        raise PickledArrayError(file=file, field=where, got=f"dtype {shown(kind)}", allowed="numbers", hint="save it as float32 or int64")
    if not isinstance(kind, str) or kind not in ITEM_BYTES:
        raise CorruptArrayError(file=file, field=where, got=f"dtype {shown(kind)}", allowed=", ".join(ITEM_BYTES))
    if not isinstance(shape, tuple) or len(shape) > 8 or not all(type(n) is int and 0 <= n <= MAX_FILE_BYTES for n in shape):
        raise CorruptArrayError(file=file, field=where, got=f"shape {shown(shape)}", allowed="at most 8 whole numbers")
    return kind, shape
