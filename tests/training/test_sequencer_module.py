import pytest
import torch

from patches.descriptors import DescriptorSpec
from training.recipe import MODELS, read_recipe
from training.sequencer_module import WARM_UP, SequencerModule

SPEC = DescriptorSpec.parse("mfcc0,mfcc1,loudness")
D = len(SPEC)
RECIPE = read_recipe().with_changes(
    hidden_size=8, num_layers=1, components=2, dropout=0.0, input_noise=0.0, window_size=5, forecast_size=4, dim_pos_encoding=2
)


def made(keep=lambda *_: None, **changes):
    torch.manual_seed(0)
    module = SequencerModule(RECIPE.with_changes(**changes), SPEC, keep)
    module.log = module.log_dict = lambda *_, **__: None
    return module


@pytest.fixture(params=["mixture", "mean"])
def module(request):
    return made(head=request.param)


def batch(items=6, count=5, frames=1):
    torch.manual_seed(1)
    return torch.randn(items, 5, D), torch.randn(items, count, frames, D), torch.ones(items, count, frames)


def test_every_frame_of_every_item_is_learned_from(module):
    frames, target, real = batch()
    target.requires_grad_()
    module.training_step((frames, target, real), 0).backward()
    moved = target.grad.abs().sum(-1)
    assert moved.shape == (6, 5, 1)
    assert (moved > 0).all()


def test_what_fills_a_window_up_is_not_learned_from(module):
    frames, target, real = batch()
    real[2, 3:] = 0
    loss = module.training_step((frames, target, real), 0)
    frames[2, 3:], target[2, 3:] = 1e3, 1e3
    assert torch.equal(module.training_step((frames, target, real), 0), loss)
    target[2, 2] += 1
    assert not torch.equal(module.training_step((frames, target, real), 0), loss)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [("cosine", [1 / WARM_UP, 0.5, 0.0, 0.0]), ("constant", [1.0] * 4), ("decay", [1.0, 0.95**5, 0.95**10, 0.95**20])],
)
def test_the_rate_follows_its_schedule(schedule, rates):
    module = made(schedule=schedule, updates=1000, validation_interval=100)
    found = module.configure_optimizers()["lr_scheduler"]["scheduler"].lr_lambdas[0]
    assert [found(update) for update in (0, 500, 1000, 2000)] == pytest.approx(rates)


def looked_at(module, *batches):
    module.eval()
    with torch.no_grad():
        module.on_validation_epoch_start()
        for one in batches:
            module.validation_step(one, 0)
        module.on_validation_epoch_end()


def test_the_mean_head_takes_its_spread_from_held_out_frames():
    module = made(head="mean")
    frames, _, real = batch()
    mean = module.eval().sequencer(frames).mean[..., 0, :].detach()
    looked_at(module, (frames, mean + 0.25, real))
    assert torch.allclose(module.sequencer.head.residual_std, torch.full((1, D), 0.25), atol=1e-5)
    assert module.best_loss == pytest.approx(0.0625, rel=1e-4)


def test_the_mean_head_of_a_forecast_has_a_spread_at_each_place_judged_or_not():
    module = made(head="mean", selected_model="TransformerModel")
    frames, _, real = batch(count=1, frames=4)
    mean = module.eval().sequencer(frames).mean[..., 0, :].detach()
    off = torch.tensor([0.1, 0.2, 0.4, 0.8]).reshape(1, 1, 4, 1)
    real[:, :, 3] = 0
    looked_at(module, (frames, mean + off, real))
    assert torch.allclose(module.sequencer.head.residual_std[:, 0], torch.tensor([0.1, 0.2, 0.4, 0.4]), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_only_what_is_better_is_kept(name):
    kept = []
    module = made(lambda module, scores: kept.append(scores["validation_mse"]), selected_model=name)
    frames, target, real = batch(count=1, frames=4) if module.sequencer.multi_step else batch()
    for scale in (1.0, 3.0, 0.1):
        looked_at(module, (frames, target * scale, real))
    assert len(kept) == 2
    assert kept[1] < kept[0]
