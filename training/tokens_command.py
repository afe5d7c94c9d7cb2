"""The command ``python -m training tokens``: parsing, and a last line. It knows no training; torch is imported when one is asked for."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

__all__ = ["add_tokens_parser", "run_tokens"]

EXIT_INTERRUPTED = 130

Say = Callable[[str], None]


def add_tokens_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say) -> None:
    """Add the command to the studio's."""
    parser = commands.add_parser(
        "tokens",
        help="learn how the tokens of a dataset go on",
        description="Train a token transformer on a dataset that `prepare` wrote. Ctrl-C keeps what was learned so far.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DATASET", help="dataset folder")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder to write")
    parser.add_argument("--recipe", metavar="small|seed|large|FILE", help="dials; what a file leaves out is small's (default: small)")
    parser.add_argument("--updates", type=int, metavar="N", help="optimiser steps at most, instead of the recipe's")
    parser.add_argument("--seed", type=int, metavar="N", help="start of every random draw, instead of the recipe's")
    parser.add_argument("--start", type=Path, metavar="RUN", help="begin with the weights of another run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--wandb", metavar="PROJECT", help="report to Weights & Biases too")
    parser.set_defaults(run=partial(run_tokens, say=say))


def run_tokens(options: argparse.Namespace, say: Say) -> int:
    """Train, and say in the end what came of it; a `StudioError` is left to the caller."""
    # Local: torch takes seconds to import, and --help should not wait for it.
    from training.audio_folder import is_folder
    from training.run_folder import never_kept
    from training.tokens_folder import read_tokens_meta
    from training.tokens_recipe import read_tokens_recipe

    given = options.recipe or "small"
    name = Path(given).stem
    if not options.resume or options.recipe is not None:
        recipe = read_tokens_recipe(given)
    elif is_folder(options.out) and any(options.out.iterdir()) and never_kept(options.out):
        say(f"{options.out}: nothing was kept there yet; starting with the default recipe")
        recipe = read_tokens_recipe()
    else:
        earlier = read_tokens_meta(options.out)
        recipe, name = earlier.tokens_recipe(), earlier.recipe_name
    recipe = recipe.with_changes(updates=options.updates, seed=options.seed)

    from training.tokens_run import train_tokens

    result = train_tokens(
        options.data, options.out, recipe, recipe_name=name, start=options.start, resume=options.resume, wandb=options.wandb, say=say
    )
    meta = result.meta
    books = ", ".join(f"{meta.scores[f'held_out_loss_{book + 1}']:.3f}" for book in range(meta.codec["codebooks"]))
    say(f"held-out cross-entropy {meta.scores['held_out_loss']:.3f} nats per token (codebooks: {books})")
    if result.interrupted:
        say(f"stopped after {meta.updates_done} updates; go on with --resume")
        return EXIT_INTERRUPTED
    say(f"{options.out}: {meta.updates_done} updates in {meta.training_seconds:.0f} s, best at {meta.updates}")
    return 0
