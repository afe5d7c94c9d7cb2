"""The device process: waits until a device is there (again), then plays through it. It knows the shared block and PortAudio, not decks.

A process of its own, because PortAudio sees only the devices that were there when it began, cannot begin again in a program beside a
stream that hangs, and ends the whole program when the JACK server it knew is dead. Here that costs a look, not the show.
"""

import contextlib
import ctypes
import json
import os
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from realtime import terminal_signals
from realtime.device import PortAudioOutput
from realtime.device_list import ANY_DEVICE, DeviceInfo, find_again, find_any, portaudio
from realtime.errors import DeviceError, InputDeviceError, RateRefusedError, UnknownDeviceError
from realtime.shared import SharedBlock

LOOK_S: Final = 1.0
CALL_POLL_S: Final = 0.05
FIRST_CALL_S: Final = 10.0
"""Some devices (Bluetooth) take seconds to begin."""
CLIENT: Final = b"Starling-sound"
"""Name among JACK's clients, for patchbays. The lost stream of the host still waits on the name it had, and another client of that name
in vain. Here nothing is left behind: the next process can take the name again."""
_OTHER_RATE: Final = "end Starling and start it with --resume: it goes on at the device's rate"


@dataclass(frozen=True)
class DeviceRequest:
    """The device to wait for, and how it is played through."""

    name: str
    """Empty: the system's default, once it has one."""
    system: str
    block_frames: int | None
    input: str | None

    @property
    def shown(self) -> str:
        """What the device is called."""
        return f"{self.name} ({self.system})" if self.name else ANY_DEVICE

    def pack(self) -> str:
        """As text."""
        return json.dumps(asdict(self))


def run(block_name: str, request: str, pipe: Connection) -> None:
    """Wait, play and serve until the pipe closes. Entry point of the process.

    Parameters
    ----------
    block_name : str
        The shared block.
    request : str
        A packed `DeviceRequest`.
    pipe : Connection
        Commands in, events out, each one JSON object as bytes. Says ``looks`` at each look, and once for each reason ``refused`` where the
        device is there and cannot be had; ``opened`` with its name, system and block when it calls, which it does in silence; then is told
        ``start`` and says ``playing``.
    """
    terminal_signals.ignore()
    # Host libraries print what they do not find, at every look.
    quiet = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(quiet, descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        DeviceProcess(SharedBlock.attach(block_name), DeviceRequest(**json.loads(request)), pipe).serve()


def begin_again() -> None:
    """Have PortAudio see the devices there are now: it lists them when it begins, and never again."""
    binding = portaudio()
    binding._terminate()
    # PortAudio keeps the address, not the name; a build without JACK lacks the function.
    set_name = getattr(ctypes.CDLL(binding._libname), "PaJack_SetClientName", None)
    if set_name is not None:
        set_name(ctypes.c_char_p(CLIENT))
    binding._initialize()


class DeviceProcess:
    """One device, waited for and played through once. Thread: its own."""

    def __init__(self, block: SharedBlock, request: DeviceRequest, pipe: Connection) -> None:
        self._block = block
        self._request = request
        self._pipe = pipe
        self._refused = ""

    def serve(self) -> None:
        """Look for the device until it calls; let it mix when told to; stop it when told to quit, or when the host is gone."""
        begin_again()
        while (output := self._prepared()) is None:
            if self._waits(LOOK_S):
                return
            begin_again()
        try:
            end = time.monotonic() + FIRST_CALL_S
            while not output.calls:
                # Another process tries again, later.
                if self._waits(CALL_POLL_S) or time.monotonic() >= end:
                    return
            self._say(event="opened", name=output.device.name, system=output.device.system, block_frames=output.asked_frames)
            while self._hear() == "start":
                self._start(output)
        finally:
            output.stop()

    def _waits(self, seconds: float) -> bool:
        """Wait; true when the host wants an end. It can tell from what it hears that this process does not hang."""
        self._say(event="looks")
        return self._pipe.poll(seconds)

    def _prepared(self) -> PortAudioOutput | None:
        """The device, where it is there and starts."""
        try:
            device = find_again(self._request.name, self._request.system) if self._request.name else find_any()
            if device is None:
                return None
            try:
                return self._begun(device, self._request.input)
            except (InputDeviceError, UnknownDeviceError) as error:
                # The sound matters more, also where the input was asked for by name.
                output = self._begun(device, None)
                output.notice = f"playing without an input: {error.what}"
                return output
        except RateRefusedError as error:
            self._refuse(RateRefusedError(error.what, got=error.got, allowed=error.allowed, hint=_OTHER_RATE))
        except DeviceError as error:
            self._refuse(error)
        return None

    def _refuse(self, error: DeviceError) -> None:
        if str(error) != self._refused:
            self._refused = str(error)
            self._say(event="refused", error=self._refused)

    def _begun(self, device: DeviceInfo, source: str | None) -> PortAudioOutput:
        output = PortAudioOutput(device, self._block.sample_rate_hz, self._request.block_frames)
        if source is not None:
            output.hear(source)
        output.prepare(self._block)
        return output

    def _start(self, output: PortAudioOutput) -> None:
        output.start(self._block)
        self._say(
            event="playing",
            latency_s=output.latency_s,
            input_name=output.input_name,
            input_latency_s=output.input_latency_s,
            notice=output.notice,
        )

    def _hear(self) -> str:
        return str(json.loads(self._pipe.recv_bytes())["do"])

    def _say(self, **event: Any) -> None:
        self._pipe.send_bytes(json.dumps(event).encode())
