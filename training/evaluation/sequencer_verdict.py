"""What a sequencer's scores mean in words: at which horizons it beats its baselines, how surely, and where it is weak."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["REQUIRED_HORIZONS", "HorizonFinding", "horizon_findings", "sequencer_weaknesses"]

REQUIRED_HORIZONS = tuple(range(1, 9))
"""A sequencer should beat *repeat the last frame* at each of these."""
MOVEMENT_RANGE = (0.7, 1.3)
SPREAD_RANGE = (0.6, 1.5)
FEW_CLIPS = 5


@dataclass(frozen=True)
class HorizonFinding:
    """How the model stands against one baseline at one horizon.

    Attributes
    ----------
    horizon, baseline : int, str
    ratio : float or None
        The model's error over the baseline's; None where no clip was long enough to measure.
    low, high : float or None
        95 % interval; None where there was one clip.
    holds : bool or None
        The model's error is smaller.
    sure : bool
        The whole interval says so.
    """

    horizon: int
    baseline: str
    ratio: float | None
    low: float | None
    high: float | None
    holds: bool | None
    sure: bool

    @property
    def words(self) -> str:
        """The finding in a few words."""
        if self.ratio is None:
            return "not measured: no held-out clip is long enough"
        change = abs(100.0 * (self.ratio - 1.0))
        if self.holds:
            return f"yes, {change:.0f} % less error" + ("" if self.sure else " (not sure: the interval reaches 1)" if self.high else "")
        return "no, the same error" if self.ratio == 1.0 else f"no, {change:.0f} % more error"


def horizon_findings(scores: Mapping[str, Any], baseline: str = "repeat") -> list[HorizonFinding]:
    """Hold the scores (`HorizonScores.as_dict`) against a baseline at every horizon that is required."""
    found = []
    for horizon in REQUIRED_HORIZONS:
        if horizon not in scores["horizons"]:
            found.append(HorizonFinding(horizon, baseline, None, None, None, None, False))
            continue
        place = scores["horizons"].index(horizon)
        ratio = float(scores["ratio"][baseline][place])
        interval = scores["interval"][baseline][place] if scores["interval"] else (None, None)
        low, high = interval
        holds = ratio < 1.0
        sure = low is not None and (high < 1.0 if holds else low >= 1.0)
        found.append(HorizonFinding(horizon, baseline, ratio, low, high, holds, sure))
    return found


def sequencer_weaknesses(scores: Mapping[str, Any]) -> list[str]:
    """Say in plain words what is wrong, what is doubtful and what was not measured.

    Parameters
    ----------
    scores : mapping
        As in ``scores.json`` of a sequencer.
    """
    horizon, said = scores["horizon"], []
    for baseline, name in (("repeat", "repeating the last frame"), ("linear", "a linear predictor")):
        lost = [finding for finding in horizon_findings(horizon, baseline) if finding.holds is False]
        if lost:
            worst = max(lost, key=lambda finding: finding.ratio)
            said.append(
                f"Does not beat {name} at horizon {', '.join(str(finding.horizon) for finding in lost)}: at {worst.horizon} its error is "
                f"{worst.ratio:.2f} times as large{_between(worst)}.{_why(scores, baseline, worst.horizon)}"
            )
    unmeasured = [finding.horizon for finding in horizon_findings(horizon) if finding.holds is None]
    if unmeasured:
        said.append(f"Not measured at horizon {', '.join(map(str, unmeasured))}: no held-out clip is long enough.")
    spread = scores.get("spread")
    if spread:
        said += _spread_weaknesses(spread)
    if scores["split"] == "time":
        said.append("The ends of the training's own files are held out, as there are too few files: they are less new to it than others.")
    if horizon["clips"] == 1:
        said.append("One held-out file: how far the numbers would differ for other files is not known.")
    elif horizon["clips"] < FEW_CLIPS:
        said.append(f"Only {horizon['clips']} held-out files: the intervals are narrower than they should be.")
    said += [f"Not measured: {key}: {reason}." for key, reason in (scores.get("reasons") or {}).items()]
    return said or ["None found by these measures; the ear may find others."]


def _between(finding: HorizonFinding) -> str:
    if finding.low is None:
        return ""
    return f" ({finding.low:.2f} to {finding.high:.2f} over files{'' if finding.sure else ', so perhaps no larger'})"


def _why(scores: Mapping[str, Any], baseline: str, at: int) -> str:
    """Name the group of descriptors that loses most, if the others do not."""
    horizon = scores["horizon"]
    place = horizon["horizons"].index(at)
    ratios = {name: group["model"][place] / max(group[baseline][place], 1e-12) for name, group in horizon["groups"].items()}
    lost = [name for name, ratio in ratios.items() if ratio >= 1.0]
    if len(ratios) == 1 or not lost:
        return ""
    if len(lost) == len(ratios):
        return " In every group of descriptors."
    return f" In {', '.join(lost)}; not in {', '.join(name for name in ratios if name not in lost)}."


def _spread_weaknesses(spread: Mapping[str, Any]) -> list[str]:
    said = []
    movement = spread["movement"]
    if movement is not None and movement < MOVEMENT_RANGE[0]:
        said.append(f"Samples are flat: they move {movement:.2f} times as much as the sound.")
    if movement is not None and movement > MOVEMENT_RANGE[1]:
        said.append(f"Samples are restless: they move {movement:.2f} times as much as the sound.")
    first, last = spread["spread_over_error"][0], spread["spread_over_error"][-1]
    for ratio, horizon in ((first, spread["horizons"][0]), (last, spread["horizons"][-1])):
        if ratio < SPREAD_RANGE[0]:
            said.append(f"At horizon {horizon} it is surer than it should be: its samples spread {ratio:.2f} times as far as it errs.")
        elif ratio > SPREAD_RANGE[1]:
            said.append(f"At horizon {horizon} it is less sure than it could be: its samples spread {ratio:.2f} times as far as it errs.")
    worse = [
        horizon
        for horizon, mine, other in zip(spread["horizons"], spread["crps"]["model"], spread["crps"]["linear"], strict=True)
        if mine >= other
    ]
    if worse:
        said.append(f"As a distribution (CRPS) no better than the linear predictor at horizon {', '.join(map(str, worse))}.")
    return said
