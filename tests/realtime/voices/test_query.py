"""The index must give what a float64 brute force gives: the same units, the same distances to the bit, whatever the numbers are."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

from realtime.voices import query_kernel, query_vector
from realtime.voices.query import MAXIMUM_FOUND, QueryShapeError, UnitIndex, UnitTableError, blend_targets
from realtime.voices.query_vector import GROUP, LANES, SATURATED

NO_BANS = np.full(4, -1, np.int64)


def brute_force(table, query, k, banned=NO_BANS, ban_radius=0, allowed=-1):
    """Every distance in float64, columns added in order; then bans; then by distance and unit number."""
    distances = np.zeros(len(table))
    for column in range(table.shape[1]):
        distances += (query[column].astype(np.float64) - table[:, column].astype(np.float64)) ** 2
    units = np.arange(len(table))
    refused = np.zeros(len(table), bool)
    for unit in banned[banned >= 0]:
        refused |= np.abs(units - unit) <= ban_radius
    refused &= units != allowed
    order = np.lexsort((units, distances))
    order = order[~refused[order]][:k]
    return order, distances[order]


def ask(index, query, k, banned=NO_BANS, ban_radius=0, allowed=-1, hint=-1):
    out_index, out_distance = np.full(MAXIMUM_FOUND, -7, np.int64), np.full(MAXIMUM_FOUND, np.nan)
    found = index.search(query, k, banned, ban_radius, allowed, hint, out_index, out_distance)
    assert (out_index[found:] == -7).all()
    return out_index[:found], out_distance[:found]


def assert_same(answer, expected):
    np.testing.assert_array_equal(answer[0], expected[0])
    np.testing.assert_array_equal(answer[1], expected[1])


def textures(generator, rows, columns):
    """Clusters with a few wide directions: what descriptors look like, so that blocks are left out and left early."""
    centres = generator.standard_normal((8, columns)) * 3.0
    mixing = generator.standard_normal((columns, columns)) * np.exp(-np.arange(columns) / 8.0)[:, np.newaxis]
    return (centres[generator.integers(8, size=rows)] + generator.standard_normal((rows, columns)) @ mixing).astype(np.float32)


@pytest.mark.parametrize("columns", [1, 3, 39, 42])
@pytest.mark.parametrize("rows", [1, 2, 63, 64, 65, 1000, 20_000])
def test_equals_brute_force(rows, columns):
    generator = np.random.default_rng(rows * 100 + columns)
    for kind in (textures(generator, rows, columns), generator.standard_normal((rows, columns)).astype(np.float32)):
        index = UnitIndex(kind)
        for turn in range(6):
            query = kind[generator.integers(rows)] + np.float32(0.1 * turn) * generator.standard_normal(columns).astype(np.float32)
            for k in (1, 2, 8, MAXIMUM_FOUND):
                assert_same(ask(index, query, k), brute_force(kind, query, k))


def test_more_shelves_than_one_and_a_ragged_end():
    rows = LANES * LANES + LANES + 1
    table = textures(np.random.default_rng(0), rows, 5)
    index = UnitIndex(table)
    for unit in (0, 1, rows // 2, rows - 1):
        assert_same(ask(index, table[unit], 3), brute_force(table, table[unit], 3))


def test_ties_go_to_the_lower_unit():
    generator = np.random.default_rng(1)
    table = generator.integers(-2, 3, (3000, 4)).astype(np.float32)
    index = UnitIndex(table)
    for _ in range(50):
        query = generator.integers(-2, 3, 4).astype(np.float32)
        for k in (1, 8, 32):
            answer = ask(index, query, k, hint=int(generator.integers(3000)))
            assert_same(answer, brute_force(table, query, k))
    assert len(np.unique(answer[1])) < len(answer[1])


TABLES = {
    "all rows the same": lambda g: np.full((500, 7), 2.5, np.float32),
    "all zero": lambda g: np.zeros((130, 3), np.float32),
    "constant columns": lambda g: textures(g, 3000, 12) * (np.arange(12) % 3 == 0).astype(np.float32),
    "one row differs": lambda g: np.where(np.arange(2000)[:, None] == 1234, 1.0, 0.0).repeat(5, axis=1).astype(np.float32),
    "two values": lambda g: g.choice([-1.0, 1.0], (2000, 40)).astype(np.float32),
    "scales far apart": lambda g: (g.standard_normal((3000, 9)) * 10.0 ** np.linspace(-9, 9, 9)).astype(np.float32),
    "an outlier": lambda g: np.concatenate([g.standard_normal((2999, 6)), np.full((1, 6), 1e9)]).astype(np.float32),
    "heavy tails": lambda g: g.standard_cauchy((3000, 8)).astype(np.float32),
    "largest": lambda g: (g.uniform(-1, 1, (500, 8)) * 3.4e38).astype(np.float32),
    "denormal": lambda g: (g.integers(-50, 50, (500, 8)) * 1.4e-45).astype(np.float32),
    "far from zero": lambda g: (1e6 + g.standard_normal((3000, 10))).astype(np.float32),
    "128 columns": lambda g: g.standard_normal((1000, 128)).astype(np.float32),
}


@pytest.mark.parametrize("name", TABLES)
def test_awkward_tables(name):
    generator = np.random.default_rng(2)
    table = TABLES[name](generator)
    index = UnitIndex(table)
    spread = np.ptp(table.astype(np.float64), axis=0)
    for turn in range(20):
        unit = int(generator.integers(len(table)))
        wanted = table[unit] + generator.uniform(-0.2, 0.2, table.shape[1]) * spread * (turn % 4)
        query = np.clip(wanted, -3.4e38, 3.4e38).astype(np.float32)
        assert_same(ask(index, query, 5, hint=unit), brute_force(table, query, 5))


@pytest.mark.parametrize("away", [10.0, 1e2, 1e3, 1e4, 1e6, 1e9, 1e20, 3e38])
def test_queries_far_away(away):
    generator = np.random.default_rng(3)
    table = textures(generator, 3000, 20)
    index = UnitIndex(table)
    for _ in range(5):
        direction = generator.standard_normal(20)
        query = (away * direction / np.abs(direction).max()).astype(np.float32)
        assert_same(ask(index, query, 4), brute_force(table, query, 4))


def test_bans_and_the_allowed_unit():
    generator = np.random.default_rng(4)
    table = textures(generator, 2000, 10)
    index = UnitIndex(table)
    for turn in range(40):
        unit = int(generator.integers(2000))
        banned = np.array([unit, -1, unit + 3, int(generator.integers(2000)), -1], np.int64)
        for radius in (0, 2, 50):
            for allowed in (-1, unit, unit + 1):
                expected = brute_force(table, table[unit], 8, banned, radius, allowed)
                assert_same(ask(index, table[unit], 8, banned, radius, allowed, hint=unit), expected)
                assert (unit in expected[0]) == (allowed == unit), turn


def test_an_empty_slot_bans_nothing_near_zero():
    table = np.arange(100, dtype=np.float32)[:, np.newaxis]
    assert_same(ask(UnitIndex(table), table[0], 3, NO_BANS, 50), (np.array([0, 1, 2]), np.array([0.0, 1.0, 4.0])))


def test_everything_banned_finds_nothing_and_nearly_everything_what_is_left():
    table = textures(np.random.default_rng(5), 1000, 6)
    index = UnitIndex(table)
    banned = np.array([500], np.int64)
    assert len(ask(index, table[0], 4, banned, 1000)[0]) == 0
    assert_same(ask(index, table[0], 4, banned, 1000, allowed=7), brute_force(table, table[0], 4, banned, 1000, 7))
    assert_same(ask(index, table[0], 4, banned, 498), brute_force(table, table[0], 4, banned, 498))
    assert ask(index, table[0], 4, banned, 498)[0].tolist() == sorted([0, 1, 999], key=lambda u: ((table[u] - table[0]) ** 2).sum())


def test_a_hint_never_changes_the_answer():
    generator = np.random.default_rng(6)
    table = textures(generator, 1500, 15)
    index = UnitIndex(table)
    query = generator.standard_normal(15).astype(np.float32)
    expected = brute_force(table, query, 6)
    for hint in (-1, 0, 700, 1499, 1500, 10**12, -(10**12), int(expected[0][0])):
        assert_same(ask(index, query, 6, hint=hint), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_query_that_is_not_finite_is_near_nothing(bad):
    table = textures(np.random.default_rng(7), 300, 5)
    index = UnitIndex(table)
    query = table[0].copy()
    query[3] = bad
    assert len(ask(index, query, 3)[0]) == 0
    assert_same(ask(index, table[0], 3), brute_force(table, table[0], 3))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 400),
    columns=st.integers(1, 20),
    k=st.integers(1, MAXIMUM_FOUND),
    scale=st.sampled_from([1e-40, 1e-3, 1.0, 1e4, 1e30]),
    levels=st.sampled_from([0, 2, 5, 50]),
    radius=st.integers(0, 30),
    away=st.sampled_from([0.0, 0.5, 5.0, 500.0]),
)
def test_any_table_any_query(seed, rows, columns, k, scale, levels, radius, away):
    generator = np.random.default_rng(seed)
    table = generator.integers(0, levels, (rows, columns)) if levels else generator.standard_normal((rows, columns))
    table = (table * scale * 10.0 ** generator.integers(-2, 3, columns)).astype(np.float32)
    query = (table[generator.integers(rows)] + away * scale * generator.standard_normal(columns)).astype(np.float32)
    banned = generator.integers(-1, rows, 4)
    allowed, hint = generator.integers(-1, rows, 2).tolist()
    expected = brute_force(table, query, k, banned, radius, allowed)
    assert_same(ask(UnitIndex(table), query, k, banned, radius, allowed, hint), expected)


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("table", "failed"),
    [
        (np.zeros((0, 3), np.float32), "shape"),
        (np.zeros((3, 0), np.float32), "shape"),
        (np.zeros((3, 129), np.float32), "shape"),
        (np.zeros(3, np.float32), "shape"),
        (np.zeros((3, 3)), "type"),
        ([[1.0]], "type"),
        (np.array([[0.0, 1.0], [2.0, np.nan]], np.float32), "value in row 1, column 1"),
        (np.array([[0.0, np.inf]], np.float32), "value in row 0, column 1"),
    ],
)
def test_tables_that_cannot_be_searched(table, failed):
    with pytest.raises(UnitTableError, match=failed) as caught:
        UnitIndex(table)
    assert caught.value.allowed


def test_the_table_is_copied():
    table = textures(np.random.default_rng(8), 200, 4)
    kept = table.copy()
    index = UnitIndex(table)
    table[:] = 0.0
    assert_same(ask(index, kept[9], 3), brute_force(kept, kept[9], 3))


def test_arrays_that_do_not_fit():
    index = UnitIndex(np.zeros((5, 3), np.float32))
    query, units, distances = np.zeros(3, np.float32), np.zeros(4, np.int64), np.zeros(4)
    with pytest.raises(QueryShapeError, match="query length: got 2"):
        index.search(query[:2], 1, NO_BANS, 0, -1, -1, units, distances)
    for k in (0, -1, MAXIMUM_FOUND + 1):
        with pytest.raises(QueryShapeError, match=f"k: got {k}"):
            index.search(query, k, NO_BANS, 0, -1, -1, units, distances)
    with pytest.raises(QueryShapeError, match="output length: got 4"):
        index.search(query, 5, NO_BANS, 0, -1, -1, units, np.zeros(32))
    with pytest.raises(TypeError):
        index.search(query.astype(np.float64), 1, NO_BANS, 0, -1, -1, units, distances)


# ------------------------------------------------------------------------------------------------- no allocation


@njit
def search_many(times, query, banned, out_index, out_distance, arrays):
    found = 0
    for _ in range(times):
        found += query_kernel.search_units(query, 8, banned, 2, 5, 9, out_index, out_distance, *arrays)
    return found


def test_the_kernel_allocates_nothing():
    index = UnitIndex(textures(np.random.default_rng(9), 5000, 39))
    arguments = (np.ones(39, np.float32), np.array([3, -1], np.int64), np.zeros(8, np.int64), np.zeros(8), index._arrays)
    assert search_many(1, *arguments) == 8
    _nrt_python.memsys_enable_stats()
    try:
        allocations = []
        for times in (1, 100):
            before = rtsys.get_allocation_stats()
            search_many(times, *arguments)
            after = rtsys.get_allocation_stats()
            allocations.append((after.alloc - before.alloc, after.mi_alloc - before.mi_alloc))
    finally:
        _nrt_python.memsys_disable_stats()
    # What Numba allocates to take the arrays in, once per call from Python, and nothing per search.
    assert allocations[0] == allocations[1]


def test_a_search_leaves_no_python_objects():
    index = UnitIndex(textures(np.random.default_rng(10), 5000, 39))
    query, out_index, out_distance = np.ones(39, np.float32), np.zeros(8, np.int64), np.zeros(8)
    index.search(query, 8, NO_BANS, 2, -1, -1, out_index, out_distance)
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(1000):
            index.search(query, 8, NO_BANS, 2, -1, -1, out_index, out_distance)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The call's own tuple and numbers: 1376 bytes measured, however many searches.
    assert peak - before < 2048


# -------------------------------------------------------------------------------------- compiled equals plain Python


@njit
def run_vector_operations(codes, boxes, target, sums, bounds, limit):
    masks = np.zeros(6, np.uint64)
    for axis in range(0, 2 * GROUP, GROUP):
        masks[axis // GROUP] = query_vector.add_squares(codes, LANES * axis, target, axis, sums, LANES, limit)
        query_vector.add_box_squares(boxes, 2 * LANES * axis, target, axis, bounds, LANES)
    masks[2] = query_vector.lanes_within(bounds, LANES, limit)
    masks[3] = query_vector.lanes_within(sums, 0, limit)
    masks[4] = query_vector.lowest_lane(np.uint64(1) << np.uint64(63))
    masks[5] = query_vector.lowest_lane(np.uint64(0b101000))
    return masks


@pytest.mark.parametrize("limit", [0, 500, 40_000, SATURATED])
@pytest.mark.parametrize("width", [10, 60, 256])
def test_vector_operations_equal_their_plain_forms(limit, width):
    generator = np.random.default_rng(limit + width)
    codes = generator.integers(0, width, 2 * GROUP * LANES).astype(np.uint8)
    edges = np.sort(generator.integers(0, width, (2 * GROUP, 2, LANES)), axis=1).astype(np.uint8).reshape(-1)
    target = generator.integers(0, width, 2 * GROUP).astype(np.int16)
    results = []
    for function in (run_vector_operations, run_vector_operations.py_func):
        sums, bounds = np.full(3 * LANES, 77, np.uint16), np.full(3 * LANES, 77, np.uint16)
        results.append((function(codes, edges, target, sums, bounds, limit), sums, bounds))
    for compiled, plain in zip(*results, strict=True):
        np.testing.assert_array_equal(compiled, plain)
    expected = ((codes.reshape(-1, LANES).astype(np.int64) - target[:, np.newaxis]) ** 2).sum(axis=0)
    np.testing.assert_array_equal(results[0][1], np.concatenate([np.full(LANES, 77), np.minimum(expected, SATURATED), np.full(LANES, 77)]))
    assert results[0][0][4:].tolist() == [63, 3]


def test_search_equals_its_plain_form():
    generator = np.random.default_rng(11)
    index = UnitIndex(textures(generator, 150, 9))
    banned = np.array([20, -1], np.int64)
    for kernel in (query_kernel.encode_query, query_kernel.code_limit, query_kernel.is_refused, query_kernel.insert_sorted):
        assert callable(kernel.py_func)
    for turn in range(10):
        query = (generator.standard_normal(9) * 3.0**turn * 0.1).astype(np.float32)
        results = []
        for function in (query_kernel.search_units, query_kernel.search_units.py_func):
            out_index, out_distance = np.zeros(4, np.int64), np.zeros(4)
            found = function(query, 4, banned, 5, 21, turn, out_index, out_distance, *index._arrays)
            results.append((found, out_index.tolist(), out_distance.tolist()))
        assert results[0] == results[1]


def test_small_kernels_equal_their_plain_forms():
    generator = np.random.default_rng(12)
    index = UnitIndex(textures(generator, 500, 9))
    rotation, centre, reach, scale, *_ = index._arrays
    for turn in range(10):
        query = (generator.standard_normal(9) * 3.0**turn * 0.1).astype(np.float32)
        encoded = []
        for function in (query_kernel.encode_query, query_kernel.encode_query.py_func):
            rotated, target = np.zeros(16), np.zeros(16, np.int16)
            encoded.append((*function(query, rotation, centre, reach, scale, rotated, target), target.tolist()))
        np.testing.assert_allclose(encoded[0][:2], encoded[1][:2], rtol=1e-12)
        assert encoded[0][2] == encoded[1][2]
        excess, error, _ = encoded[0]
        for distance in (0.0, 0.3, 1e6):
            assert query_kernel.code_limit(distance, scale[0], excess, error) == query_kernel.code_limit.py_func(
                distance, scale[0], excess, error
            )
    banned = np.array([-1, 10], np.int64)
    for unit in range(20):
        refused = query_kernel.is_refused(unit, banned, 2, 11)
        assert refused == query_kernel.is_refused.py_func(unit, banned, 2, 11) == (unit in (8, 9, 10, 12))


# --------------------------------------------------------------------------------------- two costs as one query


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0, 7.0])
def test_blended_target_ranks_as_the_two_costs_do(weight):
    generator = np.random.default_rng(13)
    table = textures(generator, 2000, 12)
    index = UnitIndex(table)
    for _ in range(10):
        target, continuation, point = table[generator.integers(2000)] + 0.5, table[generator.integers(2000)], np.zeros(12, np.float32)
        blend_targets(target, continuation, weight, point)
        costs = ((table - target.astype(np.float64)) ** 2).sum(axis=1) + weight * ((table - continuation.astype(np.float64)) ** 2).sum(
            axis=1
        )
        np.testing.assert_array_equal(ask(index, point, 8)[0], np.argsort(costs)[:8])
        plain = np.zeros(12, np.float32)
        blend_targets.py_func(target, continuation, weight, plain)
        np.testing.assert_array_equal(point, plain)


def test_blended_target_at_its_ends_and_in_place():
    target, continuation = np.array([1.0, -2.0], np.float32), np.array([5.0, 6.0], np.float32)
    out = np.zeros(2, np.float32)
    blend_targets(target, continuation, 0.0, out)
    np.testing.assert_array_equal(out, target)
    blend_targets(target, continuation, 1.0, target)
    np.testing.assert_array_equal(target, [3.0, 2.0])
