import math
from collections.abc import Iterator

import numpy as np
import pytest

from realtime.journal import Journal
from realtime.kernels import layout as at
from realtime.kernels.mixer import GATE_S, mix
from realtime.kernels.ring import write
from realtime.schedule import MixerSchedule
from realtime.shared import SharedBlock

RATE_HZ = 48_000
SETTLED = 12_000
GAIN = at.deck_floats(0) + at.DF_GAIN


class Stage:
    """Decks that play a constant, mixed by hand."""

    def __init__(self, decks: int = 1) -> None:
        self.block = SharedBlock.private(RATE_HZ)
        self.journal = Journal(self.block)
        self.schedule = MixerSchedule(self.block)
        # The fade of the start is over.
        self.block.floats[at.F_RUN_NOW] = self.block.floats[at.F_MASTER_NOW] = 1.0
        for deck in range(decks):
            self.block.open_ring(deck, 0)
            frames = np.full((60_000, 2), 0.25, np.float32)
            write(self.block.words, self.block.floats, at.ring_words(deck, 0), at.ring_floats(deck, 0) + at.RF_DATA, frames, len(frames))
            self.block.words[at.deck_words(deck) + at.D_ACTIVE] = 0

    def mix(self, frames: int, block_frames: int = 512) -> np.ndarray:
        pieces = []
        while frames:
            out = np.full((min(block_frames, frames), 2), np.nan, np.float32)
            mix(self.block.words, self.block.floats, out)
            pieces.append(out)
            frames -= len(out)
        return np.concatenate(pieces)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def noted(self) -> list[tuple[int, int, float]]:
        """Frame, what and value of every entry."""
        entries = self.journal.copy().entries
        return [(int(e["when"]), int(e["what"]) // at.JOURNAL_PLACES, float(e["value"])) for e in entries]


@pytest.fixture(name="stage")
def _stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def test_a_scheduled_gain_begins_to_move_exactly_at_its_frame(stage: Stage) -> None:
    stage.mix(SETTLED)
    assert stage.schedule.push(SETTLED + 777, GAIN, 0.5)
    out = stage.mix(2_000)[:, 0]
    np.testing.assert_array_equal(out[:777], np.float32(0.25))
    assert (np.diff(out[776:]) <= 0).all()
    assert out[777] < 0.25
    assert out[-1] == np.float32(0.125)
    # The host's own cell is the host's.
    assert stage.block.floats[GAIN] == 1.0


@pytest.mark.parametrize("block_frames", [1, 64, 333, 512, 4_096])
def test_a_schedule_gives_the_same_samples_for_any_block_size(block_frames: int) -> None:
    rng = np.random.default_rng(2)
    changes = [(int(rng.integers(0, 20_000)), int(rng.integers(0, at.MIXED)), float(rng.uniform(0, 1))) for _ in range(60)]
    made = []
    for size in (512, block_frames):
        with Stage(2) as stage:
            for frame, cell, value in changes:
                assert stage.schedule.push(frame, at.deck_floats(1) + cell, value)
                assert stage.schedule.push(frame + 50, at.F_MASTER_GAIN, value)
            made.append(stage.mix(21_000, size))
    np.testing.assert_array_equal(made[0], made[1])


def test_what_comes_too_late_changes_at_once_and_the_last_asked_wins(stage: Stage) -> None:
    stage.mix(SETTLED)
    stage.schedule.push(5, GAIN, 0.5)
    stage.schedule.push(5, GAIN, 0.25)
    stage.mix(SETTLED)
    assert stage.mix(1)[0, 0] == np.float32(0.25 * 0.25)


def test_a_hand_wins_over_what_was_scheduled_before_and_a_schedule_over_a_hand_before_it(stage: Stage) -> None:
    stage.mix(SETTLED)
    stage.schedule.push(0, GAIN, 0.5)
    stage.schedule.set(GAIN, 0.8)
    stage.mix(SETTLED)
    assert stage.mix(1)[0, 0] == np.float32(0.25) * np.float32(0.8)
    stage.schedule.push(0, GAIN, 0.5)
    stage.mix(SETTLED)
    assert stage.mix(1)[0, 0] == np.float32(0.125)
    # The very value the hand set last: the cell does not change, what is in force does.
    stage.schedule.set(GAIN, 0.8)
    stage.mix(SETTLED)
    assert stage.mix(1)[0, 0] == np.float32(0.25) * np.float32(0.8)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_taken(stage: Stage, value: float) -> None:
    stage.mix(SETTLED)
    stage.schedule.push(0, GAIN, value)
    stage.block.floats[at.F_MASTER_GAIN] = value
    noted = len(stage.noted())
    np.testing.assert_array_equal(stage.mix(2_000), np.float32(0.25))
    assert len(stage.noted()) == noted


@pytest.mark.parametrize("position", [-1, 0, at.W_CLOCK * 2, at.F_MASTER_NOW, GAIN + at.MIXED, at.F_TAP, 2**40, -(2**60)])
def test_a_place_that_is_no_value_of_the_mixer_is_never_written(stage: Stage, position: int) -> None:
    stage.mix(SETTLED)
    before = stage.block.words.copy()
    stage.schedule.push(SETTLED, position, 0.5)
    np.testing.assert_array_equal(stage.mix(600), np.float32(0.25))
    changed = np.flatnonzero(before != stage.block.words)
    # The clock, the queue and list of the schedule, meters, the ring's tail and the scratch.
    assert at.W_MAGIC not in changed
    assert stage.block.floats[GAIN] == stage.block.floats[at.F_MASTER_GAIN] == 1.0


def test_more_than_can_wait_is_refused_and_the_rest_still_comes(stage: Stage) -> None:
    accepted = [stage.schedule.push(10_000 + n, GAIN, n / 2_000) for n in range(at.SCHEDULE_SLOTS + 1)]
    assert accepted == [True] * at.SCHEDULE_SLOTS + [False]
    stage.mix(30_000)
    assert stage.block.floats[at.deck_floats(0) + at.DF_SET] == np.float32((at.SCHEDULE_SLOTS - 1) / 2_000)


def test_a_panic_closes_the_gate_in_8_ms_and_opens_it_as_fast(stage: Stage) -> None:
    stage.mix(SETTLED)
    stage.block.words[at.W_GATE] = 0
    out = stage.mix(1_000)[:, 0]
    length = round(GATE_S * RATE_HZ)
    assert (np.diff(out[:length]) < 0).all()
    assert out[0] > 0.24
    assert not out[length:].any()
    stage.block.words[at.W_GATE] = 1
    np.testing.assert_array_equal(stage.mix(1_000)[length:], np.float32(0.25))


def test_the_journal_has_every_change_at_its_frame_and_none_that_is_none(stage: Stage) -> None:
    stage.mix(1_000, 100)
    assert stage.noted() == [(0, at.J_ACTIVE, 0.0), (0, at.J_FLOW, 1.0)]
    stage.block.floats[GAIN] = 0.5
    stage.block.words[at.W_GATE] = 0
    stage.schedule.push(1_250, at.deck_floats(0) + at.DF_PAN, -1.0)
    stage.schedule.push(1_260, at.deck_floats(0) + at.DF_PAN, -1.0)
    stage.mix(1_000, 100)
    stage.block.words[at.W_RUN] = 0
    stage.schedule.push(0, at.F_MASTER_GAIN, 2.0)
    stage.mix(100)
    changes = [
        (1_000, at.J_GATE, 0.0),
        (1_000, at.J_MIXED, 0.5),
        (1_250, at.J_MIXED + 1, -1.0),
        (2_000, at.J_MASTER, 2.0),
        (2_000, at.J_RUN, 0.0),
    ]
    assert stage.noted()[2:] == changes


def test_the_journal_has_the_frames_at_which_a_ring_ran_dry_and_flowed_again(stage: Stage) -> None:
    stage.mix(60_000 + 700, 512)
    assert stage.noted()[1:] == [(0, at.J_FLOW, 1.0), (60_000, at.J_DRY, 0.0)]
    frames = np.full((100, 2), 0.25, np.float32)
    stage.mix(2_000)
    write(stage.block.words, stage.block.floats, at.ring_words(0, 0), at.ring_floats(0, 0) + at.RF_DATA, frames, len(frames))
    stage.mix(512)
    assert stage.noted()[3:] == [(62_700, at.J_FLOW, 1.0), (62_800, at.J_DRY, 0.0)]


def test_a_full_journal_is_counted_and_stops_nothing(stage: Stage) -> None:
    for turn in range(at.JOURNAL_SLOTS + 10):
        stage.block.floats[GAIN] = 0.5 + turn % 2
        stage.mix(1)
    # Two of the first places are taken by the beginning of the deck.
    assert stage.journal.dropped == 12
