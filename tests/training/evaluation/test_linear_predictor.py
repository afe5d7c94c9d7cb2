import numpy as np
import pytest

from tests.linear_process import linear_process
from training.evaluation.linear_predictor import LinearPredictor, fit_linear


def test_a_linear_process_is_found():
    clips, first, second = linear_process(20, 400, seed=0)
    found = fit_linear(clips, longest=8)
    assert found.order >= 2
    np.testing.assert_allclose(found.weights[1:5].T, first, atol=0.05)
    np.testing.assert_allclose(found.weights[5:9].T, second, atol=0.05)
    np.testing.assert_allclose(found.weights[0], 0.0, atol=0.02)
    np.testing.assert_allclose(found.noise @ found.noise.T, 0.09 * np.eye(4), atol=0.01)


def test_it_iterates_its_own_frames_and_stays_in_the_training_range():
    weights = np.array([[0.5], [2.0]])
    grown = LinearPredictor(weights, np.zeros((1, 1)), np.array([-3.0]), np.array([3.0]), order=1, ridge=0.0)
    made = grown.expected(np.array([[[9.0], [0.0]]], dtype=np.float32), 4)
    assert made[0, :, 0].tolist() == [0.5, 1.5, 3.0, 3.0]


def test_two_lags_are_newest_first_and_a_short_history_goes_on_as_its_first_frame():
    weights = np.array([[0.0], [1.0], [10.0]])
    two = LinearPredictor(weights, np.zeros((1, 1)), np.array([-1e9]), np.array([1e9]), order=2, ridge=0.0)
    assert two.expected(np.array([[[3.0], [1.0]]], dtype=np.float32), 2)[0, :, 0].tolist() == [31.0, 41.0]
    assert two.expected(np.array([[[1.0]]], dtype=np.float32), 1)[0, 0, 0] == 11.0


def test_draws_have_the_errors_of_the_training():
    clips, _, _ = linear_process(20, 400, seed=0)
    found = fit_linear(clips, longest=4)
    history = np.repeat(clips[0][None, :10], 4000, axis=0)
    made = found.sample(history, 1, np.random.default_rng(1))
    np.testing.assert_allclose(made.std(axis=(0, 1)), 0.3, atol=0.02)
    np.testing.assert_allclose(made.mean(axis=(0, 1)), found.expected(history[:1], 1)[0, 0], atol=0.03)


@pytest.mark.parametrize("rows", [2, 3, 9, 40])
def test_little_to_learn_from_is_enough(rows):
    # One clip, shorter than most orders; digital silence beside it: nothing may blow up.
    random = np.random.default_rng(0)
    for clips in ([random.standard_normal((rows, 39)).astype(np.float32)], [np.zeros((rows, 39), dtype=np.float32)] * 2):
        made = fit_linear(clips, longest=64).expected(clips[0][None], 32)
        assert np.isfinite(made).all()
        assert np.abs(made).max() <= np.abs(clips[0]).max() + 1e-6


def test_noise_teaches_it_to_say_the_mean():
    random = np.random.default_rng(0)
    found = fit_linear([random.standard_normal((500, 6)).astype(np.float32) for _ in range(6)], longest=64)
    assert np.abs(found.weights).max() < 0.1
