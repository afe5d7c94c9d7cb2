"""Proof that an exported sequencer is the trained one: both exports are loaded anew and run beside torch while it runs free.

It does not know how they were made, nor patches.
"""

import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.errors import VerificationError
from training.quiet import quiet_torchscript
from training.sequencers.steps import StepForm

# Frames of each free run; a model that forecasts many at once makes some twenty forecasts where they are short.
STEPS = 200
FORECASTS = 20
TEMPERATURES = (0.0, 0.5, 1.0)
# Largest error allowed in one step. Measured on `field`: 1.4e-6.
MAX_ERROR = 1e-4
TIMED_STEPS = 1000
TIMED_FORECASTS = 100
WARM_UP_STEPS = 20
SEED = 20_011

Arrays = tuple[NDArray[np.float32], ...]
Step = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Verification:
    """What was measured.

    Attributes
    ----------
    onnx_max_error, torchscript_max_error : float
        Largest difference from torch of any output of any step at any temperature, each step from the same inputs: an export is judged, not
        how much the model itself amplifies rounding.
    free_run_error : float
        Largest difference of any frame, z-score units, between torch and ONNX each feeding on their own outputs.
    steps : int
        Free-running frames per temperature.
    step_ms_p50, step_ms_p99 : float
        Time of one ONNX step on one thread.
    machine : str
    """

    onnx_max_error: float
    torchscript_max_error: float
    free_run_error: float
    steps: int
    step_ms_p50: float
    step_ms_p99: float
    machine: str


def verify(step: StepForm, onnx_model: bytes, torchscript: bytes, prime: NDArray[np.float32]) -> Verification:
    """Run both exports beside torch with the same noise, and time the ONNX step.

    Parameters
    ----------
    step : StepForm
        The trained one.
    onnx_model, torchscript : bytes
        As they will lie in the patch. The ONNX model is opened from these bytes, TorchScript from a file.
    prime : float32 array, shape (P, D), z-score units
        Frames heard before the step runs free.

    Returns
    -------
    Verification

    Raises
    ------
    VerificationError
        A step of an export strays from torch by more than `MAX_ERROR`.
    """
    session = open_session(onnx_model)
    # One frame is no work for a second thread, and two that wait for each other on a busy machine take a hundred times as long.
    torch.set_num_threads(1)
    errors, drifts = {}, {}
    with tempfile.TemporaryDirectory(prefix="starling-") as folder:
        file = Path(folder) / "sequencer.ts"
        file.write_bytes(torchscript)
        with quiet_torchscript():
            scripted = torch.jit.load(file, map_location="cpu")
        for name, candidate in (("ONNX", onnx_step(session, step)), ("TorchScript", _torch_step(scripted))):
            compared = [_compare(step, candidate, prime, temperature) for temperature in TEMPERATURES]
            errors[name], drifts[name] = (float(np.max(column)) for column in zip(*compared, strict=True))
            # Written so that NaN fails as well.
            if not errors[name] <= MAX_ERROR:
                got = f"error {errors[name]:.3g}"
                raise VerificationError(f"the {name} model does not repeat the trained one", got=got, allowed=f"{MAX_ERROR:g}")
    p50, p99 = np.percentile(_step_times_ms(onnx_step(session, step), step), (50, 99))
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    frames = _calls(step) * _frames(step)
    return Verification(errors["ONNX"], errors["TorchScript"], drifts["ONNX"], frames, round(float(p50), 4), round(float(p99), 4), machine)


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """Open an ONNX model as the stage does: from bytes, on the CPU, one thread that does not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def onnx_step(session: onnxruntime.InferenceSession, step: StepForm) -> Step:
    """Return a session as a function from input arrays to output arrays, in the step's order."""
    names, outputs = step.INPUTS, list(step.OUTPUTS)

    def run(inputs: Arrays) -> Arrays:
        return tuple(session.run(outputs, dict(zip(names, inputs, strict=True))))

    return run


def _torch_step(module: Callable[..., tuple[Tensor, ...] | Tensor]) -> Step:
    def run(inputs: Arrays) -> Arrays:
        with torch.no_grad():
            said = module(*(torch.from_numpy(value) for value in inputs))
        return tuple(output.numpy() for output in (said if isinstance(said, tuple) else (said,)))

    return run


class _Stream:
    """One stream of steps: its states, or its window, and the noise of the next step."""

    def __init__(self, step: StepForm, temperature: float):
        self._step = step
        self.inputs = {name: np.zeros(shape, dtype=np.float32) for name, shape in step.input_shapes().items()}
        self.inputs["temperature"][:] = temperature
        self._heard = False

    def shake(self, random: np.random.Generator) -> None:
        """Draw new noise; equal generators, equal noise."""
        self.inputs["gumbel"] = random.gumbel(size=self.inputs["gumbel"].shape).astype(np.float32)
        self.inputs["normal"] = random.standard_normal(self.inputs["normal"].shape, dtype=np.float32)

    def hear(self, frames: NDArray[np.float32]) -> None:
        """Take frames (n, D) as heard: the last one is the next input, or they end the window, which is full from the first one on."""
        if "window" not in self.inputs:
            self.inputs["frame"] = np.ascontiguousarray(frames[-1:])
            return
        window = self.inputs["window"][0]
        before = window if self._heard else np.repeat(frames[:1], len(window), axis=0)
        self.inputs["window"] = np.concatenate([before, frames])[None, -len(window) :]
        self._heard = True

    def take(self, outputs: Arrays) -> None:
        """Feed back what a step gave: states and frames."""
        named = dict(zip(self._step.OUTPUTS, outputs, strict=True))
        for source, target in self._step.FEEDBACK:
            self.inputs[target] = named[source]
        self.hear(outputs[0].reshape(-1, outputs[0].shape[-1]))

    def values(self) -> Arrays:
        """Return the inputs in order."""
        return tuple(self.inputs[name] for name in self._step.INPUTS)


def _compare(step: StepForm, candidate: Step, prime: NDArray[np.float32], temperature: float) -> tuple[float, float]:
    """Let the trusted step hear the prime and run free; return the candidate's largest error in a step, and in a free run beside it."""
    trusted = _torch_step(step)
    true, free = (_Stream(step, temperature) for _ in range(2))
    noises = [np.random.default_rng(SEED) for _ in range(2)]
    if "window" in true.inputs:
        heard: list[NDArray[np.float32] | None] = [prime]
    else:
        heard = [frame[None] for frame in prime]
    error = drift = np.float64(0.0)
    for frames in heard + [None] * _calls(step):
        for stream, noise in zip((true, free), noises, strict=True):
            if frames is not None:
                stream.hear(frames)
            stream.shake(noise)
        repeated, drifted, said = candidate(true.values()), candidate(free.values()), trusted(true.values())
        # np.maximum, unlike max, keeps a NaN.
        error = np.maximum(error, np.max([np.abs(a - b).max() for a, b in zip(said, repeated, strict=True)]))
        drift = np.maximum(drift, np.abs(said[0] - drifted[0]).max())
        true.take(said)
        free.take(drifted)
    return float(error), float(drift)


def _frames(step: StepForm) -> int:
    """Return how many frames one call of a step says."""
    shape = step.output_shapes()[step.OUTPUTS[0]]
    return shape[1] if len(shape) == 3 else 1


def _calls(step: StepForm) -> int:
    """Return how many calls a free run has."""
    frames = _frames(step)
    return STEPS if frames == 1 else max(FORECASTS, -(-STEPS // frames))


def _step_times_ms(step: Step, form: StepForm) -> NDArray[np.float64]:
    random, stream = np.random.default_rng(SEED), _Stream(form, 1.0)
    times = np.empty(WARM_UP_STEPS + (TIMED_STEPS if _frames(form) == 1 else TIMED_FORECASTS))
    for index in range(len(times)):
        stream.shake(random)
        inputs = stream.values()
        start = time.perf_counter()
        said = step(inputs)
        times[index] = time.perf_counter() - start
        stream.take(said)
    return times[WARM_UP_STEPS:] * 1e3
