"""The mixer: one 128-frame block of 1, 2 and 8 decks, of live input, and the same sum in NumPy. Run by `make bench`."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from realtime.kernels import layout as at
from realtime.kernels import mixer, ring
from realtime.kernels.input import hear
from realtime.shared import SharedBlock

BLOCK_FRAMES = 128


def stage(decks: int) -> SharedBlock:
    block = SharedBlock.private(48_000)
    for deck in range(decks):
        block.open_ring(deck, 0)
        block.words[at.deck_words(deck) + at.D_ACTIVE] = 0
    return block


def refill(block: SharedBlock, decks: int, sound: np.ndarray) -> None:
    for deck in range(decks):
        data = at.ring_floats(deck, 0) + at.RF_DATA
        ring.write(block.words, block.floats, at.ring_words(deck, 0), data, sound, len(sound))


@pytest.mark.parametrize("decks", [0, 1, 2, 8])
def test_mix(benchmark: BenchmarkFixture, decks: int) -> None:
    block = stage(decks)
    out = np.zeros((BLOCK_FRAMES, 2), np.float32)
    sound = np.random.default_rng(0).normal(0, 0.1, (BLOCK_FRAMES, 2)).astype(np.float32)

    def setup() -> None:
        refill(block, decks, sound)

    benchmark.pedantic(lambda: mixer.mix(block.words, block.floats, out), setup=setup, rounds=2_000, warmup_rounds=100)
    assert all(block.words[at.deck_words(deck) + at.D_UNDERRUNS] == 0 for deck in range(decks))


@pytest.mark.parametrize("channels", [1, 2])
def test_hear(benchmark: BenchmarkFixture, channels: int) -> None:
    block = stage(0)
    block.words[at.W_INPUT_CHANNELS] = channels
    out = np.zeros((BLOCK_FRAMES, 2), np.float32)
    source = np.random.default_rng(0).normal(0, 0.1, BLOCK_FRAMES * channels).astype(np.float32)
    benchmark(lambda: hear(block.words, block.floats, source, out))
    assert block.words[at.W_INPUT_HEAD] > 0


def test_the_sum_of_eight_decks_in_numpy(benchmark: BenchmarkFixture) -> None:
    """The baseline: gain and sum alone, without ramps, meters, cross-fade, finite check and limiter."""
    decks = np.random.default_rng(0).normal(0, 0.1, (8, BLOCK_FRAMES, 2)).astype(np.float32)
    gains = np.full((8, 1, 1), 0.5, np.float32)
    out = np.zeros((BLOCK_FRAMES, 2), np.float32)
    benchmark(lambda: np.sum(decks * gains, axis=0, out=out))
