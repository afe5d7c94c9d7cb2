"""What ``python -m training`` can be asked for.

It only parses and calls; torch is imported when a training is asked for, so that help costs nothing.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from training.audio_folder import CHANNELS, is_folder
from training.codec_command import add_codec_parser
from training.codecs.dac_import import add_codec_import_parser
from training.errors import OptionError
from training.evaluate import add_evaluate_parser
from training.prepare import add_prepare_parser
from training.textures import add_textures_parser
from training.tokens_command import add_tokens_parser

__all__ = ["run_command", "run_sequencer"]

EXIT_INTERRUPTED = 130


Say = Callable[[str], None]


def run_command(arguments: Sequence[str] | None, say: Say) -> int:
    """Run the command that the arguments ask for and return its exit code; a `StudioError` is left to the caller."""
    parser = argparse.ArgumentParser(prog="python -m training", description="Make sounds to learn from, and learn from sounds.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_textures_parser(commands)
    _add_sequencer_parser(commands, say)
    add_codec_parser(commands, say)
    add_codec_import_parser(commands, say)
    add_prepare_parser(commands, say)
    add_tokens_parser(commands, say)
    add_evaluate_parser(commands, say)
    options = parser.parse_args(arguments)
    return options.run(options)


def _add_sequencer_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say) -> None:
    parser = commands.add_parser(
        "sequencer",
        help="learn how the sounds of a folder go on",
        description="Train a sequencer on a folder of audio; its sub-folders are classes. Ctrl-C keeps what was learned so far.",
    )
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR", help="folder of sounds")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder to write")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="TOML file of dials; what it leaves out is the default's")
    parser.add_argument("--updates", type=int, metavar="N", help="optimiser steps at most, instead of the recipe's")
    parser.add_argument("--seed", type=int, metavar="N", help="start of every random draw, instead of the recipe's")
    parser.add_argument("--channels", choices=CHANNELS, help="make every sound mono or stereo (default: as they are)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.set_defaults(run=partial(run_sequencer, say=say))


def run_sequencer(options: argparse.Namespace, say: Say) -> int:
    """Train, and say in the end what came of it."""
    # Local: torch takes seconds to import, and --help or a mistyped recipe should not wait for it.
    from training.recipe import DEFAULT_RECIPE, read_recipe

    given = options.recipe or DEFAULT_RECIPE
    recipe, name = None if options.resume and options.recipe is None else read_recipe(given), given.stem
    if not is_folder(options.audio):
        raise OptionError("no such folder of sounds", where="--audio", got=options.audio, allowed="a folder with audio files in it")

    from training.run_folder import never_kept, read_meta
    from training.sequencer_run import train_sequencer

    if recipe is None and is_folder(options.out) and any(options.out.iterdir()) and never_kept(options.out):
        say(f"{options.out}: nothing was kept there yet; starting with the default recipe")
        recipe = read_recipe()
    elif recipe is None:
        earlier = read_meta(options.out)
        recipe, name = earlier.sequencer_recipe(), earlier.recipe_name
    recipe = recipe.with_changes(updates=options.updates, seed=options.seed)
    result = train_sequencer(
        options.audio, options.out, recipe, recipe_name=name, resume=options.resume, channels=options.channels, say=say
    )
    scores = result.meta.scores
    say(
        f"held-out NLL {scores['validation_nll']:.3f} nats per value (saying the last frame again: {scores['repeat_nll']:.3f}, "
        f"the mean always: {scores['mean_nll']:.3f}); samples move {scores['sample_std_ratio_t1']:.2f} times as much as the sound"
    )
    if result.interrupted:
        say(f"stopped after {result.meta.updates_done} updates; go on with --resume")
        return EXIT_INTERRUPTED
    say(f"{options.out}: {result.meta.updates_done} updates in {result.meta.training_seconds:.0f} s, best at {result.meta.updates}")
    return 0
