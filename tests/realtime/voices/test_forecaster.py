"""The two forms of a sequencer on stage: hearing, forecasting, fading from one forecast into the next."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from patches.manifest import Model, Tensor
from realtime.errors import VoiceError
from realtime.voices.forecaster import MultiStep, OneStep
from realtime.voices.session import StatefulSession

D, W, F, K = 3, 5, 6, 2


def session(nodes: list, inputs: dict, outputs: dict, feedback: dict[str, str], constants: dict[str, np.ndarray]) -> StatefulSession:
    initial = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        initial,
    )
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    listed = [tuple(Tensor(n, "float32", s) for n, s in side.items()) for side in (inputs, outputs)]
    return StatefulSession(Model("sequencer", "onnx", "model.onnx", inputs=listed[0], outputs=listed[1], feedback=feedback), content)


def counting() -> OneStep:
    """Says frame + state + temperature * normal; the state counts the frames."""
    nodes = [
        helper.make_node("Add", ["state", "one"], ["state_next"]),
        helper.make_node("Mul", ["normal", "temperature"], ["noise"]),
        helper.make_node("Add", ["frame", "state_next"], ["said"]),
        helper.make_node("Add", ["said", "noise"], ["sum"]),
        helper.make_node("ReduceSum", ["gumbel"], ["used"], keepdims=0),
        helper.make_node("Mul", ["used", "zero"], ["nothing"]),
        helper.make_node("Add", ["sum", "nothing"], ["next_frame"]),
    ]
    inputs = {"frame": (1, D), "state": (1, D), "gumbel": (1, K), "normal": (1, D), "temperature": (1,)}
    outputs = {"next_frame": (1, D), "state_next": (1, D)}
    constants = {"one": np.ones((1, D), np.float32), "zero": np.zeros((), np.float32)}
    return OneStep(session(nodes, inputs, outputs, {"state_next": "state"}, constants), "model.onnx", D)


def repeating(frames: int = F, window: int = W) -> MultiStep:
    """Says the last frame of its window again, plus 0, 1, 2 … for each frame further, plus temperature * normal."""
    nodes = [
        helper.make_node("Gather", ["window", "last"], ["frame"], axis=1),  # (1, 1, D)
        helper.make_node("Add", ["frame", "slope"], ["said"]),
        helper.make_node("Mul", ["normal", "temperature"], ["noise"]),
        helper.make_node("Add", ["said", "noise"], ["sum"]),
        helper.make_node("ReduceSum", ["gumbel"], ["used"], keepdims=0),
        helper.make_node("Mul", ["used", "zero"], ["nothing"]),
        helper.make_node("Add", ["sum", "nothing"], ["forecast"]),
    ]
    inputs = {"window": (1, window, D), "gumbel": (1, frames, K), "normal": (1, frames, D), "temperature": (1,)}
    slope = np.repeat(np.arange(frames, dtype=np.float32)[None, :, None], D, axis=2)
    constants = {"last": np.array([window - 1]), "slope": slope, "zero": np.zeros((), np.float32)}
    return MultiStep(session(nodes, inputs, {"forecast": (1, frames, D)}, {}, constants), "model.onnx", D)


def random() -> np.random.Generator:
    return np.random.default_rng(1)


def test_one_step_hears_and_says() -> None:
    model = counting()
    model.reset()
    said = []
    for _ in range(4):
        model.hear(np.zeros(D, np.float32), 0.0, random())
        said.append(model.next[0])
    assert said == [1.0, 2.0, 3.0, 4.0]
    model.reset()
    model.hear(np.zeros(D, np.float32), 0.0, random())
    assert model.next[0] == 1.0


def test_looking_ahead_changes_nothing_that_was_heard() -> None:
    model, plain = counting(), counting()
    out = np.zeros((4, D), np.float32)
    for step in range(5):
        frame = np.full(D, step, np.float32)
        model.hear(frame, 0.5, np.random.default_rng(step))
        plain.hear(frame, 0.5, np.random.default_rng(step))
        np.testing.assert_array_equal(model.next, plain.next)
        assert model.ahead(4, out) == 4
        np.testing.assert_array_equal(out[0], model.next)
        # Each frame ahead adds the count, which goes on from where it is.
        np.testing.assert_allclose(np.diff(out[:, 0]), [step + 2, step + 3, step + 4], rtol=1e-6)


def test_a_model_that_says_no_number_forgets_and_repeats() -> None:
    model = counting()
    model.hear(np.full(D, 2.0, np.float32), 0.0, random())
    model.hear(np.full(D, np.nan, np.float32), 0.0, random())
    assert model.faults == 1
    model.hear(np.zeros(D, np.float32), 0.0, random())
    assert model.next[0] == 1.0  # its count began anew


def test_a_forecast_is_used_frame_by_frame_and_faded_into_the_next() -> None:
    model = repeating()
    said = []
    for _ in range(7):
        model.hear(np.zeros(D, np.float32), 0.0, random())
        said.append(float(model.next[0]))
    # The first forecast 0 1 2 3 4 5 is replaced after three frames by another 0 1 2 3 …, faded over the three they share.
    expected = [0, 1, 2]
    expected += [old + share * (new - old) for old, new, share in zip((3, 4, 5), (0, 1, 2), (0.25, 0.5, 0.75), strict=True)]
    assert said[:6] == pytest.approx(expected)


def test_a_model_of_one_frame_is_asked_every_hop() -> None:
    model = repeating(frames=1)
    for value in (1.0, 5.0, -2.0):
        model.hear(np.full(D, value, np.float32), 0.0, random())
        assert model.next[0] == value


def test_a_window_is_full_from_the_first_frame() -> None:
    model = repeating(window=W)
    model.hear(np.full(D, 7.0, np.float32), 0.0, random())
    np.testing.assert_array_equal(model._session.inputs["window"], np.full((1, W, D), 7.0))
    model.hear(np.full(D, 8.0, np.float32), 0.0, random())
    np.testing.assert_array_equal(model._session.inputs["window"][0, :, 0], [7, 7, 7, 7, 8])


@pytest.mark.parametrize("make", [counting, repeating])
def test_reset_is_fresh_and_a_seed_repeats(make) -> None:
    def run(model) -> np.ndarray:
        source = np.random.default_rng(9)
        said = []
        for _ in range(20):
            model.hear(source.standard_normal(D).astype(np.float32), 1.0, source)
            said.append(model.next.copy())
        return np.array(said)

    model = make()
    first = run(model)
    model.reset()
    np.testing.assert_array_equal(run(model), first)
    np.testing.assert_array_equal(run(make()), first)


def test_ahead_of_a_forecast_is_its_rest() -> None:
    model = repeating()
    out = np.zeros((8, D), np.float32)
    model.hear(np.zeros(D, np.float32), 0.0, random())
    assert model.ahead(8, out) == F
    np.testing.assert_array_equal(out[:F, 0], np.arange(F))
    model.hear(np.zeros(D, np.float32), 0.0, random())
    assert model.ahead(3, out) == 3
    np.testing.assert_array_equal(out[:3, 0], [1, 2, 3])


def test_wrong_tensors_are_refused_by_name() -> None:
    with pytest.raises(VoiceError, match="no float32 tensor frame"):
        OneStep(counting()._session, "model.onnx", D + 1)
    with pytest.raises(VoiceError, match="no window in"):
        MultiStep(counting()._session, "model.onnx", D)


@pytest.mark.parametrize("make", [counting, repeating])
def test_a_prime_heard_before_is_the_same_as_one_heard_now(make: Callable[[], OneStep | MultiStep]) -> None:
    prime = np.random.default_rng(3).standard_normal((2 * F + 1, D)).astype(np.float32)
    frames = np.random.default_rng(4).standard_normal((2 * F, D)).astype(np.float32)

    def play(forecaster: OneStep | MultiStep, seed: int) -> list[np.ndarray]:
        random = np.random.default_rng(seed)
        forecaster.hear_prime(prime, random)
        said = [forecaster.next.copy()]
        for frame in frames:
            forecaster.hear(frame, 1.0, random)
            said.append(forecaster.next.copy())
        return said

    again = make()
    play(again, 1)
    np.testing.assert_array_equal(play(again, 2), play(make(), 2))
