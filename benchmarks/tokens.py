"""A step of the token transformer against recomputing its window, as the seed system does: one size, one thread, interleaved in one run.

The size is the seed's own (15.8 million parameters, window 172) with random weights, which take as long as trained ones. The recomputation
runs the whole window through the same model, to the logits of every step as the seed does, and draws the codes after the last of them in
the same way as ours: in torch and in ONNX, and the faster of the two is what ours is held against. Beside it stands a leaner one than the
seed's, which makes the logits of the last step alone. Our step is run as a deck runs it: caches bound in place, nothing allocated.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import BenchmarkError, Outcome, Value, need

if TYPE_CHECKING:
    import torch

    from training.tokens_model import TokenTransformer

CODEBOOKS, CODEBOOK_SIZE, CONDITION_SIZE = 4, 1024, 8
STEP_MS = 512 / 44.1
_OURS = ("cached_float", "cached_int8")
_BASELINES = ("window_torch", "window_onnx")
_LEAN = ("window_lean_torch", "window_lean_onnx")
_LABELS = {
    "cached_float": "rolling cache, float32",
    "cached_int8": "rolling cache, int8",
    "window_torch": "window recomputed, torch",
    "window_onnx": "window recomputed, ONNX",
    "window_lean_torch": "  last logits alone, torch",
    "window_lean_onnx": "  last logits alone, ONNX",
}
# The exporter's: operators of torchvision that are missing, and what it leaves to ONNX Runtime to fold.
_LOGGERS = ("torch.onnx._internal.exporter._registration", "onnxscript.optimizer._constant_folding", "onnxscript")
_BATCH = 10  # steps of ours for one recomputation
_WARM_UP = 3


class UnequalStepsError(BenchmarkError):
    """The cached step does not make what the recomputed window makes, so its time says nothing."""


def run(arguments: list[str]) -> Outcome:
    """Time a step of each way.

    Parameters
    ----------
    arguments : list of str
        `--recipe NAME` (seed), `--rounds N` (100), `--threads N` (1), `--seed N` (1).

    Raises
    ------
    MissingPackageError, UnequalStepsError
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks tokens")
    parser.add_argument("--recipe", default="seed")
    parser.add_argument("--rounds", type=int, default=100, help=f"recomputations of each kind; {_BATCH} steps of ours for each")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    torch = need("tokens", "torch")
    need("tokens", "onnxruntime")
    from training.tokens_model import TokenTransformer
    from training.tokens_recipe import read_tokens_recipe

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    recipe = read_tokens_recipe(options.recipe)
    model = TokenTransformer(recipe.size(CODEBOOKS, CODEBOOK_SIZE, CONDITION_SIZE)).eval()
    ways = _ways(model, options.threads, np.random.default_rng(options.seed))
    times = measure(ways, options.rounds, np.random.default_rng(options.seed))
    middle = {name: float(np.percentile(values, 50)) for name, values in times.items()}
    baseline, lean = (min(middle[name] for name in names) for names in (_BASELINES, _LEAN))
    results: dict[str, Value] = {
        "parameters": model.parameter_count,
        "window_steps": recipe.attention_window,
        "threads": options.threads,
        "baseline_p50_ms": baseline,
    }
    for name in _OURS:
        results[f"ratio_{name}"] = baseline / middle[name]
        results[f"ratio_lean_{name}"] = lean / middle[name]
    for name in times:
        results[f"{name}_p50_ms"], results[f"{name}_p99_ms"] = middle[name], float(np.percentile(times[name], 99))
    rows = [[_LABELS[name], middle[name], results[f"{name}_p99_ms"], middle[name] / STEP_MS, baseline / middle[name]] for name in _LABELS]
    notes = (
        f"{model.parameter_count / 1e6:.1f} million parameters, window {recipe.attention_window}, {options.threads} thread(s); a step lasts"
        f" {STEP_MS:.1f} ms; {options.rounds} recomputations of each kind, {options.rounds * _BATCH} cached steps",
    )
    return Outcome(("a step by", "p50 ms", "p99 ms", "of real time", "times faster"), rows, results, notes)


def measure(ways: dict[str, Callable[[], None]], rounds: int, generator: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Time every way, in an order shuffled for every round; returns milliseconds per step."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        for _ in range(_WARM_UP):
            way()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name in generator.permutation(list(ways)):
                for _ in range(_BATCH if name in _OURS else 1):
                    begun_ns = time.perf_counter_ns()
                    ways[name]()
                    times[name].append((time.perf_counter_ns() - begun_ns) / 1e6)
    finally:
        gc.enable()
    return {name: np.array(values) for name, values in times.items()}


def _ways(model: TokenTransformer, threads: int, generator: np.random.Generator) -> dict[str, Callable[[], None]]:
    """Return one step by each way as a function; all have the same past, and the float ones are checked to make the same next codes."""
    from export.tokens_runner import StepRunner
    from export.tokens_step import export_step

    window = model.size.attention_window
    runners = {name: StepRunner(export_step(model, quantised=name == "cached_int8"), threads=threads) for name in _OURS}
    codes = generator.integers(0, CODEBOOK_SIZE, (window, CODEBOOKS))
    condition = generator.random((1, CONDITION_SIZE), dtype=np.float32)
    noise = generator.random((1, CODEBOOKS), dtype=np.float32)
    for runner in runners.values():
        # The window as the recomputation sees it: its own first step is the first of all.
        for heard in codes:
            runner.step(heard[None], condition, noise)
    made = runners["cached_float"].codes
    recompute = _recompute(model, codes, condition, noise, threads, lean=False) | _recompute(
        model, codes, condition, noise, threads, lean=True
    )
    for name, way in recompute.items():
        if not np.array_equal(way(), made):
            raise UnequalStepsError(f"benchmark tokens: {name} makes {way()}, the cached step {made}; their times are not shown")
    # From here on each hears itself, as in a deck.
    ours = {name: lambda runner=runner: runner.step(None, condition, noise) for name, runner in runners.items()}
    return ours | recompute


def _recompute(
    model: TokenTransformer,
    codes: NDArray[np.int64],
    condition: NDArray[np.float32],
    noise: NDArray[np.float32],
    threads: int,
    *,
    lean: bool,
) -> dict[str, Callable[[], NDArray[np.int64]]]:
    """Return the recomputation of a window in torch and in ONNX, each as a function that makes the next codes."""
    import onnxruntime
    import torch

    from training.quiet import quiet_loggers, quiet_torch

    whole = _window_step(model, lean)
    inputs = (torch.from_numpy(codes)[None], torch.from_numpy(np.repeat(condition[None], len(codes), 1)), torch.from_numpy(noise))

    def in_torch() -> NDArray[np.int64]:
        with torch.inference_mode():
            return whole(*inputs)[0].numpy()

    names = ("codes", "condition", "noise")
    with tempfile.TemporaryDirectory(prefix="starling-") as folder:
        file = Path(folder) / "window.onnx"
        with quiet_torch(), quiet_loggers(_LOGGERS, level=60), torch.no_grad():
            torch.onnx.export(whole, inputs, file, input_names=list(names), dynamo=True, external_data=False, verbose=False)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file.read_bytes(), settings, providers=["CPUExecutionProvider"])
    feeds = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
    name = "window_lean" if lean else "window"
    return {f"{name}_torch": in_torch, f"{name}_onnx": lambda: session.run(None, feeds)[0]}


def _window_step(model: TokenTransformer, lean: bool) -> torch.nn.Module:
    """Return a module that runs a whole window through the model and draws the codes after it: the seed's way to make one step."""
    import torch

    from training.tokens_step import TokenStep

    step = TokenStep(model, order_all=False)

    class WindowStep(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = step

        def forward(self, codes: torch.Tensor, condition: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, ...]:
            size = self.step.model.size
            state = self.step.model(codes, condition)[0]  # (W, D)
            everything = torch.full((1,), float(size.codebook_size))
            drawn, last = self.step.sample(state[-1:], noise, torch.ones(1, size.codebooks), everything, torch.ones(1), None)
            if lean:
                return drawn, last
            # The codes of every step but the last are known; they are handed out as well, or ONNX Runtime would not make them.
            return drawn, last, *self.step.model.logits(state[:-1], codes[0, 1:])

    return WindowStep().eval()
