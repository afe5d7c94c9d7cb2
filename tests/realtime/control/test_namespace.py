"""The addresses there are for the decks and patches of now."""

from dataclasses import replace

from patches.manifest import Audio, Control
from realtime.control.namespace import Namespace, Spot
from realtime.control.table import TABLE
from tests.stage_patch import manifest

TINY = manifest("tiny", Audio(44_100, 1, 1_024, 0))
BEES = replace(
    TINY,
    slug="bees",
    controls=(
        Control("class_bees", "Bees", "", 0.0, 1.0, 0.5, "linear", 20.0),
        Control("label_struck", "Struck", "", 0.0, 1.0, 0.0, "linear", 20.0),
        Control("top_k", "Top k", "", 1.0, 1024.0, 64.0, "exponential", 0.0),
    ),
)


def test_one_deck_with_and_without_a_patch():
    names = Namespace([TINY, None])
    assert "/deck/1/param/density" in names.addresses
    assert "/deck/2/param/density" not in names.addresses
    assert "/deck/2/gain" in names.addresses
    assert "/deck/3/gain" not in names.addresses
    assert names.spots["/deck/2/gain"] == Spot("deck", 1, "gain")
    assert names.spots["/master/gain"] == Spot("master", -1, "gain")
    assert names.decks["/deck/2/load"] == 1
    assert "/master/gain" not in names.decks
    assert not [path for path in names.addresses if "{" in path]


def test_a_control_of_a_patch_has_its_range_unit_and_curve():
    density = Namespace([TINY]).addresses["/deck/1/param/density"]
    (argument,) = density.arguments
    assert (argument.minimum, argument.maximum, argument.default, argument.unit) == (1.0, 43.0, 8.0, "units/s")
    assert (argument.curve, density.smoothing_ms, density.row) == ("exponential", 50.0, "/deck/{deck}/param/{control}")
    assert density.argument is argument
    assert density.tags == "f"


def test_classes_labels_and_shorthands_are_the_same_control():
    names = Namespace([BEES, TINY])
    assert names.spots["/deck/1/class/bees"] == names.spots["/deck/1/param/class_bees"] == Spot("patch", 0, "class_bees")
    assert names.spots["/deck/1/class/struck"] == names.spots["/deck/1/param/label_struck"]
    assert names.spots["/deck/1/top_k"] == names.spots["/deck/1/param/top_k"]
    assert sorted(names.aliases[Spot("patch", 0, "top_k")]) == ["/deck/1/param/top_k", "/deck/1/top_k"]
    assert "/deck/1/temperature" not in names.addresses
    assert "/deck/2/temperature" in names.addresses
    assert "/deck/2/top_k" not in names.addresses


def test_every_row_without_a_patch_of_its_own_is_there():
    names = Namespace([None])
    rows = {address.row for address in names.addresses.values()}
    assert rows == {row.path for row in TABLE if row.arguments is not None}
    assert {spot.place for spot in names.spots.values()} == {"master", "deck", "own"}
