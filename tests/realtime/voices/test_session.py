from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

from patches.manifest import Audio, Model, Tensor
from realtime.errors import VoiceError
from realtime.voices.session import StatefulSession
from tests.stage_patch import HOP_FRAMES, manifest, sequencer_bytes

MODEL: Model = manifest("test", Audio(44_100, 1, HOP_FRAMES, 0)).model("sequencer")


def feed(session: StatefulSession, steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(steps):
        session.inputs["frame"][:] = rng.standard_normal((1, 39))
        session.inputs["temperature"][:] = 0.5
        session.inputs["normal"][:] = rng.standard_normal((1, 39))
        session.step()
        made.append(np.concatenate([session.outputs["next_frame"].ravel(), counted(session)]))
    return np.array(made)


def counted(session: StatefulSession) -> np.ndarray:
    """The state that the next step will read."""
    even = session._turn == 0
    return (session.inputs["hidden"] if even else session.outputs["hidden_next"]).ravel().copy()


def test_state_goes_round_as_it_would_by_hand() -> None:
    session = StatefulSession(MODEL, sequencer_bytes())
    made = feed(session, 7)
    plain = ort.InferenceSession(sequencer_bytes(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    hidden = cell = np.zeros((1, 1, 4), np.float32)
    for row in made:
        inputs = {
            "frame": rng.standard_normal((1, 39)).astype(np.float32),
            "hidden": hidden,
            "cell": cell,
            "gumbel": np.zeros((1, 2), np.float32),
            "temperature": np.array([0.5], np.float32),
        }
        inputs["normal"] = rng.standard_normal((1, 39)).astype(np.float32)
        following, hidden, cell = plain.run(["next_frame", "hidden_next", "cell_next"], inputs)
        np.testing.assert_allclose(row, np.concatenate([following.ravel(), hidden.ravel()]), atol=1e-6)
    assert made[-1][-1] == 7.0


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_reset_is_fresh(steps: int) -> None:
    session = StatefulSession(MODEL, sequencer_bytes())
    feed(session, steps, seed=9)
    session.reset()
    np.testing.assert_array_equal(feed(session, 4), feed(StatefulSession(MODEL, sequencer_bytes()), 4))


@pytest.mark.parametrize("content", [b"", b"not a model", sequencer_bytes()[:-40]])
def test_what_the_runtime_refuses_is_named(content: bytes) -> None:
    with pytest.raises(VoiceError, match=r"sequencer\.onnx"):
        StatefulSession(MODEL, content)


@pytest.mark.parametrize(
    "tensor", [Tensor("frame", "float32", (1, 40)), Tensor("frame", "int64", (1, 39)), Tensor("picture", "float32", (1, 39))]
)
def test_tensors_that_are_not_those_of_the_manifest_are_refused(tensor: Tensor) -> None:
    described = replace(MODEL, inputs=(tensor, *MODEL.inputs[1:]))
    with pytest.raises(VoiceError, match="inputs are not those of the manifest"):
        StatefulSession(described, sequencer_bytes())
