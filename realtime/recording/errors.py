"""What can go wrong with a recording. It knows no file format."""

from realtime.errors import StageError


class RecordingError(StageError):
    """A recording cannot be begun, ended or written; the show and what is on disk already are untouched."""
