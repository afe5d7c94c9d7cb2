"""A device that comes (back) while the stage plays, as the host sees it: waited for, then an output like any other.

It knows a process, not PortAudio.
"""

import time
from dataclasses import replace
from typing import Final

from realtime.child_process import ChildProcess
from realtime.device_process import DeviceRequest, run
from realtime.errors import DeviceError
from realtime.shared import SharedBlock

START_LIMIT_S: Final = 4.0
"""Who starts a device waits for it, and cannot look after decks meanwhile."""
STUCK_S: Final = 20.0
"""Who looks for the device says so every second, once it runs; one that does not hangs in a call of the sound system."""
POLL_S: Final = 0.005


class ReturnedDevice:
    """An `Output` that is there once its device is.

    Parameters
    ----------
    block : SharedBlock
    request : DeviceRequest

    Thread
    ------
    The engine's control thread.
    """

    def __init__(self, block: SharedBlock, request: DeviceRequest) -> None:
        self._process = ChildProcess(run, (block.name, request.pack()), "starling-device")
        self.request = request
        """What is waited for; once `opened`, what came."""
        self.name = request.shown
        self.sample_rate_hz = block.sample_rate_hz
        self.block_frames = request.block_frames or 0
        self.latency_s = 0.0
        self.input_name = ""
        self.input_latency_s = 0.0
        self.notice = ""
        """Why the device is there and cannot be had; after `start` see `Output.notice`."""
        self.opened = False
        """The device is there and calls, cut off from the mixer; `start` lets it mix."""
        self._heard_s = time.monotonic()

    @property
    def lost(self) -> bool:
        """True once the process has ended, or hangs."""
        stuck = not self.opened and time.monotonic() - self._heard_s > STUCK_S
        return stuck or self._process.lost or not self._process.alive

    def poll(self) -> None:
        """Hear what the process says."""
        for event in self._process.events():
            self._heard_s = time.monotonic()
            if event["event"] == "opened":
                self.opened = True
                self.block_frames = int(event["block_frames"])
                self.request = replace(self.request, name=str(event["name"]), system=str(event["system"]))
                self.name = self.request.shown
            elif event["event"] == "refused":
                self.notice = str(event["error"])

    def start(self, block: SharedBlock) -> None:
        """See `Output.start`.

        Raises
        ------
        DeviceError — it did not answer in time.
        """
        self._process.say(do="start")
        end = time.monotonic() + START_LIMIT_S
        while not self.lost and time.monotonic() < end:
            for event in self._process.events():
                if event["event"] == "playing":
                    self.latency_s = float(event["latency_s"])
                    self.input_name = str(event["input_name"])
                    self.input_latency_s = float(event["input_latency_s"])
                    self.notice = str(event["notice"])
                    return
            time.sleep(POLL_S)
        raise DeviceError(f"device {self.name} is there and did not start", got="no answer")

    def stop(self) -> None:
        """See `Output.stop`."""
        self._process.finish()

    def abandon(self) -> None:
        """See `Output.abandon`: a process that is ended calls nothing."""
        self._process.kill()
