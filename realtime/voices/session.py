"""An ONNX model with explicit state, bound once. It knows tensors and the manifest's feedback table, not what they mean.

A step copies no state and its time stays flat however long it runs: each pair of a fed-back output and its input has two buffers that
change places after every step, or, where the model is known to write before it reads, only one.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from patches.manifest import Model, Tensor
from realtime.errors import VoiceError

_DTYPES: dict[str, Any] = {
    "float32": np.float32,
    "float16": np.float16,
    "int64": np.int64,
    "int32": np.int32,
    "int8": np.int8,
    "uint8": np.uint8,
    "bool": np.bool_,
}
_SILENT = 3  # ONNX Runtime logs errors only: its warnings about hardware mean nothing to a performer


class StatefulSession:
    """A model opened from bytes whose hash was checked.

    Parameters
    ----------
    model : patches.manifest.Model
        Names, types, shapes and feedback.
    content : bytes
        The file.
    threads : int
        Intra-op threads; one per deck leaves the other cores to the other decks.
    in_place : collection of str
        Inputs whose fed-back output is written over them: one buffer instead of two. Right only where the graph reads nothing of the
        input but through the node that writes the output, as a cache updated by ScatterND does.
    buffers : mapping of str to array, optional
        Arrays to use for these inputs instead of new ones, so that several sessions go on from the same state. Those that are fed back
        must be in place. Owner: whoever made them.
    free_dimensions : mapping of str to int, optional
        Sizes for dimensions that the file names but leaves open.

    Raises
    ------
    VoiceError — ONNX Runtime refuses the model, or its tensors are not those of the manifest.

    Thread
    ------
    The deck's.
    """

    def __init__(
        self,
        model: Model,
        content: bytes,
        threads: int = 1,
        *,
        in_place: Collection[str] = (),
        buffers: Mapping[str, NDArray[Any]] | None = None,
        free_dimensions: Mapping[str, int] | None = None,
    ) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        # A spinning thread pool takes the core the next deck needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.log_severity_level = _SILENT
        for name, size in (free_dimensions or {}).items():
            options.add_free_dimension_override_by_name(name, size)
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises a class of its own per failure, with no common base
            raise VoiceError(f"{model.file}: ONNX Runtime refuses the model", got=str(error).splitlines()[0]) from None
        self._check(model)
        given = buffers or {}
        self.inputs: dict[str, NDArray[Any]] = {t.name: _buffer(t, given) for t in model.inputs}
        self.outputs: dict[str, NDArray[Any]] = {t.name: np.zeros(t.shape, _DTYPES[t.dtype]) for t in model.outputs}
        self._feedback = dict(model.feedback)
        for source, target in self._feedback.items():
            if target in in_place:
                self.outputs[source] = self.inputs[target]
        self._bindings = (self._bind(even=True), self._bind(even=False))
        self._turn = 0

    def _check(self, model: Model) -> None:
        for declared, actual, side in (
            (model.inputs, self._session.get_inputs(), "input"),
            (model.outputs, self._session.get_outputs(), "output"),
        ):
            wanted = {t.name: (t.dtype, tuple(t.shape)) for t in declared}
            found = {t.name: (_dtype_name(t.type), tuple(t.shape)) for t in actual}
            if wanted != found:
                raise VoiceError(f"{model.file}: its {side}s are not those of the manifest", got=str(found), allowed=str(wanted))

    def _bind(self, *, even: bool) -> Any:
        binding = self._session.io_binding()
        back = {source: target for source, target in self._feedback.items()}
        fed = {target: source for source, target in back.items()}
        for name, buffer in self.inputs.items():
            actual = buffer if even or name not in fed else self.outputs[fed[name]]
            binding.bind_input(name, "cpu", 0, actual.dtype, actual.shape, actual.ctypes.data)
        for name, buffer in self.outputs.items():
            actual = buffer if even or name not in back else self.inputs[back[name]]
            binding.bind_output(name, "cpu", 0, actual.dtype, actual.shape, actual.ctypes.data)
        return binding

    def step(self) -> None:
        """Run once: reads `inputs`, fills `outputs`; what feeds back is in place for the next step."""
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn

    def reset(self) -> None:
        """All state back to zero: reset == fresh."""
        self._turn = 0
        for source, target in self._feedback.items():
            self.inputs[target].fill(0)
            self.outputs[source].fill(0)

    def save(self) -> tuple[NDArray[Any], ...]:
        """Return a copy of the present state, for `restore`."""
        pairs = self._feedback.items()
        return tuple((self.outputs[source] if self._turn else self.inputs[target]).copy() for source, target in pairs)

    def restore(self, state: tuple[NDArray[Any], ...]) -> None:
        """Go on from a state that `save` returned: a copy in memory, nothing else."""
        self._turn = 0
        for target, saved in zip(self._feedback.values(), state, strict=True):
            np.copyto(self.inputs[target], saved)


def _buffer(tensor: Tensor, given: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The array for an input: the given one, which must be like the tensor, or a new one."""
    array = given.get(tensor.name)
    if array is None:
        return np.zeros(tensor.shape, _DTYPES[tensor.dtype])
    if array.shape != tensor.shape or array.dtype != _DTYPES[tensor.dtype] or not array.flags.c_contiguous:
        raise VoiceError(
            f"input {tensor.name}: its state cannot be shared", got=f"{tensor.dtype} {tensor.shape}", allowed=f"{array.dtype} {array.shape}"
        )
    return array


def _dtype_name(onnx_type: str) -> str:
    name = onnx_type.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32"}.get(name, name)
