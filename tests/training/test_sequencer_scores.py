import math

import numpy as np
import pytest
import torch

from training.sequencer import DESCRIPTORS, Mixture, Sequencer, nll_per_value
from training.sequencer_data import HeldOutBatches
from training.sequencer_scores import Errors, baseline_scores, free_run, gaussian_nll, model_scores, sample_std_ratio


def clips(count=3, rows=60, seed=0):
    return list(np.random.default_rng(seed).standard_normal((count, rows, DESCRIPTORS)).astype(np.float32))


def gaussian(mean, sigma):
    log_sigma = torch.full_like(mean, math.log(sigma)).unsqueeze(2)
    return Mixture(torch.zeros(*mean.shape[:2], 1), mean.unsqueeze(2), log_sigma)


def test_errors_add_up_over_batches_and_leave_masked_frames_out():
    torch.manual_seed(0)
    target, mean = torch.randn(2, 4, 7, DESCRIPTORS), torch.randn(2, 4, 7, DESCRIPTORS)
    real = torch.ones(4, 7)
    real[2, 3:] = 0
    errors = Errors()
    for index in range(2):
        shifted = mean[index].clone()
        shifted[2, 3:] += 1e6
        errors.add(gaussian(shifted, 0.7), target[index], real)
    kept = real.bool().expand(2, 4, 7)
    squared = (mean - target)[kept].square()
    assert errors.frames == 48
    assert errors.mse == pytest.approx(float(squared.mean()), rel=1e-5)
    assert torch.allclose(errors.residual_std, squared.mean(0).sqrt(), rtol=1e-5)
    assert errors.nll == pytest.approx(gaussian_nll(squared.mean(0).numpy(), np.full(DESCRIPTORS, 0.7)), rel=1e-5)


def test_gaussian_nll_is_that_of_the_model():
    target = torch.randn(1, 500, DESCRIPTORS)
    nll = float(nll_per_value(gaussian(torch.zeros_like(target), 1.3), target).mean())
    assert nll == pytest.approx(gaussian_nll(target[0].square().mean(0).numpy(), np.full(DESCRIPTORS, 1.3)), rel=1e-5)


def test_baselines_on_noise_and_on_a_slow_line():
    noise = baseline_scores(clips(20), clips(20, seed=1))
    # Standard normal: entropy 1.419 nats, variance 1; the difference of two has variance 2. Measured within 0.01.
    assert noise["mean_nll"] == pytest.approx(0.5 * math.log(2 * math.pi * math.e), abs=0.02)
    assert noise["mean_mse"] == pytest.approx(1.0, abs=0.03)
    assert noise["repeat_mse"] == pytest.approx(2.0, abs=0.06)
    line = [np.repeat(np.linspace(-2, 2, 200, dtype=np.float32)[:, None], DESCRIPTORS, axis=1)]
    slow = baseline_scores(line, line)
    assert slow["repeat_nll"] < slow["mean_nll"] - 2
    assert slow["repeat_mse"] == pytest.approx((4 / 199) ** 2, rel=1e-3)


def test_a_free_run_is_the_sequence_that_its_own_frames_predict():
    torch.manual_seed(0)
    sequencer = Sequencer(8, 2, 3, "mixture").eval()
    prime = torch.randn(2, 5, DESCRIPTORS)
    drawn = free_run(sequencer, prime, 12, 0.0, torch.Generator())
    with torch.no_grad():
        mixture, _ = sequencer(torch.cat([prime, drawn[:, :-1]], dim=1))
    best = mixture.log_weight[:, 4:].argmax(-1).reshape(2, 12, 1, 1).expand(-1, -1, 1, DESCRIPTORS)
    # One step at a time against the whole; measured 5e-7.
    assert (drawn - mixture.mean[:, 4:].gather(2, best).squeeze(2)).abs().max() < 1e-4


def test_a_free_run_is_one_for_a_seed_and_another_for_another():
    sequencer = Sequencer(8, 1, 3, "mixture").eval()
    prime = torch.zeros(1, 3, DESCRIPTORS)
    runs = [free_run(sequencer, prime, 10, 1.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_the_ratio_sees_flat_samples_and_live_ones():
    sequencer = Sequencer(4, 1, 1, "mean").eval()
    with torch.no_grad():
        sequencer.projection.weight.zero_()
        sequencer.projection.bias.zero_()
    held_out = [clip * 2 for clip in clips(4, 400)]
    assert sample_std_ratio(sequencer, held_out, 0.0, seed=1) == 0
    # White noise of spread 1 beside noise of spread 2; five standard deviations of the estimate are 0.01.
    assert sample_std_ratio(sequencer, held_out, 1.0, seed=1) == pytest.approx(0.5, abs=0.01)
    # What differs between clips and not within them is no movement.
    shifted = [clip + 50 * index for index, clip in enumerate(held_out)]
    assert sample_std_ratio(sequencer, shifted, 1.0, seed=1) == pytest.approx(0.5, abs=0.01)


def test_model_scores_are_those_of_the_held_out_frames():
    torch.manual_seed(0)
    sequencer, held_out = Sequencer(8, 1, 2, "mixture", dropout=0.5), clips()
    scores = model_scores(sequencer, held_out, HeldOutBatches(held_out), seed=1)
    frames = torch.from_numpy(np.stack(held_out))
    with torch.no_grad():
        mixture, _ = sequencer.eval()(frames[:, :-1])
    assert scores["validation_nll"] == pytest.approx(float(nll_per_value(mixture, frames[:, 1:]).mean()), rel=1e-5)
    assert scores["one_step_error"] == pytest.approx(math.sqrt(scores["validation_mse"]))
    assert set(scores) >= {"sample_std_ratio_t0", "sample_std_ratio_t07", "sample_std_ratio_t1"}
