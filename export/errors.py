"""Every way an export refuses that is not the run's or the patch's own.

::

    training.errors.StudioError
    ├── training.errors.RunError    the run folder cannot be used
    └── ExportError                 what this package refuses
        ├── SlugError               the slug cannot name a patch
        ├── AudioGoneError          the run's audio folder, or a file of it, is not there
        ├── CorpusChangedError      a file is not the one the run learned from
        ├── CorpusSpecError         a built corpus is not described as the run's sounds were
        ├── ControlsError           the run's classes and parameters cannot be the controls of a patch
        ├── CodecExportError        the codec cannot be exported so
        ├── OtherCodecError         the codec is not the one the run's tokens were made with
        ├── DatasetGoneError        the run's dataset is not there, or is another one
        ├── EmptyCorpusError        no sound is long enough for one unit
        └── VerificationError       the exported model does not repeat the trained one
"""

from training.errors import StudioError

__all__ = [
    "AudioGoneError",
    "CodecExportError",
    "ControlsError",
    "CorpusChangedError",
    "CorpusSpecError",
    "DatasetGoneError",
    "EmptyCorpusError",
    "ExportError",
    "OtherCodecError",
    "SlugError",
    "VerificationError",
]


class ExportError(StudioError):
    """An export cannot be made."""

    exit_code = 2


class SlugError(ExportError):
    """The slug cannot name a patch."""


class AudioGoneError(ExportError):
    """The audio folder of the run, or a file of it, is not there."""


class CorpusChangedError(ExportError):
    """A file of the audio folder is not the one the run learned from."""


class CorpusSpecError(ExportError):
    """A built corpus has other descriptors, another hop or rate than the run, so its units could not be found."""


class ControlsError(ExportError):
    """The classes and parameters of the run cannot be the controls of a patch: too many, or a name that is too long."""


class CodecExportError(ExportError):
    """The codec cannot be exported as asked."""


class OtherCodecError(ExportError):
    """The codec is not the one the tokens of the run were made with: its decoder would make another sound of them."""


class DatasetGoneError(ExportError):
    """The dataset of the run is not there, or it is another one now."""


class EmptyCorpusError(ExportError):
    """No sound of the corpus is long enough for one unit."""


class VerificationError(ExportError):
    """The exported model does not repeat the trained one."""

    exit_code = 1
