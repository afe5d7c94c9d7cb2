"""A streaming torch module as ONNX and TorchScript, with its state as named inputs and outputs. It does not know what the module does."""

from typing import Protocol

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from export.model_file import ExportedModel
from export.torch_files import onnx_bytes, onnx_graph, to_torchscript
from export.trigonometry import generate_tables

__all__ = ["StreamingStep", "halve_weights", "store_half", "to_models", "to_onnx"]

# Smaller tensors (biases, norms) stay as they are: they cost nothing, and some are sums whose last digits count.
HALF_FROM = 4096
TYPES = {torch.float32: "float32", torch.int64: "int64"}


class StreamingStep(Protocol):
    """A module whose `forward` takes `inputs` and then `states`, and returns `outputs` and then the states of the next step."""

    role: str
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    states: tuple[Tensor, ...]


def to_models(step: StreamingStep, *, torchscript: bool = True) -> list[ExportedModel]:
    """Export one step.

    Parameters
    ----------
    step : nn.Module that is a `StreamingStep`
        In evaluation mode. Its larger weights are rounded to half precision first, which is how they are stored; it computes in single.
    torchscript : bool
        Whether a TorchScript twin is wanted.

    Returns
    -------
    list of ExportedModel
    """
    assert isinstance(step, nn.Module)
    halve_weights(step)
    states = [f"state_{number}" for number in range(len(step.states))]
    following = [f"next_{name}" for name in states]
    arguments = (*step.inputs.values(), *step.states)
    names, results = [*step.inputs, *states], [*step.outputs, *following]
    with torch.no_grad():
        made = step(*arguments)
    inputs = {name: (TYPES[value.dtype], tuple(value.shape)) for name, value in zip(names, arguments, strict=True)}
    outputs = {name: (TYPES[value.dtype], tuple(value.shape)) for name, value in zip(results, made, strict=True)}
    feedback = dict(zip(following, states, strict=True))
    models = [ExportedModel(step.role, "onnx", to_onnx(step, arguments, names, results), inputs, outputs, feedback)]
    if torchscript:
        models.append(ExportedModel(step.role, "torchscript", to_torchscript(step, arguments), inputs, outputs, feedback))
    return models


def to_onnx(step: nn.Module, arguments: tuple[Tensor, ...], names: list[str], results: list[str]) -> bytes:
    """Return a step as a single-file ONNX model: weights in half precision, Fourier matrices as formulas."""
    model = onnx_graph(step, arguments, names, results)
    generate_tables(model)
    store_half(model)
    return onnx_bytes(model)


@torch.no_grad()
def halve_weights(module: nn.Module) -> None:
    """Round the larger weights to what half precision holds, so that a file that stores them so is exact."""
    for weight in module.parameters():
        if weight.numel() >= HALF_FROM:
            weight.copy_(weight.half().float())


def store_half(model: onnx.ModelProto) -> None:
    """Store the larger float32 initialisers in half precision with a cast behind, which ONNX Runtime folds away when it opens the file."""
    graph = model.graph
    for initialiser in list(graph.initializer):
        if initialiser.data_type != TensorProto.FLOAT:
            continue
        weight = numpy_helper.to_array(initialiser)
        if weight.size < HALF_FROM or not np.array_equal(weight.astype(np.float16).astype(np.float32), weight):
            continue
        name = initialiser.name
        graph.initializer.remove(initialiser)
        graph.initializer.append(numpy_helper.from_array(weight.astype(np.float16), f"{name}/half"))
        graph.node.insert(0, helper.make_node("Cast", [f"{name}/half"], [name], to=TensorProto.FLOAT))
