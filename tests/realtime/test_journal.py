import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patches.reader import read_manifest
from realtime.job import Job
from realtime.journal import ENTRY, MIXER, Journal
from realtime.kernels import layout as at
from realtime.kernels.deck_controls import note
from realtime.schedule import DeckSchedule
from realtime.shared import SharedBlock


@pytest.fixture(name="block")
def _block() -> SharedBlock:
    return SharedBlock.private(48_000)


@pytest.fixture(name="journal")
def _journal(block: SharedBlock) -> Iterator[Journal]:
    made = Journal(block)
    yield made
    made.close()


@pytest.fixture(name="job")
def _job(patch_folder: Path) -> Job:
    folder = patch_folder / "tiny"
    return Job(folder, read_manifest(folder), 7)


def say(block: SharedBlock, step: int, number: int, ring: int = 0) -> None:
    note(block.words, block.floats, at.ring_words(0, ring), at.ring_floats(0, ring), step, at.J_RESET, number, 0.0)


def test_what_a_ring_notes_belongs_to_the_take_that_is_on_it(block: SharedBlock, journal: Journal, job: Job) -> None:
    journal.begin_load(0, 0, 1, job)
    journal.begin_load(0, 1, 2, job)
    say(block, 5, 50)
    say(block, 6, 60, ring=1)
    journal.begin_load(0, 0, 3, job)
    say(block, 7, 70)
    copy = journal.copy()
    assert [(e["source"], e["when"], e["number"]) for e in copy.entries if e["source"] != MIXER] == [(0, 5, 50), (1, 6, 60), (2, 7, 70)]
    assert [(t.deck, t.ring, t.load, t.slug, t.seed) for t in copy.takes] == [
        (0, 0, 1, "tiny", 7),
        (0, 1, 2, "tiny", 7),
        (0, 0, 3, "tiny", 7),
    ]
    assert copy.dropped == journal.dropped == 0


def test_opening_a_ring_leaves_nothing_scheduled_on_it(block: SharedBlock, journal: Journal, job: Job) -> None:
    DeckSchedule(block, 0).push(5, 0, 1.0, 0)
    journal.begin_load(0, 0, 1, job)
    queue = at.ring_words(0, 0) + at.R_SCHEDULE
    assert block.words[queue + at.Q_HEAD] == block.words[queue + at.Q_TAIL] == 0


def test_what_found_no_room_is_counted_with_its_take(block: SharedBlock, journal: Journal, job: Job) -> None:
    journal.begin_load(0, 0, 1, job)
    for step in range(at.RING_JOURNAL_SLOTS + 3):
        say(block, step, 0)
    journal.collect()
    assert journal.dropped == 3
    journal.begin_load(0, 0, 2, job)
    assert [take.dropped for take in journal.copy().takes] == [3, 0]


def test_a_disk_that_is_full_is_counted_and_the_rest_can_still_be_read(
    block: SharedBlock, journal: Journal, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.begin_load(0, 0, 1, job)
    say(block, 1, 0)
    journal.collect()
    spool = journal._spool

    class Full:
        """A disk that takes half of what it is given, then nothing."""

        def __init__(self) -> None:
            self.writes = 0

        def write(self, data: bytes) -> int:
            self.writes += 1
            if self.writes > 1:
                raise OSError(28, "No space left on device")
            return int(spool.write(data[: len(data) // 2]))  # type: ignore[union-attr]

        def __getattr__(self, name: str) -> Any:
            return getattr(spool, name)

    monkeypatch.setattr(journal, "_spool", Full())
    for step in (2, 3):
        say(block, step, 0)
        journal.collect()
    monkeypatch.setattr(journal, "_spool", spool)
    say(block, 4, 0)
    copy = journal.copy()
    assert copy.dropped == 2
    assert [int(e["when"]) for e in copy.entries if e["source"] == 0] == [1, 4]


def test_the_file_is_never_longer_than_it_may_be(block: SharedBlock, journal: Journal, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.journal.SPOOL_BYTES", 3 * ENTRY.itemsize)
    journal.begin_load(0, 0, 1, job)
    for step in range(5):
        say(block, step, 0)
        journal.collect()
    assert journal.dropped == 3
    assert len(journal.copy().entries) == 3


def test_a_machine_without_a_place_for_files_still_plays(
    block: SharedBlock, job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    journal = Journal(block)
    journal.begin_load(0, 0, 1, job)
    say(block, 1, 0)
    journal.collect()
    assert journal.dropped == 2
    assert len(journal.copy().entries) == 0
    journal.close()


def test_after_the_end_nothing_is_asked_of_it(block: SharedBlock, journal: Journal, job: Job) -> None:
    journal.begin_load(0, 0, 1, job)
    journal.close()
    block.close()
    journal.collect()
    assert journal.dropped == 0
