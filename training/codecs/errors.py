"""Every way a codec is refused, one class each; it knows no codec.

::

    CodecError
    ├── MissingCodecError    there is no codec
    ├── OtherCodecError      what is there is no codec, or one of another version
    ├── DamagedCodecError    its files contradict themselves or each other
    └── CodesError           codes it cannot have made
"""

from training.errors import StudioError

__all__ = ["CodecError", "CodesError", "DamagedCodecError", "MissingCodecError", "OtherCodecError"]


class CodecError(StudioError):
    """A codec cannot be used."""

    exit_code = 2


class MissingCodecError(CodecError):
    """There is no codec."""


class OtherCodecError(CodecError):
    """What is there is no codec, or one that this version does not know."""


class DamagedCodecError(CodecError):
    """The files of the codec contradict themselves or each other."""


class CodesError(CodecError):
    """Codes that this codec cannot have made: too many codebooks, or numbers outside of a codebook."""
