import numpy as np

from realtime.input_watch import PERIOD_S, InputWatch
from realtime.kernels import layout as at
from realtime.kernels.input import hear
from realtime.shared import SharedBlock

RATE_HZ = 24_000


def test_a_loop_closes_the_input_in_the_block_and_silence_opens_it_again() -> None:
    """The block as the callback fills it, the thread's turns at the pace of the samples."""
    block = SharedBlock.private(RATE_HZ)
    block.words[at.W_INPUT_CHANNELS] = 1
    watch = InputWatch(block)
    played = (0.1 * np.random.default_rng(1).standard_normal(12 * RATE_HZ)).astype(np.float32)
    delayed = np.concatenate([np.zeros(500, np.float32), played])[: len(played)]
    delayed[6 * RATE_HZ :] = 0.0
    count = round(PERIOD_S * RATE_HZ)
    opened, heard = [], []
    for i in range(0, len(played) - count, count):
        hear(block.words, block.floats, delayed[i : i + count], np.repeat(played[i : i + count, None], 2, axis=1))
        watch.turn(i / RATE_HZ)
        opened.append(float(block.floats[at.F_INPUT_OPEN]))
        slots = (i + np.arange(count)) & at.INPUT_MASK
        heard.append(float(np.abs(block.floats[at.F_INPUT_HEARD + slots]).max()))
    closed = opened.index(0.0)
    assert opened[:closed] == [1.0] * closed
    assert watch.trips == 1
    assert heard[closed] > 0.1
    assert heard[closed + 2] == 0.0
    assert opened[-1] == 1.0


def test_the_thread_starts_and_ends() -> None:
    block = SharedBlock.private(RATE_HZ)
    watch = InputWatch(block)
    watch.start()
    watch.stop()
    watch.stop()
    assert block.floats[at.F_INPUT_OPEN] == 1.0
    InputWatch(block).stop()
