"""A sweep: many trainings of one kind with other dials each, tried by Optuna and kept in a journal that several machines may share.

It knows recipes, trials and folders, not what is trained: that is the objective's.

::

    OUT/journal.log           every trial, of everyone who shares it (or elsewhere: --storage)
    OUT/journal.log.alive/    who works on which trial
    OUT/trial_0007/           what the objective left there: a run folder
    OUT/best.toml             the best recipe so far
"""

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import filelock
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from training.dials import Dials
from training.errors import OutputFailedError, RecipeError, StudioError
from training.sweep_errors import NoValidRecipeError, SweepChangedError, SweepStorageError
from training.sweep_journal import check_journal, difference
from training.sweep_lease import Leases
from training.sweep_space import SearchSpace

__all__ = ["Interrupted", "Objective", "Pruned", "Sweep", "SweepResult", "Watch"]

LOCK_TIMEOUT_S = 60.0
STUDY = "sweep"
STARTUP_TRIALS = 8
"""Trials before TPE has seen enough to propose, and before a median means something."""
WARM_UP_SHARE = 0.2
"""Of the updates, in which no trial is pruned: a slow start may end well."""
MAX_REFUSED = 200
MAX_RETRIES = 2
RETRY_OF, RETRIES, REASON, COUNTED, REFUSED, FOLDER, CONTENT = "retry_of", "retries", "reason", "counted", "refused", "folder", "content"
CHECKED = {"space": "search space", "base": "recipe", "measure": "measure"}

Watch = Callable[[int, float], None]
"""Told the update and the held-out loss; raises `Pruned` where going on is useless."""


class Pruned(Exception):
    """The trial is worse than the median of the others at the same update."""


class Interrupted(Exception):
    """The user stopped the trial; it is tried again when the sweep goes on."""


class Objective(Protocol):
    """What is minimised."""

    measure: str
    """What its value is, in words that are equal for equal measures."""

    def check(self, recipe: Any) -> None:
        """Raise RecipeError for dials that cannot be together, before anything is trained."""
        ...

    def __call__(self, recipe: Any, folder: Path, watch: Watch) -> tuple[float, str]:
        """Train and return the value, and one word that is equal for equal data.

        Raises
        ------
        Pruned, Interrupted
        StudioError
            This recipe failed; the sweep goes on.
        """
        ...


@dataclass(frozen=True)
class SweepResult:
    """How a sweep stands: its trials by number, the best recipe and its value (None where none was finished), whether it was stopped here.

    `running` counts the trials that others are at.
    """

    trials: list[FrozenTrial]
    best: Dials | None
    value: float | None
    interrupted: bool
    running: int


class Sweep:
    """One process's part in a sweep.

    Parameters
    ----------
    storage : Path
        The journal; made if it is not there.
    out : Path
        Where this process's trials lie.
    space : SearchSpace
    base : Dials
        The recipe whose other dials stay.
    objective : Objective
    prune_updates : int or None
        Updates of a whole training; None prunes nothing.
    seed : int
    say : callable
        Takes lines of text for the user.
    leases : Leases, optional

    Raises
    ------
    SweepStorageError, SweepChangedError

    Thread
    ------
    One. Any number of processes may share the storage.
    """

    def __init__(
        self,
        storage: Path,
        out: Path,
        space: SearchSpace,
        base: Dials,
        objective: Objective,
        *,
        prune_updates: int | None,
        seed: int,
        say: Callable[[str], None],
        leases: Leases | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._out, self._space, self._base, self._objective = out, space, base, objective
        self._seed, self._say, self._storage = seed, say, storage
        check_journal(storage)
        try:
            self._leases = leases or Leases(storage.with_name(storage.name + ".alive"))
            # Counting trials and beginning one is one act: without it two processes could both begin the last one.
            self._lock = filelock.FileLock(storage.with_name(storage.name + ".turn"), timeout=LOCK_TIMEOUT_S)
            pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
            if prune_updates is not None:
                pruner = optuna.pruners.MedianPruner(STARTUP_TRIALS, n_warmup_steps=round(WARM_UP_SHARE * prune_updates))
            with self._lock:
                journal = JournalStorage(JournalFileBackend(str(storage)))
                self._study = optuna.create_study(
                    study_name=STUDY, storage=journal, direction="minimize", load_if_exists=True, pruner=pruner
                )
                self._agree()
        except (OSError, filelock.Timeout) as error:
            raise SweepStorageError("cannot be used", where=storage, got=str(error)) from error
        except StudioError:
            raise
        except Exception as error:
            # A file that is no journal makes Optuna raise whatever its parser met.
            hint = "Choose another --storage, or move the file away"
            got = f"{type(error).__name__}: {error}"
            raise SweepStorageError("not the journal of a sweep", where=storage, got=got, hint=hint) from error

    def _agree(self) -> None:
        """Note what this sweep is over, or see that it is what was noted."""
        mine = {"space": self._space.canonical(), "base": json.dumps(self._base.as_dict()), "measure": self._objective.measure}
        noted = self._study.user_attrs
        for name in CHECKED:
            if name not in noted:
                self._study.set_user_attr(name, mine[name])
            elif noted[name] != mine[name]:
                raise SweepChangedError(
                    f"a sweep keeps its {CHECKED[name]}",
                    where=self._storage,
                    got=difference(mine[name], noted[name]),
                    hint="Give what it began with, or begin another with another --out",
                )

    def run(self, trials: int) -> SweepResult:
        """Try until so many trials are done or under way, counting those of every process, and return how the sweep stands.

        Raises
        ------
        NoValidRecipeError
            Next to no combination is a recipe.
        SweepChangedError
            The sounds are others than those of earlier trials.
        SweepStorageError, OutputFailedError
            The disk refused.
        """
        refused, interrupted = 0, False
        while not interrupted:
            try:
                with self._lock:
                    self._requeue()
                    trial = self._next(trials)
            except (OSError, filelock.Timeout) as error:
                raise SweepStorageError("cannot be used", where=self._storage, got=str(error)) from error
            if trial is None:
                break
            with self._leases.hold(trial.number):
                try:
                    interrupted, counted = self._try(trial)
                except BaseException as error:
                    # Whatever it was, it is not the trial's fault: who goes on with the sweep tries it again.
                    self._fail(trial, f"{type(error).__name__}", again=True)
                    raise
            refused = 0 if counted else refused + 1
            if refused >= MAX_REFUSED:
                last = self._study.get_trials(deepcopy=False)[trial.number].user_attrs.get(REFUSED)
                hint = "Leave out what does not go together"
                raise NoValidRecipeError(f"{refused} combinations in a row are no recipe", where="search space", got=last, hint=hint)
        return self.result(interrupted=interrupted)

    def _next(self, wanted: int) -> optuna.Trial | None:
        """Begin a trial if fewer than wanted are done or under way."""
        known = self._study.get_trials(deepcopy=False)
        counted = sum(
            trial.state in (TrialState.COMPLETE, TrialState.RUNNING)
            or (trial.state == TrialState.PRUNED and REFUSED not in trial.user_attrs)
            or (trial.state == TrialState.FAIL and trial.user_attrs.get(COUNTED, False))
            for trial in known
        )
        if counted >= wanted:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # One seed per trial, not per process: two that start together must not begin with the same draws.
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True, seed=(self._seed * 1_000_003 + len(known)) % 2**32
            )
        trial = self._study.ask()
        self._leases.take(trial.number)
        return trial

    def _requeue(self) -> None:
        """Give the trials of processes that died to whoever comes next; call under the lock."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._leases.abandoned(trial.number):
                continue
            again = self._retry(trial)
            self._study.tell(trial.number, state=TrialState.FAIL)
            self._leases.give_back(trial.number)
            self._say(f"trial {trial.number}: its process is gone; " + ("it is tried again" if again else "given up"))

    def _retry(self, trial: FrozenTrial | optuna.Trial) -> bool:
        retries = trial.user_attrs.get(RETRIES, 0)
        if retries >= MAX_RETRIES or not trial.params:
            return False
        self._study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number, RETRIES: retries + 1})
        return True

    def _fail(self, trial: optuna.Trial, reason: str, *, again: bool) -> None:
        if self._study.get_trials(deepcopy=False)[trial.number].state.is_finished():
            return
        trial.set_user_attr(REASON, reason)
        trial.set_user_attr(COUNTED, not again)
        if again:
            self._retry(trial)
        self._study.tell(trial, state=TrialState.FAIL)

    def _try(self, trial: optuna.Trial) -> tuple[bool, bool]:
        """Run one trial; returns whether the user stopped it, and whether it was one (a refused combination is none)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            values = self._space.suggest(trial)
        searched = ((name, values[name]) for name in self._space.searched)
        shown = ", ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in searched)
        try:
            recipe = self._base.with_changes(**values)
            self._objective.check(recipe)
        except RecipeError as error:
            trial.set_user_attr(REFUSED, str(error))
            self._study.tell(trial, state=TrialState.PRUNED)
            self._say(f"trial {trial.number}: {shown}: no recipe: {error}")
            return False, False
        folder = self._out / f"trial_{trial.number:04d}"
        trial.set_user_attr(FOLDER, str(folder))
        self._say(f"trial {trial.number}: {shown}")

        def watch(update: int, loss: float) -> None:
            trial.report(loss, update)
            if trial.should_prune():
                raise Pruned

        try:
            value, content = self._objective(recipe, folder, watch)
        except Pruned:
            self._study.tell(trial, state=TrialState.PRUNED)
            self._say(f"trial {trial.number}: pruned, worse than the median")
            return False, True
        except Interrupted:
            self._fail(trial, "stopped", again=True)
            return True, True
        except OutputFailedError:
            raise
        except StudioError as error:
            self._fail(trial, str(error), again=False)
            self._say(f"trial {trial.number}: failed: {error}")
            return False, True
        self._same_data(content)
        self._study.tell(trial, value)
        self._say(f"trial {trial.number}: {value:.4f}")
        return False, True

    def _same_data(self, content: str) -> None:
        noted = self._study.user_attrs.get(CONTENT)
        if noted is None:
            self._study.set_user_attr(CONTENT, content)
        elif noted != content:
            hint = "Give the sounds it began with, or begin another with another --out"
            got = "other sounds than those of earlier trials"
            raise SweepChangedError("a sweep keeps its sounds", where=self._storage, got=got, hint=hint)

    def result(self, *, interrupted: bool = False) -> SweepResult:
        """Return how the sweep stands now."""
        trials = self._study.get_trials(deepcopy=False)
        done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        running = sum(trial.state == TrialState.RUNNING for trial in trials)
        if not done:
            return SweepResult(trials, None, None, interrupted, running)
        best = min(done, key=lambda trial: (trial.value, trial.number))
        fixed = {name: entry.values[0] for name, entry in self._space.dials.items() if name not in self._space.searched}
        return SweepResult(trials, self._base.with_changes(**(fixed | best.params)), best.value, interrupted, running)


def sweep_folder(out: Path) -> None:
    """Make the folder of a sweep; raises OutputFailedError where the disk refuses."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise OutputFailedError("could not be written", where=out, got=error.strerror, hint="Choose another --out") from error
