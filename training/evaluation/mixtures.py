"""Two real sounds at once: what a blend of two classes should be heard as. It does not know the judge."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.real import RealSounds
from training.evaluation.spectrum import level_db

__all__ = ["Mixture", "draw_mixtures", "mix"]

Array = NDArray[np.float32]
MIXTURES = 300
PER_PAIR = (4, 20)
# Half of them are mixed in equal parts, as the blends that are judged; the others say where equal ends.
SHARES = (0.2, 0.8)
LEVEL_JITTER_DB = 3.0
PEAK = 0.99


@dataclass(frozen=True)
class Mixture:
    """Which clips to mix: indices of class and clip of both, the first one's share of the amplitude, the gain, and the fold of both."""

    first: tuple[int, int]
    second: tuple[int, int]
    share: float
    gain_db: float
    fold: int


def draw_mixtures(real: RealSounds, folds: list[NDArray[np.int64]], rng: np.random.Generator) -> list[Mixture]:
    """Draw mixtures of every pair of classes; both clips of one are in the same fold, so that both can be unseen.

    Parameters
    ----------
    real : RealSounds
    folds : list of int arrays, one per class, shape (clips,)
    rng : Generator
    """
    pairs = list(itertools.combinations(range(len(real.classes)), 2))
    if not pairs:
        return []
    count = int(np.clip(round(MIXTURES / len(pairs)), *PER_PAIR))
    drawn = []
    for a, b in pairs:
        shared = np.intersect1d(folds[a], folds[b])
        for number in range(count):
            fold = int(shared[number % len(shared)])
            first = int(rng.choice(np.flatnonzero(folds[a] == fold)))
            second = int(rng.choice(np.flatnonzero(folds[b] == fold)))
            share = 0.5 if number < count / 2 else float(rng.uniform(*SHARES))
            drawn.append(Mixture((a, first), (b, second), share, float(rng.uniform(-LEVEL_JITTER_DB, LEVEL_JITTER_DB)), fold))
    return drawn


def mix(real: RealSounds, mixture: Mixture) -> Array:
    """Return one piece of a mixture; before their shares both sounds have the same level, so that neither hides the other by loudness."""
    parts, levels = [], []
    for (kind, clip), share in ((mixture.first, mixture.share), (mixture.second, 1.0 - mixture.share)):
        audio = np.asarray(real.classes[kind].clips[clip].audio[: real.piece_frames], dtype=np.float32)
        levels.append(level_db(audio))
        parts.append(audio * np.float32(share * 10.0 ** (-levels[-1] / 20.0)))
    mixed = parts[0] + parts[1]
    # As loud as the two are on average, give or take: a blend is not to be known by its level.
    mixed *= np.float32(10.0 ** ((np.mean(levels) + mixture.gain_db - level_db(mixed)) / 20.0))
    return mixed * np.float32(min(1.0, PEAK / max(1e-9, float(np.max(np.abs(mixed))))))
