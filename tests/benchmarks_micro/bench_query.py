"""One live query over 50 000 x 39, by pytest-benchmark: `pytest tests/benchmarks_micro/bench_query.py`."""

import numpy as np
import pytest

from realtime.voices.query import UnitIndex, blend_targets

ROWS, COLUMNS = 50_000, 39
NO_BANS = np.full(16, -1, np.int64)


def smooth_course(generator):
    """A slow walk of descriptors, each number leaning on the last frames."""
    course = generator.standard_normal((ROWS + 1000, COLUMNS))
    for column in range(COLUMNS):
        width = 1 + column % 13
        course[:, column] = np.convolve(course[:, column], np.full(width, width**-0.5), "same")
    return course.astype(np.float32)


def independent(generator):
    return generator.standard_normal((ROWS + 1000, COLUMNS)).astype(np.float32)


@pytest.mark.parametrize("data", [smooth_course, independent])
@pytest.mark.parametrize("k", [1, 8])
def test_search(benchmark, data, k):
    rows = data(np.random.default_rng(1))
    index, queries = UnitIndex(rows[:ROWS]), rows[ROWS:]
    out_index, out_distance = np.zeros(k, np.int64), np.zeros(k)
    state = {"number": 0, "hint": -1}

    def search():
        state["number"] = (state["number"] + 1) % len(queries)
        found = index.search(queries[state["number"]], k, NO_BANS, 2, -1, state["hint"], out_index, out_distance)
        state["hint"] = int(out_index[0])
        return found

    assert benchmark(search) == k


def test_blend_targets(benchmark):
    target, continuation, out = np.zeros(COLUMNS, np.float32), np.ones(COLUMNS, np.float32), np.zeros(COLUMNS, np.float32)
    benchmark(blend_targets, target, continuation, 1.0, out)
    assert out[0] == 0.5


def test_build(benchmark):
    table = independent(np.random.default_rng(1))[:ROWS]
    benchmark.pedantic(UnitIndex, args=(table,), rounds=3, iterations=1)
