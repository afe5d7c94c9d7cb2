"""How the stage and its MIDI process talk: frames in a pipe. It knows bytes, not MIDI.

::

    kind (1 byte) | port (2) | time in ns (8) | length (2) | that many bytes
"""

import enum
import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

_HEAD: Final = struct.Struct(">BHQH")
LIMIT_BYTES: Final = 65_535


class FrameKind(enum.IntEnum):
    """What a frame says. `port` is a number that an input has while it is open."""

    MESSAGE = 1
    """From an input: the bytes of a message."""
    QUIET = 2
    """Nothing came for a while: what waits for more need not wait any longer."""
    ALIVE = 3
    """The ports were looked at."""
    OPENED = 4
    """An input is open: its name."""
    GONE = 5
    """An input is gone."""
    OUTPUTS = 6
    """Names of inputs that can be sent to, one a line."""
    BACKEND = 7
    """Name of the MIDI system in use."""
    SAID = 8
    """Something for the log."""
    HOPELESS = 9
    """It cannot work, and trying again does not help: why."""
    SEND = 10
    """To the MIDI process: name of an input, a zero byte, and a message for the output of the same controller."""


@dataclass(frozen=True)
class Frame:
    """One frame."""

    kind: FrameKind
    port: int = 0
    ns: int = 0
    data: bytes = b""

    @property
    def text(self) -> str:
        """Its bytes as text."""
        return self.data.decode(errors="replace")

    def pack(self) -> bytes:
        """Its bytes in the pipe. What is too long is cut: only a SysEx can be, and nobody reads it."""
        data = self.data[:LIMIT_BYTES]
        return _HEAD.pack(self.kind, self.port, self.ns, len(data)) + data


def read_frame(pipe: BinaryIO) -> Frame | None:
    """The next frame; None at the end of the pipe, also if it ends within a frame."""
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, port, ns, length = _HEAD.unpack(head)
    data = pipe.read(length)
    return Frame(FrameKind(kind), port, ns, data) if len(data) == length else None
