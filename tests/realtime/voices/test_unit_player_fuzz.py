import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.voices.unit_player import SLOTS
from realtime.voices.unit_shape import STREAMS, Shape
from tests.realtime.voices.unit_sound import STEP, player, run

FRAMES = 30_000
LEVEL = 0.5
# Every ringing unit at its loudest, hard to one side; the sinc overshoots by less than a third.
BOUND = LEVEL * (SLOTS + 1) * STREAMS * math.sqrt(2.0) * 1.4

numbers = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 0.0, 1e300, -1e300, 5e-324]), st.floats(0.0, 400.0), st.floats(0.2, 4.5)
)
shapes = st.builds(
    Shape,
    attack_ms=numbers,
    release_ms=numbers,
    overlap_ms=numbers,
    rate=numbers,
    reverse=st.booleans(),
    spread=numbers,
    streams=st.one_of(st.integers(-2, 9), numbers),
    pitch_join=st.booleans(),
    unit_ms=numbers,
)
places = st.one_of(st.integers(-100, FRAMES + 100), st.sampled_from([-(2**62), 2**62, 0, FRAMES - 1]))
begins = st.tuples(
    st.integers(-2, STREAMS + 2),
    places,
    st.one_of(st.integers(-5, 5_000), st.just(2**61)),
    st.one_of(st.floats(), st.floats(30.0, 3_000.0)),
    places,
    places,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    plan=st.lists(st.tuples(st.lists(begins, max_size=4), shapes, st.integers(1, 3)), min_size=1, max_size=10),
    channels=st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2)]),
    step_frames=st.sampled_from([1, 64, 700, STEP]),
)
def test_anything_may_be_asked_for(
    plan: list[tuple[list[tuple[int, int, int, float, int, int]], Shape, int]], channels: tuple[int, int], step_frames: int
) -> None:
    audio = (LEVEL * np.random.default_rng(0).uniform(-1, 1, (FRAMES, channels[0]))).astype(np.float32)
    made = player(audio, channels[1], step_frames)
    for units, shape, steps in plan:
        for stream, start, length, pitch_hz, first, last in units:
            begun = made.begin(stream, start, length, pitch_hz, (first, last), shape)
            if max(first, 0) <= min(last, FRAMES - 1):
                assert max(first, 0) <= begun <= min(last, FRAMES - 1)
        out = run(made, shape, steps, channels[1], step_frames)
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= BOUND
        for stream in range(STREAMS):
            assert made.sounding(stream) == (made.position(stream) >= 0)
            assert made.sounding(stream) or made.left_frames(stream) == 0
