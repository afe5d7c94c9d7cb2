import io
import warnings
import zipfile

import numpy as np
import onnx
import pytest
import torch

from export.errors import VerificationError
from export.sequencer import example_inputs, to_onnx, to_torchscript
from export.torch_files import OPSET
from export.verify import MAX_ERROR, STEPS, onnx_step, open_session, verify
from patches.descriptors import DescriptorSpec
from training.recipe import MODELS, read_recipe
from training.sequencer_models import build_model

SPEC = DescriptorSpec.parse("mfcc0,mfcc1,mfcc2,delta0,loudness")
D = len(SPEC)
PRIME = np.random.default_rng(0).standard_normal((5, D)).astype(np.float32)
RECIPE = read_recipe().with_changes(
    hidden_size=10, components=3, window_size=8, forecast_size=12, dim_pos_encoding=4, nhead=3, dim_feedforward=12, skip_frames=4
)


def step_of(name, head, seed):
    torch.manual_seed(seed)
    model = build_model(RECIPE.with_changes(selected_model=name, head=head), SPEC)
    sounds = torch.randn(3, 60, D, generator=torch.Generator().manual_seed(seed)).cumsum(1)
    model.begin(list((sounds / 4).numpy()))
    return model.step_form()


@pytest.fixture(scope="module", params=[*((name, "mixture") for name in MODELS), ("LSTM", "mean")], ids=" ".join)
def exported(request):
    step = step_of(*request.param, seed=0)
    return step, to_onnx(step), to_torchscript(step)


# Exporting takes seconds, and what these tests look at is the same for all models.
one_of_each_form = pytest.mark.parametrize(
    "exported", [("LSTM", "mixture"), ("TransformerModel", "mixture")], indirect=True, ids=" ".join, scope="module"
)


def test_both_exports_repeat_the_model(exported):
    proof = verify(*exported, PRIME)
    assert proof.onnx_max_error <= MAX_ERROR
    assert proof.torchscript_max_error <= MAX_ERROR
    assert proof.steps >= STEPS >= 200
    assert np.isfinite(proof.free_run_error)
    assert 0 < proof.step_ms_p50 <= proof.step_ms_p99
    assert "cores" in proof.machine


def test_onnx_names_and_shapes_are_those_of_the_step(exported):
    step, model, _ = exported
    session = open_session(model)
    assert {value.name: tuple(value.shape) for value in session.get_inputs()} == step.input_shapes()
    assert {value.name: tuple(value.shape) for value in session.get_outputs()} == step.output_shapes()
    assert {value.type for value in (*session.get_inputs(), *session.get_outputs())} == {"tensor(float)"}
    assert session.get_session_options().intra_op_num_threads == 1


def test_the_onnx_file_is_whole_and_says_nothing_of_this_machine(exported):
    _, content, _ = exported
    model = onnx.load_from_string(content)
    assert [(entry.domain, entry.version) for entry in model.opset_import if entry.domain == ""] == [("", OPSET)]
    assert not [tensor for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    assert __file__.split("/tests/")[0].encode() not in content
    assert b"site-packages" not in content


def test_the_torchscript_file_says_nothing_of_this_machine(exported):
    with zipfile.ZipFile(io.BytesIO(exported[2])) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert __file__.split("/tests/")[0].encode() not in content
    assert b"site-packages" not in content


@one_of_each_form
def test_the_same_weights_give_the_same_onnx_bytes(exported):
    step, model, _ = exported
    assert to_onnx(step) == model


@pytest.mark.parametrize("exported", [("LSTM", "mixture")], indirect=True, ids=" ".join, scope="module")
def test_an_export_of_other_weights_is_refused(exported):
    _, model, script = exported
    other = step_of("LSTM", "mixture", seed=1)
    with pytest.raises(VerificationError, match="ONNX model does not repeat"):
        verify(other, model, script, PRIME)
    with pytest.raises(VerificationError, match="TorchScript model does not repeat"):
        verify(other, to_onnx(other), script, PRIME)


@one_of_each_form
def test_a_model_that_leaves_the_numbers_is_refused(exported):
    step, model, script = exported
    broken = np.full_like(PRIME, np.nan)
    with pytest.raises(VerificationError, match="error nan"):
        verify(step, model, script, broken)


def test_noise_and_temperature_reach_the_exported_graph(exported):
    step, model, _ = exported
    run = onnx_step(open_session(model), step)
    inputs = [value.numpy() for value in example_inputs(step)]
    cold = run(tuple(inputs))[0]
    noise = [*inputs[:-2], np.ones_like(inputs[-2])]
    assert np.array_equal(run((*noise, np.zeros(1, np.float32)))[0], cold)
    warm = run((*noise, np.ones(1, np.float32)))[0]
    assert (warm != cold).any()
    assert np.array_equal(run((*noise, np.ones(1, np.float32)))[0], warm)


def test_the_exported_model_goes_on_as_torch_does_beyond_its_window(exported):
    """The manifest's feedback alone, 250 frames of a known sound: what the stage hears is what the studio judged."""
    step, content, _ = exported
    run, model = onnx_step(open_session(content), step), step.sequencer
    heard = torch.randn(1, 250, D, generator=torch.Generator().manual_seed(2))
    inputs = dict(zip(step.INPUTS, (value.numpy() for value in example_inputs(step)), strict=True))
    said = []
    for last in range(1, 251):
        if model.multi_step:
            inputs["window"] = model.full_window(heard[:, :last]).numpy()
        else:
            inputs["frame"] = heard[:, last - 1].numpy()
        outputs = dict(zip(step.OUTPUTS, run(tuple(inputs.values())), strict=True))
        said.append(outputs[step.OUTPUTS[0]].reshape(-1, D)[0])
        inputs |= {target: outputs[source] for source, target in step.FEEDBACK}
    silent = torch.Generator()
    expected = [model.forecast(heard[:, :last], 1, 0.0, silent)[0, 0].numpy() for last in (1, 2, 7, 8, 9, 60, 250)]
    for last, frame in zip((1, 2, 7, 8, 9, 60, 250), expected, strict=True):
        assert np.abs(said[last - 1] - frame).max() < MAX_ERROR


def test_an_export_warns_of_nothing():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        step = step_of("TransformerEncoderOnlyModel", "mixture", seed=0)
        to_onnx(step)
        to_torchscript(step)
    assert [str(warning.message) for warning in heard if "deprecated" not in str(warning.message)] == []
