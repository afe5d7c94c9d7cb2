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
from training.sequencer import SequencerStep

STEPS = 200
TEMPERATURES = (0.0, 0.5, 1.0)
# Largest error allowed in one step. Measured on `field`: 1.4e-6.
MAX_ERROR = 1e-4
TIMED_STEPS = 1000
WARM_UP_STEPS = 50
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
        Free-running steps per temperature.
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


def verify(step: SequencerStep, onnx_model: bytes, torchscript: bytes, prime: NDArray[np.float32]) -> Verification:
    """Run both exports beside torch with the same noise, and time the ONNX step.

    Parameters
    ----------
    step : SequencerStep
        The trained one.
    onnx_model, torchscript : bytes
        As they will lie in the patch. The ONNX model is opened from these bytes, TorchScript from a file.
    prime : float32 array, shape (P, 39), z-score units
        Frames heard before the step runs free.

    Returns
    -------
    Verification

    Raises
    ------
    VerificationError
        A step of an export strays from torch by more than `MAX_ERROR`.
    """
    shapes = step.input_shapes()
    session = open_session(onnx_model)
    # One frame is no work for a second thread, and two that wait for each other on a busy machine take a hundred times as long.
    torch.set_num_threads(1)
    errors, drifts = {}, {}
    with tempfile.TemporaryDirectory(prefix="starling-") as folder:
        file = Path(folder) / "sequencer.ts"
        file.write_bytes(torchscript)
        with quiet_torchscript():
            scripted = torch.jit.load(file, map_location="cpu")
        for name, candidate in (("ONNX", onnx_step(session)), ("TorchScript", _torch_step(scripted))):
            compared = [_compare(_torch_step(step), candidate, shapes, prime, temperature) for temperature in TEMPERATURES]
            errors[name], drifts[name] = (float(np.max(column)) for column in zip(*compared, strict=True))
            # Written so that NaN fails as well.
            if not errors[name] <= MAX_ERROR:
                got = f"error {errors[name]:.3g}"
                raise VerificationError(f"the {name} model does not repeat the trained one", got=got, allowed=f"{MAX_ERROR:g}")
    p50, p99 = np.percentile(_step_times_ms(onnx_step(session), shapes), (50, 99))
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    return Verification(errors["ONNX"], errors["TorchScript"], drifts["ONNX"], STEPS, round(float(p50), 4), round(float(p99), 4), machine)


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """Open an ONNX model as the stage does: from bytes, on the CPU, one thread that does not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def onnx_step(session: onnxruntime.InferenceSession) -> Step:
    """Return a session as a function from input arrays to output arrays, in the step's order."""

    def run(inputs: Arrays) -> Arrays:
        return tuple(session.run(list(SequencerStep.OUTPUTS), dict(zip(SequencerStep.INPUTS, inputs, strict=True))))

    return run


def _torch_step(module: Callable[..., tuple[Tensor, ...]]) -> Step:
    def run(inputs: Arrays) -> Arrays:
        with torch.no_grad():
            return tuple(output.numpy() for output in module(*(torch.from_numpy(value) for value in inputs)))

    return run


def _noise(random: np.random.Generator, shapes: dict[str, tuple[int, ...]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gumbel = random.gumbel(size=shapes["gumbel"]).astype(np.float32)
    return gumbel, random.standard_normal(shapes["normal"], dtype=np.float32)


def _compare(
    trusted: Step, candidate: Step, shapes: dict[str, tuple[int, ...]], prime: NDArray[np.float32], temperature: float
) -> tuple[float, float]:
    """Let the trusted step hear the prime and run free; return the candidate's largest error in a step, and in a free run beside it."""
    random = np.random.default_rng(SEED)
    heat = np.array([temperature], dtype=np.float32)
    state = tuple(np.zeros(shapes[name], dtype=np.float32) for name in ("hidden", "cell"))
    true, free = (prime[:1], *state), (prime[:1], *state)
    error = drift = np.float64(0.0)
    for index in range(len(prime) + STEPS):
        if index < len(prime):
            true, free = (prime[index : index + 1], *true[1:]), (prime[index : index + 1], *free[1:])
        noise = (*_noise(random, shapes), heat)
        repeated, free, true = candidate((*true, *noise)), candidate((*free, *noise)), trusted((*true, *noise))
        # np.maximum, unlike max, keeps a NaN.
        error = np.maximum(error, np.max([np.abs(a - b).max() for a, b in zip(true, repeated, strict=True)]))
        drift = np.maximum(drift, np.abs(true[0] - free[0]).max())
    return float(error), float(drift)


def _step_times_ms(step: Step, shapes: dict[str, tuple[int, ...]]) -> NDArray[np.float64]:
    random = np.random.default_rng(SEED)
    heat = np.ones(1, dtype=np.float32)
    fed = tuple(np.zeros(shapes[name], dtype=np.float32) for name in ("frame", "hidden", "cell"))
    times = np.empty(WARM_UP_STEPS + TIMED_STEPS)
    for index in range(len(times)):
        inputs = (*fed, *_noise(random, shapes), heat)
        start = time.perf_counter()
        fed = step(inputs)
        times[index] = time.perf_counter() - start
    return times[WARM_UP_STEPS:] * 1e3
