"""`python -m benchmarks NAME`: run one benchmark, print its table and, as the last line, one JSON object."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks.report import BenchmarkError, show_table, to_json

# Name → module with `run(arguments: list[str]) -> Outcome`; imported only when asked for.
BENCHMARKS = {
    "codec": "benchmarks.codec",
    "latency": "benchmarks.latency",
    "osc": "benchmarks.osc",
    "query": "benchmarks.query",
    "screen": "benchmarks.screen",
    "sequencer": "benchmarks.sequencer",
    "stage": "benchmarks.stage",
    "start": "benchmarks.start",
    "tokens": "benchmarks.tokens",
    "voices": "benchmarks.voices",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the named benchmark; return 0, or 1 if it could not be run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure one part of Starling.", epilog="Other options go to the benchmark."
    )
    parser.add_argument("name", choices=sorted(BENCHMARKS), metavar="NAME", help=", ".join(sorted(BENCHMARKS)))
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the JSON object to this file as one line")
    options, others = parser.parse_known_args(arguments)
    if options.append and not options.append.absolute().parent.is_dir():
        parser.error(f"--append {options.append}: no such folder: {options.append.absolute().parent}; make it first")
    try:
        outcome = importlib.import_module(BENCHMARKS[options.name]).run(others)
        line = to_json(options.name, outcome)
        if options.append:
            with options.append.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
    except (BenchmarkError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print(show_table(outcome))
    print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
