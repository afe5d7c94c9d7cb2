"""Every way a sweep refuses, one class each.

::

    StudioError                       what every command of the studio catches
    └── SweepError                    a sweep cannot be run as asked
        ├── SearchSpaceError          a line of the search space cannot be
        ├── SweepChangedError         the storage holds a sweep of something else
        ├── SweepStorageError         the storage is not a sweep's, or cannot be written
        └── NoValidRecipeError        next to no combination of the search space is a recipe
"""

from training.errors import StudioError

__all__ = [
    "NoValidRecipeError",
    "SearchSpaceError",
    "SweepChangedError",
    "SweepError",
    "SweepStorageError",
]


class SweepError(StudioError):
    """A sweep cannot be run as asked."""

    exit_code = 2


class SearchSpaceError(SweepError):
    """A search space is not TOML, or a line of it names no dial, or values that the dial cannot have."""


class SweepChangedError(SweepError):
    """The storage holds a sweep over another space, from another recipe, or of other sounds."""


class SweepStorageError(SweepError):
    """The storage is not a sweep's, or the disk refuses it."""

    exit_code = 1


class NoValidRecipeError(SweepError):
    """So many combinations in a row were no recipe that going on is useless."""
