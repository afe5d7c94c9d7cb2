"""Every way an evaluation refuses, one class each.

::

    StudioError                       what every command of the studio catches
    └── EvaluationError               a patch cannot be evaluated as asked
        ├── PatchUnusableError        the patch is not there, or refused by its reader
        ├── ClassMismatchError        the sounds and the patch have no class in common
        ├── TooFewClipsError          a class has too few clips to learn from some and be judged by others
        ├── EmbeddingUnavailableError the weights or the package of an embedding are not here
        └── RenderFailedError         the stage did not render what was asked
"""

from training.errors import StudioError

__all__ = [
    "ClassMismatchError",
    "EmbeddingUnavailableError",
    "EvaluationError",
    "PatchUnusableError",
    "RenderFailedError",
    "TooFewClipsError",
]


class EvaluationError(StudioError):
    """A patch cannot be evaluated as asked."""

    exit_code = 2


class PatchUnusableError(EvaluationError):
    """The patch is not there, or its reader refuses it."""


class ClassMismatchError(EvaluationError):
    """No class of the sounds is a class of the patch."""


class TooFewClipsError(EvaluationError):
    """A class has too few clips to learn from some of them and be judged by the others."""


class EmbeddingUnavailableError(EvaluationError):
    """The package or the weights of an embedding are not on this machine."""


class RenderFailedError(EvaluationError):
    """The stage did not render what was asked."""

    exit_code = 1
