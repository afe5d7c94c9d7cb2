"""The sequencer under Lightning: its loss, its optimiser, its look at held-out frames.

It does not know files.
"""

import math
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from training.callbacks import MONITOR
from training.recipe import SequencerRecipe
from training.run_folder import build_sequencer
from training.sequencer import expected_frame, nll_per_value
from training.sequencer_data import Batch
from training.sequencer_scores import Errors, gaussian_nll


class SequencerModule(pl.LightningModule):
    """The loss, the optimiser and the look at held-out frames.

    Parameters
    ----------
    recipe : SequencerRecipe
    keep : callable
        Called with the module and its held-out scores whenever they are the best so far.
    """

    def __init__(self, recipe: SequencerRecipe, keep: Callable[["SequencerModule", dict[str, float]], None]):
        super().__init__()
        self.recipe = recipe
        self.sequencer = build_sequencer(recipe)
        self.best_loss = math.inf
        self._keep = keep
        self._errors = Errors()

    def on_train_epoch_start(self) -> None:
        """Seed dropout and input noise from the update number, so that a resumed stretch draws what it would have drawn."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.global_step)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the mean loss over every frame of every window of the batch."""
        frames, target, real = batch
        mixture, _ = self.sequencer(frames)
        if self.recipe.head == "mean":
            loss = (expected_frame(mixture) - target).square().mean(-1)  # (B, S)
        else:
            loss = nll_per_value(mixture, target)  # (B, S)
        loss = (loss * real).sum() / real.sum()
        self.log("training_loss", loss, batch_size=len(frames))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the errors of the last look."""
        self._errors = Errors()

    def validation_step(self, batch: Batch, index: int) -> None:
        """Count the errors on one held-out batch."""
        frames, target, real = batch
        self._errors.add(self.sequencer(frames)[0], target, real)

    def on_validation_epoch_end(self) -> None:
        """Log the held-out scores, and keep the model if it is better than before."""
        errors, mean_head = self._errors, self.recipe.head == "mean"
        if mean_head:
            # The mean head learns no spread of its own: this is what makes a temperature mean something for it.
            self.sequencer.residual_std.copy_(errors.residual_std)
        nll = gaussian_nll((errors.squared / errors.frames).numpy(), errors.residual_std.double().numpy()) if mean_head else errors.nll
        loss = errors.mse if mean_head else nll
        self.log_dict({MONITOR: loss, "held_out_nll": nll, "held_out_mse": errors.mse})
        if loss < self.best_loss:
            self.best_loss = loss
            self._keep(self, {"validation_nll": nll, "validation_mse": errors.mse})

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW under half a cosine."""
        optimiser = torch.optim.AdamW(self.parameters(), lr=self.recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda update: 0.5 + 0.5 * math.cos(math.pi * min(1.0, update / self.recipe.updates))
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the best loss, so that a resumed training keeps nothing worse."""
        checkpoint["best_loss"] = self.best_loss

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the best loss back."""
        self.best_loss = checkpoint["best_loss"]
