"""Proof that an exported step is the trained one, and what eight bits cost: likelihood lost on held-out tokens, and time won.

It knows no patch. Both models hear the same codes at every step, so an export is judged, not how a stream of its own would wander off.
"""

import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export.errors import VerificationError
from export.model_file import ExportedModel
from export.tokens_runner import StepRunner
from export.tokens_step import export_step
from training.quiet import quiet_torchscript
from training.tokens_model import TokenTransformer
from training.tokens_step import TokenStep

__all__ = ["MAX_ERROR", "Int8Loss", "StepProof", "int8_loss", "step_times_ms", "verify_step", "verify_step_torchscript"]

# Largest error allowed of any key or value written, relative to the largest. Measured on a briefly trained `small` over 600 steps: 2.2e-5.
MAX_ERROR = 1e-4
# Rounding moves a border between two codes by a millionth: once in many thousand draws the noise lies between the two places.
MIN_AGREEMENT = 0.995
TIMED_STEPS = 500
WARM_UP_STEPS = 50
SEED = 20_011

HeldOut = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Codes (K, S) and the condition (C,) of a clip."""
Step = Callable[[dict[str, NDArray]], dict[str, NDArray]]
"""Inputs by name to outputs by name."""


@dataclass(frozen=True)
class StepProof:
    """What was measured.

    Attributes
    ----------
    max_error : float
        Largest difference from torch of any key or value in the caches, over the largest of that cache where that is above 1.
    agreement : float
        Share of codes drawn that are torch's.
    steps : int
    """

    max_error: float
    agreement: float
    steps: int


@dataclass(frozen=True)
class Int8Loss:
    """Cross-entropy on held-out tokens, nats per token, each code told all that came before it.

    Attributes
    ----------
    float32, int8 : float
    tokens : int
    """

    float32: float
    int8: float
    tokens: int

    @property
    def lost(self) -> float:
        """Nats per token that eight bits cost."""
        return self.int8 - self.float32


def verify_step(model: TokenTransformer, exported: ExportedModel, *, steps: int | None = None, strict: bool = True) -> StepProof:
    """Run an ONNX step in place beside torch while torch plays freely.

    Parameters
    ----------
    model : TokenTransformer
        The one exported, its weights rounded as `export_step` leaves them.
    exported : ExportedModel
        Of all or of fewer codebooks.
    steps : int, optional
        By default three times round the caches.
    strict : bool
        Whether errors are refused; a file of eight bits is not torch's equal.

    Returns
    -------
    StepProof

    Raises
    ------
    VerificationError
        `strict`, and the export strays from torch by more than `MAX_ERROR`, or draws other codes.
    """
    runner = StepRunner(exported)

    def candidate(inputs: dict[str, NDArray]) -> dict[str, NDArray]:
        for name in ("condition", "noise", "codes"):
            runner.set(name, inputs[name])
        runner.step()
        return {name: runner.get(name) for name in exported.outputs}

    return _compare(model, exported, candidate, steps, strict, "ONNX")


def verify_step_torchscript(model: TokenTransformer, exported: ExportedModel, *, steps: int | None = None) -> StepProof:
    """Run a TorchScript step beside torch; as `verify_step`, strict."""
    with tempfile.TemporaryDirectory(prefix="starling-") as folder:
        file = Path(folder) / "step.ts"
        file.write_bytes(exported.content)
        with quiet_torchscript():
            scripted = torch.jit.load(file, map_location="cpu")

    def candidate(inputs: dict[str, NDArray]) -> dict[str, NDArray]:
        with torch.no_grad():
            made = scripted(*(torch.from_numpy(inputs[name]) for name in exported.inputs))
        return {name: value.numpy() for name, value in zip(exported.outputs, made, strict=True)}

    return _compare(model, exported, candidate, steps, True, "TorchScript")


def _compare(model: TokenTransformer, exported: ExportedModel, candidate: Step, steps: int | None, strict: bool, name: str) -> StepProof:
    window = exported.inputs["keys_0"][1][2]
    step = TokenStep(model, window=window).eval()
    steps = 3 * window if steps is None else steps
    random = np.random.default_rng(SEED)
    inputs = dict(zip(step.inputs, (value.numpy() for value in step.fresh()), strict=True))
    error, same, drawn = np.float32(0.0), 0, 0
    for _ in range(steps):
        inputs["condition"] = random.random(inputs["condition"].shape, dtype=np.float32)
        inputs["noise"] = random.random(inputs["noise"].shape, dtype=np.float32)
        with torch.no_grad():
            values = step(*(torch.from_numpy(value) for value in inputs.values()))
        trusted = dict(zip(step.outputs, (value.numpy() for value in values), strict=True))
        made = candidate(inputs)
        for cache in trusted:
            if cache.startswith(("next_keys", "next_values")):
                # np.maximum, unlike max, keeps a NaN. Trained keys reach 20, where single precision has a twentieth of the digits.
                scale = np.maximum(1.0, np.abs(trusted[cache]).max())
                error = np.maximum(error, np.abs(made[cache] - trusted[cache]).max() / scale)
        sampled = made["next_codes"] >= 0
        same += int((made["next_codes"] == trusted["next_codes"])[sampled].sum())
        drawn += int(sampled.sum())
        inputs |= {step.feedback[output]: trusted[output] for output in step.feedback}
    proof = StepProof(float(error), same / drawn, steps)
    # Written so that NaN fails as well.
    if strict and not (proof.max_error <= MAX_ERROR and proof.agreement >= MIN_AGREEMENT):
        got = f"error {proof.max_error:.3g}, {proof.agreement:.2%} of codes equal"
        allowed = f"{MAX_ERROR:g}, {MIN_AGREEMENT:.1%}"
        raise VerificationError(f"the {name} step does not repeat the trained one", got=got, allowed=allowed)
    return proof


def int8_loss(model: TokenTransformer, clips: Sequence[HeldOut], *, codebooks: int | None = None) -> Int8Loss:
    """Measure what eight-bit weights lose on held-out tokens.

    Parameters
    ----------
    model : TokenTransformer
        Its larger weights are rounded to half precision, in place, as by every export.
    clips : sequence of (codes, condition)
        Each is heard from its beginning.
    codebooks : int, optional
        Judge the light step, on the codebooks it samples; the float32 model is then judged on those too, but hears all.

    Returns
    -------
    Int8Loss
    """
    runner = StepRunner(export_step(model, quantised=True, codebooks=codebooks, judged=True))
    books = codebooks or model.size.codebooks
    lost = {"float32": 0.0, "int8": 0.0}
    tokens = 0
    for codes, condition in clips:
        target = np.ascontiguousarray(codes.T)  # (S, K)
        heard = np.concatenate([np.full_like(target[:1], -1), target[:-1]])
        conditions = torch.from_numpy(condition).expand(1, len(target), -1)
        with torch.no_grad():
            losses = model.losses(torch.from_numpy(heard)[None], conditions, torch.from_numpy(target)[None])
        lost["float32"] += float(losses[:books].sum()) * len(target)
        lost["int8"] += _teacher_forced(runner, heard, condition, target, books)
        tokens += books * len(target)
    return Int8Loss(lost["float32"] / tokens, lost["int8"] / tokens, tokens)


def _teacher_forced(
    runner: StepRunner, heard: NDArray[np.int64], condition: NDArray[np.float32], target: NDArray[np.int64], books: int
) -> float:
    """Return the summed cross-entropy of a clip's codes under an exported step that is told each of them."""
    runner.reset()
    runner.set("condition", condition[None])
    total = 0.0
    for before, now in zip(heard, target, strict=True):
        before = np.where(np.arange(len(before)) < books, before, -1)
        runner.set("forced", now[None])
        runner.step(before[None])
        logits = runner.get("logits")[0, :books].astype(np.float64)  # (K, V)
        peak = logits.max(-1)
        total += float((peak + np.log(np.exp(logits - peak[:, None]).sum(-1)) - logits[np.arange(books), now[:books]]).sum())
    if not math.isfinite(total):
        raise VerificationError("the eight-bit step leaves the numbers", got=total)
    return total


def step_times_ms(exported: ExportedModel) -> tuple[float, float, str]:
    """Return the median and the 99th percentile of one ONNX step on one thread, playing freely, and the machine."""
    runner, random = StepRunner(exported), np.random.default_rng(SEED)
    shape = exported.inputs["noise"][1]
    times = np.empty(WARM_UP_STEPS + TIMED_STEPS)
    for index in range(len(times)):
        noise = random.random(shape, dtype=np.float32)
        start = time.perf_counter()
        runner.step(noise=noise)
        times[index] = time.perf_counter() - start
    p50, p99 = np.percentile(times[WARM_UP_STEPS:] * 1e3, (50, 99))
    return round(float(p50), 4), round(float(p99), 4), f"{platform.machine()}, {os.cpu_count()} cores"
