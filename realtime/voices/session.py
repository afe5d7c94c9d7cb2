"""An ONNX model with explicit state, bound once. It knows tensors and the manifest's feedback table, not what they mean.

State never leaves the session's own buffers: each pair of a fed-back output and its input has two buffers that change places after every
step, so a step copies nothing and its time stays flat however long it runs.
"""

from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from patches.manifest import Model
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

    Raises
    ------
    VoiceError — ONNX Runtime refuses the model, or its tensors are not those of the manifest.

    Thread
    ------
    The deck's.
    """

    def __init__(self, model: Model, content: bytes, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        # A spinning thread pool takes the core the next deck needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.log_severity_level = _SILENT
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises a class of its own per failure, with no common base
            raise VoiceError(f"{model.file}: ONNX Runtime refuses the model", got=str(error).splitlines()[0]) from None
        self._check(model)
        self.inputs: dict[str, NDArray[Any]] = {t.name: np.zeros(t.shape, _DTYPES[t.dtype]) for t in model.inputs}
        self.outputs: dict[str, NDArray[Any]] = {t.name: np.zeros(t.shape, _DTYPES[t.dtype]) for t in model.outputs}
        self._feedback = dict(model.feedback)
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


def _dtype_name(onnx_type: str) -> str:
    name = onnx_type.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32"}.get(name, name)
