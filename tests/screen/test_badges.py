"""Badges of what is mapped."""

from dataclasses import replace

from realtime.attach.view import MidiView
from realtime.screen.badges import WIDTH, Badges, is_learning


def badges(**changes: object) -> Badges:
    made = Badges()
    made.update(replace(MidiView(), **changes))  # type: ignore[arg-type]
    return made


def test_a_source_is_short() -> None:
    made = badges(
        bindings=(
            ("cc 70, channel 1, MPK mini", "/a", "/a"),
            ("note 36", "/b", "/b"),
            ("mpe_pressure", "/c", "/c"),
            ("nrpn 16383", "/d", "/d"),
        )
    )
    assert [made.of(path) for path in ("/a", "/b", "/c", "/d", "/e")] == ["cc70", "n36", "mpres", "nrpn16", ""]


def test_a_binding_is_shown_where_it_leads_and_not_where_it_sleeps() -> None:
    made = badges(bindings=(("cc 1", "/deck/1/class/#1", "/deck/1/class/bees"), ("cc 2", "/deck/2/class/#9", "there is no such class")))
    assert made.of("/deck/1/class/bees") == "cc1"
    assert made.of("/deck/1/class/#1") == made.of("/deck/2/class/#9") == ""
    assert made.any("/deck/1/")
    assert not made.any("/deck/2/")


def test_several_sources_are_said() -> None:
    assert badges(bindings=(("cc 1", "/a", "/a"), ("cc 2", "/a", "/a"))).of("/a") == "cc1+"


def test_an_arrow_says_which_way_to_turn() -> None:
    bound = (("cc 127", "/a", "/a"),)
    above = badges(bindings=bound, waiting=(("cc 127", "/a", 0.3),))
    below = badges(bindings=bound, waiting=(("cc 127", "/a", -0.3),))
    assert (above.of("/a"), above.way("/a")) == ("cc127›", 0.3)
    assert (below.of("/a"), below.way("/a")) == ("‹cc127", -0.3)
    assert len(above.of("/a")) == WIDTH


def test_what_waits_for_a_knob_says_so() -> None:
    made = badges(learning="/a")
    assert is_learning(made.of("/a"))
    assert not is_learning(made.of("/b"))


def test_messages_alone_change_nothing() -> None:
    made = badges(bindings=(("cc 1", "/a", "/a"),))
    edition = made.edition
    made.update(MidiView(bindings=(("cc 1", "/a", "/a"),), messages=99))
    assert made.edition == edition
    made.update(MidiView(bindings=(("cc 2", "/a", "/a"),)))
    assert made.edition != edition
