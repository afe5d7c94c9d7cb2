"""Descriptor frames of an audio folder, split, z-scored and brought to the sequencer.

It does not know the model. Everything is in memory: an hour of sound is 24 MB of descriptors, so no loader process is worth its start.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.audio_folder import AudioFolder, Clip, Skipped, read_audio_folder
from training.corpus_sound import dequantise, quantise
from training.descriptors import describe
from training.errors import NothingToHoldOutError
from training.sequencer_windows import HeldOutBatches, WindowBatches
from training.sequencers.model import SequencerModel


def edge_rows(spec: DescriptorSpec) -> int:
    """Return how many rows at either end of a file look at the silence beyond it, which is no part of the sound."""
    return -(-spec.lookahead_frames // spec.hop_frames)


# Half a second leaves eleven rows of the default hop between the edges.
MIN_SECONDS = 0.5
MIN_ROWS = 2
# A training frame so many standard deviations from its file's mean, in any descriptor, is an outlier (facts 1.3).
OUTLIER_DEVIATIONS = 5.0
# A descriptor that hardly varies, as in synthetic silence, must not be blown up to unit spread. In dB, as MFCCs are, this is inaudible.
STD_FLOOR = 1e-3

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FrameClip:
    """The descriptors of one clip, or of one side of it.

    Attributes
    ----------
    clip : Clip
    pieces : tuple of float32 array, shape (S, D), z-score units
        In time order, at least two rows each. One, or more where outliers were taken out between them.
    """

    clip: Clip
    pieces: tuple[Array, ...]

    @property
    def rows(self) -> int:
        """Rows in all pieces together."""
        return sum(len(piece) for piece in self.pieces)


@dataclass(frozen=True, eq=False)
class FrameSet:
    """All descriptors a training uses.

    Attributes
    ----------
    training, held_out : tuple of FrameClip
        No file is in both, unless `split` is "time".
    split : str
        "file", or "time" where the folder has too few files: then each clip's end is held out.
    mean, std : float32 array, shape (D,)
        Of the training frames alone; the z-score of both.
    folder : AudioFolder
    spec : DescriptorSpec
    outliers : int
        Rows left out of the training side.
    """

    training: tuple[FrameClip, ...]
    held_out: tuple[FrameClip, ...]
    split: str
    mean: Array
    std: Array
    folder: AudioFolder
    spec: DescriptorSpec
    outliers: int

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Files that were left out, each with its reason."""
        return self.folder.skipped

    @property
    def content(self) -> str:
        """One hash over all clips, their sides and their order: equal for equal data."""
        sides = [(side, part.clip.path.as_posix(), part.clip.sha256) for side, parts in self.sides() for part in parts]
        return hashlib.sha256(repr((self.split, sides)).encode()).hexdigest()

    def sides(self) -> tuple[tuple[str, tuple[FrameClip, ...]], ...]:
        """Return ("training", clips) and ("held_out", clips)."""
        return (("training", self.training), ("held_out", self.held_out))

    def pieces(self, side: str) -> list[Array]:
        """Return the frames of a side, (S, D) each; a window or a prediction stays within one."""
        return [piece for part in dict(self.sides())[side] for piece in part.pieces]


def read_frames(
    audio: Path,
    *,
    held_out_share: float,
    seed: int,
    spec: DescriptorSpec = DEFAULT_SPEC,
    remove_outliers: bool = False,
    channels: str = "as_is",
    cache: Path | None = None,
) -> FrameSet:
    """Read, split and describe an audio folder.

    Parameters
    ----------
    audio : Path
    held_out_share : float, between 0 and 1
    seed : int
        Decides which files are held out.
    spec : DescriptorSpec
    remove_outliers : bool
        Leave out training frames far from their file's mean, and cut the file there.
    channels : str
        As in `read_audio_folder`. Descriptors are always those of the mono mix.
    cache : Path, optional
        Where decoded audio is kept.

    Returns
    -------
    FrameSet

    Raises
    ------
    AudioFolderError
        The folder cannot be used, or is too short to hold anything out.
    """
    folder = read_audio_folder(audio, spec.sample_rate_hz, channels=channels, min_seconds=MIN_SECONDS, cache=cache)
    try:
        split, rule = folder.split(held_out_share, seed=seed), "file"
    except NothingToHoldOutError:
        split, rule = folder.split_in_time(held_out_share), "time"
    with tqdm(total=len(split.training) + len(split.held_out), desc="describing", unit="clip", leave=False, disable=None) as bar:
        training = _describe(split.training, spec, bar)
        held_out = _describe(split.held_out, spec, bar)
    before = sum(part.rows for part in training)
    if remove_outliers:
        training = [FrameClip(part.clip, pieces) for part in training if (pieces := without_outliers(part.pieces[0]))]
    if not training or not held_out:
        raise NothingToHoldOutError(
            "too short to hold a part out for validation",
            where=audio,
            got=f"{folder.seconds:.3g} s in {len(folder.clips)} clip(s)",
            hint="Add audio, or raise held_out_share in the recipe",
        )
    frames = np.concatenate([piece for part in training for piece in part.pieces])
    mean = frames.mean(0, dtype=np.float64).astype(np.float32)
    std = np.maximum(frames.std(0, dtype=np.float64), STD_FLOOR).astype(np.float32)
    scored = [
        tuple(FrameClip(part.clip, tuple((piece - mean) / std for piece in part.pieces)) for part in side) for side in (training, held_out)
    ]
    return FrameSet(scored[0], scored[1], rule, mean, std, folder, spec, before - len(frames))


def without_outliers(frames: Array) -> tuple[Array, ...]:
    """Cut a clip (S, D) at its outliers and return the pieces between them that are long enough to learn from.

    Time has no gap inside a piece: what stood on both sides of an outlier never becomes neighbours.
    """
    wide = frames.astype(np.float64)
    far = np.abs(wide - wide.mean(0)) >= OUTLIER_DEVIATIONS * np.maximum(wide.std(0), STD_FLOOR)
    cuts = np.flatnonzero(far.any(1))
    starts, ends = [0, *(cuts + 1)], [*cuts, len(frames)]
    return tuple(frames[start:end] for start, end in zip(starts, ends, strict=True) if end - start >= MIN_ROWS)


def mono(audio: Array) -> Array:
    """Return the mean of the channels of (T, C) audio, (T,)."""
    return audio[:, 0] if audio.shape[1] == 1 else audio.mean(1, dtype=np.float32)


def _describe(clips: tuple[Clip, ...], spec: DescriptorSpec, bar: tqdm) -> list[FrameClip]:
    described, edge = [], edge_rows(spec)
    for clip in clips:
        # As the corpus is described and played: in a band without sound 16 bits leave noise, and MFCCs hear it (up to 0.9 deviations).
        sound = dequantise(quantise(clip.audio))
        frames = describe(mono(sound), spec).frames[edge : -edge or None]
        if len(frames) >= MIN_ROWS:
            described.append(FrameClip(clip, (frames,)))
        bar.update()
    return described


class SequencerData(pl.LightningDataModule):
    """The two sides of a `FrameSet` as Lightning asks for them, cut as a model needs them.

    Parameters
    ----------
    frames : FrameSet
    model : SequencerModel
    batch_size, seed, interval, last_update : int
    splice_share : float
        As in `WindowBatches`.
    """

    def __init__(
        self, frames: FrameSet, model: SequencerModel, *, batch_size: int, seed: int, interval: int, last_update: int, splice_share: float
    ):
        super().__init__()
        self.batches = WindowBatches(
            frames.pieces("training"),
            window=model.history_frames,
            forecast=model.forecast_frames if model.multi_step else 0,
            batch_size=batch_size,
            seed=seed,
            interval=interval,
            last_update=last_update,
            next_update=lambda: self.trainer.global_step,
            splice_share=splice_share,
        )
        self._held_out = held_out_batches(frames.pieces("held_out"), model)

    def train_dataloader(self) -> WindowBatches:
        """Return the training batches."""
        return self.batches

    def val_dataloader(self) -> HeldOutBatches:
        """Return the held-out batches."""
        return self._held_out


def held_out_batches(pieces: list[Array], model: SequencerModel) -> HeldOutBatches:
    """Return held-out frames cut as a model needs them."""
    return HeldOutBatches(pieces, window=model.history_frames, forecast=model.forecast_frames if model.multi_step else 0)
