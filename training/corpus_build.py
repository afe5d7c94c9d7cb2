"""Builds a corpus folder from folders of sounds: decodes, describes and cuts every file in worker processes, and writes in one.

The files are written in the order they were listed, whatever the workers' speed, so the same sounds give the same bytes.
"""

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from patches.corpus_folder import is_corpus_folder
from patches.corpus_manifest import CorpusFile, CorpusManifest, Segmentation, SkippedFile
from patches.descriptors import DescriptorSpec
from patches.errors import PatchError
from training.corpus_cut import SoundUnits, cut_sound, shortest_sound
from training.corpus_duplicates import Duplicates, Flicker, flicker_of
from training.corpus_files import CorpusFiles
from training.corpus_seed import SeedRows
from training.corpus_sound import describe_sound, open_sound
from training.corpus_sources import Found, Given
from training.deaf_workers import deaf_workers
from training.descriptors import describe
from training.errors import AudioFileError, NoUsableAudioError, OptionError, OutputExistsError, OutputFailedError, TooShortAudioError
from training.staging import staged

__all__ = ["Wishes", "build_corpus"]

REASONS_SHOWN = 3
SKIPPED_SHOWN = 20
WORKERS = 2
WARM_FRAMES = 16_384
Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Wishes:
    """How a corpus is to be.

    Attributes
    ----------
    spec : DescriptorSpec
    segmentation : Segmentation
    channels : int or None
        None: stereo where any sound is, else mono.
    weights : dict of str to float
        Of labels, or of folders by name; where both are given they multiply.
    keep_duplicates : bool
        Whether the same sound in another file, format or level stays in. The very same file twice never does.
    workers : int, 1 and up
    cache : Path, optional
        Where decoded sound and descriptors are kept; by default the user's.
    """

    spec: DescriptorSpec
    segmentation: Segmentation
    channels: int | None
    weights: dict[str, float]
    keep_duplicates: bool = False
    workers: int = WORKERS
    cache: Path | None = None


class _Job(NamedTuple):
    found: Found
    wishes: Wishes
    channels: int
    rows: SeedRows | None
    scratch: Path


class _Done(NamedTuple):
    """What is left of a sound in the scratch folder: its samples, its units, what it is recognised by; or why it is left out."""

    reason: str = ""
    frames: int = 0
    loudness_dbfs: float = 0.0
    turned_down_db: float = 0.0
    sound_sha256: str = ""
    is_flickering: bool = False


def build_corpus(
    out: Path,
    given: Given,
    wishes: Wishes,
    *,
    rows: dict[str, SeedRows] | None = None,
    replace: bool = False,
    say: Say = lambda line: None,
    progress: Progress | None = None,
) -> CorpusManifest:
    """Write a corpus folder, whole or not at all.

    Parameters
    ----------
    out : Path
        Must not exist, or be an empty folder, or be a corpus that is replaced.
    given : Given
        As `training.corpus_sources.find_sounds` or `training.corpus_seed.match_descriptors` returned it.
    wishes : Wishes
    rows : dict, optional
        Descriptions to use instead of our own, by the names of the sounds. Only the moments they describe become units.
    replace : bool
        Whether a corpus that is there gives way, once the new one is complete.
    say : callable
        Takes lines for the user.
    progress : callable, optional
        Called after every sound with how many are done and how many there are, in place of a progress bar.

    Returns
    -------
    CorpusManifest

    Raises
    ------
    OutputExistsError, OutputFailedError
    NoUsableAudioError
        No sound has a unit.
    OptionError
        Descriptions were given, but units are to be cut by onsets.

    Thread
    ------
    Any; starts processes of its own if asked to.
    """
    if rows is not None and wishes.segmentation.kind != "hop":
        raise OptionError("descriptions of hops cannot describe other units", where="--descriptor-json", hint="Leave out --segments onset")
    target = Path(os.path.abspath(out))  # noqa: PTH100 (resolve() would follow a link)
    _check_place(target, out, replace)
    with _place(target, out, replace) as place, staged(place, out, "the corpus", (BrokenExecutor, PatchError)) as folder:
        scratch = folder.parent / "scratch"
        scratch.mkdir()
        corpus = _fill(folder, scratch, given, wishes, rows, say, progress)
    _report(out, corpus, say)
    return corpus


def _fill(
    folder: Path,
    scratch: Path,
    given: Given,
    wishes: Wishes,
    rows: dict[str, SeedRows] | None,
    say: Say,
    progress: Progress | None,
) -> CorpusManifest:
    channels = wishes.channels or max((found.channels for found in given.found), default=1)
    if wishes.channels is None and len({found.channels for found in given.found}) > 1:
        say(f"{sum(found.channels == 1 for found in given.found)} mono sounds are doubled to stereo, as others are")
    labels = tuple(sorted({found.label for found in given.found}))
    files = CorpusFiles(folder, wishes.spec, channels, wishes.segmentation, labels)
    jobs = [
        _Job(found, wishes, channels, None if rows is None else rows[found.name], scratch / f"{place:07d}")
        for place, found in enumerate(given.found)
    ]
    try:
        files.skipped += given.skipped
        seen, sounds = Duplicates(), dict[str, str]()
        with _made(jobs, wishes.workers) as made:
            bar = tqdm(made, "describing", len(jobs), False, unit="file", disable=None if progress is None else True)
            for place, (job, done) in enumerate(zip(jobs, bar, strict=True)):
                reason = _copy_of(job, done, seen, sounds) if not done.reason and not wishes.keep_duplicates else None
                skipped = SkippedFile(job.found.name, done.reason) if done.reason else reason
                if skipped is None:
                    files.add(_entry(job, done), _load_units(job.scratch), job.scratch.with_suffix(".pcm"))
                    if done.turned_down_db > 0.0:
                        say(f"{job.found.name}: past full scale, turned down by {done.turned_down_db:.1f} dB")
                else:
                    files.skipped.append(skipped)
                for suffix in (".pcm", ".npz"):
                    job.scratch.with_suffix(suffix).unlink(missing_ok=True)
                if progress is not None:
                    progress(place + 1, len(jobs))
        for skipped in files.skipped[:SKIPPED_SHOWN]:
            say(f"skipped {skipped.path}: {skipped.reason}")
        if len(files.skipped) > SKIPPED_SHOWN:
            say(f"... and {len(files.skipped) - SKIPPED_SHOWN} more skipped; corpus.json names them all")
        if files.units == 0:
            hint = "; ".join(f"{skip.path}: {skip.reason}" for skip in files.skipped[:REASONS_SHOWN])
            raise NoUsableAudioError("no sound has a unit", got=f"{len(files.skipped)} skipped", hint=hint or None)
        # Local: it imports torch, for which nothing else here would wait.
        from training.run_folder import git_commit

        return files.finish(scratch, git_commit(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    finally:
        files.close()


def _entry(job: _Job, done: _Done) -> CorpusFile:
    weights = job.wishes.weights
    weight = weights.get(job.found.label, 1.0)
    if job.found.source != job.found.label:
        weight *= weights.get(job.found.source, 1.0)
    return CorpusFile(
        path=job.found.name,
        label=job.found.label,
        sha256=job.found.sha256,
        first_frame=0,
        frames=done.frames,
        seconds=round(done.frames / job.wishes.spec.sample_rate_hz, 6),
        loudness_dbfs=round(done.loudness_dbfs, 2),
        weight=weight,
    )


def _copy_of(job: _Job, done: _Done, seen: Duplicates, sounds: dict[str, str]) -> SkippedFile | None:
    """Say what a sound is a copy of, or remember it."""
    name = job.found.name
    if done.sound_sha256 in sounds:
        first = sounds[done.sound_sha256]
        return SkippedFile(name, f"the same samples as {first}", first)
    if done.is_flickering:
        with np.load(job.scratch.with_suffix(".npz")) as kept:
            flicker = Flicker(kept["flicker"], kept["middle"])
        if (first := seen.find(flicker)) is not None:
            return SkippedFile(name, f"the same sound as {first}, in another form (--keep-duplicates keeps both)", first)
        seen.add(name, flicker)
    sounds[done.sound_sha256] = name
    return None


def _process(job: _Job) -> _Done:
    """Decode, describe and cut one sound; its samples and units stay in the scratch folder."""
    wishes, found = job.wishes, job.found
    spec = wishes.spec
    audio_cache, descriptor_cache = (None if wishes.cache is None else wishes.cache / name for name in ("audio", "descriptors"))
    raw = job.scratch.with_suffix(".f32")
    try:
        audio = open_sound(found.path, found.sha256, spec.sample_rate_hz, audio_cache, raw)
        least = shortest_sound(wishes.segmentation)
        if len(audio) < least:
            raise TooShortAudioError("too short for a unit", where=found.path, got=f"{len(audio)} frames", allowed=f"{least} and up")
    except AudioFileError as reason:
        return _Done(str(reason))
    finally:
        raw.unlink(missing_ok=True)
    onsets = wishes.segmentation.kind == "onset"
    sound = describe_sound(audio, job.scratch.with_suffix(".pcm"), job.channels, spec, onsets=onsets, cache=descriptor_cache)
    units = cut_sound(sound, spec, wishes.segmentation)
    flicker = flicker_of(audio, spec)
    if job.rows is not None:
        units = _described_by(units, job.rows, spec.hop_frames)
        if not len(units):
            return _Done("none of the moments described has a whole unit")
    nothing = np.zeros((0, 0), np.float32)
    rows, middle = (nothing, nothing) if flicker is None else flicker
    np.savez(
        job.scratch.with_suffix(".npz"),
        descriptors=units.descriptors,
        attributes=units.attributes,
        f0_hz=units.f0_hz,
        start_frames=units.start_frames,
        length_frames=units.length_frames,
        flicker=rows,
        middle=middle,
    )
    return _Done("", sound.frames, sound.loudness_dbfs, sound.turned_down_db, sound.sha256, flicker is not None)


def _described_by(units: SoundUnits, rows: SeedRows, hop: int) -> SoundUnits:
    """Return the units that rows from elsewhere describe, described by them."""
    index = (units.start_frames + hop // 2) // hop
    ours, theirs = np.intersect1d(index, rows.index, return_indices=True)[1:]
    return SoundUnits(rows.frames[theirs], units.attributes[ours], units.f0_hz[ours], units.start_frames[ours], units.length_frames[ours])


def _load_units(scratch: Path) -> SoundUnits:
    with np.load(scratch.with_suffix(".npz")) as kept:
        return SoundUnits(*(kept[name] for name in ("descriptors", "attributes", "f0_hz", "start_frames", "length_frames")))


@contextmanager
def _made(jobs: Sequence[_Job], workers: int) -> Iterator[Iterator[_Done]]:
    """Give what the jobs come to, in their order; whatever interrupts that, no process stays."""
    if workers == 1 or len(jobs) < 2:
        yield map(_process, jobs)
        return
    # Here first: librosa's pitch tracker is compiled when it is first used, and two processes that do so at once damage Numba's cache.
    describe(np.zeros(WARM_FRAMES, np.float32), jobs[0].wishes.spec)
    # Spawned, not forked: a fork copies locks of threads that BLAS may have started.
    context = multiprocessing.get_context("spawn")
    started = context.SimpleQueue()
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_begin, initargs=(started,))
    try:
        with deaf_workers():
            made = pool.map(_process, jobs)
        yield made
    except BaseException:
        # A long sound is not waited for: what was made of it is not kept anyway.
        while not started.empty():
            os.kill(started.get(), signal.SIGTERM)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(started: "multiprocessing.SimpleQueue[int]") -> None:
    started.put(os.getpid())


def _check_place(target: Path, out: Path, replace: bool) -> None:
    if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
        return
    if not replace:
        hint = "Name another place, or add --replace" if is_corpus_folder(target) else "Name another place"
        raise OutputExistsError("is there already", where=out, hint=hint)
    if not is_corpus_folder(target) or target.is_symlink():
        raise OutputExistsError(
            "is no corpus, so it is not replaced", where=out, allowed="a folder with a corpus.json", hint="Name another place"
        )


@contextmanager
def _place(target: Path, out: Path, replace: bool) -> Iterator[Path]:
    """Give the place to write to, and put what was written in the target's place if that is another."""
    if not (replace and is_corpus_folder(target)):
        yield target
        return
    holder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".old"))
    old, new = holder / "old", holder / target.name
    try:
        yield new
        target.rename(old)
        try:
            new.rename(target)
        except OSError:
            old.rename(target)
            raise
    except OSError as error:
        raise OutputFailedError("the corpus could not be replaced", where=out, got=error.strerror, hint="The old one is there") from error
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _report(out: Path, corpus: CorpusManifest, say: Say) -> None:
    seconds, loudness = Counter[str](), dict[str, list[float]]()
    for entry in corpus.files:
        seconds[entry.label] += entry.seconds
        loudness.setdefault(entry.label, []).append(entry.loudness_dbfs)
    for label in corpus.labels:
        if label in loudness:
            levels = loudness[label]
            heard = f"{min(levels):.0f} to {max(levels):.0f} dBFS" if len(levels) > 1 else f"{levels[0]:.0f} dBFS"
            say(f"{label}: {len(levels)} sounds, {seconds[label]:.0f} s, {heard}")
    lists = ", inverted lists" if "order" in corpus.arrays else ""
    size = (corpus.audio.bytes + sum(array.bytes for array in corpus.arrays.values())) / 2**20
    say(
        f"{out}: {corpus.units} units in {corpus.frames / corpus.sample_rate_hz:.0f} s of {len(corpus.files)} sounds, {size:.0f} MiB{lists}"
    )
