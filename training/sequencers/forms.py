"""The two forms of a sequencer: one that carries a state from frame to frame, and one that forecasts many frames from a window.

They know no architecture: a subclass says what its hidden state is.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from training.recipe import SequencerRecipe
from training.sequencer import Mixture
from training.sequencers.model import MAX_LINEAR_FRAMES, SequencerModel

__all__ = ["MultiStepModel", "OneStepModel", "State"]

State = tuple[Tensor, ...]
Choose = Callable[[Mixture], Tensor]


class OneStepModel(SequencerModel):
    """A sequencer that carries a state and says the next frame after each frame.

    The state of an architecture is a tuple of tensors named `state_names`, all zero when nothing was heard. To these comes ``recent``, the
    last frames heard, which the linear predictor looks back on; before the first frame there were zeros.
    """

    multi_step: ClassVar[bool] = False
    own_state: tuple[str, ...]

    def __init__(self, recipe: SequencerRecipe, descriptors: int, width: int):
        super().__init__(recipe, descriptors, width, forecast_frames=1)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of all states, in order."""
        return (*self.own_state, "recent") if self.order > 1 else self.own_state

    @abstractmethod
    def own_fresh(self, batch: int) -> State:
        """Return the architecture's state of having heard nothing: zeros."""

    @abstractmethod
    def run(self, frames: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return the hidden state after each frame of (B, S, D), (B, S, H), and the architecture's state after the last."""

    def run_one(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        """Do the same for one frame (B, 1, D): what is exported."""
        return self.run(frame, state)

    def fresh_state(self, batch: int = 1) -> State:
        """Return the state of a model that has heard nothing: zeros."""
        own = self.own_fresh(batch)
        return (*own, self.lowest.new_zeros(batch, self.order - 1, self.descriptors)) if self.order > 1 else own

    def advance(self, frames: Tensor, state: State | None = None, *, one: bool = False) -> tuple[Mixture, State]:
        """Predict the frame after each frame.

        Parameters
        ----------
        frames : float32, shape (B, S, D)
        state : tuple as `fresh_state`'s, or None for a fresh start
        one : bool
            There is one frame, and a state: the form that is exported.

        Returns
        -------
        Mixture of (B, S) forecasts of one frame
            Entry s is the distribution of frame s + 1, from frames 0..s.
        state
        """
        own = None if state is None else state[: len(self.own_state)]
        hidden, own = self.run_one(frames, own) if one else self.run(self.noisy(frames), own)
        recent = self.fresh_state(frames.shape[0])[-1] if state is None else state[-1]
        base, recent = self.base(frames, recent)
        mixture = self.head(hidden.unsqueeze(2), base.unsqueeze(2))
        return mixture, (*own, recent) if self.order > 1 else own

    def base(self, frames: Tensor, recent: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the linear predictor says after each frame, (B, S, D), and the frames it will look back on."""
        if self.order == 0:
            return torch.zeros_like(frames), recent
        # It hears the frames without the training's noise: its equations are exact, and would multiply what is no part of the sound.
        known = torch.cat([recent, frames], dim=1) if self.order > 1 else frames  # (B, R - 1 + S, D)
        count = frames.shape[1]
        base = sum(known[:, self.order - 1 - lag : self.order - 1 - lag + count] @ self.linear[0, lag].T for lag in range(self.order))
        return base, known[:, count:]

    def forward(self, frames: Tensor) -> Mixture:
        """Return the distribution of the frame after each frame of a fresh start."""
        return self.advance(frames)[0]

    @torch.no_grad()
    def forecast(self, history: Tensor, steps: int, temperature: float, generator: torch.Generator) -> Tensor:
        """See `SequencerModel.forecast`: one frame at a time, each fed back as it was drawn."""
        heat = torch.tensor([temperature])
        return self._free(history, steps, lambda mixture: self.draw(mixture, *self.noise(len(history), generator), heat))

    @torch.no_grad()
    def expected(self, history: Tensor, steps: int) -> Tensor:
        """See `SequencerModel.expected`."""
        return self._free(history, steps, self.clipped)

    def _free(self, history: Tensor, steps: int, choose: Choose) -> Tensor:
        mixture, state = self.advance(history)
        frames = [choose(mixture)]  # (B, 1, D) each
        while len(frames) < steps:
            mixture, state = self.advance(frames[-1], state, one=True)
            frames.append(choose(mixture))
        return torch.cat(frames, dim=1)

    def step_form(self) -> Any:
        """Return the exported form."""
        from training.sequencers.steps import SequencerStep

        return SequencerStep(self)


class MultiStepModel(SequencerModel):
    """A sequencer without state: the last W frames in, the next F frames out."""

    multi_step: ClassVar[bool] = True

    def __init__(self, recipe: SequencerRecipe, descriptors: int, width: int):
        super().__init__(recipe, descriptors, width, forecast_frames=recipe.forecast_size)
        self.window_frames = recipe.window_size

    @property
    def history_frames(self) -> int:
        """Frames of the window."""
        return self.window_frames

    @abstractmethod
    def hidden(self, window: Tensor) -> Tensor:
        """Return the hidden state of each frame to come, (B, F, H), after a window (B, W, D)."""

    def forward(self, frames: Tensor) -> Mixture:
        """Return the distribution of the one forecast after each window (B, W, D)."""
        hidden = self.hidden(self.noisy(frames))
        return self.head(hidden.unsqueeze(1), self.base(frames).unsqueeze(1))

    def base(self, window: Tensor) -> Tensor:
        """Return what the linear predictor says of the next F frames, (B, F, D)."""
        if self.order == 0:
            return window.new_zeros(window.shape[0], self.forecast_frames, self.descriptors)
        latest = window[:, -self.order :].flip(1)  # (B, R, D), latest first
        base = torch.einsum("frij,brj->bfi", self.linear, latest)
        rest = self.forecast_frames - MAX_LINEAR_FRAMES
        return torch.cat([base, base[:, -1:].expand(-1, rest, -1)], dim=1) if rest > 0 else base

    @torch.no_grad()
    def forecast(self, history: Tensor, steps: int, temperature: float, generator: torch.Generator) -> Tensor:
        """See `SequencerModel.forecast`: whole forecasts one after another, each from the window that the last one filled."""
        heat = torch.tensor([temperature])
        return self._chain(history, steps, lambda mixture: self.draw(mixture, *self.noise(len(history), generator), heat))

    @torch.no_grad()
    def expected(self, history: Tensor, steps: int) -> Tensor:
        """See `SequencerModel.expected`."""
        return self._chain(history, steps, self.clipped)

    def _chain(self, history: Tensor, steps: int, choose: Choose) -> Tensor:
        heard, frames = self.full_window(history), []
        for _ in range(0, steps, self.forecast_frames):
            frames.append(choose(self(heard)))
            heard = torch.cat([heard, frames[-1]], dim=1)[:, -self.window_frames :]
        return torch.cat(frames, dim=1)[:, :steps]

    def full_window(self, history: Tensor) -> Tensor:
        """Return the last W frames of a history (B, S, D); before its first frame it was always like that."""
        missing = self.window_frames - history.shape[1]
        return functional.pad(history.transpose(1, 2), (max(0, missing), 0), mode="replicate").transpose(1, 2)[:, -self.window_frames :]

    def step_form(self) -> Any:
        """Return the exported form."""
        from training.sequencers.steps import ForecastStep

        return ForecastStep(self)
