"""The sequencer under Lightning: its optimiser, its rate, its look at held-out frames.

It does not know files.
"""

import math
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from patches.descriptors import DescriptorSpec
from training.callbacks import MONITOR
from training.recipe import SequencerRecipe
from training.sequencer_scores import Errors
from training.sequencers.build import build_model
from training.sequencers.model import Batch

# Updates until the rate has risen to its peak. The model starts at the linear predictor, from which full steps would first lead away.
WARM_UP = 100
# What the rate falls to at every look, with the schedule ``decay`` (facts 1.4).
DECAY = 0.95


class SequencerModule(pl.LightningModule):
    """The loss, the optimiser and the look at held-out frames.

    Parameters
    ----------
    recipe : SequencerRecipe
    spec : DescriptorSpec
    keep : callable
        Called with the module and its held-out scores whenever they are the best so far.
    """

    def __init__(self, recipe: SequencerRecipe, spec: DescriptorSpec, keep: Callable[["SequencerModule", dict[str, float]], None]):
        super().__init__()
        self.recipe = recipe
        self.sequencer = build_model(recipe, spec)
        self.best_loss = math.inf
        self._keep = keep
        self._errors = Errors()

    def on_train_epoch_start(self) -> None:
        """Seed dropout and input noise from the update number, so that a resumed stretch draws what it would have drawn."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.global_step)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the mean loss over every frame of every window of the batch."""
        loss = self.sequencer.training_loss(batch)
        self.log("training_loss", loss, batch_size=len(batch[0]))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the errors of the last look."""
        self._errors = Errors()

    def validation_step(self, batch: Batch, index: int) -> None:
        """Count the errors on one held-out batch."""
        frames, target, real = batch
        self._errors.add(self.sequencer(frames), target, real, self.sequencer.noise_shape)

    def on_validation_epoch_end(self) -> None:
        """Log the held-out scores, and keep the model if it is better than before."""
        errors, mean_head = self._errors, self.recipe.head == "mean"
        if mean_head:
            # The mean head learns no spread of its own: this is what makes a temperature mean something for it.
            self.sequencer.head.residual_std.copy_(errors.residual_std)
        nll = errors.gaussian_nll if mean_head else errors.nll
        loss = errors.mse if mean_head else nll
        self.log_dict({MONITOR: loss, "held_out_nll": nll, "held_out_mse": errors.mse})
        if loss < self.best_loss:
            self.best_loss = loss
            self._keep(self, {"validation_nll": nll, "validation_mse": errors.mse})

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW under the recipe's schedule."""
        optimiser = torch.optim.AdamW(self.parameters(), lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self.rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def rate(self, update: int) -> float:
        """Return the rate of an update as a share of the peak."""
        if self.recipe.schedule == "constant":
            return 1.0
        if self.recipe.schedule == "decay":
            return DECAY ** (update // self.recipe.validation_interval)
        rising = min(1.0, (update + 1) / min(WARM_UP, self.recipe.updates))
        return rising * (0.5 + 0.5 * math.cos(math.pi * min(1.0, update / self.recipe.updates)))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the best loss, so that a resumed training keeps nothing worse."""
        checkpoint["best_loss"] = self.best_loss

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the best loss back."""
        self.best_loss = checkpoint["best_loss"]
