"""The control core on a stage in memory: who is told what, in which order, and what changes nothing."""

import math
import threading
import time
from dataclasses import replace

import pytest

from realtime import commands as do
from realtime.control import conductor as conductor_module
from realtime.control.conductor import AHEAD_S
from realtime.control.core import MOST_IN_BUNDLE
from realtime.control.outcome import Origin, Outcome
from realtime.errors import EngineError
from tests.memory_stage import RATE_HZ, memory_core

AHEAD = round(AHEAD_S * RATE_HZ)
LIMIT_S = 10.0


class Client:
    """One who asks, and what it is told: the address, the state, and the values or why."""

    def __init__(self, kind: str = "osc") -> None:
        self.core = memory_core(("tiny",))
        self.stage = self.core.stage
        patches = self.stage.patches
        patches["wide"] = replace(patches["wide"], controls=patches["wide"].controls[3:])
        self.outcomes: list[Outcome] = []
        self.origin = Origin(kind, "client", self.outcomes.append)

    def ask(self, path: str, *arguments: object) -> list[Outcome]:
        """Ask and do all that waits."""
        self.put(path, *arguments)
        self.core.turn()
        return self.take()

    def put(self, path: str, *arguments: object) -> None:
        self.core.request(path, arguments, self.origin)

    def take(self) -> list[Outcome]:
        taken = list(self.outcomes)
        self.outcomes.clear()
        return taken

    def sets(self) -> list[tuple[str, float]]:
        """Values that were set, in order."""
        return [(command.control, command.value) for command in self.stage.sent if isinstance(command, do.SetControl)]

    def all_values(self) -> dict[str, tuple[object, ...]]:
        self.core._mirror.refresh(now=True)
        return self.core.changes(0)[1]


@pytest.fixture(name="client")
def _client():
    return Client()


def states(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.path, outcome.state) for outcome in outcomes]


# --- values and commands -------------------------------------------------------------------------------------------------------


def test_a_value_goes_through_at_once_and_nobody_is_told(client):
    client.put("/deck/1/gain", -6)
    assert client.stage.sent == [do.SetControl(0, "gain", -6.0)]
    assert client.core.read("/deck/1/gain") == (-6.0,)
    assert client.outcomes == []


def test_a_clip_is_told_with_what_was_asked_and_what_was_set(client):
    (told,) = client.ask("/deck/1/gain", 99)
    assert (told.state, told.values) == ("clipped", (99, 12.0))
    assert "number -60 to 12 dB" in told.why
    assert client.core.read("/deck/1/gain") == (12.0,)
    told = client.ask("/deck/1/seed", -4)
    assert states(told) == [("/deck/1/seed", "clipped"), ("/deck/1/seed", "done")]
    assert client.stage.sent[-1] == do.Reset(0, 0)


WRONG = [
    ("/deck/1/gain", (math.nan,)),
    ("/deck/1/gain", (math.inf,)),
    ("/deck/1/gain", (-math.inf,)),
    ("/deck/1/gain", (10**400,)),
    ("/deck/1/gain", ("loud",)),
    ("/deck/1/gain", (None,)),
    ("/deck/1/gain", (b"\x00",)),
    ("/deck/1/gain", ()),
    ("/deck/1/gain", (0.0, 0.0)),
    ("/deck/1/param/density", (math.nan,)),
    ("/deck/1/param/colour", (1.0,)),
    ("/deck/3/gain", (0.0,)),
    ("/deck/0/gain", (0.0,)),
    ("/deck/2/param/density", (4.0,)),
    ("/master/pan", (0.0,)),
    ("/deck/1/load", (3,)),
    ("/deck/1/load", ("",)),
    ("/deck/1/load", ("x" * 5_000,)),
    ("/deck/1/load", ("tiny", 1, 2)),
    ("/deck/1/load", ("tiny", 1.5)),
    ("/deck/1/load", ("no-such-patch",)),
    ("/deck/1/mode", (1.5,)),
    ("/deck/1/seed", (math.nan,)),
    ("/deck/1/unload", (1,)),
    ("/deck/{deck}/gain", (0.0,)),
    ("/transport/source", ("sundial",)),
    ("/status", (1,)),
    ("", ()),
    ("/", ()),
    ("//", (1,)),
    ("deck/1/gain", (1.0,)),
    ("/deck/1/gain/", (1.0,)),
    ("/deck/①/gain", (1.0,)),
]


@pytest.mark.parametrize(("path", "arguments"), WRONG, ids=str)
def test_what_cannot_be_is_told_and_changes_nothing(client, path, arguments):
    before, playing = client.all_values(), client.stage.snapshot().decks
    told = client.ask(path, *arguments)
    assert states(told) == [(path, "failed")]
    assert told[0].why
    assert client.all_values() == before
    assert client.stage.snapshot().decks == playing


def test_a_query_is_answered(client):
    (told,) = client.ask("/version")
    assert (told.state, told.reply, told.values[0]) == ("answer", "/version.reply", "starling")
    assert client.core.read("/version") == told.values
    assert client.core.read("/deck/1/load") is None
    assert client.core.read("/no/such") is None


def test_a_row_that_nobody_serves_fails(client):
    assert states(client.ask("/record/start")) == [("/record/start", "failed")]


def test_a_handler_that_breaks_is_told_and_said_once(client):
    client.core.serve("/record/start", lambda address, values, origin: 1 // 0)
    for _ in range(20):
        assert states(client.ask("/record/start")) == [("/record/start", "failed")]
    assert len(client.core.log.lines()) == 1
    assert "ZeroDivisionError" in client.core.log.lines()[0].text


def test_one_who_cannot_be_told_holds_up_nobody(client):
    def gone(outcome: Outcome) -> None:
        raise ConnectionError("the socket is closed")

    client.core.request("/deck/1/load", ("tiny",), Origin("osc", "gone", gone))
    client.core.request("/deck/1/gain", (99,), Origin("osc", "gone", gone))
    assert states(client.ask("/deck/1/load", "tiny")) == [("/deck/1/load", "done")]
    assert "the socket is closed" in client.core.log.lines()[0].text
    assert client.core.read("/deck/1/gain") == (12.0,)


# --- order ---------------------------------------------------------------------------------------------------------------------


def test_values_asked_for_after_a_load_are_for_the_patch_that_comes(client):
    client.put("/deck/1/load", "wide", 5)
    client.put("/deck/1/param/density", 30.0)
    client.put("/deck/1/param/loudness", 1.0)
    client.put("/deck/1/gain", -3.0)
    client.core.turn()
    assert [type(command) for command in client.stage.sent] == [do.Load, do.SetControl, do.SetControl]
    assert client.core.read("/deck/1/param/density") == (30.0,)
    # `wide` has no loudness; the rest is done.
    assert states(client.take()) == [("/deck/1/param/loudness", "failed"), ("/deck/1/load", "done")]


def test_order_is_kept_in_threads_of_its_own_too(client):
    client.core.start()
    done = threading.Event()
    for turn in range(20):
        client.put("/deck/1/load", ("wide", "tiny")[turn % 2])
        for value in range(10):
            client.put("/deck/1/param/density", 1.0 + value)
    client.core.sync(done.set)
    assert done.wait(LIMIT_S)
    client.core.close()
    sent = [command for command in client.stage.sent if isinstance(command, (do.Load, do.SetControl))]
    for begin in range(0, len(sent), 11):
        assert isinstance(sent[begin], do.Load)
        assert [command.value for command in sent[begin + 1 : begin + 11]] == [1.0 + value for value in range(10)]
    assert not [outcome for outcome in client.outcomes if outcome.path.endswith("density")]


def test_a_file_is_written_after_the_load_that_was_asked_for_before(client):
    playing = []
    client.core.serve("/rack/save", lambda *_: playing.append(client.stage.snapshot().decks[0].patch), slow=True)
    client.put("/deck/1/load", "wide")
    client.put("/rack/save", "show.toml")
    client.core.turn()
    assert playing == ["wide"]
    assert ("/rack/save", "done") in states(client.take())


def test_a_slow_file_holds_up_no_value_and_no_load(client):
    go = threading.Event()
    client.core.serve("/rack/save", lambda *_: go.wait(LIMIT_S) and None, slow=True)
    client.core.start()
    client.put("/rack/save", "show.toml")
    done = threading.Event()
    client.core.request("/deck/1/load", ("wide",), Origin("osc", tell=lambda outcome: done.set()))
    client.put("/deck/1/gain", -1.0)
    end = time.monotonic() + LIMIT_S
    while not done.wait(0.01) and time.monotonic() < end:
        client.stage.clock.frame += 2_048
    assert done.is_set()
    assert client.outcomes == []
    go.set()
    client.core.close()
    assert states(client.take()) == [("/rack/save", "done")]


def test_a_load_is_done_only_when_it_sounds(client):
    client.stage.slow.add("wide")
    assert client.ask("/deck/1/load", "wide") == []
    client.core.advance(RATE_HZ // 2)
    assert client.take() == []
    client.stage.finish()
    client.core.advance(2_048)
    (told,) = client.take()
    assert (told.state, told.values) == ("done", ("wide",))


def test_a_superseded_load_is_told_and_so_is_one_that_fails(client):
    client.stage.slow.add("wide")
    client.ask("/deck/1/load", "wide")
    client.ask("/deck/1/load", "wide")
    client.core.advance(2_048)
    (told,) = client.take()
    assert (told.state, told.why) == ("failed", "another patch was asked for meanwhile")
    client.stage.decks[0] = replace(client.stage.decks[0], coming=(), error="corpus.flac is cut short")
    client.core.advance(2_048)
    (told,) = client.take()
    assert (told.state, told.why) == ("failed", "corpus.flac is cut short")


def test_sync_comes_after_all_that_was_asked_for_before(client):
    client.stage.slow.add("wide")
    done = []
    client.put("/deck/1/load", "wide")
    client.core.sync(lambda: done.append("first"))
    client.core.turn()
    client.core.advance(4_096)
    assert done == []
    client.stage.finish()
    client.core.advance(2_048)
    assert done == ["first"]
    client.core.sync(lambda: done.append("second"))
    client.core.turn()
    assert done == ["first", "second"]


def test_a_sync_that_breaks_is_said_and_stops_no_other(client):
    done = []
    client.core.sync(lambda: 1 // 0)
    client.core.sync(lambda: done.append("second"))
    client.core.turn()
    assert done == ["second"]
    assert "could not be told" in client.core.log.lines()[0].text


def test_too_much_that_waits_is_told(client, monkeypatch):
    monkeypatch.setattr("realtime.control.clerk.MOST_WAITING", 2)
    for _ in range(4):
        client.put("/deck/1/load", "tiny")
    assert [outcome.why for outcome in client.take()] == ["too much is waiting to be done; send less"] * 2


# --- the frame clock -----------------------------------------------------------------------------------------------------------


def test_a_bundle_is_handed_over_early_and_noted_at_its_frame(client):
    frame = RATE_HZ
    assert client.core.schedule(frame, [("/deck/1/gain", (-6.0,)), ("/deck/1/param/density", (20.0,))], client.origin)
    client.core.advance(frame - AHEAD - 256)
    assert client.stage.sent == []
    client.core.advance(512)
    assert client.stage.sent == [do.ScheduleControl(frame, 0, "gain", -6.0), do.ScheduleControl(frame, 0, "density", 20.0)]
    assert client.core.read("/deck/1/gain") == (0.0,)
    client.core.advance(AHEAD)
    assert client.stage.sent[2:] == [do.SettleControl(0, "gain", -6.0), do.SettleControl(0, "density", 20.0)]
    client.core._mirror.refresh(now=True)
    assert client.core.read("/deck/1/gain") == (-6.0,)
    assert client.take() == []


def test_late_bundles_are_done_at_once(client):
    client.core.advance(RATE_HZ)
    client.core.schedule(100, [("/deck/1/gain", (-6.0,))], client.origin)
    assert client.stage.sent == [do.SetControl(0, "gain", -6.0)]


def test_what_is_wrong_in_a_bundle_is_told_at_its_time_and_the_rest_is_done(client):
    messages = [("/deck/1/gain", (99.0,)), ("/deck/1/pan", (math.nan,)), ("/no/such", ()), ("/deck/1/mute", (1,)), ("/version", ())]
    client.core.schedule(RATE_HZ, messages, client.origin)
    client.core.advance(RATE_HZ - 512)
    assert client.take() == []
    client.core.advance(1_024)
    assert states(client.take()) == [
        ("/deck/1/gain", "clipped"), ("/deck/1/pan", "failed"), ("/no/such", "failed"), ("/version", "answer"),
    ]  # fmt: skip
    client.core._mirror.refresh(now=True)
    assert [client.core.read(f"/deck/1/{name}") for name in ("gain", "pan", "mute")] == [(12.0,), (0.0,), (1.0,)]


def test_what_there_is_no_room_for_is_told_and_never_done(client, monkeypatch):
    monkeypatch.setattr(conductor_module, "MOST_WAITING", 2)
    taken = [client.core.schedule(RATE_HZ, [("/deck/1/gain", (-float(n),))], client.origin) for n in range(4)]
    assert taken == [True, True, False, False]
    assert [outcome.why for outcome in client.take()] == ["too much is scheduled already; send it later"] * 2
    client.core.advance(RATE_HZ + 256)
    assert [c.value for c in client.stage.sent if isinstance(c, do.ScheduleControl)] == [-0.0, -1.0]
    client.core._mirror.refresh(now=True)
    assert client.core.read("/deck/1/gain") == (-1.0,)
    too_long = [("/deck/1/gain", (0.0,))] * (MOST_IN_BUNDLE + 1)
    assert not client.core.schedule(3 * RATE_HZ, too_long, Origin("osc"))


def test_a_value_the_stage_has_no_room_for_is_set_at_its_time(client):
    send = client.stage.send

    def full(command: do.Command) -> int:
        if isinstance(command, do.ScheduleControl):
            raise EngineError("too many changes wait for their time")
        return send(command)

    client.stage.send = full
    client.core.schedule(RATE_HZ, [("/deck/1/gain", (-6.0,))], client.origin)
    client.core.advance(RATE_HZ + 256)
    assert client.core.read("/deck/1/gain") == (-6.0,)
    assert client.take() == []


def test_what_a_hand_sets_is_not_taken_back_by_automation_that_was_handed_over(client):
    automation = Origin("automation")
    client.core.schedule(RATE_HZ, [("/deck/1/gain", (-6.0,))], automation)
    client.core.advance(RATE_HZ - AHEAD // 2)
    client.put("/deck/1/gain", -20.0)
    assert client.stage.sent[-1] == do.ScheduleControl(RATE_HZ, 0, "gain", -20.0)
    client.core.advance(RATE_HZ)
    client.core._mirror.refresh(now=True)
    assert client.core.read("/deck/1/gain") == (-20.0,)


# --- panic ---------------------------------------------------------------------------------------------------------------------


def test_a_panic_stops_what_goes_on_in_time(client):
    stopped = []

    class Player:
        def tick(self, frame: int) -> int | None:
            return None

        def panic(self) -> None:
            stopped.append(True)

    client.core.tick(Player())
    client.core.schedule(RATE_HZ, [("/deck/1/gain", (-6.0,)), ("/deck/1/unload", ())], client.origin)
    client.core.schedule(2 * RATE_HZ, [("/deck/1/gain", (-9.0,))], client.origin)
    # The first is handed over by now, the second not.
    client.core.advance(RATE_HZ - AHEAD // 2)
    assert states(client.ask("/panic")) == [("/panic", "done")]
    assert stopped == [True]
    assert client.stage.snapshot().panicked
    client.core.advance(3 * RATE_HZ)
    # What was handed over is taken back: it shows and sounds as it did before.
    assert client.sets() == [("gain", 0.0)]
    assert client.core.read("/deck/1/gain") == (0.0,)
    assert client.stage.snapshot().decks[0].patch == "tiny"


def test_what_opens_the_sound_again(client):
    client.ask("/panic")
    for path, arguments in (("/deck/1/gain", (0.0,)), ("/deck/1/reset", ()), ("/deck/1/load", ("none",)), ("/status", ())):
        client.ask(path, *arguments)
        assert client.stage.snapshot().panicked, path
    client.ask("/panic", 0)
    assert not client.stage.snapshot().panicked
    client.ask("/panic", 1)
    client.ask("/deck/2/patch/program", 99)
    assert client.stage.snapshot().panicked


def test_a_load_opens_the_sound_when_it_is_heard_and_not_before(client):
    client.stage.slow.add("wide")
    client.ask("/panic")
    client.ask("/deck/1/load", "wide")
    client.core.advance(RATE_HZ)
    assert client.stage.snapshot().panicked, "what was silenced must not come back while the other patch loads"
    client.stage.finish()
    client.core.advance(2_048)
    assert not client.stage.snapshot().panicked


def test_a_load_from_before_a_panic_does_not_open_the_sound(client):
    client.stage.slow.add("wide")
    client.ask("/deck/1/load", "wide")
    client.put("/deck/2/load", "tiny")
    client.put("/panic")
    assert client.stage.snapshot().panicked, "a panic waits for nothing"
    client.core.turn()
    client.stage.finish()
    client.core.advance(4_096)
    assert client.stage.snapshot().panicked
    assert ("/deck/1/load", "done") in states(client.take())


# --- what there is -------------------------------------------------------------------------------------------------------------


def test_addresses_and_edition_follow_the_patches(client):
    addresses, edition = client.core.addresses(), client.core.edition
    assert client.core.addresses() is addresses
    client.ask("/deck/2/load", "wide")
    assert client.core.edition > edition
    assert "/deck/2/param/density" in client.core.addresses()
    assert client.core.deck_of("/deck/2/load") == 1
    assert client.core.spot("/deck/2/param/density").deck == 1
    with pytest.raises(KeyError):
        client.core.deck_of("/master/gain")


def test_many_threads_ask_at_once_and_the_last_value_is_shown(client):
    client.core.start()

    def shout(deck: int) -> None:
        for turn in range(300):
            client.put(f"/deck/{deck}/gain", -float(turn % 60))
            client.put("/deck/1/load", "tiny") if turn % 100 == 0 else client.put(f"/deck/{deck}/pan", 0.5)

    threads = [threading.Thread(target=shout, args=(deck,)) for deck in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    done = threading.Event()
    client.core.sync(done.set)
    assert done.wait(LIMIT_S)
    client.core.close()
    assert client.all_values()["/deck/1/gain"] == client.all_values()["/deck/2/gain"] == (-59.0,)
    assert not client.core.log.lines()


def test_a_row_that_loads_several_decks_is_done_when_all_of_them_sound(client):
    stage = client.stage
    stage.slow.add("wide")

    def load(address, values, origin):
        return {deck: stage.send(do.Load(deck, "wide")) for deck in (0, 1)}

    client.core.serve("/rack/load", load)
    # In its place among the loads: what comes behind it is done after it.
    client.core.panic(True)
    client.put("/rack/load", "a.toml")
    client.put("/deck/2/gain", -6.0)
    client.core.advance(4_096)
    assert (client.take(), stage.decks[1].stage[0]) == ([], -6.0)
    assert [type(command) for command in stage.sent] == [do.Panic, do.Load, do.Load, do.SetControl]
    stage.decks[0] = replace(stage.decks[0], state="failed", coming=(), error="no model")
    stage.finish()
    client.core.advance(4_096)
    assert client.take() == [Outcome("/rack/load", "failed", ("a.toml",), "deck 1: no model")]
    assert not stage.panicked
    client.put("/rack/load", "a.toml")
    client.core.turn()
    stage.finish()
    client.core.advance(4_096)
    assert client.take() == [Outcome("/rack/load", "done", ("a.toml",))]
