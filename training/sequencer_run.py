"""One training of a sequencer as a run folder: what it begins with, what it keeps, and how it goes on.

It does not know the command line, nor the loss (`training.sequencer_module`).
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from patches.errors import printable
from training.errors import AudioChangedError, DescriptorsChangedError, OptionError
from training.licence import audio_licence
from training.recipe import SequencerRecipe
from training.run_folder import first_record, write_record, write_run
from training.sequencer_data import FrameSet, SequencerData, held_out_batches, read_frames
from training.sequencer_folder import FORMAT, KIND, RunMeta, load_sequencer, read_meta
from training.sequencer_module import SequencerModule
from training.sequencer_scores import baseline_scores, horizon_ratios, model_scores
from training.sequencers.build import check_recipe
from training.trackers import check_wandb
from training.trainer import LONGER, begins_anew, check_resumable, fit, settle, stopwatch, writing

# A norm reached only by the rare batch that would undo a hundred others; typical norms here are below 1.
GRADIENT_NORM = 1.0


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
    with writing(out):
        return _fit(out, recipe, frames, meta, resume=earlier is not None, wandb=wandb, callbacks=callbacks, say=say)


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
    seconds = stopwatch(meta.training_seconds)

    def keep(module: SequencerModule, scores: dict[str, float]) -> None:
        done = module.global_step
        now = dataclasses.replace(meta, updates=done, updates_done=done, training_seconds=seconds(), scores=scores)
        write_run(out, now, module.sequencer)

    settle(recipe.seed)
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
    updates_done, interrupted = fit(
        module,
        data,
        out,
        recipe,
        resume=resume,
        say=say,
        patience=recipe.patience,
        wandb=wandb,
        callbacks=callbacks,
        gradient_clip_val=GRADIENT_NORM,
    )
    training_seconds = seconds()
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
        updates_done=updates_done,
        training_seconds=training_seconds,
        scores=scores,
    )
    write_record(out, final)
    return TrainingResult(final, interrupted)


def _earlier(out: Path, recipe: SequencerRecipe, resume: bool) -> RunMeta | None:
    """Return what the run to resume says, or None for a new one; refuse what can be neither."""
    if begins_anew(out, resume=resume):
        return None
    meta = read_meta(out)
    check_resumable(out, recipe, meta, free=LONGER, hint="Leave out --recipe and --{} to go on with the run's own")
    return meta


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
        format=FORMAT,
        kind=KIND,
        **first_record(recipe, recipe_name, audio_licence(frames.folder)),
        descriptors=list(frames.spec.names),
        mean=frames.mean.tolist(),
        std=frames.std.tolist(),
        outliers=frames.outliers,
        audio_folder=str(audio),
        channel_rule=channels,
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
    )
