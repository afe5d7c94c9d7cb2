import ctypes
import math
import tracemalloc

import numpy as np
import pytest
from numba.core.runtime import rtsys

from realtime.controls import linear_gain, set_master
from realtime.kernels import callback, ring
from realtime.kernels import layout as at
from realtime.kernels.input import KEPT_FRAMES, copy_input, hear
from realtime.shared import SharedBlock
from tests.realtime.kernels.test_mixer import BLOCK_SIZES, SETTLED, Stage, noise

RATE_HZ = 48_000
CHANNELS = (at.F_INPUT_HEARD, at.F_INPUT_RAW, at.F_INPUT_OUTPUT)


def listening(channels: int = 1) -> SharedBlock:
    block = SharedBlock.private(RATE_HZ)
    block.words[at.W_INPUT_CHANNELS] = channels
    return block


def feed(block: SharedBlock, source: np.ndarray, out: np.ndarray | None = None, block_frames: int = 512) -> None:
    """`source` (T, channels) and `out` (T, 2) through the kernel, block by block."""
    frames = len(source)
    out = np.zeros((frames, 2), np.float32) if out is None else out
    for i in range(0, frames, block_frames):
        piece = np.ascontiguousarray(source[i : i + block_frames], np.float32).reshape(-1)
        hear(block.words, block.floats, piece, np.ascontiguousarray(out[i : i + block_frames]))


def taken(block: SharedBlock, channel: int, count: int, start: int = 0) -> np.ndarray:
    out = np.zeros(count, np.float32)
    assert copy_input(block.words, block.floats, channel, start, out)
    return out


def play(block: SharedBlock, source: np.ndarray | None, frames: int, flags: int = 0) -> np.ndarray:
    """One call as PortAudio makes it."""
    out = np.full((frames, 2), np.nan, np.float32)
    as_floats = ctypes.POINTER(ctypes.c_float)
    given = source.ctypes.data_as(as_floats) if source is not None else None
    line = callback.Line(block.address)
    cells = ctypes.cast(line.address, ctypes.POINTER(ctypes.c_int64))
    assert callback.stream_callback.ctypes(given, out.ctypes.data_as(as_floats), frames, None, flags, cells) == 0
    return out


def test_input_and_output_of_the_same_block_stand_side_by_side_as_they_were() -> None:
    block = listening()
    source, out = noise(5_000)[:, :1], noise(5_000, seed=2)
    feed(block, source, out)
    assert block.words[at.W_INPUT_HEAD] == 5_000
    np.testing.assert_array_equal(taken(block, at.F_INPUT_HEARD, 5_000), source[:, 0])
    np.testing.assert_array_equal(taken(block, at.F_INPUT_RAW, 5_000), source[:, 0])
    np.testing.assert_array_equal(taken(block, at.F_INPUT_OUTPUT, 5_000), np.float32(0.5) * (out[:, 0] + out[:, 1]))


@pytest.mark.parametrize("block_frames", [*BLOCK_SIZES, 60_000])
def test_any_block_size_gives_the_same_samples_and_meters(block_frames: int) -> None:
    blocks = listening(2), listening(2)
    source, out = noise(60_000), noise(60_000, seed=2)
    source[100:110] = math.nan
    for block, size in zip(blocks, (512, block_frames), strict=True):
        set_master(block.floats, "input_gain", 9.0)
        block.floats[at.F_INPUT_OPEN] = 0.5
        feed(block, source, out, size)
    for channel in CHANNELS:
        np.testing.assert_array_equal(taken(blocks[0], channel, 60_000), taken(blocks[1], channel, 60_000))
    np.testing.assert_array_equal(*(block.floats[at.F_MASTER_NOW : at.F_SCRATCH] for block in blocks))
    assert blocks[1].words[at.W_INPUT_NONFINITE] == 10


def test_two_channels_are_averaged() -> None:
    block = listening(2)
    feed(block, np.tile(np.array([0.5, 0.25], np.float32), (10, 1)))
    np.testing.assert_array_equal(taken(block, at.F_INPUT_RAW, 10), np.full(10, 0.375, np.float32))


def test_without_an_input_nothing_is_written() -> None:
    block = listening(0)
    play(block, noise(512), 512)
    assert block.words[at.W_INPUT_HEAD] == 0
    assert not block.floats[at.F_INPUT_HEARD : at.FLOATS_END].any()


def test_an_input_that_gives_no_buffer_is_silence_and_goes_on() -> None:
    block = listening()
    source = noise(256)[:, 0].copy()
    for given in (source, None, source):
        play(block, given, 256)
    raw = taken(block, at.F_INPUT_RAW, 768)
    np.testing.assert_array_equal(raw, np.concatenate([source, np.zeros(256, np.float32), source]))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 3e38])
def test_a_sample_that_is_not_finite_is_counted_and_dies_away(bad: float) -> None:
    block = listening(2)
    source = np.full((200, 2), 0.5, np.float32)
    source[100:150, 1] = bad
    feed(block, source)
    raw = taken(block, at.F_INPUT_RAW, 200)
    assert block.words[at.W_INPUT_NONFINITE] == 50
    np.testing.assert_allclose(raw[100:150], 0.5 * 0.99 ** np.arange(1, 51), rtol=1e-4)
    assert (raw[150:] == 0.5).all()
    assert np.isfinite(block.floats[at.F_MASTER_NOW : at.F_SCRATCH]).all()


def test_the_gain_moves_along_a_ramp_and_leaves_the_raw_input() -> None:
    block = listening()
    source = np.full((SETTLED, 1), 0.25, np.float32)
    set_master(block.floats, "input_gain", -12.0)
    feed(block, source)
    heard = taken(block, at.F_INPUT_HEARD, SETTLED)
    assert heard[-1] == pytest.approx(0.25 * linear_gain(-12.0), abs=1e-6)
    assert np.abs(np.diff(heard)).max() <= 0.25 / (0.02 * RATE_HZ) + 1e-7
    assert (taken(block, at.F_INPUT_RAW, SETTLED) == 0.25).all()


def test_the_guard_closes_in_less_than_50_ms_at_any_gain_and_the_meter_still_shows_the_input() -> None:
    block = listening()
    set_master(block.floats, "input_gain", 24.0)
    source = (0.02 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE_HZ) / RATE_HZ)).astype(np.float32)[:, None]
    feed(block, source)
    block.floats[at.F_INPUT_OPEN] = 0.0
    head = int(block.words[at.W_INPUT_HEAD])
    feed(block, source[:SETTLED])
    assert not taken(block, at.F_INPUT_HEARD, SETTLED - 2_400, head + 2_400).any()
    assert taken(block, at.F_INPUT_RAW, SETTLED, head).any()
    level = 0.02 * linear_gain(24.0)
    assert block.floats[at.F_INPUT_PEAK] == pytest.approx(level, rel=0.02)
    assert math.sqrt(block.floats[at.F_INPUT_SQUARE]) == pytest.approx(level / math.sqrt(2), rel=0.05)


def test_silence_leaves_no_numbers_too_small_for_the_processor() -> None:
    block = listening()
    feed(block, noise(8_000)[:, :1])
    feed(block, np.zeros((20 * RATE_HZ, 1), np.float32))
    state = block.floats[at.F_INPUT_NOW : at.F_INPUT_LAST + 1]
    assert all(value == 0.0 or abs(value) > np.finfo(np.float32).tiny for value in state)


def test_what_the_writer_has_come_round_to_is_not_given_out() -> None:
    block = listening()
    feed(block, np.ones((at.INPUT_FRAMES, 1), np.float32), block_frames=8_192)
    out = np.zeros(100, np.float32)
    oldest = at.INPUT_FRAMES - KEPT_FRAMES
    assert copy_input(block.words, block.floats, at.F_INPUT_RAW, oldest, out)
    assert not copy_input(block.words, block.floats, at.F_INPUT_RAW, oldest - 1, out)


def test_the_head_is_never_more_than_a_piece_behind_what_is_written() -> None:
    """In the loop of the kernel itself: a block of any size is announced piece by piece."""
    block = listening()
    heads: list[int] = []

    class Watched(np.ndarray):  # the plain function on an array that notes every store
        def __setitem__(self, key: object, value: object) -> None:
            if key == at.W_INPUT_HEAD:
                heads.append(int(value))  # type: ignore[call-overload]
            super().__setitem__(key, value)

    from realtime.kernels import input as kernel

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "store_release", lambda words, index, value: words.__setitem__(index, value))
        patch.setattr(kernel, "ramp", kernel.ramp.py_func)
        kernel.hear.py_func(block.words.view(Watched), block.floats, np.zeros(2_000, np.float32), np.zeros((2_000, 2), np.float32))
    assert np.diff([0, *heads]).max() <= at.PIECE_FRAMES
    assert heads[-1] == 2_000


def test_the_output_is_the_same_with_and_without_an_input() -> None:
    made = []
    for channels in (0, 2):
        stage = Stage(2)
        stage.block.words[at.W_INPUT_CHANNELS] = channels
        for deck in range(2):
            stage.feed(noise(8_192, 0.4, deck), deck)
        source = np.ascontiguousarray(noise(256, 0.9, 7))
        made.append(np.concatenate([play(stage.block, source if channels else None, 256) for _ in range(32)]))
    np.testing.assert_array_equal(*made)


def test_overflows_of_the_device_are_counted() -> None:
    block = listening()
    for flags in (0, 2, 4, 6):
        play(block, noise(64)[:, 0].copy(), 64, flags)
    assert block.words[at.W_INPUT_OVERFLOWS] == 2
    assert block.words[at.W_DEVICE_XRUNS] == 2


def test_no_allocation() -> None:
    stage = Stage(1)
    stage.block.words[at.W_INPUT_CHANNELS] = 2
    stage.feed(noise(60_000))
    assert ring.fill(stage.block.words, at.ring_words(0, 0)) == 60_000
    source, out = noise(128), np.zeros((128, 2), np.float32)
    call = callback.stream_callback.ctypes
    as_floats = ctypes.POINTER(ctypes.c_float)
    arguments = (source.ctypes.data_as(as_floats), out.ctypes.data_as(as_floats), 128, None, 0)
    line = callback.Line(stage.block.address)
    cells = ctypes.cast(line.address, ctypes.POINTER(ctypes.c_int64))
    call(*arguments, cells)
    before = rtsys.get_allocation_stats()
    tracemalloc.start()
    tracemalloc.reset_peak()
    base = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        call(*arguments, cells)
    peak = tracemalloc.get_traced_memory()[1] - base
    tracemalloc.stop()
    assert rtsys.get_allocation_stats() == before
    assert peak < out.nbytes
