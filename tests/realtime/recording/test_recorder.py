import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from realtime.control.event_log import EventLog
from realtime.errors import EngineError
from realtime.kernels import layout as at
from realtime.kernels import ring
from realtime.kernels.mixer import mix
from realtime.recording.errors import RecordingError
from realtime.recording.recorder import PREROLL_S, Recorder
from realtime.shared import SharedBlock

RATE_HZ = 8_000
DECKS = 2
LIMIT_S = 30.0
ROUNDING = 1e-6


class Stage:
    """A private block with two decks fed by hand and mixed by hand: nothing is heard but what a test asks for."""

    def __init__(self) -> None:
        self.block = SharedBlock.private(RATE_HZ)
        self.heard = 0
        self._random = np.random.default_rng(6)
        for deck in range(DECKS):
            self.block.open_ring(deck, 0)
            self.block.words[at.deck_words(deck) + at.D_ACTIVE] = 0

    def play(self, frames: int, *, patient: bool = True) -> np.ndarray:
        """Mix so many frames, slowly enough for the taps where `patient`; returns the master."""
        pieces = []
        while frames:
            count = min(frames, 4_096)
            for deck in range(DECKS):
                sound = (0.05 * self._random.standard_normal((count, 2))).astype(np.float32)
                data = at.ring_floats(deck, 0) + at.RF_DATA
                ring.write(self.block.words, self.block.floats, at.ring_words(deck, 0), data, sound, count)
            out = np.zeros((count, 2), np.float32)
            mix(self.block.words, self.block.floats, out)
            pieces.append(out)
            frames -= count
            self.heard += count
            while patient and self._unread() > at.STEM_FRAMES // 2:
                time.sleep(0.005)
        return np.concatenate(pieces)

    def _unread(self) -> int:
        """Frames in the tap that is behind most: they are read one after the other."""
        words = self.block.words
        stems = [at.deck_words(deck) for deck in range(DECKS)]
        pairs = [(at.W_TAP_HEAD, at.W_TAP_TAIL), *((base + at.D_STEM_HEAD, base + at.D_STEM_TAIL) for base in stems)]
        return max(int(words[head] - words[tail]) for head, tail in pairs)


class Journal:
    """Counts, and stumbles once."""

    def __init__(self) -> None:
        self.collected = 0

    def collect(self) -> None:
        self.collected += 1
        if self.collected == 1:
            raise RuntimeError("stumbled")


@pytest.fixture(name="stage")
def _stage() -> Stage:
    return Stage()


@pytest.fixture(name="log")
def _log() -> EventLog:
    return EventLog()


@pytest.fixture(name="recorder")
def _recorder(stage: Stage, log: EventLog, tmp_path: Path) -> Iterator[Recorder]:
    stage.play(1_000)
    recorder = Recorder(stage.block, DECKS, log, tmp_path / "takes", deck_name=("first", "second").__getitem__)
    recorder.start()
    yield recorder
    recorder.close()


def sound_of(path: Path) -> np.ndarray:
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE_HZ
    return sound


def said(log: EventLog) -> list[str]:
    return [line.text for line in log.lines()]


def wait_for_end(recorder: Recorder, stage: Stage) -> None:
    end = time.monotonic() + LIMIT_S
    while recorder.snapshot().recording:
        assert time.monotonic() < end
        stage.play(400)
        time.sleep(0.02)


def test_a_take_is_what_was_heard_between_start_and_stop(recorder: Recorder, stage: Stage) -> None:
    stage.play(3_000)
    paths = recorder.record("one.wav", stems=True)
    assert [path.name for path in paths] == ["one.wav", "one deck 1 first.wav", "one deck 2 second.wav"]
    heard = stage.play(20_000)
    summary = recorder.stop()
    stage.play(1_000)
    assert summary.paths == paths
    assert summary.seconds == 20_000 / RATE_HZ
    assert (summary.lost_frames, summary.clipped, summary.problem) == (0, 0, "")
    np.testing.assert_array_equal(sound_of(paths[0]), heard)
    # Quiet enough for the limiter to leave it alone, and the master's gain is 1.
    np.testing.assert_allclose(sound_of(paths[1]) + sound_of(paths[2]), heard, atol=ROUNDING)
    assert np.abs(sound_of(paths[1])).max() > 0.01


def test_two_takes_follow_each_other(recorder: Recorder, stage: Stage) -> None:
    for name in ("one.wav", "one 2.wav"):
        path = recorder.record("one.wav")[0]
        heard = stage.play(5_000)
        recorder.stop()
        assert path.name == name
        np.testing.assert_array_equal(sound_of(path), heard)


def test_the_pre_roll_is_the_last_minute_and_a_take_goes_on(recorder: Recorder, stage: Stage) -> None:
    path = recorder.record("running.wav")[0]
    heard = stage.play(round((PREROLL_S + 5.0) * RATE_HZ))
    summary = recorder.preroll("before.wav", stems=True)
    assert summary.seconds == PREROLL_S
    before = heard[-round(PREROLL_S * RATE_HZ) :]
    np.testing.assert_array_equal(sound_of(summary.paths[0]), before)
    np.testing.assert_allclose(sum(sound_of(stem) for stem in summary.paths[1:]), before, atol=ROUNDING)
    more = stage.play(2_000)
    recorder.stop()
    np.testing.assert_array_equal(sound_of(path), np.concatenate([heard, more]))


def test_a_short_show_has_a_short_pre_roll(recorder: Recorder, stage: Stage) -> None:
    with pytest.raises(RecordingError, match="nothing has been heard"):
        recorder.preroll()
    heard = stage.play(3_000)
    summary = recorder.preroll()
    assert summary.seconds == 3_000 / RATE_HZ
    datetime.strptime(summary.paths[0].name, "%Y-%m-%d %H-%M-%S master.flac")
    np.testing.assert_allclose(sound_of(summary.paths[0]), heard, atol=2.0**-24)


def test_what_cannot_be_is_refused_and_changes_nothing(recorder: Recorder, stage: Stage) -> None:
    with pytest.raises(RecordingError, match="nothing is being recorded"):
        recorder.stop()
    recorder.folder.mkdir()
    with pytest.raises(RecordingError, match="is a folder"):
        recorder.record(str(recorder.folder))
    with pytest.raises(RecordingError, match="format"):
        recorder.record("one.mp3")
    assert not list(recorder.folder.iterdir())
    path = recorder.record("one.wav")[0]
    heard = stage.play(2_000)
    with pytest.raises(RecordingError, match=r"a take is being recorded; got one\.wav"):
        recorder.record("two.wav")
    recorder.stop()
    np.testing.assert_array_equal(sound_of(path), heard)
    assert [file.name for file in recorder.folder.iterdir()] == ["one.wav"]


def test_a_take_without_a_frame_is_refused_and_leaves_nothing(recorder: Recorder) -> None:
    recorder.record("one.wav")
    with pytest.raises(RecordingError, match="nothing was heard"):
        recorder.stop()
    assert not list(recorder.folder.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_take_that_ends_by_itself_is_told_once_and_the_last_minute_is_still_there(
    recorder: Recorder, stage: Stage, log: EventLog, tmp_path: Path
) -> None:
    path = recorder.record("one.wav")[0]
    heard = stage.play(20_000)
    path.unlink()
    wait_for_end(recorder, stage)
    assert "removed" in recorder.snapshot().problem
    assert len(said(log)) == 1
    with pytest.raises(RecordingError, match=r"one\.wav ended by itself.*removed"):
        recorder.stop()
    with pytest.raises(RecordingError, match="nothing is being recorded"):
        recorder.stop()
    saved = sound_of(recorder.preroll(str(tmp_path / "elsewhere.wav")).paths[0])
    np.testing.assert_array_equal(saved[: len(heard)], heard)
    again = recorder.record("one.wav")[0]
    heard = stage.play(1_000)
    recorder.stop()
    np.testing.assert_array_equal(sound_of(again), heard)


def test_every_take_has_what_repeats_it_beside_it(stage: Stage, log: EventLog, tmp_path: Path) -> None:
    asked: list[tuple[Path, int, int]] = []

    def performance(path: Path, from_frame: int, to_frame: int) -> None:
        asked.append((path, from_frame, to_frame))
        if len(asked) > 1:
            raise EngineError("a deck heard the input, which nothing repeats")

    stage.play(700)
    recorder = Recorder(stage.block, DECKS, log, tmp_path, performance=performance)
    recorder.start()
    stage.play(300)
    recorder.record("one.wav")
    stage.play(2_000)
    sidecar = tmp_path / "one.performance.json"
    assert recorder.stop().performance == sidecar
    assert asked == [(sidecar, 1_000, 3_000)]
    assert recorder.preroll("two.wav").performance is None
    assert asked[1:] == [(tmp_path / "two.performance.json", 700, 3_000)]
    assert said(log) == ["two.performance.json: not written, the sound is: a deck heard the input, which nothing repeats"]
    recorder.close()


def test_says_where_it_is(recorder: Recorder, stage: Stage) -> None:
    stage.play(4_000)
    path = recorder.record("one.wav")[0]
    stage.play(12_000)
    end = time.monotonic() + LIMIT_S
    while (now := recorder.snapshot()).seconds < 1.5:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert now.recording
    assert now.path == str(path)
    assert now.size_bytes > 8 * 10_000
    assert now.waiting_s == 0.0
    assert now.preroll_s == 16_000 / RATE_HZ
    assert (now.last, now.last_s) == ("", 0.0)
    recorder.stop()
    now = recorder.snapshot()
    assert (now.recording, now.path, now.seconds) == (False, "", 0.0)
    assert (now.last, now.last_s) == (str(path), 1.5)
    saved = recorder.preroll("late.wav")
    assert recorder.snapshot().last == str(saved.paths[0])


def test_says_for_how_long_the_disk_has_room(stage: Stage, log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free_bytes = 8 * RATE_HZ * 3_600
    asked: list[Path] = []

    def usage(folder: Path) -> SimpleNamespace:
        asked.append(folder)
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        return SimpleNamespace(free=free_bytes)

    monkeypatch.setattr("realtime.recording.take.shutil.disk_usage", usage)
    recorder = Recorder(stage.block, DECKS, log, tmp_path / "not" / "yet", stems=True)
    assert recorder.snapshot().room_s == -1.0
    recorder.start()
    end = time.monotonic() + LIMIT_S
    while (room_s := recorder.snapshot().room_s) < 0.0:
        assert time.monotonic() < end
        time.sleep(0.01)
    recorder.close()
    assert asked[:3] == [tmp_path / "not" / "yet", tmp_path / "not", tmp_path]
    assert room_s == 3_600 / (1 + DECKS), "a stem of every deck takes as much as the master"


def test_taps_that_were_not_read_in_time_leave_a_silence_of_that_length(recorder: Recorder, stage: Stage, log: EventLog) -> None:
    paths = recorder.record("one.wav", stems=True)
    lost = 1_000
    with recorder._listening:
        # The recorder's thread stands still, as under a busy machine.
        heard = stage.play(at.STEM_FRAMES + lost, patient=False)
    recorder._hear()
    stage.play(500)
    summary = recorder.stop()
    assert summary.seconds == (at.STEM_FRAMES + lost + 500) / RATE_HZ
    assert summary.lost_frames == lost
    master, *stems = (sound_of(path) for path in paths)
    np.testing.assert_array_equal(master[: len(heard)], heard)
    together = stems[0] + stems[1]
    assert not together[at.STEM_FRAMES : at.STEM_FRAMES + lost].any()
    together[at.STEM_FRAMES : at.STEM_FRAMES + lost] = master[at.STEM_FRAMES : at.STEM_FRAMES + lost]
    np.testing.assert_allclose(together, master, atol=ROUNDING)
    assert said(log) == ["the machine was too busy to listen: a part of what is kept is silence"]


def test_closing_completes_the_take(stage: Stage, log: EventLog, tmp_path: Path) -> None:
    recorder = Recorder(stage.block, DECKS, log, tmp_path)
    recorder.start()
    path = recorder.record("one.flac")[0]
    heard = stage.play(5_000)
    recorder.close()
    np.testing.assert_allclose(sound_of(path), heard, atol=2.0**-24)
    assert stage.block.words[at.W_TAP_ON] == 0
    with pytest.raises(RecordingError, match="has not been started"):
        recorder.record()


def test_a_journal_that_stumbles_stops_nothing(stage: Stage, log: EventLog, tmp_path: Path) -> None:
    journal = Journal()
    recorder = Recorder(stage.block, DECKS, log, tmp_path, journal=journal)
    recorder.start()
    end = time.monotonic() + LIMIT_S
    while journal.collected < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    recorder.close()
    assert said(log) == ["the recorder stumbled and goes on: RuntimeError: stumbled"]
