"""A trained sequencer step as ONNX and as TorchScript, in bytes. It does not know patches."""

import torch
from torch import Tensor

from export import torch_files
from training.sequencers.steps import StepForm


def example_inputs(step: StepForm) -> tuple[Tensor, ...]:
    """Return zeros in the shape of each input, in order."""
    return tuple(torch.zeros(shape) for shape in step.input_shapes().values())


def to_onnx(step: StepForm) -> bytes:
    """Return a step as a single-file ONNX model: all weights inside, inputs and outputs named and fixed in shape as the step says."""
    return torch_files.onnx_bytes(torch_files.onnx_graph(step, example_inputs(step), step.INPUTS, step.OUTPUTS))


def to_torchscript(step: StepForm) -> bytes:
    """Return a step as a TorchScript archive, inputs positional in the order of the patch format."""
    return torch_files.to_torchscript(step, example_inputs(step))
