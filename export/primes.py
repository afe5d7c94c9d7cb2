"""The contexts a patch of kind `tokens` can start from: codes of recorded clips, so that a stream never begins with random tokens.

It does not know the model.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.errors import ExportError
from training.tokens_dataset import TokenClip, TokenDataset

__all__ = ["MAX_PRIMES", "Primes", "choose_primes", "primes_file", "random_primes"]

CONTEXT_STEPS = 64
PRIMES_PER_CLASS = 3
# More than these a stage does not load: every one is heard once before the first step.
MAX_PRIMES = 64
MIDDLE = 0.5


@dataclass(frozen=True)
class Primes:
    """Codes (P, K, N) int16, conditions (P, C) float32 with NaN for what a class has not, and the clip each is from."""

    codes: NDArray[np.int16]
    condition: NDArray[np.float32]
    names: tuple[str, ...]


def choose_primes(dataset: TokenDataset, *, context_steps: int = CONTEXT_STEPS, per_class: int = PRIMES_PER_CLASS) -> Primes:
    """Return, for each class, contexts from clips of it alone whose parameters are spread from low to high.

    Clips that were held out serve only where a class has no others: what the patch is judged by shall not be in it.

    Parameters
    ----------
    dataset : TokenDataset
    context_steps : int
        Length of a context; clips that are shorter serve only where there are no others.
    per_class : int
        Fewer where there are so many classes that they would be more than `MAX_PRIMES` together.

    Raises
    ------
    ExportError
        A class has no clip of its own, only blends.
    """
    per_class = max(1, min(per_class, MAX_PRIMES // len(dataset.classes)))
    codes, conditions, names = [], [], []
    for index, class_name in enumerate(dataset.classes):
        clips = _alone(dataset.of("training"), index) or _alone(dataset.clips, index)
        if not clips:
            raise ExportError("no clip of this class alone, so none to begin with", where=dataset.folder, got=class_name)
        long = [clip for clip in clips if clip.codes.shape[1] >= context_steps]
        for wanted in np.linspace(0.0, 1.0, per_class + 2)[1:-1] if dataset.parameters else [MIDDLE]:
            clip = min(long or clips, key=lambda clip: (_distance(clip, wanted), clip.path))
            if clip.path in names:
                continue
            names.append(clip.path)
            codes.append(_middle(clip, context_steps))
            # NaN where the class has no such parameter: then it does not count in the choice of the nearest.
            conditions.append(np.concatenate([clip.weights, clip.values]))
    return Primes(np.stack(codes).astype(np.int16), np.stack(conditions).astype(np.float32), tuple(names))


def random_primes(dataset: TokenDataset, seed: int, *, context_steps: int = CONTEXT_STEPS) -> Primes:
    """Return random codes for every class, as the published system starts from: an ablation, audible at the start."""
    random = np.random.default_rng(seed)
    books, size = dataset.codec.codebooks, dataset.codec.codebook_size
    codes = random.integers(0, size, (len(dataset.classes), books, context_steps)).astype(np.int16)
    condition = np.full((len(dataset.classes), len(dataset.classes) + len(dataset.parameters)), MIDDLE, np.float32)
    condition[:, : len(dataset.classes)] = np.eye(len(dataset.classes), dtype=np.float32)
    return Primes(codes, condition, tuple(f"random {name}" for name in dataset.classes))


def primes_file(primes: Primes) -> bytes:
    """Return the contexts as an .npz without pickle."""
    out = io.BytesIO()
    np.savez(out, codes=primes.codes, condition=primes.condition)
    return out.getvalue()


def _alone(clips: Sequence[TokenClip], index: int) -> list[TokenClip]:
    """Return the clips that are of one class and no other."""
    return [clip for clip in clips if clip.weights[index] >= 1.0 - 1e-6]


def _distance(clip: TokenClip, wanted: float) -> float:
    known = clip.values[np.isfinite(clip.values)]
    return float(np.abs(known - wanted).max()) if len(known) else 0.0


def _middle(clip: TokenClip, steps: int) -> NDArray[np.int64]:
    """Return the middle of a clip, (K, steps); a shorter one is said again until it is long enough."""
    length = clip.codes.shape[1]
    if length < steps:
        return np.tile(clip.codes, (1, -(-steps // length)))[:, :steps]
    start = (length - steps) // 2
    return clip.codes[:, start : start + steps]
