import os
import stat
from pathlib import Path

import pytest

from realtime.errors import RenderError
from realtime.text_file import TextFileWriter


def test_all_is_put_in_place_at_the_end(tmp_path: Path) -> None:
    with TextFileWriter() as texts:
        texts.write(tmp_path / "a.json", "{}\n")
        texts.write(tmp_path / "b.txt", "ü\udcff\n")
        assert not (tmp_path / "a.json").exists()
    assert (tmp_path / "a.json").read_bytes() == b"{}\n"
    assert (tmp_path / "b.txt").read_bytes() == "ü\\udcff\n".encode()
    assert len(list(tmp_path.iterdir())) == 2


def _fail(texts: TextFileWriter, path: Path) -> None:
    texts.write(path, "new")
    raise KeyError("the renderer failed")


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(KeyError), TextFileWriter() as texts:
        _fail(texts, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_no_place_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="is a folder"), TextFileWriter() as texts:
        texts.write(tmp_path, "x")
    with pytest.raises(RenderError, match=r"none/a.json: not written; got No such file"), TextFileWriter() as texts:
        texts.write(tmp_path / "none" / "a.json", "x")
    assert not list(tmp_path.iterdir())


def test_what_is_private_is_so_from_the_start(tmp_path: Path) -> None:
    # What an earlier process of this number left, for all to read.
    (tmp_path / f".a.toml.{os.getpid()}.part").write_text("old")
    with TextFileWriter(private=True) as texts:
        texts.write(tmp_path / "a.toml", "a = 1\n")
        (part,) = tmp_path.iterdir()
        assert stat.S_IMODE(part.stat().st_mode) == 0o600
    assert (tmp_path / "a.toml").read_bytes() == b"a = 1\n"
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()] == [("a.toml", 0o600)]
