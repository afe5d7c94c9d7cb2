"""The live query against what one would use instead: single queries, one thread, interleaved in one run.

The queries come in batches. Each engine answers the whole batch before the next engine does, in an order shuffled for every batch, so all
see the same machine at the same time. `UnitIndex` is asked as a deck asks it: with its previous answer as the hint.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import BenchmarkError, Outcome, Value, need
from realtime.voices.query import UnitIndex

COLUMNS = 39
_BANDS = 40
_DELTA_REACH = 4  # frames to each side, as librosa.feature.delta's default width of 9
_BATCH = 20
_CHECKED_EVERY = 10  # a float64 brute force takes 10 ms

_OURS = "starling"
_OTHERS = {
    "faiss_flat": "FAISS IndexFlatL2",
    "torch_cdist": "torch.cdist + argmin",
    "sklearn": "scikit-learn brute",
    "ckdtree": "scipy cKDTree",
}


class WrongAnswerError(BenchmarkError):
    """An engine's answer is not the nearest unit, so its time says nothing."""


def run(arguments: list[str]) -> Outcome:
    """Measure on texture-like descriptors (the required results) and on independent Gaussian numbers (keys `gaussian_…`).

    Parameters
    ----------
    arguments : list of str
        `--rows N` (50 000), `--queries N` (1000), `--seed N` (1).

    Raises
    ------
    MissingPackageError, WrongAnswerError
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks query")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    generator = np.random.default_rng(options.seed)
    descriptors = texture_descriptors(generator, options.rows + options.queries)
    normal = generator.standard_normal((options.rows + options.queries, COLUMNS)).astype(np.float32)
    rows: list[list[Value]] = []
    results: dict[str, Value] = {"rows": options.rows, "columns": COLUMNS, "queries": options.queries}
    for title, prefix, data in (("textures", "", descriptors), ("gaussian", "gaussian_", normal)):
        table, queries = np.ascontiguousarray(data[: options.rows]), np.ascontiguousarray(data[options.rows :])
        times = measure(table, queries, generator)
        middle = {name: float(np.percentile(values, 50)) for name, values in times.items()}
        for name, values in times.items():
            label = _OTHERS.get(name, name.replace("_", " "))
            rows.append([title, label, middle[name], float(np.percentile(values, 99)), middle[name] / middle[_OURS]])
        results[f"{prefix}p50_us"] = middle[_OURS]
        results[f"{prefix}p99_us"] = float(np.percentile(times[_OURS], 99))
        results |= {f"{prefix}ratio_{name}": middle[name] / middle[_OURS] for name in _OTHERS}
        results[f"{prefix}no_hint_p50_us"] = middle[f"{_OURS}_no_hint"]
        results[f"{prefix}k8_p50_us"] = middle[f"{_OURS}_k8"]
        # The first of a batch finds the caches as the other engines left them: what a query after a model step may meet.
        results[f"{prefix}first_of_batch_p50_us"] = float(np.percentile(times[_OURS][::_BATCH], 50))
    notes = (
        f"{options.rows} x {COLUMNS} float32, {options.queries} single queries, one thread, batches of {_BATCH};"
        f" every {_CHECKED_EVERY}th answer checked in float64",
    )
    return Outcome(("data", "engine", "p50 us", "p99 us", "over ours"), rows, results, notes)


def measure(table: NDArray[np.float32], queries: NDArray[np.float32], generator: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Time every engine on every query; `generator` shuffles their order.

    Returns
    -------
    dict of str to float64 array, microseconds per query
        `starling` (k = 1, hinted), `starling_no_hint`, `starling_k8` (hinted) and the others of `_OTHERS`.

    Raises
    ------
    MissingPackageError, WrongAnswerError
    """
    limits = need("query", "threadpoolctl").threadpool_limits
    engines = {**_our_engines(table, queries), **_other_engines(table, queries)}
    times = {name: np.zeros(len(queries)) for name in engines}
    answers = {name: np.zeros(len(queries), np.int64) for name in engines}
    # After all libraries are loaded: a limit reaches only the thread pools that exist.
    with limits(limits=1):
        for engine in engines.values():
            engine(0)
        gc.collect()
        gc.disable()
        try:
            for first in range(0, len(queries), _BATCH):
                for name in generator.permutation(list(engines)):
                    engine = engines[name]
                    for number in range(first, min(first + _BATCH, len(queries))):
                        begun_ns = time.perf_counter_ns()
                        answer = engine(number)
                        times[name][number] = (time.perf_counter_ns() - begun_ns) / 1000.0
                        answers[name][number] = int(answer)
        finally:
            gc.enable()
    for number in range(0, len(queries), _CHECKED_EVERY):
        _check(table, queries[number], {name: int(answers[name][number]) for name in engines})
    return times


def _our_engines(table: NDArray[np.float32], queries: NDArray[np.float32]) -> dict[str, Callable[[int], Any]]:
    index = UnitIndex(table)
    out_index, out_distance = np.zeros(8, np.int64), np.zeros(8)
    last = np.full(2, -1, np.int64)
    nothing = np.full(8, -1, np.int64)

    def hinted(number: int) -> Any:
        index.search(queries[number], 1, nothing, 0, -1, int(last[0]), out_index, out_distance)
        last[0] = out_index[0]
        return out_index[0]

    def unhinted(number: int) -> Any:
        index.search(queries[number], 1, nothing, 0, -1, -1, out_index, out_distance)
        return out_index[0]

    def eight(number: int) -> Any:
        index.search(queries[number], 8, nothing, 0, -1, int(last[1]), out_index, out_distance)
        last[1] = out_index[0]
        return out_index[0]

    return {_OURS: hinted, f"{_OURS}_no_hint": unhinted, f"{_OURS}_k8": eight}


def _other_engines(table: NDArray[np.float32], queries: NDArray[np.float32]) -> dict[str, Callable[[int], Any]]:
    faiss = need("query", "faiss")
    torch = need("query", "torch")
    neighbours = need("query", "sklearn.neighbors")
    spatial = need("query", "scipy.spatial")

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatL2(table.shape[1])
    flat.add(table)
    torch.set_num_threads(1)
    torch_table, torch_queries = torch.from_numpy(table), torch.from_numpy(queries)
    brute = neighbours.NearestNeighbors(n_neighbors=1, algorithm="brute", n_jobs=1).fit(table)
    tree = spatial.cKDTree(table)
    return {
        "faiss_flat": lambda number: flat.search(queries[number : number + 1], 1)[1][0, 0],
        "torch_cdist": lambda number: torch.cdist(torch_queries[number : number + 1], torch_table).argmin(dim=1)[0],
        "sklearn": lambda number: brute.kneighbors(queries[number : number + 1], return_distance=False)[0, 0],
        "ckdtree": lambda number: tree.query(queries[number])[1],
    }


def _check(table: NDArray[np.float32], query: NDArray[np.float32], answers: dict[str, int]) -> None:
    """Raise unless ours is the nearest of all in float64, and the others' are as near to float32's precision."""
    distances = ((table.astype(np.float64) - query) ** 2).sum(axis=1)
    nearest = int(distances.argmin())
    for name, answer in answers.items():
        right = answer == nearest if name.startswith(_OURS) else distances[answer] <= distances[nearest] + 1e-4 * (1.0 + (query**2).sum())
        if not right:
            raise WrongAnswerError(
                f"benchmark query: {name} answers unit {answer}, but unit {nearest} is the nearest; its times are not shown"
            )


def texture_descriptors(generator: np.random.Generator, frames: int) -> NDArray[np.float32]:
    """Return z-scored MFCC + Δ + ΔΔ of simulated texture recordings.

    The simulation is of log band energies, 40 mel-like bands, frames of 2048 samples every 1024: four classes of spectrum; in each
    recording of 1000 frames a smooth colour of its own, three slow modulations, bursts that decay, and the chi-squared scatter that the
    energy of a noise has in a band of few bins.

    Parameters
    ----------
    generator : numpy Generator
    frames : int

    Returns
    -------
    float32 array, shape (frames, 39)
    """
    recording_frames = 1000
    bins_per_band = np.maximum(2.0, 0.6 * np.exp(np.linspace(0.0, 4.5, _BANDS)))
    classes = _smooth(generator.standard_normal((4, _BANDS)), 6.0, axis=1) * 8.0
    cosines = np.sqrt(2.0 / _BANDS) * np.cos(np.pi * np.arange(13)[:, np.newaxis] * (np.arange(_BANDS) + 0.5) / _BANDS)
    recordings = []
    for number in range(-(-frames // recording_frames)):
        colour = classes[number % 4] + _smooth(generator.standard_normal(_BANDS), 4.0, axis=0) * 2.0
        energy = np.tile(colour, (recording_frames, 1))
        for spread_frames in (6.0, 30.0, 150.0):
            course = _smooth(generator.standard_normal(recording_frames), spread_frames, axis=0)
            energy += course[:, np.newaxis] * _smooth(generator.standard_normal(_BANDS), 4.0, axis=0) * 1.5
        bursts = np.convolve(generator.random(recording_frames) < 0.05 * (number % 4), 0.6 ** np.arange(12))[:recording_frames]
        energy += np.log1p(bursts)[:, np.newaxis] * _smooth(generator.standard_normal(_BANDS), 6.0, axis=0)
        # A Hann window at half overlap shares a sixth of its energy with the frame before.
        scatter = generator.chisquare(2.0 * bins_per_band, (recording_frames + 1, _BANDS)) / (2.0 * bins_per_band)
        energy += np.log(5.0 / 6.0 * scatter[1:] + 1.0 / 6.0 * scatter[:-1])
        cepstra = energy @ cosines.T
        slopes = _slope(cepstra)
        recordings.append(np.concatenate([cepstra, slopes, _slope(slopes)], axis=1))
    descriptors = np.concatenate(recordings)[:frames]
    return ((descriptors - descriptors.mean(axis=0)) / descriptors.std(axis=0)).astype(np.float32)


def _smooth(values: NDArray[np.float64], spread: float, axis: int) -> NDArray[np.float64]:
    """Blur along an axis by a Gaussian of the given spread, and bring the result back to unit variance."""
    reach = int(3 * spread)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    padding = [(0, 0)] * values.ndim
    padding[axis] = (reach, reach)
    blurred = np.apply_along_axis(np.convolve, axis, np.pad(values, padding, mode="symmetric"), weights, "valid")
    return blurred / np.sqrt((weights**2).sum())


def _slope(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the regression slope of each column over `_DELTA_REACH` frames to each side."""
    padded = np.pad(values, ((_DELTA_REACH, _DELTA_REACH), (0, 0)), mode="edge")
    offsets = np.arange(-_DELTA_REACH, _DELTA_REACH + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(offsets), axis=0)
    return windows @ (offsets / (offsets**2).sum())
