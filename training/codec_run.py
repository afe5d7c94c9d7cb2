"""One training of the `spectral` codec as a codec folder: what it begins with, what it keeps, and how it goes on.

::

    CODEC/checkpoint.safetensors    best weights so far
    CODEC/meta.json                 kind, config, recipe, scores, licence, versions
    CODEC/last.ckpt, CODEC/logs/    state of the trainer, TensorBoard

It does not know the command line, nor the loss (`training.codec_module`).
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from training.audio_folder import read_audio_folder
from training.codec_data import CodecData
from training.codec_module import CodecModule
from training.codec_recipe import CodecRecipe
from training.codecs.codec import read_codec_meta, read_codec_weights, write_codec
from training.codecs.spectral import HOP_FRAMES, SAMPLE_RATE_HZ
from training.errors import AudioChangedError, NothingToResumeError, RecipeChangedError
from training.licence import audio_licence
from training.run_folder import LAST, made_now
from training.trainer import begins_anew, check_kept, check_state, fit, lineage, nothing_kept, settle, stopwatch, writing

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
        **made_now(),
        "training_seconds": 0.0,
        "start": [] if begin is None else lineage(read_codec_meta(start)),
    }
    meta["recipe"] = recipe.as_dict()
    with writing(out):
        return _fit(out, recipe, CodecData(split, recipe), meta, None if earlier else begin, resume=earlier is not None, say=say)


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
    seconds = stopwatch(meta["training_seconds"])

    def keep(module: CodecModule, scores: dict[str, float]) -> None:
        now = meta | {"updates": module.global_step, "training_seconds": seconds(), "scores": {k: round(v, 6) for k, v in scores.items()}}
        write_codec(out, now, module.codec.state_dict())

    settle(recipe.seed)
    module = CodecModule(recipe, keep)
    if begin is not None:
        module.codec.load_state_dict(begin)
    _, interrupted = fit(module, data, out, recipe, resume=resume, say=say)
    return read_codec_meta(out) | {"interrupted": interrupted}


def _start_weights(start: Path, recipe: CodecRecipe) -> dict[str, Tensor]:
    meta = read_codec_meta(start)
    if meta["codec"] != "spectral" or meta["config"] != dataclasses.asdict(recipe.config()):
        hint = "Give the recipe the sizes of the codec to start from"
        raise RecipeChangedError("another codec than the recipe's", where=start, got=meta["config"], allowed=recipe.config(), hint=hint)
    return read_codec_weights(start, meta)


def _earlier(out: Path, recipe: CodecRecipe, resume: bool) -> dict[str, Any] | None:
    """Return what the training to resume says, or None for a new one; refuse what can be neither."""
    if begins_anew(out, resume=resume):
        return None
    meta = read_codec_meta(out)
    if "recipe" not in meta or not (out / LAST).is_file():
        raise nothing_kept(out)
    check_kept(out, recipe, meta["recipe"], free=FREE_ON_RESUME, what="training")
    state = check_state(out / LAST)
    if state["global_step"] >= recipe.updates:
        raise NothingToResumeError("the training is finished", where=out, got=f"{state['global_step']} updates", hint="Raise --updates")
    return meta
