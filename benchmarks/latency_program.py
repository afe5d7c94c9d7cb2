"""The program that the latency benchmark measures, as it is started by hand, and a look into its shared block that writes nothing."""

from __future__ import annotations

import mmap
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from benchmarks.latency_wires import MIDI_CLIENT, Turn, mapping_text
from benchmarks.report import ROOT, BenchmarkError
from realtime.kernels import layout as at
from realtime.shared import SharedBlock

START_S = 120.0
STOP_S = 30.0
_OSC = re.compile(r"OSC on [^ ]*:(\d+),")
_BLOCK = re.compile(r"(/dev/shm/psm_\w+)$")


class Program:
    """`python -m realtime PATCH` while it is entered.

    Parameters
    ----------
    patch : str
    device : str, optional
        None: the default one, which is JACK's.
    rate_hz, block_frames : int
    turns : tuple of Turn
        What its MIDI mapping turns.

    Raises
    ------
    BenchmarkError — it does not start.
    """

    def __init__(
        self, patch: str, device: str | None, rate_hz: int, block_frames: int, turns: tuple[Turn, ...], lead_frames: int = 0
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="starling-latency-")
        self.folder = Path(self._folder.name)
        mapping = self.folder / "turns.toml"
        mapping.write_text(mapping_text(turns), encoding="utf-8")
        midi = ["--no-midi"] if device else ["--midi-backend", "jack", "--midi-port", MIDI_CLIENT, "--mapping", str(mapping)]
        self._command = [
            *(sys.executable, "-m", "realtime", patch, "--headless", "--seed", "1"),
            *("--sample-rate", str(rate_hz), "--block-frames", str(block_frames)),
            *("--osc-port", "0", "--oscquery-port", "0", "--record-folder", str(self.folder)),
            *(["--device", device] if device else []),
            *(["--lead-frames", str(lead_frames)] if lead_frames else []),
            *midi,
        ]
        self.said: list[str] = []
        self.osc_port = 0

    def __enter__(self) -> Self:
        # A stage of its own, whatever plays on this machine.
        environment = os.environ | {"STARLING_RUNTIME": str(self.folder)}
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        try:
            self._until(lambda: self.osc_port > 0, "to open its OSC port")
            self.block = look_into(self._process.pid)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()
        self._folder.cleanup()

    def wait_for(self, text: str) -> None:
        """Wait until it has said this.

        Raises
        ------
        BenchmarkError — it ended before, or took too long.
        """
        self._until(lambda: any(text in line for line in self.said), f"to say {text!r}")

    def count(self, word: int) -> int:
        """One word of its shared block."""
        return int(self.block.words[word])

    def underruns(self) -> int:
        """How often the deck's ring was dry."""
        return self.count(at.deck_words(0) + at.D_UNDERRUNS)

    def _until(self, condition: object, what: str) -> None:
        assert callable(condition)
        end_s = time.monotonic() + START_S
        while not condition():
            if self._process.poll() is not None or time.monotonic() > end_s:
                raise BenchmarkError(f"benchmark latency: waited in vain for the program {what}; it said: {self.said[-5:]}")
            time.sleep(0.02)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line.rstrip())
            found = _OSC.search(line)
            if found:
                self.osc_port = int(found[1])

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reading.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


def look_into(pid: int) -> SharedBlock:
    """The block of a stage, for reading only."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    for path in sorted({found[1] for line in maps.splitlines() if (found := _BLOCK.search(line))}):
        with open(path, "rb") as file:  # noqa: PTH123
            words = np.frombuffer(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), np.int64)
        if len(words) >= at.BLOCK_BYTES // 8 and (int(words[at.W_MAGIC]), int(words[at.W_VERSION])) == (at.MAGIC, at.VERSION):
            return SharedBlock(words[: at.BLOCK_BYTES // 8], None, owner=False)
    raise BenchmarkError(f"benchmark latency: no shared block of this version in process {pid}")
