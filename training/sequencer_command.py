"""The command ``python -m training sequencer``: parsing, and a last line. It knows no training; torch is imported when one is asked for.

Every dial of `SequencerRecipe` is an option under its own name, with ``_`` or ``-``: nothing is typed twice.
"""

import argparse
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from patches.descriptors import DEFAULT_SPEC
from training.audio_folder import CHANNELS, is_folder
from training.descriptor_options import add_option, add_spec_options, spec_given
from training.errors import OptionError
from training.recipe import DEFAULT_RECIPE, SequencerRecipe, read_recipe

__all__ = ["add_sequencer_parser", "dial_of", "run_sequencer"]

EXIT_INTERRUPTED = 130
SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

Say = Callable[[str], None]


def add_sequencer_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say) -> None:
    """Add the command to the studio's."""
    parser = commands.add_parser(
        "sequencer",
        help="learn how the sounds of a folder go on",
        description="Train a sequencer on a folder of audio; its sub-folders are classes. Ctrl-C keeps what was learned so far.",
    )
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR", help="folder of sounds")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder to write")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="TOML file of dials; what it leaves out is the default's")
    add_spec_options(parser)
    parser.add_argument("--channels", choices=CHANNELS, help="make every sound mono or stereo (default: as they are)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--wandb", metavar="PROJECT", help="report to Weights & Biases too")
    dials = parser.add_argument_group("dials", "each instead of the recipe's; what they do is written in training/recipe.py")
    for row in dataclasses.fields(SequencerRecipe):
        # A switch may stand alone for "on"; `--remove_outliers False` must be off, which argparse's own bool is not.
        add_option(
            dials,
            row.name,
            metavar=str(row.metadata["allowed"]).replace(" ", ""),
            **({"nargs": "?", "const": "true"} if row.type is bool else {}),
        )
    parser.set_defaults(run=partial(run_sequencer, say=say))


def dial_of(row: dataclasses.Field, text: str) -> Any:
    """Return what an option's text says for a dial; whether the dial may be that, the recipe checks.

    Raises
    ------
    OptionError
        The text is no number or switch where one is asked for.
    """
    try:
        return SWITCHES[text.lower()] if row.type is bool else row.type(text)
    except (KeyError, ValueError) as error:
        raise OptionError("not such a value", where=f"--{row.name}", got=text, allowed=row.metadata["allowed"]) from error


def run_sequencer(options: argparse.Namespace, say: Say) -> int:
    """Train, and say in the end what came of it; a `StudioError` is left to the caller."""
    rows = dataclasses.fields(SequencerRecipe)
    changes = {row.name: dial_of(row, text) for row in rows if (text := getattr(options, row.name)) is not None}
    given = options.recipe or DEFAULT_RECIPE
    recipe, name = None if options.resume and options.recipe is None else read_recipe(given), given.stem
    if not is_folder(options.audio):
        raise OptionError("no such folder of sounds", where="--audio", got=options.audio, allowed="a folder with audio files in it")

    # Local: torch takes seconds to import, and --help or a mistyped recipe should not wait for it.
    from training.run_folder import never_kept
    from training.sequencer_folder import read_meta
    from training.sequencer_run import train_sequencer

    earlier = None
    if recipe is None and is_folder(options.out) and any(options.out.iterdir()) and never_kept(options.out):
        say(f"{options.out}: nothing was kept there yet; starting with the default recipe")
        recipe = read_recipe()
    elif recipe is None:
        earlier = read_meta(options.out)
        recipe, name = earlier.sequencer_recipe(), earlier.recipe_name
    recipe = recipe.with_changes(**changes)
    result = train_sequencer(
        options.audio,
        options.out,
        recipe,
        recipe_name=name,
        spec=spec_given(options, DEFAULT_SPEC if earlier is None else earlier.spec()),
        resume=options.resume,
        channels=options.channels,
        wandb=options.wandb,
        say=say,
    )
    scores = result.meta.scores
    say(
        f"held-out NLL {scores['validation_nll']:.3f} nats per value (saying the last frame again: {scores['repeat_nll']:.3f}, "
        f"the mean always: {scores['mean_nll']:.3f}); samples move {scores['sample_std_ratio_t1']:.2f} times as much as the sound"
    )
    ratios = [scores[key] for ahead in range(1, 9) if (key := f"repeat_ratio_{ahead}") in scores]
    if ratios:
        lost = [str(ahead) for ahead, ratio in enumerate(ratios, start=1) if not ratio < 1.0]
        text = " ".join(f"{ratio:.2f}" for ratio in ratios)
        say(f"squared error over that of saying the last frame again, 1 to {len(ratios)} frames ahead: {text}")
        # Most of a model's lead over the last frame can be its linear path's, fitted before any training.
        linear = " ".join(f"{scores[key]:.2f}" for ahead in range(1, 9) if (key := f"linear_ratio_{ahead}") in scores)
        if linear:
            say(f"over that of a linear predictor of the same frames, which is what the network adds: {linear}")
        if lost:
            say(f"worse than saying the last frame again {', '.join(lost)} frame(s) ahead")
    if result.interrupted:
        say(f"stopped after {result.meta.updates_done} updates; go on with --resume")
        return EXIT_INTERRUPTED
    say(f"{options.out}: {result.meta.updates_done} updates in {result.meta.training_seconds:.0f} s, best at {result.meta.updates}")
    return 0
