"""What comes next: the sequencer of a patch, hearing one frame per hop. It knows z-scored descriptor frames, not the corpus.

Two forms, one contract. A *one-step* model (`LSTM`, `TransformerEncoderOnlyModel`) carries its state and is asked every hop. A *multi-step*
model (`LSTMEncoderDecoderModel`, `TransformerModel`) sees the last `window` frames and says the next `forecast` of them at once: it is
asked again when half of a forecast is used, and the old one fades into the new one over the half they share.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Manifest, Model
from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.voices.session import StatefulSession

ONE_STEP = ("LSTM", "TransformerEncoderOnlyModel")
MULTI_STEP = ("LSTMEncoderDecoderModel", "TransformerModel")
AHEAD_MAX = 8
"""Frames a forecaster can be asked to look ahead."""


class Forecaster(Protocol):
    """Says the next frame from all that was heard. Thread: the deck's. Owner: the voice.

    Frames are float32, shape (D,), z-scores of the model's training.
    """

    next: Floats
    """The frame expected after the last one heard."""
    faults: int
    """Times the model said something that is no number; it then forgets all and repeats what it heard."""

    def reset(self) -> None:
        """Back to having heard nothing: reset == fresh."""

    def hear(self, frame: Floats, temperature: float, random: np.random.Generator) -> None:
        """Take the frame that was heard and set `next`."""

    def hear_prime(self, frames: Floats, random: np.random.Generator) -> None:
        """Begin anew and hear frames, shape (N, D), at temperature 0: the same ones on every call, whose state is therefore kept.

        The first call runs the model on each. Later ones take the state it had then and draw the same numbers from `random`, because a
        reset while playing must not take longer than a step.
        """

    def ahead(self, count: int, out: Floats) -> int:
        """Write the next frames as they would be without chance, `next` first, into `out` (>= count, D); returns how many.

        What was heard stays as it is.
        """


def make_forecaster(manifest: Manifest, model: Model, content: bytes, descriptors: int) -> Forecaster:
    """The forecaster of a mosaic patch.

    Parameters
    ----------
    manifest : Manifest
        Its settings name the model.
    model : Model
        The entry of role `sequencer`.
    content : bytes
    descriptors : int
        D of the patch's corpus.

    Raises
    ------
    VoiceError — the model's tensors are not those of its form.
    """
    session = StatefulSession(model, content)
    name = str(manifest.settings.get("selected_model", ONE_STEP[0]))
    if name in MULTI_STEP:
        return MultiStep(session, model.file, descriptors)
    return OneStep(session, model.file, descriptors)


class OneStep:
    """A model with state: one call per hop."""

    def __init__(self, session: StatefulSession, file: str, descriptors: int) -> None:
        shapes = {"frame": (1, descriptors), "normal": (1, descriptors), "temperature": (1,), "next_frame": (1, descriptors)}
        _check(session, file, shapes, noise_rank=2)
        self.next = np.zeros(descriptors, np.float32)
        self.faults = 0
        self._session = session
        self._primed: tuple[tuple[NDArray[Any], ...], Floats] | None = None

    def reset(self) -> None:
        """See `Forecaster.reset`."""
        self._session.reset()
        self.next.fill(0.0)

    def hear(self, frame: Floats, temperature: float, random: np.random.Generator) -> None:
        """See `Forecaster.hear`."""
        inputs = self._session.inputs
        inputs["frame"][0] = frame
        _draw(inputs, temperature, random)
        self._session.step()
        self._take(frame)

    def hear_prime(self, frames: Floats, random: np.random.Generator) -> None:
        """See `Forecaster.hear_prime`."""
        if self._primed is None:
            self.reset()
            for frame in frames:
                self.hear(frame, 0.0, random)
            self._primed = (self._session.save(), self.next.copy())
            return
        state, following = self._primed
        self._session.restore(state)
        self.next[:] = following
        for _ in frames:
            _draw(self._session.inputs, 0.0, random)

    def ahead(self, count: int, out: Floats) -> int:
        """See `Forecaster.ahead`: the model runs on by itself from a copy of its state."""
        out[0] = self.next
        if count == 1:
            return 1
        state = self._session.save()
        inputs = self._session.inputs
        inputs["temperature"][0] = 0.0
        inputs["normal"].fill(0.0)
        inputs["gumbel"].fill(0.0)
        for index in range(1, count):
            inputs["frame"][0] = out[index - 1]
            self._session.step()
            out[index] = self._session.outputs["next_frame"][0]
        self._session.restore(state)
        if not np.isfinite(out[:count]).all():
            self.faults += 1
            return 1
        return count

    def _take(self, frame: Floats) -> None:
        following = self._session.outputs["next_frame"][0]
        if np.isfinite(following).all():
            self.next[:] = following
            return
        # A model that has gone wrong forgets everything; what it heard last stands in for what it would have said.
        self.faults += 1
        self._session.reset()
        self.next[:] = frame


class MultiStep:
    """A model without state that forecasts many frames at once from a window of the last ones."""

    def __init__(self, session: StatefulSession, file: str, descriptors: int) -> None:
        window = session.inputs.get("window")
        forecast = session.outputs.get("forecast")
        if window is None or window.ndim != 3 or forecast is None or forecast.ndim != 3:
            raise VoiceError(f"{file}: no window in or no forecast out", got=", ".join(session.inputs | session.outputs))
        frames = forecast.shape[1]
        shapes = {
            "window": (1, window.shape[1], descriptors),
            "normal": (1, frames, descriptors),
            "temperature": (1,),
            "forecast": (1, frames, descriptors),
        }
        _check(session, file, shapes, noise_rank=3)
        self.next = np.zeros(descriptors, np.float32)
        self.faults = 0
        self._session = session
        self._refresh: int = max(1, frames // 2)
        self._old = np.zeros((frames, descriptors), np.float32)
        self._new = np.zeros((frames, descriptors), np.float32)
        self._forecasts = 0
        self._primed: tuple[Floats, Floats, Floats, Floats, tuple[int, int, int, int]] | None = None
        self.reset()

    def reset(self) -> None:
        """See `Forecaster.reset`."""
        self._session.inputs["window"].fill(0.0)
        self._old.fill(0.0)
        self._new.fill(0.0)
        self.next.fill(0.0)
        self._position = self._refresh
        self._old_position = len(self._old)
        self._heard = 0

    def hear(self, frame: Floats, temperature: float, random: np.random.Generator) -> None:
        """See `Forecaster.hear`."""
        window = self._session.inputs["window"][0]
        if self._heard == 0:
            # Before the first frame it was always like this: a window is always full.
            window[:] = frame
        else:
            window[:-1] = window[1:]
            window[-1] = frame
        self._heard += 1
        self._position += 1
        self._old_position += 1
        if self._position >= self._refresh:
            self._forecast(frame, temperature, random)
        self._at(0, self.next)

    def hear_prime(self, frames: Floats, random: np.random.Generator) -> None:
        """See `Forecaster.hear_prime`."""
        window = self._session.inputs["window"]
        if self._primed is None:
            self.reset()
            self._forecasts = 0
            for frame in frames:
                self.hear(frame, 0.0, random)
            places = (self._position, self._old_position, self._heard, self._forecasts)
            self._primed = (window.copy(), self._old.copy(), self._new.copy(), self.next.copy(), places)
            return
        heard, old, new, following, places = self._primed
        window[:], self._old[:], self._new[:], self.next[:] = heard, old, new, following
        self._position, self._old_position, self._heard, self._forecasts = places
        for _ in range(self._forecasts):
            _draw(self._session.inputs, 0.0, random)

    def _forecast(self, frame: Floats, temperature: float, random: np.random.Generator) -> None:
        self._forecasts += 1
        self._old, self._new = self._new, self._old
        # The first forecast has nothing to fade from.
        self._old_position = self._position if self._heard > 1 else len(self._old)
        self._position = 0
        _draw(self._session.inputs, temperature, random)
        self._session.step()
        said = self._session.outputs["forecast"][0]
        if np.isfinite(said).all():
            self._new[:] = said
        else:
            self.faults += 1
            self._new[:] = frame

    def ahead(self, count: int, out: Floats) -> int:
        """See `Forecaster.ahead`: the rest of the forecast, as far as it goes."""
        known: int = min(count, len(self._new) - self._position)
        for index in range(known):
            self._at(index, out[index])
        return known

    def _at(self, offset: int, out: Floats) -> None:
        """The frame `offset` hops after the next, in the fade from the old forecast to the new."""
        new, old = self._position + offset, self._old_position + offset
        if old >= len(self._old):
            out[:] = self._new[new]
            return
        share = np.float32((new + 1) / (len(self._old) - self._old_position + self._position + 1))
        out[:] = self._old[old] + share * (self._new[new] - self._old[old])


def _draw(inputs: dict[str, Floats], temperature: float, random: np.random.Generator) -> None:
    """Fill a model's noise inputs."""
    inputs["temperature"][0] = temperature
    random.standard_normal(out=inputs["normal"][0], dtype=np.float32)
    gumbel = inputs["gumbel"]
    uniform = random.random(gumbel.size, np.float32).reshape(gumbel.shape)
    np.clip(uniform, 1e-7, 1 - 1e-7, out=uniform)
    gumbel[:] = -np.log(-np.log(uniform))


def _check(session: StatefulSession, file: str, shapes: dict[str, tuple[int, ...]], noise_rank: int) -> None:
    tensors = session.inputs | session.outputs
    for name, shape in shapes.items():
        if name not in tensors or tensors[name].shape != shape or tensors[name].dtype != np.float32:
            raise VoiceError(f"{file}: no float32 tensor {name} of shape {shape}", got=", ".join(tensors))
    if "gumbel" not in session.inputs or session.inputs["gumbel"].ndim != noise_rank:
        raise VoiceError(f"{file}: no input gumbel of {noise_rank} dimensions", got=", ".join(session.inputs))
