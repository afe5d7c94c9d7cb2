import json

import numpy as np
import pytest
import torch

from tests.linear_process import linear_process
from training.evaluation.linear_predictor import fit_linear
from training.horizon_scores import choose_origins, group_columns, horizon_scores

NAMES = ("mfcc0", "mfcc1", "delta0", "rms")


class Guess:
    """A model that says what a function of the history and the number of steps says; remembers every history it got."""

    def __init__(self, say):
        self.say = say
        self.heard = []

    def expected(self, history, steps):
        self.heard.append(history.numpy().copy())
        return torch.as_tensor(self.say(history.numpy(), steps), dtype=torch.float32)


def repeats(history, steps):
    return np.repeat(history[:, -1:], steps, axis=1)


def zeros(history, steps):
    return np.zeros((len(history), steps, history.shape[2]), dtype=np.float32)


def noise(count, rows, seed=0):
    random = np.random.default_rng(seed)
    return [random.standard_normal((rows, 4)).astype(np.float32) for _ in range(count)]


def test_a_linear_process_is_best_told_by_the_linear_predictor():
    training, first, second = linear_process(20, 400, seed=0)
    held_out, _, _ = linear_process(10, 200, seed=1)

    def knows(history, steps):
        # The process' own matrices: nothing can expect better.
        made = [history[:, -2], history[:, -1]]
        for _ in range(steps):
            made.append(made[-1] @ first.T + made[-2] @ second.T)
        return np.stack(made[2:], axis=1)

    linear = fit_linear(training, longest=16)
    scores = horizon_scores(Guess(knows), held_out, linear, NAMES, context=16)
    assert scores.horizons == (1, 2, 3, 4, 5, 6, 7, 8, 16, 32)
    assert scores.ratio["linear"] == pytest.approx(np.ones(10), abs=0.02)
    assert (scores.ratio["repeat"] < 0.9).all()
    # The error of one step is the process' own noise.
    assert scores.mse["linear"][0] == pytest.approx(0.09, rel=0.05)
    # And a model that only repeats loses at every horizon, surely.
    lost = horizon_scores(Guess(repeats), held_out, linear, NAMES, context=16)
    assert (lost.ratio["linear"] > 1.1).all()
    assert (lost.interval["linear"][:, 0] > 1.0).all()
    np.testing.assert_array_equal(lost.ratio["repeat"], 1.0)


def test_of_a_constant_the_last_frame_is_perfect():
    held_out = [np.full((40, 4), value, dtype=np.float32) for value in (-1.0, 0.5, 2.0)]
    scores = horizon_scores(Guess(zeros), held_out, fit_linear(held_out, 8), NAMES, context=8)
    assert scores.mse["repeat"].max() == 0.0
    assert scores.mse["model"][0] == pytest.approx((1.0 + 0.25 + 4.0) / 3)
    assert (scores.ratio["repeat"] > 1e6).all()
    # Who is perfect beside one who is perfect is no worse.
    assert horizon_scores(Guess(repeats), held_out, fit_linear(held_out, 8), NAMES, context=8).ratio["repeat"].max() == 1.0


def test_of_white_noise_the_mean_wins():
    held_out = noise(12, 120, seed=5)
    scores = horizon_scores(Guess(zeros), held_out, fit_linear(noise(12, 400), 8), NAMES, context=8)
    assert scores.ratio["mean"] == pytest.approx(np.ones(10))
    # Repeating has the noise twice.
    assert scores.ratio["repeat"] == pytest.approx(np.full(10, 0.5), abs=0.06)
    assert (scores.mse["mean"] <= scores.mse["linear"] + 1e-3).all()


def test_histories_and_targets_never_cross_files():
    # Each clip is one number: a history with two numbers in it, or a target from the next clip, would show.
    held_out = [np.full((length, 4), number, dtype=np.float32) for number, length in enumerate((3, 50, 7, 2, 90, 1, 30))]
    model = Guess(repeats)
    scores = horizon_scores(model, held_out, fit_linear(held_out, 8), NAMES, context=20)
    for history in model.heard:
        assert (history == history[:, :1, :1]).all()
    assert scores.mse["model"].max() == 0.0
    # The clip of one frame predicts nothing; all others are judged.
    assert scores.clips == 6


def test_what_is_held_against_a_prediction_is_the_frame_so_many_steps_later():
    ramp = [(np.arange(60, dtype=np.float32)[:, None] * np.ones(4, dtype=np.float32)) for _ in range(2)]
    scores = horizon_scores(Guess(repeats), ramp, fit_linear(ramp, 4), NAMES, context=4)
    # A ramp that is repeated is wrong by as many steps as it was predicted ahead.
    np.testing.assert_allclose(scores.mse["model"], np.square(scores.horizons, dtype=float))
    assert scores.counted[0] == 2 * 56
    assert scores.counted[7] == 2 * (56 - 7)


def test_groups_are_the_kinds_of_descriptors():
    assert group_columns(("mfcc0", "mfcc12", "delta3", "delta_delta0", "f0", "rms")) == {
        "mfcc": [0, 1],
        "delta": [2],
        "delta_delta": [3],
        "f0": [4],
        "rms": [5],
    }
    held_out = noise(3, 40)
    for clip in held_out:
        clip[:, 3] *= 10.0
    scores = horizon_scores(Guess(zeros), held_out, fit_linear(held_out, 4), NAMES, context=4)
    assert scores.groups["rms"]["model"][0] > 50 * scores.groups["delta"]["model"][0]
    whole = (2 * scores.groups["mfcc"]["model"] + scores.groups["delta"]["model"] + scores.groups["rms"]["model"]) / 4
    np.testing.assert_allclose(whole, scores.mse["model"])


def test_origins_are_all_there_are_or_so_many_spread_over_all_files():
    places, possible = choose_origins([10, 2, 100], context=30, most=1000)
    assert possible == len(places) == 5 + 1 + 70
    assert all(0 <= origin.first < origin.row for origin in places)
    assert {origin.row - origin.first for origin in places if origin.clip == 2} == {30}
    fewer, possible = choose_origins([1000] * 10, context=10, most=50)
    assert (len(fewer), possible) == (50, 9900)
    assert {origin.clip for origin in fewer} == set(range(10))


def test_few_files_give_no_interval_and_short_ones_no_far_horizon():
    one = noise(1, 12)
    scores = horizon_scores(Guess(zeros), one, fit_linear(one, 4), NAMES, context=6)
    assert scores.interval is None
    assert scores.horizons == (1, 2, 3, 4, 5, 6)
    json.dumps(scores.as_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="no held-out clip"):
        horizon_scores(Guess(zeros), [one[0][:1]], fit_linear(one, 4), NAMES, context=6)


def test_the_interval_is_wide_where_files_differ():
    # Three files are easy, three are not: a mean over frames looks sure, the files say it is not.
    held_out = noise(6, 100)
    for clip in held_out[:3]:
        clip[:] = clip[:1]
    scores = horizon_scores(Guess(zeros), held_out, fit_linear(noise(6, 100), 4), NAMES, context=10)
    low, high = scores.interval["repeat"][0]
    assert low < scores.ratio["repeat"][0] < high
    assert high > 1.5 * low
    again = horizon_scores(Guess(zeros), held_out, fit_linear(noise(6, 100), 4), NAMES, context=10)
    np.testing.assert_array_equal(again.interval["repeat"], scores.interval["repeat"])
