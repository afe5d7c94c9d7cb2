import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.kernels import layout as at
from realtime.kernels import ring
from realtime.shared import SharedBlock

RING = at.ring_words(0, 0)
STATE = at.ring_floats(0, 0)
DATA = STATE + at.RF_DATA


@pytest.fixture(name="block")
def _block() -> SharedBlock:
    return fresh()


def fresh() -> SharedBlock:
    block = SharedBlock.private(48_000)
    block.open_ring(0, 0)
    return block


def write(block: SharedBlock, frames: np.ndarray) -> int:
    frames = np.ascontiguousarray(frames, np.float32)
    return ring.write(block.words, block.floats, RING, DATA, frames, len(frames))


def read(block: SharedBlock, count: int, lead: int = 1) -> tuple[np.ndarray, int]:
    missing = 0
    pieces = []
    while count:
        piece = min(count, at.PIECE_FRAMES)
        missing += ring.read(block.words, block.floats, RING, STATE, DATA, lead, at.F_SCRATCH, piece)
        pieces.append(block.floats[at.F_SCRATCH : at.F_SCRATCH + 2 * piece].reshape(-1, 2).copy())
        count -= piece
    return np.concatenate(pieces), missing


def stereo(count: int, start: int = 0) -> np.ndarray:
    n = np.arange(start, start + count)
    return np.stack([n + 1.0, -(n + 1.0)], axis=1).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9_000)), min_size=1, max_size=60))
def test_is_a_queue(steps: list[tuple[bool, int]]) -> None:
    block = fresh()
    written = taken = 0
    expected_room = at.RING_FRAMES - at.GUARD_FRAMES
    for writing, count in steps:
        if writing:
            did = write(block, stereo(count, written))
            assert did == min(count, expected_room - (written - taken))
            written += did
        else:
            count = min(count, written - taken)
            if count == 0:
                continue
            out, missing = read(block, count)
            assert missing == 0
            first = max(0, ring.LEVEL_FRAMES - taken)  # the fade-in after the ring began to flow
            np.testing.assert_array_equal(out[first:], stereo(count, taken)[first:])
            taken += count
        assert ring.fill(block.words, RING) == written - taken


def test_waits_for_its_lead(block: SharedBlock) -> None:
    write(block, stereo(99))
    out, missing = read(block, 64, lead=100)
    assert missing == 64
    assert not out.any()
    write(block, stereo(1, 99))
    out, missing = read(block, 64, lead=100)
    assert missing == 0
    assert out[-1, 0] > 0


def test_a_dry_ring_fades_without_a_jump_and_then_is_silent(block: SharedBlock) -> None:
    sound = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3_000) / 48_000)
    write(block, np.stack([sound, sound], axis=1))
    out, missing = read(block, 8_000)
    assert missing == 5_000
    normal = np.abs(np.diff(sound)).max()
    # The fade itself moves the signal by at most its own slope: pi / 2 / CONCEAL_FRAMES of full level per frame.
    assert np.abs(np.diff(out[ring.LEVEL_FRAMES :, 0])).max() <= normal + np.pi / 2 / ring.CONCEAL_FRAMES * 0.5
    assert np.abs(out[3_000 : 3_000 + 200]).max() > 0.3
    assert not out[3_000 + ring.CONCEAL_FRAMES :].any()


def test_flows_again_with_a_fade_in_and_not_before_the_fade_out_is_over(block: SharedBlock) -> None:
    write(block, np.full((2_000, 2), 0.5, np.float32))
    read(block, 2_100)
    write(block, np.full((9_000, 2), -0.5, np.float32))
    out, _ = read(block, 4_000)
    assert np.abs(np.diff(out[:, 0])).max() < 0.5 / ring.LEVEL_FRAMES + 0.5 * np.pi / 2 / ring.CONCEAL_FRAMES
    assert out[-1, 0] == pytest.approx(-0.5)


def test_the_writer_leaves_the_guard_alone(block: SharedBlock) -> None:
    write(block, stereo(at.GUARD_FRAMES))
    read(block, at.GUARD_FRAMES)
    write(block, np.full((2 * at.RING_FRAMES, 2), 9.0, np.float32))
    data = block.floats[DATA : DATA + 2 * at.GUARD_FRAMES].reshape(-1, 2)
    np.testing.assert_array_equal(data, stereo(at.GUARD_FRAMES))


def test_opening_forgets_everything(block: SharedBlock) -> None:
    write(block, stereo(500))
    read(block, 100)
    block.open_ring(0, 0)
    clean = fresh()
    np.testing.assert_array_equal(block.words[RING : RING + at.RING_WORDS], clean.words[RING : RING + at.RING_WORDS])
    assert not block.floats[DATA : DATA + 2 * at.RING_FRAMES].any()
