"""The step of a token transformer as ONNX, in float32 and with eight-bit weights, and as TorchScript.

It does not know patches. Weights of the float32 file are stored in half precision, and the model's own are rounded to it first, so the file
is exact. The caches have a free dimension, ``window``: a host that opens the file with a smaller one gets a step that remembers less.
"""

import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import Tensor

from export.model_file import ExportedModel
from export.quantise import quantise_weights
from export.streaming import halve_weights, store_half
from export.torch_files import onnx_bytes, onnx_graph, to_torchscript
from training.tokens_model import TokenTransformer
from training.tokens_step import TokenStep

__all__ = ["STEP", "STEP_INT8", "STEP_LIGHT", "WINDOW", "export_step", "export_step_torchscript", "export_steps"]

STEP, STEP_INT8, STEP_LIGHT = "step", "step_int8", "step_light"
WINDOW = "window"


def export_step(
    model: TokenTransformer,
    *,
    window: int | None = None,
    codebooks: int | None = None,
    quantised: bool = False,
    judged: bool = False,
) -> ExportedModel:
    """Export one step as ONNX.

    Parameters
    ----------
    model : TokenTransformer
        In evaluation mode. Its larger weights are rounded to half precision, in place.
    window : int, optional
        Steps in the caches that the signature names; by default the model's attention window.
    codebooks : int, optional
        Sample only so many, the first ones: the role is then `STEP_LIGHT`, in eight bits.
    quantised : bool
        Eight-bit weights.
    judged : bool
        With codes forced and logits shown, as in `TokenStep`: for measurements, not for patches.

    Returns
    -------
    ExportedModel
    """
    light = codebooks is not None and codebooks < model.size.codebooks
    halve_weights(model)
    step = TokenStep(model, codebooks=codebooks, window=window, judged=judged).eval()
    role = STEP_LIGHT if light else STEP_INT8 if quantised else STEP
    return _finish(step, _to_proto(step), role)


def export_steps(model: TokenTransformer, *, window: int | None = None) -> tuple[ExportedModel, ExportedModel]:
    """Export the float32 step and the eight-bit one, as `export_step` does each, in the time of one."""
    halve_weights(model)
    step = TokenStep(model, window=window).eval()
    proto = _to_proto(step)
    twin = onnx.ModelProto()
    twin.CopyFrom(proto)
    return _finish(step, proto, STEP), _finish(step, twin, STEP_INT8)


def export_step_torchscript(model: TokenTransformer, *, window: int | None = None) -> ExportedModel:
    """Export the float32 step as TorchScript, inputs positional in the order of its signature; arguments as `export_step`."""
    halve_weights(model)
    step = TokenStep(model, window=window, order_all=True).eval()
    return ExportedModel(STEP, "torchscript", to_torchscript(step, step.fresh()), step.inputs, step.outputs, step.feedback)


def _to_proto(step: TokenStep) -> onnx.ModelProto:
    """Return a step as ONNX with plain float32 weights and the caches' third dimension free."""
    arguments = step.fresh()
    with warnings.catch_warnings():
        # All caches share the one free dimension, which the exporter reports of each.
        warnings.filterwarnings("ignore", message=r"# The axis name: window will not be used", category=UserWarning)
        return onnx_graph(step, arguments, tuple(step.inputs), tuple(step.outputs), dynamic_shapes=_shapes(step, arguments))


def _finish(step: TokenStep, proto: onnx.ModelProto, role: str) -> ExportedModel:
    """Store the weights as the role wants them, and return the file."""
    if role != STEP:
        quantise_weights(proto)
    store_half(proto)
    return ExportedModel(role, "onnx", onnx_bytes(proto), step.inputs, step.outputs, step.feedback)


def _shapes(step: TokenStep, arguments: Sequence[Tensor]) -> tuple:
    """Return for each argument which of its dimensions are free, in the nesting of `TokenStep.forward`."""
    free = torch.export.Dim(WINDOW, min=2)
    fixed = len(arguments) - len(step.caches)
    named = [None] * 7
    rest = [None] * (fixed - len(named)) + [{2: free}] * len(step.caches)
    return (*named, tuple(rest))
