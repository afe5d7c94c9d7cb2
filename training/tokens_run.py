"""One training of a token transformer as a run folder: what it begins with, what it keeps, and how it goes on.

It does not know the command line, nor the loss (`training.tokens_module`).
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from training.errors import RecipeChangedError
from training.run_folder import first_record, write_record, write_run
from training.tokens_data import TokensData
from training.tokens_dataset import TokenDataset, read_dataset
from training.tokens_errors import DatasetChangedError
from training.tokens_folder import FORMAT, KIND, TokensMeta, load_tokens, read_tokens_meta
from training.tokens_model import TokenTransformer
from training.tokens_module import TokensModule
from training.tokens_recipe import TokensRecipe
from training.trackers import check_wandb
from training.trainer import LONGER, begins_anew, check_resumable, fit, lineage, settle, stopwatch, writing

__all__ = ["TokensResult", "train_tokens"]

# What may differ when a run goes on: how long it goes on, and how fast it is computed.
FREE_ON_RESUME = (*LONGER, "precision")


@dataclass(frozen=True)
class TokensResult:
    """How a training ended: `meta` is what `meta.json` says now."""

    meta: TokensMeta
    interrupted: bool


def train_tokens(
    data: Path,
    out: Path,
    recipe: TokensRecipe,
    *,
    recipe_name: str = "small",
    start: Path | None = None,
    resume: bool = False,
    wandb: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> TokensResult:
    """Train a token transformer on a dataset and keep the best in a run folder.

    Parameters
    ----------
    data : Path
        Dataset folder.
    out : Path
        Run folder: new or empty, or with `resume` one that a training has begun. Logs of one that kept nothing do not count.
    recipe : TokensRecipe
    recipe_name : str
        For the record.
    start : Path, optional
        Run folder whose weights a new training begins with: another stage, or other sounds of the same codec, classes and parameters.
    resume : bool
        Go on from the last state. The recipe and the dataset must be those it began with; `updates`, `patience`, `precision` may change.
    wandb : str, optional
        Weights & Biases project to report to, beside TensorBoard.
    say : callable
        Takes lines of text for the user.

    Returns
    -------
    TokensResult

    Raises
    ------
    OutputExistsError
        `out` holds something, and `resume` was not asked for.
    MissingRunError, MissingCheckpointError, DamagedRunError, NothingToResumeError, RecipeChangedError, DatasetChangedError
        What is in `out` cannot be gone on with.
    StudioError
        The dataset cannot be read, or cannot be learned from: `training.tokens_errors`.
    WandbMissingError
        `wandb` is given and not installed.
    TrainingDivergedError
        No held-out loss was a number.
    OutputFailedError
        The disk refused.
    """
    check_wandb(wandb)
    earlier = _earlier(out, recipe, resume)
    dataset = read_dataset(data)
    if earlier is not None:
        _check_dataset(data, dataset, earlier)
    batches = TokensData(dataset, recipe)
    begin = None if start is None or earlier is not None else _begin(start, dataset, recipe)
    meta = earlier or _first_meta(data, dataset, recipe, recipe_name)
    # The same dataset may have moved.
    meta = dataclasses.replace(meta, recipe=recipe.as_dict(), dataset=str(data), finished=False)
    if begin is not None:
        meta = dataclasses.replace(meta, start=lineage(vars(begin[0])))
    seconds = meta.clips["training_steps"] * dataset.codec.hop_frames / dataset.codec.sample_rate_hz
    say(f"{seconds:.0f} s to learn from in {meta.clips['training']} clips, {meta.clips['held_out']} held out, {len(meta.classes)} classes")
    with writing(out):
        return _fit(out, recipe, batches, meta, begin, resume=earlier is not None, wandb=wandb, say=say)


def _fit(
    out: Path,
    recipe: TokensRecipe,
    data: TokensData,
    meta: TokensMeta,
    begin: tuple[TokensMeta, TokenTransformer] | None,
    *,
    resume: bool,
    wandb: str | None,
    say: Callable[[str], None],
) -> TokensResult:
    seconds = stopwatch(meta.training_seconds)

    def keep(module: TokensModule, scores: dict[str, float]) -> None:
        done = module.global_step
        now = dataclasses.replace(meta, updates=done, updates_done=done, training_seconds=seconds(), scores=scores)
        write_run(out, now, module.average)

    settle(recipe.seed)
    module = TokensModule(recipe, meta.size(), keep)
    if begin is not None:
        module.model.load_state_dict(begin[1].state_dict())
        module.average.load_state_dict(begin[1].state_dict())
    meta = dataclasses.replace(meta, parameter_count=module.model.parameter_count)
    say(f"{meta.parameter_count / 1e6:.2f} million parameters")
    half = recipe.precision == "bfloat16" or (recipe.precision == "auto" and torch.cuda.is_available())
    updates_done, interrupted = fit(
        module,
        data,
        out,
        recipe,
        resume=resume,
        say=say,
        patience=recipe.patience,
        wandb=wandb,
        gradient_clip_val=recipe.gradient_norm,
        precision="bf16-mixed" if half else "32-true",
    )
    # A resumed run that found nothing better keeps its old weights, but not its old wishes.
    final = dataclasses.replace(
        read_tokens_meta(out),
        recipe=meta.recipe,
        dataset=meta.dataset,
        finished=not interrupted,
        updates_done=updates_done,
        training_seconds=seconds(),
    )
    write_record(out, final)
    return TokensResult(final, interrupted)


def _begin(start: Path, dataset: TokenDataset, recipe: TokensRecipe) -> tuple[TokensMeta, TokenTransformer]:
    """Return the run to start from; refuse one that speaks of other things, or is of another size."""
    meta, model = load_tokens(start)
    size = recipe.size(dataset.codec.codebooks, dataset.codec.codebook_size, len(dataset.classes) + len(dataset.parameters))
    names = [row["name"] for row in meta.parameters]
    same = meta.codec["identity"] == dataset.codec.identity and (meta.classes, names) == (
        list(dataset.classes),
        [row.name for row in dataset.parameters],
    )
    if not same or dataclasses.replace(meta.size(), dropout=0.0) != dataclasses.replace(size, dropout=0.0):
        hint = "Start from a run of the same codec, classes, parameters and size"
        raise RecipeChangedError("this run cannot be started from", where=start, got=", ".join([*meta.classes, *names]), hint=hint)
    return meta, model


def _earlier(out: Path, recipe: TokensRecipe, resume: bool) -> TokensMeta | None:
    """Return what the run to resume says, or None for a new one; refuse what can be neither."""
    if begins_anew(out, resume=resume):
        return None
    meta = read_tokens_meta(out)
    check_resumable(out, recipe, meta, free=FREE_ON_RESUME, hint="Leave --recipe out to go on with the run's own")
    return meta


def _check_dataset(data: Path, dataset: TokenDataset, earlier: TokensMeta) -> None:
    """Refuse a dataset that is not the one a run began with; say first if it was even made by another codec."""
    if dataset.codec.identity != earlier.codec["identity"]:
        raise DatasetChangedError(
            "made by another codec than the run's",
            where=data,
            got=f"{dataset.codec.kind} {dataset.codec.identity[:12]}",
            allowed=f"{earlier.codec['kind']} {earlier.codec['identity'][:12]}",
            hint="Prepare it with the run's codec, or start a new run",
        )
    if dataset.key != earlier.dataset_key:
        raise DatasetChangedError(
            "not the dataset the run began with", where=data, got=dataset.key[:12], allowed=earlier.dataset_key[:12], hint="Start a new run"
        )


def _first_meta(data: Path, dataset: TokenDataset, recipe: TokensRecipe, recipe_name: str) -> TokensMeta:
    sides = {side: [clip.codes.shape[1] for clip in dataset.clips if clip.split == side] for side in ("training", "held_out")}
    codec = dataset.codec
    return TokensMeta(
        format=FORMAT,
        kind=KIND,
        **first_record(recipe, recipe_name, dataset.licence),
        dataset=str(data),
        dataset_key=dataset.key,
        codec={
            "kind": codec.kind,
            "identity": codec.identity,
            "sample_rate_hz": codec.sample_rate_hz,
            "hop_frames": codec.hop_frames,
            "codebooks": codec.codebooks,
            "codebook_size": codec.codebook_size,
        },
        classes=list(dataset.classes),
        parameters=[{"name": part.name, "min": float(part.min), "max": float(part.max)} for part in dataset.parameters],
        clips={side: len(steps) for side, steps in sides.items()} | {f"{side}_steps": sum(steps) for side, steps in sides.items()},
        parameter_count=0,
        start=[],
    )
