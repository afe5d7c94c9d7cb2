"""How a training of tokens refuses, beyond what every training does.

::

    training.errors.StudioError
    ├── ShortClipError          a clip is shorter than the training's window
    ├── EmptyClassError         a class has no clip to learn from
    ├── NoHeldOutError          no clip to judge by
    ├── DatasetChangedError     a resumed run was begun with another dataset, or another codec
    └── WandbMissingError       Weights & Biases is asked for and not installed
"""

from training.errors import RunError, StudioError

__all__ = ["DatasetChangedError", "EmptyClassError", "NoHeldOutError", "ShortClipError", "WandbMissingError"]


class ShortClipError(StudioError):
    """A clip of the dataset is shorter than the training's window."""

    exit_code = 2


class EmptyClassError(StudioError):
    """A class of the dataset has no clip to learn from."""

    exit_code = 2


class NoHeldOutError(StudioError):
    """No clip of the dataset is held out, so nothing says when to stop."""

    exit_code = 2


class DatasetChangedError(RunError):
    """A resumed run was begun with another dataset, or with one made by another codec."""


class WandbMissingError(StudioError):
    """Weights & Biases is asked for and not installed."""

    exit_code = 2
