"""From the patch's rate to the device's, as a stream. It knows frames and rates, not voices.

soxr's streaming class does the work: its stream equals the whole-file conversion whatever the chunks.
"""

from typing import Any

import numpy as np
import soxr

from realtime.kernels.views import Floats


class StreamResampler:
    """Converts chunks of frames, keeping state between them.

    Parameters
    ----------
    input_hz, output_hz : int
        When equal the frames pass as they are.
    channels : int

    Thread
    ------
    The deck's.
    """

    def __init__(self, input_hz: int, output_hz: int, channels: int) -> None:
        self._rates = (input_hz, output_hz)
        self._channels = channels
        self._stream: Any = None
        self.reset()

    def reset(self) -> None:
        """Forget everything: reset == fresh."""
        input_hz, output_hz = self._rates
        if input_hz != output_hz:
            self._stream = soxr.ResampleStream(input_hz, output_hz, self._channels, dtype="float32", quality="HQ")

    def push(self, frames: Floats) -> Floats:
        """Output frames that `frames`, shape (T, C), complete; shape (any, C)."""
        if self._stream is None:
            return frames
        made = self._stream.resample_chunk(frames)
        return np.asarray(made, np.float32).reshape(-1, self._channels)
