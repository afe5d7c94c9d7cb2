"""A trained sequencer together with the frames it did and did not learn from: what a report judges it by.

It knows run folders and audio folders, no score.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.audio_folder import is_folder
from training.errors import AudioChangedError, DamagedRunError, MissingFolderError

if TYPE_CHECKING:
    from training.audio_folder import Clip
    from training.sequencer_folder import RunMeta
    from training.sequencer_models import SequencerModel

__all__ = ["RunFrames", "context_of", "is_run", "read_run"]

KIND = "sequencer"
MIN_CONTEXT = 64
"""Frames of history that everyone gets at least: 1.5 s, more than the LSTM needs to find out where it is."""

Frames = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RunFrames:
    """A trained sequencer and the frames it did and did not learn from, as it z-scores them.

    Attributes
    ----------
    meta : RunMeta
    model : SequencerModel
    training, held_out : list of float32 array, shape (S, D)
    held_out_clips : tuple of Clip, of each of `held_out`
    training_labels : tuple of str, one per piece of `training`
    audio : Path, the folder
    """

    meta: "RunMeta"
    model: "SequencerModel"
    training: list[Frames]
    held_out: list[Frames]
    held_out_clips: "tuple[Clip, ...]"
    training_labels: tuple[str, ...]
    audio: Path


def is_run(path: Path) -> bool:
    """Tell whether a path is a folder that a training of a sequencer left, rather than a patch or the run of another kind."""
    # A patch says so in patch.json, and no run has one.
    if not path.is_dir() or (path / "patch.json").is_file():
        return False
    try:
        meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        # A training that kept nothing yet; `read_meta` says so.
        return (path / "logs").is_dir() or (path / "last.ckpt").is_file()
    except (OSError, ValueError, RecursionError):
        return True
    return not isinstance(meta, dict) or meta.get("kind", KIND) == KIND


def read_run(run: Path, data: Path | None = None) -> RunFrames:
    """Read a run with its sounds, split as when it learned.

    Raises
    ------
    RunError
        As `load_sequencer`; nothing was held out; or the sounds are not those it learned from.
    MissingFolderError, AudioFolderError
    """
    from training.sequencer_data import read_frames
    from training.sequencer_models import load_sequencer

    meta, model = load_sequencer(run)
    if not any(clip["split"] == "held_out" for clip in meta.clips):
        raise DamagedRunError("nothing was held out, so there is nothing to judge it by", where=run / "meta.json", hint="Train again")
    audio = data or Path(meta.audio_folder)
    if not is_folder(audio):
        raise MissingFolderError("the sounds it learned from are not there", where=audio, hint="Say where they are: --data DIR")
    recipe = meta.sequencer_recipe()
    frames = read_frames(
        audio,
        held_out_share=recipe.held_out_share,
        seed=recipe.seed,
        spec=meta.spec(),
        remove_outliers=recipe.remove_outliers,
        channels=meta.channel_rule,
    )
    if frames.content != meta.content_sha256:
        hint = "Only these can tell what it has not learned. Say where they are: --data DIR"
        raise AudioChangedError("not the sounds that the run learned from", where=audio, hint=hint)
    mean, std = np.asarray(meta.mean, dtype=np.float32), np.asarray(meta.std, dtype=np.float32)

    def scored(side: str) -> list[Frames]:
        # As the model saw them, whatever a new version of a library makes of the statistics.
        return [((piece * frames.std + frames.mean - mean) / std).astype(np.float32) for piece in frames.pieces(side)]

    return RunFrames(
        meta,
        model,
        scored("training"),
        scored("held_out"),
        tuple(part.clip for part in frames.held_out for _ in part.pieces),
        tuple(part.clip.class_name for part in frames.training for _ in part.pieces),
        audio,
    )


def context_of(model: "SequencerModel") -> int:
    """Return how many frames of history a model is judged with: what it was trained with, and no less than the linear predictor needs."""
    return max(MIN_CONTEXT, model.history_frames)
