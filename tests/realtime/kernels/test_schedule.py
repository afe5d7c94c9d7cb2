import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.kernels import layout as at
from realtime.kernels.queue import push
from realtime.kernels.schedule import ADMITTED, NEVER, admit, drop_first, next_due
from realtime.shared import SharedBlock

RING = at.ring_words(2, 1)
STATE = at.ring_floats(2, 1)
QUEUE, VALUES, SLOTS = RING + at.R_SCHEDULE, STATE + at.RF_SCHEDULE, at.RING_SCHEDULE_SLOTS
WAITING, WAITING_VALUES = RING + at.R_WAITING, STATE + at.RF_WAITING


def let_in(block: SharedBlock) -> None:
    admit(block.words, block.floats, QUEUE, VALUES, SLOTS, WAITING, WAITING_VALUES)


def due(block: SharedBlock, until: int) -> list[tuple[int, int, float]]:
    found = []
    while (when := next_due(block.words, WAITING)) <= until:
        place = drop_first(block.words, WAITING)
        what = int(block.words[WAITING + at.P_SLOTS + at.P_ENTRY * place + 1])
        found.append((int(when), what, float(block.floats[WAITING_VALUES + place])))
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(0, 300), max_size=60), st.integers(0, 40)), max_size=25))
def test_what_is_due_comes_in_order_of_time_and_of_asking(turns: list[tuple[list[int], int]]) -> None:
    block = SharedBlock.private(48_000)
    waiting: list[tuple[int, int, float]] = []
    number = now = 0
    for times, passed in turns:
        for when in times:
            number += 1
            if push(block.words, block.floats, QUEUE, VALUES, SLOTS, when, number, 0, number / 2):
                waiting.append((when, number, number / 2))
        while block.words[QUEUE + at.Q_HEAD] > block.words[QUEUE + at.Q_TAIL]:
            before = int(block.words[QUEUE + at.Q_TAIL])
            let_in(block)
            if before == block.words[QUEUE + at.Q_TAIL]:
                break
        if block.words[QUEUE + at.Q_HEAD] > block.words[QUEUE + at.Q_TAIL]:
            # No room in the list: what is in the queue is not known yet.
            return
        now += passed
        expected = sorted((entry for entry in waiting if entry[0] <= now), key=lambda entry: entry[0])
        waiting = [entry for entry in waiting if entry[0] > now]
        assert due(block, now) == expected
    assert len(due(block, NEVER - 1)) == len(waiting)
    assert next_due(block.words, WAITING) == NEVER


def test_a_flood_is_let_in_little_by_little_and_what_has_no_room_stays_in_the_queue() -> None:
    block = SharedBlock.private(48_000)
    for turn in range(2):
        for number in range(SLOTS):
            assert push(block.words, block.floats, QUEUE, VALUES, SLOTS, 1_000 - number, number, turn, 0.0)
        let_in(block)
        if turn == 0:
            assert block.words[QUEUE + at.Q_TAIL] == ADMITTED
        for _ in range(SLOTS // ADMITTED):
            let_in(block)
    # The list is full, and so is the queue behind it.
    assert block.words[QUEUE + at.Q_TAIL] == SLOTS
    assert not push(block.words, block.floats, QUEUE, VALUES, SLOTS, 0, 0, 0, 0.0)
    times = [when for when, _, _ in due(block, NEVER - 1)]
    assert times == sorted(times)
    assert len(times) == SLOTS
    let_in(block)
    assert len(due(block, NEVER - 1)) == ADMITTED


def test_a_list_whose_front_is_gone_makes_room_again() -> None:
    block = SharedBlock.private(48_000)
    rng = np.random.default_rng(1)
    now = 0
    for _ in range(40):
        for when in now + rng.integers(1, 400, 50):
            push(block.words, block.floats, QUEUE, VALUES, SLOTS, int(when), 0, 0, 0.0)
        let_in(block)
        now += 400
        assert len(due(block, now)) == 50
