import multiprocessing
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import filelock
import pytest
from optuna.trial import TrialState

from training.dials import Choice, Dials, Range, dial
from training.errors import RecipeError, TrainingDivergedError
from training.sweep_errors import NoValidRecipeError, SweepChangedError, SweepStorageError
from training.sweep_lease import Leases
from training.sweep_space import space_from_dict
from training.sweep_study import Interrupted, Sweep


@dataclass(frozen=True)
class Toy(Dials):
    width: int = dial(Range(1, 64))
    rate: float = dial(Range(1e-6, 1.0))
    head: str = dial(Choice(("a", "b")))


BASE = Toy(8, 0.1, "a")
SPACE = {"width": {"low": 1, "high": 64}, "rate": {"low": 1e-3, "high": 1.0, "log": True}}


class Bowl:
    """A training of no sound: its loss falls towards the distance from width 40, rate 0.1."""

    measure = "distance"

    def __init__(self, act=lambda number, recipe: None, content="same"):
        self.act = act
        self.content = content
        self.trained = []

    def check(self, recipe):
        if recipe.width % 2:
            raise RecipeError("must be even", where="recipe dial width", got=recipe.width)

    def __call__(self, recipe, folder, watch):
        self.trained.append(recipe)
        folder.mkdir(parents=True)
        self.act(len(self.trained), recipe)
        distance = abs(recipe.width - 40) / 64 + abs(recipe.rate - 0.1)
        for update in range(1, 11):
            watch(update, distance + 1.0 / update)
        return distance, self.content


def sweep(folder, objective, *, space=SPACE, base=BASE, prune=None, seed=0, said=None, storage=None, leases=None):
    folder.mkdir(parents=True, exist_ok=True)
    journal = storage or folder / "journal.log"
    leases = leases or Leases(journal.with_name(journal.name + ".alive"), beat_s=0.05, stale_s=60.0)
    say = (said if said is not None else []).append
    return Sweep(journal, folder, space_from_dict(space, Toy), base, objective, prune_updates=prune, seed=seed, say=say, leases=leases)


def states(result, state):
    return [trial.number for trial in result.trials if trial.state == state]


def test_a_sweep_finds_and_says_the_best(tmp_path):
    objective, said = Bowl(), []
    result = sweep(tmp_path, objective, said=said).run(25)
    assert len(states(result, TrialState.COMPLETE)) == 25
    assert result.value == min(trial.value for trial in result.trials if trial.value is not None)
    assert result.value < 0.2
    assert abs(result.best.width - 40) / 64 + abs(result.best.rate - 0.1) == pytest.approx(result.value)
    assert result.best.head == "a"
    assert (result.interrupted, result.running) == (False, 0)
    # Every trial trained in a folder of its own, and nobody works on one any more.
    assert len({trial.user_attrs["folder"] for trial in result.trials if "folder" in trial.user_attrs}) == 25
    assert list((tmp_path / "journal.log.alive").iterdir()) == []


def test_nobody_waits_for_a_training(tmp_path):
    """Only the choice of a trial is one at a time: while one trains, another process may choose, and write to the journal."""
    turns = []

    def act(number, recipe):
        with filelock.FileLock(tmp_path / "journal.log.turn", timeout=0.0, is_singleton=False):
            turns.append(number)
        assert not (tmp_path / "journal.log.lock").exists()

    assert len(states(sweep(tmp_path, Bowl(act)).run(3), TrialState.COMPLETE)) == 3
    assert turns == [1, 2, 3]


def test_combinations_that_are_no_recipe_are_pruned_with_the_reason_before_training(tmp_path):
    objective, said = Bowl(), []
    result = sweep(tmp_path, objective, said=said).run(12)
    assert all(recipe.width % 2 == 0 for recipe in objective.trained)
    refused = [trial for trial in result.trials if "refused" in trial.user_attrs]
    assert refused
    assert all(trial.state == TrialState.PRUNED and "must be even" in trial.user_attrs["refused"] for trial in refused)
    assert any("no recipe" in line and "must be even" in line for line in said)
    # They are no trials: all twelve were trained.
    assert len(objective.trained) == 12


def test_a_space_without_a_recipe_in_it_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("training.sweep_study.MAX_REFUSED", 10)
    with pytest.raises(NoValidRecipeError, match="must be even"):
        sweep(tmp_path, Bowl(), space={"width": [1, 3, 5]}).run(3)


def test_a_trial_worse_than_the_median_is_pruned_after_the_warm_up(tmp_path):
    objective = Bowl()
    result = sweep(tmp_path, objective, prune=10).run(30)
    pruned = [trial for trial in result.trials if trial.state == TrialState.PRUNED and "refused" not in trial.user_attrs]
    assert pruned
    assert len(pruned) + len(states(result, TrialState.COMPLETE)) == 30
    assert all(len(trial.intermediate_values) >= 2 for trial in pruned)
    none = sweep(tmp_path / "none", Bowl(), prune=None).run(15)
    assert all("refused" in none.trials[number].user_attrs for number in states(none, TrialState.PRUNED))


def test_a_sweep_goes_on_where_it_stopped(tmp_path):
    first = Bowl()
    sweep(tmp_path, first).run(4)
    second = Bowl()
    result = sweep(tmp_path, second).run(7)
    assert len(second.trained) == 3
    assert len(states(result, TrialState.COMPLETE)) == 7
    third = Bowl()
    sweep(tmp_path, third).run(7)
    assert third.trained == []


def test_ctrl_c_ends_the_sweep_and_its_trial_is_tried_again(tmp_path):
    def stop(number, recipe):
        if number == 3:
            raise Interrupted

    first = Bowl(stop)
    result = sweep(tmp_path, first).run(5)
    assert result.interrupted
    second = Bowl()
    result = sweep(tmp_path, second).run(5)
    assert second.trained[0] == first.trained[2]
    assert len(states(result, TrialState.COMPLETE)) == 5
    assert [trial.user_attrs["retry_of"] for trial in result.trials if "retry_of" in trial.user_attrs] == states(result, TrialState.FAIL)


def test_a_training_that_diverges_is_a_failed_trial_and_no_end(tmp_path):
    def fail(number, recipe):
        if number == 2:
            raise TrainingDivergedError("no held-out loss was a number")

    objective, said = Bowl(fail), []
    result = sweep(tmp_path, objective, said=said).run(5)
    assert len(objective.trained) == 5
    failed = [result.trials[number] for number in states(result, TrialState.FAIL)]
    assert [trial.user_attrs["reason"] for trial in failed] == ["no held-out loss was a number"]
    assert any("failed: no held-out loss" in line for line in said)


def test_a_bug_ends_the_sweep_and_leaves_no_trial_running(tmp_path):
    def bug(number, recipe):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sweep(tmp_path, Bowl(bug)).run(3)
    assert sweep(tmp_path, Bowl()).result().running == 0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"space": {"width": {"low": 1, "high": 32}}}, "search space.*another width, rate"),
        ({"base": Toy(8, 0.1, "b")}, "recipe.*another head"),
        ({"objective": type("Other", (Bowl,), {"measure": "other"})()}, "measure"),
    ],
)
def test_a_storage_keeps_to_one_sweep(tmp_path, changed, named):
    sweep(tmp_path, Bowl())
    with pytest.raises(SweepChangedError, match=named):
        sweep(tmp_path, changed.pop("objective", Bowl()), **changed)


def test_other_sounds_are_another_sweep(tmp_path):
    sweep(tmp_path, Bowl()).run(2)
    with pytest.raises(SweepChangedError, match="sounds"):
        sweep(tmp_path, Bowl(content="other")).run(4)
    # The trial that found out was no trial.
    assert len(states(sweep(tmp_path, Bowl()).run(3), TrialState.COMPLETE)) == 3


@pytest.mark.parametrize("content", [b"not a journal\n", b"\x00\xff\n\n", b'{"a": 1}\n', b"[1, 2]\n"])
def test_a_file_that_is_no_journal_is_refused(tmp_path, content):
    (tmp_path / "journal.log").write_bytes(content)
    with pytest.raises(SweepStorageError, match=r"journal\.log"):
        sweep(tmp_path, Bowl())
    assert (tmp_path / "journal.log").read_bytes() == content


def test_a_storage_in_no_folder_is_refused(tmp_path):
    with pytest.raises(SweepStorageError):
        sweep(tmp_path, Bowl(), storage=tmp_path / "none" / "deep" / "journal.log", leases=Leases(tmp_path / "alive"))


def work(folder, journal, trials, seconds, started):
    def act(number, recipe):
        Path(started).touch()
        time.sleep(seconds)

    sweep(Path(folder), Bowl(act), storage=Path(journal)).run(trials)


def process(folder, journal, trials, seconds, started):
    made = multiprocessing.get_context("spawn").Process(target=work, args=(str(folder), str(journal), trials, seconds, str(started)))
    made.start()
    return made


def wait_for(happened, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_processes_share_one_sweep(tmp_path):
    journal = tmp_path / "shared.log"
    ours = [process(tmp_path / str(number), journal, 9, 0.1, tmp_path / f"started{number}") for number in range(2)]
    for one in ours:
        one.join(120)
        assert one.exitcode == 0
    result = sweep(tmp_path / "looker", Bowl(), storage=journal).result()
    done = states(result, TrialState.COMPLETE)
    # Nine in all, not nine each and not ten; no trial twice; and both worked.
    assert len(done) == 9
    folders = [Path(result.trials[number].user_attrs["folder"]) for number in done]
    assert len({folder.name for folder in folders}) == 9
    assert {folder.parent.name for folder in folders} == {"0", "1"}
    assert len({tuple(result.trials[number].params.values()) for number in done}) == 9


def test_a_killed_trial_is_tried_again_by_who_comes_next(tmp_path):
    journal = tmp_path / "shared.log"
    victim = process(tmp_path / "victim", journal, 5, 600.0, tmp_path / "started")
    wait_for((tmp_path / "started").exists)
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    before = sweep(tmp_path / "looker", Bowl(), storage=journal).result()
    (lost,) = states(before, TrialState.RUNNING)
    objective, said = Bowl(), []
    result = sweep(tmp_path / "next", objective, storage=journal, said=said).run(3)
    assert states(result, TrialState.RUNNING) == []
    assert len(states(result, TrialState.COMPLETE)) == 3
    assert result.trials[lost].state == TrialState.FAIL
    (again,) = [trial for trial in result.trials if trial.user_attrs.get("retry_of") == lost]
    assert again.params == before.trials[lost].params
    assert any("its process is gone; it is tried again" in line for line in said)


def test_a_trial_of_a_living_process_is_left_to_it(tmp_path):
    journal = tmp_path / "shared.log"
    worker = process(tmp_path / "worker", journal, 1, 600.0, tmp_path / "started")
    try:
        wait_for((tmp_path / "started").exists)
        objective = Bowl()
        result = sweep(tmp_path / "other", objective, storage=journal).run(1)
        assert objective.trained == []
        assert result.running == 1
    finally:
        worker.kill()
        worker.join()


def test_a_lease_of_another_machine_ends_when_it_was_silent_for_too_long(tmp_path):
    leases = Leases(tmp_path / "alive", beat_s=0.05, stale_s=5.0)
    leases.take(7)
    assert not leases.abandoned(7)
    file = tmp_path / "alive" / "7"
    file.write_text("elsewhere 1")
    assert not leases.abandoned(7)
    old = time.time() - 100
    os.utime(file, (old, old))
    assert leases.abandoned(7)
    # While somebody holds it, it is touched.
    with leases.hold(7):
        wait_for(lambda: not leases.abandoned(7))
    assert not file.exists()
    assert leases.abandoned(7)


def test_a_process_that_is_gone_has_abandoned_its_trial_at_once(tmp_path):
    leases = Leases(tmp_path / "alive")
    leases.take(3)
    gone = subprocess.Popen(["true"])
    gone.wait()
    file = tmp_path / "alive" / "3"
    file.write_text(file.read_text().rpartition(" ")[0] + f" {gone.pid}")
    assert leases.abandoned(3)
