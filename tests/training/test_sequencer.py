import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from training.sequencer import LOG_SIGMA_FLOOR, Head, Mixture, NoiseShape, draw, expected_frames, nll
from training.sequencers.linear import fit_linear, white_fit

D = 6
# Log densities against torch.distributions; measured: 2e-6.
NLL_ERROR = 1e-4


def swinging(rows=400, seed=0):
    """A sound whose next frame is nearly a linear function of the last two, with innovations that move together."""
    random = np.random.default_rng(seed)
    mix = random.standard_normal((D, D)) / 3
    frames = np.zeros((rows, D))
    for row in range(2, rows):
        frames[row] = 1.6 * frames[row - 1] - 0.8 * frames[row - 2] + mix @ random.standard_normal(D)
    return (frames / frames.std(0)).astype(np.float32)


def shape_of(frames, order=2):
    shape = NoiseShape(D, order, frames)
    shape.set_fit(fit_linear([swinging()], order))
    return shape


def random_mixture(batch=2, steps=5, frames=1, components=3):
    shape = (batch, steps, frames, components, D)
    return Mixture(torch.randn(batch, steps, components).log_softmax(-1), torch.randn(shape), 0.3 * torch.randn(shape))


def test_nll_is_that_of_torch_distributions():
    torch.manual_seed(0)
    mixture, target = random_mixture(), torch.randn(2, 5, 1, D)
    reference = MixtureSameFamily(
        Categorical(logits=mixture.log_weight), Independent(Normal(mixture.mean[:, :, 0], mixture.log_sigma[:, :, 0].exp()), 1)
    )
    said = nll(mixture, target, torch.ones(2, 5, 1), NoiseShape(D, 0, 1))
    assert (said + reference.log_prob(target[:, :, 0])).abs().max() < NLL_ERROR
    assert (expected_frames(mixture)[:, :, 0] - reference.mean).abs().max() < NLL_ERROR


@pytest.mark.parametrize("frames", [1, 7])
def test_the_density_of_a_forecast_is_that_of_the_noise_that_is_drawn(frames):
    """`colour` and `log_density` are each other's inverse: the covariance of the one is that of the other."""
    shape = shape_of(frames).double()
    basis = torch.eye(frames * D, dtype=torch.float64).reshape(frames * D, frames, D)
    mapped = shape.colour(basis).reshape(frames * D, frames * D).T
    reference = MultivariateNormal(torch.zeros(frames * D, dtype=torch.float64), mapped @ mapped.T)
    noise = torch.randn(4, frames, D, dtype=torch.float64)
    said = shape.log_density(noise.unsqueeze(-2)).sum((-1, -2))
    assert torch.allclose(said, reference.log_prob(noise.reshape(4, -1)), atol=1e-4)


@pytest.mark.parametrize("frames", [1, 30])
def test_coloured_noise_has_spread_one_and_hangs_together(frames):
    shape = shape_of(frames)
    noise = shape.colour(torch.randn(4000, frames, D, generator=torch.Generator().manual_seed(1)))
    # Five standard deviations of a spread from 4000 draws are 0.06.
    assert (noise.std(0) - 1).abs().max() < 0.06
    across = torch.corrcoef(noise[:, 0].T)
    assert (across - torch.eye(D)).abs().max() > 0.3
    if frames > 1:
        along = (noise[:, 20, 0] * noise[:, 21, 0]).mean()
        assert along > 0.7


def test_white_noise_stays_white():
    normal = torch.randn(3, 9, D)
    assert torch.allclose(NoiseShape(D, 0, 9).colour(normal), normal, atol=1e-6)


def test_what_fills_up_after_the_last_frame_does_not_count():
    torch.manual_seed(0)
    mixture, target, shape = random_mixture(frames=8, steps=1), torch.randn(2, 1, 8, D), shape_of(8)
    real = torch.ones(2, 1, 8)
    real[:, :, 5:] = 0
    before = nll(mixture, target, real, shape)
    target[:, :, 5:] = 1e3
    assert torch.equal(nll(mixture, target, real, shape), before)
    target[:, :, 4] += 1
    assert not torch.equal(nll(mixture, target, real, shape), before)


def test_the_spread_has_a_floor():
    head = Head(4, D, 3, 2, "mixture")
    with torch.no_grad():
        head.projection.bias.fill_(-1e3)
        head.projection.weight.zero_()
        mixture = head(torch.zeros(1, 5, 3, 4), torch.zeros(1, 5, 3, D))
    assert mixture.log_sigma.min() >= LOG_SIGMA_FLOOR
    assert mixture.log_sigma.max() < LOG_SIGMA_FLOOR + 1e-3
    assert (mixture.log_weight.exp().sum(-1) - 1).abs().max() < NLL_ERROR


def test_the_mean_head_is_one_path_without_a_spread_of_its_own():
    head = Head(4, D, 3, 8, "mean")
    head.residual_std.fill_(0.25)
    mixture = head(torch.randn(2, 1, 3, 4), torch.zeros(2, 1, 3, D))
    assert mixture.mean.shape == (2, 1, 3, 1, D)
    assert torch.equal(mixture.log_sigma, torch.full_like(mixture.mean, math.log(0.25)))
    assert torch.equal(expected_frames(mixture), mixture.mean[..., 0, :])


def test_draws_follow_the_mixture():
    weights = torch.tensor([0.6, 0.3, 0.1])
    count = 20_000
    mean = torch.tensor([-100.0, 0.0, 100.0]).reshape(1, 1, 1, 3, 1).expand(count, 1, 2, 3, D)
    mixture = Mixture(weights.log().expand(count, 1, 3), mean, torch.full_like(mean, math.log(2.0)))
    random = torch.Generator().manual_seed(5)
    gumbel = -torch.empty(count, 3).exponential_(generator=random).log()
    normal = torch.randn(count, 2, D, generator=random)
    drawn = draw(mixture, gumbel, normal, torch.ones(1))
    component = (drawn[:, 0, 0] / 100.0).round().long() + 1
    shares = torch.bincount(component, minlength=3) / count
    # Five standard deviations of a share of 0.5 in 20 000 draws are 0.018.
    assert (shares - weights).abs().max() < 0.018
    centred = drawn - (component - 1).reshape(-1, 1, 1) * 100.0
    # A forecast is one path: all its frames are of one component.
    assert centred.abs().max() < 20
    assert abs(float(centred.std()) - 2.0) < 0.02
    sharpened = draw(mixture, gumbel, normal, torch.tensor([0.5]))
    share = ((sharpened[:, 0, 0] / 100.0).round() == -1).float().mean()
    assert abs(float(share) - 0.36 / (0.36 + 0.09 + 0.01)) < 0.018


def test_temperature_spreads_the_draw_and_zero_takes_the_likeliest_mean():
    torch.manual_seed(0)
    mixture = random_mixture(batch=1, frames=4)
    gumbel, noise = torch.zeros(1, 3), torch.ones(1, 4, D)
    cold = draw(mixture, 10 * torch.rand(1, 3), noise, torch.zeros(1))
    assert torch.equal(cold[0], mixture.mean[0, -1, :, mixture.log_weight[0, -1].argmax()])
    warm, hot = (draw(mixture, gumbel, noise, torch.tensor([heat])) for heat in (1.0, 2.0))
    assert torch.allclose(hot - cold, 2 * (warm - cold), atol=1e-5)
    assert (warm - cold).min() > 0


def test_the_linear_fit_finds_what_is_linear_and_predicts_ahead():
    fit = fit_linear([swinging(4000)], 2)
    judged = swinging(4000, seed=9).astype(np.float64)
    truth = (1.6 * np.eye(D), -0.8 * np.eye(D))
    left, least = (np.square(judged[2:] - judged[1:-1] @ near.T - judged[:-2] @ far.T).mean(0) for near, far in (fit.weights, truth))
    assert (least < 0.2).all()
    # The ridge is noise of 0.05 on frames of spread 1; measured: 1.9.
    assert (left < 2.5 * least).all()
    known, ahead = swinging(10, seed=3)[2:4].astype(np.float64), fit.ahead(5)
    frames = [*known]
    for _ in range(5):
        frames.append(fit.weights[0] @ frames[-1] + fit.weights[1] @ frames[-2])
    for step in range(5):
        assert np.allclose(ahead[step, 0] @ known[1] + ahead[step, 1] @ known[0], frames[2 + step], atol=1e-9)
    assert np.allclose((fit.cholesky @ fit.cholesky.T).diagonal(), 1)
    spread = fit.spread(100)
    assert spread.shape == (100, D)
    assert (np.diff(spread, axis=0) >= 0).all()


def test_a_linear_fit_that_would_grow_is_slowed_down():
    growing = (1.05 ** np.arange(200))[:, None] * np.ones((1, D)) + np.random.default_rng(0).standard_normal((200, D))
    fit = fit_linear([growing.astype(np.float32)], 2)
    assert np.abs(fit.ahead(2000)[-1]).max() < 1


def test_too_little_sound_fits_nothing():
    fit = fit_linear([np.zeros((2, D), np.float32)], 4)
    assert len(fit.weights) == 0
    assert np.array_equal(fit.spread(3), np.ones((3, D)))
    assert np.array_equal(white_fit(D).cholesky, np.eye(D))
