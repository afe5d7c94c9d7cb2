import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from realtime.recording.reel import Reel

CAPACITY = 100


def counted(start: int, count: int) -> np.ndarray:
    """Frames that say which one they are: frame n is (n + 1, -n - 1)."""
    number = np.arange(start + 1, start + count + 1, dtype=np.float32)
    return np.stack([number, -number], axis=1)


@settings(deadline=None)
@given(some.lists(some.integers(0, 130), max_size=12), some.integers(0, 400), some.integers(0, 120))
def test_any_pieces_are_the_whole(pieces: list[int], start: int, count: int) -> None:
    reel = Reel(1, CAPACITY)
    for piece in pieces:
        reel.append(0, counted(reel.head, piece))
    assert reel.head == sum(pieces)
    assert reel.oldest == max(0, reel.head - CAPACITY)
    start = min(start, reel.head)
    count = min(count, reel.head - start)
    sound, lost = reel.read(0, start, count)
    wanted = counted(start, count)
    wanted[: max(0, reel.oldest - start)] = 0.0
    np.testing.assert_array_equal(sound, wanted)
    assert lost == min(count, max(0, reel.oldest - start))


def test_tracks_run_together() -> None:
    reel = Reel(2, CAPACITY)
    reel.append(0, counted(0, 30))
    reel.append(1, counted(0, 20))
    # What one track does not have yet, no track has.
    assert reel.head == 20
    reel.append_silence(1, 10)
    assert reel.head == 30
    sound, _ = reel.read(1, 15, 15)
    np.testing.assert_array_equal(sound[:5], counted(15, 5))
    assert not sound[5:].any()


def test_a_long_silence_forgets_everything() -> None:
    reel = Reel(1, CAPACITY)
    reel.append(0, counted(0, CAPACITY))
    reel.append_silence(0, 250)
    assert reel.head == 350
    assert not reel.read(0, 250, CAPACITY)[0].any()


def test_what_is_read_is_a_copy() -> None:
    reel = Reel(1, CAPACITY)
    reel.append(0, counted(0, 10))
    reel.read(0, 0, 10)[0][:] = 9.0
    np.testing.assert_array_equal(reel.read(0, 0, 10)[0], counted(0, 10))
