"""Mixtures of two clips of different classes, so that a model learns what lies between them. It does not know what a class is called."""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.clip_codes import Blend, CodecSource, encode_all
from training.clip_labels import TOKEN_SUFFIX
from training.errors import OptionError
from training.tokens_dataset import TokenClip

if TYPE_CHECKING:
    from training.codecs.codec import Codec

__all__ = ["BLENDS", "LEAST_WEIGHT", "MOST_BLENDS", "MOST_WEIGHT", "blended"]

BLENDS = 0.25
MOST_BLENDS = 10.0
# A part under this is hardly heard beside the other.
LEAST_WEIGHT, MOST_WEIGHT = 0.15, 0.85
# Keeps these draws apart from whatever else follows from the seed.
STREAM = 1


def blended(
    folder: Path,
    clips: Sequence[TokenClip],
    share: float | None,
    seed: int,
    codec: "Codec",
    source: CodecSource,
    *,
    workers: int = 1,
    cache: Path | None = None,
) -> list[TokenClip]:
    """Mix pairs of clips with equal power and encode them; every pair of classes comes as often as every other.

    Parameters
    ----------
    folder : Path
        Of the clips' files.
    clips : sequence of TokenClip
        Of one class each.
    share : float, optional
        Blends per clip; by default a quarter if there are recordings of two classes.
    seed : int, 0 and up
    codec, source, workers, cache
        As in `encode_all`.

    Returns
    -------
    list of TokenClip
        Their values are those of both; of a parameter that both have, the weighted mean.

    Raises
    ------
    OptionError
        Blends are asked for, and there are no recordings of two classes.
    AudioFileError
        A file has changed since it was encoded, and cannot be read any more.
    """
    # A file of tokens has no sound of its own to mix.
    mixable = [clip for clip in clips if not clip.path.lower().endswith(TOKEN_SUFFIX)]
    classes = len(mixable[0].weights) if mixable else 0
    by_class = [[clip for clip in mixable if clip.weights[place] == 1.0] for place in range(classes)]
    pairs = list(itertools.combinations([place for place in range(classes) if by_class[place]], 2))
    if share is None:
        share = BLENDS if pairs else 0.0
    count = round(share * len(clips))
    if count and not pairs:
        raise OptionError("blends need recordings of two classes", where="--blends", got=f"{share:g}", allowed="0")
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, STREAM])))
    sounds, mixed = [], []
    order: list[int] = []
    for number in range(1, count + 1):
        order = order or random.permutation(len(pairs)).tolist()
        first, second = (by_class[place][random.integers(len(by_class[place]))] for place in pairs[order.pop()])
        weight = round(float(random.uniform(LEAST_WEIGHT, MOST_WEIGHT)), 4)
        sha256 = hashlib.sha256(f"blend/{first.sha256}/{second.sha256}/{weight}".encode()).hexdigest()
        sounds.append(Blend(folder / first.path, folder / second.path, weight, sha256))
        path = f"blend {number}: {first.path} + {second.path}"
        weights = np.float32(weight) * first.weights + np.float32(1.0 - weight) * second.weights
        mixed.append((path, weights, _union(first.values, second.values, weight)))
    coded = encode_all(sounds, codec, source, workers=workers, cache=cache, title="blending")
    for result in coded:
        if result.reason is not None:
            raise result.reason
    return [
        TokenClip(path, result.sha256, result.codes, weights, values, "training")
        for (path, weights, values), result in zip(mixed, coded, strict=True)
    ]


def _union(first: np.ndarray, second: np.ndarray, weight: float) -> np.ndarray:
    """Return the values of a mixture: of what both have the weighted mean, else what one of them has."""
    both = weight * first + (1.0 - weight) * second
    return np.where(np.isnan(first), second, np.where(np.isnan(second), first, both)).astype(np.float32)
