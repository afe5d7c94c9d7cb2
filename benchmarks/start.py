"""From `python -m realtime` to the first block with sound, with a cold and with a warm kernel cache."""

import argparse
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.report import BenchmarkError, Outcome

_PROGRAM = """
import sys, time
from realtime.compiled import use_kernel_cache
use_kernel_cache()
from realtime.engine import Engine, EngineConfig
from realtime import commands as do
from realtime.kernels import layout as at
if __name__ == "__main__":
    with Engine(EngineConfig(device="null", seed=1)) as engine:
        engine.send(do.Load(0, sys.argv[1]))
        while engine.block.floats[at.F_MASTER_PEAK] == 0.0:
            time.sleep(0.001)
        print(time.time(), flush=True)
"""


def first_sound_s(patch: str, cache: str) -> float:
    """Seconds from starting the process to the first non-silent block."""
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "program.py")  # noqa: PTH118 - handed to another process
        with open(program, "w") as file:  # noqa: PTH123
            file.write(_PROGRAM)
        started = time.time()
        done = subprocess.run([sys.executable, program, patch], env=environment, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise BenchmarkError(f"the stage did not start: {done.stderr.strip().splitlines()[-1:]}")
    return float(done.stdout.split()[0]) - started


def run(arguments: list[str]) -> Outcome:
    """Start once with an empty cache and several times with a full one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks start")
    parser.add_argument("--patch", default="field")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as cache:
        cold = first_sound_s(options.patch, cache)
        warm = sorted(first_sound_s(options.patch, cache) for _ in range(options.repeats))
    median = warm[len(warm) // 2]
    return Outcome(
        header=("process start to first sound", "s"),
        rows=[("cold: every kernel is compiled", round(cold, 3)), ("warm, median", round(median, 3)), ("warm, fastest", round(warm[0], 3))],
        results={
            "cold_s": round(cold, 3),
            "warm_s": round(median, 3),
            "warm_min_s": round(warm[0], 3),
            "ratio_cold_warm": round(cold / median, 2),
        },
    )
