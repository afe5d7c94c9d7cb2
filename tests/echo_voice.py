"""A voice that says what it was made with and what it heard: for tests of the stage around a voice that plays a corpus."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from patches.manifest import Manifest
from realtime.errors import VoiceError
from realtime.seed_clip import read_clip
from realtime.voices import voice as voices
from realtime.voices.voice import UnitEvent, VoiceOptions

JUMP_STEPS = 4


class Echo:
    """Plays what it heard, one step later and at its own rate; where nothing was heard, a tone whose level is the prime's peak.

    Every `JUMP_STEPS` steps its log says that it went to another place.
    """

    modes = ("full",)
    listens = True
    made: list[VoiceOptions]
    notes: list[str]

    def __init__(self, folder: Path, manifest: Manifest, options: VoiceOptions | None = None) -> None:
        audio = manifest.audio
        self.step_frames, self.lookahead_frames = audio.step_frames, audio.lookahead_frames
        self.channels, self.sample_rate_hz = audio.channels, audio.sample_rate_hz
        self.log: Callable[[UnitEvent], None] | None = None
        self.faults = 0
        self.options = options or VoiceOptions()
        self.waiting = list(type(self).notes)
        type(self).made.append(self.options)

    def prepare(self) -> None:
        self.level = 0.05
        for choice in self.options.corpora:
            if choice.path != voices.OWN_CORPUS and "wrong" in choice.path:
                raise VoiceError(f"{choice.path}: hop_frames is not the model's", got="512", allowed="1024")
        if self.options.prime is not None:
            self.level = float(np.abs(read_clip(self.options.prime, self.sample_rate_hz)).max())
        self.reset(0)

    def reset(self, seed: int) -> None:
        self.steps = 0
        self.heard = np.zeros(0, np.float32)

    def set_mode(self, mode: int) -> None: ...

    def take_notes(self) -> list[str]:
        said, self.waiting = self.waiting, []
        return said

    def listen(self, frames: np.ndarray) -> None:
        self.heard = np.concatenate([self.heard, frames])

    def step(self, controls: np.ndarray, frozen: bool, out: np.ndarray) -> None:
        n = np.arange(self.step_frames) + self.steps * self.step_frames
        out[:] = (self.level * np.sin(2 * np.pi * 430.6640625 * n / 44_100))[:, None].astype(np.float32)
        if len(self.heard) >= self.step_frames:
            out[:] = self.heard[: self.step_frames, None]
            self.heard = self.heard[self.step_frames :]
        if self.log is not None:
            first = self.steps - self.steps % JUMP_STEPS
            jumps = self.steps == first
            place = 44_100 * first + self.step_frames * (self.steps - first)
            self.log(UnitEvent(self.steps * self.step_frames, self.steps, place, jumps, 0, f"glass {first}.wav", place, "struck"))
        self.steps += 1


def use_echo(patch: pytest.MonkeyPatch) -> type[Echo]:
    """Let patches of kind mosaic be played by a fresh `Echo` class."""
    echo = type("Echo", (Echo,), {"made": [], "notes": []})
    patch.setitem(voices.VOICES, "mosaic", "tests.echo_voice:_current")
    patch.setattr("tests.echo_voice._current", echo, raising=False)
    return echo
