"""A controller on JACK as a test holds it: a program of its own (`midi_controller.py`) that sends, hears, and can be pulled out."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENT = "knobs"
PORT = "knobs (capture):midi"
PAUSE_S = 0.05
"""Between two turns of a knob: longer than the halves of a pair wait for each other."""


class Knobs:
    """One that is there."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.integration.midi_controller", CLIENT]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self.told: list[str] = []
        """Messages that were sent to it."""
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._hear, daemon=True)
        self._reader.start()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told.append(line.strip())

    def say(self, *lines: str) -> None:
        """Send lines of messages, one after the other."""
        assert self._process.stdin is not None
        for line in lines:
            with self._lock:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
            if len(lines) > 1:
                time.sleep(PAUSE_S)

    def turn(self, controller: int, *places: int, channel: int = 1) -> None:
        """Turn a knob over these places."""
        self.say(*(f"{0xAF + channel:02x} {controller:02x} {place:02x}" for place in places))

    def pull_out(self) -> None:
        """End without a word."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        """Unplug."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    @contextmanager
    def clock(self, tempo_bpm: float) -> Iterator["Ticks"]:
        """Send ticks meanwhile, 24 a beat, as evenly as a thread can."""
        ticks = Ticks(self, tempo_bpm)
        ticks.thread.start()
        yield ticks
        ticks.ended.set()
        ticks.thread.join()


class Ticks:
    """A MIDI clock: a start, and ticks."""

    def __init__(self, knobs: Knobs, tempo_bpm: float) -> None:
        self._knobs = knobs
        self._tick_s = 60.0 / tempo_bpm / 24.0
        self.sent = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def beat(self) -> float:
        """Where the song is; the first tick is its beginning."""
        return (self.sent - 1) / 24.0

    def _run(self) -> None:
        self._knobs.say("fa")
        begun_s = time.monotonic()
        while not self.ended.wait(max(begun_s + self.sent * self._tick_s - time.monotonic(), 0.0)):
            self._knobs.say("f8")
            self.sent += 1
