"""Where an evaluation goes: the names of its two files, the folder that holds them, and the machine they were made on."""

import os
import platform
import tempfile
from pathlib import Path

from training.errors import OutputFailedError

__all__ = ["REPORT", "SCORES", "machine_name", "make_folder"]

SCORES, REPORT = "scores.json", "report.html"


def make_folder(folder: Path) -> None:
    """Make the report's folder, and see that it can be written to before an hour of work; raises OutputFailedError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputFailedError("could not be written", where=folder, got=error.strerror, hint="Choose another --report") from error


def machine_name() -> str:
    """Return the processor, its cores and the system, as far as they can be known."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} logical cores, {platform.system()}"
