"""One training of a sequencer as a run folder: what it begins with, what it keeps, and how it goes on.

It does not know the command line, nor the loss (`training.sequencer_module`).
"""

import dataclasses
import math
import os
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from patches.errors import printable
from training.audio_folder import is_folder
from training.callbacks import MONITOR, KeepLast, Patience, StopOnInterrupt, UpdateBar
from training.errors import (
    AudioChangedError,
    DamagedRunError,
    DescriptorsChangedError,
    NothingToResumeError,
    OptionError,
    OutputExistsError,
    OutputFailedError,
    RecipeChangedError,
    TrainingDivergedError,
)
from training.licence import audio_licence
from training.quiet import quiet_lightning
from training.recipe import SequencerRecipe
from training.run_folder import (
    LAST,
    SEQUENCER_FORMAT,
    RunMeta,
    git_commit,
    library_versions,
    load_sequencer,
    never_kept,
    read_meta,
    write_meta,
    write_run,
)
from training.sequencer_data import FrameSet, SequencerData, held_out_batches, read_frames
from training.sequencer_module import SequencerModule
from training.sequencer_scores import baseline_scores, horizon_ratios, model_scores
from training.sequencers.build import check_recipe
from training.trackers import check_wandb, trackers

# A norm reached only by the rare batch that would undo a hundred others; typical norms here are below 1.
GRADIENT_NORM = 1.0
# Two threads make an update of the default recipe a quarter faster on an idle machine, but they wait for each other after every matrix:
# beside a program that holds one of two cores an update took 7 s instead of 0.04. OMP_NUM_THREADS is the user's word against it.
THREADS = 1
LOG_INTERVAL = 10
# What may differ when a run goes on: how long it goes on.
FREE_ON_RESUME = ("updates", "patience")
ANEW = "Its weights can be exported; to train on, start again in another --out"


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended: `meta` is what `meta.json` says now."""

    meta: RunMeta
    interrupted: bool


def train_sequencer(
    audio: Path,
    out: Path,
    recipe: SequencerRecipe,
    *,
    recipe_name: str = "sequencer",
    spec: DescriptorSpec | None = None,
    resume: bool = False,
    channels: str | None = None,
    cache: Path | None = None,
    wandb: str | None = None,
    callbacks: Sequence[Callback] = (),
    say: Callable[[str], None] = lambda line: None,
) -> TrainingResult:
    """Train a sequencer on a folder of audio and keep the best in a run folder.

    Parameters
    ----------
    audio : Path
        Folder of sounds; sub-folders are classes.
    out : Path
        Run folder: new or empty, or with `resume` one that a training has begun. Logs of one that kept nothing do not count.
    recipe : SequencerRecipe
    recipe_name : str
        For the record.
    spec : DescriptorSpec, optional
        What the model learns: descriptors, hop and rate; by default the Descriptor Transformer's 39, or what the resumed run has.
    resume : bool
        Go on from the last state. The recipe and the audio must be those it began with; `updates` and `patience` may change.
    channels : str, optional
        What the patch will be: as_is, mono or stereo; by default as_is, or what the resumed run is. Descriptors are those of the mono mix.
    cache : Path, optional
        Where decoded audio is kept.
    wandb : str, optional
        Weights & Biases project to report to, beside TensorBoard. A run is resumed from its own folder, never from there.
    callbacks : sequence of Callback
        Whoever else wants to look on; a sweep ends hopeless trainings so.
    say : callable
        Takes lines of text for the user.

    Returns
    -------
    TrainingResult

    Raises
    ------
    OutputExistsError
        `out` holds something, and `resume` was not asked for.
    MissingRunError, MissingCheckpointError, OldRunError, DamagedRunError, NothingToResumeError, RecipeChangedError,
    DescriptorsChangedError, AudioChangedError
        What is in `out` cannot be gone on with.
    RecipeError
        The recipe cannot be for these descriptors.
    WandbMissingError
        `wandb` is given and not installed.
    OptionError
        `channels` is not what the resumed run is.
    AudioFolderError
        The audio cannot be used.
    OutputFailedError
        The disk refused.
    """
    check_wandb(wandb)
    earlier = _earlier(out, recipe, resume)
    spec = spec or (earlier.spec() if earlier else DEFAULT_SPEC)
    if earlier is not None and spec != earlier.spec():
        got, allowed = (f"{part.text} every {part.hop_frames} at {part.sample_rate_hz} Hz" for part in (spec, earlier.spec()))
        hint = "Leave them out to go on with the run's own"
        raise DescriptorsChangedError("a resumed run keeps its descriptors", where=out, got=got, allowed=allowed, hint=hint)
    check_recipe(recipe, len(spec))
    rule = channels or (earlier.channel_rule if earlier else "as_is")
    if earlier is not None and rule != earlier.channel_rule:
        hint = "Leave it out to go on, or start a new run"
        raise OptionError("a resumed run keeps its channels", where="--channels", got=rule, allowed=earlier.channel_rule, hint=hint)
    frames = read_frames(
        audio,
        spec=spec,
        held_out_share=recipe.held_out_share,
        seed=recipe.seed,
        remove_outliers=recipe.remove_outliers,
        channels=rule,
        cache=cache,
    )
    for path, reason in frames.skipped:
        say(f"skipped {path}: {reason.what}" + (f" ({reason.got})" if reason.got is not None else ""))
    if earlier is not None and earlier.content_sha256 != frames.content:
        _name_changed_audio(audio, earlier, frames)
    learn, judge = len(frames.training), len(frames.held_out)
    say(f"{frames.folder.seconds:.0f} s of audio: {learn} clips to learn from, {judge} held out by {frames.split}")
    if frames.outliers:
        say(f"{frames.outliers} frames left out as outliers; their files are cut there")
    meta = earlier or _first_meta(audio, recipe, recipe_name, rule, frames)
    # The same sounds may have moved.
    meta = dataclasses.replace(meta, recipe=recipe.as_dict(), audio_folder=str(audio), finished=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _fit(out, recipe, frames, meta, resume=earlier is not None, wandb=wandb, callbacks=callbacks, say=say)
    except BrokenPipeError:
        # Whoever read the lines of `say` has gone: the disk did nothing wrong.
        raise
    except OSError as error:
        raise OutputFailedError("could not be written", where=out, got=error.strerror) from error


def _fit(
    out: Path,
    recipe: SequencerRecipe,
    frames: FrameSet,
    meta: RunMeta,
    *,
    resume: bool,
    wandb: str | None,
    callbacks: Sequence[Callback],
    say: Callable[[str], None],
) -> TrainingResult:
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(THREADS)
    seconds_before, started = meta.training_seconds, time.monotonic()

    def keep(module: SequencerModule, scores: dict[str, float]) -> None:
        seconds = seconds_before + time.monotonic() - started
        now = dataclasses.replace(
            meta, updates=module.global_step, updates_done=module.global_step, training_seconds=round(seconds, 3), scores=scores
        )
        write_run(out, now, module.sequencer)

    torch.manual_seed(recipe.seed)
    module = SequencerModule(recipe, frames.spec, keep)
    module.sequencer.begin(frames.pieces("training"))
    data = SequencerData(
        frames,
        module.sequencer,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        interval=recipe.validation_interval,
        last_update=recipe.updates,
        splice_share=recipe.splice_share,
    )
    stop = StopOnInterrupt(data.batches)
    patience = Patience(MONITOR, patience=recipe.patience, check_on_train_epoch_end=False)
    with quiet_lightning(), stop.listening():
        trainer = _trainer(out, recipe, [stop, patience, UpdateBar(recipe.updates, say), *callbacks], wandb)
        trainer.fit(module, datamodule=data, ckpt_path=out / LAST if resume else None, weights_only=True)
    if math.isinf(module.best_loss):
        raise TrainingDivergedError(
            "no held-out loss was a number", where=out, got=f"learning_rate {recipe.learning_rate:g}", hint="Lower it in the recipe"
        )
    interrupted = stop.interrupted and trainer.global_step < recipe.updates
    seconds = round(seconds_before + time.monotonic() - started, 3)
    best, sequencer = load_sequencer(out)
    held_out, training, rate = frames.pieces("held_out"), frames.pieces("training"), frames.spec.sample_rate_hz / frames.spec.hop_frames
    scores = model_scores(sequencer, held_out, held_out_batches(held_out, sequencer), recipe.seed, rate)
    scores |= baseline_scores(training, held_out, sequencer.forecast_frames)
    scores |= horizon_ratios(sequencer, training, held_out, frames.spec.names)
    # A resumed run that found nothing better keeps its old weights, but not its old wishes.
    final = dataclasses.replace(
        best,
        recipe=meta.recipe,
        audio_folder=meta.audio_folder,
        finished=not interrupted,
        updates_done=trainer.global_step,
        training_seconds=seconds,
        scores=scores,
    )
    write_meta(out, final)
    return TrainingResult(final, interrupted)


def _trainer(out: Path, recipe: SequencerRecipe, callbacks: list[Callback], wandb: str | None) -> pl.Trainer:
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        max_steps=recipe.updates,
        gradient_clip_val=GRADIENT_NORM,
        num_sanity_val_steps=0,
        log_every_n_steps=LOG_INTERVAL,
        logger=trackers(out, wandb),
        callbacks=[*callbacks, KeepLast(out / LAST)],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _earlier(out: Path, recipe: SequencerRecipe, resume: bool) -> RunMeta | None:
    """Return what the run to resume says, or None for a new one; refuse what can be neither."""
    if is_folder(out) and never_kept(out) and (not resume or any(out.iterdir())):
        return None
    if not resume:
        if os.path.lexists(out):
            raise OutputExistsError("there is something there already", where=out, hint="Choose another --out, or go on with it: --resume")
        return None
    meta = read_meta(out)
    if not (out / LAST).is_file():
        raise NothingToResumeError("no state to go on from", where=out / LAST, hint="Start again in another --out")
    for name, value in recipe.as_dict().items():
        if name not in FREE_ON_RESUME and meta.recipe[name] != value:
            hint = f"Leave out --recipe and --{name} to go on with the run's own"
            raise RecipeChangedError(
                "a resumed run keeps its recipe", where=f"{out}: {name}", got=value, allowed=meta.recipe[name], hint=hint
            )
    check_state(out / LAST)
    if meta.finished and all(recipe.as_dict()[name] <= meta.recipe[name] for name in FREE_ON_RESUME):
        hint = "Export it, or raise updates or patience in the recipe"
        raise NothingToResumeError("the run is finished", where=out, got=f"{meta.updates_done} of {recipe.updates} updates", hint=hint)
    return meta


def check_state(file: Path) -> dict[str, Any]:
    """Return a trainer's state; refuse one that was cut short or is something else, before any work."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, KeyError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise DamagedRunError("not the state of a training", where=file, got=type(error).__name__, hint=ANEW) from error
    if not isinstance(state, dict) or not {"state_dict", "optimizer_states", "callbacks", "global_step"} <= state.keys():
        raise DamagedRunError("not the state of a training", where=file, hint=ANEW)
    return state


def _name_changed_audio(audio: Path, earlier: RunMeta, frames: FrameSet) -> None:
    before = {(clip["path"], clip["sha256"]) for clip in earlier.clips}
    now = {(part.clip.path.as_posix(), part.clip.sha256) for _, parts in frames.sides() for part in parts}
    changed = sorted({path for path, _ in before ^ now})
    what = "new, changed or gone since the run began" if changed else "split otherwise than when the run began"
    raise AudioChangedError(
        what, where=audio / changed[0] if changed else audio, got=f"{len(changed)} such file(s)", hint="Start a new run"
    )


def _first_meta(audio: Path, recipe: SequencerRecipe, recipe_name: str, channels: str, frames: FrameSet) -> RunMeta:
    return RunMeta(
        format=SEQUENCER_FORMAT,
        kind="sequencer",
        finished=False,
        recipe=recipe.as_dict(),
        recipe_name=recipe_name,
        descriptors=list(frames.spec.names),
        mean=frames.mean.tolist(),
        std=frames.std.tolist(),
        outliers=frames.outliers,
        audio_folder=str(audio),
        channel_rule=channels,
        licence=audio_licence(frames.folder),
        channels=frames.folder.channels,
        sample_rate_hz=frames.spec.sample_rate_hz,
        hop_frames=frames.spec.hop_frames,
        audio_seconds=round(frames.folder.seconds, 3),
        split=frames.split,
        clips=[
            {
                "path": part.clip.path.as_posix(),
                "class": part.clip.class_name,
                "sha256": part.clip.sha256,
                "split": side,
                "rows": part.rows,
            }
            for side, parts in frames.sides()
            for part in parts
        ],
        skipped=[{"path": printable(path.as_posix()), "reason": reason.what} for path, reason in frames.skipped],
        class_names=list(frames.folder.class_names),
        content_sha256=frames.content,
        versions=library_versions(),
        git=git_commit(),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        updates=0,
        updates_done=0,
        training_seconds=0.0,
        scores={},
        checkpoint_sha256="",
    )
