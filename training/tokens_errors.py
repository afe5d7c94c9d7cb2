"""How a training of tokens refuses, beyond what every training does.

::

    training.errors.StudioError
    ├── ShortClipError          a clip is shorter than the training's window
    ├── EmptyClassError         a class has no clip to learn from
    ├── NoHeldOutError          no clip to judge by
    └── DatasetChangedError     a resumed run was begun with another dataset, or another codec
"""

from training.errors import RunError, StudioError

__all__ = ["DatasetChangedError", "EmptyClassError", "NoHeldOutError", "ShortClipError"]


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
