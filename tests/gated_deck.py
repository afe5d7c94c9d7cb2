"""A deck process whose voice does as many pieces of work as a file allows: process, pipe and ring are the real ones.

Run in place of `realtime.deck_process.run`. Patches with other slugs than `GATED` are not held up.
"""

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np

from patches.manifest import Manifest
from realtime import deck_process
from realtime.load_progress import LoadStage, untold
from realtime.voices import voice as voices
from realtime.voices.voice import VoiceOptions
from tests.echo_voice import Echo

GATED: Final = "low"
GATE: Final = "TEST_DECK_GATE"
FILES, PRIMES = 4, 18
PREPARED = FILES + PRIMES
"""Pieces of work before the first step."""
BEATING_S: Final = 0.3
"""A step that fills the ring is only slow: a process that stood still would be taken for hung."""


class Gated(Echo):
    """Waits before each piece of its work until the file allows one more."""

    made: list[VoiceOptions] = []  # noqa: RUF012 - as in Echo: of the class
    notes: list[str] = []  # noqa: RUF012

    def __init__(self, folder: Path, manifest: Manifest, options: VoiceOptions | None = None) -> None:
        super().__init__(folder, manifest, options)
        self.progress = untold
        self._held = folder.name == GATED
        self._done = 0

    def prepare(self) -> None:
        for stage, count in ((LoadStage.READING, FILES), (LoadStage.HEARING, PRIMES)):
            for done in range(count):
                self.progress(stage, done, count)
                self._work()
        super().prepare()

    def step(self, controls: np.ndarray, frozen: bool, out: np.ndarray) -> None:
        self._work()
        super().step(controls, frozen, out)

    def _work(self) -> None:
        began_s = time.monotonic()
        fills = self._done >= PREPARED + deck_process.MEASURED_STEPS
        while self._held and int(Path(os.environ[GATE]).read_text()) <= self._done:
            if fills and time.monotonic() - began_s > BEATING_S:
                break
            time.sleep(0.002)
        self._done += 1


def run(block_name: str, pipe: Connection) -> None:
    """What the process does."""
    voices.VOICES["mosaic"] = "tests.gated_deck:Gated"
    deck_process.run(block_name, pipe)
