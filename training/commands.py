"""What ``python -m training`` can be asked for.

It only parses and calls; torch is imported when a training is asked for, so that help costs nothing.
"""

import argparse
from collections.abc import Callable, Sequence

from training.codec_command import add_codec_parser
from training.codecs.dac_import import add_codec_import_parser
from training.corpus_command import add_corpus_parser
from training.descriptor_command import add_descriptors_parser
from training.evaluate import add_evaluate_parser
from training.prepare import add_prepare_parser
from training.sequencer_command import add_sequencer_parser
from training.sweep import add_sweep_parser
from training.textures import add_textures_parser
from training.tokens_command import add_tokens_parser

__all__ = ["make_parser", "run_command"]

Say = Callable[[str], None]


def run_command(arguments: Sequence[str] | None, say: Say) -> int:
    """Run the command that the arguments ask for and return its exit code; a `StudioError` is left to the caller."""
    options = make_parser(say).parse_args(arguments)
    return options.run(options)


def make_parser(say: Say) -> argparse.ArgumentParser:
    """Return the parser of the studio's command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description="Make sounds to learn from, and learn from sounds.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_textures_parser(commands)
    add_descriptors_parser(commands, say)
    add_sequencer_parser(commands, say)
    add_sweep_parser(commands, say)
    add_codec_parser(commands, say)
    add_codec_import_parser(commands, say)
    add_prepare_parser(commands, say)
    add_tokens_parser(commands, say)
    add_corpus_parser(commands, say)
    add_evaluate_parser(commands, say)
    return parser
