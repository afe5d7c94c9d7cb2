"""The mapper on the real control core and an in-memory stage."""

import threading
from pathlib import Path
from time import sleep

import pytest

from realtime.control.outcome import Origin, Outcome
from realtime.midi.event import ClockEvent, ControlEvent, Kind, NoteEvent, PanicEvent, ProgramEvent, Source
from realtime.midi.frames import Frame, FrameKind
from realtime.midi.learn import LIMIT_S, QUIET_S
from realtime.midi.mapper import MidiMapper
from realtime.midi.mapping import Binding, Mapping
from realtime.midi.mapping_file import read_mapping, ready_mapping
from realtime.midi.ports import MidiPorts, ZoneSetting
from realtime.midi.service import describe, serve_midi
from realtime.midi.source_pattern import parse_source
from realtime.midi.zones import Zone
from tests.memory_stage import MemoryCore, memory_core

PORT = "MPK mini 3"


def reads(core: MemoryCore, path: str, value: str) -> bool:
    """Whether a value that is held elsewhere is read soon: the core looks at those a few dozen times a second."""
    for _ in range(500):
        if core.read(path) == (value,):
            return True
        sleep(0.01)
    return False


class Rig:
    """A controller on the table, and a stage."""

    def __init__(self, core: MemoryCore, mapping: Mapping) -> None:
        self.core = core
        self.now_s = 10.0
        self.ports = {PORT: True}
        self.sent: list[tuple[str, bytes]] = []
        self.told: list[Outcome] = []
        self.mapper = MidiMapper(core, core.log, self._send, lambda: self.ports, mapping, lambda: self.now_s)
        serve_midi(core, self.mapper)

    def _send(self, port: str, message: bytes) -> bool:
        self.sent.append((port, message))
        return True

    def cc(self, *raws: int, number: int = 70, kind: Kind = "cc", top: int = 127) -> None:
        for raw in raws:
            self.mapper.handle(ControlEvent(Source(PORT, 1, kind, number), raw / top, raw, top, 0))

    def note(self, number: int = 36, *, on: bool = True, channel: int = 10) -> None:
        self.mapper.handle(NoteEvent(Source(PORT, channel, "note", number), on, 1.0, 127, 0))

    def ask(self, path: str, *arguments: float | int | str) -> Outcome | None:
        """What the core says at once."""
        told: list[Outcome] = []
        self.core.request(path, arguments, Origin("osc", "test", lambda outcome: (told.append(outcome), self.told.append(outcome))[0]))
        return told[0] if told else None

    def value(self, path: str) -> float:
        values = self.core.read(path)
        assert values is not None
        return float(values[0])

    def look(self, after_s: float = 1.0) -> list[bytes]:
        self.now_s += after_s
        self.sent.clear()
        self.mapper.look()
        return [message for _, message in self.sent]

    def log(self) -> str:
        return "\n".join(line.text for line in self.core.log.lines() if line.channel == "midi")


@pytest.fixture
def core() -> MemoryCore:
    return memory_core(("tiny", "wide"))


def rig(core: MemoryCore, *bindings: tuple[object, ...] | Binding, **rules: object) -> Rig:
    made = [b if isinstance(b, Binding) else Binding(parse_source(str(b[0])), *b[1:]) for b in bindings]  # type: ignore[arg-type]
    return Rig(core, Mapping(tuple(made), **rules))  # type: ignore[arg-type]


def test_a_knob_moves_a_value(core: MemoryCore) -> None:
    table = rig(core, ("cc 70", "/deck/1/pan"), takeover="off")
    table.cc(127)
    assert table.value("/deck/1/pan") == 1.0
    table.cc(0)
    assert table.value("/deck/1/pan") == -1.0


def test_soft_takeover_across_a_patch_change(core: MemoryCore) -> None:
    """The knob stands high, the new patch brings its own value: it must not jump, also not at the first touch."""
    table = rig(core, ("cc 70", "/deck/1/param/continuity"))
    table.cc(100, 80, 64, 90, 110)
    assert table.value("/deck/1/param/continuity") == pytest.approx(110 / 127, abs=1e-4)
    table.ask("/deck/1/load", "wide")
    core.turn()
    assert table.value("/deck/1/param/continuity") == 0.5
    table.cc(112, 120, 100, 70)
    assert table.value("/deck/1/param/continuity") == 0.5
    waits = ("cc 70, channel 1, MPK mini 3", "/deck/1/param/continuity", pytest.approx(0.5 - 70 / 127))
    asked = table.ask("/midi/waiting")
    assert asked is not None
    assert (asked.state, asked.reply, asked.values) == ("answer", "/midi/waiting.reply", waits)
    table.ports = {}
    assert core.read("/midi/waiting") == (), "a controller that is gone cannot be turned"
    table.ports = {PORT: True}
    table.cc(62, 90)
    assert table.value("/deck/1/param/continuity") == pytest.approx(90 / 127, abs=1e-4)
    assert core.read("/midi/waiting") == ()


def test_takeover_is_a_value_of_the_stage(core: MemoryCore) -> None:
    table = rig(core, ("cc 70", "/deck/1/pan"))
    assert reads(core, "/midi/takeover", "pickup")
    table.cc(127)
    assert table.value("/deck/1/pan") == 0.0
    table.ask("/midi/takeover", "off")
    assert reads(core, "/midi/takeover", "off")
    table.cc(126)
    assert table.value("/deck/1/pan") == pytest.approx(62 / 63)
    assert table.mapper.mapping.takeover == "off"
    refused = table.ask("/midi/takeover", "grab")
    assert refused is not None
    assert refused.state == "failed"


def test_learn(core: MemoryCore) -> None:
    table = rig(core, ("cc 70", "/deck/1/pan"), takeover="off")
    armed = table.ask("/midi/learn", "/master/gain", -40.0, 0.0)
    assert armed is not None
    assert armed.state == "done"
    table.cc(64, 65, 66)
    assert (table.value("/deck/1/pan"), table.value("/master/gain")) == (0.0, 0.0), "what is learned moves nothing yet"
    table.look(QUIET_S)
    learned = table.told[-1]
    assert (learned.state, learned.reply) == ("answer", "/midi/learn.reply")
    assert learned.values == ("/master/gain", f"cc 70, channel 1, {PORT}", "follow", "cc 70 from /deck/1/pan")
    assert f"learned cc 70, channel 1, {PORT}: follow /master/gain; taken away: cc 70 from /deck/1/pan" in table.log()
    table.cc(127, 0)
    assert table.value("/master/gain") == -40.0
    assert core.read("/midi/map") == (f"cc 70, channel 1, {PORT}", "/master/gain")


@pytest.mark.parametrize(
    ("stands", "turned", "follows"),
    [
        # Class off, knob at zero, turned up: what anybody does first.
        (0.0, (0, 30, 60), True),
        (0.5, (64, 80, 90), True),
        (0.5, (20, 60, 90), True),
        (0.5, (1, 10, 30), False),
        (0.0, (20, 40, 60), False),
    ],
)
def test_a_knob_that_reached_the_value_while_it_was_learned_has_picked_it_up(
    core: MemoryCore, stands: float, turned: tuple[int, ...], follows: bool
) -> None:
    table = rig(core, takeover="pickup")
    table.ask("/deck/1/freeze", stands)
    table.ask("/midi/learn", "/deck/1/freeze")
    table.cc(*turned)
    table.look(QUIET_S)
    assert table.value("/deck/1/freeze") == stands
    # Where it still has to go is seen at once, not only when it is moved again.
    assert bool(table.mapper.waiting()) is not follows
    table.cc(turned[-1] + 1)
    assert table.value("/deck/1/freeze") == pytest.approx((turned[-1] + 1) / 127 if follows else stands, abs=1e-6)


def test_a_value_that_was_changed_since_its_knob_was_learned_has_to_be_picked_up(core: MemoryCore) -> None:
    table = rig(core, takeover="pickup")
    table.ask("/midi/learn", "/deck/1/freeze")
    table.cc(0, 30, 60)
    table.look(QUIET_S)
    table.ask("/deck/1/freeze", 0.9)
    table.cc(61)
    assert table.value("/deck/1/freeze") == pytest.approx(0.9)
    table.cc(120)
    assert table.value("/deck/1/freeze") == pytest.approx(120 / 127)


def test_a_gate_that_is_held_while_learning_closes(core: MemoryCore) -> None:
    table = rig(core, ("note 36", "/deck/1/freeze", "momentary"))
    table.note(36)
    table.ask("/midi/learn", "/master/gain")
    table.note(36, on=False)
    assert table.value("/deck/1/freeze") == 0.0
    assert table.mapper.cancel() is not None


def test_learn_steals_the_address_too(core: MemoryCore) -> None:
    table = rig(core, ("cc 70", "/master/gain"), ("cc 71", "/deck/1/pan"))
    table.ask("/midi/learn", "/master/gain")
    table.note(36)
    assert core.read("/midi/map") == ("cc 71", "/deck/1/pan", f"note 36, channel 10, {PORT}", "/master/gain")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("/deck/1/volume",), "nothing can be there"),
        (("/deck/1/param/nothing",), "no such address now"),
        (("/status",), "a query only answers"),
        (("/scene/recall",), "number of arguments: got 0"),
        (("/master/gain", 3.0, 3.0), "the same"),
        (("/master/gain", float("nan")), "minimum: got nan"),
        (("/master/gain", 0.0, 1.0, "wavy"), "allowed: linear, exponential"),
    ],
)
def test_what_cannot_be_learned_is_refused(core: MemoryCore, arguments: tuple[float | str, ...], why: str) -> None:
    table = rig(core)
    refused = table.ask("/midi/learn", *arguments)
    assert refused is not None
    assert refused.state == "failed"
    assert why in refused.why
    assert table.mapper.cancel() is None


def test_learn_is_cancelled_or_given_up(core: MemoryCore) -> None:
    table = rig(core, ("cc 70", "/deck/1/pan"), takeover="off")
    table.ask("/midi/learn", "/master/gain")
    cancelled = table.ask("/midi/learn/cancel")
    assert cancelled is not None
    assert cancelled.values == ("/master/gain",)
    table.cc(127)
    assert table.value("/deck/1/pan") == 1.0
    table.ask("/midi/learn", "/master/gain")
    table.look(LIMIT_S)
    assert "learning /master/gain ended: no control was moved" in table.log()


def test_unlearn(core: MemoryCore) -> None:
    table = rig(core, ("cc 70", "/deck/1/param/@1"), ("cc 71", "/deck/1/pan"), ("cc 72", "/deck/1/pan"))
    done = table.ask("/midi/unlearn", "/deck/1/pan")
    assert done is not None
    assert done.values == ("/deck/1/pan", "cc 71", "cc 72")
    done = table.ask("/midi/unlearn", "/deck/1/param/loudness")
    assert done is not None
    assert done.values == ("/deck/1/param/loudness", "cc 70")
    refused = table.ask("/midi/unlearn", "/deck/1/pan")
    assert refused is not None
    assert "no control moves this address" in refused.why


def test_save_and_load(core: MemoryCore, tmp_path: Path) -> None:
    table = rig(core, ("cc 70", "/deck/1/pan"))
    table.ask("/midi/takeover", "scale")
    path = tmp_path / "mapping.toml"
    table.ask("/midi/save", str(path))
    core.turn()
    assert table.told[-1].state == "done"
    assert read_mapping(path) == Mapping((Binding(parse_source("cc 70"), "/deck/1/pan"),), takeover="scale")
    table.ask("/midi/load", "eight-knobs-eight-pads")
    core.turn()
    assert table.mapper.mapping == ready_mapping()
    assert reads(core, "/midi/takeover", "pickup")
    table.ask("/midi/load", str(tmp_path / "none.toml"))
    core.turn()
    assert table.told[-1].state == "failed"
    assert "cannot be read" in table.told[-1].why
    assert table.mapper.mapping == ready_mapping(), "a mapping that cannot be read leaves the old one"
    table.ask("/midi/load", str(path))
    core.turn()
    assert reads(core, "/midi/takeover", "scale")


def test_the_map_tells_what_sleeps(core: MemoryCore) -> None:
    rig(core, ("cc 70", "/deck/1/param/nothing_here"), ("cc 71", "/deck/1/param/@1"))
    assert core.read("/midi/map") == ("cc 70", "/deck/1/param/nothing_here (asleep)", "cc 71", "/deck/1/param/loudness")


def test_ports_and_the_last_message(core: MemoryCore) -> None:
    table = rig(core)
    assert core.read("/midi/ports") == (PORT,)
    assert core.read("/midi/report") == ()
    table.cc(5)
    table.mapper.handle(ClockEvent(Source(PORT, 0, "clock"), "tick", 0.0, True, 120.0, 0))
    assert core.read("/midi/report") == (PORT, "channel 1 cc 70 5 of 127")


def test_events_in_words() -> None:
    one = Source("p", 1, "nrpn", 300)
    assert describe(ControlEvent(one, None, 1, 127, 0, step=-1)) == "channel 1 nrpn 300 -1"
    assert describe(NoteEvent(Source("p", 10, "note", 36), False, 0.5, 64, 0)) == "channel 10 note 36 off 64"
    assert describe(ProgramEvent(Source("p", 2, "program"), 128, 3, 0)) == "channel 2 program 3 of bank 128"
    assert describe(PanicEvent(Source("p", 1, "panic"), "all_sound_off", 0)) == "channel 1 all_sound_off"
    assert describe(ClockEvent(Source("p", 0, "clock"), "tick", 0.0, True, 120.0, 0)) == "tick"


def test_panic_and_a_note_that_opens_the_sound_again(core: MemoryCore) -> None:
    table = rig(core, ("note 36", "/deck/1/freeze", "momentary"), ("note 43", "/panic", "trigger"))
    for panic in (
        lambda: table.mapper.handle(PanicEvent(Source(PORT, 1, "panic"), "all_notes_off", 0)),
        lambda: table.note(43),
    ):
        table.note(36)
        assert table.value("/deck/1/freeze") == 1.0
        panic()
        assert core.stage.snapshot().panicked
        table.note(99)
        table.cc(5)
        assert core.stage.snapshot().panicked, "only a note that does something is to be heard"
        table.note(36, on=False)
        assert table.value("/deck/1/freeze") == 0.0
        table.note(36)
        assert not core.stage.snapshot().panicked
        table.note(36, on=False)


def test_program_changes(core: MemoryCore) -> None:
    table = rig(core)
    asked: list[tuple[object, ...]] = []
    core.serve("/deck/{deck}/patch/program", lambda address, values, origin: asked.append((address.path, *values)) or ())
    core.serve("/scene/list", lambda address, values, origin: ("verse", "bridge"))
    core.serve("/scene/recall", lambda address, values, origin: asked.append((address.path, *values)) or ())
    for channel, bank, program in ((1, 0, 4), (2, 0, 5), (1, 1, 1), (1, 1, 9)):
        table.mapper.handle(ProgramEvent(Source(PORT, channel, "program"), bank, program, 0))
        core.turn()
    assert asked == [("/deck/1/patch/program", 4), ("/deck/2/patch/program", 5), ("/scene/recall", "bridge")]
    assert "program 9 of bank 1: there are 2 scenes" in table.log()


def test_what_is_refused_is_said_once(core: MemoryCore) -> None:
    table = rig(core, Binding(parse_source("note 36"), "/scene/recall", "trigger", arguments=("nowhere",)))
    for _ in range(50):
        table.note(36)
        table.note(36, on=False)
    core.turn()
    assert table.log().count("/scene/recall") == 1


def test_feedback_goes_out_of_the_port_the_control_is_on(core: MemoryCore) -> None:
    fader = Binding(parse_source("cc 7", 1, PORT), "/deck/1/pan")
    table = rig(core, fader, feedback="move")
    assert table.look() == [b"\xb0\x07\x40"]
    table.cc(127, number=7)
    assert table.value("/deck/1/pan") == 1.0
    assert table.look() == []
    table.ask("/deck/1/pan", -1.0)
    assert table.look() == [b"\xb0\x07\x00"]
    table.ports = {PORT: False}
    table.ask("/deck/1/pan", 0.0)
    assert table.look() == []
    table.ports = {PORT: True}
    assert table.look() == [b"\xb0\x07\x40"]


def test_a_knob_turned_on_at_once_from_where_its_ring_was_set(core: MemoryCore) -> None:
    """Its first message is what it was just sent, which could be a wire that leads back; the next one goes on from there."""
    made = rig(core, Binding(parse_source("cc 70", 1, PORT), "/deck/1/pan"), feedback="show")
    made.mapper.look()
    made.ask("/deck/1/pan", 1.0)
    made.mapper.look()
    assert made.sent[-1] == (PORT, b"\xb0\x46\x7f")
    made.cc(127)
    assert core.read("/deck/1/pan") == (1.0,)
    made.cc(110)
    assert core.read("/deck/1/pan") == pytest.approx((46 / 63,), abs=1e-3)


def test_feedback_follows_a_patch_change(core: MemoryCore) -> None:
    table = rig(core, Binding(parse_source("cc 7", 1, PORT), "/deck/1/param/continuity"), takeover="off")
    assert table.look() == [b"\xb0\x07\x40"]
    table.cc(127, number=7)
    assert table.look() == []
    table.ask("/deck/1/load", "wide")
    core.turn()
    assert table.look() == [b"\xb0\x07\x40"]


def test_ports_that_come_back_at_once_are_shown_everything(core: MemoryCore) -> None:
    """A scan that finds a controller gone and there again, as on ALSA, where its number changes: no look sees it gone."""
    table = rig(core, Binding(parse_source("cc 7", 1, PORT), "/deck/1/pan"))
    ports = MidiPorts(core.log, table.mapper.handle, plugged=table.mapper.plugged)
    table.mapper.ports = lambda: ports.ports
    name = PORT.encode()

    def plug(number: int) -> None:
        ports.take(Frame(FrameKind.OPENED, number, data=name))
        ports.take(Frame(FrameKind.OUTPUTS, data=name))

    plug(1)
    assert table.look() == [b"\xb0\x07\x40"]
    ports.take(Frame(FrameKind.GONE, 1, data=name))
    plug(2)
    assert table.look() == [b"\xb0\x07\x40"]
    ports.take(Frame(FrameKind.OUTPUTS, data=name))
    assert table.look() == []


def test_the_middle_comes_back_as_it_was_sent_and_no_loop_begins(core: MemoryCore) -> None:
    """A motor fader on every step of a value around 0: what it set is what it would be sent, and what it is sent sets what was asked."""
    table = rig(core, Binding(parse_source("cc 7", 1, PORT), "/deck/1/pan"), feedback="move")
    assert table.look() == [b"\xb0\x07\x40"]
    for raw in range(128):
        table.cc(raw, number=7)
        assert table.look() == [], raw
    table.cc(64, number=7)
    assert table.value("/deck/1/pan") == 0.0
    assert table.look() == []
    for step in range(-20, 21):
        table.ask("/deck/1/pan", step / 20)
        (sent,) = table.look()
        asked = table.value("/deck/1/pan")
        # The motor says where it arrived: nothing moves, nothing is sent again.
        table.cc(sent[2], number=7)
        assert table.value("/deck/1/pan") == pytest.approx(asked, abs=0.5 / 63)
        assert table.look() == []


def test_a_controller_replugged_between_two_looks_is_told_everything_and_holds_nothing(core: MemoryCore) -> None:
    table = rig(core, Binding(parse_source("cc 7", 1, PORT), "/deck/1/pan"), ("cc 20", "/deck/1/freeze", "momentary"))
    assert table.look() == [b"\xb0\x07\x40"]
    table.cc(127, number=20)
    assert table.value("/deck/1/freeze") == 1.0
    assert table.look() == []
    table.mapper.plugged(PORT)
    assert table.value("/deck/1/freeze") == 0.0
    assert table.look() == [b"\xb0\x07\x40", b"\xb0\x14\x00"]


def test_a_controller_unplugged_while_a_pad_is_held(core: MemoryCore) -> None:
    table = rig(core, ("note 36", "/deck/1/freeze", "momentary"))
    table.look()
    table.note(36)
    table.ports = {}
    table.look()
    assert table.value("/deck/1/freeze") == 0.0


def test_a_thread_looks_after_feedback(core: MemoryCore) -> None:
    table = rig(core, Binding(parse_source("cc 7", 1, PORT), "/deck/1/pan"))
    table.mapper.start()
    for _ in range(500):
        if table.sent:
            break
        sleep(0.01)
    table.mapper.close()
    assert table.sent == [(PORT, b"\xb0\x07\x40")]
    table.mapper.close()


def test_zones_of_a_mapping_are_told_to_the_ports(core: MemoryCore) -> None:
    told: list[tuple[ZoneSetting, ...]] = []
    mapper = MidiMapper(core, core.log, mapping=Mapping(zones=(Zone(1, 15, "Seaboard"),)), set_zones=told.append)
    mapper.start()
    mapper.use(Mapping())
    mapper.close()
    assert told == [(ZoneSetting("*Seaboard*", 1, 15),), ()]


def test_knobs_messages_and_feedback_at_once_never_wait_for_each_other(core: MemoryCore) -> None:
    """Three threads with both locks between them, in either order: none may be left waiting."""
    table = rig(
        core, *((f"cc {number}", "/deck/1/pan") for number in range(8)), ("note 36", "/midi/learn/cancel", "trigger"), takeover="off"
    )

    def turn() -> None:
        for step in range(2000):
            table.cc(step % 128, number=step % 8)
            table.note(on=step % 2 == 0)

    def ask() -> None:
        for step in range(500):
            table.ask("/midi/learn", "/master/gain")
            table.ask("/midi/learn/cancel")
            table.ask("/midi/takeover", ("off", "scale")[step % 2])
            table.ask("/deck/1/pan", 0.5)
            core.read("/midi/map")

    def look() -> None:
        for _ in range(500):
            table.look(0.01)

    threads = [threading.Thread(target=target, daemon=True) for target in (turn, ask, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert not any(thread.is_alive() for thread in threads)
