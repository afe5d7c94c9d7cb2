"""Commands as they arrive in the sound: a real engine on the device `null`, heard through its tap."""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from patches.errors import PatchError
from realtime import commands as do
from realtime.controls import SILENCE_DB
from realtime.engine import Engine, EngineConfig
from realtime.errors import CorpusError, EngineError, OptionError, SettingError, StageError, UnknownControlError, UnknownDeckError
from realtime.kernels import layout as at
from realtime.performance import read_journal
from realtime.snapshot import Snapshot
from realtime.tap import StemTap, Tap, start_all

RATE_HZ = 44_100
STEP_FRAMES = 512
"""Of the patch `tiny`: it heeds its controls twice a hop."""
LEAD_FRAMES = 8_192
LIMIT_S = 60.0


class Show:
    """One deck that plays `tiny`, one that is empty, and what is heard from frame `first` of the stage clock on."""

    def __init__(self) -> None:
        self.engine = Engine(EngineConfig(decks=2, device="null", sample_rate_hz=RATE_HZ, block_frames=128, seed=3))
        self.engine.start()
        self.taps = [Tap(self.engine.block), StemTap(self.engine.block, 0), StemTap(self.engine.block, 1)]
        self.pieces: list[list[np.ndarray]] = [[], [], []]
        self.first = -1
        start_all(self.engine.block, 2)
        # So much that a test computer that is busy does not run dry.
        self.engine.send(do.SetLead(0, LEAD_FRAMES))
        self.engine.send(do.Load(0, "tiny", seed=5))
        self.until(lambda s: s.decks[0].state == "playing" and s.spare_ready)

    @property
    def now(self) -> int:
        return int(self.engine.block.words[at.W_CLOCK])

    def listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for tap, pieces in zip(self.taps, self.pieces, strict=True):
                pieces.append(tap.read())
                if self.first < 0 and tap.frames:
                    self.first = tap.frame
            time.sleep(0.01)

    def until(self, condition: Callable[[Snapshot], bool]) -> Snapshot:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            snapshot = self.engine.snapshot()
            if condition(snapshot):
                return snapshot
            self.listen(0.02)
        raise AssertionError(self.engine.snapshot())

    def past(self, frame: int) -> None:
        """Listen until a frame has been heard."""
        while self.first + sum(map(len, self.pieces[0])) <= frame:
            self.listen(0.02)

    def sound(self, start: int, end: int, tap: int = 0) -> np.ndarray:
        """What was heard from one frame of the stage clock to another."""
        return np.concatenate(self.pieces[tap])[start - self.first : end - self.first]


@pytest.fixture(name="show", scope="module")
def _show(patch_folder) -> Iterator[Show]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARLING_PATCHES", str(patch_folder))
        show = Show()
        yield show
        assert [tap.dropped_frames for tap in show.taps] == [0, 0, 0]
        show.engine.close()


@pytest.mark.parametrize("deck", [0, None])
@pytest.mark.parametrize("offset", [0, 1, 63, 77])
def test_a_gain_steps_at_exactly_its_frame(show, deck, offset):
    # From silence, so that the first sample that is not zero is the first that heeds it.
    show.engine.send(do.SetControl(deck, "gain", SILENCE_DB))
    show.listen(0.1)
    frame = show.now + 6_000 + offset
    show.engine.send(do.ScheduleControl(frame, deck, "gain", 0.0))
    assert show.engine.snapshot().decks[0].stage[0] == (SILENCE_DB if deck == 0 else 0.0), "what is to come does not show yet"
    show.past(frame + 2_000)
    show.engine.send(do.SettleControl(deck, "gain", 0.0))
    heard = np.abs(show.sound(frame - 3_000, frame + 64)).max(axis=1)
    assert int(np.flatnonzero(heard)[0]) == 3_000
    assert show.engine.snapshot().decks[0].stage[0] == 0.0


def test_scheduled_values_come_in_the_order_of_their_frames_and_late_ones_at_once(show):
    send = show.engine.send
    send(do.SetControl(0, "gain", SILENCE_DB))
    show.listen(0.1)
    start = show.now + 6_000
    # Long enough apart for the ramps to end.
    send(do.ScheduleControl(start, 0, "gain", 0.0))
    send(do.ScheduleControl(start + 3_000, 0, "mute", 1.0))
    send(do.ScheduleControl(start + 6_000, 0, "mute", 0.0))
    show.past(start + 8_000)
    sound = np.abs(show.sound(start - 500, start + 8_000)).max(axis=1)
    assert not sound[:500].any()
    assert sound[500]
    assert sound[500 + 2_000 : 500 + 3_000].any()
    assert not sound[500 + 4_500 : 500 + 6_000].any()
    assert sound[500 + 6_000]
    now = show.now
    send(do.ScheduleControl(now - 10_000, 0, "mute", 1.0))
    show.past(now + 4_000)
    assert not show.sound(now + 3_000, now + 4_000).any()
    send(do.SetControl(0, "mute", 0.0))
    send(do.SetControl(0, "gain", 0.0))


def test_a_hand_wins_over_what_was_scheduled_for_before_it(show):
    frame = show.now + 2_000
    show.engine.send(do.ScheduleControl(frame, 0, "mute", 1.0))
    show.past(frame + 2_000)
    # It stands at 0 in the books, and the hand says 0: it is to sound all the same.
    show.engine.send(do.SetControl(0, "mute", 0.0))
    now = show.now
    show.past(now + 4_000)
    assert show.sound(now + 3_000, now + 4_000).any()


def test_a_control_of_the_patch_is_heeded_by_the_step_that_is_heard_at_its_frame(show):
    index = [control.id for control in show.engine.snapshot().decks[0].manifest.controls].index("density")
    frames = [show.now + 2 * LEAD_FRAMES + 7_777 * number for number in range(4)]
    for number, frame in enumerate(frames):
        show.engine.send(do.ScheduleControl(frame, 0, "density", 20.0 + number))
    assert show.engine.snapshot().decks[0].values[index] == 8.0
    show.past(frames[-1] + 12_000)
    played = read_journal(show.engine.journal, 0, frames[-1] + 8_000, 1)
    assert not [event for event in played.events if event.what == "dry"]
    # Its first step is heard where its ring begins to flow.
    (begin,) = [event.frame for event in played.events if event.what == "flow"]
    take = played.takes[0]
    heeded = {
        value: begin + STEP_FRAMES * step
        for step, place, value in zip(take.steps.tolist(), take.whats.tolist(), take.values.tolist(), strict=True)
        if take.names[place] == "density"
    }
    for number, frame in enumerate(frames):
        heard_at = heeded[20.0 + number]
        assert frame <= heard_at < frame + STEP_FRAMES
    show.engine.send(do.SettleControl(0, "density", 23.0))
    assert show.engine.snapshot().decks[0].values[index] == 23.0


def test_a_panic_silences_all_in_eight_ms_and_stays_until_it_is_taken_back(show):
    for path in (do.SetControl(0, "freeze", 1.0),):
        show.engine.send(path)
    show.listen(0.1)
    before = show.now
    show.engine.send(do.Panic())
    asked = show.now
    show.past(asked + RATE_HZ // 4)
    assert show.engine.snapshot().panicked
    sound = np.abs(show.sound(before, asked + RATE_HZ // 4)).max(axis=1)
    last = before + int(np.flatnonzero(sound)[-1])
    assert last - asked <= 128 + math.ceil(0.008 * RATE_HZ)
    assert show.engine.snapshot().decks[0].stage[4] == 0.0, "nothing is held any more"
    # The deck goes on behind the closed gate: its own stem has sound, and a gain does not open it.
    show.engine.send(do.SetControl(None, "gain", 3.0))
    now = show.now
    show.past(now + 4_000)
    assert show.sound(now + 2_000, now + 4_000, tap=1).any()
    assert not show.sound(now, now + 4_000).any()
    show.engine.send(do.Panic(False))
    show.engine.send(do.SetControl(None, "gain", 0.0))
    now = show.now
    show.past(now + 4_000)
    assert show.sound(now + 2_000, now + 4_000).any()
    assert not show.engine.snapshot().panicked


def test_a_load_has_a_number_that_is_on_its_way_until_it_sounds(show):
    first = show.engine.snapshot().decks[0].playing
    number = show.engine.send(do.Load(0, "tiny"))
    assert number > first
    seen = set()

    def sounds(snapshot: Snapshot) -> bool:
        deck = snapshot.decks[0]
        seen.add((deck.playing, number in deck.coming))
        return deck.playing == number

    show.until(sounds)
    # At no moment was it neither heard nor on its way.
    assert seen <= {(first, True), (number, False)}


def test_other_corpora_are_a_load_from_the_moment_they_are_asked_for(show):
    # The engine's thread takes them up only some milliseconds later; a number that is not on its way has failed.
    number = show.engine.send(do.SetCorpora(0, (do.CorpusChoice("@patch"),)))
    first = show.engine.snapshot().decks[0]
    assert number in first.coming or first.playing == number
    gone = []

    def sounds(snapshot: Snapshot) -> bool:
        deck = snapshot.decks[0]
        gone.append(number not in deck.coming and deck.playing != number)
        return deck.playing == number

    show.until(sounds)
    assert not any(gone)


def test_two_loads_at_once_and_the_later_one_plays(show):
    numbers = [show.engine.send(do.Load(0, slug)) for slug in ("low", "tiny")]
    snapshot = show.until(lambda s: s.decks[0].playing == numbers[1])
    assert snapshot.decks[0].patch == "tiny"
    assert snapshot.decks[0].coming == ()


REFUSED: list[tuple[do.Command, type[Exception]]] = [
    *((kind(9, "gain", 0.0), UnknownDeckError) for kind in (do.SetControl, do.SettleControl)),
    (do.ScheduleControl(1, 9, "gain", 0.0), UnknownDeckError),
    (do.ScheduleControl(1, None, "pan", 0.0), UnknownControlError),
    (do.ScheduleControl(1, 0, "colour", 0.0), UnknownControlError),
    (do.ScheduleControl(1, 1, "density", 4.0), UnknownControlError),
    (do.ScheduleControl(1, 0, "gain", math.nan), SettingError),
    (do.ScheduleControl(1, 0, "density", math.inf), SettingError),
    (do.SettleControl(0, "density", 99.0), SettingError),
    (do.SettleControl(None, "gain", 99.0), SettingError),
    (do.SettleControl(1, "density", 4.0), UnknownControlError),
    (do.SetLead(0, 0), OptionError),
    (do.SetCorpora(1, (do.CorpusChoice("@patch"),)), CorpusError),
    (do.SetCorpora(0, (do.CorpusChoice("none"),)), CorpusError),
    (do.Load(1, "none"), PatchError),
    (do.Load(9, "tiny"), UnknownDeckError),
    (do.Reset(9), UnknownDeckError),
    (do.Unload(-1), UnknownDeckError),
]


@pytest.mark.parametrize(("command", "error"), REFUSED, ids=str)
def test_what_cannot_be_is_refused_and_changes_nothing(show, command, error):
    before = show.engine.snapshot()
    with pytest.raises(error):
        show.engine.send(command)
    after = show.engine.snapshot()
    assert [(d.stage, d.values, d.coming, d.playing) for d in after.decks] == [
        (d.stage, d.values, d.coming, d.playing) for d in before.decks
    ]
    assert after.master == before.master


def send_all(show: Show, command: do.Command, count: int) -> None:
    for _ in range(count):
        show.engine.send(command)


def test_more_than_there_is_room_for_is_refused_by_name(show):
    far = show.now + 100 * RATE_HZ
    change = do.ScheduleControl(far, 0, "density", 8.0)
    for _ in range(at.RING_SCHEDULE_SLOTS - 1):
        show.engine.send(change)
    # The process takes some of them into a list of its own, which is as long.
    with pytest.raises(EngineError, match=r"too many changes wait for their time; got deck 1\.density"):
        send_all(show, change, 2 * at.RING_SCHEDULE_SLOTS)
    # A fresh process has room again.
    number = show.engine.send(do.Load(0, "tiny"))
    show.until(lambda s: s.decks[0].playing == number)
    show.engine.send(do.ScheduleControl(show.now + 100, 0, "density", 8.0))


def test_an_engine_that_was_not_started_is_told_so():
    with pytest.raises(StageError, match="has not been started"):
        Engine(EngineConfig(device="null")).send(do.Panic())
