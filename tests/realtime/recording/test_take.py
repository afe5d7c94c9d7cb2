import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.control.event_log import EventLog
from realtime.recording.errors import RecordingError
from realtime.recording.flac_file import FULL_SCALE
from realtime.recording.reel import Reel
from realtime.recording.take import Take
from realtime.recording.take_names import TakeNames, take_names

RATE_HZ = 8_000
FLAC_BLOCK_FRAMES = 4_096

_FILE_LIMIT = """
import resource, sys
from datetime import datetime
from pathlib import Path
import numpy as np
from realtime.control.event_log import EventLog
from realtime.recording.reel import Reel
from realtime.recording.take import Take
from realtime.recording.take_names import take_names
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
log = EventLog()
reel = Reel(2, 80_000)
names = take_names(Path(sys.argv[1]), sys.argv[2], ["master", "deck 1"], datetime.now())
take = Take(reel, names, [0, 1], 0, 8_000, log)
rng = np.random.default_rng(3)
going = True
pieces = 0
while going and pieces < 300:
    for track in (0, 1):
        reel.append(track, rng.uniform(-0.5, 0.5, (800, 2)).astype(np.float32))
    going = take.advance()
    pieces += 1
print(pieces, going, take.problem)
for line in log.lines():
    print("said", line.text)
"""


def sound_of(count: int, tracks: int = 2) -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.5, 0.5, (tracks, count, 2)).astype(np.float32)


@pytest.fixture(name="log")
def _log() -> EventLog:
    return EventLog()


def names_in(folder: Path, asked: str, tracks: int = 2) -> TakeNames:
    return take_names(folder, asked, ["master", "deck 1", "deck 2"][:tracks], datetime(2026, 1, 31))


def follow(reel: Reel, take: Take, sound: np.ndarray, piece: int) -> None:
    for start in range(0, sound.shape[1], piece):
        for track in range(len(sound)):
            reel.append(track, sound[track, start : start + piece])
        assert take.advance()


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("piece", [37, 400, 9_999])
def test_pieces_are_the_whole(tmp_path: Path, log: EventLog, suffix: str, piece: int) -> None:
    reel = Reel(2, 40_000)
    follow_from = 500
    for track in (0, 1):
        reel.append_silence(track, follow_from)
    take = Take(reel, names_in(tmp_path, "one" + suffix), [0, 1], follow_from, RATE_HZ, log)
    sound = sound_of(30_000)
    follow(reel, take, sound[:, :25_000], piece)
    for track in (0, 1):
        reel.append(track, sound[track, 25_000:])
    take.end = follow_from + 29_000
    assert not take.advance()
    assert take.finished
    assert take.waiting_s == 0.0
    for track, path in enumerate(take.names.tracks):
        tolerance = 0.0 if suffix == ".wav" else 0.5 / FULL_SCALE
        np.testing.assert_allclose(soundfile.read(path, dtype="float32")[0], sound[track, :29_000], rtol=0.0, atol=tolerance)
    summary = take.summary()
    assert (summary.seconds, summary.lost_frames, summary.clipped, summary.problem) == (29_000 / RATE_HZ, 0, 0, "")
    assert not log.lines()


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_copy_taken_at_any_moment_plays(tmp_path: Path, log: EventLog, suffix: str) -> None:
    reel = Reel(1, 40_000)
    take = Take(reel, names_in(tmp_path, "one" + suffix, 1), [0], 0, RATE_HZ, log)
    sound = sound_of(30_000, 1)
    for end in range(1_500, 30_001, 1_500):
        reel.append(0, sound[0, end - 1_500 : end])
        take.advance()
        if end > 3_000 + FLAC_BLOCK_FRAMES:
            killed = tmp_path / f"killed{suffix}"
            killed.write_bytes(take.names.master.read_bytes())
            got = soundfile.read(killed, dtype="float32")[0]
            # A quarter of a second between updates, and the encoder's block.
            assert end - len(got) <= 2_000 + 1_500 + FLAC_BLOCK_FRAMES
            np.testing.assert_allclose(got, sound[0, : len(got)], rtol=0.0, atol=0.5 / FULL_SCALE)
    take.end = take.position
    take.advance()


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit to set")
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_full_disk_is_said_once_and_what_is_there_plays(tmp_path: Path, suffix: str) -> None:
    done = subprocess.run([sys.executable, "-c", _FILE_LIMIT, str(tmp_path), "one" + suffix], capture_output=True, text=True, check=True)
    numbers, *said = done.stdout.splitlines()
    assert " False one" in numbers
    assert len([line for line in said if "not written any more" in line]) == 1
    assert done.stderr == ""
    for name in (f"one{suffix}", f"one deck 1{suffix}"):
        path = tmp_path / name
        assert path.stat().st_size <= 300_000
        # 300 kB of white noise are 4.6 s of float and 6.5 s of 24 bits.
        assert soundfile.info(path).duration > 4.0
        assert np.isfinite(soundfile.read(path)[0]).all()


def test_a_disk_that_is_too_slow_leaves_a_silence_and_the_right_length(tmp_path: Path, log: EventLog) -> None:
    reel = Reel(1, 10_000)
    take = Take(reel, names_in(tmp_path, "one.wav", 1), [0], 0, RATE_HZ, log)
    sound = sound_of(25_000, 1)
    reel.append(0, sound[0])
    take.end = 25_000
    assert not take.advance()
    got = soundfile.read(take.names.master, dtype="float32")[0]
    assert not got[:15_000].any()
    np.testing.assert_array_equal(got[15_000:], sound[0, 15_000:])
    assert take.summary().lost_frames == 15_000
    assert [line.text for line in log.lines()] == ["the disk is too slow: a part of the recording is silence"]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_file_that_is_removed_is_said_and_the_others_go_on(tmp_path: Path, log: EventLog) -> None:
    reel = Reel(2, 100_000)
    take = Take(reel, names_in(tmp_path, "one.wav"), [0, 1], 0, RATE_HZ, log)
    sound = sound_of(40_000)
    follow(reel, take, sound[:, :20_000], 500)
    take.names.master.unlink()
    follow(reel, take, sound[:, 20_000:], 500)
    take.end = 40_000
    assert not take.advance()
    assert take.problem == "one.wav: it was removed while it was written"
    assert len(log.lines()) == 1
    np.testing.assert_array_equal(soundfile.read(take.names.tracks[1], dtype="float32")[0], sound[1])


def test_over_full_scale_is_said_once_for_flac_and_kept_in_wav(tmp_path: Path, log: EventLog) -> None:
    loud = 3.0 * sound_of(20_000, 1)
    for suffix, clipped in ((".wav", 0), (".flac", int((np.abs(loud) > 1.0).sum()))):
        reel = Reel(1, 100_000)
        take = Take(reel, names_in(tmp_path, "one" + suffix, 1), [0], 0, RATE_HZ, log)
        follow(reel, take, loud, 500)
        take.end = 20_000
        take.advance()
        assert take.summary().clipped == clipped
    assert [line.text for line in log.lines()] == ["one.flac: over full scale, which FLAC cannot hold; a .wav keeps it"]


def test_a_take_of_nothing_leaves_nothing(tmp_path: Path, log: EventLog) -> None:
    take = Take(Reel(2, 1_000), names_in(tmp_path, "one"), [0, 1], 0, RATE_HZ, log)
    take.end = 0
    assert not take.advance()
    assert take.summary().problem == "nothing was heard"
    assert not list(tmp_path.iterdir())


def test_all_files_or_none(tmp_path: Path, log: EventLog) -> None:
    names = names_in(tmp_path, "one")
    names.tracks[1].write_bytes(b"somebody was faster")
    with pytest.raises(FileExistsError):
        Take(Reel(2, 1_000), names, [0, 1], 0, RATE_HZ, log)
    nowhere = TakeNames((tmp_path / "two.wav", tmp_path / "none" / "two.wav"), tmp_path / "two.performance.json")
    with pytest.raises(RecordingError, match="cannot be made"):
        Take(Reel(2, 1_000), nowhere, [0, 1], 0, RATE_HZ, log)
    assert [path.name for path in tmp_path.iterdir()] == [names.tracks[1].name]
