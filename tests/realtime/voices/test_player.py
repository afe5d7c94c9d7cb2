import numpy as np
import pytest

from realtime.voices.player import play

FRAMES = 1_024


def corpus(channels: int = 1, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((20_000, channels)).astype(np.float32)


def step(audio: np.ndarray, position: int, start: int, fade: int = 256) -> np.ndarray:
    out = np.full((FRAMES, audio.shape[1]), np.nan, np.float32)
    play(audio, position, start, fade, out)
    return out


@pytest.mark.parametrize("channels", [1, 2])
def test_going_on_copies_the_corpus_as_it_is(channels: int) -> None:
    audio = corpus(channels)
    position, made = 500, []
    for _ in range(10):
        made.append(step(audio, position, position))
        position += FRAMES
    np.testing.assert_array_equal(np.concatenate(made), audio[500 : 500 + 10 * FRAMES])


def test_a_jump_fades_with_equal_power_and_lasts_exactly_one_step() -> None:
    audio = corpus()
    powers = []
    for start in range(2_000, 10_000, 37):
        out = step(audio, 19_000 - start, start)
        np.testing.assert_array_equal(out[256:], audio[start + 256 : start + FRAMES])
        powers.append((out[:256] ** 2).mean())
    assert 10 * np.log10(np.mean(powers)) == pytest.approx(0.0, abs=0.1)


def test_a_jump_begins_and_ends_where_the_two_sounds_are() -> None:
    audio = np.concatenate([np.full((5_000, 1), 0.5), np.full((5_000, 1), -0.25)]).astype(np.float32)
    out = step(audio, 1_000, 6_000)
    assert out[0, 0] == pytest.approx(0.5, abs=0.01)
    assert out[255, 0] == pytest.approx(-0.25, abs=0.01)
    assert np.abs(np.diff(out[:, 0])).max() < 0.01


def test_the_first_step_fades_in_from_silence() -> None:
    out = step(corpus(), -1, 4_000)
    assert abs(out[0, 0]) < 0.02
    assert np.isfinite(out).all()


def test_outside_the_corpus_is_silence() -> None:
    audio = corpus()
    assert not step(audio, 19_500, 19_500)[500:].any()
    assert np.isfinite(step(audio, 19_990, 30_000)).all()
    assert np.isfinite(step(audio, 30_000, -500)).all()


def test_equals_its_plain_form() -> None:
    audio = corpus(2)
    plain = np.zeros((FRAMES, 2), np.float32)
    play.py_func(audio, 700, 9_000, 100, plain)
    np.testing.assert_allclose(step(audio, 700, 9_000, 100), plain, atol=1e-6)
