"""The sequencer under Lightning: its loss, its optimiser, its look at held-out frames, and the callbacks around them.

It does not know files. An "epoch" of the trainer is one stretch of updates between two looks at the held-out audio, so every checkpoint
lies between two updates and a resumed training is the uninterrupted one.
"""

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch import Tensor
from tqdm import tqdm

from training.recipe import SequencerRecipe
from training.run_folder import build_sequencer
from training.sequencer import expected_frame, nll_per_value
from training.sequencer_data import Batch, SequencerData
from training.sequencer_scores import Errors, gaussian_nll

MONITOR = "held_out_loss"


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


class UpdateBar(Callback):
    """One progress bar over all updates; where there is no terminal, one line per look at the held-out audio.

    Parameters
    ----------
    updates : int
    say : callable
        Takes a line of text.
    """

    def __init__(self, updates: int, say: Callable[[str], None]):
        self._updates = updates
        self._say = say
        self._bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Open the bar where the training stands."""
        self._bar = tqdm(total=self._updates, initial=trainer.global_step, desc="training", unit="update", disable=None, dynamic_ncols=True)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, index: int) -> None:
        """Advance the bar."""
        self._bar.update()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Show the losses."""
        losses = {name: float(value) for name, value in trainer.callback_metrics.items() if name in ("training_loss", MONITOR)}
        if self._bar.disable:
            self._say(
                f"update {trainer.global_step} of {self._updates}: " + ", ".join(f"{name} {value:.4f}" for name, value in losses.items())
            )
        else:
            self._bar.set_postfix({name: f"{value:.3f}" for name, value in losses.items()})

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Close the bar, however the training ends."""
        if self._bar is not None:
            self._bar.close()


class Patience(EarlyStopping):
    """Stop after so many looks without improvement; the patience is this training's, also where it goes on from a state with another."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the count and the best score of the earlier training, not its patience."""
        asked = self.patience
        super().load_state_dict(state_dict)
        self.patience = asked


class KeepLast(Callback):
    """Write the trainer's whole state after every stretch of updates: beside its place, then renamed into it.

    Parameters
    ----------
    file : Path
    """

    def __init__(self, file: Path):
        self._file = file
        self._written_update = 0

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Note where the training stands."""
        self._written_update = trainer.global_step

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write it. This callback stands last, so that the others' state is that of the stretch that ended."""
        if trainer.global_step == self._written_update:
            # A resumed trainer first ends the stretch that was over when it stopped, without a single update.
            return
        self._written_update = trainer.global_step
        part = self._file.with_suffix(".part")
        trainer.save_checkpoint(part)
        part.replace(self._file)


class StopOnInterrupt(Callback):
    """Ctrl-C ends the stretch of updates early; it is then looked at and kept like any other. A second Ctrl-C breaks off.

    Parameters
    ----------
    data : SequencerData
    """

    def __init__(self, data: SequencerData):
        self._data = data
        self.interrupted = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C while inside; only the main thread may."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Stop the trainer, if Ctrl-C was pressed."""
        trainer.should_stop = trainer.should_stop or self.interrupted

    def _interrupt(self, number: int, frame: Any) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self._data.batches.stop = True
