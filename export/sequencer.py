"""A trained sequencer step as ONNX and as TorchScript, in bytes.

It does not know patches. Neither file names the machine it was made on, and the same weights give the same ONNX bytes.
"""

import io
import zipfile

import onnx
import torch
from torch import Tensor

from training.quiet import quiet_loggers, quiet_torch, quiet_torchscript
from training.sequencers.steps import StepForm

# The opset torch's exporter writes without a conversion, and old enough for every onnxruntime since 1.14.
OPSET = 18
# The exporter names operators of torchvision, which no model here has, as missing.
EXPORTER_LOGGERS = ("torch.onnx._internal.exporter._registration",)
# What a saved TorchScript carries for its tracebacks: source paths of this machine.
DEBUG_SUFFIX = ".debug_pkl"


def example_inputs(step: StepForm) -> tuple[Tensor, ...]:
    """Return zeros in the shape of each input, in order."""
    return tuple(torch.zeros(shape) for shape in step.input_shapes().values())


def to_onnx(step: StepForm) -> bytes:
    """Return a step as a single-file ONNX model, opset `OPSET`.

    Parameters
    ----------
    step : StepForm

    Returns
    -------
    bytes
        All weights inside; inputs and outputs named and fixed in shape as the step says.
    """
    with quiet_torch(), quiet_loggers(EXPORTER_LOGGERS, level=60), torch.no_grad():
        program = torch.onnx.export(
            step,
            example_inputs(step),
            input_names=list(step.INPUTS),
            output_names=list(step.OUTPUTS),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = program.model_proto
    forget_machine(model)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def to_torchscript(step: StepForm) -> bytes:
    """Return a step as a TorchScript archive, inputs positional in the order of the patch format.

    Parameters
    ----------
    step : StepForm

    Returns
    -------
    bytes
    """
    with quiet_torchscript(), torch.no_grad():
        traced = torch.jit.trace(step, example_inputs(step), check_trace=False)
        saved = io.BytesIO()
        torch.jit.save(traced, saved)
    return without_debug(saved.getvalue())


def forget_machine(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes about where each node came from: stack traces with this machine's paths."""
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    del graph.metadata_props[:]
    graph.doc_string = ""
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, *model.functions):
        del part.metadata_props[:]
        part.doc_string = ""


def without_debug(archive: bytes) -> bytes:
    """Return a TorchScript archive without its tracebacks, which name source paths of this machine."""
    cleaned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(cleaned, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            if not name.endswith(DEBUG_SUFFIX):
                target.writestr(zipfile.ZipInfo(name), source.read(name))
    return cleaned.getvalue()
