import dataclasses
import math

import pytest
import torch

from training.tokens_attention import band, rotation
from training.tokens_model import TokenTransformer, TransformerSize
from training.tokens_recipe import RECIPES, read_tokens_recipe
from training.tokens_step import TokenStep, draw, sampling

# Head size 11 is odd, as the seed's 63 is.
SIZE = TransformerSize(3, 24, 5, width=33, layers=2, heads=3, feed_forward=2, head_width=16, attention_window=20)
# Of logits in float32; measured 1e-6.
MAX_STEP_ERROR = 1e-4


def model_of(seed=0, spread=0.1, **changes):
    torch.manual_seed(seed)
    model = TokenTransformer(dataclasses.replace(SIZE, **changes)).eval().requires_grad_(False)
    for weight in model.parameters():
        weight += spread * torch.randn_like(weight)
    return model


def sequence(steps, seed=1):
    """Codes of the steps before, conditions, codes to predict."""
    random = torch.Generator().manual_seed(seed)
    target = torch.randint(0, 24, (1, steps, 3), generator=random)
    heard = torch.cat([torch.full((1, 1, 3), -1), target[:, :-1]], 1)
    return heard, torch.rand(1, steps, 5, generator=random), target


@pytest.mark.parametrize(
    ("steps", "changes"),
    [(2000, {}), (100, {"codebook_order": "independent", "conditioning": "concat", "output": "tied"})],
    ids=["ordered film", "independent concat tied"],
)
def test_a_cached_step_repeats_the_whole_sequence(steps, changes):
    model, (heard, condition, target) = model_of(**changes), sequence(steps)
    whole = torch.stack(model.logits(model(heard, condition), target), 2)  # (1, S, K, V)
    step = TokenStep(model, judged=True)
    inputs = dict(zip(step.inputs, step.fresh(), strict=True))
    error = 0.0
    for index in range(heard.shape[1]):
        inputs |= {"codes": heard[:, index], "condition": condition[:, index], "forced": target[:, index]}
        made = dict(zip(step.outputs, step(*inputs.values()), strict=True))
        error = max(error, float((made["logits"] - whole[:, index]).abs().max()))
        assert torch.equal(made["next_codes"], target[:, index])
        inputs |= {step.feedback[name]: made[name] for name in step.feedback}
    assert inputs["position"].item() == steps
    assert error <= MAX_STEP_ERROR
    assert whole.std() > 0.1  # the comparison is not one of nothing with nothing


def test_each_query_sees_exactly_its_window():
    seen = band(30, 20)
    assert seen.sum(1).tolist() == [min(index + 1, 20) for index in range(30)]
    model, (heard, condition, _) = model_of(layers=1), sequence(30)
    before = model(heard, condition)
    for at, changed in ((5, {5, 24}), (9, {9, 28})):
        other = heard.clone()
        other[0, at] = (other[0, at] + 1) % 24
        moved = {index for index in range(30) if not torch.equal(model(other, condition)[0, index], before[0, index])}
        assert (min(moved), max(moved)) == (min(changed), max(changed))


def test_a_condition_acts_on_its_own_step_and_not_before():
    for conditioning in ("film", "concat"):
        model, (heard, condition, _) = model_of(conditioning=conditioning), sequence(12)
        other = condition.clone()
        other[0, 7] += 0.5
        moved = (model(heard, other) - model(heard, condition)).abs().amax((0, 2))
        assert moved[:7].max() == 0.0
        assert moved[7] > 1e-3


def test_rotation_depends_on_the_distance_alone():
    torch.manual_seed(0)
    for head_size in (8, 11):
        query, key = torch.randn(2, head_size)
        half = head_size // 2
        scores = []
        for start in (0, 1000, 3_000_000):
            cosine, sine = rotation(torch.tensor([start, start + 7]), head_size)
            turned = [
                part * cosine[at] + torch.cat([part[half : 2 * half], part[:half], part[2 * half :]]) * sine[at]
                for at, part in enumerate((key, query))
            ]
            scores.append(float(turned[0] @ turned[1]))
        assert scores == pytest.approx([scores[0]] * 3, abs=1e-4)
        assert abs(scores[0] - float(query @ key)) > 1e-3


def test_no_code_is_nothing_and_later_codebooks_hear_earlier_ones():
    model = model_of()
    assert torch.equal(model.embed(torch.full((1, 3), -1)), torch.zeros(1, 33))
    one, rows = model.embed(torch.tensor([[5, -1, 7]])), model.embedding.weight
    torch.testing.assert_close(one[0], rows[5] + rows[2 * 24 + 7])
    state, codes = torch.randn(1, 33), torch.tensor([[1, 2, 3]])
    for order, heard in (("ordered", [False, True, True]), ("independent", [False, False, False])):
        model = model_of(codebook_order=order)
        first, second = (model.logits(state, part) for part in (codes, torch.tensor([[9, 2, 3]])))
        assert [not torch.equal(a, b) for a, b in zip(first, second, strict=True)] == heard


def test_losses_are_nats_per_token():
    model, (heard, condition, target) = model_of(), sequence(40)
    losses = model.losses(heard, condition, target)
    logits = model.logits(model(heard, condition), target)
    mean = [-found.log_softmax(-1).gather(-1, target[..., book, None]).mean() for book, found in enumerate(logits)]
    torch.testing.assert_close(losses, torch.stack(mean))
    fresh = TokenTransformer(SIZE).losses(heard, condition, target)
    assert fresh.tolist() == pytest.approx([math.log(24)] * 3, abs=0.1)


def drawn(logits, *, temperature=1.0, top_k=24.0, top_p=1.0, draws=1500, order_all=False):
    """Share of draws that fell on each code, the noise spread evenly."""
    counts = torch.zeros(24)
    heat, most, mass = torch.full((1, 1), temperature), torch.tensor([top_k]), torch.tensor([top_p])
    for noise in (torch.arange(draws) + 0.5) / draws:
        how = sampling(noise.view(1, 1), heat, most, mass, 24, order_all=order_all)
        counts[draw(logits, how, 0)] += 1
    return counts / draws


def test_draws_follow_the_distribution():
    logits = 2.0 * torch.randn(1, 24, generator=torch.Generator().manual_seed(3))
    likely = logits.softmax(-1)[0]
    ranks = likely.argsort(descending=True)
    assert (drawn(logits) - likely).abs().max() < 2e-3
    assert (drawn(logits, temperature=0.5) - (2 * logits).softmax(-1)[0]).abs().max() < 2e-3
    assert drawn(logits, temperature=0.0, draws=50)[ranks[0]] == 1.0
    for order_all in (False, True):
        three = drawn(logits, top_k=3.9, order_all=order_all)
        assert set(three.nonzero()[:, 0].tolist()) == set(ranks[:3].tolist())
        assert (three[ranks[:3]] - likely[ranks[:3]] / likely[ranks[:3]].sum()).abs().max() < 2e-3
        half = drawn(logits, top_p=0.5, order_all=order_all)
        needed = int((likely[ranks].cumsum(0) < 0.5).sum()) + 1
        assert set(half.nonzero()[:, 0].tolist()) == set(ranks[:needed].tolist())
    for most, mass in ((0.0, 1.0), (24.0, 0.0)):
        assert drawn(logits, top_k=most, top_p=mass, draws=50)[ranks[0]] == 1.0


def test_noise_at_its_ends_draws_a_code_that_is_let_in():
    logits = torch.full((1, 24), -200.0)
    logits[0, [3, 9]] = 1.0
    one = torch.ones(1)
    for noise, code in ((0.0, 3), (0.49, 3), (0.51, 9), (0.99999994, 9), (1.0, 9)):
        assert draw(logits, sampling(torch.tensor([[noise]]), torch.ones(1, 1), 24 * one, one, 24), 0).item() == code


def test_a_light_step_leaves_later_codebooks_out():
    model = model_of()
    step = TokenStep(model, codebooks=1)
    codes, position, *caches = step(*step.fresh())
    assert codes[0, 1:].tolist() == [-1, -1]
    assert codes[0, 0] >= 0
    assert position.item() == 1
    assert [cache.shape for cache in caches] == [(1, 3, 20, 11)] * 4


@pytest.mark.parametrize(("name", "least", "most"), [("small", 4.3e6, 4.7e6), ("seed", 15.0e6, 16.6e6), ("large", 5.5e7, 6.5e7)])
def test_shipped_recipes_have_the_size_they_say(name, least, most):
    recipe = read_tokens_recipe(name)
    with torch.device("meta"):
        model = TokenTransformer(recipe.size(4, 1024, 8))
    assert RECIPES[name].is_file()
    assert least <= model.parameter_count <= most
    if name == "small":
        assert 2 * model.parameter_count <= 9 * 2**20
    if name == "seed":
        assert (recipe.attention_window, recipe.width, recipe.layers, recipe.heads) == (172, 504, 4, 8)
