"""The command line: what it prints, where, and its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from patches.__main__ import main
from patches.codec import encode
from patches.errors import PatchError
from patches.reader import read_manifest

Folders = tuple[Path, Path, Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(library_folders: Folders, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process: (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(list(arguments))
        except SystemExit as end:
            code = end.code
        return (code, *capsys.readouterr())

    return run


def is_one_error(err: str) -> bool:
    return err.startswith("patches: error: ") and err.count("\n") == 1 and err.endswith("\n")


def test_list(run: Run, library_folders: Folders, make: ModuleType) -> None:
    assert run("list")[:2] == (0, "no patches in " + ", ".join(map(str, (library_folders[0], *library_folders[1:]))) + "\n")
    make.write(library_folders[0] / "tiny", make.valid())
    make.write(library_folders[1] / "broken", make.valid("broken") | {"patch.json": b"{"})
    code, out, err = run("list")
    assert (code, err) == (0, "")
    broken, tiny = out.splitlines()
    assert tiny == "tiny    mosaic  Tiny: The smallest mosaic that plays."
    assert broken.startswith("broken  broken  the manifest is not strict JSON: ")
    code, out, err = run("list", "--json")
    rows = json.loads(out)
    assert [(row["slug"], sorted(row)) for row in rows] == [
        ("broken", ["error", "folder", "slug"]),
        ("tiny", ["folder", "manifest", "slug"]),
    ]
    assert rows[1]["manifest"] == json.loads((library_folders[0] / "tiny" / "patch.json").read_bytes())


def test_show(run: Run, patch: Path) -> None:
    code, out, err = run("show", str(patch))
    assert (code, err) == (0, "")
    for piece in (
        "Tiny (tiny), mosaic",
        "CC0-1.0",
        "44100 Hz, mono, steps of 1024 frames (23.2 ms)",
        "corpus.flac (audio)",
        "brightness",
        "\N{GREEK SMALL LETTER SIGMA}",
    ):
        assert piece in out
    assert run("show", "--json", str(patch)) == (0, encode(read_manifest(patch)).decode(), "")


def test_validate(run: Run, patch: Path, hostile_folder: Path) -> None:
    assert run("validate", str(patch)) == (0, "tiny: valid, 3 files, 0.00 MiB\n", "")
    code, out, err = run("validate", str(hostile_folder / "nan"), str(patch), str(hostile_folder / "utf16"))
    assert code == 1
    assert out == "tiny: valid, 3 files, 0.00 MiB\n"
    assert [line.split(":")[:2] for line in err.splitlines()] == [["patches", " error"]] * 2
    assert run("validate", str(hostile_folder / "nan"), "nowhere")[0] == 2


def test_every_hostile_patch_is_one_line_and_code_1(run: Run, hostile_folder: Path) -> None:
    for folder in sorted(hostile_folder.iterdir()):
        code, out, err = run("validate", str(folder))
        assert (code, out, is_one_error(err)) == (1, "", True), (folder.name, err)


def test_install(run: Run, library_folders: Folders, patch: Path) -> None:
    assert run("install", str(patch)) == (0, f"installed {library_folders[1] / 'tiny'}\n", "")
    code, out, err = run("install", str(patch))
    assert (code, out, is_one_error(err)) == (2, "", True)
    assert "--replace" in err
    assert run("install", "--replace", str(patch))[0] == 0
    assert run("validate", "tiny")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("play",),
        ("show",),
        ("show", "nowhere"),
        ("show", "./nowhere"),
        ("show", "\x1b[2J"),
        ("show", "a\nb"),
        ("validate",),
        ("validate", __file__),
        ("validate", "x" * 5000),
        ("install", "nowhere"),
        ("install", ""),
        ("install", __file__),
        ("list", "--yaml"),
        ("list", "--y\nz"),
    ],
    ids=repr,
)
def test_typed_wrong(arguments: tuple[str, ...], run: Run) -> None:
    code, out, err = run(*arguments)
    assert (code, out, is_one_error(err)) == (2, "", True), err
    assert err.rstrip("\n").isprintable()


def test_as_a_program(tmp_path: Path, hostile_folder: Path) -> None:
    """A fresh process, a terminal that knows only ASCII, no home: no traceback."""
    environment = os.environ | {"STARLING_PATCHES": str(hostile_folder), "HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    root = Path(__file__).parents[2]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "patches", *arguments]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False)

    listed = run("list")
    assert (listed.returncode, listed.stderr) == (0, "")

    def has_bad_manifest(folder: Path) -> bool:
        try:
            read_manifest(folder)
        except PatchError:
            return True
        return False

    slugs = {line.split()[0] for line in listed.stdout.splitlines() if "  broken  " in line}
    assert slugs == {path.name for path in hostile_folder.iterdir() if has_bad_manifest(path)}
    assert len(slugs) > 30
    failed = run("validate", "nan")
    assert (failed.returncode, failed.stdout, is_one_error(failed.stderr)) == (1, "", True)
    unknown = run("show", "no-such-patch")
    assert (unknown.returncode, unknown.stdout, is_one_error(unknown.stderr)) == (2, "", True)


@pytest.mark.skipif(sys.platform == "win32", reason="no shell pipes")
def test_reader_that_goes_away(hostile_folder: Path) -> None:
    environment = os.environ | {"STARLING_PATCHES": str(hostile_folder)}
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "patches", "list", "--json"],
            cwd=Path(__file__).parents[2],
            env=environment,
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")
