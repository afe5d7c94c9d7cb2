from pathlib import Path

import numpy as np
import pytest

from patches.manifest import Control
from training.evaluation.features import piece_features
from training.evaluation.judge import rank_correlation, train_judge
from training.evaluation.kernel_regression import fit_kernel_regression, folds_of
from training.evaluation.plan import Step
from training.evaluation.real import RealClass, RealClip, RealSounds
from training.evaluation.rendering import RenderJob
from training.evaluation.sweeps import StepResult, fit_level_model, hear_step, sweep_scores

RATE = 16_000
CLIPS = 12


def features_of(sounds):
    return [piece_features(*sound) for sound in sounds]


def hiss(value: float, rng: np.random.Generator) -> np.ndarray:
    """Noise whose level rises by 12 dB."""
    return (10.0 ** ((-32.0 + 12.0 * value) / 20.0) * rng.standard_normal(2 * RATE)).astype(np.float32)


def clicks(value: float, rng: np.random.Generator) -> np.ndarray:
    """Clicks, two to twelve a second."""
    audio = 0.001 * rng.standard_normal(2 * RATE)
    period = RATE / (2.0 * 6.0**value)
    for place in np.arange(rng.uniform(0.0, period), 2 * RATE - 200, period).astype(int):
        audio[place : place + 200] += 0.4 * rng.standard_normal(200) * np.exp(-np.arange(200) / 40.0)
    return audio.astype(np.float32)


MAKERS = {"clicks": ("rate", clicks), "hiss": ("level", hiss)}
CONTROLS = [
    *(Control(f"class_{name}", name, "", 0.0, 1.0, 0.0, "linear", 0.0) for name in MAKERS),
    *(Control(parameter, parameter, "", 0.0, 1.0, 0.5, "linear", 0.0) for parameter, _ in MAKERS.values()),
]


@pytest.fixture(scope="module")
def real() -> RealSounds:
    rng = np.random.default_rng(0)
    classes = []
    for name, (parameter, make) in MAKERS.items():
        values = rng.permutation(np.linspace(0.0, 1.0, CLIPS)).tolist()
        clips = tuple(RealClip(Path(f"{name}/{n}.wav"), make(value, rng), {parameter: value}) for n, value in enumerate(values))
        classes.append(RealClass(name, (parameter,), clips))
    return RealSounds(Path("held"), RATE, 2.0, tuple(classes), {}, ())


@pytest.fixture(scope="module")
def judge(real):
    return train_judge(real, features_of, seed=0)


# --- features ---


@pytest.mark.parametrize("sound", [np.zeros(32_000), np.ones(32_000), np.r_[1.0, np.zeros(31_999)], np.ones(8_000)])
def test_features_of_odd_sounds_are_finite(sound):
    features = piece_features(sound, RATE)
    assert np.isfinite(features).all()
    assert features.shape == piece_features(np.random.default_rng(0).standard_normal(88_200), 44_100).shape


# --- regression ---


def test_a_regression_learns_a_curve_and_does_not_run_away():
    rng = np.random.default_rng(0)
    features = rng.uniform(-1.0, 1.0, (80, 3))
    model = fit_kernel_regression(features, np.sin(3.0 * features[:, :1]), np.arange(80))
    unseen = rng.uniform(-0.9, 0.9, (40, 3))
    assert np.abs(model.predict(unseen)[:, 0] - np.sin(3.0 * unseen[:, 0])).max() < 0.15
    far = np.array([[50.0, 0.0, 0.0]])
    assert np.abs(model.predict(far)).max() < 1.5


def test_the_left_out_error_is_that_of_leaving_out():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((30, 2))
    targets = features[:, :1] ** 2 + 0.1 * rng.standard_normal((30, 1))
    groups = np.repeat(np.arange(10), 3)
    model = fit_kernel_regression(features, targets, groups, screens=(None,))
    distances = np.sum((model.examples[:, None] - model.examples[None]) ** 2, axis=2)
    kernel = np.exp(-distances / model.reach)
    # The penalty follows from the weights: (K + λ) w = y - mean.
    penalty = np.median((targets - model.offset - kernel @ model.weights) / model.weights)
    errors = []
    for group in range(10):
        kept = groups != group
        weights = np.linalg.solve(kernel[np.ix_(kept, kept)] + penalty * np.eye(kept.sum()), (targets - model.offset)[kept])
        errors.append(kernel[np.ix_(~kept, kept)] @ weights + model.offset - targets[~kept])
    assert model.left_out_error == pytest.approx(np.mean(np.square(errors)), rel=1e-4)


def test_features_that_never_change_are_left_out():
    features = np.c_[np.linspace(0.0, 1.0, 20), np.full(20, 1e6)]
    model = fit_kernel_regression(features, features[:, :1], np.arange(20))
    assert model.columns.tolist() == [0]


def test_folds_are_even():
    assert np.bincount(folds_of(11, 5, np.random.default_rng(0))).tolist() == [3, 2, 2, 2, 2]
    assert sorted(folds_of(3, 5, np.random.default_rng(0))) == [0, 1, 2]


# --- judge ---


def test_the_judge_hears_classes_parameters_and_mixtures(judge):
    assert judge.quality.class_accuracy == 1.0
    assert judge.quality.mixtures_heard >= 0.8
    assert judge.quality.parameter_rank_correlation["hiss"]["level"] > 0.97
    assert judge.quality.parameter_rank_correlation["clicks"]["rate"] > 0.9


def test_a_judge_of_nonsense_says_so(real):
    rng = np.random.default_rng(5)
    shuffled = []
    for kind in real.classes:
        values = rng.permutation([clip.values[kind.parameters[0]] for clip in kind.clips])
        clips = tuple(RealClip(clip.path, clip.audio, {kind.parameters[0]: value}) for clip, value in zip(kind.clips, values, strict=True))
        shuffled.append(RealClass(kind.name, kind.parameters, clips))
    quality = train_judge(RealSounds(real.folder, RATE, 2.0, tuple(shuffled), {}, ()), features_of, seed=0).quality
    assert max(rho for row in quality.parameter_rank_correlation.values() for rho in row.values()) < 0.8


def test_rank_correlation_of_silence_is_none():
    assert rank_correlation(np.arange(5.0), np.arange(5.0) ** 3) == pytest.approx(1.0)
    assert rank_correlation(np.arange(5.0), np.ones(5)) == 0.0


# --- sweeps ---


def swept(real, judge, obedient=True, gain=1.0, swap=False):
    rng = np.random.default_rng(9)
    steps, results, features = [], [], []
    for name, (parameter, make) in MAKERS.items():
        for level in np.linspace(0.0, 1.0, 6).tolist():
            for _ in range(2):
                step = Step(name, parameter, level, RenderJob((), 2.0, 0))
                maker = MAKERS["hiss"][1] if swap else make
                audio = maker(level if obedient else 1.0 - level, rng) * np.float32(gain)
                steps.append(step)
                results.append(hear_step(step, audio, RATE))
                features.append(piece_features(audio, RATE))
    return sweep_scores(CONTROLS, real, judge, steps, results, np.stack(features))


def test_an_obedient_patch_gets_full_marks(real, judge):
    scores, curves = swept(real, judge)
    assert scores["class_accuracy"] == 1.0
    assert scores["parameter_rank_correlation_min"] > 0.9
    assert scores["level_error_db_max"] < 2.0
    assert scores["level_error_db"]["hiss"]["level"]["standard_error"] < 0.5
    assert curves["hiss"]["level"]["asked"] == pytest.approx(np.linspace(0.0, 1.0, 6).tolist())
    assert all(len(column) == 2 for column in curves["clicks"]["rate"]["takes"])


def test_a_disobedient_loud_or_confused_patch_does_not(real, judge):
    assert swept(real, judge, obedient=False)[0]["parameter_rank_correlation_min"] < -0.8
    assert swept(real, judge, gain=2.0)[0]["level_error_db"]["hiss"]["level"]["mean"] == pytest.approx(6.0, abs=0.5)
    scores, _ = swept(real, judge, swap=True)
    assert scores["class_accuracy_by_class"]["clicks"] < 0.2
    assert scores["confusions"]["clicks heard as hiss"] >= 10


def test_the_level_of_real_clips_is_a_curve_over_their_parameter(real):
    model = fit_level_model(CONTROLS, real.classes[1])
    assert model.quadratic
    assert model.predict(np.array([[0.0], [0.5], [1.0]])) == pytest.approx([-32.0, -26.0, -20.0], abs=0.3)
    assert model.stray_db < 0.2


def test_a_class_without_parameters_still_has_class_and_level(real, judge):
    bare = RealSounds(real.folder, RATE, 2.0, tuple(RealClass(kind.name, (), kind.clips) for kind in real.classes), {}, ())
    steps = [Step(kind.name, "", level, RenderJob((), 2.0, 0)) for kind in bare.classes for level in (0.0, 1.0)]
    features = np.stack([piece_features(clip.audio, RATE) for kind in bare.classes for clip in kind.clips[:2]])
    scores, _ = sweep_scores(CONTROLS, bare, judge, steps, [StepResult(-20.0, None)] * 4, features)
    assert scores["class_accuracy"] == 1.0
    assert scores["parameter_rank_correlation_min"] is None
    assert scores["level_error_db"]["hiss"]["class"]["max"] == pytest.approx(6.0, abs=1.0)
