import pytest
import torch

from training.recipe import read_recipe
from training.sequencer import DESCRIPTORS
from training.sequencer_module import SequencerModule

RECIPE = read_recipe().with_changes(hidden_size=8, layers=1, components=2, dropout=0.0, input_noise=0.0)


@pytest.fixture(params=["mixture", "mean"])
def module(request):
    torch.manual_seed(0)
    module = SequencerModule(RECIPE.with_changes(head=request.param), lambda *_: None)
    module.log = lambda *_, **__: None
    return module


def batch(items=6, steps=5):
    torch.manual_seed(1)
    return torch.randn(items, steps, DESCRIPTORS), torch.randn(items, steps, DESCRIPTORS), torch.ones(items, steps)


def test_every_frame_of_every_item_is_learned_from(module):
    frames, target, real = batch()
    target.requires_grad_()
    module.training_step((frames, target, real), 0).backward()
    moved = target.grad.abs().sum(-1)
    assert moved.shape == (6, 5)
    assert (moved > 0).all()


def test_what_fills_a_window_up_is_not_learned_from(module):
    frames, target, real = batch()
    real[2, 3:] = 0
    loss = module.training_step((frames, target, real), 0)
    frames[2, 3:], target[2, 3:] = 1e3, 1e3
    assert torch.equal(module.training_step((frames, target, real), 0), loss)
    target[2, 2] += 1
    assert not torch.equal(module.training_step((frames, target, real), 0), loss)


def test_the_rate_falls_along_half_a_cosine(module):
    schedule = module.configure_optimizers()["lr_scheduler"]["scheduler"]
    rates = [schedule.lr_lambdas[0](update) for update in (0, RECIPE.updates // 2, RECIPE.updates, 2 * RECIPE.updates)]
    assert rates == pytest.approx([1.0, 0.5, 0.0, 0.0])


def test_the_mean_head_takes_its_spread_from_held_out_frames():
    module = SequencerModule(RECIPE.with_changes(head="mean"), lambda *_: None)
    module.log_dict = lambda *_, **__: None
    frames, _, real = batch()
    module.eval()
    with torch.no_grad():
        mean = module.sequencer(frames)[0].mean[:, :, 0]
        module.on_validation_epoch_start()
        module.validation_step((frames, mean + 0.25, real), 0)
        module.on_validation_epoch_end()
    assert torch.allclose(module.sequencer.residual_std, torch.full((DESCRIPTORS,), 0.25), atol=1e-5)
    assert module.best_loss == pytest.approx(0.0625, rel=1e-4)


def test_only_what_is_better_is_kept():
    kept = []
    module = SequencerModule(RECIPE, lambda module, scores: kept.append(scores["validation_mse"]))
    module.log_dict = lambda *_, **__: None
    frames, target, real = batch()
    for scale in (1.0, 3.0, 0.1):
        with torch.no_grad():
            module.on_validation_epoch_start()
            module.validation_step((frames, target * scale, real), 0)
            module.on_validation_epoch_end()
    assert len(kept) == 2
    assert kept[1] < kept[0]
