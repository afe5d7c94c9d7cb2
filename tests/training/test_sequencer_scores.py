import math

import numpy as np
import pytest
import torch

from patches.descriptors import MFCC, DescriptorSpec
from training.recipe import MODELS, read_recipe
from training.sequencer import Mixture, NoiseShape, expected_frames, nll
from training.sequencer_data import held_out_batches
from training.sequencer_scores import Errors, baseline_scores, gaussian_nll, horizon_ratios, model_scores, sample_std_ratio
from training.sequencer_windows import HeldOutBatches
from training.sequencers.build import build_model

D = 39
WHITE = NoiseShape(D, 0, 1)
SPEC = DescriptorSpec(MFCC)
RECIPE = read_recipe().with_changes(hidden_size=8, num_layers=1, components=2, window_size=8, forecast_size=4, dropout=0.5)
FRAMES_PER_SECOND = 43.07


def clips(count=3, rows=60, seed=0):
    return list(np.random.default_rng(seed).standard_normal((count, rows, D)).astype(np.float32))


def made(name="LSTM", **changes):
    torch.manual_seed(0)
    return build_model(RECIPE.with_changes(selected_model=name, **changes), SPEC)


def gaussian(mean, sigma):
    """One Gaussian per forecast of one frame: mean (B, S, D)."""
    mean = mean[:, :, None, None]
    return Mixture(torch.zeros(*mean.shape[:2], 1), mean, torch.full_like(mean, math.log(sigma)))


def test_errors_add_up_over_batches_and_leave_masked_frames_out():
    torch.manual_seed(0)
    target, mean = torch.randn(2, 4, 7, D), torch.randn(2, 4, 7, D)
    real = torch.ones(4, 7)
    real[2, 3:] = 0
    errors = Errors()
    for index in range(2):
        shifted = mean[index].clone()
        shifted[2, 3:] += 1e6
        errors.add(gaussian(shifted, 0.7), target[index, :, :, None], real[..., None], WHITE)
    kept = real.bool().expand(2, 4, 7)
    squared = (mean - target)[kept].square()
    assert errors.frames.tolist() == [48]
    assert errors.mse == pytest.approx(float(squared.mean()), rel=1e-5)
    assert torch.allclose(errors.residual_std[0], squared.mean(0).sqrt(), rtol=1e-5)
    assert errors.nll == pytest.approx(gaussian_nll(squared.mean(0).numpy(), np.full(D, 0.7)), rel=1e-5)


def test_gaussian_nll_is_that_of_the_model():
    target = torch.randn(1, 500, D)
    said = float(nll(gaussian(torch.zeros_like(target), 1.3), target[:, :, None], torch.ones(1, 500, 1), WHITE).mean()) / D
    assert said == pytest.approx(gaussian_nll(target[0].square().mean(0).numpy(), np.full(D, 1.3)), rel=1e-5)


def test_baselines_on_noise_and_on_a_slow_line():
    noise = baseline_scores(clips(20), clips(20, seed=1))
    # Standard normal: entropy 1.419 nats, variance 1; the difference of two has variance 2. Measured within 0.01.
    assert noise["mean_nll"] == pytest.approx(0.5 * math.log(2 * math.pi * math.e), abs=0.02)
    assert noise["mean_mse"] == pytest.approx(1.0, abs=0.03)
    assert noise["repeat_mse"] == pytest.approx(2.0, abs=0.06)
    line = [np.repeat(np.linspace(-2, 2, 200, dtype=np.float32)[:, None], D, axis=1)]
    slow = baseline_scores(line, line)
    assert slow["repeat_nll"] < slow["mean_nll"] - 2
    assert slow["repeat_mse"] == pytest.approx((4 / 199) ** 2, rel=1e-3)


def test_repeating_is_judged_over_the_frames_of_a_forecast():
    line = [np.repeat(np.linspace(-2, 2, 201, dtype=np.float32)[:, None], D, axis=1)]
    step = 4 / 200
    assert baseline_scores(line, line, 3)["repeat_mse"] == pytest.approx(step**2 * (1 + 4 + 9) / 3, rel=1e-3)
    # A forecast may be longer than every clip.
    assert math.isfinite(baseline_scores(line, line, 500)["repeat_nll"])


def test_the_ratio_sees_flat_samples_and_live_ones():
    """Seed fault (facts 1.5): regressors whose trajectories are flat."""
    model = made(head="mean", skip_frames=0)
    with torch.no_grad():
        model.head.projection.weight.zero_()
        model.head.projection.bias.zero_()
    held_out = [clip * 2 for clip in clips(4, 400)]
    assert sample_std_ratio(model, held_out, 0.0, 1, FRAMES_PER_SECOND) == 0
    # White noise of spread 1 beside noise of spread 2; five standard deviations of the estimate are 0.01.
    assert sample_std_ratio(model, held_out, 1.0, 1, FRAMES_PER_SECOND) == pytest.approx(0.5, abs=0.01)
    # What differs between clips and not within them is no movement.
    shifted = [clip + 50 * index for index, clip in enumerate(held_out)]
    assert sample_std_ratio(model, shifted, 1.0, 1, FRAMES_PER_SECOND) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", MODELS)
def test_samples_of_a_begun_model_keep_the_spread_and_do_not_collapse_to_the_mean(name):
    """Seed fault (facts 1.5): collapse to the mean. What is linear alone keeps the movement of a sound that is."""
    random = np.random.default_rng(0)
    sounds = []
    for _ in range(4):
        frames = np.zeros((400, D))
        for row in range(1, 400):
            frames[row] = 0.9 * frames[row - 1] + random.standard_normal(D) @ np.tri(D) / D
        sounds.append((frames / frames.std(0)).astype(np.float32))
    model = made(name)
    model.begin(sounds)
    assert sample_std_ratio(model, sounds, 1.0, 1, FRAMES_PER_SECOND) == pytest.approx(1.0, abs=0.25)


def test_model_scores_are_those_of_the_held_out_frames():
    model, held_out = made(), clips()
    scores = model_scores(model, held_out, HeldOutBatches(held_out), 1, FRAMES_PER_SECOND)
    frames = torch.from_numpy(np.stack(held_out))
    with torch.no_grad():
        mixture = model.eval()(frames[:, :-1])
    target = frames[:, 1:, None]
    said = nll(mixture, target, torch.ones(target.shape[:3]), model.noise_shape).mean() / D
    assert scores["validation_nll"] == pytest.approx(float(said), rel=1e-5)
    assert scores["one_step_error"] == pytest.approx(math.sqrt(scores["validation_mse"]))
    assert set(scores) >= {"sample_std_ratio_t0", "sample_std_ratio_t07", "sample_std_ratio_t1"}


@pytest.mark.parametrize("name", ["LSTM", "TransformerModel"])
def test_the_mean_head_is_judged_by_the_spread_of_its_own_errors(name):
    model, held_out = made(name, head="mean"), clips()
    batches = held_out_batches(held_out, model)
    with torch.no_grad():
        left = [(expected_frames(model.eval()(frames)) - target, real) for frames, target, real in batches]
    count = sum(real.sum((0, 1)) for _, real in left)
    squared = sum((error.square() * real.unsqueeze(-1)).sum((0, 1)) for error, real in left) / count.unsqueeze(-1)
    scores = model_scores(model, held_out, batches, 1, FRAMES_PER_SECOND)
    assert scores["validation_nll"] == pytest.approx(float(0.5 * (2 * math.pi * math.e * squared).log().mean()), rel=1e-4)


@pytest.mark.parametrize("name", ["LSTMEncoderDecoderModel", "TransformerModel"])
def test_the_one_step_error_of_a_forecast_is_that_of_its_first_frame(name):
    model, held_out = made(name), clips()
    batches = held_out_batches(held_out, model)
    scores = model_scores(model, held_out, batches, 1, FRAMES_PER_SECOND)
    with torch.no_grad():
        first = [(expected_frames(model.eval()(frames)) - target)[:, 0, 0] for frames, target, _ in batches]
    assert scores["one_step_error"] == pytest.approx(float(torch.cat(first).square().mean().sqrt()), rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_horizon_ratios_are_errors_over_those_of_repeating(name):
    model, sounds = made(name), clips(6, 100)
    ratios = horizon_ratios(model, sounds[:4], sounds[4:], SPEC.names)
    assert set(ratios) == {f"{who}_ratio_{ahead}" for who in ("repeat", "linear") for ahead in range(1, 9)}
    # White noise is best guessed by its mean, which has half the error of repeating.
    assert all(0.4 < ratios[f"repeat_ratio_{ahead}"] < 1.2 for ahead in range(1, 9))
