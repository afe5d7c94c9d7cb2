"""A patch is written whole or not at all, and what was there stays until its successor is complete."""

import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from patches import errors, writer
from patches.manifest import Manifest
from patches.reader import read_manifest
from patches.validate import validate
from patches.writer import copy_patch, write_patch

LISTED = ("sequencer.onnx", "corpus.npz", "corpus.flac")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def blank(patch: Path) -> Manifest:
    """The tiny patch's manifest with wrong hashes and lengths."""
    manifest = read_manifest(patch)
    return replace(
        manifest,
        models=tuple(replace(entry, sha256="", bytes=0) for entry in manifest.models),
        data=tuple(replace(entry, sha256="f" * 64, bytes=7) for entry in manifest.data),
    )


@pytest.fixture
def files(patch: Path) -> dict[str, bytes | Path]:
    """One as a path, the others as bytes."""
    return {"corpus.flac": patch / "corpus.flac"} | {name: (patch / name).read_bytes() for name in LISTED[:2]}


def test_writes_the_same_patch(blank: Manifest, files: dict[str, bytes | Path], patch: Path, tmp_path: Path) -> None:
    licence = (patch / "LICENSE").read_text()
    folder = write_patch(tmp_path / "new" / "patches", blank, files, licence)
    assert folder == tmp_path / "new" / "patches" / "tiny"
    assert contents(folder) == contents(patch)
    assert list((tmp_path / "new" / "patches").iterdir()) == [folder]


def test_readme(blank: Manifest, files: dict[str, bytes | Path], tmp_path: Path) -> None:
    folder = write_patch(tmp_path, blank, files | {"README.md": b"Made by hand.\n"}, "MIT\n")
    assert (folder / "README.md").read_bytes() == b"Made by hand.\n"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"corpus.npz": None}, errors.MissingFileError),
        ({"extra.npz": b""}, errors.UnlistedFileError),
        ({"../escape.npz": b""}, errors.UnlistedFileError),
        ({"corpus.npz": b"not a zip"}, errors.CorruptArrayError),
        ({"corpus.npz": b""}, errors.WrongValueError),
        ({"corpus.flac": Path("nowhere.flac")}, errors.MissingFileError),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_failure_leaves_everything(
    there: bool,
    change: dict[str, bytes | Path | None],
    error: type[errors.PatchError],
    blank: Manifest,
    files: dict[str, bytes | Path],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    if there:
        write_patch(out, blank, files, "the first\n")
    before = contents(tmp_path)
    changed = {name: data for name, data in (files | change).items() if data is not None}
    with pytest.raises(error):
        write_patch(out, blank, changed, "the second\n", replace=True)
    assert contents(tmp_path) == before
    assert [path.name for path in out.iterdir()] == (["tiny"] if there else [])


def test_empty_licence(blank: Manifest, files: dict[str, bytes | Path], tmp_path: Path) -> None:
    with pytest.raises(errors.LicenceTextError):
        write_patch(tmp_path / "out", blank, files, " \n")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("slug", ["../up", "a/b", "", "Upper", "con", "x" * 49, ".hidden"])
def test_slugs_that_are_no_folder(slug: str, blank: Manifest, files: dict[str, bytes | Path], tmp_path: Path) -> None:
    with pytest.raises(errors.FileNameError, match="slug"):
        write_patch(tmp_path / "out", replace(blank, slug=slug), files, "MIT\n")
    assert not (tmp_path / "out").exists()


def test_existing_patch(blank: Manifest, files: dict[str, bytes | Path], tmp_path: Path) -> None:
    write_patch(tmp_path, blank, files, "the first\n")
    with pytest.raises(errors.PatchExistsError, match=r"tiny; choose another slug, or replace it \(--replace\)"):
        write_patch(tmp_path, blank, files, "the second\n")
    assert (tmp_path / "tiny" / "LICENSE").read_text() == "the first\n"
    write_patch(tmp_path, replace(blank, name="Other"), files, "the second\n", replace=True)
    assert (tmp_path / "tiny" / "LICENSE").read_text() == "the second\n"
    assert read_manifest(tmp_path / "tiny").name == "Other"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "tiny"]


def test_replacing_a_link_leaves_its_target(blank: Manifest, files: dict[str, bytes | Path], patch: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "tiny").symlink_to(patch)
    before = contents(patch)
    write_patch(out, blank, files, "new\n", replace=True)
    assert not (out / "tiny").is_symlink()
    assert contents(patch) == before


def test_a_rename_that_fails_brings_the_old_one_back(
    blank: Manifest, files: dict[str, bytes | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_patch(out, blank, files, "the first\n")
    real_rename = Path.rename

    def no_second_rename(self: Path, target: Path) -> Path:
        if self.parent.name.endswith(".part"):
            raise OSError(28, "No space left on device")
        return real_rename(self, target)

    monkeypatch.setattr(Path, "rename", no_second_rename)
    with pytest.raises(errors.PatchWriteError, match="No space left on device; what was there before is untouched"):
        write_patch(out, blank, files, "the second\n", replace=True)
    assert validate(out / "tiny").slug == "tiny"
    assert (out / "tiny" / "LICENSE").read_text() == "the first\n"
    assert [path.name for path in out.iterdir()] == ["tiny"]


def test_full_disk(blank: Manifest, files: dict[str, bytes | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(errors.PatchWriteError, match=r"tiny: got No space left on device"):
        write_patch(tmp_path / "out", blank, files, "MIT\n")
    assert list((tmp_path / "out").iterdir()) == []


def test_out_dir_is_a_file(blank: Manifest, files: dict[str, bytes | Path], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(errors.PatchWriteError):
        write_patch(tmp_path / "out", blank, files, "MIT\n")


def test_oversize_source(blank: Manifest, files: dict[str, bytes | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_FILE_BYTES", 50)
    with pytest.raises(errors.OversizeError, match=r"corpus\.flac"):
        write_patch(tmp_path / "out", blank, files, "MIT\n")


def test_copy(patch: Path, tmp_path: Path) -> None:
    (patch / "README.md").write_text("How it was made.\n")
    folder = copy_patch(patch, tmp_path / "library")
    assert contents(folder) == contents(patch)


def test_copy_of_a_file_that_changes_meanwhile(patch: Path, tmp_path: Path, make: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is held to the manifest that was read, not to what the file became."""
    real_validate = writer.validate

    def validate_then_change(folder: Path) -> Manifest:
        manifest = real_validate(folder)
        (patch / "corpus.npz").write_bytes(make.corpus(mean=make.npy("<f4", (39,), bytes(4 * 39))))
        return manifest

    monkeypatch.setattr(writer, "validate", validate_then_change)
    with pytest.raises(errors.HashMismatchError):
        copy_patch(patch, tmp_path / "library")
    assert list((tmp_path / "library").iterdir()) == []


@pytest.mark.parametrize("name", ["npz-pickled", "onnx-external-subgraph", "unlisted-file", "future-format"])
def test_copy_of_a_hostile_patch(name: str, hostile_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.PatchError):
        copy_patch(hostile_folder / name, tmp_path / "library")
    assert not (tmp_path / "library").exists()
