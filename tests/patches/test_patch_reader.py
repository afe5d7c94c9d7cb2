"""What is checked is what is returned, whatever happens to the folder meanwhile."""

import hashlib
import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from patches import errors, limits, reader
from patches.manifest import DataFile
from patches.reader import read_bounded, read_bytes, read_manifest
from patches.validate import validate

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")


def test_bytes_are_what_real_readers_read(patch: Path) -> None:
    """The tiny patch is no mock: NumPy and libsndfile open its files, from the bytes."""
    manifest = read_manifest(patch)
    with np.load(io.BytesIO(read_bytes(patch, manifest.file("corpus"))), allow_pickle=False) as corpus:
        assert corpus["descriptors"].shape == (3, 39)
        assert corpus["start_frames"].tolist() == [0, 1024, 2048]
    audio, rate_hz = soundfile.read(io.BytesIO(read_bytes(patch, manifest.file("audio"))), dtype="int16")
    assert rate_hz == manifest.audio.sample_rate_hz
    assert audio[::4096].tolist() == [0, 1000, 2000, 3000]
    assert audio.shape == (4 * 4096,)


def test_reading_the_manifest_opens_nothing_else(patch: Path) -> None:
    for name in ("sequencer.onnx", "corpus.npz", "corpus.flac", "LICENSE"):
        (patch / name).unlink()
    assert read_manifest(patch).slug == "tiny"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(errors.UnknownPatchError, match="nowhere: got nothing"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(errors.UnknownPatchError):
        read_manifest(Path("a\0b"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(errors.NotAFolderError):
        read_manifest(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.MissingFileError, match=r"patch\.json"):
        read_manifest(tmp_path / "empty")


def test_relative_folder_has_a_name(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(patch)
    assert validate(Path()).slug == "tiny"


def test_oversize_manifest(patch: Path) -> None:
    padding = limits.MAX_MANIFEST_BYTES - (patch / "patch.json").stat().st_size
    (patch / "patch.json").write_bytes((patch / "patch.json").read_bytes() + b" " * padding)
    assert read_manifest(patch).slug == "tiny"
    with (patch / "patch.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(errors.OversizeError, match=r"patch\.json: got 1048577 bytes, allowed: 1048576"):
        read_manifest(patch)


@needs_links
@pytest.mark.parametrize("name", ["patch.json", "LICENSE", "corpus.npz", "README.md"])
def test_links_inside_are_refused(name: str, patch: Path) -> None:
    elsewhere = patch.parent / "elsewhere"
    if (patch / name).exists():
        (patch / name).rename(elsewhere)
    else:
        elsewhere.write_text("readme")
    (patch / name).symlink_to(elsewhere)
    with pytest.raises(errors.SymlinkError, match=name):
        validate(patch)


@needs_links
def test_dangling_link_is_a_link(patch: Path) -> None:
    (patch / "corpus.npz").unlink()
    (patch / "corpus.npz").symlink_to("nowhere")
    with pytest.raises(errors.SymlinkError):
        read_bytes(patch, read_manifest(patch).file("corpus"))


@needs_links
def test_the_folder_itself_may_be_a_link(patch: Path, tmp_path: Path) -> None:
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "tiny").symlink_to(patch)
    assert validate(tmp_path / "link" / "tiny").slug == "tiny"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_does_not_block(patch: Path) -> None:
    (patch / "corpus.npz").unlink()
    os.mkfifo(patch / "corpus.npz")
    with pytest.raises(errors.NotAFileError, match="a pipe or device"):
        read_bytes(patch, read_manifest(patch).file("corpus"))
    with pytest.raises(errors.NotAFileError):
        validate(patch)


@needs_links
def test_a_link_put_there_after_the_look_is_refused(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, real_open = patch / "corpus.npz", os.open
    secret = patch.parent / "secret"
    secret.write_bytes(target.read_bytes())
    entry = read_manifest(patch).file("corpus")

    def swap_then_open(path: Path, flags: int) -> int:
        target.unlink()
        target.symlink_to(secret)
        return real_open(path, flags)

    monkeypatch.setattr(reader.os, "open", swap_then_open)
    with pytest.raises(errors.SymlinkError, match="put there just now"):
        read_bytes(patch, entry)


def test_a_file_put_there_after_the_look_is_refused(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, real_open = patch / "corpus.npz", os.open
    entry = read_manifest(patch).file("corpus")

    def swap_then_open(path: Path, flags: int) -> int:
        other = patch.parent / "other"
        other.write_bytes(target.read_bytes())
        other.replace(target)
        return real_open(path, flags)

    monkeypatch.setattr(reader.os, "open", swap_then_open)
    with pytest.raises(errors.SymlinkError, match="another file than a moment ago"):
        read_bytes(patch, entry)


def test_a_file_is_opened_once_and_its_bytes_are_the_ones_hashed(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing the file right after it was read changes nothing that the caller gets."""
    opened: list[Path] = []
    real_open, target = reader.open_plain, patch / "corpus.npz"
    before, entry = target.read_bytes(), read_manifest(patch).file("corpus")

    def counting_open(path: Path) -> io.BufferedReader:
        opened.append(path)
        return real_open(path)

    def change_then_hash(data: bytes) -> object:
        target.write_bytes(b"changed")
        return hashlib.sha256(data)

    monkeypatch.setattr(reader, "open_plain", counting_open)
    monkeypatch.setattr(reader, "hashlib", type("Hashes", (), {"sha256": staticmethod(change_then_hash)}))
    assert read_bytes(patch, entry) == before
    assert opened == [target]


def test_a_file_that_grows_while_it_is_read(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size seen first agrees, the bytes read do not."""
    target, real_fstat = patch / "corpus.npz", os.fstat
    entry = read_manifest(patch).file("corpus")
    target.write_bytes(target.read_bytes() + b"more")

    def old_size(descriptor: int) -> os.stat_result:
        now = list(real_fstat(descriptor))
        now[6] = entry.bytes
        return os.stat_result(now)

    monkeypatch.setattr(reader.os, "fstat", old_size)
    with pytest.raises(errors.SizeMismatchError, match=f"got {entry.bytes + 1} bytes"):
        read_bytes(patch, entry)


@pytest.mark.parametrize(
    "name", ["../tiny/corpus.npz", "/etc/passwd", "a/b.npz", "..", "a..npz", ".hidden.npz", "C:x.npz", "con.npz", "x\0.npz", ""]
)
def test_an_entry_made_by_hand_cannot_leave_the_folder(name: str, patch: Path) -> None:
    entry = read_manifest(patch).file("corpus")
    with pytest.raises(errors.FileNameError):
        read_bytes(patch, replace(entry, file=name))


def test_an_entry_made_by_hand_is_bounded(patch: Path) -> None:
    with pytest.raises(errors.OversizeError):
        read_bytes(patch, DataFile("corpus", "corpus.npz", "0" * 64, 1 << 40))


def test_refusal_by_the_system(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reader.os, "open", refuse)
    with pytest.raises(errors.UnreadableFileError, match="got Permission denied; check its permissions"):
        read_manifest(patch)


def test_a_disk_that_fails_while_reading(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def fileno(self) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(reader, "open_plain", lambda _: Broken())
    with pytest.raises(errors.UnreadableFileError, match="got Input/output error; check the disk"):
        read_manifest(patch)


def test_a_folder_that_cannot_be_listed(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(errors.UnreadableFileError, match="tiny: got Permission denied"):
        validate(patch)


def test_readme_is_allowed_and_bounded(patch: Path) -> None:
    (patch / "README.md").write_text("How it was made.\n")
    assert validate(patch).slug == "tiny"
    (patch / "README.md").write_bytes(b" " * (limits.MAX_TEXT_BYTES + 1))
    with pytest.raises(errors.OversizeError, match=r"README\.md"):
        validate(patch)


def test_read_bounded(tmp_path: Path) -> None:
    (tmp_path / "four").write_bytes(b"1234")
    assert read_bounded(tmp_path / "four", 4) == b"1234"
    with pytest.raises(errors.OversizeError):
        read_bounded(tmp_path / "four", 3)


def test_random_damage_is_always_a_named_error(make: ModuleType, tmp_path: Path) -> None:
    """No byte of a manifest can bring anything but a value or a PatchError."""
    data = bytearray(make.valid()["patch.json"])
    dice = np.random.default_rng(1)
    folder = make.write(tmp_path / "tiny", make.valid())
    refused = 0
    for _ in range(400):
        damaged = bytearray(data)
        for place in dice.integers(0, len(data), 3):
            damaged[place] = dice.integers(0, 256)
        (folder / "patch.json").write_bytes(damaged)
        try:
            read_manifest(folder)
        except errors.PatchError:
            refused += 1
    assert refused > 300
