"""Every way the published codec and its files are refused, one class each; it knows neither torch nor files.

::

    CodecError
    ├── DacWeightsError              a weight file cannot be used
    │   ├── MissingWeightsError      there is none, or it cannot be read
    │   ├── DamagedWeightsError      it is cut short, or no weight file at all
    │   ├── UnsafeWeightsError       it carries code or foreign objects
    │   ├── WrongArchitectureError   its tensors are not those of this codec
    │   └── CodebookCountError       it holds another number of codebooks than it says
    ├── WeightsOfflineError          published weights cannot be fetched
    └── DacFileError                 a `.dac` file cannot be used
        ├── DamagedDacFileError      not that layout, cut short, or a field out of range
        ├── UnsafeDacFileError       it holds an object that the layout has not
        ├── ChunkedDacFileError      its codes are windows, not one stream
        └── OtherDacFileError        its codes are not this codec's
"""

from training.codecs.errors import CodecError

__all__ = [
    "ChunkedDacFileError",
    "CodebookCountError",
    "DacFileError",
    "DacWeightsError",
    "DamagedDacFileError",
    "DamagedWeightsError",
    "MissingWeightsError",
    "OtherDacFileError",
    "UnsafeDacFileError",
    "UnsafeWeightsError",
    "WeightsOfflineError",
    "WrongArchitectureError",
]


class DacWeightsError(CodecError):
    """A weight file cannot be used."""


class MissingWeightsError(DacWeightsError):
    """There is no such weight file, or it cannot be read."""


class DamagedWeightsError(DacWeightsError):
    """The file is cut short, or it is no weight file."""


class UnsafeWeightsError(DacWeightsError):
    """The file carries code or objects that are not weights; nothing of it was run."""


class WrongArchitectureError(DacWeightsError):
    """The tensors of the file are not those of the published codec."""


class CodebookCountError(DacWeightsError):
    """The file holds another number of codebooks than it says, or than was asked for."""


class WeightsOfflineError(CodecError):
    """Published weights cannot be fetched from here."""

    exit_code = 1


class DacFileError(CodecError):
    """A `.dac` file cannot be used."""


class DamagedDacFileError(DacFileError):
    """The file has not the layout of a `.dac` file, is cut short, or one of its fields is out of range."""


class UnsafeDacFileError(DacFileError):
    """The file holds an object that the layout has not; nothing of it was run."""


class ChunkedDacFileError(DacFileError):
    """The codes are those of separate windows, so they are no stream of codes."""


class OtherDacFileError(DacFileError):
    """The codes are not such that this codec can have made them."""
