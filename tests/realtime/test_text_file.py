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
