"""The device process: waits until a lost device is there again, then plays through it. It knows the shared block and PortAudio, not decks.

A process of its own, because PortAudio sees only the devices that were there when it began, cannot begin again in a program beside a
stream that hangs, and ends the whole program when the JACK server it knew is dead. Here that costs a look, not the show.
"""

import contextlib
import ctypes
import json
import os
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from realtime import terminal_signals
from realtime.device import PortAudioOutput
from realtime.device_list import find_again, portaudio
from realtime.errors import DeviceError
from realtime.shared import SharedBlock

LOOK_S: Final = 1.0
CLIENT: Final = b"Starling-sound"
"""Name among JACK's clients, for patchbays. The lost stream of the host still waits on the name it had, and another client of that name
in vain. Here nothing is left behind: the next process can take the name again."""


@dataclass(frozen=True)
class DeviceRequest:
    """The device to wait for, and how it was played through."""

    name: str
    system: str
    block_frames: int | None
    input: str | None

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
        device is there and cannot be had; then ``opened``, is told ``start``, says ``playing`` or ``failed``.
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
        """Look for the device until it opens; start it when told to; stop it when told to quit, or when the host is gone."""
        begin_again()
        output = self._open()
        while output is None:
            # Whoever waits for this process can tell that it does not hang.
            self._say(event="looks")
            if self._pipe.poll(LOOK_S):
                return
            begin_again()
            output = self._open()
        self._say(event="opened", name=output.name, sample_rate_hz=output.sample_rate_hz, block_frames=output.block_frames)
        try:
            while self._hear() == "start":
                self._start(output)
        finally:
            output.stop()

    def _open(self) -> PortAudioOutput | None:
        try:
            device = find_again(self._request.name, self._request.system)
            if device is None:
                return None
            output = PortAudioOutput(device, self._block.sample_rate_hz, self._request.block_frames)
            if self._request.input is not None:
                try:
                    output.hear(self._request.input)
                except DeviceError as error:
                    # The sound matters more, also where the input was asked for by name.
                    output.notice = f"playing without an input: {error.what}"
            output.prepare(self._block)
        except DeviceError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                self._say(event="refused", error=self._refused)
            return None
        return output

    def _start(self, output: PortAudioOutput) -> None:
        try:
            output.start(self._block)
        except DeviceError as error:
            self._say(event="failed", error=str(error))
        else:
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
