from datetime import datetime
from pathlib import Path

import pytest

from realtime.recording.errors import RecordingError
from realtime.recording.take_names import MAX_PATH, deck_label, take_names

NOW = datetime(2026, 1, 31, 20, 15, 7)
LABELS = ["master", "deck 1 textures", "deck 2"]


def names_of(folder: Path, asked: str = "") -> list[str]:
    names = take_names(folder, asked, LABELS, NOW)
    return [path.name for path in (*names.tracks, names.sidecar)]


def test_the_time_of_day_names_a_take(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert names_of(folder) == [
        "2026-01-31 20-15-07 master.flac",
        "2026-01-31 20-15-07 deck 1 textures.flac",
        "2026-01-31 20-15-07 deck 2.flac",
        "2026-01-31 20-15-07.performance.json",
    ]
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("asked", "master"), [("one", "one.flac"), ("one.wav", "one.wav"), ("One.FLAC", "One.FLAC"), (" one ", "one.flac")]
)
def test_a_name_that_is_chosen_is_the_masters(tmp_path: Path, asked: str, master: str) -> None:
    stem, suffix = master.split(".")
    assert names_of(tmp_path, asked) == [master, f"{stem} deck 1 textures.{suffix}", f"{stem} deck 2.{suffix}", f"{stem}.performance.json"]


def test_a_full_path_is_taken_as_it_is(tmp_path: Path) -> None:
    asked = tmp_path / "here" / "one.wav"
    asked.parent.mkdir()
    assert take_names(tmp_path / "unused", str(asked), LABELS, NOW).master == asked
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("taken", ["one.wav", "one deck 2.wav", "one.performance.json"])
def test_a_name_that_is_taken_gets_a_number_for_all(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).touch()
    assert names_of(tmp_path, "one.wav") == ["one 2.wav", "one 2 deck 1 textures.wav", "one 2 deck 2.wav", "one 2.performance.json"]
    (tmp_path / "one 2.wav").touch()
    assert names_of(tmp_path, "one.wav")[0] == "one 3.wav"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("folder", "is a folder"),
        ("new/", "is a folder"),
        ("..", "is a folder"),
        ("none/one.wav", "does not exist"),
        ("file/one.wav", "does not exist"),
        ("one.mp3", "format; got .mp3; allowed: .flac, .wav"),
        ("one\0.wav", "none of them zero"),
        ("x" * (MAX_PATH + 1), "characters"),
        ("x" * 300, "cannot be recorded to|no path to record to"),
        ("~nobody-of-this-name/one.wav", "no path to record to"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, asked: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match=why):
        names_of(tmp_path, asked)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="cannot be recorded to"):
        names_of(tmp_path / "file" / "folder")


@pytest.mark.parametrize(
    ("patch", "label"),
    [("textures", "deck 1 textures"), ("", "deck 1"), ("a/b:c\0", "deck 1 a-b-c"), ("..", "deck 1"), ("ä b", "deck 1 ä b")],
)
def test_labels_are_portable(patch: str, label: str) -> None:
    assert deck_label(0, patch) == label
