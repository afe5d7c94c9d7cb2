"""What was heeded when: all that shaped the sound, as the callback and the decks wrote it down. It knows entries, not what they mean.

The callback notes the frame of every change, a deck process the step. Both write into queues of the shared block; here they are
emptied into a file, so that memory stays flat however long the stage plays, and what a ring held is tied to the take that was played on it.
"""

import contextlib
import hashlib
import os
import tempfile
import threading
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from patches.codec import encode
from patches.errors import PatchError
from patches.manifest import Manifest
from realtime.corpora import write_options
from realtime.job import Job
from realtime.kernels import layout as at
from realtime.kernels.queue import take
from realtime.shared import SharedBlock

MIXER = -1
"""Source of an entry that the callback wrote; any other source is the index of a take."""
ENTRY = np.dtype([("when", "<i8"), ("number", "<i8"), ("value", "<f4"), ("what", "<i4"), ("source", "<i4")])
"""One entry: frame or step, and what changed how (`realtime.kernels.layout`, J_)."""
SPOOL_BYTES = 2**28
"""The file is never longer, 9.5 million entries: ten knobs that never stand still take three hours to fill it."""


@dataclass
class TakeRecord:
    """What was played on a ring from one opening to the next."""

    deck: int
    ring: int
    load: int
    slug: str
    folder: str
    manifest_sha256: str
    seed: int
    controls: tuple[str, ...]
    options: dict[str, Any]
    dropped: int = 0
    """Entries of its deck process that found no room."""


@dataclass(frozen=True)
class JournalCopy:
    """The journal up to one moment."""

    entries: NDArray[Any]
    """Of dtype `ENTRY`; those of one source in order."""
    takes: tuple[TakeRecord, ...]
    dropped: int
    sample_rate_hz: int
    fade_frames: int
    ramp_frames: int
    clock: int
    """Frames of which everything is known."""


@dataclass
class _Queue:
    """One queue of the shared block, and whose entries it holds."""

    words: int
    values: int
    slots: int
    source: int = MIXER
    record: TakeRecord | None = field(default=None)


class Journal:
    """Collects the entries of the callback and of every deck process.

    Parameters
    ----------
    block : SharedBlock

    Capacity: the callback's queue holds 4096 entries, a ring's 2048; call `collect` every 50 ms or so while the stage plays. What found
    no room is counted, and so is what the disk or `SPOOL_BYTES` had no room for: then a performance cannot be repeated, and says so.

    Thread
    ------
    Any.
    """

    def __init__(self, block: SharedBlock) -> None:
        self._block = block
        self._lock = threading.Lock()
        self._spool = _open_spool()
        self._mixer = _Queue(at.W_JOURNAL, at.F_JOURNAL, at.JOURNAL_SLOTS)
        self._rings: dict[tuple[int, int], _Queue] = {}
        self._takes: list[TakeRecord] = []
        self._buffer = np.zeros((at.JOURNAL_SLOTS, at.Q_ENTRY), np.int64)
        self._values = np.zeros(at.JOURNAL_SLOTS, np.float32)
        self._unwritten = 0
        self._closed = False

    @property
    def dropped(self) -> int:
        """Entries lost since the stream opened."""
        with self._lock:
            return self._dropped()

    def collect(self) -> None:
        """Empty every queue into the spool."""
        with self._lock:
            self._collect()

    def begin_load(self, deck: int, ring: int, load: int, job: Job) -> None:
        """Open a ring that nobody uses for a new take: what is noted from here on belongs to it.

        Parameters
        ----------
        deck, ring : int
        load : int
            Number of the load.
        job : Job
            With its seed.
        """
        manifest = job.manifest
        record = TakeRecord(
            deck=deck,
            ring=ring,
            load=load,
            slug=manifest.slug,
            folder=str(job.folder.resolve()),
            manifest_sha256=hash_manifest(manifest),
            seed=job.seed or 0,
            controls=tuple(control.id for control in manifest.controls),
            options=write_options(job.options),
        )
        with self._lock:
            # What is still in the ring's queue is the last take's.
            self._collect()
            self._block.open_ring(deck, ring)
            place = at.J_TAKE * at.JOURNAL_PLACES + ring * at.MAX_DECKS + deck
            marker = np.array([(0, len(self._takes), 0.0, place, MIXER)], ENTRY)
            self._keep(marker)
            words, values = at.ring_words(deck, ring) + at.R_JOURNAL, at.ring_floats(deck, ring) + at.RF_JOURNAL
            self._rings[deck, ring] = _Queue(words, values, at.RING_JOURNAL_SLOTS, len(self._takes), record)
            self._takes.append(record)

    def copy(self) -> JournalCopy:
        """Everything up to now.

        Raises
        ------
        OSError — the spool cannot be read.
        """
        with self._lock:
            words = self._block.words
            clock = int(words[at.W_CLOCK])
            self._collect()
            entries = np.zeros(0, ENTRY)
            if self._spool is not None:
                self._spool.seek(0)
                entries = np.frombuffer(self._spool.read(), ENTRY)
            return JournalCopy(
                entries,
                tuple(self._takes),
                self._dropped(),
                self._block.sample_rate_hz,
                int(words[at.W_FADE_FRAMES]),
                int(words[at.W_RAMP_FRAMES]),
                clock,
            )

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._closed = True
            if self._spool is not None:
                self._spool.close()

    def _dropped(self) -> int:
        mixed = 0 if self._closed else int(self._block.words[at.W_JOURNAL + at.Q_DROPPED])
        return mixed + self._unwritten + sum(record.dropped for record in self._takes)

    def _collect(self) -> None:
        if self._closed:
            return
        for queue in (self._mixer, *self._rings.values()):
            words, floats = self._block.words, self._block.floats
            count = int(take(words, floats, queue.words, queue.values, queue.slots, self._buffer, self._values))
            if queue.record is not None:
                queue.record.dropped = int(words[queue.words + at.Q_DROPPED])
            if count:
                self._keep(_entries(self._buffer[:count], self._values[:count], queue.source))

    def _keep(self, entries: NDArray[Any]) -> None:
        if self._spool is not None:
            end = self._spool.seek(0, os.SEEK_END)
            data = entries.tobytes()
            # A full disk: the show goes on, and a performance will say why it cannot be repeated.
            with contextlib.suppress(OSError):
                if end + len(data) <= SPOOL_BYTES and self._spool.write(data) == len(data):
                    return
            # Half an entry would put all later ones out of place.
            self._spool.truncate(end)
        self._unwritten += len(entries)


def hash_manifest(manifest: Manifest) -> str:
    """sha256 of a manifest, and so of every file of the patch; empty for one that no patch folder has."""
    try:
        return hashlib.sha256(encode(manifest)).hexdigest()
    except PatchError:
        return ""


def _open_spool() -> BinaryIO | None:
    """A file without a name, which the system removes with this process whatever happens to that; None where there is no place for one."""
    try:
        # Unbuffered: a write says at once what came of it.
        return cast(BinaryIO, tempfile.TemporaryFile(prefix="starling-journal-", buffering=0))
    except OSError:
        return None


def _entries(rows: NDArray[np.int64], values: NDArray[np.float32], source: int) -> NDArray[Any]:
    made = np.zeros(len(rows), ENTRY)
    made["when"], made["what"], made["number"] = rows.T
    made["value"] = values
    made["source"] = source
    return made
