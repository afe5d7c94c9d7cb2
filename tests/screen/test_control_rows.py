"""The list of controls in a given room: columns, headings, scrolling, and what is under a cell."""

import pytest

from realtime.screen.badges import Badges
from realtime.screen.control_list import controls
from realtime.screen.control_rows import LEAST_FLOW, ControlRows
from realtime.screen.session import Session
from realtime.screen.sheet import Sheet
from realtime.screen.themes import DARK, Inks
from tests.screen.link import NotedLink
from tests.screen.views import stage_view

VIEW = stage_view()
INKS = Inks(DARK.variables)
TEXTURES = controls(VIEW.addresses, 1, VIEW.decks[0].labels)
FIELD = controls(VIEW.addresses, 2, VIEW.decks[1].labels)


def shown(rows: ControlRows, width: int, selected: str = "") -> list[str]:
    session = Session(NotedLink(VIEW), lambda text, error: None, lambda: 0.0)
    badges = Badges()
    badges.update(VIEW.midi)
    sheet = Sheet(width, rows.height)
    rows.put(sheet, 0, session, selected, badges, INKS)
    return ["".join(segment.text for segment in row) for row in sheet.rows]


@pytest.mark.parametrize("width", [36, 40, 47, 66, 80, 120, 200])
@pytest.mark.parametrize("height", [1, 5, 14, 40])
@pytest.mark.parametrize("badges", [False, True])
def test_every_row_is_as_wide_as_the_room(width: int, height: int, badges: bool) -> None:
    for listed in (TEXTURES, FIELD):
        rows = shown(ControlRows(listed, width, height, badges), width)
        assert {len(row) for row in rows} == {width}


def test_headings_are_there_where_there_is_room() -> None:
    text = "\n".join(shown(ControlRows(TEXTURES, 60, 40, True), 60))
    assert " classes ─" in text
    assert " parameters ─" in text
    assert "classes" not in "\n".join(shown(ControlRows(TEXTURES, 60, 20, True), 60))


def test_a_wide_room_that_is_low_has_columns() -> None:
    assert ControlRows(FIELD, 80, 14, True).flows == 2
    assert ControlRows(FIELD, 80, 60, True).flows == 1
    assert ControlRows(FIELD, 40, 14, True).flows == 1
    rows = ControlRows(FIELD, 200, 8, False)
    assert rows.flows == 200 // LEAST_FLOW
    assert len(rows.places()) == len(FIELD)


def test_it_scrolls_as_little_as_needed() -> None:
    rows = ControlRows(FIELD, 40, 10, False)
    assert (rows.above, rows.below) == (0, len(FIELD) - 10)
    rows.reveal(FIELD[9].path)
    assert rows.first == 0
    rows.reveal(FIELD[12].path)
    assert rows.first == 3
    assert (rows.above, rows.below) == (3, len(FIELD) - 13)
    rows.reveal(FIELD[5].path)
    assert rows.first == 3
    rows.reveal(FIELD[-1].path)
    assert rows.below == 0
    rows.reveal(FIELD[0].path)
    assert rows.first == 0


def test_what_is_seen_is_what_is_found() -> None:
    rows = ControlRows(FIELD, 80, 14, False)
    text = shown(rows, 80)
    for x, row, control in rows.places():
        assert rows.find(x, row) == (control, 0)
        assert rows.find(x + rows.flow_width - 1, row) == (control, rows.flow_width - 1)
        assert text[row][x + 1 :].startswith(control.label[:4])
    assert rows.find(0, 14) is None
    assert rows.find(0, -1) is None


def test_a_value_that_changed_is_painted_again_and_no_other() -> None:
    link = NotedLink(VIEW)
    session = Session(link, lambda text, error: None, lambda: 0.0)
    rows, sheet, badges = ControlRows(TEXTURES, 60, 40, True), Sheet(60, 40), Badges()
    rows.put(sheet, 0, session, "", badges, INKS)
    sheet.changed.clear()
    rows.put(sheet, 0, session, "", badges, INKS)
    assert sheet.changed == set()
    link.ask("/deck/1/class/bees", 0.25)
    rows.put(sheet, 0, session, "", badges, INKS)
    (row,) = sheet.changed
    assert "bees" in sheet.rows[row][1].text
    assert any("0.25" in segment.text for segment in sheet.rows[row])


def test_the_selected_one_has_a_sign() -> None:
    rows = shown(ControlRows(TEXTURES, 60, 40, True), 60, "/deck/1/class/rain")
    assert [row for row in rows if row.startswith("›")] == [next(row for row in rows if "rain" in row)]


def test_a_badge_says_what_moves_it_and_a_ring_where_the_knob_stands() -> None:
    rows = shown(ControlRows(TEXTURES, 100, 40, True), 100)
    rain = next(row for row in rows if "rain" in row)
    gain = next(row for row in rows if "gain" in row)
    assert rain.rstrip().endswith("0.62 cc70")
    assert gain.rstrip().endswith("‹cc71")
    # The knob stands 0.2 of its way above the value: further right than the handle.
    assert gain.index("●") < gain.index("○")
