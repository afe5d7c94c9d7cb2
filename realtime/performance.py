"""A performance as data: which takes were heard, what every step of them heeded, and what the mixer did at which frame.

It knows the journal and how a performance is repeated from it, not files (`realtime.performance_file`) nor how one sounds
(`realtime.performance_render`).
"""

import contextlib
import hashlib
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches.corpus_fields import CORPUS_NAME
from realtime.errors import PerformanceError
from realtime.journal import MIXER, Journal, JournalCopy, TakeRecord
from realtime.kernels import layout as at
from realtime.voices.voice import OWN_CORPUS

EVENTS: dict[int, str] = {
    at.J_MASTER: "master gain",
    at.J_RUN: "run",
    at.J_GATE: "gate",
    at.J_ACTIVE: "active ring",
    at.J_FLOW: "flow",
    at.J_DRY: "dry",
    at.J_MIXED: "gain",
    at.J_MIXED + 1: "pan",
    at.J_MIXED + 2: "mute",
    at.J_MIXED + 3: "solo",
}
"""What the mixer notes, by name. Gains are linear."""
STEP_EVENTS: dict[int, str] = {at.J_FREEZE: "@freeze", at.J_RESET: "@reset", at.J_MODE: "@mode", at.J_HEARD: "@heard"}
"""What a deck notes beside the values of controls, by name. The value of a reset is its seed, that of a mode its number."""
LISTENING = ("follow", "answer")
"""Controls of a voice that hears the input: with all of them at 0 it makes nothing of what it hears."""
ECHO_S = 5.0
"""What sounded longer ago has no part in what sounds now: the limiter lets go of the loudest sum there can be in three seconds."""
LIBRARIES = ("numpy", "numba", "onnxruntime", "onnxruntime-gpu", "soxr")
"""Whose versions can change samples, where they are installed."""


@dataclass(frozen=True)
class PerformedTake:
    """A patch that was played from its first step on."""

    deck: int
    slug: str
    folder: str
    manifest_sha256: str
    seed: int
    options: dict[str, Any]
    files: dict[str, str]
    """sha256 of what was played beside the patch."""
    names: tuple[str, ...]
    """Its controls, then `STEP_EVENTS`."""
    steps: NDArray[np.int64]
    whats: NDArray[np.int64]
    """Places in `names`."""
    values: NDArray[np.float64]
    """Exact: every float32 is a float64, and so is every number of a mode; a seed stands in `numbers`."""
    numbers: NDArray[np.int64]
    needed: bool
    """Whether anything of it is heard. One that is not has no entries."""


@dataclass(frozen=True)
class MixerEvent:
    """Something the mixer did from `frame` on; `ring` and `take` only where they mean something, else 0 and -1."""

    frame: int
    what: str
    deck: int
    ring: int
    value: float
    take: int


@dataclass(frozen=True)
class Performance:
    """Frames `from_frame` to `to_frame` of the stage clock, and everything since frame 0 that shaped them."""

    sample_rate_hz: int
    fade_frames: int
    ramp_frames: int
    decks: int
    from_frame: int
    to_frame: int
    made_with: dict[str, str]
    takes: tuple[PerformedTake, ...]
    events: tuple[MixerEvent, ...]


def machine() -> dict[str, str]:
    """What the samples depend on beside the performance."""
    known = {"machine": f"{platform.system()} {platform.machine()}"}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            known[name] = version(name)
    return known


def read_journal(journal: Journal, from_frame: int, to_frame: int, decks: int) -> Performance:
    """What has to be repeated for frames `from_frame` to `to_frame` of the first `decks` decks.

    Raises
    ------
    PerformanceError — it cannot be repeated, with the reason: entries of the journal were lost, live input was heard, frames to come.
    """
    copy = journal.copy()
    if not 0 <= from_frame < to_frame <= copy.clock:
        got = f"{from_frame} to {to_frame}"
        raise PerformanceError("no such frames to write the performance of", got=got, allowed=f"0 to {copy.clock}, at least one")
    lost = copy.dropped - sum(record.dropped for record in copy.takes)
    if lost:
        raise PerformanceError("the performance cannot be repeated: part of the journal was lost", got=f"{lost} entries of the mixer")
    events = _mixer_events(copy, to_frame)
    needed = _needed(copy, events, from_frame)
    takes = tuple(_performed(copy, index, record, index in needed) for index, record in enumerate(copy.takes))
    kept = tuple(e for e in events if e.take < 0 or e.take in needed or e.what == EVENTS[at.J_ACTIVE])
    return Performance(copy.sample_rate_hz, copy.fade_frames, copy.ramp_frames, decks, from_frame, to_frame, machine(), takes, kept)


def _mixer_events(copy: JournalCopy, to_frame: int) -> list[MixerEvent]:
    """The callback's entries in order of frame, those of a ring tied to the take that was on it."""
    playing: dict[tuple[int, int], int] = {}
    events = []
    mixed = copy.entries[copy.entries["source"] == MIXER]
    columns = (mixed["when"].tolist(), mixed["what"].tolist(), mixed["number"].tolist(), mixed["value"].tolist())
    for frame, place, number, value in zip(*columns, strict=True):
        what, rest = divmod(place, at.JOURNAL_PLACES)
        ring, deck = divmod(rest, at.MAX_DECKS)
        if what == at.J_TAKE:
            playing[deck, ring] = number
            continue
        if what == at.J_ACTIVE:
            ring = int(value)
        tied = what in (at.J_ACTIVE, at.J_FLOW, at.J_DRY)
        if frame < to_frame:
            events.append(MixerEvent(frame, EVENTS[what], deck, max(ring, 0), value, playing.get((deck, ring), -1) if tied else -1))
    # In a piece of a block decks are noted one after the other.
    return sorted(events, key=lambda event: event.frame)


def _needed(copy: JournalCopy, events: list[MixerEvent], from_frame: int) -> set[int]:
    """Takes of which anything can be heard from `from_frame` on, or has left the limiter closed."""
    since = from_frame - round(ECHO_S * copy.sample_rate_hz)
    heard = {event.take for event in events if event.what == EVENTS[at.J_FLOW]}
    active: dict[int, int] = {}
    for event in events:
        if event.what == EVENTS[at.J_ACTIVE]:
            last = active.get(event.deck, -1)
            if last >= 0 and event.frame + copy.fade_frames < since:
                heard.discard(last)
            active[event.deck] = event.take
    return heard


def _performed(copy: JournalCopy, index: int, record: TakeRecord, needed: bool) -> PerformedTake:
    names = (*record.controls, *STEP_EVENTS.values())
    entries = copy.entries[copy.entries["source"] == index] if needed else copy.entries[:0]
    where = f"deck {record.deck + 1}, {record.slug}"
    if needed and record.dropped:
        raise PerformanceError(
            f"{where}: the performance cannot be repeated: part of the journal was lost", got=f"{record.dropped} entries"
        )
    whats = entries["what"].astype(np.int64)
    special = whats >= at.MAX_CONTROLS
    # Behind the patch's own controls, in the order of the table.
    whats[special] += len(record.controls) - at.MAX_CONTROLS
    if needed and _heard_input(record, names, whats, entries["value"]):
        raise PerformanceError(
            f"{where}: the performance cannot be repeated: it heard the live input",
            hint="it can be with follow and answer at 0",
        )
    return PerformedTake(
        deck=record.deck,
        slug=record.slug,
        folder=record.folder,
        manifest_sha256=record.manifest_sha256,
        seed=record.seed,
        options=record.options,
        files={path: fingerprint(path) for path in played_files(record.options)} if needed else {},
        names=names,
        steps=entries["when"].astype(np.int64),
        whats=whats,
        values=entries["value"].astype(np.float64),
        numbers=entries["number"].astype(np.int64),
        needed=needed,
    )


def _heard_input(record: TakeRecord, names: tuple[str, ...], whats: NDArray[np.int64], values: NDArray[np.float32]) -> bool:
    if not (whats == names.index(STEP_EVENTS[at.J_HEARD])).any():
        return False
    listening = [names.index(name) for name in LISTENING if name in record.controls]
    return not listening or bool((values[np.isin(whats, listening)] > 0.0).any())


def played_files(options: dict[str, Any]) -> list[str]:
    """Files that say what was played beside the patch: the table of contents of every corpus, and the prime."""
    corpora = [str(Path(choice["path"]) / CORPUS_NAME) for choice in options["corpora"] if choice["path"] != OWN_CORPUS]
    return corpora + ([] if options["prime"] is None else [str(options["prime"])])


def fingerprint(path: str) -> str:
    """sha256 of a file.

    Raises
    ------
    PerformanceError — it is gone or cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PerformanceError(f"{path}: was played and cannot be read", got=error.strerror or str(error)) from None
