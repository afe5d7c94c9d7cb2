"""The path must be the cheapest of all there are, counted one by one, and ranked by its first unit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.voices import unit_path
from realtime.voices.unit_path import MAXIMUM_CANDIDATES, MAXIMUM_HOPS, UnitPath, choose_path

OUT = MAXIMUM_CANDIDATES + 1


def apart(rows, weights, first, second):
    """The weighted squared distance of two rows, column by column."""
    total = 0.0
    for column in range(rows.shape[1]):
        difference = float(first[column]) - float(second[column])
        total += float(weights[column]) * (difference * difference)
    return total


def every_path(hops, targets, rows, weights, follows, candidates, natural, join_weight, costs):
    """Cost of the cheapest path by first unit, over all paths: candidates, or on from where the last hop was."""
    best = {}
    starts = {unit: costs[0][place] for place, unit in enumerate(candidates[0])}
    if natural >= 0:
        starts.setdefault(natural, apart(rows, weights, targets[0], rows[natural]))

    def following(unit, hop):
        steps = {other: costs[hop][place] for place, other in enumerate(candidates[hop])}
        if follows[unit]:
            steps.setdefault(unit + 1, apart(rows, weights, targets[hop], rows[unit + 1]))
            # To go on naturally a path may also count the target anew, which costs what the candidate costs here.
            steps[unit + 1] = min(steps[unit + 1], apart(rows, weights, targets[hop], rows[unit + 1]))
        return steps

    def join(unit, other):
        continuation = unit + 1 if follows[unit] else unit
        return 0.0 if follows[unit] and other == continuation else join_weight * apart(rows, weights, rows[continuation], rows[other])

    def walk(first, unit, hop, cost):
        if hop == hops:
            best[first] = min(best.get(first, math.inf), cost)
            return
        for other, target_cost in following(unit, hop).items():
            walk(first, other, hop + 1, cost + join(unit, other) + target_cost)

    for first, target_cost in starts.items():
        begun = join_weight * apart(rows, weights, rows[natural], rows[first]) if natural >= 0 and first != natural else 0.0
        walk(first, first, 1, begun + target_cost)
    return sorted(best.items(), key=lambda item: (item[1], item[0]))


def fill(path, hops, targets, candidates, costs):
    path.targets[:hops] = targets
    path.counts.fill(0)
    for hop in range(hops):
        path.counts[hop] = len(candidates[hop])
        path.candidates[hop, : len(candidates[hop])] = candidates[hop]
        path.costs[hop, : len(candidates[hop])] = costs[hop]


def ask(path, hops, rows, weights, follows, natural, join_weight):
    out_index, out_cost = np.full(OUT, -7, np.int64), np.full(OUT, np.nan)
    found = path.choose(hops, rows, weights, follows, natural, join_weight, out_index, out_cost)
    assert (out_index[found:] == -7).all()
    return out_index[:found].tolist(), out_cost[:found].tolist()


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    hops=st.integers(1, 4),
    most=st.integers(1, 4),
    columns=st.integers(1, 5),
    units=st.integers(4, 15),
    join_weight=st.sampled_from([0.0, 0.5, 1.0, 4.0]),
    whole=st.booleans(),
)
def test_equals_all_paths_counted(seed, hops, most, columns, units, join_weight, whole):
    generator = np.random.default_rng(seed)
    # Whole numbers make ties.
    rows = (generator.integers(-1, 2, (units, columns)) if whole else generator.standard_normal((units, columns))).astype(np.float32)
    targets = generator.integers(-1, 2, (hops, columns)).astype(np.float32)
    weights = generator.integers(0, 3, columns).astype(np.float32)
    follows = generator.random(units) < 0.7
    follows[-1] = False
    candidates = [generator.choice(units, generator.integers(1, most + 1), replace=False).tolist() for _ in range(hops)]
    costs = [[apart(rows, weights, targets[hop], rows[unit]) for unit in candidates[hop]] for hop in range(hops)]
    natural = int(generator.integers(-1, units))
    path = UnitPath(columns)
    fill(path, hops, targets, candidates, costs)
    answer = ask(path, hops, rows, weights, follows, natural, join_weight)
    expected = every_path(hops, targets, rows, weights, follows, candidates, natural, join_weight, costs)
    np.testing.assert_allclose(answer[1], [cost for _, cost in expected], rtol=1e-12)
    if whole:
        # Small whole numbers add up without rounding, so the order is the same to the last tie.
        assert answer[0] == [unit for unit, _ in expected]


def test_one_hop_is_target_and_join_cost():
    rows = np.array([[0.0], [1.0], [2.0], [5.0]], np.float32)
    path = UnitPath(1)
    fill(path, 1, np.array([[4.0]]), [[3, 2]], [[1.0, 4.0]])
    ones, follows = np.ones(1, np.float32), np.array([True, True, True, False])
    # Natural is unit 1: target 9, no join; unit 3: 1 + join 16; unit 2: 4 + join 1.
    assert ask(path, 1, rows, ones, follows, 1, 1.0) == ([2, 1, 3], [5.0, 9.0, 17.0])
    assert ask(path, 1, rows, ones, follows, -1, 1.0) == ([3, 2], [1.0, 4.0])
    assert ask(path, 1, rows, ones, follows, 1, 0.0) == ([3, 2, 1], [1.0, 4.0, 9.0])
    # A candidate that is the natural continuation is ranked once, at the cost the search gave it.
    assert ask(path, 1, rows, ones, follows, 2, 1.0) == ([2, 3], [4.0, 10.0])


def test_foresight_takes_the_way_that_goes_on():
    """The nearer unit ends its file; the other goes on to just what is asked for next."""
    rows = np.array([[0.1], [0.4], [3.0], [6.0], [9.0]], np.float32)
    follows = np.array([False, True, True, True, False])
    path = UnitPath(1)
    fill(path, 4, np.array([[0.0], [3.0], [6.0], [9.0]]), [[0, 1], [2], [3], [4]], [[0.01, 0.16], [0.0], [0.0], [0.0]])
    ones = np.ones(1, np.float32)
    assert ask(path, 1, rows, ones, follows, -1, 1.0)[0] == [0, 1]
    assert ask(path, 4, rows, ones, follows, -1, 1.0)[0] == [1, 0]


def test_a_natural_continuation_that_is_no_candidate_is_walked():
    rows = np.array([[0.0], [1.0], [2.0], [50.0]], np.float32)
    follows = np.array([True, True, False, False])
    path = UnitPath(1)
    fill(path, 3, np.array([[0.0], [1.0], [2.0]]), [[0], [3], [3]], [[0.0], [2401.0], [2304.0]])
    assert ask(path, 3, rows, np.ones(1, np.float32), follows, -1, 1.0) == ([0], [0.0])


@pytest.mark.parametrize("empty", [1, 2])
def test_a_path_ends_before_a_hop_without_candidates(empty):
    generator = np.random.default_rng(empty)
    rows = generator.standard_normal((20, 3)).astype(np.float32)
    follows = generator.random(20) < 0.5
    candidates = [[1, 2], [3, 4], [5, 6], [7]]
    costs = [generator.random(len(units)).tolist() for units in candidates]
    weights, path, other = np.ones(3, np.float32), UnitPath(3), UnitPath(3)
    targets = generator.standard_normal((4, 3)).astype(np.float32)
    fill(path, 4, targets, candidates, costs)
    path.counts[empty] = 0
    fill(other, 4, targets, candidates, costs)
    assert ask(path, 4, rows, weights, follows, 8, 1.0) == ask(other, empty, rows, weights, follows, 8, 1.0)


def test_nothing_to_choose_from():
    rows = np.zeros((2, 1), np.float32)
    path = UnitPath(1)
    assert ask(path, 3, rows, np.ones(1, np.float32), np.zeros(2, np.bool_), -1, 1.0) == ([], [])
    assert ask(path, 3, rows, np.ones(1, np.float32), np.zeros(2, np.bool_), 1, 1.0) == ([1], [0.0])


def test_equal_paths_go_by_the_lower_unit():
    rows = np.zeros((40, 2), np.float32)
    path = UnitPath(2)
    units = np.random.default_rng(0).permutation(40)[:MAXIMUM_CANDIDATES].tolist()
    fill(path, 2, np.zeros((2, 2)), [units, units], [[1.0] * MAXIMUM_CANDIDATES] * 2)
    answer, _ = ask(path, 2, rows, np.ones(2, np.float32), np.zeros(40, np.bool_), -1, 1.0)
    assert answer == sorted(units)


def test_the_longest_and_widest_equals_its_plain_form(monkeypatch):
    generator = np.random.default_rng(1)
    rows = generator.standard_normal((300, 6)).astype(np.float32)
    follows = generator.random(300) < 0.8
    follows[-1] = False
    weights = generator.random(6).astype(np.float32)
    path = UnitPath(6)
    candidates = [generator.choice(299, MAXIMUM_CANDIDATES, replace=False).tolist() for _ in range(MAXIMUM_HOPS)]
    costs = [generator.random(MAXIMUM_CANDIDATES).tolist() for _ in range(MAXIMUM_HOPS)]
    fill(path, MAXIMUM_HOPS, generator.standard_normal((MAXIMUM_HOPS, 6)), candidates, costs)
    answer = ask(path, MAXIMUM_HOPS, rows, weights, follows, 5, 0.3)
    assert len(answer[0]) == MAXIMUM_CANDIDATES + (5 not in candidates[0])
    monkeypatch.setattr(unit_path, "choose_path", choose_path.py_func)
    assert ask(path, MAXIMUM_HOPS, rows, weights, follows, 5, 0.3) == answer


@pytest.mark.parametrize("hops", [0, -1, MAXIMUM_HOPS + 1])
def test_hops_that_cannot_be(hops):
    path = UnitPath(2)
    out = (np.zeros(OUT, np.int64), np.zeros(OUT))
    with pytest.raises(ValueError, match=f"hops: got {hops}"):
        path.choose(hops, np.zeros((3, 2), np.float32), np.ones(2, np.float32), np.zeros(3, np.bool_), -1, 1.0, *out)


@pytest.mark.parametrize("short", [(0, 0), (0, 1), (1, 0)])
def test_outputs_that_are_too_short(short):
    path = UnitPath(2)
    arguments = (2, np.zeros((3, 2), np.float32), np.ones(2, np.float32), np.zeros(3, np.bool_), -1, 1.0)
    out = (np.zeros(OUT - short[0], np.int64), np.zeros(OUT - short[1]))
    if any(short):
        with pytest.raises(ValueError, match="output length: got 32"):
            path.choose(*arguments, *out)
    else:
        assert path.choose(*arguments, *out) == 0
