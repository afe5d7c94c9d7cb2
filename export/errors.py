"""Every way an export refuses that is not the run's or the patch's own.

::

    training.errors.StudioError
    ├── training.errors.RunError    the run folder cannot be used
    └── ExportError                 what this package refuses
        ├── SlugError               the slug cannot name a patch
        ├── AudioGoneError          the run's audio folder, or a file of it, is not there
        ├── CorpusChangedError      a file is not the one the run learned from
        ├── EmptyCorpusError        no sound is long enough for one unit
        └── VerificationError       the exported model does not repeat the trained one
"""

from training.errors import StudioError

__all__ = ["AudioGoneError", "CorpusChangedError", "EmptyCorpusError", "ExportError", "SlugError", "VerificationError"]


class ExportError(StudioError):
    """An export cannot be made."""

    exit_code = 2


class SlugError(ExportError):
    """The slug cannot name a patch."""


class AudioGoneError(ExportError):
    """The audio folder of the run, or a file of it, is not there."""


class CorpusChangedError(ExportError):
    """A file of the audio folder is not the one the run learned from."""


class EmptyCorpusError(ExportError):
    """No sound of the corpus is long enough for one unit."""


class VerificationError(ExportError):
    """The exported model does not repeat the trained one."""

    exit_code = 1
