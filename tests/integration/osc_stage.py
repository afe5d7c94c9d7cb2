"""The program on a JACK server, and a client that asks it where it is and what it recorded."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from realtime.control.address import Value
from realtime.osc.bounds import check
from realtime.osc.packet import Message, decode, encode
from tests.integration.jack_server import ROOT

PATIENCE_S = 120.0
_OSC = re.compile(r"OSC on 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Take:
    """What was recorded: `stems` are of the decks from 1, shape (T, 2); the first frame is `start_frame` of the stage clock."""

    stems: dict[int, np.ndarray]
    start_frame: int
    rate_hz: int

    def part(self, deck: int, start_frame: float, seconds: float) -> np.ndarray:
        """Mono sound of a deck, shape (seconds · rate,)."""
        first = round(start_frame - self.start_frame)
        sound = self.stems[deck][first : first + round(seconds * self.rate_hz)]
        assert len(sound) == round(seconds * self.rate_hz), "the take does not reach as far"
        return sound.mean(axis=1)


class Stage:
    """A running program.

    Parameters
    ----------
    process : Popen
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        said = ""
        while (found := _OSC.search(said)) is None:
            said = process.stdout.readline()
            assert said, "it ended"
        self.port = int(found[1])
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.1)
        self._socket.connect(("127.0.0.1", self.port))

    def ask(self, path: str, *values: Value) -> tuple[Value, ...]:
        """Ask for something and wait for `/done` or the answer; what is refused fails the test."""
        self._socket.send(encode(path, values))
        asked = path.removeprefix("/q")
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            try:
                packet = self._socket.recv(65_536)
            except TimeoutError:
                continue
            elements = check(packet)
            messages = [] if isinstance(elements, str) else decode(packet, elements)
            for message in messages:
                assert isinstance(message, Message)
                if message.path == "/fail":
                    raise AssertionError(message.arguments)
                if message.path in (asked, f"{asked}.reply"):
                    return message.arguments
                if message.path == "/done" and message.arguments[0] == path:
                    return message.arguments[1:]
        raise AssertionError(f"{path} is not answered")

    def tell(self, path: str, *values: Value) -> None:
        """Set a value: nothing answers."""
        self._socket.send(encode(path, values))

    def frame(self) -> int:
        """The stage clock now."""
        return int(self.ask("/status")[8])

    @contextmanager
    def recorded(self, path: Path) -> Iterator[Callable[[], Take]]:
        """Record master and stems meanwhile; afterwards the yielded function reads the take."""
        self.ask("/record/start", str(path), 1)
        try:
            yield lambda: read_take(path)
        finally:
            self.ask("/record/stop")

    def close(self) -> None:
        """End it as a performer would."""
        self._socket.close()
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0


@contextmanager
def stage(jack: dict[str, str], runtime: Path, *arguments: str) -> Iterator[Stage]:
    """The program with OSC on a port of its own, no MIDI, and all patches loaded."""
    options = ["--headless", "--no-midi", "--osc-port", "0", "--oscquery-port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "realtime", *arguments, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | jack | {"STARLING_RUNTIME": str(runtime)},
        cwd=ROOT,
    )
    try:
        playing = Stage(process)
        _until(lambda: all(playing.ask(f"/deck/{deck + 1}/state")[1] == "playing" for deck in range(int(playing.ask("/status")[0]))))
        yield playing
        playing.close()
    finally:
        process.kill()


def _until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.1)


def read_take(path: Path) -> Take:
    """The stems of a take by its master's path, and where it begins."""
    start = json.loads(path.with_name(f"{path.stem}.performance.json").read_text(encoding="utf-8"))["from_frame"]
    stems = {}
    rate_hz = 0
    for stem in path.parent.glob(f"{path.stem} deck *{path.suffix}"):
        number = int(stem.stem.removeprefix(f"{path.stem} deck ").split()[0])
        stems[number], rate_hz = soundfile.read(stem, dtype="float32", always_2d=True)
    return Take(stems, start, rate_hz)


def level_db(sound: np.ndarray) -> float:
    """Level of a mono sound, in dB of full scale."""
    return float(10.0 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))


def distance_db(one: np.ndarray, other: np.ndarray, rate_hz: int) -> float:
    """How unlike two sounds are in colour: mean difference of their third-octave levels, each as if equally loud."""
    edges = 100.0 * 2.0 ** (np.arange(22) / 3.0)
    bands = []
    for sound in (one, other):
        power = np.abs(np.fft.rfft(sound)) ** 2
        hertz = np.fft.rfftfreq(len(sound), 1.0 / rate_hz)
        levels = np.array([power[(hertz >= low) & (hertz < high)].sum() for low, high in pairwise(edges)])
        bands.append(10.0 * np.log10(levels / max(levels.sum(), 1e-12) + 1e-6))
    return float(np.abs(bands[0] - bands[1]).mean())


def lines(process: subprocess.Popen[str], limit_s: float) -> Iterator[str]:
    """What a program says, as it says it; kills it when it takes too long."""
    end_s = time.monotonic() + limit_s
    assert process.stdout is not None
    for line in process.stdout:
        yield line.rstrip("\n")
        assert time.monotonic() < end_s, "it does not end"
    process.stdout.close()


def program(command: Sequence[str], **environment: str) -> subprocess.Popen[str]:
    """A program whose lines are heard."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment
    )
