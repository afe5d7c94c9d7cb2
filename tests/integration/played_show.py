"""The real program as a process, reached over OSC like from any other program, and what it sounded like by its own recording."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import soundfile
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from realtime.control.address import Value
from realtime.osc.packet import encode

ROOT = Path(__file__).parents[2]
LIMIT_S = 30.0
ASK_AGAIN_S = 1.0
"""UDP may lose a question."""
PACKET_BYTES = 65_536
Values = tuple[Value, ...]
Found = TypeVar("Found")


def until(look: Callable[[], Found], what: str = "") -> Found:
    """What a look finds, as soon as it finds something."""
    end_s = time.monotonic() + LIMIT_S
    while not (found := look()):
        assert time.monotonic() < end_s, f"it did not come: {what}"
        time.sleep(0.01)
    return found


class Osc:
    """A client of the program."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(ASK_AGAIN_S)
        self._syncs = 0
        self.heard: list[tuple[str, Values]] = []
        """Every message that came, in order."""

    def close(self) -> None:
        self._socket.close()

    def send(self, path: str, *arguments: Value) -> None:
        self._socket.send(encode(path, arguments))

    def wait(self, path: str, first: Value | None = None, *, since: int = 0) -> Values:
        """The next message of this address, and with this first argument where one is given."""
        end_s = time.monotonic() + LIMIT_S
        while True:
            for got, values in self.heard[since:]:
                if got == path and (first is None or values[:1] == (first,)):
                    return values
                assert got != "/fail", values
            since = len(self.heard)
            assert time.monotonic() < end_s, f"{path} {first} did not come"
            self._hear()

    def do(self, path: str, *arguments: Value) -> Values:
        """Ask for a command; what /done says behind the address."""
        since = len(self.heard)
        self.send(path, *arguments)
        return self.wait("/done", path, since=since)[1:]

    def sync(self) -> None:
        """Wait until every load that was asked for sounds."""
        self._syncs += 1
        since = len(self.heard)
        self.send("/sync", self._syncs)
        self.wait("/synced", self._syncs, since=since)

    def ask(self, path: str) -> Values:
        """The answer to a question about a value, or to a query."""
        since = len(self.heard)
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s:
            self.send(f"/q{path}")
            asked_s = time.monotonic()
            while time.monotonic() - asked_s < ASK_AGAIN_S:
                for got, values in self.heard[since:]:
                    assert got != "/fail", values
                    if got in (path, f"{path}.reply"):
                        return values
                since = len(self.heard)
                self._hear()
        raise AssertionError(f"{path} was not answered")

    def value(self, path: str) -> float:
        """A number as it is now."""
        (found,) = self.ask(path)
        assert not isinstance(found, str)
        return float(found)

    def set(self, path: str, value: float) -> None:
        """Set a value and see it set."""
        self.send(path, value)
        until(lambda: abs(self.value(path) - value) < 1e-3, f"{path} {value}")

    def all_values(self) -> dict[str, Values]:
        """Every value there is."""
        since = len(self.heard)
        self.send("/q/all")
        self.wait("/done", "/q/all", since=since)
        return {path: values for path, values in self.heard[since:] if path != "/done"}

    def _hear(self) -> None:
        try:
            datagram = self._socket.recv(PACKET_BYTES)
        except TimeoutError:
            return
        self.heard += _messages(datagram)


def _messages(datagram: bytes) -> list[tuple[str, Values]]:
    messages = list(OscBundle(datagram)) if OscBundle.dgram_is_bundle(datagram) else [OscMessage(datagram)]
    return [(message.address, tuple(message)) for message in messages if isinstance(message, OscMessage)]


class Program:
    """One that plays."""

    def __init__(self, *arguments: str, jack: dict[str, str]) -> None:
        command = [sys.executable, "-m", "realtime", *arguments, "--osc-port", "0", "--oscquery-port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | jack, start_new_session=True
        )
        self.said: list[str] = []
        """Lines of the terminal: what it says and what its libraries say."""
        self._readers = [
            threading.Thread(target=self._read, args=(pipe,), daemon=True) for pipe in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self.said.append(line.rstrip("\n"))

    def osc_port(self) -> int:
        """The port that the system gave it."""

        def said() -> str:
            assert self.process.poll() is None, self.said
            return next((line for line in list(self.said) if line.startswith("OSC on ")), "")

        line = until(said, "a port for OSC")
        return int(line.split(",")[0].rpartition(":")[2])

    def end(self) -> int:
        """Ctrl-C, and what the program returns."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(LIMIT_S)
        finally:
            self.process.kill()
            for reader in self._readers:
                reader.join(LIMIT_S)
            for pipe in (self.process.stdout, self.process.stderr):
                assert pipe is not None
                pipe.close()
        return self.process.returncode


@contextmanager
def played(*arguments: str, jack: dict[str, str]) -> Iterator[tuple[Program, Osc]]:
    """A program whose decks all sound, and a client of it."""
    program = Program(*arguments, jack=jack)
    osc: Osc | None = None
    try:
        osc = Osc(program.osc_port())
        decks = int(osc.ask("/status")[0])
        for deck in range(1, decks + 1):
            until(lambda deck=deck: osc.ask(f"/deck/{deck}/state")[1] == "playing", f"deck {deck}")
        yield program, osc
    finally:
        if osc is not None:
            osc.close()
        program.end()


class Take:
    """A piece of the program's own recording of its master."""

    def __init__(self, path: Path) -> None:
        self.sound, self.rate_hz = soundfile.read(path, always_2d=True)

    @property
    def level_db(self) -> float:
        return float(20 * np.log10(max(np.sqrt(np.mean(self.sound**2)), 1e-9)))

    @property
    def peak(self) -> float:
        return float(np.abs(self.sound).max())

    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies and power, over windows of a tenth of a second."""
        mono = self.sound.mean(axis=1)
        size = self.rate_hz // 10
        windows = mono[: len(mono) // size * size].reshape(-1, size) * np.hanning(size)
        return np.fft.rfftfreq(size, 1 / self.rate_hz), (np.abs(np.fft.rfft(windows)) ** 2).mean(axis=0)

    def share(self, low_hz: float, high_hz: float) -> float:
        """How much of the power lies in a band."""
        frequency_hz, power = self.spectrum()
        return float(power[(frequency_hz >= low_hz) & (frequency_hz < high_hz)].sum() / max(power.sum(), 1e-30))

    @property
    def strongest_hz(self) -> float:
        frequency_hz, power = self.spectrum()
        return float(frequency_hz[power.argmax()])


def take(osc: Osc, path: Path, seconds: float) -> Take:
    """Record what is heard from now on."""
    osc.do("/record/start", str(path))
    until(lambda: float(osc.ask("/record/state")[1]) >= seconds, "a take")
    written = osc.do("/record/stop")[0]
    return Take(Path(str(written)))
