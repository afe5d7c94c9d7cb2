"""State bound in place, shared and saved, with a real graph: attention over caches written by ScatterND and by ScatterElements."""

from dataclasses import replace

import numpy as np
import pytest

from realtime.errors import VoiceError
from realtime.voices.session import StatefulSession
from tests import tokens_patch as tiny

STEPS = 3 * tiny.WINDOW + 5
MODEL = tiny.model_entry("step", tiny.step_shapes())
CACHES = tuple(tiny.cache_names())


def run(session: StatefulSession, steps: int, first: int = 0) -> np.ndarray:
    """Codes of some steps of a session bound by `in_place`, with noise that depends on the step's number only."""
    made = []
    for step in range(first, first + steps):
        rng = np.random.default_rng(step)
        session.inputs["condition"][:] = rng.random((1, 5), np.float32)
        session.inputs["noise"][:] = rng.random((1, tiny.BOOKS), np.float32)
        for name, value in (("temperature", 1.0), ("top_k", float(tiny.SIZE)), ("top_p", 1.0)):
            session.inputs[name].fill(value)
        session.step()
        made.append(session.outputs["next_codes"].copy())
        session.inputs["codes"][:] = session.outputs["next_codes"]
        session.inputs["position"][:] = session.outputs["next_position"]
    return np.concatenate(made)


def in_place() -> StatefulSession:
    """As the voice binds it: caches in place, the small state carried by hand."""
    fed = {f"next_{name}": name for name in CACHES}
    return StatefulSession(replace(MODEL, feedback=fed), tiny.step_bytes(), in_place=CACHES)


def ping_pong_codes() -> tuple[np.ndarray, StatefulSession]:
    session = StatefulSession(MODEL, tiny.step_bytes())
    made = []
    for step in range(STEPS):
        rng = np.random.default_rng(step)
        session.inputs["condition"][:] = rng.random((1, 5), np.float32)
        session.inputs["noise"][:] = rng.random((1, tiny.BOOKS), np.float32)
        for name, value in (("temperature", 1.0), ("top_k", float(tiny.SIZE)), ("top_p", 1.0)):
            session.inputs[name].fill(value)
        session.step()
        # The output's buffer of this turn is the input's of the next.
        made.append((session.outputs["next_codes"] if session._turn else session.inputs["codes"]).copy())
    return np.concatenate(made), session


def test_in_place_equals_two_buffers_past_the_wrap() -> None:
    """The same bits after three windows, in what is said and in every slot of every cache."""
    expected, apart = ping_pong_codes()
    session = in_place()
    np.testing.assert_array_equal(run(session, STEPS), expected)
    assert len(np.unique(expected)) > 8
    state = apart.save()
    for name, saved in zip(MODEL.feedback.values(), state, strict=True):
        if name in CACHES:
            assert session.outputs[f"next_{name}"] is session.inputs[name]
            np.testing.assert_array_equal(session.inputs[name], saved)


def test_in_place_copies_nothing() -> None:
    """A slot written by hand where the model does not write stays: no hidden copy of the cache is in use."""
    session = in_place()
    run(session, 3)
    session.inputs["keys_0"][0, 0, 9, 0] = 77.0
    run(session, 2, first=3)
    assert session.inputs["keys_0"][0, 0, 9, 0] == 77.0


@pytest.mark.parametrize("steps", [7, 8])
def test_a_saved_state_goes_on_as_if_nothing_had_been(steps: int) -> None:
    """After an odd and after an even number of steps: the state lies in the one or the other buffer."""
    session = StatefulSession(tiny.model_entry("decoder", tiny.decoder_shapes(1)), tiny.decoder_bytes())

    def sound(count: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        made = []
        for _ in range(count):
            session.inputs["codes"][:] = rng.integers(0, tiny.SIZE, (1, tiny.BOOKS))
            session.step()
            made.append(session.outputs["audio"].copy())
        return np.concatenate(made)

    sound(steps, 0)
    saved = session.save()
    after = sound(5, 1)
    sound(4, 2)
    session.restore(saved)
    np.testing.assert_array_equal(sound(5, 1), after)
    session.restore(saved)
    np.testing.assert_array_equal(session.inputs["state_tail"], saved[0])


def test_two_sessions_go_on_from_each_other() -> None:
    whole = run(in_place(), 20)
    first = in_place()
    fed = {f"next_{name}": name for name in CACHES}
    second = StatefulSession(replace(MODEL, feedback=fed), tiny.step_bytes(), in_place=CACHES, buffers=first.inputs)
    parts = [run(session, 5, first=5 * i) for i, session in enumerate((first, second, first, second))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_buffer_that_does_not_fit_is_refused() -> None:
    with pytest.raises(VoiceError, match=r"input codes: its state cannot be shared; got int64 \(1, 4\); allowed: int64 \(1, 3\)"):
        StatefulSession(MODEL, tiny.step_bytes(), buffers={"codes": np.zeros((1, 3), np.int64)})


def test_an_open_dimension_takes_the_size_it_is_given() -> None:
    content = tiny.step_bytes(window="window")
    fixed = StatefulSession(MODEL, content, free_dimensions={"window": tiny.WINDOW})
    assert fixed.inputs["keys_1"].shape == (1, tiny.HEADS, tiny.WINDOW, tiny.HEAD_SIZE)
    with pytest.raises(VoiceError, match="its inputs are not those of the manifest"):
        StatefulSession(MODEL, content, free_dimensions={"window": tiny.SHORT_WINDOW})
    with pytest.raises(VoiceError, match="its inputs are not those of the manifest"):
        StatefulSession(MODEL, content)
