"""The real program in a process of its own: what it said, its ports, its processes, and an OSC client that asks it things."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from pythonosc.osc_message import OscMessage

from realtime.osc.packet import encode

ROOT = Path(__file__).parents[2]
LIMIT_S = 90.0
"""Longer than anything here takes on a busy machine; reached only when something is broken."""
ANSWER_S = 2.0
_PORTS = re.compile(r"OSC on 127\.0\.0\.1:(\d+), OSCQuery on http://127\.0\.0\.1:(\d+)")
_KINDS = {"realtime.midi.wire": "midi", "spawn_main": "deck", "resource_tracker": "tracker"}
"""What a process of the program is, by a word of its command line. Decks and the warm spare are of one kind."""


def until(is_so: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    end_s = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.02)


def children(pid: int) -> dict[int, str]:
    """Processes of a process, and what kind each is."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread or a process may end while it is looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in (task / "children").read_text(encoding="ascii").split():
                with suppress(FileNotFoundError, ProcessLookupError):
                    line = Path(f"/proc/{child}/cmdline").read_bytes().decode()
                    found[int(child)] = next((kind for word, kind in _KINDS.items() if word in line), line)
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than the entry of one that ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Program:
    """`python -m realtime` with these arguments; ports are the system's choice unless they are named."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        ports = [word for name in ("--osc-port", "--oscquery-port") if name not in arguments for word in (name, "0")]
        command = [sys.executable, "-m", "realtime", *arguments, *ports, "--headless"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
            cwd=ROOT,
            start_new_session=True,
        )
        self.out: list[str] = []
        self.said: list[str] = []
        self._readers = [
            threading.Thread(target=_read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.said))
        ]
        for reader in self._readers:
            reader.start()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(ANSWER_S)
        self.decks: tuple[int, ...] = ()
        """Processes that play, once `wait_until_it_plays` has returned."""

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self._ended()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def text(self) -> str:
        """All it has said so far, as it stands on a terminal."""
        return "\n".join((*self.out, *self.said))

    @property
    def ports(self) -> tuple[int, int]:
        """Of OSC and of OSCQuery, as the program says them."""
        until(lambda: _PORTS.search(self.text) or self.process.poll() is not None)
        found = _PORTS.search(self.text)
        assert found, self.text
        return int(found[1]), int(found[2])

    def send(self, path: str, *values: float | int | str) -> None:
        """Send a message."""
        self._socket.sendto(encode(path, values), ("127.0.0.1", self.ports[0]))

    def ask(self, path: str, *values: float | int | str, reply: str = "") -> tuple[float | int | str, ...]:
        """Send a message and wait for its answer at the same address, unless it is told another; asked again when none comes."""
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s:
            self.send(path, *values)
            try:
                while True:
                    answer = OscMessage(self._socket.recv(65_536))
                    if answer.address == (reply or path):
                        return tuple(answer.params)
            except TimeoutError:
                assert self.process.poll() is None, self.text
        raise AssertionError(f"no answer to {path}: {self.text}")

    def read(self, path: str) -> float:
        """The value of an address."""
        return float(self.ask(f"/q{path}", reply=path)[0])

    def state(self, deck: int) -> tuple[float | int | str, ...]:
        """What a deck (from 1) does: patch, state, lead, step time, share, underruns, ..."""
        return self.ask(f"/deck/{deck}/state", reply=f"/deck/{deck}/state.reply")

    def underruns(self, decks: int) -> int:
        """Of all decks, each since it was loaded or reset."""
        return sum(int(self.state(deck)[5]) for deck in range(1, decks + 1))

    def wait_until_it_plays(self, decks: int) -> None:
        """Wait until every deck plays."""
        until(lambda: all(self.state(deck)[1] in ("playing", "frozen") for deck in range(1, decks + 1)))
        found = children(self.pid)
        self.decks = tuple(pid for pid, kind in found.items() if kind == "deck")

    def played(self, limit_s: float = LIMIT_S) -> str:
        """Have it end as Ctrl-C does, and return what it says of the show."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(limit_s) == 0, self.text
        self._ended()
        return next(line for line in self.out if line.startswith("played "))

    def kill(self) -> None:
        """End it as a power switch would."""
        os.kill(self.pid, signal.SIGKILL)
        self._ended()

    def ended(self, limit_s: float = LIMIT_S) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(limit_s)
        self._ended()
        return code

    def _ended(self) -> None:
        self.process.wait()
        for reader in self._readers:
            # A process it left behind holds the pipes; a test that looks for such says so itself.
            reader.join(5.0)
        self._socket.close()


def _read(stream: IO[str], lines: list[str]) -> None:
    with stream:
        for line in stream:
            lines.append(line.rstrip("\n"))
