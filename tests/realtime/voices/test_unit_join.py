import numpy as np
import pytest

from realtime.voices.audio_source import MemorySource
from realtime.voices.unit_join import best_lag, copy_along, read_within
from tests.realtime.voices.unit_sound import noise, sawtooth


@pytest.mark.parametrize("shift", [-90, -7, 0, 33, 120])
def test_finds_where_a_sound_goes_on(shift: int) -> None:
    sound = noise(2_000)[:, 0]
    found, likeness = best_lag(sound[500:900], sound[500 - 100 - shift : 900 + 120 - shift].copy(), 100)
    assert (found, likeness) == (shift, pytest.approx(1.0, abs=1e-4))


@pytest.mark.parametrize(("begin", "smaller"), [(70, 30), (20, -20), (0, 0)])
def test_takes_the_smaller_of_two_equal_shifts(begin: int, smaller: int) -> None:
    sound = sawtooth(441.0, 4_000)[:, 0]  # a period of 100 frames
    assert best_lag(sound[:600], sound[begin : begin + 600 + 200].copy(), 100)[0] == smaller


def test_loudness_does_not_count() -> None:
    sound = noise(2_000)[:, 0]
    candidate = (sound[500:1_100] * np.linspace(0.01, 0.02, 600)).astype(np.float32)
    candidate[:100] *= 300.0
    found, likeness = best_lag(sound[620:920], candidate, 100)
    assert found == 20
    assert likeness > 0.95


def test_equals_the_plain_correlation() -> None:
    random = np.random.default_rng(2)
    for _ in range(30):
        reference, candidate = random.standard_normal(64).astype(np.float32), random.standard_normal(64 + 41).astype(np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(candidate.astype(float), 64)
        likeness = windows @ reference / np.sqrt((windows**2).sum(axis=1) * (reference.astype(float) ** 2).sum())
        found, best = best_lag(reference, candidate, 20)
        assert found == likeness.argmax() - 20
        assert best == pytest.approx(likeness.max(), abs=1e-5)


def test_silence_and_opposites_are_not_moved() -> None:
    sound = np.abs(noise(1_000)[:, 0]) + 0.01
    assert best_lag(np.zeros(300, np.float32), sound[:400], 50) == (0.0, 0.0)
    assert best_lag(sound[:300], np.zeros(400, np.float32), 50) == (0.0, 0.0)
    assert best_lag(sound[:300], -sound[:400], 50) == (0.0, 0.0)


def test_copies_both_ways() -> None:
    block = np.arange(20, dtype=np.float32)[:, None]
    out = np.zeros(5, np.float32)
    copy_along(block, 3, 1, out)
    assert out.tolist() == [3, 4, 5, 6, 7]
    copy_along(block, 19, -1, out)
    assert out.tolist() == [19, 18, 17, 16, 15]


@pytest.mark.parametrize(("start", "count"), [(0, 10), (-20, 5), (-20, 60), (8, 20), (40, 5), (12, 1)])
def test_reads_silence_outside_of_the_file(start: int, count: int) -> None:
    audio = np.arange(1, 31, dtype=np.float32)[:, None]
    out = np.full((count, 1), np.nan, np.float32)
    read_within(MemorySource(audio), start, out, 5, 12)
    assert out[:, 0].tolist() == [frame + 1 if 5 <= frame <= 12 else 0 for frame in range(start, start + count)]
