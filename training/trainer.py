"""The trainer of every training here: what it may go on from, how it runs, what it refuses. It does not know what is learned."""

import contextlib
import math
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from training.audio_folder import is_folder
from training.callbacks import MONITOR, KeepLast, Patience, StopOnInterrupt, UpdateBar
from training.dials import Dials
from training.errors import (
    DamagedRunError,
    NothingToResumeError,
    OutputExistsError,
    OutputFailedError,
    RecipeChangedError,
    TrainingDivergedError,
)
from training.quiet import quiet_lightning
from training.run_folder import LAST, RunRecord, never_kept
from training.trackers import trackers

__all__ = [
    "LONGER",
    "begins_anew",
    "check_kept",
    "check_resumable",
    "check_state",
    "fit",
    "lineage",
    "nothing_kept",
    "settle",
    "stopwatch",
    "writing",
]

# Two threads make an update of the default recipe a quarter faster on an idle machine, but they wait for each other after every matrix:
# beside a program that holds one of two cores an update took 7 s instead of 0.04. OMP_NUM_THREADS is the user's word against it.
THREADS = 1
LOG_INTERVAL = 10
# The dials that say how long a run goes on.
LONGER = ("updates", "patience")
ANEW = "Its weights can be exported; to train on, start again in another --out"


def begins_anew(out: Path, *, resume: bool) -> bool:
    """Tell whether a training begins in `out` instead of going on there; logs of one that kept nothing do not count.

    Raises
    ------
    OutputExistsError
        `out` holds something, and `resume` was not asked for.
    """
    if is_folder(out) and never_kept(out) and (not resume or any(out.iterdir())):
        return True
    if not resume and os.path.lexists(out):
        raise OutputExistsError("there is something there already", where=out, hint="Choose another --out, or go on with it: --resume")
    return not resume


def check_resumable(out: Path, recipe: Dials, meta: RunRecord, *, free: Sequence[str], hint: str) -> None:
    """Refuse a run that cannot be gone on with as the recipe asks; arguments as `check_kept`.

    Raises
    ------
    NothingToResumeError
        It kept no state, or came to its end and is not asked for more.
    RecipeChangedError, DamagedRunError
    """
    if not (out / LAST).is_file():
        raise nothing_kept(out)
    check_kept(out, recipe, meta.recipe, free=free, hint=hint)
    check_state(out / LAST)
    if meta.finished and all(recipe.as_dict()[name] <= meta.recipe[name] for name in LONGER):
        got, more = f"{meta.updates_done} of {recipe.as_dict()['updates']} updates", "Export it, or raise updates or patience in the recipe"
        raise NothingToResumeError("the run is finished", where=out, got=got, hint=more)


def nothing_kept(out: Path) -> NothingToResumeError:
    """Return the error for a folder without a trainer's state."""
    return NothingToResumeError("no state to go on from", where=out / LAST, hint="Start again in another --out")


def check_kept(
    out: Path, recipe: Dials, kept: Mapping[str, Any], *, free: Sequence[str], hint: str | None = None, what: str = "run"
) -> None:
    """Refuse another recipe than the one a training began with.

    Parameters
    ----------
    out : Path
    recipe : Dials
    kept : dict
        The dials it began with.
    free : sequence of str
        Those that may differ.
    hint : str, optional
        For the message; the dial's name takes the place of ``{}``.
    what : str
        What is resumed, for the message.

    Raises
    ------
    RecipeChangedError
    """
    for name, value in recipe.as_dict().items():
        if name not in free and kept.get(name) != value:
            raise RecipeChangedError(
                f"a resumed {what} keeps its recipe",
                where=f"{out}: {name}",
                got=value,
                allowed=kept.get(name),
                hint=hint and hint.format(name),
            )


def check_state(file: Path) -> dict[str, Any]:
    """Return a trainer's state; refuse one that was cut short or is something else, before any work."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, KeyError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise DamagedRunError("not the state of a training", where=file, got=type(error).__name__, hint=ANEW) from error
    if not isinstance(state, dict) or not {"state_dict", "optimizer_states", "callbacks", "global_step"} <= state.keys():
        raise DamagedRunError("not the state of a training", where=file, hint=ANEW)
    return state


def lineage(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what came before a training that starts from another: recipe, updates, time, weights of every stage, the first one first."""
    stage = {name: meta.get(name) for name in ("recipe", "recipe_name", "updates", "training_seconds", "checkpoint_sha256", "git")}
    return [*meta.get("start", []), stage]


@contextlib.contextmanager
def writing(out: Path) -> Iterator[None]:
    """Make the folder of a training; inside, what the disk refuses is an OutputFailedError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except BrokenPipeError:
        # Whoever read the lines of `say` has gone: the disk did nothing wrong.
        raise
    except OSError as error:
        raise OutputFailedError("could not be written", where=out, got=error.strerror) from error


def stopwatch(before: float) -> Callable[[], float]:
    """Return what says how many seconds a training has taken, with those `before` it went on."""
    started = time.monotonic()
    return lambda: round(before + time.monotonic() - started, 3)


def settle(seed: int) -> None:
    """Fix torch's threads and its random draws, before a model is made."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(THREADS)
    torch.manual_seed(seed)


def fit(
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    out: Path,
    recipe: Any,
    *,
    resume: bool,
    say: Callable[[str], None],
    patience: int | None = None,
    wandb: str | None = None,
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> tuple[int, bool]:
    """Train until all updates are done, patience ends or Ctrl-C is pressed; the state is kept in `out` at every look.

    Parameters
    ----------
    module : LightningModule with `best_loss`, infinite until a held-out loss was a number
    data : LightningDataModule with `batches`
    out : Path
        Run folder.
    recipe : recipe with `updates` and `learning_rate`
    resume : bool
        From the last state in `out`.
    say : callable
        Takes lines of text for the user.
    patience : int, optional
        Looks without improvement after which training stops; by default it does not.
    wandb : str, optional
        Weights & Biases project to report to.
    callbacks : sequence of Callback
        Whoever else wants to look on.
    options
        What else Lightning's trainer takes.

    Returns
    -------
    int
        Updates done in all.
    bool
        Whether Ctrl-C ended it before the last one.

    Raises
    ------
    TrainingDivergedError
        No held-out loss was a number.
    """
    stop = StopOnInterrupt(data.batches)
    patient = [] if patience is None else [Patience(MONITOR, patience=patience, check_on_train_epoch_end=False)]
    with quiet_lightning(), stop.listening():
        trainer = pl.Trainer(
            accelerator="auto",
            devices=1,
            max_steps=recipe.updates,
            num_sanity_val_steps=0,
            log_every_n_steps=LOG_INTERVAL,
            logger=trackers(out, wandb),
            callbacks=[stop, *patient, UpdateBar(recipe.updates, say), *callbacks, KeepLast(out / LAST)],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
        trainer.fit(module, datamodule=data, ckpt_path=out / LAST if resume else None, weights_only=True)
    if math.isinf(module.best_loss):
        raise TrainingDivergedError(
            "no held-out loss was a number", where=out, got=f"learning_rate {recipe.learning_rate:g}", hint="Lower it in the recipe"
        )
    return trainer.global_step, stop.interrupted and trainer.global_step < recipe.updates
