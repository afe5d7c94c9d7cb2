"""An exported step run in ONNX Runtime as the stage runs it: bound once, the caches in place. It knows no torch and no patch."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from export.model_file import ExportedModel, Signature

__all__ = ["StepRunner", "open_step"]


def open_step(model: ExportedModel, *, threads: int = 1, window: int | None = None) -> onnxruntime.InferenceSession:
    """Open a step from its bytes on the CPU, with threads that do not spin and the window its signature names, or a smaller one."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_free_dimension_override_by_name("window", window or model.inputs["keys_0"][1][2])
    return onnxruntime.InferenceSession(model.content, options, providers=["CPUExecutionProvider"])


class StepRunner:
    """A stream of steps.

    Parameters
    ----------
    model : ExportedModel
    threads : int
    in_place : bool
        Whether each cache is one piece of memory, as in a deck, or two that take turns.
    window : int, optional
        Steps in the caches, if not those the signature names.

    Owner
    -----
    All tensors. What a caller reads of them is a copy.
    """

    def __init__(self, model: ExportedModel, *, threads: int = 1, in_place: bool = True, window: int | None = None):
        self._session = open_step(model, threads=threads, window=window)
        self._feedback = {} if in_place else dict(model.feedback)
        self._inputs = _shapes(model.inputs, window)
        self._values = {name: _empty(dtype, shape) for name, (dtype, shape) in self._inputs.items()}
        self._made = {
            name: self._values[model.feedback[name]] if in_place and name in model.feedback else _empty(dtype, shape)
            for name, (dtype, shape) in _shapes(model.outputs, window).items()
        }
        self._started = False
        self._bind()
        self.reset()

    def _bind(self) -> None:
        self._binding = self._session.io_binding()
        for name, value in self._values.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in self._made.items():
            self._binding.bind_ortvalue_output(name, value)

    def reset(self) -> None:
        """Forget the stream: no codes, nothing in the caches; temperature 1, nothing left out."""
        self._started = False
        for name, (dtype, shape) in self._inputs.items():
            self.set(name, np.zeros(shape, dtype))
        self.set("temperature", 1.0)
        self.set("top_k", 1e9)
        self.set("top_p", 1.0)
        for name in ("codes", "forced"):
            if name in self._values:
                self.set(name, -1)

    def set(self, name: str, value: NDArray | float) -> None:
        """Write an input."""
        dtype, shape = self._inputs[name]
        self._values[name].update_inplace(np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype), shape)))

    def get(self, name: str) -> NDArray:
        """Return an output of the last step."""
        return self._made[name].numpy().copy()

    @property
    def codes(self) -> NDArray[np.int64]:
        """The codes of the last step, (1, K)."""
        return self.get("next_codes")

    def step(
        self, codes: NDArray[np.int64] | None = None, condition: NDArray[np.float32] | None = None, noise: NDArray[np.float32] | None = None
    ) -> None:
        """Make one step, told what was heard instead of what it made itself, a new condition and its noise where they are given."""
        if self._feedback and self._started:
            for made, fed in self._feedback.items():
                self._values[fed], self._made[made] = self._made[made], self._values[fed]
            self._bind()
        self._started = True
        for name, value in (("codes", codes), ("condition", condition), ("noise", noise)):
            if value is not None:
                self.set(name, value)
        self._session.run_with_iobinding(self._binding)


def _shapes(signature: Signature, window: int | None) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return a signature with caches of another window."""
    return {
        name: (dtype, (*shape[:2], window, *shape[3:]) if window and len(shape) == 4 else tuple(shape))
        for name, (dtype, shape) in signature.items()
    }


def _empty(dtype: str, shape: tuple[int, ...]) -> onnxruntime.OrtValue:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype))
