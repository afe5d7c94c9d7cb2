"""The contexts a patch of kind `tokens` can start from: codes of recorded clips, so that a stream never begins with random tokens.

It does not know the model.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.tokens_dataset import TokenClip, TokenDataset

__all__ = ["Primes", "choose_primes", "primes_file"]

CONTEXT_STEPS = 64
PRIMES_PER_CLASS = 3
MIDDLE = 0.5


@dataclass(frozen=True)
class Primes:
    """Codes (P, K, N) int16, conditions (P, C) float32 with NaN for what a class has not, and the clip each is from."""

    codes: NDArray[np.int16]
    condition: NDArray[np.float32]
    names: tuple[str, ...]


def choose_primes(dataset: TokenDataset, *, context_steps: int = CONTEXT_STEPS, per_class: int = PRIMES_PER_CLASS) -> Primes:
    """Return, for each class, contexts from clips of it alone whose parameters are spread from low to high.

    Parameters
    ----------
    dataset : TokenDataset
    context_steps : int
        Length of a context; clips that are shorter serve only where there are no others.
    per_class : int
    """
    codes, conditions, names = [], [], []
    for index, class_name in enumerate(dataset.classes):
        clips = [clip for clip in dataset.clips if clip.weights[index] >= 1.0 - 1e-6]
        long = [clip for clip in clips if clip.codes.shape[1] >= context_steps]
        for wanted in np.linspace(0.0, 1.0, per_class + 2)[1:-1] if dataset.parameters else [MIDDLE]:
            if not (long or clips):
                break
            clip = min(long or clips, key=lambda clip: (_distance(clip, wanted), clip.path))
            if clip.path in names:
                continue
            names.append(clip.path)
            codes.append(_middle(clip, context_steps))
            # NaN where the class has no such parameter: then it does not count in the choice of the nearest.
            conditions.append(np.concatenate([clip.weights, clip.values]))
        if not clips:
            raise ValueError(f"no clip of class {class_name}")
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
