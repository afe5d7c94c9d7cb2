"""The judge: hears which class a sound is of and how far its parameters are turned, learned from real clips only, and judged itself first.

It does not know the patch. Its quality is cross-validated: no clip is judged by what learned from it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from training.evaluation.kernel_regression import KernelRegression, fit_kernel_regression, folds_of
from training.evaluation.mixtures import draw_mixtures, mix
from training.evaluation.real import RealSounds

__all__ = ["HEARD", "Judge", "JudgeQuality", "rank_correlation", "train_judge"]

Array = NDArray[np.float64]
FOLDS = 5
# The probability above which a class counts as heard in a blend.
HEARD = 0.25

FeatureMap = Callable[[Iterable[tuple[NDArray[np.float32], int]]], list[Array]]
"""`piece_features` of (sound, sample rate) pairs, in order; may use several processes."""


@dataclass(frozen=True)
class JudgeQuality:
    """How good the judge is on real clips it has not learned from.

    Attributes
    ----------
    class_accuracy : float
        Share of clips whose class it hears.
    mixtures_heard : float or None
        Share of equal mixtures of two real clips in which it hears both; None with a single class.
    parameter_rank_correlation : dict, class -> parameter -> float
        Of stated and heard.
    """

    class_accuracy: float
    mixtures_heard: float | None
    parameter_rank_correlation: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained judge; features are of `piece_features`, shape (N, F)."""

    class_names: tuple[str, ...]
    classifier: KernelRegression
    regressors: Mapping[tuple[str, str], KernelRegression]
    quality: JudgeQuality

    def probabilities(self, features: Array) -> Array:
        """Return the probability of each class, shape (N, classes), rows sum to 1."""
        return _as_probabilities(self.classifier.predict(features))

    def parameter(self, class_name: str, parameter: str, features: Array) -> Array:
        """Return how far a parameter is turned, shape (N,), in the unit of the sheet."""
        return self.regressors[class_name, parameter].predict(features)[:, 0]


def train_judge(real: RealSounds, features_of: FeatureMap, *, seed: int) -> Judge:
    """Learn from the real clips, and measure by cross-validation how well.

    Parameters
    ----------
    real : RealSounds
    features_of : FeatureMap
    seed : int
        Of folds and mixtures.
    """
    rng = np.random.default_rng(seed)
    folds = [folds_of(len(kind.clips), FOLDS, rng) for kind in real.classes]
    mixtures = draw_mixtures(real, folds, rng)
    owners, sounds = [], []
    for index, kind in enumerate(real.classes):
        for number, clip in enumerate(kind.clips):
            for piece in real.pieces(clip.audio):
                owners.append((index, number))
                sounds.append(piece)
    rate = real.sample_rate_hz
    described = features_of([(sound, rate) for sound in sounds] + [(mix(real, one), rate) for one in mixtures])
    features = np.stack(described)
    kinds, clips = np.array(owners).T
    fold = np.array([folds[index][number] for index, number in owners])
    pure, mixed = features[: len(owners)], features[len(owners) :]

    targets = np.concatenate([np.eye(len(real.classes))[kinds], _shares(mixtures, len(real.classes))])
    all_folds = np.concatenate([fold, np.array([one.fold for one in mixtures], dtype=np.int64)])
    # A clip's pieces are one group, and a mixture is one of its own.
    most = max(len(kind.clips) for kind in real.classes)
    groups = np.concatenate([most * kinds + clips, most * len(real.classes) + np.arange(len(mixtures))])
    heard = np.zeros_like(targets)
    for held in np.unique(fold):
        learned = all_folds != held
        model = fit_kernel_regression(features[learned], targets[learned], groups[learned], screens=(None,))
        heard[~learned] = _as_probabilities(model.predict(features[~learned]))
    classifier = fit_kernel_regression(features, targets, groups, screens=(None,))

    regressors, correlation = {}, {}
    for index, kind in enumerate(real.classes):
        rows = np.flatnonzero(kinds == index)
        for name in kind.parameters:
            values = np.array([kind.clips[number].values[name] for number in clips[rows]])
            regressors[kind.name, name], rho = _parameter(pure[rows], values, clips[rows], fold[rows])
            correlation.setdefault(kind.name, {})[name] = rho

    by_clip = [np.mean(heard[: len(owners)][groups[: len(owners)] == group], axis=0) for group in np.unique(groups[: len(owners)])]
    truth = np.unique(groups[: len(owners)]) // most
    equal = np.array([one.share == 0.5 for one in mixtures], dtype=bool)
    quality = JudgeQuality(
        float(np.mean(np.argmax(by_clip, axis=1) == truth)),
        _both_heard(heard[len(owners) :][equal], targets[len(owners) :][equal]) if len(mixed) else None,
        correlation,
    )
    return Judge(tuple(kind.name for kind in real.classes), classifier, regressors, quality)


def rank_correlation(asked: Array, heard: Array) -> float:
    """Return Spearman's correlation; 0 where one side never changes, as nothing then follows anything."""
    if np.ptp(asked) == 0.0 or np.ptp(heard) == 0.0:
        return 0.0
    return float(spearmanr(asked, heard).statistic)


def _parameter(features: Array, values: Array, clips: NDArray[np.int64], fold: NDArray[np.int64]) -> tuple[KernelRegression, float]:
    heard = np.zeros(len(values))
    for held in np.unique(fold):
        learned = fold != held
        model = fit_kernel_regression(features[learned], values[learned, None], clips[learned])
        heard[~learned] = model.predict(features[~learned])[:, 0]
    each = np.unique(clips)
    by_clip = np.array([np.mean(heard[clips == clip]) for clip in each])
    stated = np.array([values[clips == clip][0] for clip in each])
    return fit_kernel_regression(features, values[:, None], clips), rank_correlation(stated, by_clip)


def _shares(mixtures: list, classes: int) -> Array:
    shares = np.zeros((len(mixtures), classes))
    for row, one in zip(shares, mixtures, strict=True):
        row[one.first[0]], row[one.second[0]] = one.share, 1.0 - one.share
    return shares


def _both_heard(heard: Array, targets: Array) -> float:
    return float(np.mean(np.min(np.where(targets > 0.0, heard, 1.0), axis=1) > HEARD))


def _as_probabilities(raw: Array) -> Array:
    # Least squares on shares estimates probabilities, and may step a little out of their range.
    kept = np.clip(raw, 1e-6, None)
    return kept / np.sum(kept, axis=1, keepdims=True)
