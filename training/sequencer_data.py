"""Descriptor frames of an audio folder, split, z-scored and cut into batches for the sequencer.

It does not know the model. Everything is in memory: an hour of sound is 24 MB of descriptors, so no loader process is worth its start.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from training.audio_folder import AudioFolder, Clip, Skipped, read_audio_folder
from training.descriptors import HOP_FRAMES, LOOKAHEAD_FRAMES, NAMES, SAMPLE_RATE_HZ, describe
from training.errors import NothingToHoldOutError

# Rows this near to either end of a file look at the silence beyond it, which is no part of the sound.
EDGE_ROWS = -(-LOOKAHEAD_FRAMES // HOP_FRAMES)
# Half a second leaves eleven rows between the edges.
MIN_SECONDS = 0.5
MIN_ROWS = 2
# A descriptor that hardly varies, as in synthetic silence, must not be blown up to unit spread. In dB, as MFCCs are, this is inaudible.
STD_FLOOR = 1e-3
# Held-out clips are judged in pieces of at most this length, so that one long file does not decide the memory needed.
HELD_OUT_ROWS = 512
HELD_OUT_BATCH = 16

Array = NDArray[np.float32]
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class FrameClip:
    """The descriptors of one clip, or of one side of it.

    Attributes
    ----------
    clip : Clip
    frames : float32 array, shape (S, 39), z-score units
    """

    clip: Clip
    frames: Array


@dataclass(frozen=True, eq=False)
class FrameSet:
    """All descriptors a training uses.

    Attributes
    ----------
    training, held_out : tuple of FrameClip
        No file is in both, unless `split` is "time".
    split : str
        "file", or "time" where the folder has too few files: then each clip's end is held out.
    mean, std : float32 array, shape (39,)
        Of the training frames alone; the z-score of both.
    folder : AudioFolder
    """

    training: tuple[FrameClip, ...]
    held_out: tuple[FrameClip, ...]
    split: str
    mean: Array
    std: Array
    folder: AudioFolder

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


def read_frames(audio: Path, *, held_out_share: float, seed: int, channels: str = "as_is", cache: Path | None = None) -> FrameSet:
    """Read, split and describe an audio folder.

    Parameters
    ----------
    audio : Path
    held_out_share : float, between 0 and 1
    seed : int
        Decides which files are held out.
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
    folder = read_audio_folder(audio, SAMPLE_RATE_HZ, channels=channels, min_seconds=MIN_SECONDS, cache=cache)
    try:
        split, rule = folder.split(held_out_share, seed=seed), "file"
    except NothingToHoldOutError:
        split, rule = folder.split_in_time(held_out_share), "time"
    with tqdm(total=len(split.training) + len(split.held_out), desc="describing", unit="clip", leave=False, disable=None) as bar:
        training = _describe(split.training, bar)
        held_out = _describe(split.held_out, bar)
    if not training or not held_out:
        raise NothingToHoldOutError(
            "too short to hold a part out for validation",
            where=audio,
            got=f"{folder.seconds:.3g} s in {len(folder.clips)} clip(s)",
            hint="Add audio, or raise held_out_share in the recipe",
        )
    frames = np.concatenate([part.frames for part in training])
    mean = frames.mean(0, dtype=np.float64).astype(np.float32)
    std = np.maximum(frames.std(0, dtype=np.float64), STD_FLOOR).astype(np.float32)
    scored = [tuple(FrameClip(part.clip, (part.frames - mean) / std) for part in side) for side in (training, held_out)]
    return FrameSet(scored[0], scored[1], rule, mean, std, folder)


def mono(audio: Array) -> Array:
    """Return the mean of the channels of (T, C) audio, (T,)."""
    return audio[:, 0] if audio.shape[1] == 1 else audio.mean(1, dtype=np.float32)


def _describe(clips: tuple[Clip, ...], bar: tqdm) -> list[FrameClip]:
    described = []
    for clip in clips:
        frames = describe(mono(clip.audio)).frames[EDGE_ROWS : -EDGE_ROWS or None]
        if len(frames) >= MIN_ROWS:
            described.append(FrameClip(clip, frames))
        bar.update()
    return described


class WindowBatches:
    """The training batches of one stretch of updates, each made from the seed and its update number alone.

    So a resumed training sees what an uninterrupted one would have seen, whatever stopped it. A clip is drawn in proportion to its length;
    a clip shorter than the window is filled up and masked.

    Parameters
    ----------
    clips : sequence of float32 array, shape (S, 39)
    window : int, frames in and frames to predict
    batch_size : int
    seed : int
    interval : int, updates of one stretch
    last_update : int, no batch is made from here on
    next_update : callable returning the number of the next update
    splice_share : float, share of windows that go on in another place from a random frame on
    """

    def __init__(
        self,
        clips: list[Array],
        *,
        window: int,
        batch_size: int,
        seed: int,
        interval: int,
        last_update: int,
        next_update: Callable[[], int],
        splice_share: float = 0.0,
    ):
        self._clips = clips
        self._window = window
        self._batch_size = batch_size
        self._seed = seed
        self._interval = interval
        self._last_update = last_update
        self._next_update = next_update
        self._splice_share = splice_share
        lengths = np.array([len(clip) for clip in clips], dtype=np.float64)
        self._share = lengths / lengths.sum()
        self.stop = False

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the next stretch, or fewer once `stop` is set."""
        first = self._next_update()
        for update in range(first, min(first + self._interval, self._last_update)):
            if self.stop:
                return
            yield self.batch(update)

    def batch(self, update: int) -> Batch:
        """Return frames (B, W, 39), the frames that follow them (B, W, 39) and which of those are real (B, W)."""
        random = np.random.default_rng((self._seed, update))
        frames = np.zeros((self._batch_size, self._window + 1, len(NAMES)), dtype=np.float32)
        real = np.zeros((self._batch_size, self._window), dtype=np.float32)
        for row, index in enumerate(random.choice(len(self._clips), size=self._batch_size, p=self._share)):
            clip = self._clips[index]
            length = min(len(clip), self._window + 1)
            start = random.integers(0, len(clip) - length + 1)
            frames[row, :length] = clip[start : start + length]
            real[row, : length - 1] = 1.0
        if self._splice_share > 0.0:
            for row in np.flatnonzero(random.random(self._batch_size) < self._splice_share):
                self._splice(random, frames[row], real[row])
        whole = torch.from_numpy(frames)
        return whole[:, :-1], whole[:, 1:], torch.from_numpy(real)

    def _splice(self, random: np.random.Generator, frames: Array, real: Array) -> None:
        """From a random frame on, let a window go on in another place of the folder."""
        cut = int(random.integers(1, self._window))
        clip = self._clips[random.choice(len(self._clips), p=self._share)]
        length = min(len(clip), self._window + 1 - cut)
        start = random.integers(0, len(clip) - length + 1)
        frames[cut:] = 0.0
        frames[cut : cut + length] = clip[start : start + length]
        # What precedes the cut may be filling already: then the cut itself is nothing to learn from.
        real[cut:] = 0.0
        real[cut : cut + length - 1] = 1.0


class HeldOutBatches:
    """Every held-out frame once as something to predict, in batches like those of `WindowBatches`.

    Parameters
    ----------
    clips : list of float32 array, shape (S, 39)
    """

    def __init__(self, clips: list[Array]):
        pieces = []
        for clip in clips:
            # Each piece begins with the last frame of the one before it, which is where its first prediction starts from.
            pieces += [clip[start : start + HELD_OUT_ROWS + 1] for start in range(0, len(clip) - 1, HELD_OUT_ROWS)]
        pieces.sort(key=len)
        self._batches = [_padded(pieces[first : first + HELD_OUT_BATCH]) for first in range(0, len(pieces), HELD_OUT_BATCH)]

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches, shortest pieces first."""
        return iter(self._batches)


def _padded(pieces: list[Array]) -> Batch:
    rows = max(len(piece) for piece in pieces)
    frames = np.zeros((len(pieces), rows, len(NAMES)), dtype=np.float32)
    real = np.zeros((len(pieces), rows - 1), dtype=np.float32)
    for row, piece in enumerate(pieces):
        frames[row, : len(piece)] = piece
        real[row, : len(piece) - 1] = 1.0
    whole = torch.from_numpy(frames)
    return whole[:, :-1], whole[:, 1:], torch.from_numpy(real)


class SequencerData(pl.LightningDataModule):
    """The two sides of a `FrameSet` as Lightning asks for them.

    Parameters
    ----------
    frames : FrameSet
    window, batch_size, seed, interval, last_update : int
    splice_share : float
        As in `WindowBatches`.
    """

    def __init__(self, frames: FrameSet, *, window: int, batch_size: int, seed: int, interval: int, last_update: int, splice_share: float):
        super().__init__()
        self.batches = WindowBatches(
            [part.frames for part in frames.training],
            window=window,
            batch_size=batch_size,
            seed=seed,
            interval=interval,
            last_update=last_update,
            next_update=lambda: self.trainer.global_step,
            splice_share=splice_share,
        )
        self._held_out = HeldOutBatches([part.frames for part in frames.held_out])

    def train_dataloader(self) -> WindowBatches:
        """Return the training batches."""
        return self.batches

    def val_dataloader(self) -> HeldOutBatches:
        """Return the held-out batches."""
        return self._held_out
