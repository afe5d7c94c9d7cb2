"""The deck process: one patch, one voice, one ring. It knows the shared block and its pipe; not the device, the mixer or the other decks.

It is started empty (the warm spare: interpreter, libraries and kernels ready), told what to load, and then steps its voice whenever the
ring holds less than the lead. Commands and events are JSON objects on the pipe; controls and statistics are in the shared block.
"""

import contextlib
import gc
import json
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from patches.errors import PatchError
from patches.reader import read_manifest
from realtime import terminal_signals
from realtime.controls import FREEZE_LEVEL
from realtime.corpora import read_options
from realtime.errors import StageError
from realtime.input_ring import InputReader
from realtime.kernels import layout as at
from realtime.kernels.deck_controls import note, take_controls
from realtime.kernels.ring import fill, write
from realtime.kernels.views import Floats
from realtime.ladder import Ladder
from realtime.load_progress import LoadStage, Progress, pack
from realtime.priority import raise_deck, rest_deck
from realtime.shared import SharedBlock
from realtime.stream import VoiceStream, default_controls
from realtime.voices.voice import burst_steps, make_voice, prepare, take_notes

IDLE_POLL_S = 0.05
MEASURED_STEPS = 48
"""Steps timed after loading, to choose the lead from."""
NOTE_S = 1.0
"""A voice is asked for its notes, and they are passed on, this often at most."""
NOTE_CHARACTERS = 400
MEAN_SHARE = 0.02
"""Weight of the newest step in the running mean shown to the performer."""


def run(block_name: str, pipe: Connection) -> None:
    """Serve until the pipe closes. Entry point of the process.

    Parameters
    ----------
    block_name : str
        The shared block.
    pipe : Connection
        Commands in, events out, each one JSON object as bytes.
    """
    # Only the host decides when a deck ends.
    terminal_signals.ignore()
    block = SharedBlock.attach(block_name)
    deck = DeckProcess(block, pipe)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        try:
            deck.serve()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            # The host is gone without a goodbye: nobody to play for, and nobody else to remove the block.
            block.adopt()
        except Exception as error:  # noqa: BLE001 - whatever a voice does wrong, the host is told and starts another process
            deck.say(event="broken", error=f"{type(error).__name__}: {error}")
    deck.release()
    block.close()


class DeckProcess:
    """The loop of one deck process.

    Thread: its own, the only one that touches the voice. Owner: producer of the ring it was told to fill.
    """

    def __init__(self, block: SharedBlock, pipe: Connection) -> None:
        self._block = block
        self._pipe = pipe
        self._stream: VoiceStream | None = None
        self._pending: Floats = np.zeros((0, at.CHANNELS), np.float32)
        self._alive = True
        self._restart = False
        self._input: InputReader | None = None
        self._load_number = 0
        self._asked_ns = 0
        self._commands: dict[str, Callable[[dict[str, Any]], None]] = {
            "load": self._load,
            "unload": self._unload,
            "reset": self._reset,
            "mode": self._pin_mode,
            "quit": self._quit,
        }

    def serve(self) -> None:
        """Handle commands and keep the ring at its lead until told to quit."""
        _warm_libraries()
        self.say(event="idle", pid=os.getpid())
        while self._alive:
            if self._stream is None:
                if self._pipe.poll(IDLE_POLL_S):
                    self._handle()
                continue
            while self._alive and self._pipe.poll(0):
                self._handle()
            if self._stream is not None:
                self._keep_ahead(self._stream)

    def _handle(self) -> None:
        message = json.loads(self._pipe.recv_bytes())
        command = self._commands.get(message["do"])
        if command is not None:
            command(message)

    def say(self, **event: Any) -> None:
        """Tell the host something."""
        self._pipe.send_bytes(json.dumps(event).encode())

    def _load(self, message: dict[str, Any]) -> None:
        self.say(event="accepted", load=message["load"])
        self.release()
        rest_deck()
        folder = Path(message["folder"])
        place = at.ring_words(message["deck"], message["ring"]) + at.R_LOAD

        def progress(stage: LoadStage, done: int, of: int) -> None:
            self._block.words[place] = pack(stage, done, of)

        progress(LoadStage.READING, 0, 1)
        try:
            manifest = read_manifest(folder)
            voice = make_voice(folder, manifest, read_options(message["options"]))
            prepare(voice, progress)
            notes = take_notes(voice)
        except (PatchError, StageError, OSError, MemoryError) as error:
            self.say(event="failed", load=message["load"], error=str(error))
            return
        except Exception as error:  # noqa: BLE001 - a patch that breaks its voice in a way nobody thought of is that patch's failure only
            self.say(event="failed", load=message["load"], error=f"{folder.name}: {type(error).__name__}: {error}")
            return
        self._ring = at.ring_words(message["deck"], message["ring"])
        self._state = at.ring_floats(message["deck"], message["ring"])
        self._lead_word = at.deck_words(message["deck"]) + at.D_LEAD_FRAMES
        # A copy of its own: what the host changes while a step is made is for the next.
        self._controls = self._block.floats[self._state + at.RF_SET : self._state + at.RF_SET + at.MAX_CONTROLS]
        self._count = len(manifest.controls)
        self._has_heard = False
        self._seed = int(message["seed"])
        stream = VoiceStream(voice, manifest, self._block.sample_rate_hz)
        step_ms_p99 = _measure(stream, default_controls(manifest), self._block.sample_rate_hz, progress)
        stream.start(self._seed)
        # What it said while its steps were timed, it said to nobody.
        take_notes(voice)
        self._asked_ns = time.monotonic_ns()
        self._restart = False
        self._pending = np.zeros((0, at.CHANNELS), np.float32)
        self._ladder = Ladder(modes=len(voice.modes), pinned=message["mode"])
        words = self._block.words
        words[self._ring + at.R_BUDGET_NS] = round(stream.step_s * 1e9)
        words[self._ring + at.R_HEARTBEAT_NS] = time.monotonic_ns()
        # From here on: what came in while it loaded is past.
        self._input = InputReader(self._block) if stream.listens else None
        self._stream = stream
        self._load_number = int(message["load"])
        # A collector that stops the deck for a hundred milliseconds is worse than the few cycles a voice may leave behind.
        gc.collect()
        gc.freeze()
        gc.disable()
        priority = raise_deck()
        self.say(event="loaded", load=message["load"], priority=priority, modes=list(voice.modes), step_ms_p99=step_ms_p99)
        self._tell(notes)

    def release(self) -> None:
        """Let go of the voice and give the collector back its work."""
        self._stream = None
        self._input = None
        self._pending = np.zeros((0, at.CHANNELS), np.float32)
        gc.enable()
        gc.unfreeze()
        gc.collect()

    def _tell(self, notes: list[str]) -> None:
        """Pass on what the voice has to say, each thing once."""
        if notes:
            self.say(event="note", load=self._load_number, text="; ".join(dict.fromkeys(notes))[:NOTE_CHARACTERS])

    def _unload(self, message: dict[str, Any]) -> None:
        self.release()
        rest_deck()
        self.say(event="idle", pid=os.getpid())

    def _reset(self, message: dict[str, Any]) -> None:
        if message.get("seed") is not None:
            self._seed = int(message["seed"])
        # Done with the next step that is due: many at once are one, and none makes the ring fuller.
        self._restart = True

    def _pin_mode(self, message: dict[str, Any]) -> None:
        if self._stream is not None:
            self._ladder.pinned = message["mode"]

    def _quit(self, message: dict[str, Any]) -> None:
        self._alive = False

    def _keep_ahead(self, stream: VoiceStream) -> None:
        """One turn of the loop: write what is pending, or make a step, or wait a little."""
        words = self._block.words
        now = time.monotonic_ns()
        words[self._ring + at.R_HEARTBEAT_NS] = now
        if len(self._pending):
            self._push(self._pending)
            if len(self._pending):
                time.sleep(0.001)
            return
        ready = int(fill(words, self._ring))
        lead = int(words[self._lead_word])
        if ready >= lead:
            # Sleep until the lead is touched, at most two milliseconds, so that commands and a longer lead are seen soon.
            time.sleep(min(max((ready - lead) / self._block.sample_rate_hz, 0.0003), 0.002))
            return
        frozen = float(self._block.floats[self._state + at.RF_FREEZE]) >= FREEZE_LEVEL
        heard = None if self._input is None else self._input.read()
        steps = int(words[self._ring + at.R_STEPS])
        first_heard = int(words[at.W_CLOCK]) + ready
        take_controls(words, self._block.floats, self._ring, self._state, self._count, first_heard, steps, frozen)
        if heard is not None and len(heard) and not self._has_heard:
            self._has_heard = True
            self._journal(steps, at.J_HEARD, 0)
        if self._restart:
            self._journal(steps, at.J_RESET, self._seed)
            frames = stream.restart(self._seed, self._controls, frozen, heard)
            self._restart = False
        else:
            frames = stream.next(self._controls, frozen, heard)
        taken = time.monotonic_ns() - now
        self._push(frames)
        self._note(stream, taken, ready, lead)

    def _journal(self, step: int, what: int, number: int) -> None:
        note(self._block.words, self._block.floats, self._ring, self._state, step, what, number, 0.0)

    def _push(self, frames: Floats) -> None:
        data = self._state + at.RF_DATA
        written = int(write(self._block.words, self._block.floats, self._ring, data, np.ascontiguousarray(frames), len(frames)))
        self._pending = frames[written:].copy()

    def _note(self, stream: VoiceStream, taken_ns: int, ready_frames: int, lead_frames: int) -> None:
        """Statistics of one step, and the ladder's answer to it."""
        words, ring = self._block.words, self._ring
        steps = int(words[ring + at.R_STEPS])
        mean = int(words[ring + at.R_STEP_MEAN_NS])
        words[ring + at.R_STEP_NS] = taken_ns
        words[ring + at.R_STEP_MAX_NS] = max(int(words[ring + at.R_STEP_MAX_NS]), taken_ns)
        words[ring + at.R_STEP_MEAN_NS] = taken_ns if steps == 0 else round(mean + MEAN_SHARE * (taken_ns - mean))
        words[ring + at.R_FAULTS] = stream.faults
        # A step that does the work of several may take as long as they last: that is what its voice needs in all.
        budget_ns = int(words[ring + at.R_BUDGET_NS]) * burst_steps(stream.voice)
        flowing = bool(words[ring + at.R_FLOWING])
        # Late: the step took longer than the sound it makes, or came when less than half of what the lead adds to a block was left.
        spent_frames = taken_ns * self._block.sample_rate_hz / 1e9
        slack_frames = max(lead_frames - int(words[at.W_BLOCK_FRAMES]), 0)
        late = taken_ns > budget_ns or (flowing and ready_frames - spent_frames < 0.5 * slack_frames)
        words[ring + at.R_LATE_STEPS] += late
        words[ring + at.R_STEPS] = steps + 1
        now = time.monotonic_ns()
        if now - self._asked_ns >= NOTE_S * 1e9:
            self._asked_ns = now
            self._tell(take_notes(stream.voice))
        mode = self._ladder.observe(taken_ns / budget_ns, late)
        if mode != int(words[ring + at.R_MODE]):
            words[ring + at.R_MODE] = mode
            stream.voice.set_mode(mode)
            self._journal(steps + 1, at.J_MODE, mode)
            self.say(event="mode", mode=mode, name=stream.voice.modes[mode], pinned=self._ladder.pinned is not None)


def _measure(stream: VoiceStream, controls: Floats, rate_hz: int, progress: Progress) -> float:
    """Time steps of a fresh stream, which hears noise if it listens; returns the 99th percentile in ms."""
    taken = []
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, round(stream.step_s * rate_hz)).astype(np.float32)
    stream.start(0)
    for count in range(MEASURED_STEPS):
        progress(LoadStage.MEASURING, count, MEASURED_STEPS)
        started = time.perf_counter_ns()
        stream.next(controls, False, noise)
        taken.append(time.perf_counter_ns() - started)
    progress(LoadStage.MEASURING, MEASURED_STEPS, MEASURED_STEPS)
    return float(np.percentile(taken, 99)) / 1e6


def _warm_libraries() -> None:
    """Import what every voice needs, so that a spare loads a patch in a fraction of a second."""
    import onnxruntime  # noqa: F401
    import soundfile  # noqa: F401

    import realtime.voices.mosaic
    import realtime.voices.tokens  # noqa: F401
