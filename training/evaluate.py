"""``python -m training evaluate``: judges what was trained, writes a page and its scores; what is asked decides how.

A patch is rendered through the stage and judged against held-out sounds, here. The run of a sequencer is judged on the files that it has
not learned from: `training.sequencer_report`.

::

    DIR/scores.json    every number
    DIR/report.html    the same for eyes and ears, self-contained

It wires the parts of `training.evaluation`; what a score means is said there. It never imports the stage.
"""

import argparse
import dataclasses
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.audio_folder import is_folder
from training.deaf_workers import deaf_workers
from training.errors import OptionError
from training.evaluation.report_folder import REPORT, SCORES, machine_name, make_folder
from training.sequencer_report import QUICK as QUICK_RUN
from training.sequencer_report import SequencerOptions, evaluate_sequencer
from training.sequencer_report_frames import is_run

if TYPE_CHECKING:
    from patches.manifest import Manifest
    from training.codecs.codec import Codec

__all__ = ["EvaluateOptions", "add_evaluate_parser", "evaluate", "run_evaluate"]

FORMAT = 1
EMBEDDING_NAMES = ("log-mel", "clap")
LEVELS_RANGE, SECONDS_RANGE, DRIFT_MINUTES_MAX, TAKES_MAX, WORKERS_MAX = (2, 101), (2.0, 60.0), 24 * 60.0, 20, 64
TWINS_PER_CLASS = 20
QUICK = {"levels": 4, "seconds": 4.0, "takes": 1, "drift_minutes": 0.5}
RUN_NUMBERS = {
    "origins": "moments to predict from at most",
    "samples": "draws after each of some of them",
    "mosaics": "held-out sounds to go on from",
    "hops": "length of a mosaic",
}
PATCH_ONLY = ("levels", "seconds", "takes", "drift_minutes", "embedding", "workers", "codec")
OWN_REPORT = "report"
QUICK_TWINS, QUICK_CLIPS, QUICK_BLEND_S = 4, 12, 8.0

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """What can be asked for; see the command's help."""

    patch: str
    data: Path
    report: Path
    levels: int = 11
    seconds: float = 12.0
    takes: int = 2
    seed: int = 0
    drift_minutes: float = 30.0
    embedding: str = "log-mel"
    workers: int = 2
    codec: Path | None = None
    quick: bool = False

    def check(self) -> None:
        """Raise OptionError for the first value that cannot be."""
        for option, value, low, high in (
            ("--levels", self.levels, *LEVELS_RANGE),
            ("--seconds", self.seconds, *SECONDS_RANGE),
            ("--takes", self.takes, 1, TAKES_MAX),
            ("--seed", self.seed, 0, 2**31 - 1),
            ("--drift-minutes", self.drift_minutes, 0.0, DRIFT_MINUTES_MAX),
            ("--workers", self.workers, 1, WORKERS_MAX),
        ):
            if not low <= value <= high:
                raise OptionError("the number cannot be", where=option, got=f"{value:g}", allowed=f"{low:g} to {high:g}")
        if self.embedding not in EMBEDDING_NAMES:
            raise OptionError("no such embedding", where="--embedding", got=self.embedding, allowed=", ".join(EMBEDDING_NAMES))
        if not is_folder(self.data):
            raise OptionError("no such folder of sounds", where="--data", got=self.data, allowed="a folder with audio files in it")


def add_evaluate_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say) -> argparse.ArgumentParser:
    """Add the `evaluate` command to a command line and return its parser."""
    parser = commands.add_parser(
        "evaluate",
        help="judge a patch, or the run of a sequencer, against held-out sounds",
        description="Render a patch through the stage and judge it against real sounds it has not learned from; or judge the run of a "
        "sequencer on the files it has not learned from. Write a page with scores.",
    )
    default = {field.name: field.default for field in dataclasses.fields(EvaluateOptions)}
    # None is "not said": --quick fills what is not said with less.
    parser.add_argument("patch", metavar="RUN|PATCH", help="slug or folder of a patch, or the run folder of a sequencer")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="of a patch: folder of real sounds, its sub-folders are classes; of a run: the sounds it learned from, where they have moved",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help=f"folder for {REPORT} and {SCORES} (of a run: its own folder {OWN_REPORT}, if left out)"
    )
    parser.add_argument("--levels", type=int, metavar="N", help=f"levels of each parameter (default {default['levels']})")
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help=f"heard at once (default {default['seconds']:g}: gusts take that long; clips may be shorter)",
    )
    parser.add_argument(
        "--takes", type=int, metavar="N", help=f"renders of each level, each with its own seed (default {default['takes']})"
    )
    parser.add_argument("--seed", type=int, default=default["seed"], metavar="N", help="of renders, folds and mixtures (default 0)")
    parser.add_argument("--drift-minutes", type=float, metavar="M", help=f"long render (default {default['drift_minutes']:g}; 0: none)")
    parser.add_argument("--embedding", metavar="NAME", help="log-mel (default), or clap where its weights are")
    parser.add_argument("--workers", type=int, metavar="N", help=f"processes at once (default {default['workers']})")
    parser.add_argument(
        "--codec",
        type=Path,
        metavar="CODEC",
        help="codec folder that encodes for a patch without an encoder; one that has an encoder is judged by its own",
    )
    of_run = parser.add_argument_group("of a run")
    of_run.add_argument(
        "--patch", dest="mosaic", metavar="PATCH", help="mosaic patch exported from the run: mosaics, and a map of its corpus"
    )
    run_default = {field.name: field.default for field in dataclasses.fields(SequencerOptions)}
    for name, what in RUN_NUMBERS.items():
        of_run.add_argument(f"--{name}", type=int, metavar="N", help=f"{what} (default {run_default[name]})")
    parser.add_argument("--quick", action="store_true", help="a glance: fewer and shorter renders than a verdict needs")
    parser.set_defaults(run=partial(run_evaluate, say=say))
    return parser


def run_evaluate(options: argparse.Namespace, say: Say) -> int:
    """Run the `evaluate` command and return its exit code; a `StudioError` is left to the caller."""
    if is_run(Path(options.patch)):
        return _run_sequencer(options, say)
    for name in ("mosaic", *RUN_NUMBERS):
        if getattr(options, name) is not None:
            option = "--patch" if name == "mosaic" else f"--{name}"
            raise OptionError("only of the run of a sequencer", where=option, got=options.patch, allowed="a run folder to evaluate")
    if options.report is None:
        raise OptionError(
            "where is the report of a patch to go?", where="--report", allowed="a folder", hint="A patch holds none of its own"
        )
    if options.data is None:
        raise OptionError("a patch is judged against real sounds", where="--data", allowed="a folder with audio files in it")
    names = {field.name for field in dataclasses.fields(EvaluateOptions)}
    given = {name: value for name, value in vars(options).items() if name in names and value is not None}
    scores = evaluate(EvaluateOptions(**((QUICK if options.quick else {}) | given)))

    from training.evaluation.verdict import findings, weaknesses

    for finding in findings(scores):
        value = "not measured" if finding.value is None else f"{finding.value:.3g} {finding.target.unit}".rstrip()
        sign = "≥" if finding.target.at_least else "≤"
        mark = {True: "holds", False: "DOES NOT HOLD", None: ""}[finding.holds]
        say(f"{finding.target.label}: {value} ({sign} {finding.target.bound:g}) {mark}".rstrip())
    _say_end(weaknesses(scores), options.report, scores, say)
    return 0


def _run_sequencer(options: argparse.Namespace, say: Say) -> int:
    # A run is its owner's to write in; so its report lies beside what it is about.
    options.report = options.report or Path(options.patch) / OWN_REPORT
    for name in PATCH_ONLY:
        if getattr(options, name) is not None:
            raise OptionError("only of a patch", where="--" + name.replace("_", "-"), got=options.patch, allowed="a patch to evaluate")
    names = ("data", "report", "seed", "quick", *RUN_NUMBERS)
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    asked = SequencerOptions(run=Path(options.patch), patch=options.mosaic, **((QUICK_RUN if options.quick else {}) | given))
    scores = evaluate_sequencer(asked, machine_name(), say)

    from training.evaluation.sequencer_verdict import horizon_findings, sequencer_weaknesses

    for finding in horizon_findings(scores["horizon"]):
        ratio = "" if finding.ratio is None else f"{finding.ratio:.3f} of the error of repeating the last frame: "
        say(f"{finding.horizon} steps ahead: {ratio}{finding.words}")
    _say_end(sequencer_weaknesses(scores), options.report, scores, say)
    return 0


def _say_end(weaknesses: list[str], report: Path, scores: dict[str, Any], say: Say) -> None:
    for text in weaknesses:
        say(f"- {text}")
    say(f"{report / REPORT}: written after {scores['seconds']:.0f} s")


def evaluate(options: EvaluateOptions) -> dict[str, Any]:
    """Judge a patch and write the report; returns what ``scores.json`` says.

    Raises
    ------
    OptionError, EvaluationError, AudioFolderError, DataError, OutputFailedError
    """
    # Local: scipy and librosa take seconds to import, and a mistyped option should not wait for them.
    from training.evaluation.embedding import EMBEDDINGS
    from training.evaluation.judge import train_judge
    from training.evaluation.plan import BLEND_S, Sizes, make_plan
    from training.evaluation.real import read_real_sounds
    from training.evaluation.rendering import Stage
    from training.evaluation.report import report_html
    from training.evaluation.scoring import judge_renders
    from training.run_folder import write_whole

    began = time.monotonic()
    options.check()
    manifest = _manifest(options.patch)
    rate = manifest.audio.sample_rate_hz
    embed = EMBEDDINGS[options.embedding]
    if options.embedding != EMBEDDING_NAMES[0]:
        embed([], rate)  # what is missing is said now, not after the renders
    clips = QUICK_CLIPS if options.quick else None
    real = read_real_sounds(options.data, rate, manifest.controls, seconds=options.seconds, clips_per_class=clips)
    twins = QUICK_TWINS if options.quick else TWINS_PER_CLASS
    blend_s = max(real.piece_seconds, QUICK_BLEND_S if options.quick else BLEND_S)
    plan = make_plan(
        manifest.controls, real, Sizes(options.levels, options.takes, twins, blend_s, 60.0 * options.drift_minutes), seed=options.seed
    )
    make_folder(options.report)
    reasons: dict[str, str] = {}
    codec = _codec(options.patch, options.codec, manifest, reasons)
    # Beside the report, as half an hour of sound may not fit where the system keeps its temporary files.
    with tempfile.TemporaryDirectory(dir=options.report, prefix=".renders.") as work, _pool(options.workers) as pool:
        judge = None
        if any(control.id.startswith("class_") for control in manifest.controls):
            judge = train_judge(real, partial(_describe, pool), seed=options.seed)
        renders = Stage(options.patch, rate, Path(work), options.workers).render(plan.jobs)
        scores, curves, examples = judge_renders(manifest, real, plan, renders, judge, codec, embed, partial(_describe, pool), reasons)
    scores = {
        "format": FORMAT,
        "patch": manifest.slug,
        "quick": options.quick,
        "options": {"levels": options.levels, "seconds": real.piece_seconds, "takes": options.takes, "seed": options.seed},
        "embedding": options.embedding,
        "clips": sum(len(kind.clips) for kind in real.classes),
        "classes": [kind.name for kind in real.classes],
        "unused_classes": dict(real.unused),
        "skipped_files": len(real.skipped),
        **scores,
        "reasons": reasons,
        "renders": len(renders),
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine_name(),
    }
    title = f"{manifest.name} ({manifest.slug})"
    text = json.dumps(scores, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(options.report / REPORT, report_html(title, scores, curves, examples, rate).encode())
    write_whole(options.report / SCORES, text.encode())
    return scores


def _manifest(patch: str) -> "Manifest":
    from patches.errors import PatchError
    from patches.library import find
    from patches.reader import read_manifest
    from training.evaluation.errors import PatchUnusableError

    try:
        return read_manifest(find(patch))
    except PatchError as error:
        raise PatchUnusableError(str(error), where=patch) from error


def _codec(patch: str, folder: Path | None, manifest: "Manifest", reasons: dict[str, str]) -> "Codec | None":
    """Return the codec as the patch plays it if it can encode; otherwise None, and the reason.

    Parameters
    ----------
    patch : str
    folder : Path or None
        Codec folder that encodes for a patch without an encoder.
    manifest : Manifest
    reasons : dict
    """
    from patches.library import find
    from training.codecs.codec import open_codec
    from training.codecs.errors import CodecError
    from training.codecs.patch_codec import open_patch_codec
    from training.evaluation.played_codec import PlayedCodec

    try:
        codec: Codec = open_patch_codec(find(patch))
        if folder is not None and not any(model.role == "encoder" for model in manifest.models):
            codec = PlayedCodec(open_codec(folder), codec)
        codec.encode(np.zeros(codec.hop_frames, dtype=np.float32))
    except CodecError as error:
        reasons["codec"] = str(error)
        return None
    return codec


@contextmanager
def _pool(workers: int) -> "Iterator[ProcessPoolExecutor | None]":
    if workers == 1:
        yield None
        return
    # Spawned, not forked: a fork copies locks of threads that BLAS may have started.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _describe(pool: ProcessPoolExecutor | None, sounds: "Iterable[tuple[NDArray[np.float32], int]]") -> "list[NDArray[np.float64]]":
    if pool is None:
        return [_features(sound) for sound in sounds]
    # Before the workers start, so that Ctrl-C is heard while the sounds are read.
    sounds = list(sounds)
    with deaf_workers():
        mapped = pool.map(_features, sounds, chunksize=4)
    return list(mapped)


def _features(sound: "tuple[NDArray[np.float32], int]") -> "NDArray[np.float64]":
    from training.evaluation.features import piece_features

    return piece_features(*sound)
