"""When a mosaic chooses: the clock by itself, and what is heard of a control that is moved within a hop."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from patches.mosaic_controls import MOSAIC_CONTROLS, label_control
from patches.reader import read_manifest
from realtime.unit_log import LoggedDeck, UnitLog
from realtime.voices import mosaic_due
from realtime.voices.mosaic import Mosaic
from realtime.voices.mosaic_due import LEAST_MOVE, Due, steps_in_hop
from realtime.voices.voice import UnitEvent, controls_at_once, make_voice
from tests.mosaic_patch import make_mosaic, sounds
from tests.stage_patch import HOP_FRAMES, RATE_HZ

LABELS = ("hiss", "hum", "whistle")
CONTROLS = (*MOSAIC_CONTROLS, *(label_control(label, f"label_{label}") for label in LABELS))
STEP = HOP_FRAMES // 2
SPARSE = {"density": 1.0, "temperature": 0.0}
"""Next to no choices but those that are asked for."""


def values(**given: float) -> np.ndarray:
    unknown = set(given) - {control.id for control in CONTROLS}
    assert not unknown
    return np.array([given.get(control.id, control.default) for control in CONTROLS], np.float32)


def only(label: str) -> dict[str, float]:
    return {f"label_{other}": 0.0 for other in LABELS if other != label}


# --- the clock ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hop", "steps"), [(64, 1), (512, 1), (1000, 1), (1024, 2), (1025, 1), (1536, 3), (2048, 4), (16384, 32)])
def test_a_hop_is_played_in_steps_of_512_where_it_can_be(hop: int, steps: int) -> None:
    assert steps_in_hop(hop) == steps


def clock(steps: int = 2) -> Due:
    due = Due(CONTROLS, RATE_HZ / HOP_FRAMES, steps)
    due.step(values(), 1)
    return due


@pytest.mark.parametrize("name", [*LEAST_MOVE, "label_hum"])
def test_a_control_asks_once_it_has_moved_far_enough(name: str) -> None:
    control = next(control for control in CONTROLS if control.id == name)
    least = LEAST_MOVE.get(name, mosaic_due.LEAST_LABEL_MOVE)
    toward = 1.0 if control.default < control.max else -1.0
    due = clock()
    due.step(values(**{name: control.default + 0.99 * toward * least}), 1)
    assert not due.asked
    due.step(values(**{name: control.default + 1.01 * toward * least}), 1)
    assert due.asked


def test_a_label_asks_where_it_is_turned_off_or_on() -> None:
    due = Due(CONTROLS, RATE_HZ / HOP_FRAMES, 2)
    for value, asks in ((0.05, False), (0.0, True), (0.01, True), (0.02, False)):
        due.forget_asked()
        for _ in range(2):
            due.step(values(label_hiss=value), 1)
        assert due.asked == asks


def test_what_is_moved_slowly_asks_now_and_then_and_its_end_is_answered() -> None:
    due, asked = clock(), 0
    place = [control.id for control in CONTROLS].index("loudness")
    for step in range(200):
        given = values()
        given[place] = 3.0 * min(step / 100, 1.0)
        due.forget_asked()
        due.step(given, 1)
        asked += due.asked
    assert 8 <= asked <= 12
    assert abs(due._answered - values(loudness=3.0)[due._places]).max() <= LEAST_MOVE["loudness"]


def test_a_control_that_jumps_at_every_step_is_answered_once_per_hop() -> None:
    for steps in (2, 4):
        due, asked = clock(steps), 0
        for step in range(100 * steps):
            due.forget_asked()
            due.step(values(brightness=3.0 * (step % 2)), 1)
            asked += due.asked
        # An even number of steps later it is back where it was: nothing to answer, then, for one step.
        assert 100 * steps / (steps + 1) - 1 <= asked <= 100


def test_every_stream_is_asked_once() -> None:
    due, random = clock(), np.random.default_rng(0)
    due.step(values(continuity=0.0, streams=3.0), 3)
    for left in (True, True, False):
        due.chosen(0.0, random)
        assert due.asked == left


def test_a_density_that_is_turned_up_shortens_the_wait() -> None:
    due = clock()
    due.chosen(0.0, np.random.default_rng(0))
    for _ in range(3):
        due.hop()
    assert not due.has_waited(2.0)
    assert due.has_waited(20.0)
    assert not due.has_waited(1.0)


# --- what is heard ------------------------------------------------------------------------------------------------------------


def prepared(folder: Path) -> Mosaic:
    voice = make_voice(folder, read_manifest(folder))
    assert isinstance(voice, Mosaic)
    assert tuple(control.id for control in voice._manifest.controls) == tuple(control.id for control in CONTROLS)
    voice.prepare()
    return voice


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_mosaic(tmp_path_factory.mktemp("mosaic"))


@pytest.fixture(name="whole", scope="module")
def _whole(folder: Path) -> Mosaic:
    return prepared(folder)


@pytest.fixture(name="voice")
def _voice(whole: Mosaic) -> Iterator[Mosaic]:
    whole.reset(1)
    yield whole
    whole.log = None


def play(voice: Mosaic, steps: int, **given: float) -> tuple[np.ndarray, list[UnitEvent]]:
    """Some steps of sound, (T, 2), and their log."""
    events: list[UnitEvent] = []
    voice.log = events.append
    made = np.zeros((steps, voice.step_frames, voice.channels), np.float32)
    for out in made:
        voice.step(values(**given), False, out)
    voice.log = None
    return made.reshape(-1, voice.channels), events


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"density": 43.0, "continuity": 0.0},
        {"density": 20.0, "attack": 120.0, "release": 300.0, "overlap": 40.0},
        {"one_shot": 1.0, "unit_length": 90.0},
        {"foresight": 4.0, "reverse": 1.0},
    ],
)
def test_shorter_steps_change_nothing_while_nothing_is_turned(
    folder: Path, voice: Mosaic, monkeypatch: pytest.MonkeyPatch, given: dict[str, float]
) -> None:
    takes = {STEP: play(voice, 200, **given)}
    for frames in (256, 2 * HOP_FRAMES):
        monkeypatch.setattr(mosaic_due, "STEP_FRAMES", frames)
        other = prepared(folder)
        other.reset(1)
        takes[other.step_frames] = play(other, 200 * STEP // other.step_frames, **given)
    assert set(takes) == {256, STEP, HOP_FRAMES}
    for frames in (256, STEP):
        np.testing.assert_array_equal(takes[frames][0], takes[HOP_FRAMES][0])
        assert takes[frames][1] == takes[HOP_FRAMES][1]


@pytest.mark.parametrize("before", [40, 41])
def test_a_label_turned_off_is_left_with_the_next_step(voice: Mosaic, before: int) -> None:
    for seed in range(6):
        voice.reset(seed)
        earlier, events = play(voice, before, **SPARSE)
        left = events[-1].label
        made, events = play(voice, 8, **SPARSE, **{f"label_{left}": 0.0})
        first = events[0]
        assert first.faded
        assert first.label != left
        assert (first.frame, first.frames) == (before * STEP, HOP_FRAMES if before % 2 == 0 else STEP)
        voice.reset(seed)
        untouched, _ = play(voice, before + 1, **SPARSE)
        np.testing.assert_array_equal(untouched[: before * STEP], earlier)
        # From its very first frame, which the fade has only begun to change.
        assert not np.array_equal(made[:32], untouched[before * STEP :][:32])
        # What is there now goes on: one choice was asked for.
        assert not any(event.faded for event in events[1:3])


@pytest.mark.parametrize(
    ("control", "value"), [("loudness", 3.0), ("brightness", -3.0), ("noisiness", 3.0), ("rate", 1.3), ("streams", 2.0)]
)
def test_what_is_asked_for_is_heard_within_the_next_step(voice: Mosaic, control: str, value: float) -> None:
    heard = 0
    for seed in range(10):
        sound = []
        for given in ({}, {control: value}):
            voice.reset(seed)
            play(voice, 33, **SPARSE)
            sound.append(play(voice, 1, **SPARSE, **given)[0])
        heard += not np.array_equal(*sound)
    # A unit that is the loudest already is not left for a louder one.
    assert heard >= (5 if control in ("loudness", "brightness", "noisiness") else 10)


def test_every_stream_leaves_a_label_that_is_turned_off(voice: Mosaic) -> None:
    _, events = play(voice, 60, **SPARSE, streams=4.0)
    latest = {event.stream: event.label for event in events}
    assert len(latest) == 4
    left = next(iter(latest.values()))
    _, events = play(voice, 4, **SPARSE, streams=4.0, **{f"label_{left}": 0.0})
    assert {event.stream for event in events if event.faded} == {0, 1, 2, 3}
    latest = {event.stream: event.label for event in events}
    assert left not in latest.values()


def test_one_shots_keep_their_rhythm_whatever_is_turned(voice: Mosaic) -> None:
    begun = []
    for turned in (False, True):
        voice.reset(5)
        events = []
        for step in range(120):
            loudness = 3.0 * (step // 3 % 2) if turned else 0.0
            events += play(voice, 1, one_shot=1.0, density=4.0, temperature=0.0, loudness=loudness)[1]
        begun.append([event.frame for event in events if event.faded])
    assert begun[0] == begun[1]
    assert len(begun[0]) >= 4


def turned(voice: Mosaic, steps: int, seed: int) -> tuple[np.ndarray, list[UnitEvent]]:
    """Everything that asks for choices, and the rate, at every step somewhere else."""
    random, sound, events = np.random.default_rng(seed), [], []
    for _ in range(steps):
        given = {"loudness": random.uniform(-3, 3), "label_hum": float(random.random() < 0.5), "continuity": random.random()}
        made, more = play(voice, 1, **given, rate=random.choice([1.0, 1.0, 2.0, 4.0]), reverse=float(random.random() < 0.3))
        sound.append(made)
        events += more
    return np.concatenate(sound), events


def test_units_that_begin_within_hops_leave_no_gap(voice: Mosaic) -> None:
    made, events = turned(voice, 600, 1)
    assert sum(event.frame % HOP_FRAMES == STEP for event in events) > 100
    quiet = np.abs(made[:, 0]).reshape(-1, 64).max(axis=1) < 1e-5
    assert not quiet[HOP_FRAMES // 64 :].any()


def test_a_seed_repeats_and_a_reset_within_a_hop_is_fresh(folder: Path, voice: Mosaic) -> None:
    first, events = turned(voice, 61, 3)
    voice.reset(1)
    again, repeated = turned(voice, 61, 3)
    np.testing.assert_array_equal(again, first)
    assert repeated == events
    fresh = prepared(folder)
    fresh.reset(1)
    np.testing.assert_array_equal(turned(fresh, 61, 3)[0], first)


def test_the_log_of_units_has_no_gap_and_no_overlap(voice: Mosaic) -> None:
    _, events = turned(voice, 200, 4)
    log = UnitLog([LoggedDeck("trio", 1, RATE_HZ, HOP_FRAMES)], RATE_HZ, 200 * STEP, 1)
    for event in events:
        log.add(0, event)
    assert log.units[0].start == 0
    assert log.units[-1].end == 200 * STEP
    assert all(before.end == after.start for before, after in pairwise(log.units))


def test_the_sequencer_hears_the_unit_that_took_over_within_the_hop(voice: Mosaic) -> None:
    play(voice, 41, **SPARSE, **only("hum"))
    _, events = play(voice, 1, **SPARSE, **only("whistle"))
    assert [event.label for event in events] == ["whistle"]
    np.testing.assert_array_equal(voice._heard, np.clip(voice._target.rows[events[0].unit, : len(voice._heard)], -4.0, 4.0))


def test_only_controls_that_a_choice_reads_are_taken_at_once(voice: Mosaic) -> None:
    labels = {f"label_{label}" for label in LABELS}
    assert controls_at_once(voice) == {"loudness", "brightness", "noisiness", "continuity", "density"} | labels
    # The rest is smoothed, or its table says that it is not.
    smoothed = {control.id for control in CONTROLS if control.smoothing_ms > 0} - controls_at_once(voice)
    assert smoothed == {"autonomy", "rate", "spread", "follow"}


def test_input_may_come_in_pieces_of_any_length(voice: Mosaic) -> None:
    heard = sounds()["whistle"][:, 0]
    takes = []
    for sizes in ((1024,), (512, 512), (100, 400, 524)):
        voice.reset(1)
        made, place = np.zeros((80, STEP, 2), np.float32), 0
        for step, out in enumerate(made):
            if step % 2 == 0:
                for size in sizes:
                    voice.listen(heard[place : place + size])
                    place += size
            voice.step(values(follow=1.0), False, out)
        takes.append(made)
    np.testing.assert_array_equal(takes[0], takes[1])
    np.testing.assert_array_equal(takes[0], takes[2])
