"""The whole chain of a voice, from controls to frames: every bundled patch, and the size of the published system for comparison.

A voice's own `step` is run as a deck runs it, as fast as it goes, without process, ring and device. One thread, except where a patch asks
for more; the comparison's decoder has two.
"""

from __future__ import annotations

import argparse
import gc
import math
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import BenchmarkError, MissingPackageError, Outcome, Value
from benchmarks.seed_patch import write_seed_patch
from patches.errors import PatchError
from patches.library import bundled_folder
from patches.limits import MANIFEST_NAME
from patches.reader import read_manifest
from realtime.voices.voice import Voice, make_voice

_WARM_STEPS = 20


def run(arguments: list[str]) -> Outcome:
    """Measure real-time factor and slow steps of each voice.

    Parameters
    ----------
    arguments : list of str
        `--seconds S` (10) of sound from each, `--threads N` (2) and `--decoder-steps N` (4) of the comparison, `--no-seed-size` without it.

    Raises
    ------
    BenchmarkError
        A bundled patch is broken.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks voices")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--decoder-steps", type=int, default=4)
    parser.add_argument("--no-seed-size", action="store_true")
    options = parser.parse_args(arguments)
    rows: list[list[Value]] = []
    results: dict[str, Value] = {"seconds": options.seconds}
    notes = [f"{options.seconds:g} s of sound each; share: of the time a step makes sound for"]
    # Only what ships with the program: what else is installed here, broken or not, is nobody's benchmark.
    for folder in sorted(manifest.parent for manifest in bundled_folder().glob(f"[!.]*/{MANIFEST_NAME}")):
        try:
            _add(folder.name, folder, options.seconds, rows, results)
        except PatchError as error:
            raise BenchmarkError(f"benchmark voices: patch {folder.name} is broken: {error}") from error
    if not options.no_seed_size:
        try:
            with tempfile.TemporaryDirectory() as folder:
                patch = write_seed_patch(Path(folder), decoder_steps=options.decoder_steps, threads=options.threads)
                _add("seed", patch, options.seconds, rows, results, every_mode=True)
            notes.append(
                f"seed: the size of DACSynthformer with the full 44.1 kHz codec, {options.threads} threads in the decoder,"
                f" {options.decoder_steps} codec frames per step"
            )
            notes.append(_add_better(results))
        except MissingPackageError as error:
            notes.append(f"without the seed's size: {error}")
    header = ("patch", "mode", "threads", "step ms", "p50 ms", "p99 ms", "p99 share", "rtf", "cpu share")
    return Outcome(header, rows, results, notes)


def _add(name: str, folder: Path, seconds: float, rows: list[list[Value]], results: dict[str, Value], *, every_mode: bool = False) -> None:
    """Measure one patch: its full mode is `<name>.…`, or, with every mode, `<name>_float.…`, `<name>_int8.…` and so on."""
    manifest = read_manifest(folder)
    voice = make_voice(folder, manifest)
    voice.prepare()
    defaults = np.array([control.default for control in manifest.controls], np.float32)
    step_s = voice.step_frames / voice.sample_rate_hz
    for mode, label in enumerate(voice.modes):
        taken_s, cpu_s = measure(voice, mode, defaults, seconds)
        p50_s, p99_s = (float(np.percentile(taken_s, q)) for q in (50, 99))
        rtf, cpu_share = (float(spent_s) / (len(taken_s) * step_s) for spent_s in (taken_s.sum(), cpu_s))
        threads = int(manifest.settings.get("threads", 1))
        rows.append([name, label, threads, 1000 * step_s, 1000 * p50_s, 1000 * p99_s, p99_s / step_s, rtf, cpu_share])
        if every_mode or mode == 0:
            key = f"{name}_{'float' if mode == 0 else label.replace(' ', '_')}" if every_mode else name
            results |= {
                f"{key}.rtf": rtf,
                f"{key}.step_p99_share": p99_s / step_s,
                f"{key}.step_p50_ms": 1000 * p50_s,
                f"{key}.cpu_share": cpu_share,
            }


def _add_better(results: dict[str, Value]) -> str:
    """Add `seed.…`, what the seed's size costs in the better of float32 and int8 on this machine; return a note that says which."""
    rtf = {key: float(results[f"{key}.rtf"]) for key in ("seed_float", "seed_int8") if f"{key}.rtf" in results}
    better = min(rtf, key=lambda key: rtf[key])
    for name in ("rtf", "step_p99_share"):
        results[f"seed.{name}"] = results[f"{better}.{name}"]
    return f"seed.rtf and seed.step_p99_share are those of {better}, the better of {' and '.join(rtf)} by rtf here"


def measure(voice: Voice, mode: int, controls: NDArray[np.float32], seconds: float) -> tuple[NDArray[np.float64], float]:
    """Time the steps that make `seconds` of sound in one mode.

    Returns
    -------
    float64 array, seconds per step
    float, seconds of processor time in all
        What the steps would take on one core that nobody else uses.
    """
    out = np.zeros((voice.step_frames, voice.channels), np.float32)
    voice.set_mode(mode)
    voice.reset(1)
    for _ in range(_WARM_STEPS):
        voice.step(controls, False, out)
    taken = np.zeros(max(1, math.ceil(seconds * voice.sample_rate_hz / voice.step_frames)))
    # As in a deck process.
    gc.collect()
    gc.disable()
    cpu_begun_s = time.process_time()
    try:
        for number in range(len(taken)):
            begun_ns = time.perf_counter_ns()
            voice.step(controls, False, out)
            taken[number] = (time.perf_counter_ns() - begun_ns) / 1e9
        cpu_s = time.process_time() - cpu_begun_s
    finally:
        gc.enable()
        voice.set_mode(0)
    return taken, cpu_s
