"""Crops of an audio folder for the codec, made from the seed and the update number alone. It does not know the model."""

from collections.abc import Callable, Iterator

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from training.audio_folder import Clip, Split
from training.codec_recipe import CodecRecipe
from training.codecs.spectral import HOP_FRAMES

# Held-out sound looked at: enough for a stable mean, little enough to look often.
HELD_OUT_CROPS = 48
HELD_OUT_BATCH = 12


class CropBatches:
    """The training batches of one stretch of updates. Classes are drawn evenly, clips of a class in proportion to their length.

    Parameters
    ----------
    clips : sequence of Clip
    recipe : CodecRecipe
    next_update : callable returning the number of the next update
    """

    def __init__(self, clips: tuple[Clip, ...], recipe: CodecRecipe, next_update: Callable[[], int]):
        self._recipe = recipe
        self._next_update = next_update
        self._classes = [[clip for clip in clips if clip.class_name == name] for name in sorted({clip.class_name for clip in clips})]
        lengths = [np.array([len(clip.audio) for clip in group], dtype=np.float64) for group in self._classes]
        self._shares = [length / length.sum() for length in lengths]
        self.stop = False

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the batches of the next stretch, or fewer once `stop` is set."""
        first = self._next_update()
        for update in range(first, min(first + self._recipe.validation_interval, self._recipe.updates)):
            if self.stop:
                return
            yield self.batch(update)

    def batch(self, update: int) -> Tensor:
        """Return sounds (B, crop_steps * 512)."""
        recipe = self._recipe
        random = np.random.default_rng((recipe.seed, update))
        crops = []
        for row in range(recipe.batch_size):
            group = (row + update * recipe.batch_size) % len(self._classes)
            clips = self._classes[group]
            clip = clips[random.choice(len(clips), p=self._shares[group])]
            gain = 10.0 ** (random.uniform(-recipe.gain_db, recipe.gain_db) / 20.0)
            crops.append(np.float32(gain) * _crop(clip, recipe.crop_steps * HOP_FRAMES, random))
        return torch.from_numpy(np.stack(crops))


class HeldOutCrops:
    """The same crops of the held-out clips at every look.

    Parameters
    ----------
    clips : sequence of Clip
    recipe : CodecRecipe
    """

    def __init__(self, clips: tuple[Clip, ...], recipe: CodecRecipe):
        random = np.random.default_rng((recipe.seed, 7))
        chosen = [clips[index % len(clips)] for index in random.permutation(max(len(clips), HELD_OUT_CROPS))[:HELD_OUT_CROPS]]
        crops = [_crop(clip, recipe.crop_steps * HOP_FRAMES, random) for clip in chosen]
        self._batches = [torch.from_numpy(np.stack(crops[i : i + HELD_OUT_BATCH])) for i in range(0, len(crops), HELD_OUT_BATCH)]

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._batches)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield sounds (B, crop_steps * 512)."""
        return iter(self._batches)


class CodecData(pl.LightningDataModule):
    """Both sides of a split as Lightning asks for them."""

    def __init__(self, split: Split, recipe: CodecRecipe):
        super().__init__()
        self.batches = CropBatches(split.training, recipe, lambda: self.trainer.global_step)
        self._held_out = HeldOutCrops(split.held_out, recipe)

    def train_dataloader(self) -> CropBatches:
        """Return the training batches."""
        return self.batches

    def val_dataloader(self) -> HeldOutCrops:
        """Return the held-out batches."""
        return self._held_out


def _crop(clip: Clip, frames: int, random: np.random.Generator) -> np.ndarray:
    """Return one channel of a random part of a clip; a shorter clip is followed by silence."""
    channel = int(random.integers(clip.audio.shape[1]))
    start = int(random.integers(0, max(1, len(clip.audio) - frames + 1)))
    crop = np.zeros(frames, np.float32)
    part = clip.audio[start : start + frames, channel]
    crop[: len(part)] = part
    return crop
