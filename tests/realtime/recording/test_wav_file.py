import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.recording.disk_file import DiskFile
from realtime.recording.wav_file import HEADER_BYTES, WavFile, wav_header

RATE_HZ = 48_000


def frames(count: int) -> np.ndarray:
    # Over full scale too: a stem is before the limiter.
    return np.random.default_rng(1).uniform(-1.7, 1.7, (count, 2)).astype(np.float32)


@pytest.fixture(name="disk")
def _disk(tmp_path: Path) -> DiskFile:
    return DiskFile(tmp_path / "take.wav")


def test_the_header_is_exactly_this() -> None:
    header = wav_header(44_100, 10)
    assert header[:12] == b"RIFF" + struct.pack("<I", 86 + 80) + b"WAVE"
    assert header[12:48] == b"JUNK" + struct.pack("<I", 28) + bytes(28)
    assert header[48:74] == b"fmt " + struct.pack("<IHHIIHHH", 18, 3, 2, 44_100, 352_800, 8, 32, 0)
    assert header[74:86] == b"fact" + struct.pack("<II", 4, 10)
    assert header[86:] == b"data" + struct.pack("<I", 80)
    assert len(header) == HEADER_BYTES


def test_holds_exactly_what_was_heard(disk: DiskFile) -> None:
    file = WavFile(disk, RATE_HZ)
    for piece in np.array_split(frames(10_000), 7):
        file.write(piece)
    file.finish()
    disk.close()
    sound, rate = soundfile.read(disk.path, dtype="float32")
    assert rate == RATE_HZ
    np.testing.assert_array_equal(sound, frames(10_000))
    assert file.clipped == 0


def test_plays_at_any_moment(disk: DiskFile) -> None:
    file = WavFile(disk, RATE_HZ)
    assert soundfile.info(disk.path).frames == 0
    for piece in np.array_split(frames(5_000), 5):
        before = soundfile.info(disk.path).frames
        file.write(piece)
        # Between two updates there is more than the header says, and it plays all the same.
        assert soundfile.info(disk.path).frames == before
        file.update()
        assert soundfile.info(disk.path).frames == before + 1_000
    np.testing.assert_array_equal(soundfile.read(disk.path, dtype="float32")[0], frames(5_000))
    disk.close()


def test_half_a_frame_at_the_end_is_cut(disk: DiskFile) -> None:
    file = WavFile(disk, RATE_HZ)
    file.write(frames(100))
    disk.append(b"123")
    file.abandon()
    disk.close()
    assert disk.path.stat().st_size == HEADER_BYTES + 800
    np.testing.assert_array_equal(soundfile.read(disk.path, dtype="float32")[0], frames(100))


def test_past_four_gigabytes_it_counts_on(disk: DiskFile) -> None:
    count = 600_000_000
    WavFile(disk, RATE_HZ)
    # A file with a hole has that length and takes no room.
    disk.cut(HEADER_BYTES + 8 * count)
    disk.overwrite(0, wav_header(RATE_HZ, count))
    disk.close()
    found = soundfile.info(disk.path)
    assert (found.format, found.frames) == ("RF64", count)
    with soundfile.SoundFile(disk.path) as file:
        file.seek(count - 4)
        assert file.read(100).shape == (4, 2)


def test_the_last_frame_a_riff_can_count() -> None:
    most = (0xFFFF_FFFE - (HEADER_BYTES - 8)) // 8
    assert wav_header(RATE_HZ, most)[:4] == b"RIFF"
    assert wav_header(RATE_HZ, most + 1)[:4] == b"RF64"
