"""Records as tables: what is different crosses, and only that; what is not theirs is refused."""

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from realtime.attach import view as views
from realtime.attach.messages import MessageError
from realtime.attach.records import apply, blank, difference, from_table, to_table
from realtime.attach.view import DeckView, PatchView, StageView
from realtime.control.address import Address, Argument
from tests.screen.views import library, stage_view

RECORDS = [kind for kind in vars(views).values() if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == views.__name__]
APART = frozenset({"addresses", "values", "sound"})
"""What does not cross in a table: it has cursors, or is bytes."""


def _over_the_wire(table: Any) -> Any:
    return json.loads(json.dumps(table, allow_nan=False))


def _apart(view: StageView) -> StageView:
    return replace(view, addresses={}, values={}, sound=views.SoundView())


def test_a_whole_view_crosses() -> None:
    view = _apart(stage_view(audition=DeckView(4, "field", "Field", labels={"/deck/4/gain": "Gain"})))
    assert apply(StageView(), _over_the_wire(difference(StageView(), view))) == view


def test_only_what_is_different_crosses() -> None:
    before = _apart(stage_view())
    deck = replace(before.decks[1], peak_db=(-3.0, -4.0))
    after = replace(before, clock_frames=before.clock_frames + 128, decks=(before.decks[0], deck, before.decks[2]))
    changed = difference(before, after)
    assert changed == {"clock_frames": after.clock_frames, "decks": [{}, {"peak_db": [-3.0, -4.0]}, {}]}
    assert apply(before, _over_the_wire(changed)) == after
    assert difference(after, replace(after)) == {}


def test_a_part_that_comes_and_goes_crosses() -> None:
    alone, tried = _apart(stage_view()), _apart(stage_view(audition=DeckView(4, "tiny", step_ms=1.5)))
    fewer = replace(tried, decks=tried.decks[:1], lines=(), midi=views.MidiView())
    for before, after in ((alone, tried), (tried, alone), (tried, fewer), (fewer, tried)):
        assert apply(before, _over_the_wire(difference(before, after))) == after


def test_patches_and_addresses_cross() -> None:
    for patch in library():
        assert from_table(PatchView, _over_the_wire(to_table(patch))) == patch
    for address in stage_view().addresses.values():
        assert from_table(Address, _over_the_wire(to_table(address))) == address


@pytest.mark.parametrize("kind", [*RECORDS, Address, Argument], ids=lambda kind: kind.__name__)
def test_every_field_of_every_record_can_cross(kind: type) -> None:
    """A field of a type that is not understood would show here, and not first on a stage."""
    empty = blank(kind)
    table = {field.name: getattr(empty, field.name) for field in fields(kind) if field.name not in APART}
    plain = {name: to_table(value) if is_dataclass(value) else value for name, value in table.items()}
    finite = {name: value for name, value in plain.items() if value not in (float("inf"), float("-inf"))}
    if "frames" not in finite:
        assert apply(empty, _over_the_wire(finite)) == empty


@pytest.mark.parametrize(
    "table",
    [
        {"block_frames": "128"}, {"block_frames": 1.5}, {"block_frames": True}, {"device": 7}, {"peak_db": [1.0]},
        {"peak_db": [1.0, 2.0, 3.0]}, {"peak_db": 1.0}, {"peak_db": ["a", "b"]}, {"peak_db": [None, 1.0]}, {"silent": 1}, {"decks": {}},
        {"decks": [1]}, {"decks": [{"labels": []}]}, {"decks": [{"labels": {"a": 1}}]}, {"audition": 3},
        {"midi": {"bindings": [["a", "b"]]}}, {"midi": None}, {"callback_share": json.loads("1e999")},
    ],
)  # fmt: skip
def test_what_is_no_view_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(MessageError):
        apply(StageView(), table)
