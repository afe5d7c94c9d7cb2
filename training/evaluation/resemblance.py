"""How like real sounds the generated ones are as a whole: Fréchet distances and line spreads over twins of held-out clips."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.embedding import Embedding
from training.evaluation.frechet import fit_subspace, frechet_distance
from training.evaluation.line_spread import is_noise, line_spread_db
from training.evaluation.plan import Twin
from training.evaluation.real import RealSounds

__all__ = ["line_scores", "resemblance_scores"]

Array = NDArray[np.float32]
# Of standardised embeddings, whose distances by chance are thousands of times this: below it two sets are the same sounds.
SAME_SOUNDS = 1e-6


def resemblance_scores(real: RealSounds, twins: Sequence[Twin], generated: Sequence[Array], embed: Embedding) -> dict[str, Any]:
    """Compare twins with the neighbours of the clips they are twins of, over those clips with the same neighbours.

    So all three sets have the same size, classes and parameters, and what chance alone would make of such sets is what is divided by.
    A ratio is None where neighbours are copies of each other, so that there is nothing to divide by.
    """
    rate, size = real.sample_rate_hz, real.piece_frames
    clips = {kind.name: kind.clips for kind in real.classes}
    originals = embed([clips[twin.class_name][twin.clip].audio[:size] for twin in twins], rate)
    neighbours = embed([clips[twin.class_name][twin.neighbour].audio[:size] for twin in twins], rate)
    made = embed(list(generated), rate)
    seconds = len(originals) // len(twins)
    owner = np.repeat([twin.class_name for twin in twins], seconds)

    def distances(rows: NDArray[np.bool_]) -> tuple[float, float]:
        space = fit_subspace(np.concatenate([originals[rows], neighbours[rows]]))
        target = space.project(neighbours[rows])
        return frechet_distance(space.project(made[rows]), target), frechet_distance(space.project(originals[rows]), target)

    generated_distance, real_distance = distances(np.ones(len(owner), dtype=bool))
    by_class = {name: distances(owner == name) for name in clips}
    return {
        "frechet_ratio": _ratio(generated_distance, real_distance),
        "frechet_generated": generated_distance,
        "frechet_real": real_distance,
        "frechet_pieces": len(owner),
        "frechet_ratio_by_class": {name: _ratio(one, other) for name, (one, other) in by_class.items()},
    }


def _ratio(generated: float, real: float) -> float | None:
    return generated / real if real > SAME_SOUNDS else None


def line_scores(
    real: RealSounds, twins: Sequence[Twin], generated: Sequence[Array], reconstructed: Mapping[tuple[str, int], Array] | None
) -> dict[str, Any]:
    """Compare the spread of long-term spectra of every class: source, reconstruction and twins of the same clips, the same length each."""
    rate, size = real.sample_rate_hz, real.piece_frames
    spreads: dict[str, dict[str, Any]] = {}
    excess: dict[str, dict[str, float]] = {}
    for kind in real.classes:
        mine = [row for row, twin in enumerate(twins) if twin.class_name == kind.name]
        source = [np.asarray(kind.clips[twins[row].clip].audio[:size]) for row in mine]
        spread = {"source": line_spread_db(source, rate), "generated": line_spread_db([generated[row] for row in mine], rate)}
        if reconstructed is not None:
            spread["reconstructed"] = line_spread_db([reconstructed[kind.name, twins[row].clip] for row in mine], rate)
        noise = is_noise([clip.audio for clip in kind.clips], rate)
        spreads[kind.name] = spread | {"noise": noise, "seconds": len(mine) * size / rate}
        if noise:
            excess[kind.name] = {key: abs(spread[key] - spread["source"]) for key in ("reconstructed", "generated") if key in spread}
    each = [value for row in excess.values() for value in row.values()]
    return {"line_spread_db": spreads, "line_spread_excess_db": excess, "line_spread_excess_db_max": max(each) if each else None}
