"""The thread that looks for feedback. It knows the shared block and the guard, not the device."""

import threading
import time

from realtime.feedback_guard import FeedbackGuard
from realtime.input_ring import InputReader
from realtime.kernels import layout as at
from realtime.shared import SharedBlock

PERIOD_S = 0.12
JOIN_LIMIT_S = 2.0


class InputWatch:
    """Shows the guard what came in and went out, several times a second, and writes what it says into the block.

    Parameters
    ----------
    block : SharedBlock

    Thread
    ------
    `start` and `stop`: control. The watching: its own, so that it never delays the engine's turn; the only writer of `F_INPUT_OPEN`.
    """

    def __init__(self, block: SharedBlock) -> None:
        self._block = block
        self._guard = FeedbackGuard(block.sample_rate_hz)
        self._reader = InputReader(block, (at.F_INPUT_RAW, at.F_INPUT_OUTPUT))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="input-watch", daemon=True)

    @property
    def trips(self) -> int:
        """Times the input was muted because it heard the output."""
        return self._guard.trips

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the watching; call before the block is closed."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_LIMIT_S)

    def turn(self, now_s: float) -> None:
        """Look once."""
        heard, played = self._reader.read_channels()
        is_open = self._guard.look(heard, played, now_s)
        self._block.floats[at.F_INPUT_OPEN] = 1.0 if is_open else 0.0

    def _run(self) -> None:
        self._reader.skip()
        while not self._stop.wait(PERIOD_S):
            self.turn(time.monotonic())
