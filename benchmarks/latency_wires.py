"""The two wires by which the latency benchmark turns a control: OSC by UDP, and MIDI by a JACK port. They know no stage."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from benchmarks.report import BenchmarkError, need

Argument = float | int | str

MIDI_CLIENT = "latency knobs"
FIRST_CONTROLLER = 70
"""From 70 on controllers have no finer half, which a receiver would wait for."""
SERVER_S = 15.0
_REPLY_BYTES = 65_536
_CONTROL_CHANGE = 0xB0


@dataclass(frozen=True)
class Turn:
    """What an event does: the control at `address` goes from `rest` to `turned`, in its own units."""

    address: str
    rest: float
    turned: float


class Wire(Protocol):
    """Turns controls."""

    name: str

    def set(self, number: int, *, turned: bool) -> None:
        """Turn control `number` of the list it was made with, or put it back. Returns when the message has left."""


class OscWire:
    """A socket that asks and hears the answers.

    Parameters
    ----------
    port : int
        On this machine.
    turns : tuple of Turn
    """

    name = "osc"

    def __init__(self, port: int, turns: tuple[Turn, ...]) -> None:
        self._osc = need("latency", "pythonosc.osc_message_builder")
        self._message = need("latency", "pythonosc.osc_message")
        self._packets = [[self._pack(turn.address, turn.rest), self._pack(turn.address, turn.turned)] for turn in turns]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def set(self, number: int, *, turned: bool) -> None:
        """See `Wire`."""
        self._socket.send(self._packets[number][turned])

    def tell(self, address: str, *arguments: Argument) -> None:
        """Send and wait for nothing."""
        self._socket.send(self._pack(address, *arguments))

    def ask(self, address: str, *arguments: Argument, limit_s: float = 5.0) -> list[Argument]:
        """Send and return what the answer says.

        Raises
        ------
        BenchmarkError — it was refused, or there was no answer in time.
        """
        self._forget()
        self.tell(address, *arguments)
        heard: list[str] = []
        end_s = time.monotonic() + limit_s
        while (left_s := end_s - time.monotonic()) > 0.0:
            self._socket.settimeout(left_s)
            try:
                answer = self._message.OscMessage(self._socket.recv(_REPLY_BYTES))
            except TimeoutError:
                break
            heard.append(f"{answer.address} {answer.params}")
            if answer.address == f"{address}.reply":
                return list(answer.params)
            if answer.params and answer.params[0] == address:
                if answer.address == "/done":
                    return list(answer.params[1:])
                if answer.address == "/fail":
                    raise BenchmarkError(f"benchmark latency: {address} was refused: {answer.params[1:]}")
        raise BenchmarkError(f"benchmark latency: no answer to {address} within {limit_s:g} s; heard: {heard[-3:]}")

    def _forget(self) -> None:
        """Let go of answers nobody waits for: some hundreds fill the socket, and the next one is lost."""
        self._socket.settimeout(0.0)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(_REPLY_BYTES)

    def _pack(self, address: str, *arguments: Argument) -> bytes:
        builder = self._osc.OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        return bytes(builder.build().dgram)


class MidiWire:
    """A JACK client with one port, as a controller has; needs a JACK server in the environment."""

    name = "midi"

    def __init__(self) -> None:
        rtmidi = need("latency", "rtmidi")
        end_s = time.monotonic() + SERVER_S
        while True:
            try:
                self._port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=MIDI_CLIENT)
                break
            except rtmidi.RtMidiError as error:
                # A server that was just started takes a while on a busy machine.
                if time.monotonic() > end_s:
                    raise BenchmarkError(f"benchmark latency: no JACK server to send MIDI by: {error}") from None
                time.sleep(1.0)
        self._port.open_virtual_port("midi")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._port.delete()

    def set(self, number: int, *, turned: bool) -> None:
        """See `Wire`."""
        self._port.send_message([_CONTROL_CHANGE, FIRST_CONTROLLER + number, 127 if turned else 0])


def mapping_text(turns: tuple[Turn, ...]) -> str:
    """The mapping file by which a `MidiWire` turns these."""
    lines = ['takeover = "off"', 'feedback = "none"']
    for number, turn in enumerate(turns):
        low, high = sorted((turn.rest, turn.turned))
        invert = "true" if turn.rest > turn.turned else "false"
        lines += [
            "[[binding]]",
            f'source = "cc {FIRST_CONTROLLER + number}"',
            f'address = "{turn.address}"',
            f"minimum = {low}",
            f"maximum = {high}",
            'curve = "linear"',
            f"invert = {invert}",
        ]
    return "\n".join(lines) + "\n"
