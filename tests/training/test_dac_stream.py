import numpy as np
import pytest
import torch

from export.dac import decode_stream
from tests.dac_reference import odd_codec, tiny_codec, vectors
from training.codecs.dac_stream import STEPS, DacStream, full_lookahead, guess_for, shorter_lookahead, stream_lookahead_frames

# Measured: 2.1e-7 of the tiny codec, 4e-6 of the random one.
STREAM_ERROR = 1e-6
ODD_ERROR = 3e-5


@pytest.mark.parametrize("steps", STEPS)
def test_stream_is_the_whole_clip(steps: int) -> None:
    stream = DacStream(tiny_codec().model, steps)
    assert stream.lookahead_frames == tiny_codec().lookahead_frames
    made = decode_stream(stream, vectors()["codes"])
    assert np.abs(made - vectors()["decoded_9"]).max() < STREAM_ERROR


def test_first_codebooks_alone() -> None:
    stream = DacStream(tiny_codec().model, 4, codebooks=4)
    assert stream.codes_shape == (1, 4, 4)
    assert np.abs(decode_stream(stream, vectors()["codes"][:4]) - vectors()["decoded_first4"]).max() < STREAM_ERROR
    # Of all nine, five without a code.
    assert (
        np.abs(decode_stream(DacStream(tiny_codec().model, 8), vectors()["codes"][:4]) - vectors()["decoded_first4"]).max() < STREAM_ERROR
    )


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("length", [1, 3, 40])
def test_odd_rates_short_clips_and_frequencies_near_zero(steps: int, length: int) -> None:
    codes = np.random.default_rng(length).integers(0, 16, (3, length))
    whole = odd_codec().decode(codes)
    assert np.abs(whole).max() > 0.01
    made = decode_stream(DacStream(odd_codec().model, steps), codes)
    assert np.abs(made - whole).max() < ODD_ERROR


def test_silence_before_between_and_after() -> None:
    """Two clips with a pause as long as the reach are each as if alone, from a state that is reset or not."""
    codes = vectors()["codes"].astype(np.int64)[:, :30]
    pause = np.full((9, 12), -1)
    made = decode_stream(DacStream(tiny_codec().model, 2), np.concatenate([pause, codes, pause, codes, pause], axis=1))
    clip = tiny_codec().decode(codes)
    for start in (12, 54):
        assert np.abs(made[start * 512 : (start + 30) * 512] - clip).max() < STREAM_ERROR
    for start in (0, 42, 84):
        assert not made[start * 512 : (start + 12) * 512].any()


def test_stream_is_causal_and_its_state_is_explicit() -> None:
    stream = DacStream(tiny_codec().model, 2)
    codes = torch.from_numpy(vectors()["codes"].astype(np.int64))[None, :, :8]
    state, sounds, states = stream.initial_state(), [], []
    with torch.no_grad():
        for piece in codes.split(2, dim=2):
            states.append(state)
            sound, *following = stream(piece, *state)
            state = tuple(following)
            sounds.append(sound)
        assert {tuple(x.shape) for x in state} == set(stream.state_shapes.values())
        again = stream(codes[:, :, 4:6], *states[2])
    assert torch.equal(again[0], sounds[2])


@pytest.mark.parametrize("waited", range(11))
def test_shorter_lookahead_keeps_its_word(waited: int) -> None:
    model = tiny_codec().model
    assert DacStream(model, 1, shorter_lookahead(model, waited * 512)).lookahead_frames <= waited * 512
    held, levels = guess_for(model.config, waited * 512)
    assert DacStream(model, 1, held=held, held_levels=levels).lookahead_frames <= waited * 512


@pytest.mark.parametrize("codec", [tiny_codec, odd_codec])
@pytest.mark.parametrize("levels", [1, 2, 4, 5])
@pytest.mark.parametrize("held", [0, 1, 7, 10])
def test_lookahead_is_known_before_a_stream_is_made(codec, held: int, levels: int) -> None:
    model = codec().model
    assert DacStream(model, 1, held=held, held_levels=levels).lookahead_frames == stream_lookahead_frames(model.config, held, levels)


def test_guessing_in_the_first_level_costs_little() -> None:
    model = tiny_codec().model
    exact = DacStream(model, 4)
    assert 1.0 < DacStream(model, 4, held=6).multiplications / exact.multiplications < 1.4
    assert DacStream(model, 4, held=4, held_levels=5).multiplications == 2 * exact.multiplications


def test_lookahead_of_the_whole_reach_is_exact() -> None:
    model = tiny_codec().model
    assert shorter_lookahead(model, 4757) == full_lookahead(model)
    assert shorter_lookahead(model, 4756) != full_lookahead(model)


@pytest.mark.parametrize(
    "options", [{"held": 1}, {"held": 9}, {"held": 3, "levels": 2}, {"held": 10, "levels": 5}, {"lookahead": 0}, {"lookahead": 3 * 512}]
)
def test_less_lookahead_hears_no_future(options: dict[str, int]) -> None:
    """Codes after the look-ahead change nothing, in every variant."""
    model = tiny_codec().model
    ahead = shorter_lookahead(model, options["lookahead"]) if "lookahead" in options else None
    stream = DacStream(model, 1, ahead, held=options.get("held", 0), held_levels=options.get("levels", 1))
    one = vectors()["codes"].astype(np.int64)[:, :40]
    other = one.copy()
    other[:, 20:] = vectors()["codes"][:, 120:140]
    kept = 20 * 512 - stream.lookahead_frames
    a, b = decode_stream(stream, one), decode_stream(stream, other)
    assert np.array_equal(a[:kept], b[:kept])
    assert not np.array_equal(a[kept:], b[kept:])


def test_held_codes_that_really_go_on_are_exact() -> None:
    codes = np.repeat(vectors()["codes"].astype(np.int64)[:, 50:51], 40, axis=1)
    stream = DacStream(tiny_codec().model, 2, held=10, held_levels=5)
    assert stream.lookahead_frames == 0
    made, whole = decode_stream(stream, codes), tiny_codec().decode(codes)
    assert np.abs(made - whole)[: 30 * 512].max() < STREAM_ERROR
