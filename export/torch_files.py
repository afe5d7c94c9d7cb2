"""A torch module as ONNX and as TorchScript, in bytes.

It knows neither models nor patches. Neither file names the machine it was made on, and the same weights give the same ONNX bytes.
"""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from training.quiet import quiet_loggers, quiet_torch, quiet_torchscript

__all__ = ["OPSET", "onnx_bytes", "onnx_graph", "to_torchscript"]

# The opset torch's exporter writes without a conversion, and old enough for every onnxruntime since 1.14.
OPSET = 18
# The exporter names operators of torchvision, which no model here has, as missing.
EXPORTER_LOGGERS = ("torch.onnx._internal.exporter._registration",)
# What a saved TorchScript carries for its tracebacks: source paths of this machine.
DEBUG_SUFFIX = ".debug_pkl"


def onnx_graph(
    module: nn.Module, arguments: tuple[Any, ...], names: Sequence[str], results: Sequence[str], *, dynamic_shapes: Any = None
) -> onnx.ModelProto:
    """Return a module as ONNX, opset `OPSET`.

    Parameters
    ----------
    module : nn.Module
        In evaluation mode.
    arguments : tuple
        Of the shapes that its inputs have.
    names, results : sequence of str
        Of inputs and outputs, in order.
    dynamic_shapes : optional
        Which dimensions are free, as `torch.onnx.export` takes it; by default none is.
    """
    with quiet_torch(), quiet_loggers(EXPORTER_LOGGERS, level=60), torch.no_grad():
        program = torch.onnx.export(
            module,
            arguments,
            input_names=list(names),
            output_names=list(results),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
            dynamic_shapes=dynamic_shapes,
        )
    model = program.model_proto
    _forget_machine(model)
    return model


def onnx_bytes(model: onnx.ModelProto) -> bytes:
    """Return a model as a single file, after ONNX's own check of it."""
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def to_torchscript(module: nn.Module, arguments: tuple[Tensor, ...]) -> bytes:
    """Return a module as a TorchScript archive, inputs positional."""
    with quiet_torchscript(), torch.no_grad():
        traced = torch.jit.trace(module, arguments, check_trace=False)
        saved = io.BytesIO()
        torch.jit.save(traced, saved)
    return _without_debug(saved.getvalue())


def _forget_machine(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes about where each node came from: stack traces with this machine's paths."""
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    del graph.metadata_props[:]
    graph.doc_string = ""
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, *model.functions):
        del part.metadata_props[:]
        part.doc_string = ""


def _without_debug(archive: bytes) -> bytes:
    """Return a TorchScript archive without its tracebacks, which name source paths of this machine."""
    cleaned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(cleaned, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            if not name.endswith(DEBUG_SUFFIX):
                target.writestr(zipfile.ZipInfo(name), source.read(name))
    return cleaned.getvalue()
