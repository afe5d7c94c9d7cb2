import io
import zipfile

import numpy as np
import onnx
import pytest
import torch

from export.errors import VerificationError
from export.sequencer import OPSET, example_inputs, to_onnx, to_torchscript
from export.verify import MAX_ERROR, STEPS, onnx_step, open_session, verify
from training.sequencer import DESCRIPTORS, Sequencer, SequencerStep

PRIME = np.random.default_rng(0).standard_normal((5, DESCRIPTORS)).astype(np.float32)


def step_of(head, seed):
    torch.manual_seed(seed)
    sequencer = Sequencer(10, 2, 3, head)
    # A training sets the range to that of its frames; without one, random weights feed themselves to infinity.
    sequencer.lowest.fill_(-4)
    sequencer.highest.fill_(4)
    return SequencerStep(sequencer)


@pytest.fixture(scope="module", params=["mixture", "mean"])
def exported(request):
    step = step_of(request.param, seed=0)
    return step, to_onnx(step), to_torchscript(step)


def test_both_exports_repeat_the_model(exported):
    proof = verify(*exported, PRIME)
    assert proof.onnx_max_error <= MAX_ERROR
    assert proof.torchscript_max_error <= MAX_ERROR
    assert proof.steps == STEPS >= 200
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


def test_the_same_weights_give_the_same_onnx_bytes(exported):
    step, model, _ = exported
    assert to_onnx(step) == model


def test_an_export_of_other_weights_is_refused(exported):
    step, model, script = exported
    other = step_of(step.sequencer.head, seed=1)
    with pytest.raises(VerificationError, match="ONNX model does not repeat"):
        verify(other, model, to_torchscript(other), PRIME)
    with pytest.raises(VerificationError, match="TorchScript model does not repeat"):
        verify(other, to_onnx(other), script, PRIME)


def test_a_model_that_leaves_the_numbers_is_refused(exported):
    step, model, script = exported
    broken = np.full_like(PRIME, np.nan)
    with pytest.raises(VerificationError, match="error nan"):
        verify(step, model, script, broken)


def test_noise_and_temperature_reach_the_exported_graph(exported):
    step, model, _ = exported
    run = onnx_step(open_session(model))
    inputs = [value.numpy() for value in example_inputs(step)]
    cold = run(tuple(inputs))[0]
    noise = [*inputs[:4], np.ones((1, DESCRIPTORS), np.float32)]
    assert np.array_equal(run((*noise, np.zeros(1, np.float32)))[0], cold)
    assert (run((*noise, np.ones(1, np.float32)))[0] > cold).all()
