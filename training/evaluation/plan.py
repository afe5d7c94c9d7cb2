"""What is rendered to judge a patch: sweeps of every parameter, twins of held-out clips, blends, and one long stretch.

It knows controls and classes, not how any of it is judged.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Control
from training.evaluation.frechet import matched_halves
from training.evaluation.real import RealClass, RealSounds, control_of
from training.evaluation.rendering import RenderJob

__all__ = ["BLEND_S", "Blend", "Plan", "Sizes", "Step", "Twin", "make_plan", "normalised"]

BLEND_S = 20.0
# A class whose level strays so far is steady; one that strays twice as far needs four times the takes.
STEADY_DB = 2.0
WANDER_PIECE_S = 2.0
MOST_TAKES_FACTOR = 4
TINY = 1e-12
MIDDLE = 0.5


@dataclass(frozen=True)
class Sizes:
    """How much is rendered: levels of each parameter, takes of each level, twins of each class, length of blends and of the long one."""

    levels: int
    takes: int
    twins: int
    blend_seconds: float
    drift_seconds: float


@dataclass(frozen=True)
class Step:
    """One take of one level of a sweep; `parameter` is "" for a class that has none, `level` is 0..1 of the control's range."""

    class_name: str
    parameter: str
    level: float
    job: RenderJob


@dataclass(frozen=True)
class Twin:
    """A render with the parameters of a held-out clip, and the neighbour that stands against it."""

    class_name: str
    clip: int
    neighbour: int
    job: RenderJob


@dataclass(frozen=True)
class Blend:
    """Two classes in equal parts."""

    classes: tuple[str, str]
    job: RenderJob


@dataclass(frozen=True)
class Plan:
    """All of it; `drift` is None where no long stretch is wanted."""

    steps: tuple[Step, ...]
    twins: tuple[Twin, ...]
    blends: tuple[Blend, ...]
    drift: RenderJob | None

    @property
    def jobs(self) -> list[RenderJob]:
        """Every render, in the order: steps, twins, blends, the long one."""
        jobs = [item.job for item in (*self.steps, *self.twins, *self.blends)]
        return jobs + ([self.drift] if self.drift is not None else [])


def make_plan(controls: Sequence[Control], real: RealSounds, sizes: Sizes, *, seed: int) -> Plan:
    """Lay out the renders of an evaluation; the same seed gives the same plan."""
    rng = np.random.default_rng(seed)
    # Every render has a seed of its own: two takes from one seed would be one take.
    seeds = itertools.count(1 + 100_000 * seed)
    seconds = real.piece_seconds

    def job(weights: Mapping[str, float], values: Mapping[str, float], length_s: float) -> RenderJob:
        middle = {name: MIDDLE for kind in real.classes for name in kind.parameters}
        return RenderJob(settings(controls, weights, middle | dict(values)), length_s, next(seeds))

    steps, twins = [], []
    for kind in real.classes:
        takes = sizes.takes * takes_factor([clip.audio for clip in kind.clips], real.sample_rate_hz)
        for parameter in kind.parameters or ("",):
            for level in np.linspace(0.0, 1.0, sizes.levels).tolist():
                values = {parameter: level} if parameter else {}
                steps += [Step(kind.name, parameter, level, job({kind.name: 1.0}, values, seconds)) for _ in range(takes)]
        table = normalised(controls, kind)
        first, second = matched_halves(table, rng)
        for clip, neighbour in list(zip(first.tolist(), second.tolist(), strict=True))[: sizes.twins]:
            values = dict(zip(kind.parameters, table[clip].tolist(), strict=True))
            twins.append(Twin(kind.name, clip, neighbour, job({kind.name: 1.0}, values, seconds)))
    blends = [
        Blend((a.name, b.name), job({a.name: 0.5, b.name: 0.5}, {}, sizes.blend_seconds))
        for a, b in itertools.combinations(real.classes, 2)
    ]
    drift = RenderJob((), sizes.drift_seconds, next(seeds)) if sizes.drift_seconds > 0 else None
    return Plan(tuple(steps), tuple(twins), tuple(blends), drift)


def takes_factor(clips: Sequence[NDArray[np.float32]], sample_rate_hz: int) -> int:
    """Return how many times as many takes a class needs as a steady one, so that the means of its levels are as certain.

    Gusts and lulls are part of the sound: two seconds of wind stray by 4 dB from the level of their clip. A clip that was made to a
    level averages that out, a stream does not; and the standard error of a mean falls with the root of the number of takes.
    """
    size = int(WANDER_PIECE_S * sample_rate_hz)
    strays = []
    for clip in clips:
        pieces = clip[: len(clip) // size * size].reshape(-1, size)
        if len(pieces) > 2:
            strays.append(np.std(10.0 * np.log10(np.mean(np.square(pieces, dtype=np.float64), axis=1) + TINY)))
    if not strays:
        return 1
    return int(np.clip(np.round((np.median(strays) / STEADY_DB) ** 2), 1, MOST_TAKES_FACTOR))


def settings(controls: Sequence[Control], weights: Mapping[str, float], values: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Return the controls of a deck for class weights and parameter levels 0..1; other classes are off.

    How the patch samples (temperature and the like) stays as it ships.
    """
    wanted = {control.id: weight for name, weight in weights.items() if (control := control_of(controls, "class_", name))}
    made = {control.id: wanted.get(control.id, 0.0) for control in controls if wanted and control.id.startswith("class_")}
    for name, level in values.items():
        control = control_of(controls, "", name)
        if control is not None:
            made[control.id] = control.min + (control.max - control.min) * float(np.clip(level, 0.0, 1.0))
    return tuple(made.items())


def normalised(controls: Sequence[Control], kind: RealClass) -> NDArray[np.float64]:
    """Return the parameters of a class's clips as 0..1 of their controls' ranges, shape (clips, parameters)."""
    columns = []
    for name in kind.parameters:
        control = control_of(controls, "", name)
        columns.append([(clip.values[name] - control.min) / (control.max - control.min) for clip in kind.clips])
    return np.array(columns, dtype=np.float64).reshape(len(kind.parameters), len(kind.clips)).T
