"""Mosaics of held-out sounds, made by the stage's own command, with the log of their units; it never imports the stage."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

import training
from training.evaluation.errors import RenderFailedError

__all__ = ["Mosaic", "Unit", "mosaic_command", "read_units", "render_mosaics"]

Array = NDArray[np.float32]
PATIENCE_S = 300.0
LOG_BYTES_MAX = 64 << 20
FIELDS = {"time_s": float, "duration_s": float, "file_start_s": float, "unit": int, "stream": int, "file": str, "faded": bool}


@dataclass(frozen=True)
class Unit:
    """One entry of the log: when it sounds, from where it is. `stream` counts from 1, `unit` is the corpus' number."""

    time_s: float
    duration_s: float
    file_start_s: float
    unit: int
    stream: int
    file: str
    faded: bool
    label: str = ""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """What the stage made after hearing a sound: the name of that sound, mono audio (T,), its rate, and its units by time."""

    prime: str
    audio: Array
    sample_rate_hz: int
    units: tuple[Unit, ...]


def mosaic_command(patch: str, prime: Path, file: Path, hops: int, seed: int) -> list[str]:
    """Return the command line that renders one."""
    asked = ["--prime", str(prime), "--hops", str(hops), "--seed", str(seed), "--units"]
    return [sys.executable, "-m", "realtime", "--headless", "--render", str(file), *asked, "--", patch]


def render_mosaics(
    patch: str,
    primes: Sequence[tuple[str, Path]],
    folder: Path,
    *,
    hops: int,
    seed: int,
    command: Callable[..., list[str]] = mosaic_command,
) -> list[Mosaic]:
    """Let a patch go on from each of some sounds.

    Parameters
    ----------
    patch : str
        Slug or folder.
    primes : sequence of (name, file)
    folder : Path
        For the files.
    hops, seed : int
    command : callable
        Makes the command line.

    Raises
    ------
    RenderFailedError
        The stage refused, took too long, or its log is not one.
    """
    environment = dict(os.environ)
    # The stage is found beside the studio wherever the command was started.
    here = str(Path(training.__file__).resolve().parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [here, environment.get("PYTHONPATH", "")]))
    made = []
    for number, (name, prime) in enumerate(primes):
        file = folder / f"mosaic_{number}.wav"
        line = command(patch, prime, file, hops, seed + number)
        try:
            done = subprocess.run(
                line, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=environment, timeout=PATIENCE_S
            )
        except subprocess.TimeoutExpired as error:
            raise RenderFailedError("the stage took too long", where=patch, got=f"over {PATIENCE_S:g} s") from error
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            hint = "Try it: " + " ".join(["python", *line[1:]])
            got = said[-1] if said else f"exit code {done.returncode}"
            raise RenderFailedError("the stage did not render it", where=patch, got=got, hint=hint)
        with soundfile.SoundFile(file) as sound:
            audio, rate = sound.read(dtype="float32", always_2d=True), sound.samplerate
        made.append(Mosaic(name, np.ascontiguousarray(audio.mean(axis=1)), rate, read_units(file.with_suffix(".units.json"))))
    return made


def read_units(file: Path) -> tuple[Unit, ...]:
    """Read the log of a render.

    Raises
    ------
    RenderFailedError
        It is not there, or not what the stage writes.
    """
    try:
        if file.stat().st_size > LOG_BYTES_MAX:
            raise ValueError("too large")
        entries = json.loads(file.read_text(encoding="utf-8"))["units"]
        units = tuple(_unit(entry) for entry in entries)
    except FileNotFoundError as error:
        raise RenderFailedError("the stage wrote no log of its units", where=file) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RenderFailedError("not a log of units", where=file, got=f"{type(error).__name__}: {error}") from error
    return tuple(sorted(units, key=lambda unit: unit.time_s))


def _unit(entry: dict[str, Any]) -> Unit:
    values: dict[str, Any] = {}
    for name, kind in FIELDS.items():
        value = entry[name]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind or (kind is float and not math.isfinite(value)):
            raise TypeError(f"{name} is {value!r}")
        values[name] = value
    if values["duration_s"] < 0 or values["unit"] < 0 or values["stream"] < 1:
        raise ValueError(f"unit {values['unit']}, stream {values['stream']}, {values['duration_s']} s")
    label = entry.get("label", "")
    if not isinstance(label, str):
        raise TypeError(f"label is {label!r}")
    return Unit(**values, label=label)
