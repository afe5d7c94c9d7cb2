"""The live input as a stream: what came in since one last looked. It knows the shared block, not the device and not who listens."""

import numpy as np

from realtime.kernels import layout as at
from realtime.kernels.input import KEPT_FRAMES, copy_input, input_head
from realtime.kernels.views import Floats
from realtime.shared import SharedBlock


class InputReader:
    """Follows the input ring with a position of its own, from the newest frame on.

    Parameters
    ----------
    block : SharedBlock
    channels : tuple of int, optional
        Which of the ring's channels: `layout.F_INPUT_HEARD` (after gain and feedback guard), `F_INPUT_RAW`, `F_INPUT_OUTPUT`.

    Capacity: 2.7 s at 48 kHz. Who comes later goes on with the newest frame; `skipped_frames` counts what was missed.
    Thread: one per reader, not the audio thread; any number of readers, in any process.
    """

    def __init__(self, block: SharedBlock, channels: tuple[int, ...] = (at.F_INPUT_HEARD,)) -> None:
        self.skipped_frames = 0
        self._block = block
        self._channels = channels
        self._buffer = np.zeros((len(channels), KEPT_FRAMES), np.float32)
        self._position = self._head()

    def skip(self) -> None:
        """Forget what was left unread, which is not counted: begin with the newest frame."""
        self._position = self._head()

    def read(self) -> Floats:
        """Frames since the last call, shape (T,), mono at the device's rate; valid until the next call. Without an input: none."""
        heard: Floats = self.read_channels()[0]
        return heard

    def read_channels(self) -> Floats:
        """The same for every channel of this reader, shape (channels, T), all of the same frames."""
        words, floats = self._block.words, self._block.floats
        count = self._head() - self._position
        whole = count <= KEPT_FRAMES
        for row, channel in zip(self._buffer, self._channels, strict=True):
            whole = whole and copy_input(words, floats, channel, self._position, row[:count])
        if not whole:
            head = self._head()
            self.skipped_frames += head - self._position
            self._position, count = head, 0
        self._position += count
        return self._buffer[:, :count]

    def _head(self) -> int:
        return int(input_head(self._block.words))
