import pytest

from realtime.midi.event import ControlEvent, Kind, NoteEvent, Source
from realtime.midi.learn import ENOUGH, HEARD, LEARN_RULES, LIMIT_S, QUIET_S, Learn, Wish
from realtime.midi.mapping import Binding
from realtime.midi.source_pattern import exactly

PORT = "MPK mini 3"


def cc(raw: int, number: int = 70, kind: Kind = "cc", top: int = 127) -> ControlEvent:
    return ControlEvent(Source(PORT, 1, kind, number), raw / top, raw, top, 0)


def note(number: int = 36, on: bool = True, member: int = 0) -> NoteEvent:
    return NoteEvent(Source(PORT, 10, "note", number), on, 0.8, 100, 0, member=member)


def learned(events: list[ControlEvent | NoteEvent], address: str = "/master/gain", **wish: object) -> Binding:
    """What is bound when a hand does this and then stops."""
    learn = Learn()
    learn.arm(Wish(address, **wish), 0.0)  # type: ignore[arg-type]
    for event in events:
        found = learn.hear(event, 1.0)
        if found is not None:
            return found
    assert learn.settle(1.0 + QUIET_S / 2) is None
    found = learn.settle(1.0 + QUIET_S)
    assert found is not None
    assert learn.wish is None
    return found


def test_a_note_is_bound_at_once() -> None:
    assert learned([note()], "/deck/1/freeze") == Binding(exactly(note().source), "/deck/1/freeze", "toggle")
    assert learned([note()], "/deck/1/class/bees").action == "select"
    assert learned([note()], "/deck/1/class/@2").action == "select"
    assert learned([note()], "/panic").action == "trigger"


def test_a_note_that_is_let_go_is_not_meant() -> None:
    assert learned([note(40, on=False), cc(3), cc(4)]).source.kind == "cc"


def test_a_knob() -> None:
    assert learned([cc(raw) for raw in (64, 65, 66)]) == Binding(exactly(cc(0).source), "/master/gain")
    assert learned([cc(64)]).action == "follow"
    assert learned([cc(1), cc(2), cc(3), cc(2), cc(1)]).mode == "absolute"


def test_the_knob_that_travelled_farthest_is_meant() -> None:
    jitter = [cc(64 + step % 2, 20) for step in range(8)]
    turn = [cc(10 * step, 21) for step in range(5)]
    assert learned([event for pair in zip(jitter, turn, strict=False) for event in pair]).source.low == 21


def test_endless_jitter_does_not_keep_learning_open() -> None:
    learn = Learn()
    learn.arm(Wish("/master/gain"), 0.0)
    found = [learn.hear(cc(64 + step % 2, step % 16), 1.0) for step in range(HEARD)]
    assert found[-1] is not None
    assert found[:-1] == [None] * (HEARD - 1)


def test_one_control_is_enough_events() -> None:
    learn = Learn()
    learn.arm(Wish("/master/gain"), 0.0)
    found = [learn.hear(cc(step), 1.0) for step in range(ENOUGH)]
    assert found[-1] == Binding(exactly(cc(0).source), "/master/gain")
    assert learn.hear(cc(5), 1.0) is None


@pytest.mark.parametrize("halves", [(1, 33), (33, 1)])
def test_a_pair_is_bound_as_one(halves: tuple[int, int]) -> None:
    events = [cc(raw, 1, "cc14", 16_383) for raw in (100, 300, 700)]
    parts = [cc(raw % 128, number) for raw in (100, 300, 700) for number in halves]
    assert learned([*parts, *events]).source.text == "cc14 1"


@pytest.mark.parametrize(("kind", "top"), [("nrpn", 16_383), ("rpn", 16_383), ("bend", 16_383), ("pressure", 127)])
def test_other_controls(kind: Kind, top: int) -> None:
    assert learned([cc(raw, 0, kind, top) for raw in (10, 20)]) == Binding(exactly(Source(PORT, 1, kind, 0)), "/master/gain")


def test_data_increments() -> None:
    step = ControlEvent(Source(PORT, 1, "nrpn", 300), None, 1, 127, 0, step=1)
    assert learned([step, step]).source.text == "nrpn 300"


@pytest.mark.parametrize("raws", [(127,), (127, 0), (0, 127), (127, 0, 127, 0)])
def test_a_button(raws: tuple[int, ...]) -> None:
    assert learned([cc(raw) for raw in raws], "/deck/1/freeze").action == "toggle"
    assert learned([cc(raw) for raw in raws], "/deck/1/class/bees").action == "select"
    assert learned([cc(raw) for raw in raws], "/panic").action == "trigger"


ENCODERS = {
    (1, 1, 1, 2, 3, 2, 1): "twos_complement",
    (127, 127, 127): "twos_complement",
    (1, 1, 1, 127, 127, 126): "twos_complement",
    (65, 65, 66, 65, 65, 63, 63): "binary_offset",
    (63, 63, 63): "binary_offset",
    (65, 65, 65): "binary_offset",
    (1, 1, 2, 1, 65, 65, 66): "sign_magnitude",
    (64, 64, 64): "absolute",
    (0, 0, 0): "absolute",
    (1, 1, 1, 127, 0, 5): "absolute",
    (90, 90, 90): "absolute",
}


@pytest.mark.parametrize("raws", sorted(ENCODERS))
def test_encoders(raws: tuple[int, ...]) -> None:
    binding = learned([cc(raw) for raw in raws])
    assert binding.mode == ENCODERS[raws]
    assert binding.action == "follow"


def test_an_encoder_wins_over_jitter() -> None:
    assert learned([cc(64, 20), cc(65, 20), cc(1, 21), cc(1, 21), cc(1, 21)]).source.low == 21


def test_mpe_fingers() -> None:
    touch = [cc(0, 0, "mpe_pressure"), cc(64, 0, "mpe_slide"), cc(8192, 0, "mpe_bend", 16_383), note(60, member=3)]
    assert learned(touch).source.text == "note 60"
    assert learned([*touch, *(cc(64 + step, 0, "mpe_slide") for step in range(30))]).source.kind == "mpe_slide"
    assert learned([*touch, cc(64, 0, "mpe_slide"), cc(60, 0, "mpe_pressure")]).source.kind == "mpe_pressure"


def test_range_and_curve() -> None:
    assert learned([cc(3)], minimum=-40.0, maximum=0.0, curve="exponential") == Binding(
        exactly(cc(0).source), "/master/gain", minimum=-40.0, maximum=0.0, curve="exponential"
    )
    turned = learned([cc(3)], minimum=0.0, maximum=-40.0)
    assert (turned.minimum, turned.maximum, turned.invert) == (-40.0, 0.0, True)


def test_learning_ends_by_itself_and_by_hand() -> None:
    learn = Learn()
    assert learn.hear(cc(1), 0.0) is None
    assert learn.settle(0.0) is None
    learn.arm(Wish("/master/gain"), 0.0)
    assert learn.settle(LIMIT_S - 0.1) is None
    assert learn.wish is not None
    assert learn.settle(LIMIT_S) is None
    assert learn.wish is None
    learn.arm(Wish("/master/gain"), 0.0)
    assert learn.cancel() == Wish("/master/gain")
    assert learn.cancel() is None
    assert learn.hear(cc(1), 0.0) is None


def test_a_second_wish_takes_the_place_of_the_first() -> None:
    learn = Learn()
    learn.arm(Wish("/master/gain"), 0.0)
    learn.hear(cc(1, 20), 0.0)
    learn.arm(Wish("/deck/1/pan"), 0.0)
    learn.hear(cc(1, 21), 0.0)
    found = learn.settle(1.0)
    assert found is not None
    assert (found.source.low, found.address) == (21, "/deck/1/pan")


def test_rules_are_sentences_for_people() -> None:
    assert all(heard and comes for heard, comes in LEARN_RULES)
