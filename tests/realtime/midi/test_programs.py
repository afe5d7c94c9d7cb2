import pytest

from realtime.control.namespace import Namespace
from realtime.midi.event import ProgramEvent, Source
from realtime.midi.programs import ProgramRule, asked_for
from realtime.midi.source_pattern import MappingError

ADDRESSES = Namespace([None, None]).addresses
SCENES = ("verse", "bridge")


def program(number: int, bank: int = 0, channel: int = 1, port: str = "pedal") -> ProgramEvent:
    return ProgramEvent(Source(port, channel, "program"), bank, number, 0)


def test_bank_0_counts_patches_of_the_deck_of_the_channel() -> None:
    assert asked_for(program(3), (), ADDRESSES, SCENES) == ("/deck/1/patch/program", (3,))
    assert asked_for(program(3, channel=2), (), ADDRESSES, SCENES) == ("/deck/2/patch/program", (3,))
    assert asked_for(program(3, channel=10), (), ADDRESSES, SCENES) == ("/deck/1/patch/program", (3,))


@pytest.mark.parametrize("bank", [1, 128])
def test_bank_1_counts_scenes(bank: int) -> None:
    assert asked_for(program(1, bank), (), ADDRESSES, SCENES) == ("/scene/recall", ("bridge",))
    assert asked_for(program(2, bank), (), ADDRESSES, SCENES) == f"program 2 of bank {bank}: there are 2 scenes"


def test_other_banks_are_for_rules() -> None:
    assert asked_for(program(1, 7), (), ADDRESSES, SCENES) == "program 1 of bank 7: bank 0 is patches, bank 1 is scenes"
    rules = (
        ProgramRule(1, "/scene/morph", ("verse", 2.0)),
        ProgramRule(1, "/panic", bank=7),
        ProgramRule(2, "/panic", channel=3, port="Pedal"),
    )
    assert asked_for(program(1, 7), rules, ADDRESSES, SCENES) == ("/panic", ())
    assert asked_for(program(1, 0), rules, ADDRESSES, SCENES) == ("/scene/morph", ("verse", 2.0))
    assert asked_for(program(2, 0, 3), rules, ADDRESSES, SCENES) == ("/panic", ())
    assert asked_for(program(2, 0, 3, "keys"), rules, ADDRESSES, SCENES) == ("/deck/1/patch/program", (2,))
    assert asked_for(program(2, 0, 1), rules, ADDRESSES, SCENES) == ("/deck/1/patch/program", (2,))


@pytest.mark.parametrize(
    ("rule", "message"), [((128,), "program; got 128"), ((1, 16384), "bank; got 16384"), ((1, 0, 17), "channel; got 17")]
)
def test_rules_out_of_range(rule: tuple[int, ...], message: str) -> None:
    number, *rest = rule
    with pytest.raises(MappingError, match=message):
        ProgramRule(number, "/panic", (), *rest)
