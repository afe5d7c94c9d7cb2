"""The engine: decks, device and the thread that watches them. Everything goes through two doors, `send` and `snapshot`.

It does not know the screen, OSC or MIDI: they are clients of the two doors. Nothing in it can stop the sound: the callback needs no Python.
"""

import math
import queue
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import wait

from realtime import commands as do
from realtime.controls import decibels
from realtime.deck import Deck
from realtime.device import Output, choose_output
from realtime.device_watch import DeviceWatch
from realtime.dispatch import Dispatch, Waiting
from realtime.errors import EngineError, OptionError
from realtime.input_watch import InputWatch
from realtime.journal import Journal
from realtime.kernels import layout as at
from realtime.pool import Pool
from realtime.shared import SharedBlock
from realtime.snapshot import DeckSnapshot, Snapshot
from realtime.worker import connections

POLL_S = 0.02
SPARES = 1
FADE_OUT_LIMIT_S = 1.0
STUMBLE_S = 0.1


@dataclass(frozen=True)
class EngineConfig:
    """What an engine is started with. `None`: the device's own, or chosen from what is measured."""

    decks: int = 1
    device: str | None = None
    sample_rate_hz: int | None = None
    block_frames: int | None = None
    lead_frames: int | None = None
    seed: int = 0
    input: str | None = None
    """None: no input; `default`: the output's own or its system's default, done without where there is none; else by name or number."""
    audition: bool = False
    """One more deck, which is hidden and which patches are tried in; with `MAX_DECKS` decks there is none."""

    @property
    def hidden(self) -> int:
        """Hidden decks: 0 or 1."""
        return int(self.audition and self.decks < at.MAX_DECKS)


class Engine:
    """The stage, playing.

    Parameters
    ----------
    config : EngineConfig

    Raises
    ------
    DeviceError, UnknownDeviceError, RateRefusedError — from `start`: the device asked for cannot be had.

    Thread
    ------
    `start` and `close` from one thread; `send` and `snapshot` from any.
    """

    def __init__(self, config: EngineConfig) -> None:
        if not 1 <= config.decks <= at.MAX_DECKS:
            raise OptionError("number of decks", got=str(config.decks), allowed=f"1 to {at.MAX_DECKS}")
        self.config = config
        self.notice = ""
        self._device: DeviceWatch | None = None
        self._input_watch: InputWatch | None = None
        self._block: SharedBlock | None = None
        self._decks: list[Deck] = []
        """With the hidden one, where there is one: last."""
        self._pool: Pool | None = None
        self._queue: Waiting = queue.SimpleQueue()
        self._dispatch: Dispatch | None = None
        self._journal: Journal | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def block(self) -> SharedBlock:
        """The shared block, for the tap and for meters.

        Raises
        ------
        EngineError — not started.
        """
        if self._block is None:
            raise EngineError("the engine has not been started", hint="call start() first")
        return self._block

    @property
    def journal(self) -> Journal:
        """Everything that shaped the sound since the start, for a performance.

        Raises
        ------
        EngineError — not started.
        """
        if self._journal is None:
            raise EngineError("the engine has not been started", hint="call start() first")
        return self._journal

    def _say(self, notice: str) -> None:
        self.notice = notice

    def start(self) -> None:
        """Open the device and begin to mix; decks are silent until something is loaded."""
        config = self.config
        output, self.notice = choose_output(config.device, config.sample_rate_hz, config.block_frames, config.input)
        self._device = DeviceWatch(output, config.block_frames, config.input, self._say)
        try:
            self._open(output, config)
        except BaseException:
            self._release()
            raise

    def _open(self, output: Output, config: EngineConfig) -> None:
        try:
            self._block = SharedBlock.create(output.sample_rate_hz)
        except OSError as error:
            raise EngineError("no shared memory to be had", got=error.strerror or str(error), hint="is /dev/shm full?") from None
        self._pool = Pool(self._block.name)
        self._journal = Journal(self._block)
        every = config.decks + config.hidden
        self._decks = [Deck(number, self._block, self._pool, config.seed + number, self._journal) for number in range(every)]
        self._dispatch = Dispatch(self._block, self._shown, self._queue, self._hidden)
        self._pool.keep(config.decks)
        for deck in self._decks:
            deck.set_lead(config.lead_frames)
        assert self._device is not None  # made by start
        self._device.start(self._block)
        # An input can turn out not to start only here.
        self.notice = self.notice or output.notice
        if output.input_name:
            self._input_watch = InputWatch(self._block)
            self._input_watch.start()
        self._thread = threading.Thread(target=self._watch, name="engine", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Engine":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the first door -----------------------------------------------------------------------------------------------------

    def send(self, command: do.Command) -> int:
        """Ask for something. What cannot be is refused here, by a named error; the rest is done by the engine's thread.

        Returns
        -------
        int
            The number of the load that this begins (see `DeckSnapshot.playing`); 0 for any other command.

        Raises
        ------
        UnknownDeckError, UnknownControlError, SettingError — no such deck or control, or a value out of range.
        PatchError — the patch to load is unknown or not valid.
        CorpusError, ClipError — the patch cannot be given these corpora, or this prime.
        EngineError — not started, or more changes are scheduled than there is room for.
        """
        if self._dispatch is None:
            raise EngineError("the engine has not been started", hint="call start() first")
        return self._dispatch.run(command)

    # --- the second door ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The stage now. Any thread, at the reader's own rate."""
        words, floats = self.block.words, self.block.floats
        output = self._device.output if self._device else None
        rate = self.block.sample_rate_hz
        block_frames = int(words[at.W_BLOCK_FRAMES])
        block_ns = max(block_frames, 1) * 1e9 / rate
        latency_s = output.latency_s if output else 0.0
        hidden = self._hidden
        return Snapshot(
            clock_frames=int(words[at.W_CLOCK]),
            sample_rate_hz=rate,
            block_frames=block_frames,
            device=output.name if output else "",
            device_awaited=self._device.awaited if self._device else "",
            audio_priority=self._device.audio_priority if self._device else "",
            peak_db=(decibels(float(floats[at.F_MASTER_PEAK])), decibels(float(floats[at.F_MASTER_PEAK + 1]))),
            rms_db=(
                decibels(math.sqrt(float(floats[at.F_MASTER_SQUARE]))),
                decibels(math.sqrt(float(floats[at.F_MASTER_SQUARE + 1]))),
            ),
            callbacks=int(words[at.W_CALLBACKS]),
            callback_share=int(words[at.W_CALLBACK_MAX_NS]) / block_ns,
            xruns_before=self._dispatch.xruns_before if self._dispatch else 0,
            device_xruns=int(words[at.W_DEVICE_XRUNS]),
            nonfinite=int(words[at.W_NONFINITE]),
            limited_frames=int(words[at.W_LIMITED]),
            silent=float(floats[at.F_RUN_NOW]) == 0.0,
            spare_ready=self._pool.ready if self._pool else False,
            decks=tuple(self._deck_snapshot(deck, latency_s) for deck in self._shown),
            audition=self._deck_snapshot(hidden, latency_s) if hidden is not None else None,
            device_latency_ms=1000.0 * latency_s,
            input_name=output.input_name if output else "",
            input_peak_db=decibels(float(floats[at.F_INPUT_PEAK])),
            input_rms_db=decibels(math.sqrt(float(floats[at.F_INPUT_SQUARE]))),
            input_guarded=float(floats[at.F_INPUT_OPEN]) == 0.0,
            input_guards=self._input_watch.trips if self._input_watch else 0,
            # What a device reports can leave out that a block has to be full before it is handed over.
            input_latency_ms=1000.0 * max(output.input_latency_s, block_frames / rate) if output and output.input_name else 0.0,
            input_overflows=int(words[at.W_INPUT_OVERFLOWS]),
            input_nonfinite=int(words[at.W_INPUT_NONFINITE]),
            master=tuple(self._dispatch.master.values()) if self._dispatch else (),
            panicked=int(words[at.W_GATE]) == 0,
        )

    def _deck_snapshot(self, deck: Deck, latency_s: float) -> DeckSnapshot:
        stage = tuple(self._dispatch.stage[deck.number].values()) if self._dispatch else ()
        return replace(deck.snapshot(latency_s), stage=stage)

    @property
    def _shown(self) -> list[Deck]:
        """Decks that are seen and addressed by a number."""
        return self._decks[: self.config.decks]

    @property
    def _hidden(self) -> Deck | None:
        """The deck that patches are tried in."""
        return self._decks[self.config.decks] if len(self._decks) > self.config.decks else None

    # --- the engine's thread ------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - without this thread no deck is ever looked after again: it says so and goes on
                self.notice = f"the engine stumbled and goes on: {type(error).__name__}: {error}"
                time.sleep(STUMBLE_S)

    def _turn(self) -> None:
        """Do what was asked, look after device, decks and spares, and wait a little."""
        pool = self._pool
        assert pool is not None  # made by start, before this thread
        assert self._device is not None
        while not self._queue.empty():
            self._queue.get_nowait()()
        if self._journal is not None:
            self._journal.collect()
        self._device.poll(self.block)
        block_frames = self._device.block_frames(self.block)
        for deck in self._decks:
            deck.poll(block_frames)
        pool.poll()
        if all(deck.settled for deck in self._decks):
            # Only now: a spare that starts while the first patch loads would take its core.
            pool.keep(SPARES)
        wait([*connections([w for deck in self._decks for w in deck.workers]), *connections(pool.workers)], POLL_S)

    def settle(self, limit_s: float) -> bool:
        """Wait until every deck plays, is empty or has failed; false after `limit_s` seconds."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if self._queue.empty() and all(deck.settled for deck in self._decks):
                return True
            time.sleep(POLL_S)
        return False

    def fade_out(self) -> None:
        """Fade to silence and wait until it has left the device. What records what is heard ends after this and before `close`."""
        if self._block is None:
            return
        if self._device is not None:
            self._device.end()
        self._block.words[at.W_RUN] = 0
        end = time.monotonic() + FADE_OUT_LIMIT_S
        while not self.snapshot().silent and time.monotonic() < end:
            time.sleep(0.005)
        if self._device is not None:
            # What is faded out has still to get through the device.
            time.sleep(min(self._device.output.latency_s, FADE_OUT_LIMIT_S))

    def close(self) -> None:
        """Fade out, stop the device, end the processes, remove the shared block."""
        if self._block is None:
            return
        self.fade_out()
        self._release()

    def _release(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)
            self._thread = None
        if self._input_watch is not None:
            self._input_watch.stop()
            self._input_watch = None
        if self._device is not None and self._block is not None:
            self._device.stop(self._block)
        for deck in self._decks:
            deck.close()
        if self._pool is not None:
            self._pool.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._block is not None:
            self._block.close()
            self._block = None
