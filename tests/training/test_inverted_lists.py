"""Lists hold every unit once, near its list's centroid, and come out the same twice."""

import faiss
import numpy as np
import pytest

from realtime.voices.unit_search import EXACT_LIMIT, UnitSearch
from training.inverted_lists import LISTS_ABOVE, UnitRowsError, train_lists


def clusters(units=3000, columns=6, seed=0):
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((12, columns)) * 5.0
    return (centres[generator.integers(12, size=units)] + generator.standard_normal((units, columns))).astype(np.float32)


def test_every_unit_is_in_the_list_of_its_nearest_centroid():
    table = clusters()
    ivf = train_lists(table, 3)
    lists = len(ivf.centroids)
    assert lists == round(4 * np.sqrt(3000))
    assert (ivf.list_start[0], ivf.list_start[-1], len(ivf.list_start)) == (0, 3000, lists + 1)
    np.testing.assert_array_equal(np.sort(ivf.order), np.arange(3000))
    assert [array.dtype for array in ivf] == [np.float32, np.int64, np.int64]
    distances = ((table[:, np.newaxis].astype(np.float64) - ivf.centroids) ** 2).sum(axis=2)
    for number in range(lists):
        members = ivf.order[ivf.list_start[number] : ivf.list_start[number + 1]]
        assert (np.diff(members) > 0).all()
        # FAISS's float32 may take either of two centroids equally far.
        np.testing.assert_allclose(distances[members, number], distances[members].min(axis=1), rtol=1e-4, atol=1e-4)


def test_same_rows_and_seed_same_lists_another_seed_others():
    table = clusters()
    first, again, other = train_lists(table, 3), train_lists(table, 3), train_lists(table, 4)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.order, other.order)


def test_rows_mapped_to_memory(tmp_path):
    table = clusters(500)
    np.save(tmp_path / "rows.npy", table)
    mapped = train_lists(np.load(tmp_path / "rows.npy", mmap_mode="r"), 3)
    np.testing.assert_array_equal(mapped.order, train_lists(table, 3).order)


@pytest.mark.parametrize("units", [1, 2, 20])
def test_few_units(units, capfd):
    ivf = train_lists(clusters(units), 0)
    assert len(ivf.order) == units
    assert capfd.readouterr() == ("", "")


def test_all_units_equal():
    ivf = train_lists(np.ones((200, 3), np.float32), 0)
    np.testing.assert_array_equal(np.sort(ivf.order), np.arange(200))
    assert np.isfinite(ivf.centroids).all()


def test_the_thread_count_is_given_back():
    before = faiss.omp_get_max_threads()
    train_lists(clusters(100), 0, threads=2)
    assert faiss.omp_get_max_threads() == before


@pytest.mark.parametrize(
    ("table", "lists"),
    [
        (np.zeros((0, 3), np.float32), None),
        (np.zeros((3, 0), np.float32), None),
        (np.zeros(3, np.float32), None),
        (np.zeros((3, 3)), None),
        ([[1.0]], None),
        (np.array([[0.0], [np.nan]], np.float32), None),
        (np.array([[0.0], [np.inf]], np.float32), None),
        (np.zeros((3, 3), np.float32), 4),
        (np.zeros((3, 3), np.float32), 0),
    ],
)
def test_rows_of_which_no_lists_can_be_made(table, lists):
    with pytest.raises(UnitRowsError) as caught:
        train_lists(table, 0, lists=lists)
    assert caught.value.exit_code == 2


def test_lists_are_trained_where_the_stage_uses_them(monkeypatch):
    assert LISTS_ABOVE == EXACT_LIMIT
    table = clusters()
    monkeypatch.setattr("realtime.voices.unit_search.EXACT_LIMIT", 100)
    search = UnitSearch(table, np.ones(6, np.float32), np.full(3000, -1, np.int16), 0, np.ones(3000, np.float32), train_lists(table, 0))
    out_index, out_distance = np.zeros(1, np.int64), np.zeros(1)
    for unit in range(0, 3000, 100):
        assert search.search(table[unit], 1, now=0, natural=-1, hint=-1, radius=1.0, out_index=out_index, out_distance=out_distance) == 1
        assert out_index[0] == unit
