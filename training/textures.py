"""Folders of synthesised sounds, by class, with the exact parameters of every clip; it does not know how any of them is made.

Everything follows from the seed: the same call writes the same bytes, whatever the number of workers, and a larger set begins with the
clips of a smaller one.

::

    OUT/wind/wind_0001.flac ...     mono, 16 bit, 44.1 kHz
    OUT/parameters.csv              file, class, one column per parameter; empty where a class has no such parameter
    OUT/textures.json               seed, version, length, what each parameter means, and the SHA-256 of every clip
"""

import argparse
import csv
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from tqdm import tqdm

from training.deaf_workers import deaf_workers
from training.errors import OptionError, OutputExistsError
from training.staging import staged
from training.synthesis.catalog import TEXTURES
from training.synthesis.signals import SAMPLE_RATE_HZ
from training.synthesis.texture import VERSION, Texture

__all__ = ["add_textures_parser", "make_textures", "parameter_levels", "run_textures"]

CLIPS_PER_CLASS = 12
CLIP_SECONDS = 10.0
SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 3600.0
LICENCE = "CC0-1.0"
# Levels are spread over a little more than 0..1 and cut off there, so that both ends are heard as themselves and not only approached.
OVERSHOOT = 0.05
# One per parameter of a texture, in order; primes, so that no two parameters move together.
BASES = (2, 3, 5)


class Job(NamedTuple):
    """One clip to make."""

    class_name: str
    clip: int
    levels: dict[str, float]
    seconds: float
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """Where the clip lies in the set."""
        return f"{self.class_name}/{self.class_name}_{self.clip + 1:04d}.flac"


def make_textures(
    out: Path,
    *,
    seed: int = 0,
    clips_per_class: int = CLIPS_PER_CLASS,
    seconds: float = CLIP_SECONDS,
    classes: Sequence[str] | None = None,
    workers: int = 1,
) -> Path:
    """Write a folder of textures, whole or not at all.

    Parameters
    ----------
    out : Path
        Must not exist, or be an empty folder.
    seed : int, 0 and up
    clips_per_class : int, 1 and up
    seconds : float
        Length of each clip.
    classes : sequence of str, optional
        Names from the catalog; all by default.
    workers : int, 1 and up
        Processes. The sounds do not depend on it.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    OutputExistsError
        If `out` exists and is not an empty folder.
    OptionError
        If a value is out of range, a class is unknown or named twice, or `out` is the current folder.
    OutputFailedError
        If something could not be written.

    Thread
    ------
    Any; starts processes of its own if asked to.
    """
    textures = _checked(seed, clips_per_class, seconds, classes, workers)
    # What a link points to is replaced, not the link.
    target = Path(os.path.realpath(out))
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise OutputExistsError("the output is there already, and is left as it is", where=out, hint="Remove it or choose another --out")
    if target == Path.cwd():
        # The folder is renamed into its place whole: whoever stands in the old one would stand in a folder that is gone.
        raise OptionError("the current folder cannot be replaced", where="--out", got=out, hint="Name a folder in it: --out sounds")
    with staged(target, out, "the textures", (soundfile.SoundFileError, BrokenExecutor)) as folder:
        jobs = []
        for texture in textures:
            (folder / texture.name).mkdir()
            for clip in range(clips_per_class):
                jobs.append(Job(texture.name, clip, parameter_levels(texture, clip, seed), seconds, seed, folder))
        with tqdm(total=len(jobs), desc="textures", unit="clip", disable=None) as bar:
            for _ in _made(jobs, workers):
                bar.update()
        _write_sheet(folder / "parameters.csv", textures, jobs)
        _write_description(folder / "textures.json", textures, jobs, clips_per_class)
    return out


def parameter_levels(texture: Texture, clip: int, seed: int) -> dict[str, float]:
    """Return the parameters of one clip, such that the first clips of a class, however many, cover every level evenly.

    Parameters
    ----------
    texture : Texture
    clip : int, 0 and up
    seed : int

    Returns
    -------
    dict from each parameter's name to 0..1, with four decimals

    Source
    ------
    Halton 1960, On the efficiency of certain quasi-random sequences of points; rotated by a random offset as by Cranley and Patterson 1976.
    """
    offsets = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, texture.code]))).uniform(size=len(BASES))
    levels = {}
    for parameter, base, offset in zip(texture.parameters, BASES, offsets, strict=False):
        place = (offset + _radical_inverse(clip, base)) % 1.0
        levels[parameter.name] = round(float(np.clip((1.0 + 2.0 * OVERSHOOT) * place - OVERSHOOT, 0.0, 1.0)), 4)
    return levels


def add_textures_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add the `textures` command to a command line and return its parser."""
    parser = subparsers.add_parser("textures", help="synthesise a folder of sounds with known parameters")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make; must not exist or be empty")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same bytes (default 0)")
    parser.add_argument("--clips-per-class", type=int, default=CLIPS_PER_CLASS, metavar="N", help=f"default {CLIPS_PER_CLASS}")
    parser.add_argument("--seconds", type=float, default=CLIP_SECONDS, metavar="S", help=f"length of each clip (default {CLIP_SECONDS:g})")
    parser.add_argument("--classes", metavar="NAME,NAME", help=f"some of {','.join(TEXTURES)} (default all)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.set_defaults(run=run_textures)
    return parser


def run_textures(args: argparse.Namespace) -> int:
    """Run the `textures` command and return its exit code; a `StudioError` is left to the caller."""
    make_textures(
        args.out,
        seed=args.seed,
        clips_per_class=args.clips_per_class,
        seconds=args.seconds,
        classes=None if args.classes is None else args.classes.split(","),
        workers=args.workers,
    )
    return 0


def _radical_inverse(number: int, base: int) -> float:
    """Mirror the digits of a number at the point: 6 is 110 in base 2, which becomes 0.011."""
    place, digit = 0.0, 1.0 / base
    while number > 0:
        number, remainder = divmod(number, base)
        place += remainder * digit
        digit /= base
    return place


def _checked(seed: int, clips_per_class: int, seconds: float, classes: Sequence[str] | None, workers: int) -> list[Texture]:
    for option, value in (("--seed", seed), ("--clips-per-class", clips_per_class - 1), ("--workers", workers - 1)):
        if value < 0:
            least = 0 if option == "--seed" else 1
            raise OptionError("the number is too small", where=option, got=value + least, allowed=f"{least} and up")
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        allowed = f"{SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s"
        raise OptionError("a clip cannot have this length", where="--seconds", got=f"{seconds:g} s", allowed=allowed)
    names = list(TEXTURES) if classes is None else list(classes)
    for name in names:
        if name not in TEXTURES:
            raise OptionError("there is no such texture", where="--classes", got=repr(name), allowed=", ".join(TEXTURES))
    if not names or len(set(names)) < len(names):
        raise OptionError("each texture is named once", where="--classes", got=",".join(names) or "none", allowed=", ".join(TEXTURES))
    return [texture for texture in TEXTURES.values() if texture.name in names]


def _made(jobs: Sequence[Job], workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(_make_clip, jobs)
        return
    # Spawned, not forked: a fork copies locks of threads that BLAS may have started.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(workers, len(jobs)), mp_context=context) as pool:
        with deaf_workers():
            made = pool.map(_make_clip, jobs, chunksize=4)
        yield from made


def _make_clip(job: Job) -> None:
    audio = TEXTURES[job.class_name].render(job.levels, seconds=job.seconds, seed=job.seed, clip=job.clip)
    soundfile.write(job.folder / job.name, np.round(audio * 32767.0).astype(np.int16), SAMPLE_RATE_HZ, subtype="PCM_16", format="FLAC")


def _write_sheet(path: Path, textures: Sequence[Texture], jobs: Sequence[Job]) -> None:
    columns = list(dict.fromkeys(parameter.name for texture in textures for parameter in texture.parameters))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "class", *columns])
        writer.writerows([job.name, job.class_name, *(job.levels.get(column, "") for column in columns)] for job in jobs)


def _write_description(path: Path, textures: Sequence[Texture], jobs: Sequence[Job], clips_per_class: int) -> None:
    description = {
        "version": VERSION,
        "seed": jobs[0].seed,
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "seconds": jobs[0].seconds,
        "clips_per_class": clips_per_class,
        "licence": LICENCE,
        # By hash, so that the licence is that of these sounds and not of whatever takes their names.
        "files": {job.name: hashlib.sha256((job.folder / job.name).read_bytes()).hexdigest() for job in jobs},
        "classes": {
            texture.name: {
                "summary": texture.summary,
                "parameters": {parameter.name: {"min": 0.0, "max": 1.0, "summary": parameter.summary} for parameter in texture.parameters},
            }
            for texture in textures
        },
    }
    path.write_text(json.dumps(description, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
