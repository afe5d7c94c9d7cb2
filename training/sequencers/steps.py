"""One tick of a sequencer with all state and all randomness outside: what is exported and played.

The weights are the model's own, not copies. Inputs and outputs are those of the patch format's role `sequencer`, in its order.
"""

from typing import ClassVar

from torch import Tensor, nn

from training.sequencers.forms import MultiStepModel, OneStepModel
from training.sequencers.model import SequencerModel

__all__ = ["ForecastStep", "SequencerStep", "StepForm"]

Shapes = dict[str, tuple[int, ...]]


class StepForm(nn.Module):
    """What both forms offer to an export: names and shapes of inputs and outputs, in order, and which output feeds which input.

    Parameters
    ----------
    model : SequencerModel
        Put into evaluation mode.
    """

    OUTPUT: ClassVar[str]

    def __init__(self, model: SequencerModel):
        super().__init__()
        self.sequencer = model
        self.eval()

    def input_shapes(self) -> Shapes:
        """Return the shape of each input, in order; all are float32."""
        raise NotImplementedError

    def output_shapes(self) -> Shapes:
        """Return the shape of each output, in order; all are float32."""
        raise NotImplementedError

    @property
    def INPUTS(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        return tuple(self.input_shapes())

    @property
    def OUTPUTS(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(self.output_shapes())

    @property
    def FEEDBACK(self) -> tuple[tuple[str, str], ...]:
        """Pairs of an output and the input that takes it in the next step."""
        return tuple((name, name.removesuffix("_next")) for name in self.OUTPUTS[1:])


class SequencerStep(StepForm):
    """One frame in, the next frame out: inputs ``frame``, the states, ``gumbel``, ``normal``, ``temperature``."""

    OUTPUT: ClassVar[str] = "next_frame"
    sequencer: OneStepModel

    def input_shapes(self) -> Shapes:
        """Return the shape of each input, in order; all are float32."""
        model = self.sequencer
        states = zip(model.state_names, (tuple(state.shape) for state in model.fresh_state()), strict=True)
        return {
            "frame": (1, model.descriptors),
            **dict(states),
            "gumbel": (1, model.components),
            "normal": (1, model.descriptors),
            "temperature": (1,),
        }

    def output_shapes(self) -> Shapes:
        """Return the shape of each output, in order; all are float32."""
        inputs = self.input_shapes()
        return {"next_frame": inputs["frame"], **{f"{name}_next": inputs[name] for name in self.sequencer.state_names}}

    def forward(self, frame: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """Advance by one frame.

        Parameters
        ----------
        frame : float32, shape (1, D), z-score units
        rest : the states, then gumbel (1, K), standard Gumbel noise; normal (1, D), standard normal noise; temperature (1,), 0 or more
            The temperature multiplies both noises: at 0 the result is the mean of the likeliest component.

        Returns
        -------
        next_frame (1, D), and the states for the next step
        """
        *state, gumbel, normal, temperature = rest
        mixture, state = self.sequencer.advance(frame.unsqueeze(1), tuple(state), one=True)
        return self.sequencer.draw(mixture, gumbel, normal.unsqueeze(1), temperature)[:, 0], *state


class ForecastStep(StepForm):
    """A window in, the next F frames out: inputs ``window``, ``gumbel``, ``normal``, ``temperature``."""

    OUTPUT: ClassVar[str] = "forecast"
    sequencer: MultiStepModel

    def input_shapes(self) -> Shapes:
        """Return the shape of each input, in order; all are float32."""
        model = self.sequencer
        forecast = (1, model.forecast_frames)
        return {
            "window": (1, model.window_frames, model.descriptors),
            "gumbel": (*forecast, model.components),
            "normal": (*forecast, model.descriptors),
            "temperature": (1,),
        }

    def output_shapes(self) -> Shapes:
        """Return the shape of each output, in order; all are float32."""
        return {"forecast": self.input_shapes()["normal"]}

    def forward(self, window: Tensor, gumbel: Tensor, normal: Tensor, temperature: Tensor) -> Tensor:
        """Forecast the next frames.

        Parameters
        ----------
        window : float32, shape (1, W, D), z-score units, always full
        gumbel : float32, shape (1, F, K), standard Gumbel noise
            Only the first frame's is used: one component is drawn for the whole forecast, so that it is one path from its first frame to
            its last. A component drawn anew for each frame would leap between possible futures 43 times a second.
        normal : float32, shape (1, F, D), standard normal noise
            It reaches the forecast with the correlation of the model's errors (`NoiseShape`): what goes astray in one frame stays astray in
            the next.
        temperature : float32, shape (1,), 0 or more

        Returns
        -------
        forecast : float32, shape (1, F, D)
        """
        return self.sequencer.draw(self.sequencer(window), gumbel[:, 0], normal, temperature)
