"""The file that says where the stage is: private, whole, and believed only where it can be."""

import json
import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from realtime.attach.endpoint import FILE_NAME, VERSION, Endpoint, new_token, read_endpoint, remove_endpoint, write_endpoint
from realtime.attach.errors import EndpointError, NoStageError

HERE = Endpoint(40_213, "0123456789abcdef" * 2, 4711)


def _write(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / FILE_NAME
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_what_is_written_is_read_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = write_endpoint(tmp_path, HERE)
    finally:
        os.umask(before)
    assert read_endpoint(tmp_path) == HERE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_stage_that_starts_takes_the_place_of_one_that_was_killed(tmp_path: Path) -> None:
    write_endpoint(tmp_path, HERE)
    (tmp_path / f"{FILE_NAME}.{os.getpid()}").write_text("left behind")
    other = Endpoint(40_214, new_token(), 4712)
    write_endpoint(tmp_path, other)
    assert read_endpoint(tmp_path) == other


def test_only_the_own_file_is_removed(tmp_path: Path) -> None:
    write_endpoint(tmp_path, HERE)
    remove_endpoint(tmp_path, Endpoint(1, new_token(), 1))
    assert read_endpoint(tmp_path) == HERE
    remove_endpoint(tmp_path, HERE)
    with pytest.raises(NoStageError, match="python -m realtime starts one"):
        read_endpoint(tmp_path)
    remove_endpoint(tmp_path, HERE)


def test_tokens_are_32_hex_digits_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 32 and set(token) <= set("0123456789abcdef") for token in tokens)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "{}", "\x00" * 100, b"\xff\xfe{", "[" * 3000, "9" * 4000, " " * 5000,
        json.dumps({**asdict(HERE), "more": 1}),
        *(json.dumps({**asdict(HERE), "port": port}) for port in (0, -1, 65_536, "40213", True, None, 1.5)),
        *(json.dumps({**asdict(HERE), "pid": pid}) for pid in (0, -1, "1", None)),
        *(json.dumps({**asdict(HERE), "token": token}) for token in ("", "0" * 31, "0" * 33, "g" * 32, "A" * 32, 7, None)),
        *(json.dumps({**asdict(HERE), "version": version}) for version in (0, VERSION + 1, str(VERSION), None)),
    ],
)  # fmt: skip
def test_what_no_stage_writes_is_refused(tmp_path: Path, text: str | bytes) -> None:
    _write(tmp_path, text)
    with pytest.raises(EndpointError, match=FILE_NAME):
        read_endpoint(tmp_path)


def test_another_version_is_told_from_what_is_no_stage(tmp_path: Path) -> None:
    _write(tmp_path, json.dumps({"version": VERSION + 1, "socket": "/somewhere/else"}))
    with pytest.raises(EndpointError, match="another version of Starling: attach with that one"):
        read_endpoint(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    _write(tmp_path, json.dumps(asdict(HERE)), mode)
    with pytest.raises(EndpointError, match="other users"):
        read_endpoint(tmp_path)


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, json.dumps(asdict(HERE)))
    # Only root can give a file away; anybody can be somebody else to the reader.
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    with pytest.raises(EndpointError, match="another user's"):
        read_endpoint(tmp_path)


def test_links_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    kinds = [tmp_path / name for name in ("link", "folder", "pipe")]
    for folder in kinds:
        folder.mkdir()
    _write(tmp_path, json.dumps(asdict(HERE)))
    (kinds[0] / FILE_NAME).symlink_to(tmp_path / FILE_NAME)
    (kinds[1] / FILE_NAME).mkdir()
    os.mkfifo(kinds[2] / FILE_NAME, 0o600)
    for folder in kinds:
        with pytest.raises(EndpointError):
            read_endpoint(folder)


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="no screen can be attached"):
        write_endpoint(tmp_path / "missing", HERE)
