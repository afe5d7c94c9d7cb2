"""The MIDI process: looks for ports, listens and sends. It knows neither what messages mean nor the rest of the stage.

It ends when its input ends: with the stage, however that ended.
"""

import faulthandler
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from realtime import terminal_signals
from realtime.midi.driver import QUEUE_MESSAGES, Driver, DriverError, InputPort, NoLibraryError, OutputPort, open_driver
from realtime.midi.frames import Frame, FrameKind, read_frame
from realtime.midi.port_name import CLIENT, free_name, is_wanted, output_of, plain_name
from realtime.priority import raise_deck

POLL_S: Final = 0.001
SCAN_S: Final = 0.25
"""Ports are looked at this often. A controller that comes back within a scan under the same name would go unnoticed on JACK."""
QUIET_NS: Final = 12_000_000
"""Longer than the halves of a pair wait for each other."""
RETRY_S: Final = 2.0
STUCK_S: Final = 10.0
"""A process whose library does not come back ends itself, should nobody be left to end it."""
COMMANDS_KEPT: Final = 4_096
CHECK_S: Final = 1.0
"""A doubt about the MIDI system is looked into this often at most: a look is a new client."""
WORDS_BYTES: Final = 65_536
FLOOD_WORDS: Final = b"queue limit"
"""What python-rtmidi prints for every message that it drops: no sign that the system is gone."""
VIRTUAL_PORT: Final = 0
TURN_MESSAGES: Final = 2_048
"""Messages of one port in one turn, so that a port that floods does not keep the others waiting."""
GONE_TURNS: Final = -(-QUEUE_MESSAGES // TURN_MESSAGES)
"""What the library keeps of a port takes so many."""


class Wire:
    """Ports by name, and what goes through them.

    Parameters
    ----------
    driver : Driver
    patterns : sequence of str
        Which inputs; none: every controller.
    tell : callable
        Takes bytes for the stage.
    """

    def __init__(self, driver: Driver, patterns: Sequence[str], tell: Callable[[bytes], None]) -> None:
        self._driver = driver
        self._patterns = patterns
        self._tell = tell
        self._inputs: dict[int, tuple[str, InputPort]] = {}
        self._names: dict[str, int] = {}
        self._outputs: dict[str, OutputPort] = {}
        self._output_names: list[str] = []
        self._outputs_told = False
        self._virtual_out: OutputPort | None = None
        self._next_port = VIRTUAL_PORT + 1
        self._last_ns = 0
        self._flooding: set[str] = set()
        tell(Frame(FrameKind.BACKEND, data=driver.backend.name.encode()).pack())
        virtual = driver.virtual_ports()
        if virtual is not None:
            self._virtual_out = virtual[1]
            self._add(VIRTUAL_PORT, CLIENT, "", virtual[0])

    def scan(self) -> None:
        """Open what came, forget what is gone."""
        there = self._driver.inputs()
        for port, (name, wire) in list(self._inputs.items()):
            raw = next((raw for raw, number in self._names.items() if number == port), "")
            if port != VIRTUAL_PORT and raw not in there:
                # All that it had still said: the last position of a knob may be behind a long turn of it.
                for _ in range(GONE_TURNS):
                    self._poll(port, wire, time.monotonic_ns())
                self._driver.close(wire)
                del self._inputs[port], self._names[raw]
                self._tell(Frame(FrameKind.GONE, port, time.monotonic_ns(), name.encode()).pack())
        for raw in there:
            if raw not in self._names and is_wanted(raw, self._driver.backend, self._patterns):
                opened = self._driver.open_input(raw)
                if opened is not None:
                    name = free_name(plain_name(raw, self._driver.backend), [name for name, _ in self._inputs.values()])
                    self._add(self._next_port, name, raw, opened)
                    # Numbers are not used again while a frame of their last owner may be on its way.
                    self._next_port = self._next_port % 65_535 + 1
        outputs = self._driver.outputs()
        for raw in [raw for raw in self._outputs if raw not in outputs]:
            self._driver.close(self._outputs.pop(raw))
        if outputs != self._output_names or not self._outputs_told:
            self._output_names, self._outputs_told = outputs, True
            with_output = [name for name, _ in self._inputs.values() if self._output_raw(name) is not None]
            self._tell(Frame(FrameKind.OUTPUTS, data="\n".join(with_output).encode()).pack())
        while self._flooding:
            said = f"{self._flooding.pop()} sends more than can be read at once; what is too much of it is lost"
            self._tell(Frame(FrameKind.SAID, data=said.encode()).pack())
        self._tell(Frame(FrameKind.ALIVE, ns=time.monotonic_ns()).pack())

    def poll(self) -> None:
        """Pass on what came in."""
        now = time.monotonic_ns()
        came = False
        for port, (name, wire) in self._inputs.items():
            count = self._poll(port, wire, now)
            came = came or count > 0
            if count == TURN_MESSAGES:
                self._flooding.add(name)
        if came:
            self._last_ns = now
        elif self._last_ns and now - self._last_ns >= QUIET_NS:
            self._last_ns = 0
            self._tell(Frame(FrameKind.QUIET, ns=now).pack())

    def send(self, name: str, message: bytes) -> None:
        """Send to the controller whose input has this name; nothing happens if it has no output, and one that does not open is told."""
        output = self._virtual_out if name == CLIENT else self._output(name)
        if output is not None and message:
            output.send_message(list(message))
        elif output is None and self._output_raw(name) is not None:
            # The stage has it in its log as sent.
            self._tell(Frame(FrameKind.SAID, data=f"{name} takes nothing: its output does not open".encode()).pack())

    def close(self) -> None:
        """Close all ports."""
        for port, (_, wire) in self._inputs.items():
            if port != VIRTUAL_PORT:
                self._driver.close(wire)
        for output in self._outputs.values():
            self._driver.close(output)

    def _add(self, port: int, name: str, raw: str, wire: InputPort) -> None:
        self._inputs[port] = (name, wire)
        if raw:
            self._names[raw] = port
        self._tell(Frame(FrameKind.OPENED, port, time.monotonic_ns(), name.encode()).pack())
        self._outputs_told = False

    def _poll(self, port: int, wire: InputPort, now: int) -> int:
        frames: list[bytes] = []
        while len(frames) < TURN_MESSAGES and (got := wire.get_message()) is not None:
            frames.append(Frame(FrameKind.MESSAGE, port, now, bytes(got[0])).pack())
        if frames:
            self._tell(b"".join(frames))
        return len(frames)

    def _output_raw(self, name: str) -> str | None:
        return "" if name == CLIENT and self._virtual_out is not None else output_of(name, self._output_names, self._driver.backend)

    def _output(self, name: str) -> OutputPort | None:
        raw = self._output_raw(name)
        if raw is None:
            return None
        if raw not in self._outputs:
            opened = self._driver.open_output(raw)
            if opened is None:
                return None
            self._outputs[raw] = opened
        return self._outputs[raw]


def _take_commands(pipe: BinaryIO, commands: deque[Frame], ended: threading.Event) -> None:
    while (frame := read_frame(pipe)) is not None:
        commands.append(frame)
    ended.set()


def _watch_words(words: int, doubt: threading.Event) -> None:
    """The libraries' own words: nobody reads them on stage, but they are the only sign that a JACK server is gone."""
    while said := os.read(words, WORDS_BYTES):
        if any(line.strip() and FLOOD_WORDS not in line for line in said.splitlines()):
            doubt.set()


def _private_output() -> tuple[BinaryIO, int]:
    """A pipe to the stage that no library can print into, and one of what the libraries print."""
    frames = os.fdopen(os.dup(1), "wb", buffering=0)
    words, spoken = os.pipe()
    # They also print on the driver's own thread, which must not wait for a reader: what does not fit is lost.
    os.set_blocking(spoken, False)
    os.dup2(spoken, 1)
    os.dup2(spoken, 2)
    os.close(spoken)
    return frames, words


def _connect(backend: str, tell: Callable[[bytes], None], ended: threading.Event) -> Driver | None:
    while not ended.is_set():
        try:
            return open_driver(backend)
        except DriverError as error:
            tell(Frame(FrameKind.SAID, data=str(error).encode()).pack())
        except NoLibraryError as error:
            tell(Frame(FrameKind.HOPELESS, data=str(error).encode()).pack())
            return None
        ended.wait(RETRY_S)
    return None


def main(backend: str, *patterns: str) -> None:
    """Run until the input ends."""
    # Only the host decides when it ends.
    terminal_signals.ignore()
    pipe, words = _private_output()
    commands: deque[Frame] = deque(maxlen=COMMANDS_KEPT)
    ended, doubt = threading.Event(), threading.Event()
    threading.Thread(target=_take_commands, args=(sys.stdin.buffer, commands, ended), daemon=True).start()
    threading.Thread(target=_watch_words, args=(words, doubt), daemon=True).start()
    raise_deck()

    def tell(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[pipe.write(view) or 0 :]

    try:
        driver = _connect(backend, tell, ended)
        if driver is not None:
            _serve(Wire(driver, patterns, tell), driver, commands, ended, doubt)
    except BrokenPipeError:
        # The stage is gone.
        pass
    # Without the libraries' own clean-up, which can crash or wait for a server that is gone.
    os._exit(0)


def _serve(wire: Wire, driver: Driver, commands: deque[Frame], ended: threading.Event, doubt: threading.Event) -> None:
    doubt.clear()
    next_scan_s = next_check_s = 0.0
    while not ended.is_set():
        wire.poll()
        while commands:
            name, _, message = commands.popleft().data.partition(b"\0")
            wire.send(name.decode(errors="replace"), message)
        now_s = time.monotonic()
        if now_s >= next_scan_s:
            next_scan_s = now_s + SCAN_S
            # Needs no interpreter: the library may hold its lock.
            faulthandler.dump_traceback_later(STUCK_S, exit=True)
            if doubt.is_set() and now_s >= next_check_s:
                next_check_s = now_s + CHECK_S
                if not driver.is_alive():
                    return
                doubt.clear()
            wire.scan()
        time.sleep(POLL_S)
    wire.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
