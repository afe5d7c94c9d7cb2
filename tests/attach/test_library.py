"""The library as the browser lists it, from real patch folders."""

from pathlib import Path

from patches.library import available
from patches.reader import read_manifest
from realtime.attach.library import folder_bytes, library
from realtime.journal import hash_manifest
from realtime.step_times import remember_time


def test_every_patch_is_listed_with_what_its_manifest_says(patch_folder: Path) -> None:
    found = {patch.slug: patch for patch in library()}
    assert list(found) == [entry.slug for entry in available()]
    tiny = found["tiny"]
    assert (tiny.name, tiny.kind, tiny.licence, tiny.summary) == ("Tiny", "mosaic", "MIT · CC0-1.0", "A patch for tests.")
    assert tiny.folder == str(patch_folder / "tiny")
    assert (tiny.step_ms, tiny.here) == (0.1, False)
    assert "rain" in found["textures"].classes
    assert "rain" in found["field"].classes


def test_the_size_is_that_of_all_files(patch_folder: Path) -> None:
    found = {patch.slug: patch for patch in library()}
    files = [path for path in (patch_folder / "tiny").rglob("*") if path.is_file()]
    assert found["tiny"].size_bytes == sum(path.stat().st_size for path in files) > 100_000
    assert folder_bytes(patch_folder / "none") == 0


def test_a_step_time_of_this_machine_takes_the_place_of_the_manifests(patch_folder: Path) -> None:
    remember_time(hash_manifest(read_manifest(patch_folder / "tiny")), 0.42)
    found = {patch.slug: patch for patch in library()}
    assert (found["tiny"].step_ms, found["tiny"].here) == (0.42, True)
    assert not found["wide"].here


def test_a_broken_patch_is_listed_with_what_is_wrong(patch_folder: Path) -> None:
    broken = patch_folder / "broken"
    broken.mkdir()
    (broken / "patch.json").write_text("{}")
    try:
        found = {patch.slug: patch for patch in library()}
    finally:
        (broken / "patch.json").unlink()
        broken.rmdir()
    assert found["broken"].error.startswith("patch.json") or "format" in found["broken"].error
    assert found["broken"].size_bytes == 2
    assert found["tiny"].error == ""
