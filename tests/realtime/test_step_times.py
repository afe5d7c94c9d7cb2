"""Step times that are remembered: the file, and what is noted of decks and when."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from patches.library import find
from patches.reader import read_manifest
from realtime import commands as do
from realtime import step_times
from realtime.control.event_log import EventLog
from realtime.engine import Engine, EngineConfig
from realtime.journal import hash_manifest
from realtime.snapshot import Snapshot
from realtime.step_times import AFTER_S, MOST, StepTimeWatch, read_times, remember_time, times_path
from tests.memory_stage import memory_core


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "step-times.json"


def test_what_is_remembered_is_read_back_and_the_latest_wins(path: Path) -> None:
    assert read_times(path) == {}
    remember_time("a", 1.5, path)
    remember_time("b", 2.0, path)
    remember_time("a", 1.25, path)
    assert read_times(path) == {"a": 1.25, "b": 2.0}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_time_of_another_machine_is_kept_and_not_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_times.platform, "node", lambda: "studio")
    remember_time("a", 1.5, path)
    monkeypatch.setattr(step_times.platform, "node", lambda: "stage")
    assert read_times(path) == {}
    remember_time("b", 3.0, path)
    assert read_times(path) == {"b": 3.0}
    monkeypatch.setattr(step_times.platform, "node", lambda: "studio")
    assert read_times(path) == {"a": 1.5}


def test_the_file_does_not_grow_without_end(path: Path) -> None:
    path.parent.mkdir()
    machine = step_times.platform.node()
    path.write_text(json.dumps({str(n): {"step_ms": 1.0, "machine": machine} for n in range(MOST)}))
    remember_time("new", 1.0, path)
    assert len(read_times(path)) == MOST
    assert "0" not in read_times(path)
    assert "new" in read_times(path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", '{"a": 3}', '{"a": {"step_ms": "1", "machine": "x"}}', '{"a": {"step_ms": -1.0, "machine": "x"}}',
     '{"a": {"step_ms": 1e9, "machine": "x"}}', '{"a": {"step_ms": true, "machine": "x"}}', '{"a": {"step_ms": 1.0}}'],
)  # fmt: skip
def test_a_damaged_file_tells_nothing_and_is_written_again(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    assert read_times(path) == {}
    remember_time("b", 2.0, path)
    assert read_times(path) == {"b": 2.0}


class Watched:
    """A stage in memory whose deck plays, a clock turned by hand, and the real file."""

    def __init__(self) -> None:
        self.stage = memory_core((), decks=1).stage
        # One that a folder has: only then has its manifest a hash.
        self.stage.patches["field"] = read_manifest(find("field"))
        self.stage.send(do.Load(0, "field"))
        self.change(step_ms=2.5, pid=77)
        self.log = EventLog()
        self.now = 100.0
        self.watch = StepTimeWatch(self.stage.snapshot, self.log, lambda: self.now)
        self.sha256 = hash_manifest(self.deck.manifest)

    @property
    def deck(self):
        return self.stage.decks[0]

    def change(self, **changes: object) -> None:
        self.stage.decks[0] = replace(self.stage.decks[0], **changes)

    def play(self, seconds: float) -> dict[str, float]:
        """Turn the clock a second at a time; what is remembered then."""
        for _ in range(round(seconds)):
            self.watch.look()
            self.now += 1.0
        self.watch.look()
        return read_times()


@pytest.fixture(name="watched")
def _watched() -> Watched:
    return Watched()


def test_a_deck_that_plays_for_ten_seconds_is_noted_once(watched: Watched) -> None:
    assert watched.play(AFTER_S - 1) == {}
    assert watched.play(1) == {watched.sha256: 2.5}
    watched.change(step_ms=9.0)
    assert watched.play(30) == {watched.sha256: 2.5}


@pytest.mark.parametrize("changes", [{"pid": 78}, {"playing": 99}])
def test_another_process_or_load_begins_anew(watched: Watched, changes: dict[str, object]) -> None:
    watched.play(AFTER_S - 1)
    watched.change(**changes)
    assert watched.play(AFTER_S - 1) == {}
    assert watched.play(1) == {watched.sha256: 2.5}


@pytest.mark.parametrize(
    "changes",
    [{"state": "failed"}, {"coming": (9,)}, {"mode_place": 1}, {"stage": (0.0, 0.0, 0.0, 0.0, 1.0)}, {"step_ms": 0.0}, {"manifest": None}],
)
def test_what_is_not_at_its_best_or_makes_no_steps_is_not_noted(watched: Watched, changes: dict[str, object]) -> None:
    watched.change(**changes)
    assert watched.play(2 * AFTER_S) == {}


def test_the_hidden_deck_is_noted_too(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    look = watched.stage.snapshot
    hidden = replace(watched.deck, number=1)
    watched.change(state="empty", manifest=None, playing=0)
    monkeypatch.setattr(watched.watch, "_snapshot", lambda: replace(look(), audition=hidden))
    assert watched.play(AFTER_S) == {watched.sha256: 2.5}


def test_a_folder_that_cannot_be_written_is_said_once(watched: Watched) -> None:
    times_path().parent.parent.mkdir(parents=True, exist_ok=True)
    times_path().parent.write_text("a file where the folder should be")
    assert watched.play(2 * AFTER_S) == {}
    watched.change(pid=78)
    watched.play(2 * AFTER_S)
    (line,) = watched.log.lines()
    assert line.text.startswith("step times are not remembered: ")


def test_a_real_deck_is_measured(patch_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_times, "AFTER_S", 1.0)
    monkeypatch.setattr(step_times, "LOOK_S", 0.1)
    with Engine(EngineConfig(decks=1, device="null", seed=3)) as engine:
        watch = StepTimeWatch(engine.snapshot, EventLog())
        watch.start()
        engine.send(do.Load(0, "tiny"))
        end = time.monotonic() + 60.0
        while not read_times() and time.monotonic() < end:
            time.sleep(0.05)
        snapshot: Snapshot = engine.snapshot()
        watch.close()
    manifest = snapshot.decks[0].manifest
    assert manifest is not None
    (step_ms,) = read_times().values()
    assert list(read_times()) == [hash_manifest(manifest)]
    assert 0.0 < step_ms <= snapshot.decks[0].step_max_ms
