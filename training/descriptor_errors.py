"""Every way a file of descriptors is refused, one class each; it knows no file format.

::

    DescriptorError
    ├── DescriptorSpecError         a name, hop or rate that no description can have
    └── DescriptorFileError         a file of descriptors cannot be used
        ├── UnreadableTableError    the system does not give it
        ├── OversizeTableError      larger than can be read
        ├── TableSyntaxError        not strict JSON
        ├── TableLayoutError        JSON, but no layout of descriptors
        ├── UnknownColumnError      a column nobody knows
        ├── MissingColumnError      a column that must be there is not
        ├── DuplicateColumnError    a column or key stands twice
        ├── RaggedColumnsError      columns of different lengths
        ├── TableValueError         no finite number of ordinary size, or no text where text belongs
        ├── HopError                rows at other distances than asked for, or at uneven ones
        ├── RateError               described at another sample rate
        └── DescribedTwiceError     one moment of one sound has two rows
"""

from training.errors import StudioError

__all__ = [
    "DescribedTwiceError",
    "DescriptorError",
    "DescriptorFileError",
    "DescriptorSpecError",
    "DuplicateColumnError",
    "HopError",
    "MissingColumnError",
    "OversizeTableError",
    "RaggedColumnsError",
    "RateError",
    "TableLayoutError",
    "TableSyntaxError",
    "TableValueError",
    "UnknownColumnError",
    "UnreadableTableError",
]


class DescriptorError(StudioError):
    """Descriptors are asked for or given in a way that cannot be."""

    exit_code = 2


class DescriptorSpecError(DescriptorError):
    """No description can have these names, this hop or this rate."""


class DescriptorFileError(DescriptorError):
    """A file of descriptors cannot be used; it is left as it is."""


class UnreadableTableError(DescriptorFileError):
    """The system does not give the file."""


class OversizeTableError(DescriptorFileError):
    """The file is larger than can be read."""


class TableSyntaxError(DescriptorFileError):
    """The file is not strict JSON."""


class TableLayoutError(DescriptorFileError):
    """The file is JSON, but in no layout of descriptors."""


class UnknownColumnError(DescriptorFileError):
    """A column has a name that no descriptor has."""


class MissingColumnError(DescriptorFileError):
    """A column that must be there is not."""


class DuplicateColumnError(DescriptorFileError):
    """A column or key stands twice, so readers would disagree about which one counts."""


class RaggedColumnsError(DescriptorFileError):
    """The columns have different lengths."""


class TableValueError(DescriptorFileError):
    """A value is no finite number of ordinary size, or no text where text belongs."""


class HopError(DescriptorFileError):
    """The rows are at other distances than asked for, or at uneven ones."""


class RateError(DescriptorFileError):
    """The sound was described at another sample rate."""


class DescribedTwiceError(DescriptorFileError):
    """One moment of one sound has two rows."""
