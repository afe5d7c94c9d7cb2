import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from training.sequencer import DESCRIPTORS, LOG_SIGMA_FLOOR, Mixture, Sequencer, SequencerStep, expected_frame, nll_per_value

# Largest difference allowed between one step at a time and the whole sequence; measured: 6e-7.
STEP_ERROR = 1e-4
# Log densities against torch.distributions; measured: 2e-7.
NLL_ERROR = 1e-5
STEPS = 40


@pytest.fixture(params=["mixture", "mean"])
def sequencer(request):
    torch.manual_seed(3)
    return Sequencer(hidden_size=12, layers=2, components=4, head=request.param, dropout=0.5, input_noise=0.5).eval()


def frames(batch=1, steps=STEPS, seed=0):
    return torch.randn(batch, steps, DESCRIPTORS, generator=torch.Generator().manual_seed(seed))


def quiet_noise(step):
    shapes = step.input_shapes()
    return torch.zeros(shapes["gumbel"]), torch.zeros(shapes["normal"]), torch.zeros(shapes["temperature"])


def likeliest_means(mixture):
    best = mixture.log_weight[0].argmax(-1)
    return mixture.mean[0, torch.arange(len(best)), best]


def steps_of(step, heard):
    state, out = step.sequencer.fresh_state(), []
    with torch.no_grad():
        for frame in heard[0]:
            drawn, *state = step(frame[None], *state, *quiet_noise(step))
            out.append(drawn)
    return torch.cat(out), state


def test_step_by_step_is_the_whole_sequence(sequencer):
    heard = frames()
    with torch.no_grad():
        whole, (hidden, cell) = sequencer(heard)
    stepped, state = steps_of(SequencerStep(sequencer), heard)
    assert (stepped - likeliest_means(whole)).abs().max() < STEP_ERROR
    assert (state[0] - hidden).abs().max() < STEP_ERROR
    assert (state[1] - cell).abs().max() < STEP_ERROR


@pytest.mark.parametrize("cut", [1, 2, 17, STEPS - 1])
def test_pieces_are_the_whole_sequence(sequencer, cut):
    heard = frames(batch=3)
    with torch.no_grad():
        whole, _ = sequencer(heard)
        first, state = sequencer(heard[:, :cut])
        second, _ = sequencer(heard[:, cut:], state)
    for name in Mixture._fields:
        joined = torch.cat([getattr(first, name), getattr(second, name)], dim=1)
        assert (joined - getattr(whole, name)).abs().max() < STEP_ERROR


def test_the_future_never_changes_the_past(sequencer):
    heard, other = frames(), frames()
    other[:, 20:] += 5.0
    with torch.no_grad():
        (a, _), (b, _) = sequencer(heard), sequencer(other)
    assert torch.equal(a.mean[:, :20], b.mean[:, :20])
    assert not torch.equal(a.mean[:, 20], b.mean[:, 20])


def test_a_step_from_a_fresh_state_forgets_what_came_before(sequencer):
    step = SequencerStep(sequencer)
    first, _ = steps_of(step, frames())
    steps_of(step, frames(seed=1))
    again, _ = steps_of(step, frames())
    assert torch.equal(first, again)


def test_shapes_are_those_of_the_patch_format(sequencer):
    step = SequencerStep(sequencer)
    shapes = step.input_shapes()
    assert list(shapes) == list(step.INPUTS) == ["frame", "hidden", "cell", "gumbel", "normal", "temperature"]
    assert shapes["gumbel"] == (1, 4 if sequencer.head == "mixture" else 1)
    with torch.no_grad():
        outputs = step(*(torch.zeros(shape) for shape in shapes.values()))
    assert [tuple(output.shape) for output in outputs] == list(step.output_shapes().values())
    assert list(step.output_shapes()) == list(step.OUTPUTS) == ["next_frame", "hidden_next", "cell_next"]
    for output, fed in step.FEEDBACK:
        assert step.output_shapes()[output] == shapes[fed]


def test_nll_is_that_of_torch_distributions():
    torch.manual_seed(0)
    mixture = Mixture(torch.randn(2, 5, 3).log_softmax(-1), torch.randn(2, 5, 3, DESCRIPTORS), torch.randn(2, 5, 3, DESCRIPTORS))
    target = torch.randn(2, 5, DESCRIPTORS)
    reference = MixtureSameFamily(Categorical(logits=mixture.log_weight), Independent(Normal(mixture.mean, mixture.log_sigma.exp()), 1))
    assert (nll_per_value(mixture, target) + reference.log_prob(target) / DESCRIPTORS).abs().max() < NLL_ERROR
    assert (expected_frame(mixture) - reference.mean).abs().max() < NLL_ERROR


def test_the_spread_has_a_floor():
    sequencer = Sequencer(4, 1, 2, "mixture").eval()
    with torch.no_grad():
        sequencer.projection.bias.fill_(-1e3)
        sequencer.projection.weight.zero_()
        mixture, _ = sequencer(frames())
    assert mixture.log_sigma.min() >= LOG_SIGMA_FLOOR
    assert mixture.log_sigma.max() < LOG_SIGMA_FLOOR + 1e-3
    assert (mixture.log_weight.exp().sum(-1) - 1).abs().max() < NLL_ERROR


def test_draws_follow_the_mixture():
    sequencer = Sequencer(4, 1, 3, "mixture")
    weights = torch.tensor([0.6, 0.3, 0.1])
    count = 20_000
    mean = torch.tensor([-100.0, 0.0, 100.0]).reshape(1, 1, 3, 1).expand(count, 1, 3, DESCRIPTORS)
    mixture = Mixture(weights.log().expand(count, 1, 3), mean, torch.full_like(mean, math.log(2.0)))
    random = torch.Generator().manual_seed(5)
    gumbel = -torch.empty(count, 3).exponential_(generator=random).log()
    normal = torch.randn(count, DESCRIPTORS, generator=random)
    drawn = sequencer.draw(mixture, gumbel, normal, torch.ones(1))
    component = (drawn[:, 0] / 100.0).round().long() + 1
    shares = torch.bincount(component, minlength=3) / count
    # Five standard deviations of a share of 0.5 in 20 000 draws are 0.018.
    assert (shares - weights).abs().max() < 0.018
    centred = drawn - mean[:, 0].gather(1, component.reshape(-1, 1, 1).expand(-1, 1, DESCRIPTORS))[:, 0]
    assert abs(float(centred.std()) - 2.0) < 0.02
    sharpened = sequencer.draw(mixture, gumbel, normal, torch.tensor([0.5]))
    share = ((sharpened[:, 0] / 100.0).round() == -1).float().mean()
    assert abs(float(share) - 0.36 / (0.36 + 0.09 + 0.01)) < 0.018


def test_temperature_spreads_the_draw_and_zero_takes_the_likeliest_mean(sequencer):
    sequencer.residual_std.fill_(0.5)
    heard = frames()
    with torch.no_grad():
        mixture, _ = sequencer(heard)
    gumbel, normal = torch.zeros(1, sequencer.components), torch.ones(1, DESCRIPTORS)
    cold = sequencer.draw(mixture, 10 * torch.rand_like(gumbel), normal, torch.zeros(1))
    assert torch.equal(cold[0], likeliest_means(mixture)[-1])
    warm, hot = (sequencer.draw(mixture, gumbel, normal, torch.tensor([heat])) for heat in (1.0, 2.0))
    assert torch.allclose(hot - cold, 2 * (warm - cold), atol=1e-5)
    assert (warm - cold).min() > 0
    if sequencer.head == "mean":
        assert torch.allclose(warm - cold, torch.full((1, DESCRIPTORS), 0.5), atol=1e-5)


def test_no_draw_leaves_the_range_of_the_training_frames(sequencer):
    sequencer.lowest.fill_(-0.25)
    sequencer.highest.fill_(0.5)
    with torch.no_grad():
        mixture, _ = sequencer(frames())
    drawn = sequencer.draw(mixture, torch.zeros(1, sequencer.components), 1e3 * torch.randn(1, DESCRIPTORS), torch.ones(1))
    assert drawn.min() == -0.25
    assert drawn.max() == 0.5


def test_noise_and_dropout_act_in_training_only(sequencer):
    heard = frames()
    with torch.no_grad():
        assert torch.equal(sequencer(heard)[0].mean, sequencer(heard)[0].mean)
        sequencer.train()
        assert not torch.equal(sequencer(heard)[0].mean, sequencer(heard)[0].mean)
        sequencer.eval()
        sequencer.dropout.train()
        assert not torch.equal(sequencer(heard)[0].mean, sequencer(heard)[0].mean)
