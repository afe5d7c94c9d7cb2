"""``python -m training evaluate RUN``: judges a trained sequencer on the files it has not learned from, writes a page and its scores.

::

    DIR/scores.json    every number
    DIR/report.html    the same for eyes and ears, self-contained

It wires the parts of `training.evaluation`; what a score means is said there. Mosaics are made by the stage's own command from an exported
patch; the stage is never imported.
"""

import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.audio_folder import is_folder
from training.errors import DamagedRunError, OptionError
from training.evaluation.report_folder import REPORT, SCORES, make_folder
from training.sequencer_report_frames import KIND, RunFrames, context_of, read_run

if TYPE_CHECKING:
    from training.audio_folder import Clip
    from training.evaluation.linear_predictor import LinearPredictor
    from training.evaluation.sequencer_page import Heard, Trajectory

__all__ = ["SequencerOptions", "evaluate_sequencer"]

FORMAT = 1
QUICK = {"origins": 200, "samples": 8, "mosaics": 1, "hops": 40}
DRAWN_CLIPS, DRAWN_STEPS, DRAWN_PAST, DRAWN_SAMPLES = 3, 32, 32, 5
ORIGINS_RANGE, SAMPLES_RANGE, MOSAICS_MAX, HOPS_RANGE = (1, 1_000_000), (2, 256), 50, (1, 100_000)

Say = Callable[[str], None]


@dataclass(frozen=True)
class SequencerOptions:
    """What can be asked for.

    Attributes
    ----------
    run, report : Path
    data : Path, optional
        The folder that the run learned from, where it is not where it was.
    patch : str, optional
        A mosaic patch exported from the run, for the mosaics and the map of its corpus.
    origins, samples : int
        Moments to predict from, and draws after each of some of them.
    mosaics, hops : int
        Held-out sounds to go on from, and how long.
    seed : int
    quick : bool
    """

    run: Path
    report: Path
    data: Path | None = None
    patch: str | None = None
    origins: int = 2000
    samples: int = 16
    mosaics: int = 3
    hops: int = 172
    seed: int = 0
    quick: bool = False

    def check(self) -> None:
        """Raise OptionError for the first value that cannot be."""
        for option, value, low, high in (
            ("--origins", self.origins, *ORIGINS_RANGE),
            ("--samples", self.samples, *SAMPLES_RANGE),
            ("--mosaics", self.mosaics, 0, MOSAICS_MAX),
            ("--hops", self.hops, *HOPS_RANGE),
            ("--seed", self.seed, 0, 2**31 - 1),
        ):
            if not low <= value <= high:
                raise OptionError("the number cannot be", where=option, got=value, allowed=f"{low} to {high}")
        if self.data is not None and not is_folder(self.data):
            raise OptionError("no such folder of sounds", where="--data", got=self.data, allowed="the folder that the run learned from")


def evaluate_sequencer(options: SequencerOptions, machine: str, say: Say = lambda line: None) -> dict[str, Any]:
    """Judge a run and write the report; returns what ``scores.json`` says.

    Raises
    ------
    OptionError, RunError, AudioFolderError, EvaluationError, OutputFailedError
    """
    from tqdm import tqdm

    from training.evaluation.corpus_map import map_of_clips, map_of_patch
    from training.evaluation.linear_predictor import fit_linear
    from training.evaluation.sequencer_page import sequencer_html
    from training.evaluation.sequencer_spread import spread_scores
    from training.horizon_scores import choose_origins, horizon_scores
    from training.run_folder import write_whole

    began = time.monotonic()
    options.check()
    # A patch that cannot be opened is said before the work.
    patch = None if options.patch is None else _mosaic_patch(options.patch)
    corpus = None if patch is None else map_of_patch(*patch)
    heard = read_run(options.run, options.data)
    make_folder(options.report)
    names, context = heard.meta.descriptors, context_of(heard.model)
    linear = fit_linear(heard.training, context)
    reasons: dict[str, str] = {}
    chosen, possible = choose_origins([len(clip) for clip in heard.held_out], context, options.origins)
    if not chosen:
        raise DamagedRunError("no held-out clip has two frames", where=options.run, got=f"{len(heard.held_out)} clips")
    say(f"{len(chosen)} of {possible} moments of {len(heard.held_out)} held-out clips, linear predictor of order {linear.order}")
    with tqdm(total=len(chosen), desc="judging", unit="moment", leave=False, disable=None) as bar:
        horizon = horizon_scores(
            heard.model,
            heard.held_out,
            linear,
            names,
            context=context,
            most_origins=options.origins,
            seed=options.seed,
            progress=bar.update,
        )
    spread = spread_scores(heard.model, heard.held_out, linear, context=context, samples=options.samples, seed=options.seed)
    made: list[Heard] = []
    if corpus is not None:
        corpus_name = f"the corpus of {patch[1].slug}"
        made = _make_mosaics(options, heard)
    else:
        reasons["mosaics"] = "no exported patch was named with --patch"
        corpus, corpus_name = map_of_clips(list(zip(heard.training_labels, heard.training, strict=True))), "the training frames"
    scores: dict[str, Any] = {
        "format": FORMAT,
        "kind": KIND,
        "run": options.run.name,
        "selected_model": heard.meta.sequencer_recipe().selected_model,
        "recipe": heard.meta.recipe,
        "descriptors": list(names),
        "checkpoint_sha256": heard.meta.checkpoint_sha256,
        "split": heard.meta.split,
        "quick": options.quick,
        "options": {name: value for name, value in dataclasses.asdict(options).items() if isinstance(value, int)},
        "training_scores": heard.meta.scores,
        "horizon": horizon.as_dict(),
        "linear": {"order": linear.order, "ridge": linear.ridge},
        "spread": spread.as_dict(),
        "mosaics": [{"prime": one.mosaic.prime, "units": len(one.mosaic.units)} for one in made],
        "map_explained": corpus.explained,
        "reasons": reasons,
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine,
    }
    title = f"{options.run.resolve().name} ({scores['selected_model']})"
    text = json.dumps(scores, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    drawn = _trajectories(heard, linear, context, options.seed)
    write_whole(options.report / REPORT, sequencer_html(title, scores, drawn, made, corpus, corpus_name).encode())
    write_whole(options.report / SCORES, text.encode())
    return scores


def _mosaic_patch(patch: str) -> "tuple[Path, Any]":
    """Return the folder and manifest of a mosaic patch; refuse any other before the work."""
    from patches.errors import PatchError
    from patches.library import find
    from patches.reader import read_manifest
    from training.evaluation.errors import PatchUnusableError

    try:
        folder = find(patch)
        manifest = read_manifest(folder)
    except PatchError as error:
        raise PatchUnusableError(str(error), where=patch) from error
    if manifest.kind != "mosaic":
        raise PatchUnusableError("a sequencer plays a mosaic", where=patch, got=f"kind {manifest.kind}", allowed="kind mosaic")
    return folder, manifest


def _make_mosaics(options: SequencerOptions, heard: RunFrames) -> "list[Heard]":
    from training.evaluation.mosaics import render_mosaics
    from training.evaluation.sequencer_page import Heard

    clips = [heard.held_out_clips[index] for index in _one_of_each(heard.held_out_clips)[: options.mosaics]]
    primes = [(clip.path.as_posix(), heard.audio / clip.path) for clip in clips]
    # Beside the report, as renders may not fit where the system keeps its temporary files.
    with tempfile.TemporaryDirectory(dir=options.report, prefix=".mosaics.") as work:
        mosaics = render_mosaics(str(options.patch), primes, Path(work), hops=options.hops, seed=options.seed)
    return [
        Heard(mosaic, np.asarray(clip.audio).mean(axis=1, dtype=np.float32), heard.meta.sample_rate_hz)
        for mosaic, clip in zip(mosaics, clips, strict=True)
    ]


def _one_of_each(clips: "Sequence[Clip]") -> list[int]:
    """Return indices of clips, one of each class in turn."""
    labels = [clip.class_name for clip in clips]
    turns = [[index for index, label in enumerate(labels) if label == name] for name in dict.fromkeys(labels)]
    return [turn[place] for place in range(max(map(len, turns), default=0)) for turn in turns if place < len(turn)]


def _trajectories(heard: RunFrames, linear: "LinearPredictor", context: int, seed: int) -> "list[Trajectory]":
    """Return what came and what was expected in the middle of a few held-out clips."""
    import torch

    from training.evaluation.sequencer_page import Trajectory
    from training.horizon_scores import choose_origins, group_columns

    names = heard.meta.descriptors
    # The first two of every group: level and slope of the spectrum, and how they move.
    columns = [column for group in group_columns(names).values() for column in group[:2]]
    made = []
    for index in _one_of_each(heard.held_out_clips):
        clip = heard.held_out[index]
        origins, _ = choose_origins([len(clip)], context, len(clip))
        origins = [origin for origin in origins if len(clip) - origin.row >= 2]
        if not origins or len(made) == DRAWN_CLIPS:
            continue
        origin = origins[len(origins) // 4]
        history = torch.from_numpy(clip[origin.first : origin.row][None].copy())
        truth = clip[origin.row : origin.row + DRAWN_STEPS]
        steps = len(truth)
        with torch.inference_mode():
            expected = heard.model.expected(history, steps)[0].numpy()
            drawn = heard.model.forecast(history.repeat(DRAWN_SAMPLES, 1, 1), steps, 1.0, torch.Generator().manual_seed(seed)).numpy()
        past = clip[max(origin.first, origin.row - DRAWN_PAST) : origin.row]
        straight = linear.expected(history.numpy(), steps)[0]
        picked = tuple(names[column] for column in columns)
        made.append(
            Trajectory(
                heard.held_out_clips[index].path.as_posix(),
                picked,
                past[:, columns],
                truth[:, columns],
                expected[:, columns],
                straight[:, columns],
                drawn[:, :, columns],
            )
        )
    return made
