"""A hop of each sequencer as a deck runs it against recomputing its window, as the seed system does: one thread, interleaved in one run.

Weights are random, which take as long as trained ones. The one-step models carry their state (LSTM) or a rolling cache of keys and values
(encoder-only); recomputed, they run the whole window for every frame. The multi-step models say a stretch at once, of which a deck plays
half before it asks again; recomputed, they are asked for every frame. A hop of ours includes what a deck does around the model: it draws
the noise, moves the window on and fades from one forecast into the next. Before anything is timed, each cached step must say what the
recomputed window says.

The seed's window grew with every frame; here it keeps its length, which flatters the recomputation. Its own LSTM carried its state too.
"""

from __future__ import annotations

import argparse
import gc
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import BenchmarkError, Outcome, Value, need

if TYPE_CHECKING:
    import torch

    from realtime.voices.forecaster import Forecaster
    from training.recipe import SequencerRecipe
    from training.sequencers.model import SequencerModel

HOP_US = 1024 / 44_100 * 1e6
_ONE_STEP = ("LSTM", "TransformerEncoderOnlyModel")
_SHOWN = {
    "LSTM": "LSTM",
    "LSTMEncoderDecoderModel": "LSTM encoder-decoder",
    "TransformerEncoderOnlyModel": "transformer, encoder only",
    "TransformerModel": "transformer",
}
_WARM_UP = 3
_TOLERANCE = 2e-4  # float32 sums in another order; measured up to 2e-5
_TEMPERATURE = 0.7


class UnequalStepsError(BenchmarkError):
    """The cached step does not say what the recomputed window says, so its time says nothing."""


@dataclass(frozen=True)
class Way:
    """One model: a hop as a deck runs it, a frame recomputed, and after how many hops the model itself is asked again."""

    name: str
    hop: Callable[[], None]
    recompute: Callable[[], Any]
    period: int
    parameters: int


def run(arguments: list[str]) -> Outcome:
    """Time every model.

    Parameters
    ----------
    arguments : list of str
        `--recipe FILE` (the default recipe; its `selected_model` is replaced by each of the four), `--window N` and `--forecast N` (the
        recipe's), `--rounds N` (60), `--seed N` (1).

    Raises
    ------
    BenchmarkError, MissingPackageError, UnequalStepsError
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks sequencer")
    parser.add_argument("--recipe", type=Path, help="TOML file of dials (default: training/recipes/sequencer.toml)")
    parser.add_argument("--window", type=int, help="window_size, instead of the recipe's")
    parser.add_argument("--forecast", type=int, help="forecast_size, instead of the recipe's")
    parser.add_argument("--rounds", type=int, default=60, help="recomputations of each model; two forecasts' hops of ours for each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        raise BenchmarkError(f"benchmark sequencer: --rounds {options.rounds}: 1 and up")
    torch = need("sequencer", "torch")
    need("sequencer", "onnx")
    need("sequencer", "onnxruntime")
    from training.errors import RecipeError
    from training.recipe import DEFAULT_RECIPE, MODELS, read_recipe

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    try:
        recipe = read_recipe(options.recipe or DEFAULT_RECIPE).with_changes(window_size=options.window, forecast_size=options.forecast)
        with warnings.catch_warnings():
            # What torch's exporter finds worth saying about an LSTM.
            warnings.simplefilter("ignore", UserWarning)
            ways = [make_way(recipe.with_changes(selected_model=name), options.seed) for name in MODELS]
    except RecipeError as error:
        raise BenchmarkError(f"benchmark sequencer: {error}") from error
    hops, recomputed = measure(ways, options.rounds, np.random.default_rng(options.seed))
    rows: list[list[Value]] = []
    results: dict[str, Value] = {"window_frames": recipe.window_size, "forecast_frames": recipe.forecast_size, "hop_us": HOP_US}
    for way in ways:
        times, again = hops[way.name], float(np.median(recomputed[way.name]))
        asked = float(np.median(times[:, 0]))
        # The model runs in the first hop of each period; what it costs is spread over all hops that it serves.
        cached = (asked + float(np.median(times[:, 1:])) * (way.period - 1)) / way.period if way.period > 1 else asked
        p99 = float(np.percentile(times, 99))
        results |= {
            f"{way.name}.cached_us": cached,
            f"{way.name}.recomputed_us": again,
            f"{way.name}.ratio": again / cached,
            f"{way.name}.p99_us": p99,
            f"{way.name}.step_us": asked,
            f"{way.name}.worst_us": float(times.max()),
            f"{way.name}.hop_share": cached / HOP_US,
            f"{way.name}.step_share": asked / HOP_US,
            f"{way.name}.parameters": way.parameters,
        }
        share = [100.0 * cached / HOP_US, 100.0 * asked / HOP_US]
        rows.append([_SHOWN[way.name], cached, asked, p99, float(times.max()), again, again / cached, *share])
    header = ("model", "us a hop", "us a step", "p99 us", "worst us", "recomputed us", "times faster", "% of a hop", "step, % of a hop")
    counts = ", ".join(f"{_SHOWN[way.name]} {way.parameters / 1e3:.0f}k" for way in ways)
    notes = (
        f"window {recipe.window_size}, forecast {recipe.forecast_size} frames; a hop lasts {HOP_US / 1000:.1f} ms; ONNX Runtime, one"
        f" thread; {options.rounds} recomputations of each",
        f"parameters: {counts}",
        "a multi-step model runs in one hop of many: 'us a step' is that hop, 'us a hop' the mean over all that it serves",
    )
    return Outcome(header, rows, results, notes)


def measure(
    ways: list[Way], rounds: int, generator: np.random.Generator
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Time every model, in an order shuffled for every round.

    Returns
    -------
    dict, name -> float64 array, shape (rounds x n, period)
        Microseconds of each hop of ours, a row for each time the model was asked.
    dict, name -> float64 array, shape (rounds,)
        Microseconds of a recomputed frame.
    """
    hops: dict[str, list[list[float]]] = {way.name: [] for way in ways}
    recomputed: dict[str, list[float]] = {way.name: [] for way in ways}
    longest = max(way.period for way in ways)
    for way in ways:
        for _ in range(_WARM_UP):
            way.recompute()
            for _ in range(way.period):
                way.hop()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for index in generator.permutation(len(ways)):
                way = ways[index]
                begun_ns = time.perf_counter_ns()
                way.recompute()
                recomputed[way.name].append((time.perf_counter_ns() - begun_ns) / 1e3)
                for _ in range(2 * longest // way.period):
                    row = []
                    for _ in range(way.period):
                        begun_ns = time.perf_counter_ns()
                        way.hop()
                        row.append((time.perf_counter_ns() - begun_ns) / 1e3)
                    hops[way.name].append(row)
    finally:
        gc.enable()
    return {name: np.array(rows) for name, rows in hops.items()}, {name: np.array(row) for name, row in recomputed.items()}


def make_way(recipe: SequencerRecipe, seed: int) -> Way:
    """Return a model of random weights both ways, checked to say the same after the same window."""
    from export.sequencer import to_onnx
    from patches.descriptors import DEFAULT_SPEC
    from patches.manifest import Model, Tensor
    from realtime.voices.forecaster import MultiStep, OneStep
    from realtime.voices.session import StatefulSession
    from training.sequencers.build import build_model

    model = build_model(recipe, DEFAULT_SPEC).eval()
    step = model.step_form()
    tensors = [
        tuple(Tensor(name, "float32", shape) for name, shape in shapes().items()) for shapes in (step.input_shapes, step.output_shapes)
    ]
    entry = Model("sequencer", "onnx", "sequencer.onnx", inputs=tensors[0], outputs=tensors[1], feedback=dict(step.FEEDBACK))
    content, size = to_onnx(step), len(DEFAULT_SPEC)
    session = StatefulSession(entry, content)
    random = np.random.default_rng(seed)
    window = random.standard_normal((1, recipe.window_size, size), dtype=np.float32)
    if model.multi_step:
        ours: Forecaster = MultiStep(session, entry.file, size)
        alone = StatefulSession(entry, content)
        alone.inputs["window"][:] = window

        def recompute() -> NDArray[np.float32]:
            alone.step()
            return alone.outputs["forecast"][0, 0]
    else:
        ours = OneStep(session, entry.file, size)
        recompute = _whole_window(model, window)
    for frame in window[0]:
        ours.hear(frame, 0.0, random)
    if recipe.selected_model in _ONE_STEP:
        _compare(recipe.selected_model, ours.next, recompute())
    period = _period(ours, window[0, 0], random) if model.multi_step else 1

    def hop() -> None:
        # It hears itself, as a deck that follows its sequencer does.
        ours.hear(ours.next, _TEMPERATURE, random)

    return Way(recipe.selected_model, hop, recompute, period, sum(weight.numel() for weight in model.parameters()))


def _period(ours: Any, frame: NDArray[np.float32], random: np.random.Generator) -> int:
    """Return how many hops one forecast serves, and leave the forecaster at the end of one, so that the next hop asks the model."""
    steps, asked = [], ours._session.step

    def counted() -> None:
        steps.append(hops)
        asked()

    ours._session.step = counted
    hops = 0
    while len(steps) < 3:
        ours.hear(frame, 0.0, random)
        hops += 1
    period = steps[2] - steps[1]
    for _ in range(period - 1):
        ours.hear(frame, 0.0, random)
    ours._session.step = asked
    return period


def _compare(name: str, cached: NDArray[np.float32], whole: NDArray[np.float32]) -> None:
    error = float(np.abs(cached - whole).max())
    if not error <= _TOLERANCE:
        raise UnequalStepsError(f"benchmark sequencer: {name}: cached and recomputed differ by {error:.3g}; their times are not shown")


def _whole_window(model: SequencerModel, window: NDArray[np.float32]) -> Callable[[], NDArray[np.float32]]:
    """Return a one-step model that runs its whole window for one frame, as ONNX: the seed's way."""
    import onnxruntime

    from export.sequencer import to_onnx
    from training.sequencers.steps import StepForm

    shapes = {
        "window": window.shape,
        "gumbel": (1, model.components),
        "normal": (1, 1, model.descriptors),
        "temperature": (1,),
    }

    class Whole(StepForm):
        OUTPUT = "next_frame"

        def input_shapes(self) -> dict[str, tuple[int, ...]]:
            return shapes

        def output_shapes(self) -> dict[str, tuple[int, ...]]:
            return {"next_frame": (1, model.descriptors)}

        def forward(self, window: torch.Tensor, gumbel: torch.Tensor, normal: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
            hidden = _hidden(self.sequencer, window)
            base, _ = self.sequencer.base(window, self.sequencer.fresh_state()[-1])
            mixture = self.sequencer.head(hidden.unsqueeze(2), base.unsqueeze(2))
            return self.sequencer.draw(mixture, gumbel, normal, temperature)[:, 0]

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(Whole(model)), settings, providers=["CPUExecutionProvider"])
    feeds = {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}
    feeds["window"] = window
    return lambda: session.run(None, feeds)[0][0]


def _hidden(model: SequencerModel, frames: torch.Tensor) -> torch.Tensor:
    """Return the hidden state after each frame of a fresh start, (1, W, H), without the empty caches of a stream."""
    import torch

    if type(model).__name__ != "TransformerEncoderOnlyModel":
        return model.run(frames, None)[0]
    from training.sequencers.attention import band

    length = frames.shape[1]
    x = torch.cat([frames, model.code[:length].unsqueeze(0)], dim=-1)
    seen = band(length, length, model.band)
    for layer in model.layers:
        x = layer(x, *layer.attention.keys_values(x), seen)
    return x
