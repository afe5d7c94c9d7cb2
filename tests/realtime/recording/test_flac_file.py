import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.recording.disk_file import DiskFile
from realtime.recording.flac_file import FULL_SCALE, FlacFile, to_24_bit

RATE_HZ = 44_100
ENCODER_FRAMES = 4_096 + 1
"""What the encoder may hold back: a block and the first sample of the next."""


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.7, 0.7, (count, 2)).astype(np.float32)


@pytest.fixture(name="disk")
def _disk(tmp_path: Path) -> DiskFile:
    return DiskFile(tmp_path / "take.flac")


def played(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


def test_24_bits_are_rounded_and_cut_and_counted() -> None:
    sound = np.array([[0.0, 0.5], [-1.0, 1.0], [1.1, -1.1], [0.6 / FULL_SCALE, -0.4 / FULL_SCALE]], np.float32)
    samples, over = to_24_bit(sound)
    top = FULL_SCALE - 1
    assert (samples >> 8).tolist() == [[0, FULL_SCALE // 2], [-FULL_SCALE, top], [top, -FULL_SCALE], [1, 0]]
    # Full scale itself is not over it.
    assert over == 2


def test_holds_what_was_heard_to_half_a_bit(disk: DiskFile) -> None:
    file = FlacFile(disk, RATE_HZ)
    for piece in np.array_split(frames(50_000), 7):
        file.write(piece)
    file.finish()
    disk.close()
    assert soundfile.info(disk.path).subtype == "PCM_24"
    np.testing.assert_allclose(played(disk.path), frames(50_000), rtol=0.0, atol=0.5 / FULL_SCALE)


def test_plays_at_any_moment_after_an_update(disk: DiskFile, tmp_path: Path) -> None:
    file = FlacFile(disk, RATE_HZ)
    file.update()  # before there is anything
    written = 0
    for number, piece in enumerate(np.array_split(frames(60_000), 12)):
        file.write(piece)
        written += len(piece)
        file.update()
        killed = tmp_path / f"{number}.flac"
        shutil.copy(disk.path, killed)
        if written > ENCODER_FRAMES:
            sound = played(killed)
            assert written - ENCODER_FRAMES <= len(sound) <= written
            np.testing.assert_allclose(sound, frames(60_000)[: len(sound)], rtol=0.0, atol=0.5 / FULL_SCALE)
    file.finish()
    disk.close()
    assert soundfile.info(disk.path).frames == 60_000


@pytest.mark.parametrize("torn", [0, 1, 700, 9_000])
def test_what_comes_after_the_last_update_does_no_harm(disk: DiskFile, tmp_path: Path, torn: int) -> None:
    file = FlacFile(disk, RATE_HZ)
    file.write(frames(20_000))
    file.update()
    size = disk.size_bytes
    file.write(frames(20_000))
    killed = tmp_path / "killed.flac"
    killed.write_bytes(disk.path.read_bytes()[: size + torn])
    assert len(played(killed)) == (20_000 - 1) // 4_096 * 4_096
    file.finish()
    disk.close()


def test_an_abandoned_file_ends_where_the_last_update_was(disk: DiskFile) -> None:
    file = FlacFile(disk, RATE_HZ)
    file.write(frames(30_000))
    file.update()
    size = disk.size_bytes
    file.write(frames(10_000))
    file.abandon()
    disk.close()
    assert disk.path.stat().st_size == size
    np.testing.assert_allclose(played(disk.path), frames(30_000)[: 29_999 // 4_096 * 4_096], rtol=0.0, atol=0.5 / FULL_SCALE)


def test_the_header_keeps_its_other_fields(disk: DiskFile) -> None:
    file = FlacFile(disk, RATE_HZ)
    file.write(frames(20_000))
    before = disk.peek(0, 42)
    file.update()
    after = disk.peek(0, 42)
    assert before[:21] == after[:21]
    (packed,) = struct.unpack(">Q", after[18:26])
    assert packed >> 44 == RATE_HZ
    assert packed & (1 << 36) - 1 == 16_384
    assert after[26:] == bytes(16)  # the checksum of all samples: unknown
    file.finish()
    disk.close()


def test_an_error_of_the_disk_comes_out_of_the_encoder(disk: DiskFile) -> None:
    file = FlacFile(disk, RATE_HZ)
    file.write(frames(20_000))
    file.update()
    disk.error = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        file.write(frames(20_000))
    file.abandon()
    disk.close()
    assert len(played(disk.path)) == 16_384


def test_a_disk_that_fails_at_the_very_end_leaves_the_blocks_before(disk: DiskFile) -> None:
    file = FlacFile(disk, RATE_HZ)
    file.write(frames(20_000))
    file.update()
    disk.error = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        file.finish()
    file.abandon()
    disk.close()
    assert len(played(disk.path)) == 16_384
