import sys
from pathlib import Path

import pytest

from realtime.recording.disk_file import DiskFile


def test_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    path.write_bytes(b"the last take")
    with pytest.raises(FileExistsError):
        DiskFile(path)
    assert path.read_bytes() == b"the last take"


def test_a_link_to_nowhere_is_taken_too(tmp_path: Path) -> None:
    link = tmp_path / "take.wav"
    link.symlink_to(tmp_path / "elsewhere.wav")
    with pytest.raises(FileExistsError):
        DiskFile(link)
    assert not (tmp_path / "elsewhere.wav").exists()


def test_grows_at_its_end_wherever_its_beginning_is_put_right(tmp_path: Path) -> None:
    disk = DiskFile(tmp_path / "file")
    disk.append(b"....")
    disk.overwrite(0, b"ab")
    disk.append(b"5678")
    assert disk.peek(1, 4) == b"b..5"
    assert disk.size_bytes == 8
    disk.commit()
    disk.cut(6)
    disk.close()
    assert disk.path.read_bytes() == b"ab..56"


def test_looking_back_does_not_move_it(tmp_path: Path) -> None:
    disk = DiskFile(tmp_path / "file")
    assert disk.write(b"abcd") == 4
    disk.seek(2)
    disk.peek(0, 1)
    disk.overwrite(0, b"A")
    assert disk.tell() == 2
    disk.write(b"CD")
    disk.close()
    assert disk.path.read_bytes() == b"AbCD"


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_knows_that_it_was_removed_and_not_that_it_was_moved(tmp_path: Path) -> None:
    disk = DiskFile(tmp_path / "file")
    assert not disk.gone
    disk.path.rename(tmp_path / "other")
    assert not disk.gone
    (tmp_path / "other").unlink()
    assert disk.gone
    disk.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a device that only Linux has")
def test_an_error_is_kept_and_what_follows_goes_nowhere(tmp_path: Path) -> None:
    disk = DiskFile(tmp_path / "file")
    disk.close()
    disk._file = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 - what is closed below
    assert disk.write(b"abcd") == 0
    assert disk.error is not None
    assert disk.write(b"abcd") == 4
    disk.close()
