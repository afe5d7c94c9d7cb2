"""The door from studio to stage: ``python -m export RUN --slug SLUG``.

It only parses, calls and exits.
"""

import argparse
import io
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from patches.errors import FileNameError, PatchError, PatchExistsError, printable
from training.errors import StudioError

EXIT_INTERRUPTED = 130
TYPED_WRONG = (FileNameError, PatchExistsError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Export a run and return the exit code: 0 done, 1 failed, 2 wrongly asked for, 130 stopped by Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name must not end the program
    options = _parser().parse_args(arguments)
    try:
        # Local: torch and onnxruntime take seconds to import; --help should not wait for them, and Ctrl-C is heard meanwhile.
        from export.request import export_run

        export_run(options, say=_say)
        sys.stdout.flush()
    except (StudioError, PatchError) as error:
        print(f"export: error: {printable(str(error))}", file=sys.stderr)
        if isinstance(error, StudioError):
            return error.exit_code
        return 2 if isinstance(error, TYPED_WRONG) else 1
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("export: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export", description="Turn a trained run into a patch that plays on stage.")
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder that python -m training wrote")
    parser.add_argument("--slug", required=True, help="the patch's lasting name: a-z, 0-9 and hyphens")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of patches (default: yours, where the stage finds them)")
    parser.add_argument("--name", help="name for people")
    parser.add_argument("--summary", help="one line for people")
    parser.add_argument("--author", action="append", default=[], metavar="NAME", help="who made it; may be given again")
    parser.add_argument("--replace", action="store_true", help="replace a patch of the same slug")
    mosaic = parser.add_argument_group("runs of a sequencer")
    mosaic.add_argument("--corpus", type=Path, metavar="DIR", help="play other sounds than those learned from")
    mosaic.add_argument("--corpus-seconds", type=_seconds, metavar="S", help="at most so much sound in the patch (default: 300)")
    mosaic.add_argument("--channels", choices=("mono", "stereo"), help="make every sound mono or stereo (default: as the run was trained)")
    tokens = parser.add_argument_group("runs of a token transformer")
    tokens.add_argument("--codec", metavar="CODEC", help="codec folder or patch (default: where the dataset was prepared with it)")
    tokens.add_argument("--data", type=Path, metavar="DATASET", help="the run's dataset, if it was moved")
    steps_help = "codec frames per call of the decoder (dac; default: 4, or as in the codec's patch)"
    tokens.add_argument("--decoder-steps", type=int, choices=(1, 2, 4, 8), help=steps_help)
    lookahead_help = "codec frames the decoder waits at most, guessing the rest (dac; default: as many as it needs)"
    tokens.add_argument("--decoder-lookahead", type=int, metavar="N", help=lookahead_help)
    temperature_help = "factors of the control temperature, from the first codebook on (default: all 1)"
    tokens.add_argument("--codebook-temperature", metavar="T1,T2,...", help=temperature_help)
    tokens.add_argument("--no-torchscript", action="store_true", help="leave out the TorchScript twins, which other programs play")
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.1 <= value <= 36_000.0:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: 0.1 to 36000 seconds")
    return value


def _say(line: str) -> None:
    print(printable(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
