"""A sweep that Weights & Biases controls, as the Descriptor Transformer's were: its server chooses the trials, its agent runs them here.

Everything a run needs later is in its run folder all the same; nothing is read back from there.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import RecipeError, StudioError
from training.sweep_space import Among, SearchSpace

if TYPE_CHECKING:
    from training.dials import Dials
    from training.sweep_study import Objective

__all__ = ["run_wandb_sweep", "wandb_config"]

METRIC = "held_out_loss"
VALUE = "value"
FIRST_RUNG = 5
"""Looks at the held-out sounds before hyperband may end a training."""

Say = Callable[[str], None]


def wandb_config(space: SearchSpace, *, prune: bool) -> dict[str, Any]:
    """Return a search space as the configuration that ``wandb.sweep`` takes.

    Source
    ------
    docs.wandb.ai/guides/sweeps/sweep-config-keys: method, metric, parameters (value, values, min and max with a distribution, q),
    early_terminate.
    """
    parameters: dict[str, Any] = {}
    for name, entry in space.dials.items():
        if isinstance(entry, Among):
            parameters[name] = {"value": entry.values[0]} if len(entry.values) == 1 else {"values": list(entry.values)}
            continue
        kind = "log_uniform_values" if entry.log else "uniform"
        step = entry.step or (1 if entry.whole else None)
        if entry.whole and not entry.log and step == 1:
            parameters[name] = {"distribution": "int_uniform", "min": int(entry.low), "max": int(entry.high)}
        elif step is not None:
            # q rounds to its multiples, which need not be those that begin at the low end: values do.
            count = round((entry.high - entry.low) / step)
            if not entry.log and count < 256:
                steps = [entry.low + place * step for place in range(count + 1)]
                parameters[name] = {"values": [round(value) if entry.whole else value for value in steps]}
            else:
                parameters[name] = {"distribution": f"q_{kind}", "min": entry.low, "max": entry.high, "q": step}
        else:
            parameters[name] = {"distribution": kind, "min": entry.low, "max": entry.high}
    config: dict[str, Any] = {
        "method": "bayes",
        "metric": {"name": METRIC if prune else VALUE, "goal": "minimize"},
        "parameters": parameters,
    }
    if prune:
        config["early_terminate"] = {"type": "hyperband", "min_iter": FIRST_RUNG}
    return config


def run_wandb_sweep(
    project: str,
    sweep: str | None,
    space: SearchSpace,
    base: "Dials",
    objective: "Objective",
    out: Path,
    trials: int,
    say: Say,
    *,
    prune: bool = True,
) -> int:
    """Begin or join a sweep, run so many of its trials here, and return the exit code.

    Parameters
    ----------
    project : str
    sweep : str or None
        Of the project; None begins one.
    space, base, objective, out
        As of `training.sweep_study.Sweep`.
    trials : int
        Of this process.
    say : callable
    prune : bool
        Let the server end hopeless trainings: only where their losses are of one kind.

    Raises
    ------
    StudioError
        The last trial's, if none was finished.
    """
    # Not there unless asked for; the caller has seen that it is.
    wandb = importlib.import_module("wandb")

    from training.run_folder import write_whole
    from training.sweep import BEST, recipe_toml

    best: list[tuple[float, Dials]] = []
    failures: list[StudioError] = []

    def trial() -> None:
        with wandb.init() as run:
            values = {name: _typed(space, name, value) for name, value in dict(run.config).items() if name in space.dials}
            folder = out / f"trial_{run.id}"
            try:
                recipe = base.with_changes(**values)
                objective.check(recipe)
            except RecipeError as error:
                run.summary["refused"] = str(error)
                say(f"{run.id}: no recipe: {error}")
                return
            run.config.update({name: value for name, value in recipe.as_dict().items() if name not in values}, allow_val_change=True)
            try:
                value, _ = objective(recipe, folder, lambda update, loss: run.log({"update": update, METRIC: loss}))
            except StudioError as error:
                failures.append(error)
                run.summary["failed"] = str(error)
                say(f"{run.id}: failed: {error}")
                return
            run.log({VALUE: value})
            say(f"{run.id}: {value:.4f}")
            best.append((value, recipe))

    name = sweep or wandb.sweep(wandb_config(space, prune=prune), project=project)
    say(f"sweep {name} of project {project}; others join with --wandb {project} --wandb_sweep {name}")
    wandb.agent(name, function=trial, project=project, count=trials)
    if not best:
        if failures:
            raise failures[-1]
        say("no trial was finished, so there is no best recipe")
        return 1
    value, recipe = min(best, key=lambda pair: pair[0])
    write_whole(out / BEST, recipe_toml(recipe, f"Best of this machine's part of W&B sweep {name}: {value:.6g}.").encode())
    say(f"{out / BEST}: {value:.4f}")
    return 0


def _typed(space: SearchSpace, name: str, value: Any) -> Any:
    """Return a value from the server as the dial's type: JSON may have made 64.0 of 64."""
    entry = space.dials[name]
    whole = isinstance(entry.values[0], int) and not isinstance(entry.values[0], bool) if isinstance(entry, Among) else entry.whole
    return round(value) if whole and isinstance(value, float) else value
