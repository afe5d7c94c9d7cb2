"""Patches are found where they should be, in order."""

import os
import shutil
from pathlib import Path
from types import ModuleType

import platformdirs
import pytest

from patches import errors, library
from patches.library import available, find, install, search_folders

Folders = tuple[Path, Path, Path]


def test_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STARLING_PATCHES", os.pathsep.join([str(tmp_path / "a"), "", str(tmp_path / "b")]))
    user = Path(platformdirs.user_data_dir("starling", appauthor=False)) / "patches"
    assert search_folders() == (tmp_path / "a", tmp_path / "b", user, Path(library.__file__).parent / "bundled")
    monkeypatch.delenv("STARLING_PATCHES")
    assert search_folders() == (user, Path(library.__file__).parent / "bundled")


def test_first_folder_wins(library_folders: Folders, make: ModuleType) -> None:
    named, user, bundled = library_folders
    for folder in (bundled, user, named):
        make.write(folder / "tiny", make.valid())
        assert find("tiny") == folder / "tiny"
        assert [(entry.slug, entry.folder) for entry in available()] == [("tiny", folder / "tiny")]


def test_available(library_folders: Folders, make: ModuleType, hostile_folder: Path) -> None:
    named, user, _ = library_folders
    make.write(named / "zebra", make.valid("zebra"))
    make.write(user / "ant", make.valid("ant"))
    shutil.copytree(hostile_folder / "nan", user / "nan")
    (user / "notes").mkdir()
    (user / ".ant-x.part").mkdir()
    shutil.copytree(user / "ant", user / ".ant-x.part" / "ant")
    (user / "file.txt").write_text("x")
    ant, nan, zebra = available()
    assert (ant.slug, nan.slug, zebra.slug) == ("ant", "nan", "zebra")
    assert ant.manifest is not None
    assert ant.manifest.slug == "ant"
    assert ant.error is None
    assert nan.manifest is None
    assert isinstance(nan.error, errors.ManifestSyntaxError)


def test_no_folders_at_all(library_folders: Folders) -> None:
    assert available() == ()
    with pytest.raises(errors.UnknownPatchError, match="got 'field', allowed: none is installed; python -m patches list"):
        find("field")


def test_unknown_slug_names_the_nearest(library_folders: Folders, make: ModuleType) -> None:
    make.write(library_folders[0] / "field", make.valid("field"))
    make.write(library_folders[0] / "river", make.valid("river"))
    with pytest.raises(errors.UnknownPatchError, match=r"got 'feild', allowed: field, river; did you mean field\?"):
        find("feild")


def test_paths(library_folders: Folders, patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(patch.parent)
    assert find("./tiny") == Path("tiny")
    assert find(str(patch)) == patch
    with pytest.raises(errors.UnknownPatchError, match=r"for the folder of this name write \./tiny"):
        find("tiny")
    with pytest.raises(errors.NotAFolderError):
        find("./tiny/LICENSE")


@pytest.mark.parametrize("typed", ["", "../nowhere", "a\0b", "/" + "x" * 5000, "Upper Case"])
def test_nonsense(typed: str, library_folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.PatchError) as caught:
        find(typed)
    assert isinstance(caught.value, errors.UnknownPatchError)


def test_folder_that_cannot_be_listed(library_folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(errors.UnreadableFileError, match="named: got Permission denied"):
        available()


def test_install(library_folders: Folders, patch: Path) -> None:
    user = library_folders[1]
    assert install(patch) == user / "tiny"
    assert find("tiny") == user / "tiny"
    with pytest.raises(errors.PatchExistsError):
        install(patch)
    (patch / "LICENSE").write_text("changed\n")
    install(patch, replace=True)
    assert (user / "tiny" / "LICENSE").read_text() == "changed\n"


def test_failed_replacement_keeps_the_old_one(library_folders: Folders, patch: Path) -> None:
    user = library_folders[1]
    install(patch)
    (patch / "corpus.npz").write_bytes(b"broken")
    with pytest.raises(errors.SizeMismatchError):
        install(patch, replace=True)
    assert available()[0].error is None
    assert [path.name for path in user.iterdir()] == ["tiny"]
