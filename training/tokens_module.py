"""The token transformer under Lightning: its loss, its optimiser, the moving average that is judged and kept.

It does not know files. An "epoch" of the trainer is one stretch of updates between two looks at the held-out clips, so every checkpoint
lies between two updates and a resumed training is the uninterrupted one.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from training.callbacks import MONITOR
from training.tokens_data import Batch
from training.tokens_model import TokenTransformer, TransformerSize
from training.tokens_recipe import TokensRecipe

__all__ = ["TokensModule"]

# The rate ends at this share of its peak.
LAST_RATE = 0.01
# The shorter memory of squared gradients usual for transformers: they change their minds faster than other networks.
BETAS = (0.9, 0.95)


class TokensModule(pl.LightningModule):
    """The loss, the optimiser and the look at held-out clips.

    Parameters
    ----------
    recipe : TokensRecipe
    size : TransformerSize
    keep : callable
        Called with the module and its held-out scores whenever they are the best so far.

    Owner
    -----
    `model` learns; `average` follows it and is what is judged and kept.
    """

    def __init__(self, recipe: TokensRecipe, size: TransformerSize, keep: Callable[["TokensModule", dict[str, float]], None]):
        super().__init__()
        self.recipe = recipe
        self.model = TokenTransformer(size)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.best_loss = math.inf
        self._keep = keep
        self._lost = torch.zeros(size.codebooks, dtype=torch.float64)
        self._judged = 0

    def on_train_epoch_start(self) -> None:
        """Seed dropout from the update number, so that a resumed stretch draws what it would have drawn."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.global_step)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the mean cross-entropy, nats per token."""
        heard, condition, target = batch
        loss = self.model.losses(heard, condition, target).mean()
        self.log("training_loss", loss, batch_size=len(heard))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, index: int) -> None:
        """Let the average follow; sooner in the beginning, so that it does not remember the random start."""
        decay = min(self.recipe.ema_decay, (1 + self.global_step) / (10 + self.global_step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1.0 - decay)

    def on_validation_epoch_start(self) -> None:
        """Forget the last look."""
        self._lost.zero_()
        self._judged = 0

    def validation_step(self, batch: Batch, index: int) -> None:
        """Count the loss of the average on one held-out batch."""
        heard, condition, target = batch
        # To the processor first: the GPU of a Mac has no float64.
        self._lost += self.average.losses(heard, condition, target).cpu().double() * len(heard)
        self._judged += len(heard)

    def on_validation_epoch_end(self) -> None:
        """Log the held-out loss, of all tokens and of each codebook, and keep the average if it is better than before."""
        losses = self._lost / self._judged
        scores = {MONITOR: float(losses.mean())} | {f"{MONITOR}_{book + 1}": float(loss) for book, loss in enumerate(losses)}
        self.log_dict(scores)
        if scores[MONITOR] < self.best_loss:
            self.best_loss = scores[MONITOR]
            self._keep(self, scores)

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW, decaying matrices alone, under a rise and half a cosine."""
        learned = list(self.model.parameters())
        groups = [
            {"params": [part for part in learned if part.ndim > 1], "weight_decay": self.recipe.weight_decay},
            {"params": [part for part in learned if part.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=self.recipe.learning_rate, betas=BETAS)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self.rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def rate(self, update: int) -> float:
        """Return the share of the peak rate at an update."""
        warmup, last = self.recipe.warmup_updates, self.recipe.updates
        if update < warmup:
            return (update + 1) / (warmup + 1)
        share = min(1.0, (update - warmup) / max(1, last - warmup))
        return LAST_RATE + (1.0 - LAST_RATE) * (0.5 + 0.5 * math.cos(math.pi * share))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the best loss, so that a resumed training keeps nothing worse."""
        checkpoint["best_loss"] = self.best_loss

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the best loss back."""
        self.best_loss = checkpoint["best_loss"]
