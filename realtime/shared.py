"""The shared block as an object: memory that the host, the audio thread and every deck process see. It knows no process and no device.

Owner: the host creates and removes it; deck processes attach by name. Who writes which field stands in `realtime.kernels.layout`.
"""

import contextlib
import os
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from realtime.errors import EngineError
from realtime.kernels import layout as at
from realtime.kernels.ring import fill, open_ring
from realtime.kernels.views import Floats, Words
from realtime.terminal_signals import held

PATCH_FADE_S = 0.12
"""Cross-fade of a patch change: long enough to be a blend, short enough to be on time."""
GAIN_RAMP_S = 0.02
"""A gain moves from 0 to 1 in this time; the start and stop fades take four times as long."""


class _Memory(SharedMemory):
    """Shared memory whose views may outlive it: the system takes the pages back with the last process."""

    def close(self) -> None:
        with contextlib.suppress(BufferError):
            super().close()


class SharedBlock:
    """One block of memory with two flat views, ``words`` (int64) and ``floats`` (float32).

    Make one with `create`, `attach` or `private`. Thread: any; each field has one writer.
    """

    def __init__(self, words: Words, memory: SharedMemory | None, *, owner: bool) -> None:
        self.words = words
        self.floats: Floats = words.view(np.float32)
        self._memory = memory
        self._owner = owner

    @classmethod
    def create(cls, sample_rate_hz: int) -> "SharedBlock":
        """Memory other processes can attach to, ready to mix silence. The caller closes it."""
        # The first block starts the process that cleans up after a crash: it must outlive the terminal.
        with held():
            memory = _Memory(create=True, size=at.BLOCK_BYTES)
        descriptor = getattr(memory, "_fd", -1)
        if hasattr(os, "posix_fallocate") and descriptor >= 0:
            # Pages that are promised and not there end the process when they are first touched; better an error now.
            try:
                os.posix_fallocate(descriptor, 0, at.BLOCK_BYTES)
            except OSError:
                memory.unlink()
                memory.close()
                raise
        block = cls(_words(memory), memory, owner=True)
        block._initialise(sample_rate_hz)
        return block

    @classmethod
    def private(cls, sample_rate_hz: int) -> "SharedBlock":
        """The same block in this process only, for offline rendering."""
        block = cls(np.zeros(at.BLOCK_BYTES // 8, np.int64), None, owner=True)
        block._initialise(sample_rate_hz)
        return block

    @classmethod
    def attach(cls, name: str) -> "SharedBlock":
        """The block another process created.

        Raises
        ------
        EngineError — it was made by another version of the stage.
        """
        memory = _Memory(name=name)
        block = cls(_words(memory), memory, owner=False)
        found = (int(block.words[at.W_MAGIC]), int(block.words[at.W_VERSION]))
        if found != (at.MAGIC, at.VERSION):
            block.close()
            raise EngineError(f"shared block {name}: another version", got=str(found), allowed=str((at.MAGIC, at.VERSION)))
        return block

    def _initialise(self, sample_rate_hz: int) -> None:
        words, floats = self.words, self.floats
        words[at.W_SAMPLE_RATE_HZ] = sample_rate_hz
        words[at.W_FADE_FRAMES] = round(PATCH_FADE_S * sample_rate_hz)
        words[at.W_RAMP_FRAMES] = round(GAIN_RAMP_S * sample_rate_hz)
        words[at.W_RUN] = words[at.W_RUN_SET] = 1
        words[at.W_GATE] = words[at.W_GATE_SET] = 1
        floats[at.F_GATE_NOW] = 1.0
        floats[at.F_MASTER_GAIN] = 1.0
        floats[at.F_INPUT_GAIN] = floats[at.F_INPUT_NOW] = 1.0
        for cells in (at.F_MASTER_SEEN, at.F_MASTER_SET):
            floats[cells : cells + 2] = 1.0
        floats[at.F_INPUT_OPEN] = floats[at.F_INPUT_OPEN_NOW] = 1.0
        for deck in range(at.MAX_DECKS):
            words[at.deck_words(deck) + at.D_ACTIVE] = words[at.deck_words(deck) + at.D_ACTIVE_SET] = -1
            words[at.deck_words(deck) + at.D_LEAD_FRAMES] = 1
            for gain in (at.DF_GAIN, at.DF_SEEN + at.DF_GAIN, at.DF_SET + at.DF_GAIN):
                floats[at.deck_floats(deck) + gain] = 1.0
        words[at.W_VERSION] = at.VERSION
        words[at.W_MAGIC] = at.MAGIC

    @property
    def name(self) -> str:
        """Name other processes attach by; empty for a private block."""
        return self._memory.name if self._memory else ""

    @property
    def address(self) -> int:
        """Address of the block in this process: the callback's user data."""
        return int(self.words.ctypes.data)

    @property
    def sample_rate_hz(self) -> int:
        """The device's rate."""
        return int(self.words[at.W_SAMPLE_RATE_HZ])

    def open_ring(self, deck: int, ring: int) -> None:
        """Empty a ring that nobody uses, for a new producer."""
        state = at.ring_floats(deck, ring)
        open_ring(self.words, self.floats, at.ring_words(deck, ring), state, state + at.RF_DATA)

    def fill_frames(self, deck: int, ring: int) -> int:
        """Frames ready in a ring."""
        return int(fill(self.words, at.ring_words(deck, ring)))

    def controls(self, deck: int, ring: int) -> Floats:
        """View of the control values of the patch on a ring, shape (MAX_CONTROLS,)."""
        start = at.ring_floats(deck, ring) + at.RF_CONTROLS
        return self.floats[start : start + at.MAX_CONTROLS]

    def adopt(self) -> None:
        """Take over from an owner that is gone: `close` removes the memory."""
        self._owner = True

    def close(self) -> None:
        """Let go of the memory; the owner also removes it. The views must not be used afterwards."""
        self.words = np.zeros(0, np.int64)
        self.floats = np.zeros(0, np.float32)
        if self._memory is None:
            return
        memory, self._memory = self._memory, None
        if self._owner:
            try:
                memory.unlink()
            except FileNotFoundError:
                # Somebody cleaned up; the books of what is to be removed at exit must know.
                resource_tracker.unregister("/" + memory.name.lstrip("/"), "shared_memory")
        memory.close()


def _words(memory: SharedMemory) -> Words:
    assert memory.buf is not None  # only None once closed
    return np.frombuffer(memory.buf, np.int64, at.BLOCK_BYTES // 8)
