import pytest
import torch

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.errors import RecipeError
from training.recipe import MODELS as NAMES
from training.recipe import read_recipe
from training.sequencer import Mixture
from training.sequencer_models import MODELS, build_model
from training.sequencers.attention import MAX_POSITIONS

# Largest difference allowed between one step at a time and the whole sequence; measured: 3e-6.
STEP_ERROR = 1e-4
ONE_STEP = ("LSTM", "TransformerEncoderOnlyModel")
MULTI_STEP = ("LSTMEncoderDecoderModel", "TransformerModel")
SPEC = DescriptorSpec.parse("mfcc0,mfcc1,delta0,loudness,onset")
D = len(SPEC)
WINDOW, FORECAST = 8, 6
STEPS = 5 * WINDOW
RECIPE = read_recipe().with_changes(
    window_size=WINDOW,
    forecast_size=FORECAST,
    hidden_size=10,
    num_layers=2,
    dim_pos_encoding=4,
    nhead=3,
    dim_feedforward=12,
    components=3,
    dropout=0.5,
    positional_encoding_dropout=0.5,
    input_noise=0.5,
)


def noise(batch=1, steps=STEPS, seed=0):
    return torch.randn(batch, steps, D, generator=torch.Generator().manual_seed(seed))


def made(name, head="mixture", spec=SPEC, **changes):
    torch.manual_seed(3)
    model = build_model(RECIPE.with_changes(selected_model=name, head=head, **changes), spec)
    pieces = torch.randn(3, 60, len(spec), generator=torch.Generator().manual_seed(7)).cumsum(1)
    model.begin(list((pieces / 4).numpy()))
    model.lowest.fill_(-1e6)
    model.highest.fill_(1e6)
    # A new head hardly listens to its hidden state, and then no test would.
    with torch.no_grad():
        model.head.projection.weight.mul_(10)
    return model.eval()


@pytest.fixture(params=["mixture", "mean"])
def head(request):
    return request.param


@pytest.fixture(params=ONE_STEP)
def one(request, head):
    return made(request.param, head)


@pytest.fixture(params=MULTI_STEP)
def multi(request, head):
    return made(request.param, head)


def silent(step):
    shapes = step.input_shapes()
    return tuple(torch.zeros(shapes[name]) for name in ("gumbel", "normal", "temperature"))


def likeliest(mixture):
    """The path of the likeliest component of the last forecast, (F, D)."""
    return mixture.mean[0, -1, :, mixture.log_weight[0, -1].argmax()]


def steps_of(model, heard, state=None):
    """Frame after frame through the exported form."""
    step = model.step_form()
    state, said = state or model.fresh_state(), []
    with torch.no_grad():
        for frame in heard[0]:
            drawn, *state = step(frame[None], *state, *silent(step))
            said.append(drawn)
    return torch.cat(said), state


def test_the_models_have_the_names_of_the_seeds():
    assert tuple(MODELS) == NAMES == ("LSTM", "LSTMEncoderDecoderModel", "TransformerEncoderOnlyModel", "TransformerModel")


def test_step_by_step_is_the_whole_sequence_far_beyond_the_window(one):
    heard = noise()
    with torch.no_grad():
        whole, state = one.advance(heard)
    stepped, last = steps_of(one, heard)
    for place in range(STEPS):
        upto = Mixture(whole.log_weight[:, : place + 1], whole.mean[:, : place + 1], whole.log_sigma[:, : place + 1])
        assert (stepped[place] - likeliest(upto)).abs().max() < STEP_ERROR
    for a, b in zip(state, last, strict=True):
        assert (a - b).abs().max() < STEP_ERROR


@pytest.mark.parametrize("cut", [1, 2, WINDOW, WINDOW + 1, 17, STEPS - 1])
def test_pieces_are_the_whole_sequence(one, cut):
    heard = noise(batch=3)
    with torch.no_grad():
        whole, _ = one.advance(heard)
        first, state = one.advance(heard[:, :cut])
        second, _ = one.advance(heard[:, cut:], state)
    for name in Mixture._fields:
        joined = torch.cat([getattr(first, name), getattr(second, name)], dim=1)
        assert (joined - getattr(whole, name)).abs().max() < STEP_ERROR


def test_the_future_never_changes_the_past(one):
    heard, other = noise(), noise()
    other[:, 20:] += 5.0
    with torch.no_grad():
        a, b = one(heard), one(other)
    assert torch.equal(a.mean[:, :20], b.mean[:, :20])
    assert not torch.equal(a.mean[:, 20], b.mean[:, 20])


def test_a_fresh_state_is_zeros_and_forgets_what_came_before(one):
    assert all((state == 0).all() for state in one.fresh_state())
    first, _ = steps_of(one, noise())
    steps_of(one, noise(seed=1))
    again, _ = steps_of(one, noise())
    assert torch.equal(first, again)


def test_attention_reaches_as_far_as_the_band_in_each_layer_and_no_further():
    model = made("TransformerEncoderOnlyModel", skip_frames=0)
    heard, other = noise(), noise()
    other[:, 0] += 5.0
    reach = 2 * (WINDOW - 1)
    with torch.no_grad():
        a, b = model(heard).mean[0], model(other).mean[0]
    assert not torch.equal(a[reach], b[reach])
    assert torch.equal(a[reach + 1 :], b[reach + 1 :])


def test_positions_go_round_and_the_cache_stays_full():
    model = made("TransformerEncoderOnlyModel")
    position = model.state_names.index("position")
    _, state = steps_of(model, noise())
    again = noise(seed=2)
    said = []
    # The first and the last have the code of position 7, and the first one has been round.
    for count in (MAX_POSITIONS + 7, 2 * MAX_POSITIONS - 1, 7):
        moved = list(state)
        moved[position] = torch.tensor([float(count)])
        frames, after = steps_of(model, again[:, :3], moved)
        said.append(frames)
        assert 0 <= float(after[position]) < 2 * MAX_POSITIONS
        assert torch.isfinite(frames).all()
    assert float(after[position]) == 10
    assert not torch.equal(said[0], said[1])
    # Seven frames fill the cache: from there on the count says nothing but its code.
    assert torch.equal(said[0], said[2])
    moved[position] = torch.tensor([float(MAX_POSITIONS - 1)])
    over, after = steps_of(model, again[:, :2], moved)
    moved[position] = torch.tensor([float(2 * MAX_POSITIONS - 1)])
    round_, wrapped = steps_of(model, again[:, :2], moved)
    assert torch.equal(over, round_)
    assert (float(after[position]), float(wrapped[position])) == (MAX_POSITIONS + 1, MAX_POSITIONS + 1)


def test_training_starts_windows_at_any_position():
    model = made("TransformerEncoderOnlyModel", dropout=0.0, positional_encoding_dropout=0.0, input_noise=0.0).train()
    with torch.no_grad():
        assert not torch.equal(model(noise()).mean, model(noise()).mean)
        assert torch.equal(model.eval()(noise()).mean, model(noise()).mean)


def test_a_forecast_step_is_the_model_on_its_window(multi):
    step, window = multi.step_form(), noise(steps=WINDOW)
    with torch.no_grad():
        said = step(window, *silent(step))
        mixture = multi(window)
    assert said.shape == (1, FORECAST, D)
    assert torch.equal(said[0], likeliest(mixture))


def test_a_window_that_is_not_full_was_always_like_its_first_frame(multi):
    history = noise(steps=3)
    full = torch.cat([history[:, :1].expand(-1, WINDOW - 3, -1), history], dim=1)
    assert torch.equal(multi.full_window(history), full)
    assert torch.equal(multi.expected(history, 4), multi.expected(full, 4))
    long = noise(steps=50)
    assert torch.equal(multi.expected(long, 4), multi.expected(long[:, -WINDOW:], 4))


def test_the_order_of_frames_matters_and_every_frame_of_the_window_counts(multi):
    window = noise(steps=WINDOW).requires_grad_()
    multi(window).mean[0, 0, -1].sum().backward()
    assert (window.grad.abs().sum(-1) > 0).all()
    assert not torch.equal(multi.expected(noise(), 3), multi.expected(noise().flip(1), 3))


def test_the_encoder_sees_no_frame_after_a_frame_and_the_decoder_all_of_its_own():
    model, seen = made("TransformerModel"), []
    model.norm_encoder.register_forward_hook(lambda module, heard, said: seen.append(said[0].detach()))
    window, other = noise(steps=WINDOW), noise(steps=WINDOW)
    other[:, 5:] += 3.0
    with torch.no_grad():
        model(window)
        model(other)
    assert torch.equal(seen[0][:5], seen[1][:5])
    assert not torch.equal(seen[0][5], seen[1][5])
    coming = torch.randn(1, FORECAST, D + 4)
    moved = coming.clone()
    moved[:, -1] += 1.0
    with torch.no_grad():
        first, second = (model.decoder[0](frames, torch.zeros(1, WINDOW, D + 4)) for frames in (coming, moved))
    assert not torch.equal(first[:, 0], second[:, 0])


def test_one_component_is_drawn_for_a_whole_forecast(multi):
    step = multi.step_form()
    shapes, window = step.input_shapes(), noise(steps=WINDOW)
    gumbel, heat = torch.zeros(shapes["gumbel"]), torch.ones(1)
    with torch.no_grad():
        plain = step(window, gumbel, torch.zeros(shapes["normal"]), heat)
        gumbel[:, 1:] = 100 * torch.randn(gumbel[:, 1:].shape)
        assert torch.equal(step(window, gumbel, torch.zeros(shapes["normal"]), heat), plain)
        paths = {step(window, 100 * torch.randn(shapes["gumbel"]), torch.zeros(shapes["normal"]), heat)[0].sum().item() for _ in range(40)}
    assert len(paths) == multi.components


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, FORECAST, 20])
def test_a_forecast_has_as_many_frames_as_asked_for_and_repeats_with_its_seed(name, steps):
    model, history = made(name), noise(batch=2, steps=12)
    runs = [model.forecast(history, steps, 1.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert runs[0].shape == model.expected(history, steps).shape == (2, steps, D)
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert torch.equal(model.expected(history, steps), model.expected(history, steps))


@pytest.mark.parametrize("name", NAMES)
def test_a_longer_forecast_begins_with_the_shorter(name):
    model, history = made(name), noise(steps=12)
    assert torch.allclose(model.expected(history, 20)[:, :7], model.expected(history, 7), atol=1e-6)


@pytest.mark.parametrize("name", ONE_STEP)
def test_a_free_run_is_what_its_own_frames_predict(name):
    model, history = made(name), noise(batch=2, steps=5)
    drawn = model.forecast(history, 12, 0.0, torch.Generator())
    with torch.no_grad():
        mixture = model(torch.cat([history, drawn[:, :-1]], dim=1))
    best = mixture.log_weight[:, 4:].argmax(-1).reshape(2, 12, 1, 1).expand(-1, -1, 1, D)
    assert (drawn - mixture.mean[:, 4:, 0].gather(2, best).squeeze(2)).abs().max() < STEP_ERROR


@pytest.mark.parametrize("name", NAMES)
def test_no_frame_leaves_the_range_of_the_training_frames(name):
    model = made(name)
    model.lowest.fill_(-0.25)
    model.highest.fill_(0.5)
    for frames in (model.forecast(noise(), 30, 2.0, torch.Generator().manual_seed(0)), model.expected(noise(), 30)):
        assert frames.min() >= -0.25
        assert frames.max() <= 0.5


@pytest.mark.parametrize("name", NAMES)
def test_noise_and_dropout_act_in_training_only(name):
    model = made(name)
    heard = noise(steps=WINDOW)
    with torch.no_grad():
        assert torch.equal(model(heard).mean, model(heard).mean)
        model.train()
        assert not torch.equal(model(heard).mean, model(heard).mean)


@pytest.mark.parametrize("name", NAMES)
def test_input_noise_alone_acts_and_only_on_the_network(name):
    # Without positions, as training begins at any of them.
    model = made(name, dropout=0.0, positional_encoding_dropout=0.0, dim_pos_encoding=0, nhead=1).train()
    heard = noise(steps=WINDOW)
    with torch.no_grad():
        assert not torch.equal(model(heard).mean, model(heard).mean)
        model.head.projection.weight.zero_()
        assert torch.equal(model(heard).mean, model(heard).mean)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", ["mixture", "mean"])
def test_every_window_of_a_batch_is_learned_from(name, head):
    """Seed fault (facts 1.6): a batch of one, as only the first window of every batch was trained on."""
    model = made(name, head)
    count = 1 if model.multi_step else WINDOW
    target = torch.randn(6, count, model.forecast_frames, D, requires_grad=True)
    real = torch.ones(6, count, model.forecast_frames)
    real[2, -1, -1] = 0
    model.training_loss((noise(batch=6, steps=WINDOW), target, real)).backward()
    moved = target.grad.abs().sum(-1)
    assert torch.equal(moved > 0, real > 0)


@pytest.mark.parametrize("name", NAMES)
def test_every_learned_weight_gets_a_gradient(name):
    model = made(name, dropout=0.0, positional_encoding_dropout=0.0).train()
    count = 1 if model.multi_step else WINDOW
    target = torch.randn(3, count, model.forecast_frames, D)
    model.training_loss((noise(batch=3, steps=WINDOW), target, torch.ones(3, count, model.forecast_frames))).backward()
    still = [weight for weight, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert still == []


@pytest.mark.parametrize("head", ["mixture", "mean"])
def test_an_encoder_decoder_without_positions_works(head):
    """Seed fault (facts 1.6): dim_pos_encoding 0 ended in an unbound variable."""
    model = made("LSTMEncoderDecoderModel", head, dim_pos_encoding=0)
    assert torch.isfinite(model.forecast(noise(), 20, 1.0, torch.Generator().manual_seed(0))).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["mfcc", "classic", "loudness", "mfcc,loudness,onset"])
def test_any_descriptors_will_do(name, text):
    spec = DescriptorSpec.parse(text)
    model = made(name, spec=spec, nhead=1)
    frames = torch.randn(1, WINDOW, len(spec))
    assert model.expected(frames, 3).shape == (1, 3, len(spec))


@pytest.mark.parametrize("name", NAMES)
def test_the_start_of_a_training_is_the_linear_predictor(name):
    model = made(name)
    with torch.no_grad():
        model.head.projection.weight.zero_()
        model.head.projection.bias.zero_()
    history, frames = noise(steps=12), []
    known = list(history[0])
    for _ in range(9):
        known.append(sum(model.linear[0, lag] @ known[-1 - lag] for lag in range(model.order)))
        frames.append(known[-1])
    assert (model.expected(history, 9)[0] - torch.stack(frames)).abs().max() < STEP_ERROR


@pytest.mark.parametrize("name", NAMES)
def test_without_skip_frames_nothing_is_linear_as_in_the_seeds(name):
    model = made(name, skip_frames=0)
    with torch.no_grad():
        model.head.projection.weight.zero_()
        model.head.projection.bias.zero_()
    assert (model.expected(noise(), 9) == 0).all()
    assert "recent" not in getattr(model, "state_names", ())


def test_the_seeds_own_sizes_fit_together():
    recipe = read_recipe().with_changes(
        selected_model="TransformerModel", window_size=500, forecast_size=500, hidden_size=200, num_layers=3
    )
    model = build_model(recipe, DEFAULT_SPEC)
    assert model.step_form().output_shapes() == {"forecast": (1, 500, 39)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dim_pos_encoding": 5}, "dim_pos_encoding: .*in pairs; got 5"),
        ({"selected_model": "TransformerModel", "nhead": 4}, r"nhead: .*\(5 \+ 4\) / 4.*Choose another nhead"),
        ({"selected_model": "TransformerEncoderOnlyModel", "nhead": 5}, "dim_pos_encoding 0"),
        ({"selected_model": "TransformerModel", "window_size": 4000, "forecast_size": 4000}, "at most 5000 together"),
        ({"window_size": 2, "skip_frames": 4}, "skip_frames: looks back further"),
    ],
)
def test_dials_that_contradict_each_other_are_refused_by_name(changes, said):
    with pytest.raises(RecipeError, match=said):
        build_model(RECIPE.with_changes(**changes), SPEC)


@pytest.mark.parametrize("name", NAMES)
def test_the_step_says_what_it_takes_and_gives(name, head):
    step = made(name, head).step_form()
    shapes = step.input_shapes()
    with torch.no_grad():
        outputs = step(*(torch.zeros(shape) for shape in shapes.values()))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    assert [tuple(output.shape) for output in outputs] == list(step.output_shapes().values())
    assert (list(shapes), list(step.output_shapes())) == (list(step.INPUTS), list(step.OUTPUTS))
    for output, fed in step.FEEDBACK:
        assert step.output_shapes()[output] == shapes[fed]
    assert step.INPUTS[-3:] == ("gumbel", "normal", "temperature")
    components = 3 if head == "mixture" else 1
    if name in ONE_STEP:
        assert (step.INPUTS[0], step.OUTPUTS[0]) == ("frame", "next_frame")
        assert shapes["gumbel"] == (1, components)
        assert {fed for _, fed in step.FEEDBACK} == set(step.INPUTS[1:-3])
    else:
        assert step.INPUTS == ("window", "gumbel", "normal", "temperature")
        assert (shapes["window"], shapes["gumbel"]) == ((1, WINDOW, D), (1, FORECAST, components))
        assert step.FEEDBACK == ()
