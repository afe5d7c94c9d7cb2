"""What a benchmark hands back, and how it is shown: a table for people, one JSON object for machines.

It knows no benchmark.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType

Value = str | int | float | bool | None

ROOT = Path(__file__).resolve().parent.parent
# What the numbers may depend on; what is not installed is left out.
_PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "onnxruntime",
    "onnxruntime-gpu",
    "sounddevice",
    "soxr",
    "torch",
    "faiss-cpu",
    "scikit-learn",
    "scipy",
)


class BenchmarkError(Exception):
    """A benchmark that cannot be run, or whose result would be wrong; says what, and what to do next."""


class MissingPackageError(BenchmarkError):
    """A package that a benchmark compares with is not installed.

    Parameters
    ----------
    benchmark, module : str
        Who wants what.
    """

    def __init__(self, benchmark: str, module: str) -> None:
        super().__init__(
            f"benchmark {benchmark}: the Python module {module} cannot be imported; `make bench` installs what it compares with"
        )


@dataclass(frozen=True)
class Outcome:
    """What a benchmark's `run(arguments)` returns.

    Parameters
    ----------
    header : sequence of str
        Titles of the table's columns.
    rows : sequence of sequences
        The table: a label, then values. Floats are shown with four digits.
    results : mapping of str to number, string, bool or None
        What the JSON object carries as `results`. Names end in their unit.
    notes : sequence of str
        Lines shown under the table.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Value]]
    results: Mapping[str, Value]
    notes: Sequence[str] = field(default=())


def need(benchmark: str, module: str) -> ModuleType:
    """Import a module that a benchmark compares with.

    Raises
    ------
    MissingPackageError
        It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingPackageError(benchmark, error.name or module) from error


def show_table(outcome: Outcome) -> str:
    """Return the table as text, labels to the left, values to the right."""
    cells = [list(outcome.header)] + [[_show_value(value) for value in row] for row in outcome.rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(outcome.header))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]) for row in cells
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join([*lines, *outcome.notes])


def to_json(name: str, outcome: Outcome) -> str:
    """Return the one-line JSON object: benchmark, git, machine, versions, results.

    Raises
    ------
    ValueError
        A result is NaN or infinite: that is a bug of the benchmark.
    """
    record = {
        "benchmark": name,
        "git": git_state(),
        "machine": machine(),
        "versions": versions(),
        "results": {key: round(value, 6) if isinstance(value, float) else value for key, value in outcome.results.items()},
    }
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def git_state() -> str:
    """Return the short commit, `-dirty` after it where files differ from it, or `unknown` outside a repository."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return f"{commit}-dirty" if _git("status", "--porcelain") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Value]:
    """Return the processor's model, how many cores this process may use, and the operating system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": _cpu_model(), "cores": cores, "os": f"{platform.system()} {platform.release()}"}


def versions() -> dict[str, str]:
    """Return the versions of Python and of what the numbers may depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _show_value(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)
