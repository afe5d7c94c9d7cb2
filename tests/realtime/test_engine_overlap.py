"""What happens when things happen at once: loads, crashes and hangs on top of each other, with real processes."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realtime import commands as do
from realtime.engine import Engine, EngineConfig
from realtime.snapshot import Snapshot

SETTLE_S = 60.0
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")


def until(engine: Engine, condition: Callable[[Snapshot], bool], limit_s: float = SETTLE_S) -> Snapshot:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        snapshot = engine.snapshot()
        if condition(snapshot):
            return snapshot
        time.sleep(0.01)
    raise AssertionError(f"not within {limit_s} s: {engine.snapshot()}")


@pytest.fixture(name="engine")
def _engine(patch_folder: Path) -> Iterator[Engine]:
    with Engine(EngineConfig(decks=1, device="null", block_frames=256, seed=3)) as engine:
        engine.send(do.Load(0, "tiny"))
        until(engine, lambda s: s.decks[0].state == "playing" and s.spare_ready)
        yield engine


def playing(engine: Engine, patch: str) -> bool:
    deck = engine._decks[0]
    return deck._current is not None and deck._current.job.manifest.slug == patch and engine.settle(0.05)


def spares(engine: Engine) -> list[int]:
    assert engine._pool is not None
    return [worker.pid for worker in engine._pool.workers]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_latest_of_many_loads_wins(engine: Engine) -> None:
    for patch in ("wide", "low", "high", "wide", "low"):
        engine.send(do.Load(0, patch))
    until(engine, lambda _: playing(engine, "low"))


def test_a_crash_of_the_old_patch_does_not_bring_it_back(engine: Engine) -> None:
    old = engine.snapshot().decks[0].pid
    engine.send(do.Load(0, "wide"))
    os.kill(old, signal.SIGKILL)
    until(engine, lambda _: playing(engine, "wide"))
    time.sleep(1.0)
    assert playing(engine, "wide")


def test_unloading_during_a_crossfade_leaves_nothing_behind(engine: Engine) -> None:
    old = engine.snapshot().decks[0].pid
    engine.send(do.Load(0, "wide"))
    until(engine, lambda s: s.decks[0].pid not in (0, old))
    engine.send(do.Unload(0))
    until(engine, lambda s: s.decks[0].state == "empty" and engine.settle(0.05))
    assert engine.snapshot().decks[0].pid == 0
    time.sleep(0.5)
    assert engine.snapshot().decks[0].state == "empty"


def test_controls_mode_and_seed_can_be_set_while_a_patch_loads(engine: Engine) -> None:
    engine.send(do.Load(0, "wide"))
    engine.send(do.SetControl(0, "density", 30.0))
    engine.send(do.SetMode(0, 1))
    engine.send(do.Reset(0, seed=77))
    until(engine, lambda s: playing(engine, "wide") and s.decks[0].mode == "sequencer at half rate")
    take = engine._decks[0]._current
    assert take is not None
    assert engine.block.controls(0, take.ring)[5] == 30.0
    assert take.job.seed == 77
    assert engine.snapshot().decks[0].error == ""


def test_a_load_keeps_the_decks_seed_and_a_restart_keeps_everything(engine: Engine) -> None:
    engine.send(do.Reset(0, seed=77))
    engine.send(do.Load(0, "wide"))
    until(engine, lambda _: playing(engine, "wide"))
    engine.send(do.SetControl(0, "density", 20.0))
    engine.send(do.SetMode(0, 1))
    until(engine, lambda s: s.decks[0].mode == "sequencer at half rate" and s.spare_ready)
    os.kill(engine.snapshot().decks[0].pid, signal.SIGKILL)
    until(engine, lambda s: s.decks[0].restarts == 1 and s.decks[0].state == "playing" and s.decks[0].mode == "sequencer at half rate")
    take = engine._decks[0]._current
    assert take is not None
    assert take.job.seed == 77
    assert engine.block.controls(0, take.ring)[5] == 20.0


def test_a_spare_that_hangs_is_found_out_at_once(engine: Engine) -> None:
    spare = spares(engine)[0]
    os.kill(spare, signal.SIGSTOP)
    os.kill(engine.snapshot().decks[0].pid, signal.SIGKILL)
    until(engine, lambda s: s.decks[0].state == "playing" and s.decks[0].restarts >= 1, limit_s=15.0)
    assert gone(spare)


def test_a_leaving_process_that_hangs_does_not_keep_its_ring(engine: Engine) -> None:
    old = engine.snapshot().decks[0].pid
    engine.send(do.Load(0, "wide"))
    until(engine, lambda s: s.decks[0].pid not in (0, old))
    os.kill(old, signal.SIGSTOP)
    until(engine, lambda _: playing(engine, "wide"), limit_s=15.0)
    engine.send(do.Load(0, "tiny"))
    until(engine, lambda _: playing(engine, "tiny"), limit_s=15.0)
    until(engine, lambda _: gone(old), limit_s=15.0)


def test_the_process_that_left_is_the_next_spare(engine: Engine) -> None:
    pids = {engine.snapshot().decks[0].pid, *spares(engine)}
    for patch in ("wide", "tiny", "wide", "tiny"):
        engine.send(do.Load(0, patch))
        until(engine, lambda s, patch=patch: playing(engine, patch) and s.spare_ready)  # type: ignore[misc]
    assert {engine.snapshot().decks[0].pid, *spares(engine)} == pids


def test_an_incoming_process_that_dies_is_replaced(engine: Engine) -> None:
    engine.send(do.SetLead(0, 20_000))
    engine.send(do.Load(0, "wide"))
    end = time.monotonic() + 5.0
    while (take := engine._decks[0]._incoming) is None and time.monotonic() < end:
        time.sleep(0.0005)
    assert take is not None
    os.kill(take.worker.pid, signal.SIGKILL)
    until(engine, lambda _: playing(engine, "wide"), limit_s=20.0)


def test_an_error_in_the_engines_thread_does_not_end_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    import realtime.pool

    class NoProcesses:
        def __init__(self, *_: object) -> None:
            raise OSError(11, "Resource temporarily unavailable")

    real = realtime.pool.Worker
    monkeypatch.setattr(realtime.pool, "Worker", NoProcesses)
    os.kill(spares(engine)[0], signal.SIGKILL)
    until(engine, lambda _: "stumbled" in engine.notice)
    monkeypatch.setattr(realtime.pool, "Worker", real)
    until(engine, lambda s: s.spare_ready)
    assert engine.snapshot().decks[0].state == "playing"


@pytest.mark.parametrize("block_frames", [1_024, 4_096, 8_192])
def test_a_large_block_makes_a_deck_neither_late_nor_short(block_frames: int, patch_folder: Path) -> None:
    with Engine(EngineConfig(decks=1, device="null", block_frames=block_frames, lead_frames=300, seed=3)) as engine:
        engine.send(do.Load(0, "tiny"))
        until(engine, lambda s: s.decks[0].state == "playing")
        time.sleep(1.5)
        deck = engine.snapshot().decks[0]
        assert deck.lead_frames >= block_frames
        assert deck.mode == "full"
        assert deck.error == ""
