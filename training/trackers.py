"""Where a training reports its losses: TensorBoard in the run folder always, Weights & Biases when asked. It knows no model."""

import importlib.util
from pathlib import Path

from lightning.pytorch.loggers import Logger, TensorBoardLogger

from training.errors import WandbMissingError
from training.run_folder import LOGS

__all__ = ["check_wandb", "trackers"]


def check_wandb(project: str | None) -> None:
    """Refuse a Weights & Biases project where the library is not there, before any work.

    Raises
    ------
    WandbMissingError
    """
    if project is not None and importlib.util.find_spec("wandb") is None:
        raise WandbMissingError("Weights & Biases is not installed", where="--wandb", got=project, hint="pip install wandb")


def trackers(out: Path, project: str | None) -> list[Logger]:
    """Return the loggers of a training in run folder `out`: nothing that a run needs later is kept with any of them."""
    loggers: list[Logger] = [TensorBoardLogger(out, name=LOGS, version="")]
    if project is not None:
        from lightning.pytorch.loggers import WandbLogger

        loggers.append(WandbLogger(project=project, name=out.name, save_dir=out / LOGS))
    return loggers
