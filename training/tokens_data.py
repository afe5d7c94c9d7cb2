"""Windows of a token dataset, balanced over its classes, for the token transformer.

It does not know the model. Every batch is made from the seed and its update number alone, so a resumed training sees what an uninterrupted
one would have seen, whatever stopped it.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.tokens_dataset import TokenClip, TokenDataset
from training.tokens_errors import EmptyClassError, NoHeldOutError, ShortClipError
from training.tokens_recipe import TokensRecipe

__all__ = ["HeldOutWindows", "TokenWindows", "TokensData", "clip_condition"]

# A clip that is less than this of one class is a blend.
PURE_WEIGHT = 0.999
# A stream is longer than a training window, so it is judged at twice that where the clips are long enough.
HELD_OUT_LENGTHS = 2
HELD_OUT_BATCH = 16
# Windows to judge by are the same in every run, whatever its seed: their scores can be compared.
HELD_OUT_SEED = 20_011
MIN_HELD_OUT_STEPS = 2

Batch = tuple[Tensor, Tensor, Tensor]
"""Codes of the steps before (B, S, K), conditions (B, S, C), codes to predict (B, S, K)."""


def clip_condition(clip: TokenClip, random: np.random.Generator, jitter: float = 0.0) -> NDArray[np.float32]:
    """Return a clip's condition (C,): its classes, then its parameters 0..1.

    A parameter that its class does not have is drawn uniformly: so the model learns that it means nothing there.
    """
    values = clip.values + (random.normal(0.0, jitter, clip.values.shape) if jitter else 0.0)
    anything = random.random(clip.values.shape)
    values = np.where(np.isnan(clip.values), anything, np.clip(values, 0.0, 1.0))
    return np.concatenate([clip.weights, values]).astype(np.float32)


class TokenWindows:
    """The training batches of one stretch of updates.

    Parameters
    ----------
    clips : sequence of TokenClip
        All at least `recipe.window_steps` long.
    codebook_size : int
    recipe : TokensRecipe
    next_update : callable returning the number of the next update
    """

    def __init__(self, clips: Sequence[TokenClip], codebook_size: int, recipe: TokensRecipe, next_update: Callable[[], int]):
        self._clips = clips
        self._codebook_size = codebook_size
        self._recipe = recipe
        self._next_update = next_update
        self._groups, self._group_share = _groups(clips, recipe.blend_share)
        self.stop = False

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the next stretch, or fewer once `stop` is set."""
        first = self._next_update()
        for update in range(first, min(first + self._recipe.validation_interval, self._recipe.updates)):
            if self.stop:
                return
            yield self.batch(update)

    def batch(self, update: int) -> Batch:
        """Return one update's windows."""
        recipe, random = self._recipe, np.random.default_rng((self._recipe.seed, update))
        windows = [self._window(random) for _ in range(recipe.batch_size)]
        whole, condition = (np.stack(parts) for parts in zip(*windows, strict=True))  # (B, S + 1, K), (B, S, C)
        heard = whole[:, :-1].copy()
        batch, steps, codebooks = heard.shape
        wrong = (random.random((batch, steps)) < recipe.corruption) & (heard[..., 0] >= 0)
        heard[wrong] = random.integers(0, self._codebook_size, (int(wrong.sum()), codebooks))
        if codebooks > 1:
            for row in np.flatnonzero(random.random(batch) < recipe.codebook_dropout):
                heard[row, :, random.integers(1, codebooks) :] = -1
        heard[random.random(batch) < recipe.start_share, 0] = -1
        return torch.from_numpy(heard), torch.from_numpy(condition), torch.from_numpy(whole[:, 1:])

    def _window(self, random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return codes (S + 1, K), the first of them the step before, and conditions (S, C)."""
        steps = self._recipe.window_steps
        group = self._group(random)
        codes, condition = self._piece(random, group, steps)
        conditions = np.repeat(condition[None], steps, 0)
        if steps > 1 and random.random() < self._recipe.splice_share:
            cut = int(random.integers(1, steps))
            near = random.random() < self._recipe.near_share
            other, condition = self._piece(random, group if near else self._group(random), steps - cut)
            codes = np.concatenate([codes[: cut + 1], other[1:]])
            conditions[cut:] = condition
        return codes, conditions

    def _group(self, random: np.random.Generator) -> int:
        return int(random.choice(len(self._groups), p=self._group_share))

    def _piece(self, random: np.random.Generator, group: int, steps: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        members, share = self._groups[group]
        clip = self._clips[members[random.choice(len(members), p=share)]]
        codes = _codes(clip, int(random.integers(0, clip.codes.shape[1] - steps + 1)), steps)
        return codes, clip_condition(clip, random, self._recipe.parameter_jitter)


class HeldOutWindows:
    """Windows spread evenly over all held-out clips, always the same.

    Parameters
    ----------
    clips : sequence of TokenClip
    steps : int
        Length of each window.
    windows : int
        How many; at least one a clip is not promised.
    """

    def __init__(self, clips: Sequence[TokenClip], steps: int, windows: int):
        random = np.random.default_rng(HELD_OUT_SEED)
        codes, conditions = [], []
        for index in range(windows):
            clip = clips[index * len(clips) // windows if windows <= len(clips) else index % len(clips)]
            codes.append(_codes(clip, int(random.integers(0, clip.codes.shape[1] - steps + 1)), steps))
            conditions.append(np.repeat(clip_condition(clip, random)[None], steps, 0))
        self._batches = [
            _as_batch(codes[first : first + HELD_OUT_BATCH], conditions[first : first + HELD_OUT_BATCH])
            for first in range(0, windows, HELD_OUT_BATCH)
        ]

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches."""
        return iter(self._batches)


class TokensData(pl.LightningDataModule):
    """The two sides of a dataset as Lightning asks for them.

    Parameters
    ----------
    dataset : TokenDataset
    recipe : TokensRecipe

    Raises
    ------
    ShortClipError, EmptyClassError, NoHeldOutError
        The dataset cannot be learned from with this recipe.
    """

    def __init__(self, dataset: TokenDataset, recipe: TokensRecipe):
        super().__init__()
        learn, judge = ([clip for clip in dataset.clips if clip.split == side] for side in ("training", "held_out"))
        _check(dataset, learn, judge, recipe)
        self.batches = TokenWindows(learn, dataset.codec.codebook_size, recipe, lambda: self.trainer.global_step)
        shortest = min(clip.codes.shape[1] for clip in judge)
        self.held_out = HeldOutWindows(judge, min(HELD_OUT_LENGTHS * recipe.window_steps, shortest), recipe.held_out_windows)

    def train_dataloader(self) -> TokenWindows:
        """Return the training batches."""
        return self.batches

    def val_dataloader(self) -> HeldOutWindows:
        """Return the held-out batches."""
        return self.held_out


def _check(dataset: TokenDataset, learn: list[TokenClip], judge: list[TokenClip], recipe: TokensRecipe) -> None:
    folder = Path(dataset.folder)
    for row, clip in enumerate(dataset.clips):
        steps, least = clip.codes.shape[1], recipe.window_steps if clip.split == "training" else MIN_HELD_OUT_STEPS
        if steps < least:
            raise ShortClipError(
                "shorter than the training's window",
                where=f"{folder}: clip {row + 1} of {len(dataset.clips)}, {clip.path}",
                got=f"{steps} steps",
                allowed=f"at least {least}",
                hint=f"Prepare the dataset again with --shortest {recipe.window_steps}, or lower window_steps in the recipe",
            )
    for index, name in enumerate(dataset.classes):
        if not any(clip.weights[index] > 0.0 for clip in learn):
            raise EmptyClassError(
                "no clip to learn this class from",
                where=f"{folder}: class {name}",
                got=f"{sum(clip.weights[index] > 0.0 for clip in judge)} held out",
                hint="Prepare it with at least two clips a class",
            )
    if not judge:
        raise NoHeldOutError("no clip is held out to judge by", where=folder, hint="Prepare it with at least two clips a class")


def _groups(clips: Sequence[TokenClip], blend_share: float) -> tuple[list[tuple[NDArray[np.int64], NDArray[np.float64]]], list[float]]:
    """Return the clips of each class and of all blends, each with the share of its clips; and the share of each group."""
    blends = np.array([clip.weights.max() < PURE_WEIGHT for clip in clips])
    dominant = np.array([int(clip.weights.argmax()) for clip in clips])
    parts = [np.flatnonzero(~blends & (dominant == index)) for index in np.unique(dominant[~blends])]
    shares = [1.0 / len(parts)] * len(parts)
    if blends.any():
        blended = blend_share if parts else 1.0
        shares, parts = [*(share * (1.0 - blended) for share in shares), blended], [*parts, np.flatnonzero(blends)]
    groups = []
    for members in parts:
        # A clip is drawn in proportion to its length, so that every step of a group is as likely as every other.
        lengths = np.array([clips[index].codes.shape[1] for index in members], dtype=np.float64)
        groups.append((members, lengths / lengths.sum()))
    return groups, shares


def _codes(clip: TokenClip, start: int, steps: int) -> NDArray[np.int64]:
    """Return `steps` steps from `start` with the step before them, -1 before the clip's first: (steps + 1, K)."""
    codes = np.full((steps + 1, clip.codes.shape[0]), -1, dtype=np.int64)
    first = max(0, start - 1)
    piece = clip.codes[:, first : start + steps].T
    codes[steps + 1 - len(piece) :] = piece
    return codes


def _as_batch(codes: list[NDArray[np.int64]], conditions: list[NDArray[np.float32]]) -> Batch:
    whole = torch.from_numpy(np.stack(codes))
    return whole[:, :-1], torch.from_numpy(np.stack(conditions)), whole[:, 1:]
