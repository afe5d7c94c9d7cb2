"""Rendering onto a disk that is really full: a small tmpfs, which only root can mount."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("patch_folder")]


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    assert os.geteuid() == 0, "needs root to mount a tmpfs"
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_take(small_disk: Path) -> None:
    take = small_disk / "take.wav"
    take.write_bytes(b"the last take")
    command = [sys.executable, "-m", "realtime", "tiny", "--render", str(take), "--seconds", "30", "--headless"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "take.wav: not written" in done.stderr
    assert "Traceback" not in done.stderr
    assert take.read_bytes() == b"the last take"
    assert [path.name for path in small_disk.iterdir()] == ["take.wav"]
