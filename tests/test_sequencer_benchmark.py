import numpy as np
import pytest

from benchmarks.report import BenchmarkError, to_json
from benchmarks.sequencer import UnequalStepsError, Way, _compare, measure, run


def test_every_way_is_taken_in_every_round_and_periods_stay_whole():
    taken = []
    ways = [
        Way(name, lambda name=name: taken.append(name), lambda name=name: taken.append(f"{name} again"), period, 0)
        for name, period in (("a", 1), ("b", 4))
    ]
    hops, recomputed = measure(ways, 5, np.random.default_rng(0))
    # As many hops of each, in rows that begin where the model is asked.
    assert hops["a"].shape == (5 * 8, 1)
    assert hops["b"].shape == (5 * 2, 4)
    assert recomputed["a"].shape == recomputed["b"].shape == (5,)
    assert taken.count("a again") == taken.count("b again") == 5 + 3
    assert taken.count("b") == 5 * 8 + 3 * 4


@pytest.mark.parametrize("wrong", [0.1, np.nan])
def test_steps_that_differ_are_not_timed(wrong):
    _compare("LSTM", np.ones(3, np.float32), np.ones(3, np.float32))
    with pytest.raises(UnequalStepsError, match="LSTM"):
        _compare("LSTM", np.ones(3, np.float32), np.array([1.0, 1.0, 1.0 + wrong], np.float32))


def test_a_recipe_that_cannot_be_is_named(tmp_path):
    (tmp_path / "r.toml").write_text("nhead = 7\n")
    with pytest.raises(BenchmarkError, match="nhead"):
        run(["--recipe", str(tmp_path / "r.toml")])
    with pytest.raises(BenchmarkError, match="--rounds"):
        run(["--rounds", "0"])


@pytest.mark.slow
def test_all_four_models_are_timed_both_ways(tmp_path):
    sizes = "hidden_size = 16\nnum_layers = 1\ncomponents = 2\ndim_feedforward = 16\nwindow_size = 12\nforecast_size = 6\n"
    (tmp_path / "r.toml").write_text(sizes)
    outcome = run(["--recipe", str(tmp_path / "r.toml"), "--rounds", "2"])
    assert len(outcome.rows) == 4
    for name in ("LSTM", "LSTMEncoderDecoderModel", "TransformerEncoderOnlyModel", "TransformerModel"):
        for key in ("cached_us", "recomputed_us", "ratio", "p99_us", "worst_us", "hop_share", "step_us"):
            assert outcome.results[f"{name}.{key}"] > 0.0
    to_json("sequencer", outcome)
