"""The search must give what a plain float64 loop gives: the same units, the same costs to the bit, whatever is turned."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.runtime import rtsys

from realtime.voices import unit_blocks, unit_dials, unit_scan, unit_search, unit_vector
from realtime.voices.unit_search import EXACT_LIMIT, MAXIMUM_FOUND, QueryShapeError, UnitSearch, UnitTableError
from realtime.voices.unit_vector import GROUP, LANES


def unlabelled(rows):
    return np.full(rows, -1, np.int16)


def as_they_are(rows):
    return np.ones(rows, np.float32)


def plain(table, weights=None, ivf=None):
    """A search without labels, its columns weighing 1."""
    weights = np.ones(table.shape[1], np.float32) if weights is None else weights
    return UnitSearch(table, weights, unlabelled(len(table)), 0, as_they_are(len(table)), ivf)


def oracle(table, query, k, weights=None, favour=None, refused=None, radius=math.inf):
    """Every distance in float64, columns added in order, over the favour; then refusals; then by cost and unit number."""
    weights = np.ones(table.shape[1]) if weights is None else weights.astype(np.float64)
    favour = np.ones(len(table)) if favour is None else favour
    distances = np.zeros(len(table))
    for column in range(table.shape[1]):
        distances += weights[column] * (query[column].astype(np.float64) - table[:, column].astype(np.float64)) ** 2
    total = 0.0
    for weight in weights:
        total += weight
    allowed = (favour > 0.0) & (distances <= radius * radius * total)
    if refused is not None and (allowed & ~refused).any():
        allowed &= ~refused
    costs = distances / np.where(favour > 0.0, favour, 1.0)
    order = np.lexsort((np.arange(len(table)), costs))
    order = order[allowed[order]][:k]
    return order, costs[order]


def ask(search, query, k, now=0, natural=-1, hint=-1, radius=math.inf):
    out_index, out_distance = np.full(MAXIMUM_FOUND, -7, np.int64), np.full(MAXIMUM_FOUND, np.nan)
    found = search.search(query, k, now=now, natural=natural, hint=hint, radius=radius, out_index=out_index, out_distance=out_distance)
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


def some_weights(generator, columns):
    """Weights as a performer leaves them: some nothing, some much."""
    weights = (generator.random(columns) * 4.0 * (generator.random(columns) < 0.8)).astype(np.float32)
    weights[generator.integers(columns)] = 1.0
    return weights


# ------------------------------------------------------------------------------------------------------- exactness


@pytest.mark.parametrize("columns", [1, 3, 39, 42])
@pytest.mark.parametrize("rows", [1, 2, 63, 64, 65, 1000, 20_000])
def test_equals_a_plain_loop(rows, columns):
    generator = np.random.default_rng(rows * 100 + columns)
    for table in (textures(generator, rows, columns), generator.standard_normal((rows, columns)).astype(np.float32)):
        search = plain(table)
        for turn in range(5):
            query = table[generator.integers(rows)] + np.float32(0.1 * turn) * generator.standard_normal(columns).astype(np.float32)
            weights = some_weights(generator, columns)
            assert search.set_weights(weights)
            for k in (1, 8, MAXIMUM_FOUND):
                assert_same(ask(search, query, k), oracle(table, query, k, weights))


def test_more_shelves_than_one_and_a_ragged_end():
    rows = LANES * LANES + LANES + 1
    table = textures(np.random.default_rng(0), rows, 5)
    search = plain(table)
    for unit in (0, 1, rows // 2, rows - 1):
        assert_same(ask(search, table[unit], 3), oracle(table, table[unit], 3))


def test_ties_go_to_the_lower_unit():
    generator = np.random.default_rng(1)
    table = generator.integers(-2, 3, (3000, 4)).astype(np.float32)
    search = plain(table)
    for _ in range(50):
        query = generator.integers(-2, 3, 4).astype(np.float32)
        for k in (1, 8, 32):
            answer = ask(search, query, k, hint=int(generator.integers(3000)))
            assert_same(answer, oracle(table, query, k))
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
    "mostly unvoiced": lambda g: np.where(g.random((3000, 2)) < 0.7, 0.0, g.standard_normal((3000, 2))).astype(np.float32),
}


@pytest.mark.parametrize("name", TABLES)
def test_awkward_tables(name):
    generator = np.random.default_rng(2)
    table = TABLES[name](generator)
    search = plain(table)
    spread = np.ptp(table.astype(np.float64), axis=0)
    for turn in range(20):
        unit = int(generator.integers(len(table)))
        wanted = table[unit] + generator.uniform(-0.2, 0.2, table.shape[1]) * spread * (turn % 4)
        query = np.clip(wanted, -3.4e38, 3.4e38).astype(np.float32)
        weights = some_weights(generator, table.shape[1])
        search.set_weights(weights)
        assert_same(ask(search, query, 5, hint=unit), oracle(table, query, 5, weights))


@pytest.mark.parametrize("away", [10.0, 1e2, 1e3, 1e4, 1e6, 1e9, 1e20, 3e38])
def test_queries_far_away(away):
    generator = np.random.default_rng(3)
    table = textures(generator, 3000, 20)
    search = plain(table)
    for _ in range(5):
        direction = generator.standard_normal(20)
        query = (away * direction / np.abs(direction).max()).astype(np.float32)
        assert_same(ask(search, query, 4), oracle(table, query, 4))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 400),
    columns=st.integers(1, 20),
    k=st.integers(1, MAXIMUM_FOUND),
    scale=st.sampled_from([1e-40, 1e-3, 1.0, 1e4, 1e30]),
    levels=st.sampled_from([0, 2, 5, 50]),
    labels=st.integers(0, 5),
    away=st.sampled_from([0.0, 0.5, 5.0, 500.0]),
    radius=st.sampled_from([0.0, 0.3, 2.0, math.inf]),
    listed=st.booleans(),
)
def test_any_table_anything_turned(seed, rows, columns, k, scale, levels, labels, away, radius, listed):
    generator = np.random.default_rng(seed)
    table = generator.integers(0, levels, (rows, columns)) if levels else generator.standard_normal((rows, columns))
    table = (table * scale * 10.0 ** generator.integers(-2, 3, columns)).astype(np.float32)
    query = (table[generator.integers(rows)] + away * scale * generator.standard_normal(columns)).astype(np.float32)
    label_index = generator.integers(-1, labels, rows).astype(np.int16) if labels else unlabelled(rows)
    unit_weight = generator.choice(np.array([0.0, 0.5, 1.0, 1.0, 2.0], np.float32), rows)
    unit_weight[generator.integers(rows)] = 1.0
    with pytest.MonkeyPatch.context() as patch:
        if listed:
            patch.setattr(unit_search, "EXACT_LIMIT", 0)
            patch.setattr(unit_search, "BUDGET_GROUPS", 10**9)
        members = generator.integers(0, 7, rows)
        ivf = (np.zeros((7, columns), np.float32), np.searchsorted(np.sort(members), np.arange(8)), np.argsort(members, kind="stable"))
        search = UnitSearch(table, np.ones(columns, np.float32), label_index, labels, unit_weight, ivf)
        assert (len(search._blocks.list_labels) > 0) == listed
        weights = some_weights(generator, columns)
        assert search.set_weights(weights)
        label_weights = generator.choice([0.0, 0.25, 1.0], labels)
        favour = unit_weight.astype(np.float64) * np.append(label_weights, 1.0)[label_index]
        if not search.set_label_weights(label_weights):
            assert not (favour > 0.0).any()
            favour = unit_weight.astype(np.float64)
        now, refused = 10, np.zeros(rows, bool)
        natural, hint = generator.integers(-1, rows, 2).tolist()
        for unit in generator.integers(0, rows, generator.integers(0, 6)):
            until, neighbours = int(generator.integers(8, 13)), int(generator.integers(0, 20))
            search.played(int(unit), until, neighbours)
            refused[max(unit - neighbours, 0) : unit + neighbours + 1] |= until > now
        if natural >= 0:
            refused[natural] = False
        assert_same(ask(search, query, k, now, natural, hint, radius), oracle(table, query, k, weights, favour, refused, radius))


# --------------------------------------------------------------------------------------------------- what is turned


def test_turning_weights_equals_a_search_built_with_them():
    generator = np.random.default_rng(4)
    table = textures(generator, 2000, 42)
    turned = plain(table)
    for _ in range(10):
        weights = some_weights(generator, 42)
        assert turned.set_weights(weights)
        assert_same(ask(turned, table[77], 8), ask(plain(table, weights), table[77], 8))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_weights_that_say_nothing_leave_the_last_ones(bad):
    generator = np.random.default_rng(5)
    table = textures(generator, 500, 6)
    weights = some_weights(generator, 6)
    search = plain(table, weights)
    wrong = np.zeros(6, np.float32)
    wrong[2] = bad
    assert not search.set_weights(wrong)
    assert not search.set_weights(np.ones(5, np.float32))
    assert_same(ask(search, table[3], 4), oracle(table, table[3], 4, weights))
    assert search.set_weights(weights)


def test_distances_are_normalised_so_the_loudest_column_decides_nothing():
    """Facts 1.5, 4: in raw numbers mfcc0, hundreds of units wide, swamps all others."""
    generator = np.random.default_rng(6)
    raw = generator.standard_normal((1000, 13)) * np.array([200.0, *[1.0] * 12])
    query = raw[10] + np.array([150.0, *[0.0] * 12])
    assert ((raw - query) ** 2).sum(axis=1).argmin() != 10
    table = ((raw - raw.mean(axis=0)) / raw.std(axis=0)).astype(np.float32)
    scaled = ((query - raw.mean(axis=0)) / raw.std(axis=0)).astype(np.float32)
    assert ask(plain(table), scaled, 1)[0].tolist() == [10]


def test_a_label_that_is_off_and_one_that_must_be_nearer():
    table = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
    search = UnitSearch(table, np.ones(1, np.float32), np.array([0, 1, 2, -1], np.int16), 3, as_they_are(4))
    query = np.zeros(1, np.float32)
    assert ask(search, query, 4)[0].tolist() == [0, 1, 2, 3]
    assert search.set_label_weights(np.array([0.0, 1.0, 1.0]))
    assert ask(search, query, 4)[0].tolist() == [1, 2, 3]
    # 4 / 0.25 = 16 is as far as the unit without a label: the lower number first.
    assert search.set_label_weights(np.array([0.0, 0.25, 1.0]))
    assert_same(ask(search, query, 4), (np.array([2, 1, 3]), np.array([9.0, 16.0, 16.0])))


def test_labels_that_leave_no_unit_are_ignored():
    table = np.array([[1.0], [2.0]], np.float32)
    search = UnitSearch(table, np.ones(1, np.float32), np.array([0, 1], np.int16), 3, np.array([1.0, 0.0], np.float32))
    query = np.zeros(1, np.float32)
    assert search.set_label_weights(np.array([1.0, 0.0, 0.0]))
    for _ in range(2):
        assert not search.set_label_weights(np.zeros(3))
        # Label 1 has a unit, but one that is left out for ever; label 2 has none.
        assert not search.set_label_weights(np.array([0.0, 1.0, 1.0]))
    for bad in (np.array([np.nan, 1.0, 1.0]), np.array([-1.0, 1.0, 1.0]), np.ones(2)):
        assert not search.set_label_weights(bad)
    assert ask(search, query, 2)[0].tolist() == [0]
    assert search.set_label_weights(np.ones(3))


def test_more_labels_than_bits():
    generator = np.random.default_rng(7)
    table = textures(generator, 4000, 6)
    label_index = (np.arange(4000) // 20).astype(np.int16)
    search = UnitSearch(table, np.ones(6, np.float32), label_index, 200, as_they_are(4000))
    for label in (0, 62, 63, 126, 199):
        assert search.set_label_weights((np.arange(200) == label).astype(np.float32))
        favour = (label_index == label).astype(np.float64)
        assert_same(ask(search, table[5], 32), oracle(table, table[5], 32, favour=favour))


def test_taboo_ends_at_its_step_and_never_holds_the_natural_continuation():
    table = np.arange(10, dtype=np.float32)[:, np.newaxis]
    search = plain(table)
    search.played(4, 20, 1)
    assert ask(search, table[4], 2, now=19)[0].tolist() == [2, 6]
    assert ask(search, table[4], 2, now=19, natural=5)[0].tolist() == [5, 2]
    assert ask(search, table[4], 2, now=20)[0].tolist() == [4, 3]
    search.played(4, 5, 9)  # an earlier end does not shorten a later one
    assert ask(search, table[4], 1, now=19)[0].tolist() == [2]
    search.forget()
    assert ask(search, table[4], 1, now=19)[0].tolist() == [4]


def test_where_all_is_taboo_the_nearest_of_all_is_found():
    table = np.arange(10, dtype=np.float32)[:, np.newaxis]
    search = plain(table)
    search.played(0, 100, 1000)
    assert ask(search, table[3], 3)[0].tolist() == [3, 2, 4]
    assert ask(search, table[3], 3, natural=9)[0].tolist() == [9]
    # What is too far is not found for being taboo.
    assert len(ask(search, np.array([50.0], np.float32), 3, radius=2.0)[0]) == 0


def test_played_outside_the_table_is_nothing():
    table = np.arange(5, dtype=np.float32)[:, np.newaxis]
    search = plain(table)
    for unit in (-1, -100, 5, 10**12):
        search.played(unit, 100, 0)
    assert ask(search, table[4], 1)[0].tolist() == [4]
    assert ask(search, table[0], 1)[0].tolist() == [0]


def test_radius_is_in_standard_deviations_whatever_the_weights():
    table = np.array([[0.0, 0.0], [0.5, 0.5], [2.0, 2.0]], np.float32)
    search = plain(table)
    query = np.zeros(2, np.float32)
    for weights in ([1.0, 1.0], [7.0, 7.0], [0.0, 3.0]):
        search.set_weights(np.array(weights, np.float32))
        assert ask(search, query, 3, radius=0.51)[0].tolist() == [0, 1]
        assert ask(search, query, 3, radius=0.49)[0].tolist() == [0]
        assert ask(search, query, 3, radius=0.0)[0].tolist() == [0]
        assert ask(search, query, 3, radius=math.inf)[0].tolist() == [0, 1, 2]


def test_hints_and_natural_units_never_change_an_exact_answer():
    generator = np.random.default_rng(8)
    table = textures(generator, 1500, 15)
    search = plain(table)
    query = generator.standard_normal(15).astype(np.float32)
    expected = oracle(table, query, 6)
    for hint in (-1, 0, 700, 1499, 1500, 10**12, -(10**12), int(expected[0][0])):
        assert_same(ask(search, query, 6, hint=hint), expected)
        assert_same(ask(search, query, 6, natural=hint, hint=3), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_query_that_is_not_finite_is_near_nothing(bad):
    table = textures(np.random.default_rng(9), 300, 5)
    search = plain(table)
    query = table[0].copy()
    query[3] = bad
    assert len(ask(search, query, 3)[0]) == 0
    assert_same(ask(search, table[0], 3), oracle(table, table[0], 3))


# ------------------------------------------------------------------------------------------------------ with lists


def listed(monkeypatch, table, label_index=None, label_count=0, lists=64, seed=0):
    """A search through lists made by one pass of k-means, as training makes them."""
    monkeypatch.setattr(unit_search, "EXACT_LIMIT", 1000)
    generator = np.random.default_rng(seed)
    centroids = table[generator.choice(len(table), lists, replace=False)]
    nearest = (((centroids**2).sum(axis=1)) - 2.0 * table @ centroids.T).argmin(axis=1)
    order = np.argsort(nearest, kind="stable")
    start = np.searchsorted(nearest[order], np.arange(lists + 1))
    labels = unlabelled(len(table)) if label_index is None else label_index
    return UnitSearch(table, np.ones(table.shape[1], np.float32), labels, label_count, as_they_are(len(table)), (centroids, start, order))


def test_lists_find_nearly_always_the_nearest_and_read_a_part(monkeypatch):
    monkeypatch.setattr(unit_search, "BUDGET_GROUPS", 200)
    generator = np.random.default_rng(10)
    table = textures(generator, 20_000, 20)
    search = listed(monkeypatch, table)
    right = []
    for _ in range(100):
        weights = some_weights(generator, 20)
        search.set_weights(weights)
        query = table[generator.integers(20_000)] + 0.2 * generator.standard_normal(20).astype(np.float32)
        index, distance = ask(search, query, 8)
        expected = oracle(table, query, 8, weights)
        right.append(index[0] == expected[0][0])
        # What is found has its true cost, in order.
        assert (np.diff(distance) >= 0.0).all()
        favour = np.isin(np.arange(20_000), index).astype(np.float64)
        np.testing.assert_array_equal(distance, oracle(table, query, 8, weights, favour)[1])
        # The last list opened is read to its end.
        assert search._work.tally[1] < 200 + 100
    assert np.mean(right) >= 0.95  # measured: 0.99


def test_lists_with_a_budget_for_all_are_exact(monkeypatch):
    monkeypatch.setattr(unit_search, "BUDGET_GROUPS", 10**9)
    generator = np.random.default_rng(11)
    table = textures(generator, 5000, 42)
    search = listed(monkeypatch, table, lists=70)
    for unit in range(0, 5000, 500):
        weights = some_weights(generator, 42)
        search.set_weights(weights)
        assert_same(ask(search, table[unit], 8, hint=unit), oracle(table, table[unit], 8, weights))


def test_a_label_of_few_units_is_exact_in_lists(monkeypatch):
    monkeypatch.setattr(unit_search, "BUDGET_GROUPS", 400)
    generator = np.random.default_rng(12)
    table = textures(generator, 20_000, 10)
    label_index = np.zeros(20_000, np.int16)
    rare = generator.choice(20_000, 60, replace=False)
    label_index[rare] = 1
    search = listed(monkeypatch, table, label_index, 2)
    assert search.set_label_weights(np.array([0.0, 1.0]))
    for _ in range(20):
        query = table[generator.integers(20_000)]
        assert_same(ask(search, query, 8), oracle(table, query, 8, favour=(label_index == 1).astype(np.float64)))


def test_the_hint_and_the_natural_unit_are_always_looked_at(monkeypatch):
    monkeypatch.setattr(unit_search, "BUDGET_GROUPS", 0)
    table = textures(np.random.default_rng(13), 3000, 8)
    search = listed(monkeypatch, table)
    assert ask(search, table[1234], 1, hint=1234)[0].tolist() == [1234]
    assert ask(search, table[1234], 1, natural=1234)[0].tolist() == [1234]


def test_lists_are_not_used_where_an_exact_answer_is_fast():
    table = textures(np.random.default_rng(14), 3000, 8)
    search = plain(table, ivf=(np.zeros((1, 8), np.float32), np.array([0, 1]), np.array([0])))
    assert len(search._blocks.list_labels) == 0
    assert EXACT_LIMIT > 50_000


@pytest.mark.parametrize(
    ("start", "order", "failed"),
    [
        ([0, 5], [0, 1, 2, 3], "starts"),
        ([1, 4], [0, 1, 2, 3], "starts"),
        ([0, 3, 2, 4], [0, 1, 2, 3], "starts"),
        ([0], [0, 1, 2, 3], "starts"),
        ([0, 4], [0, 1, 2, 2], "order"),
        ([0, 4], [0, 1, 2, 4], "order"),
        ([0, 4], [0, 1, 2], "order"),
    ],
)
def test_lists_that_are_none(monkeypatch, start, order, failed):
    monkeypatch.setattr(unit_search, "EXACT_LIMIT", 0)
    with pytest.raises(UnitTableError, match=failed):
        plain(np.zeros((4, 2), np.float32), ivf=(np.zeros((1, 2), np.float32), np.array(start), np.array(order)))


# ------------------------------------------------------------------------------------------------------- bad input


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
        UnitSearch(table, np.ones(2, np.float32), unlabelled(2), 0, as_they_are(2))
    assert caught.value.allowed


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"weights": np.zeros(2, np.float32)}, "weights"),
        ({"weights": np.ones(3, np.float32)}, "weights"),
        ({"label_index": np.zeros(3, np.int64)}, "labels"),
        ({"label_index": np.zeros(2, np.int16)}, "labels"),
        ({"label_index": np.full(3, 1, np.int16)}, "labels"),
        ({"label_index": np.full(3, -2, np.int16)}, "labels"),
        ({"unit_weight": np.ones(3)}, "unit weights"),
        ({"unit_weight": np.ones(2, np.float32)}, "unit weights"),
        ({"unit_weight": np.zeros(3, np.float32)}, "unit weights"),
        ({"unit_weight": np.array([1, -1, 1], np.float32)}, "unit weights"),
        ({"unit_weight": np.array([1, np.nan, 1], np.float32)}, "unit weights"),
    ],
)
def test_units_that_cannot_be_weighed(change, failed):
    given = {"weights": np.ones(2, np.float32), "label_index": np.zeros(3, np.int16), "unit_weight": as_they_are(3)} | change
    with pytest.raises(UnitTableError, match=failed):
        UnitSearch(np.zeros((3, 2), np.float32), given["weights"], given["label_index"], 1, given["unit_weight"])


def test_a_table_that_cannot_be_written_is_searched():
    table = textures(np.random.default_rng(15), 200, 4)
    table.setflags(write=False)
    assert_same(ask(plain(table), table[9].copy(), 3), oracle(table, table[9], 3))


def test_arrays_that_do_not_fit():
    search = plain(np.zeros((5, 3), np.float32))
    query, units, distances = np.zeros(3, np.float32), np.zeros(4, np.int64), np.zeros(4)
    named = {"now": 0, "natural": -1, "hint": -1, "radius": math.inf}
    with pytest.raises(QueryShapeError, match="query length: got 2"):
        search.search(query[:2], 1, **named, out_index=units, out_distance=distances)
    for k in (0, -1, MAXIMUM_FOUND + 1):
        with pytest.raises(QueryShapeError, match=f"k: got {k}"):
            search.search(query, k, **named, out_index=units, out_distance=distances)
    with pytest.raises(QueryShapeError, match="output length: got 4"):
        search.search(query, 5, **named, out_index=units, out_distance=np.zeros(32))
    with pytest.raises(TypeError):
        search.search(query.astype(np.float64), 1, **named, out_index=units, out_distance=distances)


# --------------------------------------------------------------------------------------------------- no allocation


@njit
def search_many(times, query, budget, blocks, dials, work, out_index, out_cost):
    found = 0
    for _ in range(times):
        found += unit_scan.search_blocks(query, 8, 0, 5, 9, np.inf, budget, blocks, dials, work, out_index, out_cost)
    return found


@pytest.mark.parametrize("lists", [False, True])
def test_the_kernel_allocates_nothing(monkeypatch, lists):
    table = textures(np.random.default_rng(16), 5000, 42)
    search = listed(monkeypatch, table) if lists else plain(table)
    arguments = (np.ones(42, np.float32), 100, search._blocks, search._dials, search._work, np.zeros(8, np.int64), np.zeros(8))
    assert search_many(1, *arguments) == 8
    allocations = []
    for times in (1, 100):
        before = rtsys.get_allocation_stats()
        search_many(times, *arguments)
        after = rtsys.get_allocation_stats()
        allocations.append((after.alloc - before.alloc, after.mi_alloc - before.mi_alloc))
    # What Numba allocates to take the arrays in, once per call from Python, and nothing per search.
    assert allocations[0] == allocations[1]


def test_a_step_leaves_no_python_objects():
    search = plain(textures(np.random.default_rng(17), 5000, 39))
    query, out_index, out_distance = np.ones(39, np.float32), np.zeros(8, np.int64), np.zeros(8)
    turned = [np.ones(39, np.float32), np.full(39, 2.0, np.float32)]

    def step(number):
        search.set_weights(turned[number % 2])
        search.search(query, 8, now=number, natural=-1, hint=-1, radius=math.inf, out_index=out_index, out_distance=out_distance)
        search.played(int(out_index[0]), number + 3, 2)

    tracemalloc.start()
    try:
        for number in range(2000):
            step(number)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(2000, 8000):
            step(number)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # What Python keeps for the next numbers and tuples, filled by the first steps; six thousand more add nothing.
    assert after - before < 8192


# ---------------------------------------------------------------------------------------- compiled equals plain Python


@njit
def run_vector_operations(codes, boxes, aim, root, sums, bounds, limit):
    masks = np.zeros(6, np.uint64)
    for turn in range(2):
        column = GROUP * turn
        masks[turn] = unit_vector.add_squares(codes, LANES * column, aim, root, column, turn, sums, LANES, limit)
        unit_vector.add_box_squares(boxes, 2 * LANES * column, aim, root, column, turn, bounds, LANES)
    masks[2] = unit_vector.lanes_within(bounds, LANES, limit)
    masks[3] = unit_vector.lanes_within(sums, 0, limit)
    masks[4] = unit_vector.lowest_lane(np.uint64(1) << np.uint64(63))
    masks[5] = unit_vector.lowest_lane(np.uint64(0b101000))
    return masks


@pytest.mark.parametrize("limit", [0.0, 500.0, 40_000.0, np.inf])
@pytest.mark.parametrize("width", [10, 60, 256])
def test_vector_operations_equal_their_plain_forms(limit, width):
    generator = np.random.default_rng(width)
    codes = generator.integers(0, width, 2 * GROUP * LANES).astype(np.uint8)
    edges = np.sort(generator.integers(0, width, (2 * GROUP, 2, LANES)), axis=1).astype(np.uint8).reshape(-1)
    # Whole numbers, so that no order of additions rounds.
    root = generator.integers(0, 3, 2 * GROUP).astype(np.float32)
    aim = -generator.integers(0, width, 2 * GROUP).astype(np.float32) * root
    results = []
    for function in (run_vector_operations, run_vector_operations.py_func):
        sums, bounds = np.full(3 * LANES, 77, np.float32), np.full(3 * LANES, 77, np.float32)
        results.append((function(codes, edges, aim, root, sums, bounds, np.float32(limit)), sums, bounds))
    for compiled, written in zip(*results, strict=True):
        np.testing.assert_array_equal(compiled, written)
    expected = ((codes.reshape(-1, LANES) * root[:, np.newaxis] + aim[:, np.newaxis]) ** 2).sum(axis=0)
    around = np.full(LANES, 77)
    np.testing.assert_array_equal(results[0][1], np.concatenate([around, expected, around]))
    assert results[0][0][4:].tolist() == [63, 3]


@pytest.mark.parametrize("lists", [False, True])
def test_search_equals_its_plain_form(monkeypatch, lists):
    generator = np.random.default_rng(18)
    table = textures(generator, 150, 9)
    if lists:
        monkeypatch.setattr(unit_search, "EXACT_LIMIT", 0)
    members = np.sort(generator.integers(0, 4, 150))
    ivf = (np.zeros((4, 9), np.float32), np.searchsorted(members, np.arange(5)), generator.permutation(150))
    label_index = generator.integers(-1, 2, 150).astype(np.int16)
    search = UnitSearch(table, np.ones(9, np.float32), label_index, 2, as_they_are(150), ivf)
    search.set_label_weights(np.array([0.0, 0.5]))
    search.played(20, 5, 5)
    arrays = (search._blocks, search._dials, search._work)
    monkeypatch.setattr(unit_scan, "scan_blocks", unit_scan.scan_blocks.py_func)
    for turn in range(10):
        query = (generator.standard_normal(9) * 3.0**turn * 0.1).astype(np.float32)
        results = []
        for function in (unit_scan.search_blocks, unit_scan.search_blocks.py_func):
            out_index, out_distance = np.zeros(4, np.int64), np.zeros(4)
            found = function(query, 4, 0, 21, turn, 1e9, 40, *arrays, out_index, out_distance)
            results.append((found, out_index.tolist(), out_distance.tolist()))
        assert results[0] == results[1]


def test_small_kernels_equal_their_plain_forms():
    generator = np.random.default_rng(19)
    table = textures(generator, 500, 9)
    search = plain(table)
    blocks, dials = search._blocks, search._dials
    for turn in range(10):
        query = (generator.standard_normal(9) * 3.0**turn * 0.1).astype(np.float32)
        aims = [np.zeros(16, np.float32), np.zeros(16, np.float32)]
        excess = unit_scan.aim_at(query, blocks, dials, aims[0])
        assert excess == unit_scan.aim_at.py_func(query, blocks, dials, aims[1])
        np.testing.assert_array_equal(*aims)
        for distance in (0.0, 0.3, 1e6):
            limit = unit_scan.code_limit(distance, excess, dials.scale)
            assert limit == unit_scan.code_limit.py_func(distance, excess, dials.scale)
    keys = generator.random(30).astype(np.float32)
    heaps = [np.arange(30), np.arange(30)]
    for heap, function in zip(heaps, (unit_scan.sift_down, unit_scan.sift_down.py_func), strict=True):
        for place in range(14, -1, -1):
            function(keys, heap, place, 30)
    np.testing.assert_array_equal(*heaps)
    assert heaps[0][0] == keys.argmin()
    weights = some_weights(generator, 9).astype(np.float64)
    unit_dials.turn_weights(weights, blocks, dials)
    before = [array.copy() for array in dials]
    unit_dials.turn_weights.py_func(weights, blocks, dials)
    for compiled, written in zip(before, dials, strict=True):
        np.testing.assert_array_equal(compiled, written)
    start, order = np.array([0, 100, 100, 500]), generator.permutation(500)
    means = [np.zeros((3, 9), np.float32), np.zeros((3, 9), np.float32)]
    unit_blocks._mean_rows(table, order, start, means[0])
    unit_blocks._mean_rows.py_func(table, order, start, means[1])
    np.testing.assert_array_equal(*means)
    codes = np.zeros_like(blocks.codes)
    unit_blocks._fill_codes.py_func(blocks.table, blocks.units, blocks.columns, blocks.grid, codes)
    np.testing.assert_array_equal(codes, blocks.codes)
