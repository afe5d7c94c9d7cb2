"""Renders by the stage's own command, so that what is judged is what is heard; it never imports the stage.

One process per setting, as the stage renders one setting at a time; some at once.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from tqdm import tqdm

import training
from training.evaluation.errors import RenderFailedError

__all__ = ["Render", "RenderJob", "Stage", "read_render"]

Array = NDArray[np.float32]
SKIP_S = 1.0
"""Left out at the beginning of a render: the fade-in, and the moment in which a patch still is what it was primed with."""
# Longer than the stage's own fade at the end.
FADE_S = 0.25
SAMPLE_EVERY_S = 0.5
# A render that takes this many times longer than its sound (and a minute to start) will not come.
PATIENCE = 60.0
BAD_SAMPLES = re.compile(r"(\d+) non-finite")
STATUS = "/proc/{}/status"


@dataclass(frozen=True)
class RenderJob:
    """One setting of a patch's first deck: its controls, how long to listen, and the seed."""

    controls: tuple[tuple[str, float], ...]
    seconds: float
    seed: int


@dataclass(frozen=True)
class Render:
    """What came of it.

    Attributes
    ----------
    job : RenderJob
    file : Path
        WAV, stereo.
    non_finite : int or None
        Samples that were no number, if the stage says so.
    resident_mib : tuple of float
        Memory of the process, sampled twice a second; empty where the system does not tell.
    """

    job: RenderJob
    file: Path
    non_finite: int | None
    resident_mib: tuple[float, ...]


class Stage:
    """Renders of one patch.

    Parameters
    ----------
    patch : str
        Slug or folder, as the user gave it.
    sample_rate_hz : int
    folder : Path
        For the files.
    workers : int
        Processes at once.

    Thread
    ------
    `render` from any one; it starts threads that wait for the processes.
    """

    def __init__(self, patch: str, sample_rate_hz: int, folder: Path, workers: int) -> None:
        self._patch = patch
        self._rate_hz = sample_rate_hz
        self._folder = folder
        self._workers = workers
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._count = 0

    def command(self, job: RenderJob, file: Path) -> list[str]:
        """Return the command line of a render."""
        settings = [part for name, value in job.controls for part in ("--set", f"1.{name}={value:.9g}")]
        seconds = f"{SKIP_S + job.seconds + FADE_S:g}"
        numbers = ["--seconds", seconds, "--seed", str(job.seed), "--sample-rate", str(self._rate_hz)]
        return [sys.executable, "-m", "realtime", "--headless", "--render", str(file), *numbers, *settings, "--", self._patch]

    def render(self, jobs: Sequence[RenderJob]) -> list[Render]:
        """Render every job; returns them in the order asked for.

        Raises
        ------
        RenderFailedError
            The stage refused one, or it failed; the others are ended.
        """
        # The longest first: what is started last should not be what all wait for.
        order = sorted(range(len(jobs)), key=lambda index: -jobs[index].seconds)
        with ThreadPoolExecutor(self._workers) as pool, tqdm(total=len(jobs), desc="renders", unit="render", disable=None) as bar:
            futures = {}
            for index in order:
                self._count += 1
                futures[index] = pool.submit(self._one, jobs[index], self._folder / f"render_{self._count:05d}.wav", bar)
            try:
                return [futures[index].result() for index in range(len(jobs))]
            except BaseException:
                self._stop(futures.values())
                raise

    def _stop(self, futures: "Sequence") -> None:  # type: ignore[type-arg]
        for future in futures:
            future.cancel()
        with self._lock:
            self._stopping = True
            for process in self._running:
                process.terminate()

    def _one(self, job: RenderJob, file: Path, bar: tqdm) -> Render:
        environment = dict(os.environ)
        # The stage is found beside the studio wherever the command was started.
        here = str(Path(training.__file__).resolve().parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [here, environment.get("PYTHONPATH", "")]))
        resident: list[float] = []
        # Files, not pipes: nobody reads while memory is sampled, and a full pipe would stop the stage.
        with tempfile.TemporaryFile("w+", dir=self._folder) as out, tempfile.TemporaryFile("w+", dir=self._folder) as err:
            with self._lock:
                if self._stopping:
                    raise RenderFailedError("stopped, as another render failed", where=self._patch)
                process = subprocess.Popen(
                    self.command(job, file), stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment, text=True
                )
                self._running.add(process)
            try:
                waited_s = 0.0
                while process.poll() is None:
                    try:
                        process.wait(SAMPLE_EVERY_S)
                    except subprocess.TimeoutExpired:
                        waited_s += SAMPLE_EVERY_S
                    resident += _resident_mib(process.pid)
                    if waited_s > 60.0 + PATIENCE * job.seconds:
                        process.kill()
            finally:
                process.kill()
                process.wait()
                with self._lock:
                    self._running.discard(process)
            out.seek(0)
            err.seek(0)
            said, complained = out.read(), err.read()
        if process.returncode != 0:
            lines = complained.strip().splitlines()
            raise RenderFailedError(
                "the stage did not render it",
                where=self._patch,
                got=lines[-1] if lines else f"exit code {process.returncode}",
                hint=f"Try it: python -m realtime --render take.wav --seconds {job.seconds:g} "
                + " ".join(f"--set 1.{name}={value:.9g}" for name, value in job.controls),
            )
        bar.update()
        found = BAD_SAMPLES.search(said)
        return Render(job, file, int(found[1]) if found else None, tuple(resident))


def read_render(render: Render) -> Array:
    """Return the part of a render that is judged, as mono: float32 array, shape (T,)."""
    with soundfile.SoundFile(render.file) as sound:
        sound.seek(round(SKIP_S * sound.samplerate))
        return np.mean(sound.read(round(render.job.seconds * sound.samplerate), dtype="float32", always_2d=True), axis=1)


def _resident_mib(pid: int) -> list[float]:
    try:
        with open(STATUS.format(pid), encoding="ascii") as status:  # noqa: PTH123 - a file of the kernel, read twice a second
            return [int(line.split()[1]) / 1024.0 for line in status if line.startswith("VmRSS:")]
    except (OSError, ValueError):
        return []
