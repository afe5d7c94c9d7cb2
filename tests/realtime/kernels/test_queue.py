from collections import deque

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.kernels import layout as at
from realtime.kernels.queue import push, take
from realtime.shared import SharedBlock

QUEUE = at.ring_words(0, 0) + at.R_SCHEDULE
VALUES = at.ring_floats(0, 0) + at.RF_SCHEDULE
SLOTS = at.RING_SCHEDULE_SLOTS


def taken(block: SharedBlock, most: int) -> list[tuple[int, int, int, float]]:
    entries, values = np.zeros((most, at.Q_ENTRY), np.int64), np.zeros(most, np.float32)
    count = take(block.words, block.floats, QUEUE, VALUES, SLOTS, entries, values)
    return [(*map(int, row), float(value)) for row, value in zip(entries[:count], values[:count], strict=True)]  # type: ignore[misc]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200)), max_size=40))
def test_is_a_bounded_queue_that_counts_what_it_drops(turns: list[tuple[bool, int]]) -> None:
    block = SharedBlock.private(48_000)
    expected: deque[tuple[int, int, int, float]] = deque()
    made = dropped = 0
    for pushing, count in turns:
        if pushing:
            for _ in range(count):
                made += 1
                entry = (made, made % 7, -made, made / 4)
                room = len(expected) < SLOTS
                assert push(block.words, block.floats, QUEUE, VALUES, SLOTS, *entry) == room
                if room:
                    expected.append(entry)
                dropped += not room
        else:
            assert taken(block, count) == [expected.popleft() for _ in range(min(count, len(expected)))]
    assert block.words[QUEUE + at.Q_DROPPED] == dropped


def test_opening_a_ring_empties_its_queues() -> None:
    block = SharedBlock.private(48_000)
    push(block.words, block.floats, QUEUE, VALUES, SLOTS, 1, 2, 3, 4.0)
    block.open_ring(0, 0)
    assert taken(block, 10) == []
