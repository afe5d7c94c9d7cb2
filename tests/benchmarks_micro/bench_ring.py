"""The ring: what a deck pays to write a step and the callback to read a block. Run by `make bench`."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from realtime.kernels import layout as at
from realtime.kernels import ring
from realtime.shared import SharedBlock

RING = at.ring_words(0, 0)
STATE = at.ring_floats(0, 0)
DATA = STATE + at.RF_DATA
STEP_FRAMES = 1_024


@pytest.fixture(name="block")
def _block() -> SharedBlock:
    block = SharedBlock.private(48_000)
    block.open_ring(0, 0)
    return block


def test_write_and_read_a_step(benchmark: BenchmarkFixture, block: SharedBlock) -> None:
    step = np.ones((STEP_FRAMES, 2), np.float32)

    def exchange() -> int:
        ring.write(block.words, block.floats, RING, DATA, step, STEP_FRAMES)
        missing = 0
        for _ in range(STEP_FRAMES // 128):
            missing += ring.read(block.words, block.floats, RING, STATE, DATA, 1, at.F_SCRATCH, 128)
        return missing

    assert benchmark(exchange) == 0


def test_copy_of_the_same_frames_in_numpy(benchmark: BenchmarkFixture) -> None:
    """The baseline: the same frames copied in and out with NumPy slices, without any of the promises of a ring."""
    step = np.ones((STEP_FRAMES, 2), np.float32)
    store = np.zeros_like(step)
    out = np.zeros((128, 2), np.float32)

    def exchange() -> None:
        store[:] = step
        for start in range(0, STEP_FRAMES, 128):
            out[:] = store[start : start + 128]

    benchmark(exchange)
