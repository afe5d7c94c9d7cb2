"""Looks after the sound device: when it stops, the stage goes on with `null`, and when it is there (again), with it.

It knows outputs, not decks. The clock goes on meanwhile and nothing is loaded anew: what comes back is the sound of then.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from realtime.device import NullOutput, Output, PortAudioOutput
from realtime.device_list import NULL_DEVICE
from realtime.device_process import FIRST_CALL_S, DeviceRequest
from realtime.errors import DeviceError
from realtime.kernels import layout as at
from realtime.priority import raise_audio_thread
from realtime.returned_device import ReturnedDevice
from realtime.shared import SharedBlock

DEVICE_LOST_S: Final = 2.0
"""A device that has not called for this long is gone: the longest block takes a third of a second at 48 kHz."""
LEAST_CALL_S: Final = 0.1
CALL_BLOCKS: Final = 4
"""A device that has not called for so many blocks, or for the time above, does not call."""
RETRY_S: Final = 2.0
"""After this long a process that looked for the device and was lost is replaced; each time twice as long, up to `MAX_RETRY_S`."""
MAX_RETRY_S: Final = 30.0
READY_S: Final = 0.3
"""Decks have so long to make what the blocks of a device that came take."""
SILENT_LIMIT_S: Final = 0.5
"""The fade before the change takes a sixth of it."""


class DeviceWatch:
    """The output there is, and what becomes of it.

    Parameters
    ----------
    output : Output
        The one to begin with.
    block_frames : int, optional
    input_name : str, optional
        As the performer asked for them: what comes back is opened with the same.
    say : callable
        Told what the performer should know from now on; empty: all is as it was.

    Thread
    ------
    `start` and `stop` the one that starts the engine, `poll` the engine's; the attributes from any.
    """

    def __init__(self, output: Output, block_frames: int | None, input_name: str | None, say: Callable[[str], None]) -> None:
        self.output = output
        self.audio_priority = ""
        self._say = say
        self._request = _request(output, block_frames, input_name)
        self._coming: ReturnedDevice | None = None
        self._came_s = 0.0
        # A start is busy enough without a process that looks for a device.
        self._retry_at_s = time.monotonic() + RETRY_S
        self._retry_s = RETRY_S
        self._refused = ""
        self._ends = threading.Event()
        self._callbacks_before = 0
        self._callbacks_seen = -1
        self._called_s = 0.0
        self._watched_s = 0.0

    @property
    def awaited(self) -> str:
        """The device that was lost, or `ANY_DEVICE` where there was none at the start, and that is waited for; empty: none."""
        request = self._request
        return request.shown if request is not None and self.output.name == NULL_DEVICE else ""

    def block_frames(self, block: SharedBlock) -> int:
        """The longest block that decks must have ready: the one there is, or of a device that is about to play."""
        coming = self._coming
        now = int(block.words[at.W_BLOCK_FRAMES]) or self.output.block_frames
        return max(now, coming.block_frames) if coming is not None and coming.opened else now

    def start(self, block: SharedBlock) -> None:
        """Begin to call the mixer.

        Raises
        ------
        DeviceError — the device does not start.
        """
        self.output.start(block)

    def end(self) -> None:
        """Change nothing any more: the stage fades out."""
        self._ends.set()

    def stop(self, block: SharedBlock) -> None:
        """Stop the device and whoever waits for one."""
        self._ends.set()
        if self._calls(block):
            self.output.stop()
        else:
            self.output.abandon()
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.abandon()

    def _calls(self, block: SharedBlock) -> bool:
        """Whether the device calls; one that has died a moment ago is not to be closed either."""
        before = int(block.words[at.W_CALLBACKS])
        end = time.monotonic() + max(LEAST_CALL_S, CALL_BLOCKS * int(block.words[at.W_BLOCK_FRAMES]) / block.sample_rate_hz)
        while int(block.words[at.W_CALLBACKS]) == before:
            if time.monotonic() >= end:
                return False
            time.sleep(0.001)
        return True

    def poll(self, block: SharedBlock) -> None:
        """One turn."""
        words = block.words
        if not self.audio_priority and words[at.W_THREAD_ID] != 0:
            self.audio_priority = raise_audio_thread(int(words[at.W_THREAD_ID]))
        if self._ends.is_set():
            return
        if self._is_lost(block):
            self._go_on_without(block)
        elif self._request is not None and self.output.name == NULL_DEVICE:
            self._wait_for(block, self._request)

    def _is_lost(self, block: SharedBlock) -> bool:
        now = time.monotonic()
        callbacks = int(block.words[at.W_CALLBACKS])
        # It called, or this thread itself stood still for a while and cannot tell.
        if callbacks != self._callbacks_seen or now - self._watched_s > 0.5 * DEVICE_LOST_S:
            self._called_s = now
            self._callbacks_seen = callbacks
        self._watched_s = now
        # Only the first device has still to show that it calls: those that take its place do so before.
        return now - self._called_s >= (DEVICE_LOST_S if callbacks else FIRST_CALL_S)

    def _go_on_without(self, block: SharedBlock) -> None:
        """Go on with `null`, so that the clock and the decks do."""
        output = self.output
        called = self._callbacks_seen != self._callbacks_before
        output.abandon()
        deaf = " and hearing silence" if output.input_name else ""
        again = "until it is there again" if self._request is not None else "until Starling is started again"
        self._say(f"device {output.name} stopped; playing to {NULL_DEVICE}{deaf} {again}")
        self._play_nowhere(block, output.block_frames, hears=bool(output.input_name))
        self._refused = ""
        if called:
            self._retry_at_s, self._retry_s = 0.0, RETRY_S
        else:
            # Not at once: each time the stage stands still for as long as that took.
            self._put_off()

    def _play_nowhere(self, block: SharedBlock, block_frames: int, *, hears: bool) -> None:
        null = NullOutput(block.sample_rate_hz, block_frames or int(block.words[at.W_BLOCK_FRAMES]))
        if hears:
            null.hear(NULL_DEVICE)
        self._begin(null, block)

    def _begin(self, output: Output, block: SharedBlock) -> None:
        """Play through another output; the one before it calls no more."""
        # The new thread has a priority of its own to ask for, and is not blamed for how long the last call of a dying device took.
        block.words[at.W_THREAD_ID] = block.words[at.W_CALLBACK_MAX_NS] = 0
        self.audio_priority = ""
        self._callbacks_before = self._callbacks_seen = int(block.words[at.W_CALLBACKS])
        output.start(block)
        self.output = output
        self._called_s = self._watched_s = time.monotonic()

    # --- the way back -------------------------------------------------------------------------------------------------------

    def _wait_for(self, block: SharedBlock, request: DeviceRequest) -> None:
        """Have somebody look for the device, and change over to it when it is there."""
        coming = self._coming
        if coming is None:
            if time.monotonic() >= self._retry_at_s:
                self._coming = ReturnedDevice(block, request)
            return
        if not coming.opened:
            self._came_s = time.monotonic()
        coming.poll()
        if coming.notice and coming.notice != self._refused:
            self._refused = coming.notice
            there = f"device {request.shown} is there again and cannot be had: " if request.name else ""
            self._say(f"{there}{coming.notice}; playing to {NULL_DEVICE}")
        if coming.lost:
            self._try_later(coming)
        elif coming.opened and time.monotonic() - self._came_s >= READY_S:
            self._come_back(block, coming)

    def _come_back(self, block: SharedBlock, coming: ReturnedDevice) -> None:
        null = self.output
        # What sounds to nobody fades out there and in here: the device begins without a click, and what was recorded has none either.
        block.words[at.W_RUN] = 0
        end = time.monotonic() + SILENT_LIMIT_S
        while block.floats[at.F_RUN_NOW] != 0.0 and time.monotonic() < end:
            time.sleep(0.005)
        null.stop()
        # As its first call will: decks keep what they made for it.
        block.words[at.W_BLOCK_FRAMES] = coming.block_frames
        try:
            self._begin(coming, block)
        except DeviceError as error:
            self._say(f"{error}; playing to {NULL_DEVICE}")
            self._try_later(coming)
            self._play_nowhere(block, null.block_frames, hears=bool(null.input_name))
        else:
            # From now on this one is meant, whichever it was that came.
            self._coming, self._request = None, coming.request
            self._say(coming.notice)
        block.words[at.W_RUN] = 1
        if self._ends.is_set():
            # Whoever ends the stage has set it to 0, before or after the line above.
            block.words[at.W_RUN] = 0

    def _try_later(self, coming: ReturnedDevice) -> None:
        coming.abandon()
        self._coming = None
        self._put_off()

    def _put_off(self) -> None:
        self._retry_at_s = time.monotonic() + self._retry_s
        self._retry_s = min(2.0 * self._retry_s, MAX_RETRY_S)


def _request(output: Output, block_frames: int | None, input_name: str | None) -> DeviceRequest | None:
    """What to wait for where it is not there; None: nothing, `null` was asked for."""
    if isinstance(output, PortAudioOutput):
        return DeviceRequest(output.device.name, output.device.system, block_frames, input_name)
    if isinstance(output, NullOutput) and output.stands_in:
        return DeviceRequest("", "", block_frames, input_name)
    return None
