"""One training of the `spectral` codec as a codec folder: what it begins with, what it keeps, and how it goes on.

::

    CODEC/checkpoint.safetensors    best weights so far
    CODEC/meta.json                 kind, config, recipe, scores, licence, versions
    CODEC/last.ckpt, CODEC/logs/    state of the trainer, TensorBoard

It does not know the command line, nor the loss (`training.codec_module`).
"""

import dataclasses
import math
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from training.audio_folder import is_folder, read_audio_folder
from training.callbacks import KeepLast, StopOnInterrupt, UpdateBar
from training.codec_data import CodecData
from training.codec_module import CodecModule
from training.codec_recipe import CodecRecipe
from training.codecs.codec import read_codec_meta, read_codec_weights, write_codec
from training.codecs.spectral import HOP_FRAMES, SAMPLE_RATE_HZ
from training.errors import (
    AudioChangedError,
    NothingToResumeError,
    OutputExistsError,
    OutputFailedError,
    RecipeChangedError,
    TrainingDivergedError,
)
from training.licence import audio_licence
from training.quiet import quiet_lightning
from training.run_folder import LAST, LOGS, git_commit, library_versions, never_kept
from training.sequencer_run import THREADS, check_state

LOG_INTERVAL = 10
FREE_ON_RESUME = ("updates",)


def train_codec(
    audio: Path,
    out: Path,
    recipe: CodecRecipe,
    *,
    recipe_name: str = "codec",
    start: Path | None = None,
    resume: bool = False,
    cache: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train a codec on a folder of audio and keep the best in a codec folder; returns what its `meta.json` says.

    Parameters
    ----------
    audio : Path
        Folder of sounds; sub-folders are classes, which are drawn evenly.
    out : Path
        Codec folder: new or empty, or with `resume` one that a training has begun.
    recipe : CodecRecipe
    recipe_name : str
        For the record.
    start : Path, optional
        Codec folder whose weights a new training begins with: another stage, or other sounds.
    resume : bool
        Go on from the last state. Recipe and audio must be those it began with; `updates` may change.
    cache : Path, optional
        Where decoded audio is kept.
    say : callable
        Takes lines of text for the user.

    Raises
    ------
    OutputExistsError
        `out` holds something, and `resume` was not asked for.
    DamagedRunError, NothingToResumeError, RecipeChangedError, AudioChangedError
        What is in `out` cannot be gone on with.
    AudioFolderError
        The audio cannot be used.
    OutputFailedError
        The disk refused.
    """
    earlier = _earlier(out, recipe, resume)
    folder = read_audio_folder(audio, SAMPLE_RATE_HZ, min_seconds=recipe.crop_steps * HOP_FRAMES / SAMPLE_RATE_HZ / 2.0, cache=cache)
    for path, reason in folder.skipped:
        say(f"skipped {path}: {reason.what}")
    begin = None if start is None else _start_weights(start, recipe)
    split = folder.split(recipe.held_out_share, seed=recipe.seed)
    clips = sorted((clip.path.as_posix(), clip.sha256) for clip in folder.clips)
    if earlier is not None and [tuple(clip) for clip in earlier["clips"]] != clips:
        raise AudioChangedError("not the sounds the training began with", where=audio, hint="Start a new training")
    say(f"{folder.seconds:.0f} s of audio: {len(split.training)} clips to learn from, {len(split.held_out)} held out by file")
    meta = earlier or {
        "codec": "spectral",
        "config": dataclasses.asdict(recipe.config()),
        "recipe_name": recipe_name,
        "audio_folder": str(audio),
        "audio_seconds": round(folder.seconds, 3),
        "licence": audio_licence(folder),
        "clips": [list(clip) for clip in clips],
        "versions": library_versions(),
        "git": git_commit(),
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "training_seconds": 0.0,
        "start": [] if begin is None else _lineage(start),
    }
    meta["recipe"] = recipe.as_dict()
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _fit(out, recipe, CodecData(split, recipe), meta, None if earlier else begin, resume=earlier is not None, say=say)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailedError("could not be written", where=out, got=error.strerror) from error


def _fit(
    out: Path,
    recipe: CodecRecipe,
    data: CodecData,
    meta: dict[str, Any],
    begin: dict[str, Tensor] | None,
    *,
    resume: bool,
    say: Callable[[str], None],
) -> dict[str, Any]:
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(THREADS)
    seconds_before, started = meta["training_seconds"], time.monotonic()

    def keep(module: CodecModule, scores: dict[str, float]) -> None:
        seconds = round(seconds_before + time.monotonic() - started, 3)
        now = meta | {"updates": module.global_step, "training_seconds": seconds, "scores": {k: round(v, 6) for k, v in scores.items()}}
        write_codec(out, now, module.codec.state_dict())

    torch.manual_seed(recipe.seed)
    module = CodecModule(recipe, keep)
    if begin is not None:
        module.codec.load_state_dict(begin)
    stop = StopOnInterrupt(data.batches)
    with quiet_lightning(), stop.listening():
        trainer = pl.Trainer(
            accelerator="auto",
            devices=1,
            max_steps=recipe.updates,
            num_sanity_val_steps=0,
            log_every_n_steps=LOG_INTERVAL,
            logger=TensorBoardLogger(out, name=LOGS, version=""),
            callbacks=[stop, UpdateBar(recipe.updates, say), KeepLast(out / LAST)],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, datamodule=data, ckpt_path=out / LAST if resume else None, weights_only=True)
    if math.isinf(module.best_loss):
        raise TrainingDivergedError(
            "no held-out loss was a number", where=out, got=f"learning_rate {recipe.learning_rate:g}", hint="Lower it in the recipe"
        )
    return read_codec_meta(out) | {"interrupted": stop.interrupted and trainer.global_step < recipe.updates}


def _start_weights(start: Path, recipe: CodecRecipe) -> dict[str, Tensor]:
    meta = read_codec_meta(start)
    if meta["codec"] != "spectral" or meta["config"] != dataclasses.asdict(recipe.config()):
        hint = "Give the recipe the sizes of the codec to start from"
        raise RecipeChangedError("another codec than the recipe's", where=start, got=meta["config"], allowed=recipe.config(), hint=hint)
    return read_codec_weights(start, meta)


def _lineage(start: Path) -> list[dict[str, Any]]:
    """Return what came before: recipe, updates, time and weights of every stage, the first one first."""
    meta = read_codec_meta(start)
    stage = {name: meta.get(name) for name in ("recipe", "recipe_name", "updates", "training_seconds", "checkpoint_sha256", "git")}
    return [*meta.get("start", []), stage]


def _earlier(out: Path, recipe: CodecRecipe, resume: bool) -> dict[str, Any] | None:
    """Return what the training to resume says, or None for a new one; refuse what can be neither."""
    if is_folder(out) and never_kept(out) and (not resume or any(out.iterdir())):
        return None
    if not resume:
        if os.path.lexists(out):
            raise OutputExistsError("there is something there already", where=out, hint="Choose another --out, or go on with it: --resume")
        return None
    meta = read_codec_meta(out)
    if "recipe" not in meta or not (out / LAST).is_file():
        raise NothingToResumeError("no state to go on from", where=out / LAST, hint="Start again in another --out")
    for name, value in recipe.as_dict().items():
        if name not in FREE_ON_RESUME and meta["recipe"].get(name) != value:
            got, allowed = value, meta["recipe"].get(name)
            raise RecipeChangedError("a resumed training keeps its recipe", where=f"{out}: {name}", got=got, allowed=allowed)
    state = check_state(out / LAST)
    if state["global_step"] >= recipe.updates:
        raise NothingToResumeError("the training is finished", where=out, got=f"{state['global_step']} updates", hint="Raise --updates")
    return meta
