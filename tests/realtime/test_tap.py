import numpy as np
import pytest

from realtime.kernels import layout as at
from realtime.kernels.mixer import mix
from realtime.kernels.ring import write
from realtime.shared import SharedBlock
from realtime.tap import StemTap, Tap, start_all, stop_all

RATE_HZ = 48_000


class Stage:
    """Decks that play noise below the limiter's knee, mixed by hand."""

    def __init__(self, decks: int) -> None:
        self.block = SharedBlock.private(RATE_HZ)
        # The fade of the start is over.
        self.block.floats[at.F_RUN_NOW] = self.block.floats[at.F_MASTER_NOW] = 1.0
        for deck in range(decks):
            self.block.open_ring(deck, 0)
            frames = (0.1 * np.random.default_rng(deck).standard_normal((30_000, 2))).astype(np.float32)
            write(self.block.words, self.block.floats, at.ring_words(deck, 0), at.ring_floats(deck, 0) + at.RF_DATA, frames, len(frames))
            self.block.words[at.deck_words(deck) + at.D_ACTIVE] = 0

    def mix(self, frames: int) -> np.ndarray:
        out = np.zeros((frames, 2), np.float32)
        for start in range(0, frames, 100):
            mix(self.block.words, self.block.floats, out[start : start + 100])
        return out


def test_stems_add_up_to_the_mix_and_count_the_same_frames() -> None:
    stage = Stage(2)
    stage.block.floats[at.deck_floats(0) + at.DF_PAN] = -0.4
    stage.block.floats[at.deck_floats(1) + at.DF_GAIN] = 0.7
    stems = [StemTap(stage.block, deck) for deck in range(3)]
    stage.mix(300)
    start_all(stage.block, 3)
    out = stage.mix(5_000)
    sounds = [stem.read() for stem in stems]
    assert [len(sound) for sound in sounds] == [5_000] * 3
    assert [(stem.frame, stem.frames, stem.dropped_frames) for stem in stems] == [(300, 5_000, 0)] * 3
    np.testing.assert_array_equal(sounds[0] + sounds[1], out)
    # Nothing is loaded there.
    assert not sounds[2].any()
    tap = Tap(stage.block)
    np.testing.assert_array_equal(tap.read(), out)
    assert tap.frame == 300


def test_taps_are_turned_on_and_off_one_by_one() -> None:
    stage = Stage(2)
    tap, stem = Tap(stage.block), StemTap(stage.block, 1)
    tap.start()
    stage.mix(1_000)
    stem.start()
    stage.mix(1_000)
    tap.stop()
    stage.mix(1_000)
    assert (len(tap.read()), tap.frame) == (2_000, 0)
    assert (len(stem.read()), stem.frame) == (2_000, 1_000)
    stop_all(stage.block)
    stage.mix(1_000)
    assert len(stem.read()) == 0


def test_a_start_forgets_what_was_left_unread_and_says_where_it_begins() -> None:
    stage = Stage(1)
    stem = StemTap(stage.block, 0)
    stem.start()
    stage.mix(1_000)
    stem.stop()
    stage.mix(500)
    stem.start()
    out = stage.mix(700)
    np.testing.assert_array_equal(stem.read(), out)
    assert (stem.frame, stem.frames) == (1_500, 700)


@pytest.mark.parametrize("silent", [False, True])
def test_a_stem_that_nobody_reads_drops_and_counts(silent: bool) -> None:
    stage = Stage(0 if silent else 1)
    stem = StemTap(stage.block, 0)
    stem.start()
    stage.mix(at.STEM_FRAMES + 300)
    assert stem.dropped_frames == 300
    assert len(stem.read()) == at.STEM_FRAMES
    stage.mix(100)
    assert len(stem.read()) == 100
    # The dropped ones are missing between: the clock says so.
    assert stem.frame == at.STEM_FRAMES + 300
