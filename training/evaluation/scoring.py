"""From renders to scores: reads what the stage made, and asks every measure. It renders nothing and writes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Manifest
from training.codecs.codec import Codec
from training.evaluation.drift import drift_scores, memory_scores
from training.evaluation.embedding import Embedding
from training.evaluation.judge import FeatureMap, Judge
from training.evaluation.plan import Blend, Plan, Twin, normalised
from training.evaluation.real import RealSounds
from training.evaluation.reconstruction import reconstruct
from training.evaluation.rendering import Render, read_render
from training.evaluation.report import Example
from training.evaluation.resemblance import line_scores, resemblance_scores
from training.evaluation.sweeps import hear_step, sweep_scores

__all__ = ["Judged", "judge_renders"]

Array = NDArray[np.float32]
Judged = tuple[dict[str, Any], dict[str, Any], list[Example]]
"""Scores, curves, examples."""

JUDGED = ("class_accuracy", "parameter_rank_correlation", "parameter_rank_correlation_min", "level_error_db", "level_error_db_max")
BLENDED = ("blend", "blend_min")
CODED = ("codec_log_mel", "codec_level_db", "codec_si_sdr", "codebook_use", "codebook_use_min")
LONG = ("drift_db", "spectral_drift_db", "memory_flat")


def judge_renders(
    manifest: Manifest,
    real: RealSounds,
    plan: Plan,
    renders: Sequence[Render],
    judge: Judge | None,
    codec: Codec | None,
    embed: Embedding,
    features_of: FeatureMap,
    reasons: dict[str, str],
) -> Judged:
    """Measure everything there is to measure.

    Parameters
    ----------
    manifest, real, plan
    renders : sequence of Render
        Of `plan.jobs`, in their order.
    judge : Judge or None
        None for a patch without classes.
    codec : Codec or None
        None where the patch has none that can be opened.
    embed : Embedding
    features_of : FeatureMap
    reasons : dict
        Gets an entry for every score that is null.
    """
    rest = list(renders)
    steps, twins, blends = (_take(rest, len(items)) for items in (plan.steps, plan.twins, plan.blends))
    scores: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    if judge is None:
        scores |= dict.fromkeys((*JUDGED, *BLENDED, "judge"))
        reasons.update(dict.fromkeys((*JUDGED, *BLENDED), "the patch has no classes to choose from"))
    else:
        swept, curves = _sweeps(manifest, real, plan, steps, judge, features_of)
        scores |= swept | _blends(real, plan.blends, blends, judge, features_of) | {"judge": _quality(judge)}
        _explain(scores, reasons)
    generated = [read_render(render) for render in twins]
    scores |= resemblance_scores(real, plan.twins, generated, embed)
    _explain_ratios(scores, reasons)
    decoded: Mapping[tuple[str, int], Array] | None = None
    if codec is not None:
        made = reconstruct(codec, real)
        decoded = made.pieces
        scores |= made.scores
    else:
        scores |= dict.fromkeys(CODED)
        for key in CODED:
            reasons.setdefault(key, reasons.get("codec", "the patch has no codec"))
        reasons.pop("codec", None)
    scores |= line_scores(real, plan.twins, generated, decoded)
    if scores["line_spread_excess_db_max"] is None:
        reasons["line_spread_excess_db"] = "no class is noise"
    if plan.drift is not None:
        scores |= drift_scores(rest[-1].file) | memory_scores(list(rest[-1].resident_mib))
        if scores["memory_flat"] is None:
            reasons["memory_flat"] = "the system does not tell the memory of a process, or the render was too short"
    else:
        scores |= dict.fromkeys(LONG)
        reasons.update(dict.fromkeys(LONG, "no long render was asked for"))
    counted = [render.non_finite for render in renders if render.non_finite is not None]
    scores["non_finite"] = sum(counted) if counted else None
    if not counted:
        reasons["non_finite"] = "the stage's render does not say how many samples were no number"
    return scores, curves, _examples(manifest, real, plan.twins, generated, decoded)


def _take(rest: list[Render], count: int) -> list[Render]:
    taken, rest[:] = rest[:count], rest[count:]
    return taken


def _sweeps(
    manifest: Manifest, real: RealSounds, plan: Plan, renders: Sequence[Render], judge: Judge, features_of: FeatureMap
) -> tuple[dict[str, Any], dict[str, Any]]:
    results = [hear_step(step, read_render(render), real.sample_rate_hz) for step, render in zip(plan.steps, renders, strict=True)]
    # Read again rather than kept: all takes together are larger than all else in memory.
    features = np.stack(features_of((read_render(render), real.sample_rate_hz) for render in renders))
    return sweep_scores(manifest.controls, real, judge, plan.steps, results, features)


def _blends(real: RealSounds, blends: Sequence[Blend], renders: Sequence[Render], judge: Judge, features_of: FeatureMap) -> dict[str, Any]:
    heard = {}
    for blend, render in zip(blends, renders, strict=True):
        features = np.stack(features_of([(piece, real.sample_rate_hz) for piece in real.pieces(read_render(render))]))
        mean = np.mean(judge.probabilities(features), axis=0)
        heard["+".join(blend.classes)] = {name: float(mean[judge.class_names.index(name)]) for name in blend.classes}
    return {"blend": heard or None, "blend_min": min((value for row in heard.values() for value in row.values()), default=None)}


def _explain(scores: Mapping[str, Any], reasons: dict[str, str]) -> None:
    if scores["class_accuracy"] is None:
        reasons["class_accuracy"] = "there is only one class"
    if scores["parameter_rank_correlation_min"] is None:
        reasons["parameter_rank_correlation_min"] = "no parameter is known both to the sounds' sheet and to the patch"
    if scores["blend_min"] is None:
        reasons["blend_min"] = "there is only one class"


def _explain_ratios(scores: Mapping[str, Any], reasons: dict[str, str]) -> None:
    same = "the clips that real sounds are compared by are copies of each other, so there is no distance to divide by"
    if scores["frechet_ratio"] is None:
        reasons["frechet_ratio"] = same
    for name, ratio in scores["frechet_ratio_by_class"].items():
        if ratio is None:
            reasons[f"frechet_ratio_by_class {name}"] = same


def _quality(judge: Judge) -> dict[str, Any]:
    quality = judge.quality
    return {
        "class_accuracy": quality.class_accuracy,
        "mixtures_heard": quality.mixtures_heard,
        "parameter_rank_correlation": {name: dict(row) for name, row in quality.parameter_rank_correlation.items()},
    }


def _examples(
    manifest: Manifest, real: RealSounds, twins: Sequence[Twin], generated: Sequence[Array], decoded: Mapping[tuple[str, int], Array] | None
) -> list[Example]:
    """Return for each class the twin with the most ordinary parameters, beside the clip it is a twin of."""
    examples = []
    for kind in real.classes:
        table = normalised(manifest.controls, kind)
        mine = [row for row, twin in enumerate(twins) if twin.class_name == kind.name]
        row = min(mine, key=lambda row: float(np.sum(np.square(table[twins[row].clip] - 0.5))))
        clip = twins[row].clip
        note = ", ".join(f"{key} {kind.clips[clip].values[key]:g}" for key in kind.parameters)
        examples.append(Example(kind.name, "real", note, kind.clips[clip].audio[: real.piece_frames]))
        if decoded is not None:
            examples.append(Example(kind.name, "reconstructed", note, decoded[kind.name, clip]))
        examples.append(Example(kind.name, "generated", note, generated[row]))
    return examples
