"""The hidden deck on the real engine: a patch is tried, heard in the master, and seen nowhere else."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime import commands as do
from realtime.control.outcome import Origin, Outcome
from realtime.engine import Engine, EngineConfig
from realtime.errors import UnknownDeckError
from realtime.kernels.layout import MAX_DECKS
from realtime.rack import read_rack
from realtime.show import Show
from realtime.show_settings import MidiSettings, OscSettings, RecordSettings, ShowSettings
from realtime.snapshot import Snapshot
from realtime.status import status_line, summary

LIMIT_S = 60.0
SILENT = ShowSettings(osc=OscSettings(on=False), midi=MidiSettings(on=False))
HEARD = 1e-3


class Stage:
    """One deck, silent, beside the hidden one; the recorder's reel has what the master sounds like."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.show = Show(engine, ShowSettings(SILENT.osc, SILENT.midi, RecordSettings(folder, stems=True)))
        self.show.start()

    def ask(self, path: str, *arguments: float | int | str) -> Outcome:
        """Ask and wait for what is told."""
        told: list[Outcome] = []
        self.show.core.request(path, arguments, Origin("osc", tell=told.append))
        until(lambda: bool(told))
        return told[0]

    def until(self, condition: Callable[[Snapshot], bool]) -> Snapshot:
        until(lambda: condition(self.engine.snapshot()))
        return self.engine.snapshot()

    def audition(self) -> tuple[str, str]:
        """Patch and state of the hidden deck."""
        deck = self.engine.snapshot().audition
        assert deck is not None
        return deck.patch, deck.state


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(name="stage", scope="module")
def _stage(patch_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARLING_PATCHES", str(patch_folder))
        config = EngineConfig(decks=1, device="null", sample_rate_hz=44_100, block_frames=128, seed=3, audition=True)
        with Engine(config) as engine:
            stage = Stage(engine, tmp_path_factory.mktemp("takes"))
            yield stage
            stage.show.close()


@pytest.fixture(autouse=True)
def _empty(stage: Stage) -> None:
    stage.ask("/audition/stop")
    stage.ask("/deck/1/unload")
    stage.ask("/panic", 0)
    stage.until(lambda s: s.audition is not None and s.audition.state == "empty" and s.decks[0].state == "empty")
    assert stage.engine.settle(LIMIT_S)


def test_a_patch_that_is_tried_is_heard_in_the_master_at_the_level_of_the_trial(stage: Stage) -> None:
    until(lambda: max(stage.engine.snapshot().rms_db) < -90.0)
    assert stage.ask("/audition/load", "low").state == "done"
    assert stage.audition() == ("low", "playing")
    until(lambda: max(stage.engine.snapshot().rms_db) > -60.0)
    time.sleep(1.0)
    loud = max(stage.engine.snapshot().rms_db)
    # The tone of this patch is steady: 12 dB less is seen on the meter.
    stage.show.core.request("/audition/gain", (-24.0,), Origin("osc"))
    until(lambda: max(stage.engine.snapshot().rms_db) < loud - 11.0)
    assert max(stage.engine.snapshot().rms_db) > loud - 20.0
    stage.show.core.request("/audition/gain", (-12.0,), Origin("osc"))
    assert stage.ask("/audition/stop").state == "done"
    stage.until(lambda s: max(s.peak_db) < -90.0)
    assert stage.audition() == ("", "empty")


def test_it_begins_12_db_down() -> None:
    with Engine(EngineConfig(decks=1, device="null", audition=True)) as engine:
        show = Show(engine, SILENT)
        deck = engine.snapshot().audition
        assert deck is not None
        assert deck.stage[0] == -12.0
        assert show.core.read("/audition/gain") == (-12.0,)


def test_decks_scenes_racks_status_and_stems_do_not_see_it(stage: Stage, patch_folder: Path, tmp_path: Path) -> None:
    before = sorted(stage.show.core.addresses())
    assert stage.ask("/deck/1/load", "tiny").state == "done"
    named = sorted(stage.show.core.addresses())
    assert stage.ask("/record/start", str(tmp_path / "take.wav"), 1).state == "done"
    assert stage.ask("/audition/load", "low").state == "done"
    snapshot = stage.engine.snapshot()
    assert [deck.patch for deck in snapshot.decks] == ["tiny"]
    assert sorted(stage.show.core.addresses()) == named != before
    assert stage.ask("/status").values[0] == 1
    assert "low" not in status_line(snapshot, 400) + " ".join(summary(snapshot))
    assert stage.ask("/scene/save", "verse").state == "done"
    (scene,) = stage.show.scenes.tables()
    assert len(scene["deck"]) == 1
    assert stage.ask("/rack/save", str(tmp_path / "rack.toml")).state == "done"
    assert [deck.patch for deck in read_rack(tmp_path / "rack.toml").decks] == ["tiny"]
    assert stage.ask("/record/stop").state == "done"
    files = sorted(path.name for path in tmp_path.glob("*.wav"))
    assert len(files) == 2, files
    assert stage.ask("/deck/2/load", "low").state == "failed"
    assert stage.ask("/deck/0/load", "low").state == "failed"


def test_a_patch_that_is_not_there_fails_and_what_is_tried_goes_on(stage: Stage) -> None:
    assert stage.ask("/audition/load", "low").state == "done"
    failed = stage.ask("/audition/load", "none")
    assert failed.state == "failed"
    assert "none" in failed.why
    assert stage.audition() == ("low", "playing")


def test_another_patch_takes_the_place_of_the_one_that_is_tried(stage: Stage) -> None:
    assert stage.ask("/audition/load", "low").state == "done"
    assert stage.ask("/audition/load", "high").state == "done"
    assert stage.audition() == ("high", "playing")


def test_a_panic_ends_the_trial(stage: Stage) -> None:
    assert stage.ask("/audition/load", "low").state == "done"
    stage.ask("/panic")
    stage.until(lambda s: s.audition is not None and s.audition.state == "empty")
    stage.ask("/panic", 0)
    until(lambda: stage.engine.settle(0.1))
    assert stage.audition() == ("", "empty")


def test_a_crash_of_what_is_tried_leaves_the_deck_alone(stage: Stage) -> None:
    assert stage.ask("/deck/1/load", "tiny").state == "done"
    assert stage.ask("/audition/load", "low").state == "done"
    before = stage.engine.snapshot()
    assert before.audition is not None
    os.kill(before.audition.pid, signal.SIGKILL)
    after = stage.until(lambda s: s.audition is not None and s.audition.restarts == 1 and s.audition.state == "playing")
    assert after.decks[0].pid == before.decks[0].pid
    assert after.decks[0].restarts == 0


@pytest.mark.parametrize("config", [EngineConfig(decks=1, device="null"), EngineConfig(decks=MAX_DECKS, device="null", audition=True)])
def test_without_a_hidden_deck_it_is_refused_by_name(config: EngineConfig) -> None:
    with Engine(config) as engine:
        assert engine.snapshot().audition is None
        with pytest.raises(UnknownDeckError, match=r"no hidden deck to try patches in.*load the patch into a deck"):
            engine.send(do.Load(do.AUDITION, "textures"))
        show = Show(engine, SILENT)
        told: list[Outcome] = []
        asked = (("load", ("textures",)), ("load/cancel", ()), ("stop", ()), ("gain", (-6.0,)))
        for name, arguments in asked:
            show.core.request(f"/audition/{name}", arguments, Origin("osc", tell=told.append))
            show.core.drain()
        assert [outcome.state for outcome in told] == ["failed"] * len(asked)
        assert show.core.read("/audition/gain") == (-12.0,)


def test_the_take_of_the_master_has_it(stage: Stage, tmp_path: Path) -> None:
    assert stage.ask("/audition/load", "low").state == "done"
    assert stage.ask("/record/start", str(tmp_path / "take.wav"), 1).state == "done"
    time.sleep(0.5)
    assert stage.ask("/record/stop").state == "done"
    levels = {path.name: np.abs(soundfile.read(path)[0]).max() for path in tmp_path.glob("*.wav")}
    master = levels.pop("take.wav")
    (stem,) = levels.values()
    assert master > HEARD
    assert stem == 0.0


def test_a_load_that_is_cancelled_leaves_what_sounds(stage: Stage) -> None:
    assert stage.ask("/deck/1/load", "tiny", 5).state == "done"
    before = stage.engine.snapshot().decks[0]
    told: list[Outcome] = []
    stage.show.core.request("/deck/1/load", ("low", 6), Origin("osc", tell=told.append))
    stage.show.core.request("/deck/1/load/cancel", (), Origin("osc"))
    until(lambda: bool(told))
    # Whichever came first: it sounds, or it was left. The engine looks fifty times a second, and a load takes longer.
    assert (told[0].state, told[0].why) == ("failed", "cancelled")
    assert stage.engine.settle(LIMIT_S)
    after = stage.engine.snapshot().decks[0]
    assert (after.patch, after.pid, after.seed, after.state, after.error) == ("tiny", before.pid, 5, "playing", "")
    assert after.coming == ()


def test_a_load_that_is_cancelled_in_an_empty_deck_leaves_it_empty(stage: Stage) -> None:
    told: list[Outcome] = []
    stage.show.core.request("/deck/1/load", ("low",), Origin("osc", tell=told.append))
    stage.show.core.request("/deck/1/load/cancel", (), Origin("osc"))
    until(lambda: bool(told))
    assert (told[0].state, told[0].why) == ("failed", "the deck is empty")
    assert stage.ask("/deck/1/load/cancel").state == "done", "nothing to cancel is no failure"
    assert stage.ask("/deck/1/load", "tiny").state == "done"


def test_a_trial_that_is_cancelled_before_it_sounds_leaves_the_one_that_does(stage: Stage) -> None:
    assert stage.ask("/audition/load", "high").state == "done"
    before = stage.engine.snapshot().audition
    told: list[Outcome] = []
    stage.show.core.request("/audition/load", ("low",), Origin("osc", tell=told.append))
    stage.show.core.request("/audition/load/cancel", (), Origin("osc"))
    until(lambda: bool(told))
    assert (told[0].state, told[0].why) == ("failed", "cancelled")
    assert stage.engine.settle(LIMIT_S)
    after = stage.engine.snapshot().audition
    assert before is not None
    assert after is not None
    assert (after.patch, after.pid, after.state, after.loading, after.error) == ("high", before.pid, "playing", "", "")
    assert stage.ask("/audition/load/cancel").state == "done", "nothing to cancel is no failure"
    assert stage.audition() == ("high", "playing")
