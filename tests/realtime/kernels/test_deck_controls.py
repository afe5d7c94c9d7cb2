import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.kernels import layout as at
from realtime.kernels.deck_controls import take_controls
from realtime.kernels.queue import take
from realtime.schedule import DeckSchedule
from realtime.shared import SharedBlock

RING, STATE = at.ring_words(1, 0), at.ring_floats(1, 0)
CONTROLS = 3


class Steps:
    """The steps of a deck process, taken by hand."""

    def __init__(self) -> None:
        self.block = SharedBlock.private(48_000)
        self.block.open_ring(1, 0)
        self.schedule = DeckSchedule(self.block, 1)
        self.done = 0

    def set(self, *values: float) -> None:
        self.block.controls(1, 0)[: len(values)] = values

    def step(self, frame: int, *, frozen: bool = False) -> list[float]:
        take_controls(self.block.words, self.block.floats, RING, STATE, CONTROLS, frame, self.done, frozen)
        self.done += 1
        start = STATE + at.RF_SET
        return [float(value) for value in self.block.floats[start : start + CONTROLS]]

    def noted(self) -> list[tuple[int, int, float]]:
        entries, values = np.zeros((at.RING_JOURNAL_SLOTS, at.Q_ENTRY), np.int64), np.zeros(at.RING_JOURNAL_SLOTS, np.float32)
        queue, at_values = RING + at.R_JOURNAL, STATE + at.RF_JOURNAL
        count = take(self.block.words, self.block.floats, queue, at_values, at.RING_JOURNAL_SLOTS, entries, values)
        return [(int(e[0]), int(e[1]), float(v)) for e, v in zip(entries[:count], values[:count], strict=True)]


def test_the_first_step_takes_and_notes_everything_a_later_one_what_changed() -> None:
    steps = Steps()
    steps.set(0.5, 0.0, 2.0)
    assert steps.step(0) == [0.5, 0.0, 2.0]
    assert steps.noted() == [(0, 0, 0.5), (0, 1, 0.0), (0, 2, 2.0), (0, at.J_FREEZE, 0.0)]
    steps.step(100)
    assert steps.noted() == []
    steps.set(0.5, 1.0)
    assert steps.step(200, frozen=True) == [0.5, 1.0, 2.0]
    assert steps.noted() == [(2, 1, 1.0), (2, at.J_FREEZE, 1.0)]


def test_what_is_scheduled_is_heeded_by_the_step_that_is_heard_then_or_next() -> None:
    steps = Steps()
    steps.step(0)
    steps.schedule.push(1_000, 1, 0.25, 0)
    steps.schedule.push(500, 0, 0.75, 0)
    assert steps.step(499) == [0.0, 0.0, 0.0]
    assert steps.step(999) == [0.75, 0.0, 0.0]
    assert steps.step(1_000) == [0.75, 0.25, 0.0]


def test_a_hand_wins_over_what_was_scheduled_before() -> None:
    steps = Steps()
    steps.step(0)
    steps.schedule.push(10, 0, 0.25, 0)
    steps.schedule.set(0, 0.5, 0)
    assert steps.step(20) == [0.5, 0.0, 0.0]
    steps.schedule.push(30, 0, 0.25, 0)
    assert steps.step(30) == [0.25, 0.0, 0.0]
    # The value the host's cell has already.
    steps.schedule.set(0, 0.5, 0)
    assert steps.step(40) == [0.5, 0.0, 0.0]


def test_a_control_the_patch_does_not_have_and_what_is_no_number_change_nothing() -> None:
    steps = Steps()
    steps.set(math.nan)
    assert steps.step(0) == [0.0, 0.0, 0.0]
    steps.set(math.inf)
    for index in (-1, CONTROLS, 10**9):
        steps.schedule.push(0, index, 1.0, 0)
    steps.schedule.push(0, 1, math.nan, 0)
    assert steps.step(1) == [0.0, 0.0, 0.0]
    assert len(steps.noted()) == CONTROLS + 1


def test_nothing_is_scheduled_on_a_ring_that_is_not_heard() -> None:
    steps = Steps()
    assert not steps.schedule.push(0, 0, 1.0)
    steps.block.words[at.deck_words(1) + at.D_ACTIVE] = 0
    assert steps.schedule.push(0, 0, 1.0)
    assert steps.step(0)[0] == 1.0


@pytest.mark.parametrize("steps_read", [True, False])
def test_a_journal_that_nobody_reads_is_counted(steps_read: bool) -> None:
    steps = Steps()
    for n in range(1, at.RING_JOURNAL_SLOTS):
        steps.set(n % 2, n % 3)
        steps.step(n)
        if steps_read:
            steps.noted()
    assert (steps.block.words[RING + at.R_JOURNAL + at.Q_DROPPED] > 0) is not steps_read


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["hand", "schedule", "step"]), st.integers(0, 2), st.integers(0, 40)), max_size=80))
def test_the_latest_wins_as_in_a_model_of_it(turns: list[tuple[str, int, int]]) -> None:
    steps = Steps()
    cells, seen, in_force = [0.0] * 3, [0.0] * 3, [0.0] * 3
    waiting: list[tuple[int, int, float]] = []
    frame = 0
    steps.step(0)
    for number, (turn, index, when) in enumerate(turns, 1):
        if turn == "hand":
            cells[index] = number / 2
            steps.set(*cells)
        elif turn == "schedule":
            waiting.append((frame + when, index, number / 2))
            steps.schedule.push(frame + when, index, number / 2, 0)
        else:
            frame += when
            for due, control, value in sorted(waiting, key=lambda entry: entry[0]):
                if due <= frame:
                    in_force[control] = value
            waiting = [entry for entry in waiting if entry[0] > frame]
            for i in range(3):
                if cells[i] != seen[i]:
                    seen[i] = in_force[i] = cells[i]
            assert steps.step(frame) == in_force
