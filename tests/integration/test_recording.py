"""Recording while the host is really killed and the disk is really full: `kill -9`, a small or read-only tmpfs (which only root mounts).

Files are read by two programs: libsndfile here, and sox, which has a WAV reader of its own.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime import commands as do
from realtime.control.event_log import EventLog
from realtime.engine import Engine, EngineConfig
from realtime.performance_file import write_performance
from realtime.performance_render import render_performance
from realtime.recording.recorder import Recorder

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("patch_folder")]

ROOT = Path(__file__).parents[2]
LIMIT_S = 120.0
LOST_S = 1.0
"""What a kill may cost."""
TOLD_S = 0.3
"""The show says how far it is every 20 ms, and may be late itself."""
RATE_HZ = 44_100
LEFT_BYTES = 2_000_000
"""What others leave of the disk: three seconds of floats, or some ten of FLAC."""


class Show:
    """`record_show` in a process of its own, and what it said."""

    def __init__(self, path: Path, rescue: Path) -> None:
        command = [sys.executable, "-m", "tests.integration.record_show", str(path), str(rescue)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        self.at_s: dict[str, float] = {"heard": 0.0}
        """Second of the take at which a thing was said last."""
        self.said: list[str] = []

    def until(self, condition: Callable[["Show"], bool]) -> None:
        """Listen to what it says."""
        end = time.monotonic() + LIMIT_S
        assert self.process.stdout is not None
        while not condition(self):
            line = self.process.stdout.readline()
            assert line.endswith("\n"), self.process.communicate()[1]
            assert time.monotonic() < end
            self._take(line)

    def kill(self) -> None:
        """End it as a power switch would, and hear what it had still said."""
        os.kill(self.process.pid, signal.SIGKILL)
        for line in self.process.communicate()[0].splitlines(keepends=True):
            if line.endswith("\n"):
                self._take(line)

    def _take(self, line: str) -> None:
        word, rest = line.split(maxsplit=1)
        if word == "said":
            self.said.append(rest.strip())
        else:
            self.at_s[word] = float(rest)


@contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    assert os.geteuid() == 0, "needs root to mount a tmpfs"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def played(path: Path) -> np.ndarray:
    """The file by both readers: the same, and sound to its end."""
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE_HZ
    assert shutil.which("sox"), "sox is not installed: .ci/run installs it"
    raw = subprocess.run(["sox", str(path), "-t", "raw", "-e", "signed", "-b", "32", "-"], capture_output=True, check=True)
    assert raw.stderr == b""
    np.testing.assert_allclose(np.frombuffer(raw.stdout, "<i4").reshape(-1, 2) / 2.0**31, sound, rtol=0.0, atol=2.0**-23)
    assert np.isfinite(sound).all()
    assert np.abs(sound[-RATE_HZ // 2 :]).max() > 1e-3
    return sound


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("seconds", [1.5, 7.3])
def test_a_killed_host_leaves_files_that_play_up_to_the_last_second(tmp_path: Path, suffix: str, seconds: float) -> None:
    show = Show(tmp_path / f"take{suffix}", tmp_path / "unused.wav")
    show.until(lambda s: s.at_s["heard"] > seconds)
    show.kill()
    for name in (f"take{suffix}", f"take deck 1{suffix}"):
        length_s = len(played(tmp_path / name)) / RATE_HZ
        assert show.at_s["heard"] - LOST_S <= length_s <= show.at_s["heard"] + TOLD_S
    assert show.said == []


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_full_disk_ends_the_take_and_not_the_show(tmp_path: Path, suffix: str) -> None:
    rescue = tmp_path / f"rescue{suffix}"
    with disk(tmp_path / "disk", "size=12m") as folder:
        show = Show(folder / f"take{suffix}", rescue)
        show.until(lambda s: s.at_s["heard"] > 0.5)
        # Somebody else fills it.
        with (folder / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(folder).free - LEFT_BYTES)
        show.until(lambda s: "saved" in s.at_s)
        show.kill()
        # Both files went with the same disk, and it was said once.
        assert len([line for line in show.said if "not written any more" in line and "No space left on device" in line]) == 1
        assert any("the disk has room for" in line for line in show.said)
        master, stem = (played(folder / f"{name}{suffix}") for name in ("take", "take deck 1"))
    assert min(len(master), len(stem)) > RATE_HZ
    # What was heard before, during and after the take, without a gap.
    saved = played(rescue)
    start = saved.tobytes().find(master[:RATE_HZ].tobytes()) // (2 * saved.itemsize)
    assert start > 0
    np.testing.assert_array_equal(saved[start : start + len(master)], master)
    assert len(saved) > start + RATE_HZ * show.at_s["ended"]


def refusal(path: Path) -> str:
    """What the show says when it cannot even begin to record."""
    show = Show(path, path)
    _, error = show.process.communicate(timeout=LIMIT_S)
    assert show.process.returncode != 0
    return error


def test_a_read_only_disk_is_refused_by_name(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "size=12m,ro") as folder:
        error = refusal(folder / "take.flac")
        assert "RecordingError" in error
        assert "take.flac: cannot be made; got Read-only file system" in error


def test_a_full_disk_is_refused_by_name(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "size=1m") as folder:
        error = refusal(folder / "take.flac")
        assert "RecordingError" in error
        assert "the disk is full" in error
        assert not list(folder.iterdir())


def test_a_take_is_what_its_performance_renders(tmp_path: Path) -> None:
    with Engine(EngineConfig(decks=1, device="null", sample_rate_hz=RATE_HZ, block_frames=128, seed=11)) as engine:
        write = partial(write_performance_of, engine)
        recorder = Recorder(engine.block, 1, EventLog(), tmp_path, stems=True, journal=engine.journal, performance=write)
        recorder.start()
        engine.send(do.Load(0, "tiny"))
        assert engine.settle(LIMIT_S)
        recorder.record("take.wav")
        for brightness in (2.0, -2.0):
            engine.send(do.SetControl(0, "brightness", brightness))
            engine.send(do.SetControl(0, "gain", 2.0 * brightness))
            time.sleep(0.7)
        summary = recorder.stop()
        recorder.close()
    assert summary.performance is not None
    pieces = [(piece.copy(), stems[0].copy()) for piece, stems in render_performance(summary.performance)]
    master, stem = (np.concatenate(track) for track in zip(*pieces, strict=True))
    np.testing.assert_array_equal(played(summary.paths[0]), master)
    np.testing.assert_array_equal(played(summary.paths[1]), stem)


def write_performance_of(engine: Engine, path: Path, from_frame: int, to_frame: int) -> None:
    write_performance(path, engine.journal, from_frame, to_frame, 1)
