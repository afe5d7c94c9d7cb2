import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.audio_file import AudioFileWriter
from realtime.errors import RenderError

_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from realtime.audio_file import AudioFileWriter
from realtime.errors import RenderError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with AudioFileWriter(Path(sys.argv[1]), 44_100) as file:
        for _ in range(50):
            file.write(np.zeros((4_096, 2), np.float32))
except RenderError as error:
    print("RenderError", error)
"""


def frames(count: int = 10_000) -> np.ndarray:
    return np.random.default_rng(2).uniform(-0.5, 0.5, (count, 2)).astype(np.float32)


def _fail_after(file: AudioFileWriter) -> None:
    file.write(frames())
    raise KeyError("the renderer failed")


def test_writes_what_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    with AudioFileWriter(path, 48_000) as file:
        for piece in np.array_split(frames(), 7):
            file.write(piece)
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == 48_000
    np.testing.assert_allclose(sound, frames(), atol=2.0**-23)
    assert [p.name for p in tmp_path.iterdir()] == ["take.wav"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    path.write_bytes(b"the last take")
    with pytest.raises(KeyError), AudioFileWriter(path, 48_000) as file:
        _fail_after(file)
    assert path.read_bytes() == b"the last take"
    assert [p.name for p in tmp_path.iterdir()] == ["take.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit to set")
def test_a_full_disk_is_a_named_error_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    path.write_bytes(b"the last take")
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("RenderError")
    assert "not written" in done.stdout
    assert path.read_bytes() == b"the last take"
    assert [p.name for p in tmp_path.iterdir()] == ["take.wav"]


def test_a_folder_or_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="is a folder"):
        AudioFileWriter(tmp_path, 48_000)
    with pytest.raises(RenderError, match="does not exist"):
        AudioFileWriter(tmp_path / "none" / "take.wav", 48_000)
