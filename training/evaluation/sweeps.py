"""What sweeps of the controls tell: the right class, parameters that follow, and levels like those of real sounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Control
from training.evaluation.judge import Judge, rank_correlation
from training.evaluation.plan import MIDDLE, Step, normalised
from training.evaluation.real import RealClass, RealSounds
from training.evaluation.spectrum import level_db
from training.synthesis.measures import MEASURES
from training.synthesis.signals import SAMPLE_RATE_HZ

__all__ = ["LevelModel", "StepResult", "fit_level_model", "hear_step", "sweep_scores"]

Array = NDArray[np.float64]
NO_PARAMETER = "class"
CLIPS_PER_TERM = 4


@dataclass(frozen=True)
class StepResult:
    """One take: its level, and what the measure of our own textures says, where there is one."""

    level_db: float
    measure: float | None


@dataclass(frozen=True, eq=False)
class LevelModel:
    """The level of a class's real clips as a function of its parameters: a polynomial, and how far clips stray from it (rms, dB)."""

    weights: Array
    quadratic: bool
    stray_db: float

    def predict(self, values: Array) -> Array:
        """Return levels in dB, shape (N,), for parameters in 0..1, shape (N, P)."""
        return _terms(values, self.quadratic) @ self.weights


def hear_step(step: Step, audio: NDArray[np.float32], sample_rate_hz: int) -> StepResult:
    """Measure one take."""
    measure = MEASURES.get((step.class_name, step.parameter))
    return StepResult(level_db(audio), float(measure(audio)) if measure is not None and sample_rate_hz == SAMPLE_RATE_HZ else None)


def fit_level_model(controls: Sequence[Control], kind: RealClass) -> LevelModel:
    """Fit the level of real clips by least squares: quadratic where there are clips enough, else linear."""
    values = normalised(controls, kind)
    levels = np.array([level_db(clip.audio) for clip in kind.clips])
    quadratic = len(levels) >= CLIPS_PER_TERM * _terms(values, True).shape[1]
    terms = _terms(values, quadratic)
    weights = np.linalg.lstsq(terms, levels, rcond=None)[0]
    return LevelModel(weights, quadratic, float(np.sqrt(np.mean(np.square(levels - terms @ weights)))))


def sweep_scores(
    controls: Sequence[Control],
    real: RealSounds,
    judge: Judge,
    steps: Sequence[Step],
    results: Sequence[StepResult],
    features: Array,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the scores of all sweeps, and the curves behind them (class -> parameter -> lists by level)."""
    names = list(judge.class_names)
    chosen = [names[index] for index in np.argmax(judge.probabilities(features), axis=1)]
    right = np.array([name == step.class_name for name, step in zip(chosen, steps, strict=True)])
    owner = np.array([step.class_name for step in steps])
    scores: dict[str, Any] = {
        "class_accuracy": float(np.mean(right)) if len(names) > 1 else None,
        "class_accuracy_by_class": {name: float(np.mean(right[owner == name])) for name in names} if len(names) > 1 else None,
        "confusions": _confusions(owner[~right], np.array(chosen)[~right]),
    }
    correlation: dict[str, dict[str, float]] = {}
    by_take: dict[str, dict[str, float]] = {}
    by_measure: dict[str, dict[str, float]] = {}
    errors: dict[str, dict[str, Any]] = {}
    curves: dict[str, dict[str, Any]] = {}
    for kind in real.classes:
        model = fit_level_model(controls, kind)
        for parameter in kind.parameters or ("",):
            rows = [row for row, step in enumerate(steps) if (step.class_name, step.parameter) == (kind.name, parameter)]
            asked = np.array([steps[row].level for row in rows])
            levels = np.unique(asked)
            at = [np.flatnonzero(asked == level) for level in levels]
            got_db = np.array([results[row].level_db for row in rows])
            expected = np.full((len(levels), len(kind.parameters)), MIDDLE)
            if parameter:
                expected[:, kind.parameters.index(parameter)] = levels
            expected_db = model.predict(expected)
            # Decibels are averaged, as those of real clips are in the fit.
            mean_db = np.array([np.mean(got_db[takes]) for takes in at])
            if not parameter:
                mean_db, expected_db = np.array([np.mean(mean_db)]), expected_db[:1]
            miss = mean_db - expected_db
            errors.setdefault(kind.name, {})[parameter or NO_PARAMETER] = {
                "max": float(np.max(np.abs(miss))),
                "mean": float(np.mean(miss)),
                "standard_error": _standard_error(got_db, at),
            }
            curve = {"asked": levels.tolist(), "level_db": mean_db.tolist(), "expected_level_db": expected_db.tolist()}
            if parameter:
                heard = judge.parameter(kind.name, parameter, features[rows])
                means = np.array([np.mean(heard[takes]) for takes in at])
                correlation.setdefault(kind.name, {})[parameter] = rank_correlation(levels, means)
                by_take.setdefault(kind.name, {})[parameter] = rank_correlation(asked, heard)
                curve |= {"heard": means.tolist(), "takes": [heard[takes].tolist() for takes in at]}
                measured = [results[row].measure for row in rows]
                if None not in measured:
                    means = np.array([np.mean(np.array(measured)[takes]) for takes in at])
                    by_measure.setdefault(kind.name, {})[parameter] = rank_correlation(levels, means)
                    curve["measured"] = means.tolist()
            curves.setdefault(kind.name, {})[parameter or NO_PARAMETER] = curve
        errors[kind.name]["real_clips_stray_db"] = model.stray_db
    each = [value for rows in correlation.values() for value in rows.values()]
    misses = [row["max"] for rows in errors.values() for row in rows.values() if isinstance(row, Mapping)]
    scores |= {
        "parameter_rank_correlation": correlation,
        "parameter_rank_correlation_min": min(each) if each else None,
        "parameter_rank_correlation_by_take": by_take,
        "parameter_rank_correlation_by_measure": by_measure,
        "level_error_db": errors,
        "level_error_db_max": max(misses),
    }
    return scores, curves


def _terms(values: Array, quadratic: bool) -> Array:
    columns = [np.ones(len(values)), *values.T]
    if quadratic:
        count = values.shape[1]
        columns += [values[:, a] * values[:, b] for a in range(count) for b in range(a, count)]
    return np.stack(columns, axis=1)


def _standard_error(levels: Array, at: Sequence[NDArray[np.int64]]) -> float | None:
    """Return how uncertain the mean of the takes at one level is, in dB; None with a single take."""
    spreads = [np.var(levels[takes], ddof=1) / len(takes) for takes in at if len(takes) > 1]
    return float(np.sqrt(np.mean(spreads))) if spreads else None


def _confusions(asked: NDArray[np.str_], heard: NDArray[np.str_]) -> dict[str, int]:
    pairs, counts = np.unique([f"{a} heard as {b}" for a, b in zip(asked, heard, strict=True)], return_counts=True)
    return {str(pair): int(count) for pair, count in zip(pairs, counts, strict=True)}
