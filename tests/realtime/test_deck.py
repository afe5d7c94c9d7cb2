"""A deck and what it says to its processes: real decks and rings, processes that only take notes of what they are told."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patches.manifest import Audio
from realtime.deck import NOTE_S, Deck
from realtime.deck_lead import AWAKE_S, MOST_LENGTHENED
from realtime.job import Job
from realtime.journal import Journal
from realtime.kernels import layout as at
from realtime.kernels.deck_controls import take_controls
from realtime.kernels.mixer import mix
from realtime.lead import SCHEDULING_S
from realtime.shared import SharedBlock
from realtime.voices.voice import CorpusChoice, VoiceOptions
from realtime.worker import State
from tests.stage_patch import manifest

PATCH = manifest("field", Audio(44_100, 1, 1_024, 0))
GLASS = (CorpusChoice("/corpora/glass", 0.5, ("struck",)), CorpusChoice("@patch"))
GLASS_JSON = [{"path": "/corpora/glass", "weight": 0.5, "labels": ["struck"]}, {"path": "@patch", "weight": 1.0, "labels": []}]


class Process:
    """A worker without a process."""

    def __init__(self) -> None:
        self.state, self.alive, self.lost, self.accepted, self.pid = State.IDLE, True, False, True, 1
        self.told: list[dict[str, Any]] = []
        self.heard: list[dict[str, Any]] = []

    def say(self, **command: Any) -> None:
        self.told.append(command)
        if command["do"] == "unload":
            self.heard.append({"event": "idle"})

    def events(self) -> list[dict[str, Any]]:
        said, self.heard = self.heard, []
        return said

    def enter(self, state: State) -> None:
        self.state = state

    def begin_load(self) -> None:
        self.state = State.LOADING

    def overdue(self) -> bool:
        return False

    def kill(self) -> None:
        self.alive, self.lost = False, True


class Stage:
    """A deck with processes that do as they are told here."""

    def __init__(self) -> None:
        self.block = SharedBlock.private(44_100)
        self.processes: list[Process] = []
        self.deck = Deck(0, self.block, self, 5)  # type: ignore[arg-type]

    def take(self) -> Process:
        self.processes.append(Process())
        return self.processes[-1]

    def give(self, worker: Process, *, idle: bool) -> None: ...

    @property
    def last(self) -> Process:
        return self.processes[-1]

    @property
    def told(self) -> dict[str, Any]:
        return next(command for command in reversed(self.last.told) if command["do"] == "load")

    def poll(self) -> None:
        for ring in range(at.RINGS):
            self.block.words[at.ring_words(0, ring) + at.R_HEARTBEAT_NS] = time.monotonic_ns()
        self.deck.poll(64)

    @property
    def lead(self) -> int:
        return int(self.block.words[at.deck_words(0) + at.D_LEAD_FRAMES])

    def load(self, job: Job) -> None:
        self.deck.load(job)
        self.poll()
        self.come_up()

    def come_up(self) -> None:
        """Let the process that was told last load and fill its ring, and be heard."""
        ring = self.told["ring"]
        self.last.heard.append({"event": "loaded", "load": self.told["load"], "step_ms_p99": 0.1, "priority": "", "modes": ["full"]})
        self.poll()
        self.block.words[at.ring_words(0, ring) + at.R_HEAD] = 60_000
        self.poll()
        assert self.deck.state == "playing"
        self.sound()

    def sound(self) -> None:
        for _ in range(40):
            mix(self.block.words, self.block.floats, np.zeros((1_024, 2), np.float32))
            self.block.words[at.W_CALLBACKS] += 1
        self.poll()
        self.poll()


def job(**options: Any) -> Job:
    return Job(Path("/patches/field"), PATCH, 9, {"density": 20.0}, options=VoiceOptions(**options))


def test_corpora_and_prime_are_told_to_the_process() -> None:
    stage = Stage()
    stage.load(job(corpora=GLASS, prime=Path("/seeds/one.wav")))
    assert stage.told["options"] == {"corpora": GLASS_JSON, "prime": "/seeds/one.wav"}
    assert stage.deck.snapshot(0.0).corpora == ("/corpora/glass", "@patch")


def test_other_corpora_are_a_load_with_the_values_of_now() -> None:
    stage = Stage()
    stage.load(job(prime=Path("/seeds/one.wav")))
    stage.deck.set_value("temperature", 1.5)
    stage.deck.set_mode(0)
    stage.deck.reset(77)
    first = stage.last
    stage.deck.set_corpora(GLASS)
    stage.poll()
    assert stage.last is not first
    told = stage.told
    assert told["options"] == {"corpora": GLASS_JSON, "prime": "/seeds/one.wav"}
    assert (told["folder"], told["seed"], told["mode"]) == ("/patches/field", 77, 0)
    values = stage.block.controls(0, told["ring"])
    ids = [control.id for control in PATCH.controls]
    assert values[ids.index("temperature")] == 1.5
    assert values[ids.index("density")] == 20.0
    # What sounds goes on until the other is ready.
    assert stage.deck.state == "playing"
    assert stage.deck.snapshot(0.0).corpora == ()
    assert first.told[-1]["do"] != "unload"
    stage.come_up()
    assert stage.deck.snapshot(0.0).corpora == ("/corpora/glass", "@patch")
    assert first.told[-1]["do"] == "unload"


def test_corpora_that_fail_leave_what_sounds_and_are_shown() -> None:
    stage = Stage()
    stage.load(job(corpora=GLASS[1:]))
    playing = stage.last
    stage.deck.set_corpora(GLASS)
    stage.poll()
    stage.last.heard.append({"event": "failed", "load": stage.told["load"], "error": "/corpora/glass: hop_frames is not the model's"})
    stage.poll()
    snapshot = stage.deck.snapshot(0.0)
    assert (snapshot.state, snapshot.corpora) == ("playing", ("@patch",))
    assert "hop_frames is not the model's" in snapshot.error
    # And what is played again after a crash is what sounded.
    playing.kill()
    stage.poll()
    stage.poll()
    assert stage.told["options"]["corpora"] == GLASS_JSON[1:]


def test_a_crash_is_followed_by_the_same_corpora() -> None:
    stage = Stage()
    stage.load(job())
    stage.deck.set_corpora(GLASS)
    stage.poll()
    stage.come_up()
    stage.last.kill()
    stage.poll()
    stage.poll()
    assert len(stage.processes) == 3
    assert stage.told["options"]["corpora"] == GLASS_JSON


def test_corpora_asked_for_while_a_patch_loads_are_for_that_patch() -> None:
    stage = Stage()
    stage.load(job())
    other = job()
    other.folder = Path("/patches/other")
    stage.deck.load(other)
    stage.deck.set_corpora(GLASS)
    stage.poll()
    assert (stage.told["folder"], stage.told["options"]["corpora"]) == ("/patches/other", GLASS_JSON)


def test_an_empty_deck_is_given_no_corpora() -> None:
    stage = Stage()
    stage.deck.set_corpora(GLASS)
    stage.poll()
    assert not stage.processes
    assert stage.deck.settled


def test_a_note_is_shown_for_a_while_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.deck.load(job())
    stage.poll()
    # Said while it loads, and while it plays.
    stage.last.heard.append({"event": "note", "load": stage.told["load"], "text": "3 units left out"})
    stage.come_up()
    assert stage.deck.snapshot(0.0).note == "3 units left out"
    stage.last.heard.append({"event": "note", "load": stage.told["load"], "text": "no unit has these labels: playing all"})
    stage.poll()
    snapshot = stage.deck.snapshot(0.0)
    assert (snapshot.note, snapshot.error, snapshot.state) == ("no unit has these labels: playing all", "", "playing")
    now = time.monotonic()
    monkeypatch.setattr("realtime.deck.time.monotonic", lambda: now + NOTE_S + 1.0)
    stage.deck.poll(64)
    assert stage.deck.snapshot(0.0).note == ""


def in_force(stage: Stage, ring: int, control_id: str) -> float:
    """The value of a control that the next step of the process on a ring would heed at frame 1000."""
    words, state = at.ring_words(0, ring), at.ring_floats(0, ring)
    index = [control.id for control in PATCH.controls].index(control_id)
    steps = int(stage.block.words[words + at.R_STEPS])
    take_controls(stage.block.words, stage.block.floats, words, state, len(PATCH.controls), 1_000, steps, False)
    stage.block.words[words + at.R_STEPS] += 1
    return float(stage.block.floats[state + at.RF_SET + index])


def test_a_scheduled_value_reaches_what_is_heard_and_what_is_coming() -> None:
    stage = Stage()
    stage.load(job())
    heard = stage.told["ring"]
    stage.deck.load(job())
    stage.poll()
    coming = stage.told["ring"]
    assert coming != heard
    assert [in_force(stage, ring, "density") for ring in (heard, coming)] == [20.0, 20.0]
    assert stage.deck.schedule_value(1_000, "density", 5.0)
    assert stage.deck.schedule_value(1_001, "density", 6.0)
    assert [in_force(stage, ring, "density") for ring in (heard, coming)] == [5.0, 5.0]
    # The deck's own books are of those who ask.
    assert stage.deck.values()[1][[control.id for control in PATCH.controls].index("density")] == 20.0
    stage.deck.note_value("density", 5.0)
    assert stage.deck.values()[1][[control.id for control in PATCH.controls].index("density")] == 5.0
    # A hand that sets what the host's cell has had all along.
    stage.deck.set_value("density", 20.0)
    assert [in_force(stage, ring, "density") for ring in (heard, coming)] == [20.0, 20.0]


def test_too_many_scheduled_values_are_refused_and_a_control_it_has_not_is_none() -> None:
    stage = Stage()
    stage.load(job())
    assert stage.deck.schedule_value(1_000, "nothing", 1.0)
    assert [stage.deck.schedule_value(9_000, "density", 5.0) for _ in range(at.RING_SCHEDULE_SLOTS + 1)].count(False) == 1


def test_other_corpora_are_on_their_way_from_when_they_are_ordered() -> None:
    stage = Stage()
    stage.load(job())
    stage.deck.order(7)
    assert stage.deck.snapshot(0.0).coming == (7,)
    stage.deck.set_corpora(GLASS, 7)
    assert stage.deck.snapshot(0.0).coming == (7,)
    stage.poll()
    stage.come_up()
    assert (stage.deck.snapshot(0.0).playing, stage.deck.snapshot(0.0).coming) == (7, ())
    stage.deck.unload()
    stage.deck.order(8)
    stage.deck.set_corpora(GLASS, 8)
    assert stage.deck.snapshot(0.0).coming == (), "an empty deck is given none, and nobody waits for it"


def test_what_ends_does_not_take_the_controls_of_what_was_asked_for_meanwhile() -> None:
    stage = Stage()
    stage.load(job())
    later = job()
    stage.deck.ask(later)
    stage.deck.unload()
    assert stage.deck.announced is later.manifest
    stage.deck.note_value("density", 33.0)
    assert later.values["density"] == 33.0


def test_the_journal_is_told_of_every_take() -> None:
    stage = Stage()
    journal = Journal(stage.block)
    stage.deck = Deck(0, stage.block, stage, 5, journal)  # type: ignore[arg-type]
    stage.load(job(corpora=GLASS))
    stage.load(job())
    stage.last.kill()
    stage.poll()
    stage.come_up()
    takes = journal.copy().takes
    assert [(take.load, take.ring, take.slug, take.seed) for take in takes] == [
        (1, 0, PATCH.slug, 9),
        (2, 1, PATCH.slug, 9),
        (3, 0, PATCH.slug, 9),
    ]
    assert takes[0].options["corpora"] == GLASS_JSON
    assert takes[0].controls == tuple(control.id for control in PATCH.controls)
    journal.close()


def test_a_chosen_lead_grows_when_the_deck_runs_dry_and_one_that_was_asked_for_does_not() -> None:
    stage = Stage()
    stage.load(job())
    words = stage.block.words
    chosen = stage.lead
    for times in range(1, MOST_LENGTHENED + 3):
        words[at.deck_words(0) + at.D_UNDERRUNS] += 1
        stage.poll()
        assert stage.lead == chosen + min(times, MOST_LENGTHENED) * round(SCHEDULING_S * 44_100)
    assert "it keeps" in stage.deck.snapshot(0.0).note
    stage.deck.set_lead(2_048)
    words[at.deck_words(0) + at.D_UNDERRUNS] += 1
    stage.poll()
    assert stage.lead == 2_048
    stage.deck.set_lead(None)
    assert stage.lead == chosen


def test_a_lead_does_not_grow_while_a_process_hangs() -> None:
    stage = Stage()
    stage.load(job())
    chosen = stage.lead
    stage.block.words[at.deck_words(0) + at.D_UNDERRUNS] += 1
    beat = at.ring_words(0, int(stage.block.words[at.deck_words(0) + at.D_ACTIVE])) + at.R_HEARTBEAT_NS
    stage.block.words[beat] = time.monotonic_ns() - round(3 * AWAKE_S * 1e9)
    stage.deck.poll(64)
    assert stage.lead == chosen


def test_underruns_are_shown_since_the_deck_was_loaded_or_reset_or_counts_were_cleared() -> None:
    stage = Stage()
    stage.load(job())

    def drop_out() -> tuple[int, int]:
        stage.block.words[at.deck_words(0) + at.D_UNDERRUNS] += 2
        shown = stage.deck.snapshot(0.0)
        return shown.underruns, shown.recent_underruns

    assert [drop_out(), drop_out()] == [(2, 2), (4, 4)]
    stage.deck.reset(None)
    assert [drop_out(), drop_out()] == [(6, 2), (8, 4)]
    stage.deck.reset(17)
    assert drop_out() == (10, 2)
    stage.deck.clear_counts()
    assert drop_out() == (12, 2)
    # What drops out while a patch loads is that load's.
    stage.deck.load(job())
    assert drop_out() == (14, 2)
    stage.poll()
    stage.come_up()
    assert drop_out() == (16, 4)
    # A process that is lost is replaced: what it did stays.
    stage.last.kill()
    stage.poll()
    stage.come_up()
    assert drop_out() == (18, 6)


def test_what_was_asked_for_before_a_load_leaves_it_its_seed_and_mode() -> None:
    stage = Stage()
    stage.load(Job(Path("a"), PATCH))
    coming = Job(Path("b"), PATCH, seed=11, mode=2)
    stage.deck.ask(coming)
    stage.deck.reset(None)
    stage.deck.set_mode(None)
    stage.load(coming)
    assert (stage.told["seed"], stage.told["mode"]) == (11, 2)
    assert (stage.deck.snapshot(0.0).seed, stage.deck.snapshot(0.0).mode_asked) == (11, 2)
    stage.deck.reset(12)
    stage.deck.set_mode(1)
    assert (stage.deck.snapshot(0.0).seed, stage.deck.snapshot(0.0).mode_asked) == (12, 1)
