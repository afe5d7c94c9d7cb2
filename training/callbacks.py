"""What every training here does around its loss: a progress bar, patience, the trainer's state on disk, and Ctrl-C that keeps.

An "epoch" of the trainer is one stretch of updates between two looks at the held-out data, so every checkpoint lies between two updates and
a resumed training is the uninterrupted one.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, EarlyStopping
from tqdm import tqdm

__all__ = ["MONITOR", "KeepLast", "Patience", "StopOnInterrupt", "UpdateBar"]

MONITOR = "held_out_loss"


class Batches(Protocol):
    """Training batches that can be told to end their stretch early."""

    stop: bool


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
    batches : Batches
    """

    def __init__(self, batches: Batches):
        self._batches = batches
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
        self._batches.stop = True
