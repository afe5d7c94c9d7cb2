import numpy as np
import onnx
import pytest
import torch

from export.errors import VerificationError
from export.tokens_runner import StepRunner, open_step
from export.tokens_step import STEP, STEP_INT8, STEP_LIGHT, export_step, export_step_torchscript, export_steps
from export.tokens_verify import MAX_ERROR, int8_loss, step_times_ms, verify_step, verify_step_torchscript
from export.torch_files import OPSET
from training.tokens_model import TokenTransformer, TransformerSize
from training.tokens_step import TokenStep

# Wide enough that its matrices are stored in half precision and quantised, and small enough to be quick.
SIZE = TransformerSize(3, 80, 5, width=64, layers=2, heads=4, feed_forward=2, head_width=64, attention_window=20)


def model_of(seed=0, **changes):
    torch.manual_seed(seed)
    model = TokenTransformer(TransformerSize(**(vars(SIZE) | changes))).eval().requires_grad_(False)
    for weight in model.parameters():
        weight += 0.05 * torch.randn_like(weight)
    return model


@pytest.fixture(scope="module")
def model():
    return model_of()


@pytest.fixture(scope="module")
def exported(model):
    return export_step(model)


@pytest.fixture(scope="module")
def pair(model):
    return export_steps(model)


@pytest.fixture(scope="module")
def quantised(pair):
    return pair[1]


@pytest.fixture(scope="module")
def judged(model):
    return export_step(model, judged=True)


def play(exported, steps=70, *, in_place=True, seed=5, window=None):
    """Codes of a stream that hears itself, (steps, K); the condition changes on the way."""
    runner, random, made = StepRunner(exported, in_place=in_place, window=window), np.random.default_rng(seed), []
    for index in range(steps):
        condition = np.full((1, 5), index % 7 / 7, np.float32)
        runner.step(None, condition, random.random((1, 3), dtype=np.float32))
        made.append(runner.codes[0])
    return np.stack(made)


def test_the_step_repeats_the_whole_sequence_for_2000_steps_in_place_and_not(model, judged):
    random = torch.Generator().manual_seed(1)
    target = torch.randint(0, 80, (1, 2000, 3), generator=random)
    heard = torch.cat([torch.full((1, 1, 3), -1), target[:, :-1]], 1)
    condition = torch.rand(1, 2000, 5, generator=random)
    whole = torch.stack(model.logits(model(heard, condition), target), 2)[0].numpy()  # (S, K, V)
    for in_place in (True, False):
        runner, error = StepRunner(judged, in_place=in_place), 0.0
        for index in range(2000):
            runner.set("forced", target[:, index].numpy())
            runner.step(heard[:, index].numpy(), condition[:, index].numpy())
            error = max(error, float(np.abs(runner.get("logits")[0] - whole[index]).max()))
        assert error <= MAX_ERROR
        assert runner.get("next_position").item() == 2000
    assert whole.std() > 0.1


def test_both_exports_repeat_the_model(model, exported):
    proof = verify_step(model, exported, steps=60)
    assert proof.max_error <= MAX_ERROR
    assert proof.agreement == 1.0
    script = export_step_torchscript(model)
    assert verify_step_torchscript(model, script, steps=25).agreement == 1.0
    assert (script.role, script.runtime) == (STEP, "torchscript")
    assert (script.inputs, script.outputs, script.feedback) == (exported.inputs, exported.outputs, exported.feedback)
    assert b"site-packages" not in script.content


def test_an_export_of_other_weights_is_refused(model, exported):
    with pytest.raises(VerificationError, match="the ONNX step does not repeat"):
        verify_step(model_of(1), exported, steps=3)


def test_a_seed_repeats_bit_for_bit_and_binding_does_not_matter(exported):
    first = play(exported)
    assert np.array_equal(first, play(exported))
    assert np.array_equal(first, play(exported, in_place=False))
    assert not np.array_equal(first, play(exported, seed=6))
    assert len(np.unique(first)) > 20


def test_reset_is_fresh(exported):
    runner, noise = StepRunner(exported), np.full((1, 3), 0.4, np.float32)
    runner.step(noise=noise)
    first = runner.codes
    for _ in range(30):
        runner.step(noise=noise)
    runner.reset()
    runner.step(noise=noise)
    assert np.array_equal(runner.codes, first)
    assert runner.get("next_position").item() == 1


def test_a_smaller_window_is_the_model_with_a_smaller_window(model, exported):
    session = open_step(exported, window=9)
    assert {tuple(value.shape) for value in session.get_inputs() if value.name.startswith("keys")} == {(1, 4, 9, 16)}
    step, random, made = TokenStep(model, window=9), np.random.default_rng(5), []
    inputs = dict(zip(step.inputs, step.fresh(), strict=True))
    for index in range(70):
        inputs["condition"] = torch.full((1, 5), np.float32(index % 7 / 7))
        inputs["noise"] = torch.from_numpy(random.random((1, 3), dtype=np.float32))
        outputs = dict(zip(step.outputs, step(*inputs.values()), strict=True))
        inputs |= {step.feedback[name]: outputs[name] for name in step.feedback}
        made.append(outputs["next_codes"][0].numpy())
    assert np.array_equal(play(exported, window=9), np.stack(made))
    assert not np.array_equal(play(exported, window=9), play(exported))


def test_controls_of_the_draw_reach_the_graph(exported):
    def codes(**controls):
        runner, random, made = StepRunner(exported), np.random.default_rng(0), []
        for name, value in controls.items():
            runner.set(name, value)
        for _ in range(60):
            runner.step(np.zeros((1, 3), np.int64), noise=random.random((1, 3), dtype=np.float32))
            runner.set("position", 0)
            made.append(runner.codes[0])
        return np.stack(made)

    assert len(np.unique(codes()[:, 0])) > 20
    assert all(len(np.unique(column)) == 1 for column in codes(temperature=0.0).T)
    mixed = codes(temperature=[[0.0, 1.0, 0.0]])
    assert [len(np.unique(column)) > 1 for column in mixed.T[:2]] == [False, True]
    assert len(np.unique(codes(top_k=4.0)[:, 0])) == 4
    assert len(np.unique(codes(top_p=0.05)[:, 0])) < 8
    assert np.array_equal(codes(top_k=1.0), codes(temperature=0.0))


def test_the_file_has_the_signature_it_names_and_nothing_of_this_machine(exported, pair):
    session = open_step(exported)
    kinds = {"int64": "tensor(int64)", "float32": "tensor(float)"}
    for values, signature in ((session.get_inputs(), exported.inputs), (session.get_outputs(), exported.outputs)):
        assert {value.name: (value.type, tuple(value.shape)) for value in values} == {
            name: (kinds[dtype], shape) for name, (dtype, shape) in signature.items()
        }
    assert list(exported.inputs)[:7] == ["codes", "condition", "noise", "temperature", "top_k", "top_p", "position"]
    assert list(exported.inputs)[7:] == ["keys_0", "values_0", "keys_1", "values_1"]
    assert exported.inputs["keys_1"] == ("float32", (1, 4, 20, 16))
    assert exported.feedback["next_keys_1"] == "keys_1"
    proto = onnx.load_from_string(exported.content)
    assert [(entry.domain, entry.version) for entry in proto.opset_import if entry.domain == ""] == [("", OPSET)]
    assert {node.domain for node in proto.graph.node} == {""}
    assert __file__.split("/tests/")[0].encode() not in exported.content
    assert b"site-packages" not in exported.content
    assert pair[0] == exported  # made anew, and the same bytes


def test_half_precision_halves_the_file(model, exported):
    assert len(exported.content) < 2.2 * model.parameter_count + 60_000


def test_eight_bits_cost_little_and_are_measured_on_held_out_tokens(model, exported, quantised):
    assert (quantised.role, quantised.inputs, quantised.outputs) == (STEP_INT8, exported.inputs, exported.outputs)
    assert len(quantised.content) < 0.75 * len(exported.content)
    operators = [node.op_type for node in onnx.load_from_string(quantised.content).graph.node]
    # Per block: projection, out, widen, narrow. Per head: widen, narrow, logits, and for all but the first the joining. The condition: two.
    assert operators.count("MatMulInteger") == 2 * 4 + 3 * 3 + 2 + 2
    assert operators.count("Gemm") == 1  # the condition's first layer is too small to be worth it
    random = np.random.default_rng(0)
    clips = [(random.integers(0, 80, (3, 40)), random.random(5, dtype=np.float32)) for _ in range(2)]
    loss = int8_loss(model, clips)
    assert loss.tokens == 240
    assert 0.0 < abs(loss.lost) < 0.02


def test_the_light_step_makes_the_first_codebooks_only(model, exported, quantised):
    light = export_step(model, codebooks=1)
    assert (light.role, light.inputs, light.outputs) == (STEP_LIGHT, exported.inputs, exported.outputs)
    made = play(light, 30)
    assert (made[:, 1:] == -1).all()
    assert made[:, 0].min() >= 0
    assert len(light.content) < len(quantised.content)


def test_a_step_is_timed(exported):
    p50, p99, machine = step_times_ms(exported)
    assert 0.0 < p50 <= p99
    assert "cores" in machine
