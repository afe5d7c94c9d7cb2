"""What can go wrong between a screen and its stage.

::

    StageError
    └── AttachError           a screen cannot be attached
        ├── NoStageError      no stage plays here
        └── EndpointError     the file that says where it is cannot be written, or is not to be trusted
"""

from realtime.errors import StageError


class AttachError(StageError):
    """A screen cannot be attached to the stage, or the stage does not answer as one."""


class NoStageError(AttachError):
    """No stage plays here."""


class EndpointError(AttachError):
    """The file that says where the stage is cannot be written, is somebody else's, or is not one."""
