"""Every way the sounds, their sheet or a dataset of tokens are refused, one class each; it knows no file format.

::

    DataError
    ├── ParameterSheetError     the parameter sheet cannot be read, or a row of it cannot be
    │   ├── SheetFileError      a row names a file that is not there
    │   ├── SheetRowError       a row says a file again, or has too few or too many cells
    │   ├── SheetClassError     a row has no class
    │   └── SheetNumberError    a cell is no number
    ├── ParameterRangeError     a value out of the declared range, or a range with nothing in it
    ├── ClassNameError          a folder or file whose name is no name of a class
    ├── UnknownClassError       a class that --classes does not list
    ├── PatchLimitError         more classes or parameters, or longer names, than a patch can have
    ├── CodebooksError          more codebooks than the codec has, or fewer than it can be exported with
    ├── NameParametersError     a file's name says a parameter twice
    ├── SingleClipError         a class with one clip, of which none can be held out
    ├── HeldOutError            the held-out sounds do not fit those to learn from
    ├── TokenFileError          a file of tokens that this codec did not make
    └── DatasetError            a dataset cannot be used
        ├── MissingDatasetError there is no dataset
        ├── DamagedDatasetError its files contradict themselves or each other
        └── OtherCodecDataError it was made with another codec
"""

from training.errors import StudioError

__all__ = [
    "ClassNameError",
    "CodebooksError",
    "DamagedDatasetError",
    "DataError",
    "DatasetError",
    "HeldOutError",
    "MissingDatasetError",
    "NameParametersError",
    "OtherCodecDataError",
    "ParameterRangeError",
    "ParameterSheetError",
    "PatchLimitError",
    "SheetClassError",
    "SheetFileError",
    "SheetNumberError",
    "SheetRowError",
    "SingleClipError",
    "TokenFileError",
    "UnknownClassError",
]


class DataError(StudioError):
    """Sounds, what is said of them, or a dataset of them cannot be used."""

    exit_code = 2


class ParameterSheetError(DataError):
    """The parameter sheet cannot be read."""


class SheetFileError(ParameterSheetError):
    """A row names a file that is not in the folder."""


class SheetRowError(ParameterSheetError):
    """A row says a file again, or has other cells than the header."""


class SheetClassError(ParameterSheetError):
    """A row has no class, or one that is no name."""


class SheetNumberError(ParameterSheetError):
    """A cell is neither blank nor a finite number."""


class ParameterRangeError(DataError):
    """A value lies outside of its declared range, or a parameter never changes."""


class ClassNameError(DataError):
    """A folder or file has a name that cannot be a class's."""


class UnknownClassError(DataError):
    """A sound is of a class that is not among those asked for."""


class PatchLimitError(DataError):
    """What was learned of these sounds could not become a patch: too many classes or parameters, or too long a name."""


class CodebooksError(DataError):
    """The codec has not so many codebooks, or cannot be exported with so few."""


class NameParametersError(DataError):
    """A file's name says one parameter twice."""


class SingleClipError(DataError):
    """A class has one clip, so none can be held out."""


class HeldOutError(DataError):
    """The sounds held out are not other clips of the same classes."""


class TokenFileError(DataError):
    """A file of tokens does not fit the codec."""


class DatasetError(DataError):
    """A dataset of tokens cannot be used."""


class MissingDatasetError(DatasetError):
    """There is no dataset."""


class DamagedDatasetError(DatasetError):
    """The files of the dataset contradict themselves or each other."""


class OtherCodecDataError(DatasetError):
    """The dataset was made with another codec than the model's."""
