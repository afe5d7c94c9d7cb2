"""The command ``python -m training sweep``: trains a sequencer many times with other dials each, and writes down the best ones.

::

    SWEEP/journal.log     every trial, of every process that shares it (or elsewhere: --storage)
    SWEEP/trial_0007/     a run folder
    SWEEP/best.toml       the best recipe: python -m training sequencer --recipe SWEEP/best.toml

It knows what a trial of a sequencer is; how trials are chosen, shared and given up is `training.sweep_study`.
"""

import argparse
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.audio_folder import CHANNELS, is_folder
from training.descriptor_options import add_spec_options, spec_given
from training.errors import OptionError, OutputExistsError
from training.recipe import DEFAULT_RECIPE, MODELS, SequencerRecipe, read_recipe
from training.sweep_space import SearchSpace, read_space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from patches.descriptors import DescriptorSpec
    from training.dials import Dials
    from training.sweep_study import SweepResult, Watch

__all__ = ["MEASURES", "SequencerObjective", "add_sweep_parser", "measure_of", "recipe_toml", "result_table", "run_sweep"]

DEFAULT_SPACE = Path(__file__).parent / "recipes" / "sweep.toml"
JOURNAL, BEST = "journal.log", "best.toml"
EXIT_INTERRUPTED = 130
TRIALS_MAX = 100_000
TABLE_ROWS = 20
MEASURES = {
    "loss": "held-out loss",
    "horizon": "held-out error over that of repeating the last frame, mean of 1 to 8 steps ahead",
}
NOT_SEARCHED = {"held_out_share": "it changes what is held out", "seed": "it changes what is held out"}
NOT_COMPARABLE = ("selected_model", "head", "forecast_size", "remove_outliers")
"""Dials that change what the loss means: of a likelihood and a squared error, or of one frame and thirty, the smaller is not the better."""

Say = Callable[[str], None]


def add_sweep_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say) -> None:
    """Add the `sweep` command to the studio's."""
    parser = commands.add_parser(
        "sweep",
        help="look for the best dials of a sequencer",
        description="Train a sequencer many times with other dials each (Optuna: TPE, hopeless trainings are ended early). Run it again to "
        "go on; run it at the same time on any number of machines that see the same --storage.",
    )
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR", help="folder of sounds")
    parser.add_argument("--out", type=Path, required=True, metavar="SWEEP", help="folder for the trials and the best recipe")
    parser.add_argument("--trials", type=int, required=True, metavar="N", help="trainings in all, those of others who share it counted")
    parser.add_argument("--space", type=Path, default=DEFAULT_SPACE, metavar="FILE", help="TOML file: which dials, and how far")
    parser.add_argument("--recipe", type=Path, default=DEFAULT_RECIPE, metavar="FILE", help="TOML file of the dials that are not searched")
    parser.add_argument("--selected_model", "--selected-model", choices=MODELS, help="search this model alone")
    parser.add_argument("--updates", type=int, metavar="N", help="optimiser steps of a training at most, instead of the recipe's")
    parser.add_argument(
        "--measure", choices=tuple(MEASURES), help="what is best; default: the loss, or the horizons where losses differ in kind"
    )
    parser.add_argument("--storage", type=Path, metavar="FILE", help=f"journal of the sweep (default: SWEEP/{JOURNAL})")
    add_spec_options(parser)
    parser.add_argument("--channels", choices=CHANNELS, help="make every sound mono or stereo (default: as they are)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is tried (default 0)")
    parser.add_argument("--wandb", metavar="PROJECT", help="let a Weights & Biases sweep choose the trials instead")
    parser.add_argument("--wandb_sweep", "--wandb-sweep", metavar="ID", help="join this sweep of the project")
    parser.set_defaults(run=partial(run_sweep, say=say))


def run_sweep(options: argparse.Namespace, say: Say) -> int:
    """Run the `sweep` command and return its exit code; a `StudioError` is left to the caller."""
    if not 1 <= options.trials <= TRIALS_MAX:
        raise OptionError("the number cannot be", where="--trials", got=options.trials, allowed=f"1 to {TRIALS_MAX}")
    if not 0 <= options.seed < 2**31:
        raise OptionError("the number cannot be", where="--seed", got=options.seed, allowed=f"0 to {2**31 - 1}")
    if options.wandb_sweep is not None and options.wandb is None:
        raise OptionError("joins a sweep of which project?", where="--wandb_sweep", allowed="together with --wandb PROJECT")
    if options.wandb is not None and options.storage is not None:
        raise OptionError("a sweep of Weights & Biases is kept there", where="--storage", hint="Leave it out, or --wandb")
    base = read_recipe(options.recipe).with_changes(updates=options.updates)
    space = read_space(options.space, SequencerRecipe).fixed(selected_model=options.selected_model, updates=options.updates)
    for name, reason in NOT_SEARCHED.items():
        if name in space.searched:
            raise OptionError(f"not to be searched: {reason}", where=f"{options.space}: {name}", hint="Fix it in the recipe")
    if not is_folder(options.audio):
        raise OptionError("no such folder of sounds", where="--audio", got=options.audio, allowed="a folder with audio files in it")
    from training.trackers import check_wandb

    check_wandb(options.wandb)
    measure = options.measure or measure_of(space)
    objective = SequencerObjective(options.audio, measure, options.channels, spec_given(options), say)
    # Local: optuna and torch take seconds to import, and a mistyped option should not wait for them.
    from training.sweep_study import Sweep, sweep_folder

    storage = options.storage or options.out / JOURNAL
    if is_folder(options.out) and any(options.out.iterdir()) and options.wandb is None and not storage.is_file():
        raise OutputExistsError("there is something there already, and no sweep", where=options.out, hint="Choose another --out")
    sweep_folder(options.out)
    say(f"best is the smallest {MEASURES[measure]}; chosen by the held-out sounds, so what it scores on them flatters it a little")
    comparable = measure_of(space) == "loss"
    if options.wandb is not None:
        from training.sweep_wandb import run_wandb_sweep

        return run_wandb_sweep(
            options.wandb, options.wandb_sweep, space, base, objective, options.out, options.trials, say, prune=comparable
        )
    if not comparable:
        say("no training is ended early: their losses differ in kind")
    sweep = Sweep(
        storage, options.out, space, base, objective, prune_updates=base.updates if comparable else None, seed=options.seed, say=say
    )
    result = sweep.run(options.trials)
    return say_end(result, space, options.out, options.recipe.stem, measure, say)


def say_end(result: "SweepResult", space: SearchSpace, out: Path, base_name: str, measure: str, say: Say) -> int:
    """Write the best recipe, show the table, and return the exit code."""
    from training.run_folder import write_whole

    for line in result_table(result.trials, space):
        say(line)
    if result.running:
        say(f"{result.running} trial(s) still run elsewhere")
    if result.best is None:
        say("no trial was finished, so there is no best recipe")
    else:
        head = f"Best of a sweep from {base_name}: {result.value:.6g}, {MEASURES[measure]}."
        write_whole(out / BEST, recipe_toml(result.best, head).encode())
        say(f"{out / BEST}: {result.value:.4f}; train with it: python -m training sequencer --recipe {out / BEST} --audio DIR --out RUN")
    if result.interrupted:
        say("stopped; the same command goes on")
        return EXIT_INTERRUPTED
    return 0 if result.best is not None else 1


def measure_of(space: SearchSpace) -> str:
    """Return what makes the trials of a space comparable: the loss, or the horizons where losses differ in kind."""
    return "horizon" if any(name in space.searched for name in NOT_COMPARABLE) else "loss"


class SequencerObjective:
    """Trains a sequencer and says how good it became.

    Parameters
    ----------
    audio : Path
    measure : str
        One of `MEASURES`.
    channels : str, optional
    spec : DescriptorSpec, optional
    say : callable
    """

    def __init__(self, audio: Path, measure: str, channels: str | None, spec: "DescriptorSpec | None", say: Say) -> None:
        self.measure = measure if spec is None else f"{measure} of {_said(spec)}"
        self._horizon = measure == "horizon"
        self._audio, self._channels, self._spec, self._say = audio, channels, spec, say

    def check(self, recipe: SequencerRecipe) -> None:
        """Refuse dials that cannot be together; raises RecipeError."""
        from patches.descriptors import DEFAULT_SPEC
        from training.sequencers.build import check_recipe

        check_recipe(recipe, len(self._spec or DEFAULT_SPEC))

    def __call__(self, recipe: SequencerRecipe, folder: Path, watch: "Watch") -> tuple[float, str]:
        """Train, and return the value and the hash of the sounds."""
        import lightning.pytorch as pl
        from lightning.pytorch.callbacks import Callback

        from training.callbacks import MONITOR
        from training.sequencer_run import train_sequencer
        from training.sweep_study import Interrupted

        losses: list[float] = []

        class Look(Callback):
            def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
                loss = float(trainer.callback_metrics[MONITOR])
                losses.append(loss)
                watch(trainer.global_step, loss)

        result = train_sequencer(
            self._audio,
            folder,
            recipe,
            recipe_name="sweep",
            spec=self._spec,
            channels=self._channels,
            callbacks=[Look()],
            say=lambda line: self._say(f"  {line}"),
        )
        if result.interrupted:
            raise Interrupted
        scores = result.meta.scores
        if not self._horizon:
            # A look may have found no number on the way; that there was one that is, the training itself has seen.
            return min(loss for loss in losses if math.isfinite(loss)), result.meta.content_sha256
        ratios = [scores[key] for ahead in range(1, 9) if (key := f"repeat_ratio_{ahead}") in scores]
        return sum(ratios) / len(ratios), result.meta.content_sha256


def result_table(trials: "list[FrozenTrial]", space: SearchSpace) -> list[str]:
    """Return the best trials first, one line each, then how many came to nothing and why."""
    done = sorted((trial for trial in trials if trial.value is not None and trial.state.name == "COMPLETE"), key=lambda trial: trial.value)
    header = ["trial", "value", *space.searched]
    rows = [[str(trial.number), f"{trial.value:.4f}", *(_shown(trial.params.get(name)) for name in space.searched)] for trial in done]
    cells = [header, *rows[:TABLE_ROWS]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    if len(rows) > TABLE_ROWS:
        lines.append(f"… and {len(rows) - TABLE_ROWS} more")
    refused = sum("refused" in trial.user_attrs for trial in trials)
    pruned = sum(trial.state.name == "PRUNED" for trial in trials) - refused
    failed = sum(trial.state.name == "FAIL" for trial in trials)
    return [*lines, f"{len(done)} finished, {pruned} ended early, {refused} no recipe, {failed} failed or tried again"]


def recipe_toml(recipe: "Dials", head: str) -> str:
    """Return a recipe as the TOML file that `read_recipe` reads: every dial, after a line of comment."""
    lines = [f"# {head}", ""]
    for name, value in recipe.as_dict().items():
        # JSON's strings, numbers and true and false are TOML's; Python's shortest float may be 1e-05, which is TOML too.
        lines.append(f"{name} = {repr(value) if isinstance(value, float) else json.dumps(value)}")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _said(spec: "DescriptorSpec") -> str:
    from patches.descriptors import DEFAULT_SPEC

    usual = (spec.hop_frames, spec.sample_rate_hz) == (DEFAULT_SPEC.hop_frames, DEFAULT_SPEC.sample_rate_hz)
    return spec.text if usual else f"{spec.text} every {spec.hop_frames} at {spec.sample_rate_hz} Hz"
