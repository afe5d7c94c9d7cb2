"""What the scores mean in words: what a patch has to reach, whether it does, and where it is weak."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["TARGETS", "Finding", "Target", "findings", "weaknesses"]


@dataclass(frozen=True)
class Target:
    """One bound: the score's key, what it says, the bound, and whether the score must be at least or at most that."""

    key: str
    label: str
    bound: float
    at_least: bool
    unit: str = ""


@dataclass(frozen=True)
class Finding:
    """A target and how it went: the value, None if it was not measured, and whether it holds."""

    target: Target
    value: float | None
    holds: bool | None


TARGETS = (
    Target("class_accuracy", "The right class is heard", 0.98, True),
    Target("parameter_rank_correlation_min", "Every parameter follows its control (lowest rank correlation)", 0.95, True),
    Target("level_error_db_max", "Levels are those of real sounds (largest error)", 2.0, False, "dB"),
    Target("frechet_ratio", "As a whole like real sounds (Fréchet distance over real to real)", 2.0, False),
    Target("blend_min", "Blends hold both classes (lowest probability)", 0.25, True),
    Target("drift_db", "The level stays over the long render", 1.0, False, "dB"),
    Target("non_finite", "Samples that are no number", 0.0, False),
    Target("memory_flat", "The memory of the player stays flat", 1.0, True),
    Target("codec_log_mel", "The codec keeps the colour (mean |Δ log10 mel|)", 0.20, False),
    Target("codec_level_db", "The codec keeps the level (worst class)", 1.0, False, "dB"),
    Target("codebook_use_min", "Every codebook is used", 0.40, True),
    Target("line_spread_excess_db_max", "No tones where there is noise (largest excess of line spread)", 1.5, False, "dB"),
)
WEAK_JUDGE = 0.95


def findings(scores: Mapping[str, Any]) -> list[Finding]:
    """Hold the scores against the targets."""
    found = []
    for target in TARGETS:
        value = scores.get(target.key)
        if value is None or not math.isfinite(value):
            found.append(Finding(target, None, None))
            continue
        value = float(value)
        found.append(Finding(target, value, value >= target.bound if target.at_least else value <= target.bound))
    return found


def weaknesses(scores: Mapping[str, Any]) -> list[str]:
    """Say in plain words what is wrong, what is doubtful, and what was not measured; the worst of each kind by name."""
    said = [
        f"{finding.target.label}: {finding.value:.3g} {finding.target.unit}".rstrip()
        + f", where {'at least' if finding.target.at_least else 'at most'} {finding.target.bound:g} is wanted."
        for finding in findings(scores)
        if finding.holds is False
    ]
    for name, parameters in (scores.get("parameter_rank_correlation") or {}).items():
        said += [f"{name}: turning {key} is only partly heard ({rho:.2f})." for key, rho in parameters.items() if rho < WEAK_JUDGE]
    for name, ratio in (scores.get("frechet_ratio_by_class") or {}).items():
        if ratio is not None and ratio > 2.0:
            said.append(f"{name} is {ratio:.1f} times as far from real {name} as two sets of real clips are from each other.")
    for name, share in (scores.get("class_accuracy_by_class") or {}).items():
        if share < 0.98:
            said.append(f"{name} is taken for something else in {100 * (1 - share):.0f} % of its renders.")
    for pair, row in (scores.get("blend") or {}).items():
        weaker = min(row, key=row.get)
        if row[weaker] < 0.25:
            said.append(f"In the blend {pair} one hardly hears {weaker} ({row[weaker]:.2f}).")
    judge = scores.get("judge") or {}
    for name, parameters in (judge.get("parameter_rank_correlation") or {}).items():
        for key, rho in parameters.items():
            if rho < WEAK_JUDGE:
                said.append(f"The judge itself hears {key} of unseen real {name} only so well ({rho:.2f}): its verdict on it is weak.")
    if judge.get("class_accuracy") is not None and judge["class_accuracy"] < 0.98:
        said.append(f"The judge itself takes {100 * (1 - judge['class_accuracy']):.0f} % of unseen real clips for another class.")
    said += [f"Not measured: {key}: {reason}." for key, reason in (scores.get("reasons") or {}).items()]
    return said or ["None found by these measures; the ear may find others."]
