"""The studio's command line: ``python -m training textures | sequencer``.

It only parses, calls and exits; each command is imported when it is asked for, so that help costs nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.audio_folder import CHANNELS
from training.errors import OptionError, StudioError

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0 done, 1 failed, 2 wrongly asked for, 130 stopped by Ctrl-C."""
    # Local: the textures bring their synthesis along, which `import training.__main__` alone has no use for.
    from training.textures import add_textures_parser

    parser = argparse.ArgumentParser(prog="python -m training", description="Make sounds to learn from, and learn from sounds.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_textures_parser(commands)
    _add_sequencer_parser(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except StudioError as error:
        print(f"training: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("training: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED


def _add_sequencer_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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
    parser.set_defaults(run=run_sequencer)


def run_sequencer(options: argparse.Namespace) -> int:
    """Train, and say in the end what came of it."""
    # Local: torch takes seconds to import, and --help or a mistyped recipe should not wait for it.
    from training.recipe import DEFAULT_RECIPE, read_recipe

    recipe = None if options.resume and options.recipe is None else read_recipe(options.recipe or DEFAULT_RECIPE)
    if not options.audio.is_dir():
        raise OptionError("no such folder of sounds", where="--audio", got=options.audio, allowed="a folder with audio files in it")

    from training.run_folder import read_meta
    from training.sequencer_run import train_sequencer

    channels, name = options.channels or "as_is", (options.recipe or DEFAULT_RECIPE).stem
    if recipe is None:
        earlier = read_meta(options.out)
        recipe, name, channels = earlier.sequencer_recipe(), earlier.recipe_name, options.channels or earlier.channel_rule
    recipe = recipe.with_changes(updates=options.updates, seed=options.seed)
    result = train_sequencer(options.audio, options.out, recipe, recipe_name=name, resume=options.resume, channels=channels, say=_say)
    scores = result.meta.scores
    print(
        f"held-out NLL {scores['validation_nll']:.3f} nats per value (saying the last frame again: {scores['repeat_nll']:.3f}, "
        f"the mean always: {scores['mean_nll']:.3f}); samples move {scores['sample_std_ratio_t1']:.2f} times as much as the sound"
    )
    if result.interrupted:
        print(f"stopped after {result.meta.updates_done} updates; go on with --resume")
        return EXIT_INTERRUPTED
    print(f"{options.out}: {result.meta.updates_done} updates in {result.meta.training_seconds:.0f} s, best at {result.meta.updates}")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
