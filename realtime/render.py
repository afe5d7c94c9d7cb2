"""Offline rendering: the same voices, streams and mixer, without pacing and without processes. It knows no device.

For a seed the samples are the same on every run and for every block size.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from patches.library import find
from patches.manifest import Manifest
from patches.reader import read_manifest
from realtime.control.automation_file import AutomationFile
from realtime.control.automation_offline import OfflineAutomation
from realtime.controls import DECK_CONTROLS, FREEZE_LEVEL, check_patch_values, set_deck, set_master
from realtime.controls import find as find_control
from realtime.corpora import check_options
from realtime.errors import OptionError
from realtime.input_file import InputFile
from realtime.kernels import layout as at
from realtime.kernels.mixer import mix
from realtime.kernels.ring import fill, write
from realtime.kernels.views import Floats
from realtime.schedule import MixerSchedule
from realtime.setup import DeckSetup, Setup
from realtime.shared import GAIN_RAMP_S, SharedBlock
from realtime.stream import VoiceStream, default_controls
from realtime.voices.voice import UnitEvent, Voice, make_voice, take_notes

DEFAULT_RATE_HZ = 44_100
DEFAULT_BLOCK_FRAMES = 1_024
MIN_BLOCK_FRAMES = 1
MAX_BLOCK_FRAMES = 16_384
MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 192_000
MAX_SECONDS = 24 * 3600
FADE_OUT_S = 4 * GAIN_RAMP_S
"""The mixer's own start and stop fade."""


@dataclass(frozen=True)
class RenderConfig:
    """How long, at which rate, in which blocks, and the sound file that is heard as live input."""

    seconds: float
    seed: int = 0
    sample_rate_hz: int = DEFAULT_RATE_HZ
    block_frames: int = DEFAULT_BLOCK_FRAMES
    input_file: Path | None = None
    automation: AutomationFile | None = None

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= MAX_SECONDS:
            raise OptionError("--seconds", got=f"{self.seconds:g}", allowed=f"over 0, up to {MAX_SECONDS}")
        if not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
            raise OptionError("--sample-rate", got=str(self.sample_rate_hz), allowed=f"{MIN_RATE_HZ} to {MAX_RATE_HZ}")
        if not MIN_BLOCK_FRAMES <= self.block_frames <= MAX_BLOCK_FRAMES:
            raise OptionError("--block-frames", got=str(self.block_frames), allowed=f"{MIN_BLOCK_FRAMES} to {MAX_BLOCK_FRAMES}")

    @property
    def frames(self) -> int:
        """Frames of the whole."""
        return round(self.seconds * self.sample_rate_hz)


class OfflineDeck:
    """A deck without a process: its stream fills its ring when asked."""

    def __init__(self, number: int, setup: DeckSetup, config: RenderConfig, block: SharedBlock) -> None:
        self.number = number
        self.automation: OfflineAutomation | None = None
        folder = find(setup.patch)
        self.manifest: Manifest = read_manifest(folder)
        self._block = block
        self._ring = at.ring_words(number, 0)
        state = at.ring_floats(number, 0)
        self._data = state + at.RF_DATA
        self._controls = block.controls(number, 0)
        block.open_ring(number, 0)
        self._controls[:] = default_controls(self.manifest)
        self._frozen = _apply_controls(number, setup, self.manifest, block)
        options = check_options(f"deck {number + 1}", self.manifest, setup.choices, setup.prime)
        self.voice: Voice = make_voice(folder, self.manifest, options)
        self.voice.prepare()
        self._stream = VoiceStream(self.voice, self.manifest, config.sample_rate_hz)
        self.listens = self._stream.listens
        self._input = InputFile(config.input_file, config.sample_rate_hz) if config.input_file is not None and self.listens else None
        self._made = 0
        self._stream.start(setup.seed if setup.seed is not None else config.seed + number)
        self._pending = np.zeros((0, at.CHANNELS), np.float32)
        block.words[at.deck_words(number) + at.D_ACTIVE] = 0

    @property
    def faults(self) -> int:
        """Steps that were no numbers and were put right."""
        return self._stream.faults

    def fill(self, frames: int) -> None:
        """Step the voice until the ring holds at least `frames`."""
        words, floats = self._block.words, self._block.floats
        while fill(words, self._ring) < frames:
            if not len(self._pending):
                self._pending = np.ascontiguousarray(self._step())
                self._made += len(self._pending)
            # A step can be longer than the ring has room for; the rest waits.
            written = write(words, floats, self._ring, self._data, self._pending, len(self._pending))
            self._pending = self._pending[written:].copy()

    def _step(self) -> Floats:
        if self.automation is not None:
            # As live: a step heeds what is due when its first frame is heard.
            for index, value in self.automation.patch(self.number, self._made):
                self._controls[index] = value
            self._frozen = self.automation.frozen(self.number, self._made, self._frozen)
        if self._input is None:
            return self._stream.next(self._controls, self._frozen)
        # As live: all that came in before the first frame of this step sounds.
        return self._stream.next(self._controls, self._frozen, self._input.until(self._made))

    def close(self) -> None:
        """Let go of the file it hears."""
        if self._input is not None:
            self._input.close()


def render(
    setup: Setup,
    config: RenderConfig,
    log: Callable[[int, UnitEvent], None] | None = None,
    finished: Callable[[int], None] | None = None,
    noted: Callable[[int, str], None] | None = None,
) -> Iterator[Floats]:
    """Render block by block.

    Parameters
    ----------
    setup : Setup
    config : RenderConfig
    log : callable, optional
        Called with the deck's number and every entry of its voice's log.
    finished : callable, optional
        Called after the last block with how many samples and steps were no numbers and were put right.
    noted : callable, optional
        Called with the deck's number and whatever its voice has to say.

    Yields
    ------
    float32 array, shape (T, 2), linear amplitude
        Valid until the next one is asked for; `config.frames` frames in all, the last of them faded out.

    Raises
    ------
    PatchError, UsageError, VoiceError — before the first block.
    ClipError — from a block: the file that is heard is broken there.

    Thread
    ------
    Any one.
    """
    block = SharedBlock.private(config.sample_rate_hz)
    decks = [OfflineDeck(number, deck, config, block) for number, deck in enumerate(setup.decks) if deck.patch]
    if config.input_file is not None and not any(deck.listens for deck in decks):
        slugs = ", ".join(deck.manifest.slug for deck in decks)
        raise OptionError("--input-file: no deck listens", got=slugs, hint="a mosaic patch does: try field")
    for control_id, value in setup.master:
        set_master(block.floats, control_id, value)
    if log is not None:
        for deck in decks:
            deck.voice.log = lambda event, number=deck.number: log(number, event)
    automation = None
    if config.automation is not None:
        manifests = {deck.number: deck.manifest for deck in decks}
        every = [manifests.get(number) for number in range(len(setup.decks))]
        automation = OfflineAutomation(config.automation, every, config.sample_rate_hz)
        for deck in decks:
            deck.automation = automation
        if automation.asleep and noted is not None:
            noted(0, f"automation moves nothing at {', '.join(automation.asleep)}: no deck has it")
    return _blocks(block, decks, config, automation, finished, noted)


def _blocks(
    block: SharedBlock,
    decks: list[OfflineDeck],
    config: RenderConfig,
    automation: OfflineAutomation | None,
    finished: Callable[[int], None] | None,
    noted: Callable[[int, str], None] | None,
) -> Iterator[Floats]:
    schedule = MixerSchedule(block)
    coming = None if automation is None else automation.mixer(config.frames)
    waiting: tuple[int, int, float] | None = None if coming is None else next(coming, None)
    out = np.zeros((config.block_frames, at.CHANNELS), np.float32)
    total = config.frames
    fade_at = max(0, total - round(FADE_OUT_S * config.sample_rate_hz))
    done = 0
    try:
        while done < total:
            if done == fade_at:
                block.words[at.W_RUN] = 0
            end = fade_at if done < fade_at else total
            # A block ends where the fade begins, so that the fade is at the same frame whatever the block size.
            count = min(config.block_frames, end - done)
            for deck in decks:
                deck.fill(count)
                if noted is not None:
                    for note in take_notes(deck.voice):
                        noted(deck.number, note)
            while coming is not None and waiting is not None and waiting[0] < done + count and schedule.push(*waiting):
                waiting = next(coming, None)
            mix(block.words, block.floats, out[:count])
            done += count
            yield out[:count]
    finally:
        for deck in decks:
            deck.close()
    if finished is not None:
        finished(int(block.words[at.W_NONFINITE]) + sum(deck.faults for deck in decks))


def _apply_controls(number: int, setup: DeckSetup, manifest: Manifest, block: SharedBlock) -> bool:
    """Write a deck's values into the block; returns whether it is frozen."""
    frozen = False
    own = []
    for control_id, value in setup.controls:
        control = find_control(DECK_CONTROLS, control_id)
        if control is None:
            own.append((control_id, value))
            continue
        checked = set_deck(block.floats, number, control, value)
        if control_id == "freeze":
            frozen = checked >= FREEZE_LEVEL
    for control_id, value in check_patch_values(number, manifest, own).items():
        index = next(i for i, c in enumerate(manifest.controls) if c.id == control_id)
        block.controls(number, 0)[index] = value
    return frozen
