"""One live query over 50 000 x 42, and one path, by pytest-benchmark: `pytest tests/benchmarks_micro/bench_query.py`."""

import math

import numpy as np
import pytest

from realtime.voices.unit_path import MAXIMUM_CANDIDATES, UnitPath
from realtime.voices.unit_search import UnitSearch

ROWS, COLUMNS = 50_000, 42
ONES = np.ones(COLUMNS, np.float32)


def smooth_course(generator):
    """A slow walk of descriptors, each number leaning on the last frames."""
    course = generator.standard_normal((ROWS + 1000, COLUMNS))
    for column in range(COLUMNS):
        width = 1 + column % 13
        course[:, column] = np.convolve(course[:, column], np.full(width, width**-0.5), "same")
    return course.astype(np.float32)


def independent(generator):
    return generator.standard_normal((ROWS + 1000, COLUMNS)).astype(np.float32)


def make_search(table):
    return UnitSearch(table, ONES, np.full(len(table), -1, np.int16), 0, np.ones(len(table), np.float32))


@pytest.mark.parametrize("data", [smooth_course, independent])
@pytest.mark.parametrize("k", [1, 8, 32])
@pytest.mark.parametrize("turned", [False, True])
def test_search(benchmark, data, k, turned):
    rows = data(np.random.default_rng(1))
    search, queries = make_search(rows[:ROWS]), rows[ROWS:]
    weights = [ONES, np.repeat(np.array([0.5, 2.0, 1.0], np.float32), COLUMNS // 3)]
    out_index, out_distance = np.zeros(k, np.int64), np.zeros(k)
    state = {"number": 0, "hint": -1}

    def query():
        state["number"] = (state["number"] + 1) % len(queries)
        search.set_weights(weights[state["number"] % 2 if turned else 0])
        found = search.search(
            queries[state["number"]],
            k,
            now=0,
            natural=-1,
            hint=state["hint"],
            radius=math.inf,
            out_index=out_index,
            out_distance=out_distance,
        )
        state["hint"] = int(out_index[0])
        return found

    assert benchmark(query) == k


@pytest.mark.parametrize(("hops", "candidates"), [(2, 8), (4, 8), (8, 8), (8, 32)])
def test_path(benchmark, hops, candidates):
    generator = np.random.default_rng(2)
    rows = generator.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    follows = generator.random(ROWS) < 0.99
    follows[-1] = False
    path = UnitPath(COLUMNS)
    path.candidates[:] = generator.integers(0, ROWS - 10, path.candidates.shape)
    path.costs[:] = generator.random(path.costs.shape)
    path.counts[:] = candidates
    out = (np.zeros(MAXIMUM_CANDIDATES + 1, np.int64), np.zeros(MAXIMUM_CANDIDATES + 1))
    assert benchmark(path.choose, hops, rows, ONES, follows, 7, 1.0, *out) == candidates + 1


def test_build(benchmark):
    table = independent(np.random.default_rng(1))[:ROWS]
    benchmark.pedantic(make_search, args=(table,), rounds=3, iterations=1)
