"""``python -m training codec``: parses and calls. torch is imported when the training starts, so that help costs nothing."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from training.audio_folder import is_folder
from training.errors import OptionError

__all__ = ["add_codec_parser", "run_codec"]

EXIT_INTERRUPTED = 130


def add_codec_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Callable[[str], None]) -> None:
    """Add the `codec` command to a command line."""
    parser = commands.add_parser(
        "codec",
        help="learn to turn sounds into tokens and back",
        description="Train the spectral codec on a folder of audio; its sub-folders are drawn evenly. Ctrl-C keeps what was learned.",
    )
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR", help="folder of sounds")
    parser.add_argument("--out", type=Path, required=True, metavar="CODEC", help="codec folder to write")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="TOML file of dials; what it leaves out is the default's")
    parser.add_argument("--updates", type=int, metavar="N", help="optimiser steps at most, instead of the recipe's")
    parser.add_argument("--seed", type=int, metavar="N", help="start of every random draw, instead of the recipe's")
    parser.add_argument("--start", type=Path, metavar="CODEC", help="begin with the weights of another codec folder")
    parser.add_argument("--resume", action="store_true", help="go on with the training in --out")
    parser.set_defaults(run=partial(run_codec, say=say))


def run_codec(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Train, and say in the end what came of it."""
    if not is_folder(options.audio):
        raise OptionError("no such folder of sounds", where="--audio", got=options.audio, allowed="a folder with audio files in it")
    from training.codec_recipe import DEFAULT_RECIPE, CodecRecipe, read_codec_recipe
    from training.codec_run import train_codec
    from training.codecs.codec import read_codec_meta
    from training.dials import dials_from_dict

    if options.resume and options.recipe is None and (options.out / "meta.json").is_file():
        earlier = read_codec_meta(options.out)
        recipe, name = dials_from_dict(CodecRecipe, earlier.get("recipe", {})), earlier.get("recipe_name", "codec")
    else:
        recipe, name = read_codec_recipe(options.recipe or DEFAULT_RECIPE), (options.recipe or DEFAULT_RECIPE).stem
    recipe = recipe.with_changes(updates=options.updates, seed=options.seed)
    result = train_codec(options.audio, options.out, recipe, recipe_name=name, start=options.start, resume=options.resume, say=say)
    scores = result["scores"]
    say(
        f"held-out log-mel distance {scores['validation_log_mel']:.3f}, level off by {scores['validation_level_db']:.2f} dB; "
        f"best after {result['updates']} updates"
    )
    if result["interrupted"]:
        say("stopped; go on with --resume")
        return EXIT_INTERRUPTED
    say(f"{options.out}: done in {result['training_seconds']:.0f} s")
    return 0
