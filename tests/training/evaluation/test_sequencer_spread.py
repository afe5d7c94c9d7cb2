import json

import numpy as np
import pytest
import torch

from training.evaluation.linear_predictor import fit_linear
from training.evaluation.sequencer_spread import crps, energy_score, spread_scores


class Noise:
    """Draws white noise of one spread about 0: right for white noise where the spread is 1."""

    def __init__(self, spread):
        self.spread = spread

    def expected(self, history, steps):
        return torch.zeros(len(history), steps, history.shape[2])

    def forecast(self, history, steps, temperature, generator):
        return temperature * self.spread * torch.randn(len(history), steps, history.shape[2], generator=generator)


def noise(count, rows, seed=0):
    random = np.random.default_rng(seed)
    return [random.standard_normal((rows, 4)).astype(np.float32) for _ in range(count)]


HELD_OUT = noise(10, 200, seed=3)
LINEAR = fit_linear(noise(10, 200), 4)


def judged(spread):
    return spread_scores(Noise(spread), HELD_OUT, LINEAR, context=8, most_origins=200)


def test_right_samples_are_called_right():
    scores = judged(1.0)
    assert scores.spread_over_error == pytest.approx(np.ones(10), abs=0.1)
    assert scores.movement == pytest.approx(1.0, abs=0.05)
    # CRPS of a standard normal about its own draws: 1 / sqrt(pi).
    assert scores.crps["model"] == pytest.approx(np.full(10, 0.564), abs=0.05)
    assert scores.flat == 0.0


@pytest.mark.parametrize("spread", [0.05, 0.4, 2.5])
def test_flat_and_wild_samples_score_worse_and_say_which(spread):
    right, wrong = judged(1.0), judged(spread)
    assert wrong.movement == pytest.approx(spread, rel=0.06)
    assert wrong.spread_over_error == pytest.approx(np.full(10, spread), rel=0.15)
    assert (wrong.crps["model"] > right.crps["model"] + 0.02).all()
    assert (wrong.energy["model"] > right.energy["model"] + 0.02).all()


def test_of_a_single_guess_crps_is_the_absolute_error():
    truth = np.array([[1.0, -2.0]], dtype=np.float32)
    guess = np.array([[[0.0, 1.0]]], dtype=np.float32)
    assert crps(guess, truth).tolist() == [[1.0, 3.0]]
    assert energy_score(guess, truth)[0] == pytest.approx(np.sqrt(10.0 / 2))


def test_scores_equal_their_definitions():
    random = np.random.default_rng(0)
    samples, truth = random.standard_normal((5, 3, 2)).astype(np.float32), random.standard_normal((3, 2)).astype(np.float32)
    pairs = np.abs(samples[:, None].astype(float) - samples[None]).sum((0, 1)) / (2 * 5 * 4)
    np.testing.assert_allclose(crps(samples, truth), np.abs(samples - truth).mean(0) - pairs, atol=1e-6)
    far = np.linalg.norm(samples[:, None].astype(float) - samples[None], axis=-1).sum((0, 1)) / (2 * 5 * 4)
    expected = (np.linalg.norm(samples - truth, axis=-1).mean(0) - far) / np.sqrt(2)
    np.testing.assert_allclose(energy_score(samples, truth), expected, atol=1e-6)


def test_a_short_clip_limits_the_horizon_and_none_at_all_is_refused():
    scores = spread_scores(Noise(1.0), [HELD_OUT[0][:12]], LINEAR, context=4, most_origins=8)
    assert scores.horizons == (1, 2, 3, 4, 5, 6, 7, 8)
    json.dumps(scores.as_dict(), allow_nan=False)
    tiny = spread_scores(Noise(1.0), [HELD_OUT[0][:2]], LINEAR, context=4)
    assert (tiny.horizons, tiny.movement) == ((1,), None)
    with pytest.raises(ValueError, match="long enough"):
        spread_scores(Noise(1.0), [HELD_OUT[0][:1]], LINEAR, context=4)
