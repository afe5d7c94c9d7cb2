"""npz files as NumPy writes them pass; everything else is named."""

import io
import struct
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from patches.errors import ArchiveBombError, CorruptArrayError, PatchError, PickledArrayError
from patches.npz_scan import ITEM_BYTES, scan_npz


def scan(data: bytes) -> None:
    scan_npz(data, file="x.npz")


def saved(*, compressed: bool = False, **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", [np.dtype(name) for name in ITEM_BYTES])
def test_what_numpy_writes(dtype: np.dtype, compressed: bool) -> None:
    shapes = [(), (0,), (7,), (3, 4), (2, 1, 5)]
    scan(saved(compressed=compressed, **{f"a{i}": np.ones(shape, dtype) for i, shape in enumerate(shapes)}))
    scan(saved(compressed=compressed, fortran=np.asfortranarray(np.ones((3, 4), dtype))))


def test_written_to_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.arange(10_000.0))
    scan((tmp_path / "x.npz").read_bytes())


@pytest.mark.parametrize(
    "array",
    [np.array([{}], dtype=object), np.array([(1, None)], dtype=[("a", "i4"), ("b", "O")])],
    ids=["object", "object in a record"],
)
def test_objects(array: np.ndarray) -> None:
    with pytest.raises(PickledArrayError, match=r"bad\.npy: got dtype"):
        scan(saved(good=np.zeros(3), bad=array))


@pytest.mark.parametrize("dtype", [">f4", "<c8", "<U5", "|S5", "<M8[s]", "f4,i4"])
def test_other_types(dtype: str) -> None:
    with pytest.raises(CorruptArrayError, match="got dtype"):
        scan(saved(a=np.zeros(2, dtype)))


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': [1]}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,) * 9}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * 9 + b")}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (10**30,)}",
        b"__import__('os')",
        b"(" * 5000,
        b"-" * 9000 + b"1",
        b"\xff",
        b"'\\",
        b" " * 20_000,
        b"",
    ],
)
def test_headers(header: bytes, make: ModuleType) -> None:
    size = struct.pack("<H", len(header))
    with pytest.raises(CorruptArrayError):
        scan(make.npz({"a": b"\x93NUMPY\x01\x00" + size + header + bytes(4)}))


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"\x93NUMPY", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x09\x00", b"\x93NUMPY\x02\x00\xff\xff\xff\xff"]
)
def test_no_header(data: bytes, make: ModuleType) -> None:
    with pytest.raises(CorruptArrayError):
        scan(make.npz({"a": data}))


def test_versions_two_and_three(make: ModuleType) -> None:
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"
    for version in (2, 3):
        scan(make.npz({"a": b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<I", len(text)) + text + bytes(4)}))


def test_too_many_arrays(make: ModuleType) -> None:
    array = make.npy("<f4", (1,), bytes(4))
    scan(make.npz({f"a{i}": array for i in range(64)}))
    with pytest.raises(ArchiveBombError, match="65 arrays"):
        scan(make.npz({f"a{i}": array for i in range(65)}))


def test_names(make: ModuleType) -> None:
    array = make.npy("<f4", (1,), bytes(4))
    for name in ("../a", "a/b", "/a", "a\\b", "a\x1b"):
        with pytest.raises(CorruptArrayError, match="plain names"):
            scan(make.npz({name: array}))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", b"x")
    with pytest.raises(CorruptArrayError, match=r"ending in \.npy"):
        scan(stream.getvalue())


def test_one_name_twice(make: ModuleType) -> None:
    array = make.npy("<f4", (1,), bytes(4))
    data = make.npz({"a": array, "b": array}).replace(b"b.npy", b"a.npy")
    with pytest.raises(CorruptArrayError, match="two arrays of one name"):
        scan(data)


def test_other_packings(make: ModuleType) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", make.npy("<f4", (1 << 20,), bytes(4 << 20)))
    with pytest.raises(CorruptArrayError, match="another packing"):
        scan(stream.getvalue())


def test_a_zip_inside_something_else(make: ModuleType) -> None:
    """A file that is two things at once (a zip is found from its end) is refused from both sides."""
    data = make.corpus()
    for mixed in (b"fLaC" + data, data + b"tail"):
        with pytest.raises(CorruptArrayError, match="no zip directory"):
            scan(mixed)


def test_a_bomb_is_refused_before_it_is_unpacked(make: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "open", never)
    with pytest.raises(ArchiveBombError):
        scan(make.bomb())


def test_every_truncation(make: ModuleType) -> None:
    data = make.corpus()
    for size in range(0, len(data), 7):
        with pytest.raises(CorruptArrayError):
            scan(data[:size])


def test_random_damage_is_always_a_named_error() -> None:
    dice = np.random.default_rng(3)
    for compressed in (False, True):
        data = saved(compressed=compressed, a=np.arange(20.0), b=np.zeros((2, 2), np.int64))
        for _ in range(1000):
            damaged = bytearray(data)
            for place in dice.integers(0, len(data), 2):
                damaged[place] = dice.integers(0, 256)
            try:
                scan(bytes(damaged))
            except PatchError:
                continue
