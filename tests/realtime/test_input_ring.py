import threading

import numpy as np
import pytest

from realtime.input_ring import InputReader
from realtime.kernels import layout as at
from realtime.kernels.input import KEPT_FRAMES, hear
from realtime.shared import SharedBlock

RATE_HZ = 48_000


def counting(start: int, count: int) -> np.ndarray:
    """Samples that say their own place: exact in float32."""
    return np.arange(start, start + count, dtype=np.float32) / np.float32(1 << 20)


class Source:
    """Writes counting samples, as the callback does."""

    def __init__(self, block: SharedBlock) -> None:
        block.words[at.W_INPUT_CHANNELS] = 1
        self.block = block
        self.written = 0

    def write(self, count: int) -> None:
        hear(self.block.words, self.block.floats, counting(self.written, count), np.zeros((count, 2), np.float32))
        self.written += count


@pytest.fixture(name="source")
def _source() -> Source:
    return Source(SharedBlock.private(RATE_HZ))


def test_every_reader_gets_every_frame_once_from_where_it_began(source: Source) -> None:
    source.write(1_000)
    often, seldom = InputReader(source.block), InputReader(source.block)
    assert often.read().shape == (0,)
    pieces = []
    for size in (1, 64, 65, 8_193, 30_000, 512):
        source.write(size)
        pieces.append(often.read().copy())
        assert len(pieces[-1]) == size
    late = InputReader(source.block)
    total = source.written - 1_000
    np.testing.assert_array_equal(np.concatenate(pieces), counting(1_000, total))
    np.testing.assert_array_equal(seldom.read(), counting(1_000, total))
    assert late.read().shape == (0,)
    assert seldom.skipped_frames == often.skipped_frames == 0


def test_goes_round_the_ring(source: Source) -> None:
    reader = InputReader(source.block)
    for _ in range(20):
        start = source.written
        source.write(50_000)
        np.testing.assert_array_equal(reader.read(), counting(start, 50_000))
    assert source.written > 5 * at.INPUT_FRAMES


@pytest.mark.parametrize("missed", [KEPT_FRAMES + 1, at.INPUT_FRAMES, 3 * at.INPUT_FRAMES + 7])
def test_who_comes_too_late_goes_on_with_the_newest_and_knows_what_it_missed(source: Source, missed: int) -> None:
    reader = InputReader(source.block)
    source.write(missed)
    assert reader.read().shape == (0,)
    assert reader.skipped_frames == missed
    source.write(100)
    np.testing.assert_array_equal(reader.read(), counting(missed, 100))


def test_the_longest_backlog_that_is_certainly_whole_is_given(source: Source) -> None:
    reader = InputReader(source.block)
    source.write(KEPT_FRAMES)
    np.testing.assert_array_equal(reader.read(), counting(0, KEPT_FRAMES))


def test_skip_forgets_and_counts_nothing(source: Source) -> None:
    reader = InputReader(source.block)
    source.write(5_000)
    reader.skip()
    source.write(10)
    np.testing.assert_array_equal(reader.read(), counting(5_000, 10))
    assert reader.skipped_frames == 0


def test_channels_are_of_the_same_frames(source: Source) -> None:
    reader = InputReader(source.block, (at.F_INPUT_RAW, at.F_INPUT_OUTPUT))
    sound = counting(0, 300)
    hear(source.block.words, source.block.floats, sound, np.stack([sound, -3 * sound], axis=1))
    heard, played = reader.read_channels()
    np.testing.assert_array_equal(heard, sound)
    np.testing.assert_array_equal(played, -sound)


def test_another_process_sees_the_same_by_name() -> None:
    block = SharedBlock.create(RATE_HZ)
    try:
        other = SharedBlock.attach(block.name)
        reader = InputReader(other)
        Source(block).write(777)
        np.testing.assert_array_equal(reader.read(), counting(0, 777))
        other.close()
    finally:
        block.close()


def test_readers_beside_a_writer_get_only_whole_runs(source: Source) -> None:
    """The writer goes round the ring many times while readers copy without waiting for it; some come too late."""
    done = threading.Event()
    torn: list[str] = []

    def follow(pause_s: float) -> None:
        reader = InputReader(source.block)
        while not done.wait(pause_s):
            frames = reader.read() * np.float32(1 << 20)
            if len(frames) and not (np.diff(frames) == 1.0).all():
                torn.append(f"after {frames[0]}")

    readers = [threading.Thread(target=follow, args=(pause,)) for pause in (0.0, 0.001, 0.02)]
    for thread in readers:
        thread.start()
    for _ in range(4_000):
        source.write(1_000)
    done.set()
    for thread in readers:
        thread.join()
    assert not torn
