"""The decks on the whole screen: what a performer sees of them, and what the mouse does there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual import events
from textual.geometry import Offset

from realtime.attach.view import DeckView, StageView
from realtime.control.address import Value
from realtime.screen.app import StarlingScreen
from realtime.screen.deck_area import DeckArea
from realtime.screen.deck_column import LOADING_S
from realtime.screen.themes import CONTRAST
from realtime.screen.work_line import load_words
from tests.screen.cells import place_of, rows_of, strips_of, style_at, style_of
from tests.screen.desk import Desk, HandClock, played
from tests.screen.link import NotedLink
from tests.screen.views import stage_view

VIEW = stage_view()
SIZES = [(80, 24), (100, 30), (120, 40), (200, 60)]


@asynccontextmanager
async def at_decks(view: StageView = VIEW, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Desk]:
    """A screen of this size with the decks only. It looks when it is told to."""
    link = NotedLink(view)
    app = StarlingScreen(link, clock=(clock := HandClock()))
    async with app.run_test(size=size) as pilot:
        desk = Desk(app, pilot, link, clock)
        await desk.settle()
        yield desk


def text(desk: Desk) -> str:
    return "\n".join(rows_of(desk.app, desk.app.decks))


def deck(view: StageView, number: int, **changes: Any) -> StageView:
    """The view with one deck changed."""
    decks = tuple(replace(each, **changes) if each.number == number else each for each in view.decks)
    return replace(view, decks=decks)


async def mouse(desk: Desk, kind: type[events.MouseEvent], x: int, y: int, shift: bool = False) -> None:
    """One event of the mouse at a cell of the decks."""
    corner = desk.app.decks.region.offset
    where = {"screen_x": corner.x + x, "screen_y": corner.y + y}
    desk.app.screen._forward_event(kind(None, corner.x + x, corner.y + y, 0, 0, 1, shift, False, False, **where))
    await desk.settle()


async def look(desk: Desk) -> None:
    desk.app.look()
    await desk.settle()


@pytest.mark.parametrize("size", SIZES)
@played
async def test_every_row_fills_the_screen(size: tuple[int, int]) -> None:
    async with at_decks(size=size) as desk:
        assert {strip.cell_length for strip in strips_of(desk.app, desk.app.decks)} == {desk.app.decks.size.width}


@pytest.mark.parametrize("size", SIZES)
@played
async def test_what_sounds_how_loud_and_how_late_is_said_at_every_size(size: tuple[int, int]) -> None:
    async with at_decks(size=size) as desk:
        for words in (
            "Textures",
            "▶ playing",
            "-6.2",
            "-7.9",
            "16 %",
            "36 ms to sound",
            "lead 29 ms auto",
            "underruns 0",
            "Field",
            "❄",
            "CLIP",
        ):
            assert words in text(desk)


@pytest.mark.parametrize(
    ("state", "degraded", "words"),
    [
        ("playing", False, "▶ playing"), ("playing", True, "▼ degraded"), ("frozen", False, "❄ frozen"), ("loading", False, "◌ loading"),
        ("restarting", False, "↻ recovering"), ("failed", False, "✖ failed"),
    ],
)  # fmt: skip
@played
async def test_a_state_is_a_sign_and_a_word(state: str, degraded: bool, words: str) -> None:
    async with at_decks(deck(VIEW, 1, state=state, degraded=degraded)) as desk:
        assert words in text(desk)


LOAD = {"state": "loading", "loading": "textures", "load_share": 0.624, "load_text": "measuring 30 of 48"}


@pytest.mark.parametrize("width", [120, 80])
@played
async def test_a_load_says_how_far_it_is(width: int) -> None:
    async with at_decks(deck(VIEW, 1, **LOAD), (width, 30)) as desk:
        assert "◌ loading  textures 62 % measuring 30 of 48 " in text(desk)


def test_of_a_load_the_share_is_what_is_left_where_there_is_little_room() -> None:
    coming = DeckView(1, **LOAD)
    assert [load_words(coming, room) for room in (32, 31, 23, 22, 0)] == [
        "textures 62 % measuring 30 of 48", "62 % measuring 30 of 48", "62 % measuring 30 of 48", "62 %", "62 %",
    ]  # fmt: skip
    assert load_words(DeckView(1), 80) == ""


@played
async def test_dots_move_until_a_load_has_progress_and_a_deck_that_recovers_says_how_far_it_is() -> None:
    starts = deck(VIEW, 1, state="loading", loading="rain", load_share=0.0, load_text="starting")
    async with at_decks(starts) as desk:
        said = set()
        desk.clock.now = 1_000.5 * LOADING_S
        for _ in range(3):
            desk.clock.now += LOADING_S
            await desk.show(starts)
            said.add(next(row for row in text(desk).split("\n") if "loading" in row).split("│")[0].rstrip().partition("starting")[2])
        assert said == {".", "..", "..."}
        await desk.show(deck(VIEW, 1, state="restarting", loading="rain", load_share=0.1, load_text="reading the model"))
        assert "↻ recovering  rain 10 % reading the model " in text(desk)


@played
async def test_a_frozen_deck_that_is_degraded_shows_both() -> None:
    async with at_decks() as desk:
        assert "❄ frozen  mosaic · ▼ light" in text(desk)


@played
async def test_an_empty_deck_says_how_it_is_filled_and_a_click_there_opens_the_browser() -> None:
    async with at_decks() as desk:
        assert "· empty" in text(desk)
        at = place_of(desk.app, desk.app.decks, "b: load a patch")
        await mouse(desk, events.MouseDown, at.x, at.y)
        assert desk.app.session.deck == 3
        assert desk.app.place == "browser"


@played
async def test_why_a_deck_failed_is_there_to_the_last_word() -> None:
    why = "the model file is not what the patch says it is: install the patch again or load another one"
    async with at_decks(deck(VIEW, 1, state="failed", error=why), (120, 40)) as desk:
        column = [row[: row.index("│")].strip() for row in rows_of(desk.app, desk.app.decks)]
        assert why in " ".join(column)


@played
async def test_a_load_that_failed_is_said_in_an_empty_deck() -> None:
    async with at_decks(deck(VIEW, 3, error="no patch is called rian")) as desk:
        assert "! no patch is called" in text(desk)


@played
async def test_a_deck_that_has_measured_nothing_claims_nothing() -> None:
    async with at_decks(replace(VIEW, decks=(DeckView(1, "textures", "Textures", state="loading"),))) as desk:
        assert "◌ loading" in text(desk)
        assert "to sound" not in text(desk)


@played
async def test_below_a_hundred_columns_one_deck_is_shown_and_tabs_of_all() -> None:
    async with at_decks(size=(99, 30)) as desk:
        assert "▶ playing" in text(desk)
        assert "❄ frozen" not in text(desk)
        tabs = rows_of(desk.app, desk.app.decks)[0]
        assert all(words in tabs for words in ("1  ▶ Textures", "2  ❄ Field", "CLIP", "3  · empty"))
        await desk.press("2")
        await look(desk)
        assert "❄ frozen" in text(desk)
        assert "▶ playing" not in text(desk)
        await mouse(desk, events.MouseDown, 3, 0)
        await look(desk)
        assert "▶ playing" in text(desk)


@played
async def test_the_selected_deck_is_always_to_be_seen() -> None:
    decks = tuple(replace(VIEW.decks[0], number=number, name=f"Deck {number}.") for number in range(1, 9))
    async with at_decks(replace(VIEW, decks=decks)) as desk:
        for key in ("8", "1", "5", "4", "6"):
            await desk.press(key)
            await look(desk)
            row = rows_of(desk.app, desk.app.decks)[1]
            assert f" {key}  Deck {key}." in row
            assert row.count("Deck ") == 3


@played
async def test_empty_decks_leave_their_room_to_the_others() -> None:
    async with at_decks() as desk:
        columns = desk.app.decks._layout.columns
        assert [column.number for column in columns] == [1, 2, 3]
        assert columns[2].sheet.width < 30 < columns[0].sheet.width


@played
async def test_nothing_is_painted_where_nothing_changed_and_one_row_where_one_value_did() -> None:
    async with at_decks() as desk:
        area = desk.app.decks
        area.paint()
        assert area.paint() == set()
        desk.link.ask("/deck/1/class/bees", 0.5)
        area._view = desk.link.view
        (row,) = area.paint()
        assert "bees" in rows_of(desk.app, area)[row]


@played
async def test_a_level_that_moves_paints_its_meter_and_no_control() -> None:
    async with at_decks() as desk:
        area = desk.app.decks
        area.paint()
        area._view = deck(VIEW, 1, peak_db=(-20.0, -21.0), rms_db=(-30.0, -31.0))
        painted = area.paint()
        names = [strip[:3] for y, strip in enumerate(rows_of(desk.app, area)) if y in painted]
        assert painted
        assert set(names) <= {"   ", " L ", " R "}


@played
async def test_letters_are_reversed_while_they_are_on_and_a_click_switches_them() -> None:
    async with at_decks() as desk:
        area: DeckArea = desk.app.decks
        at = place_of(desk.app, area, " M  S  F")
        assert not style_at(strips_of(desk.app, area)[at.y], at.x + 1).reverse
        await mouse(desk, events.MouseDown, at.x + 1, at.y)
        assert desk.link.asked == [("/deck/1/mute", (1.0,))]
        await look(desk)
        assert style_at(strips_of(desk.app, area)[at.y], at.x + 1).reverse
        assert not style_at(strips_of(desk.app, area)[at.y], at.x + 4).reverse


@played
async def test_a_click_selects_and_moves_nothing() -> None:
    async with at_decks() as desk:
        at = place_of(desk.app, desk.app.decks, "Brightness")
        await mouse(desk, events.MouseDown, at.x + 20, at.y)
        await mouse(desk, events.MouseUp, at.x + 20, at.y)
        assert (desk.app.session.deck, desk.app.session.control) == (2, "/deck/2/param/brightness")
        assert desk.link.asked == []
        await look(desk)
        assert "›Brightness" in text(desk)


@played
async def test_a_drag_over_half_the_bar_is_half_the_way() -> None:
    async with at_decks() as desk:
        at = place_of(desk.app, desk.app.decks, "swarm") + Offset(30, 0)
        bar = desk.app.decks._layout.columns[0].rows.measures.bar
        await mouse(desk, events.MouseDown, at.x, at.y)
        await mouse(desk, events.MouseMove, at.x - bar // 4, at.y)
        await mouse(desk, events.MouseMove, at.x - bar, at.y)
        await mouse(desk, events.MouseUp, at.x - bar, at.y)
        await mouse(desk, events.MouseMove, at.x, at.y)
        assert [path for path, _ in desk.link.asked] == ["/deck/1/param/swarm"] * 2
        values = [arguments[0] for _, arguments in desk.link.asked]
        assert values == pytest.approx([0.5 - bar // 4 / bar, 0.0])
        await desk.press("u")
        assert desk.link.view.values["/deck/1/param/swarm"] == 0.5


@played
async def test_with_shift_a_drag_is_fine() -> None:
    async with at_decks() as desk:
        at = place_of(desk.app, desk.app.decks, "swarm")
        bar = desk.app.decks._layout.columns[0].rows.measures.bar
        await mouse(desk, events.MouseDown, at.x, at.y)
        await mouse(desk, events.MouseMove, at.x + bar, at.y, shift=True)
        assert desk.link.asked == [("/deck/1/param/swarm", (pytest.approx(0.6),))]


@pytest.mark.parametrize(("kind", "value"), [(events.MouseScrollUp, 0.52), (events.MouseScrollDown, 0.48)])
@played
async def test_the_wheel_turns_what_is_under_it(kind: type[events.MouseEvent], value: Value) -> None:
    async with at_decks() as desk:
        at = place_of(desk.app, desk.app.decks, "gustiness")
        await mouse(desk, kind, at.x + 12, at.y)
        assert desk.link.asked == [("/deck/1/param/gustiness", (pytest.approx(value),))]
        assert desk.app.session.control == "/deck/1/param/gustiness"


@played
async def test_a_clip_is_forgotten_when_its_meter_is_clicked() -> None:
    async with at_decks() as desk:
        await desk.show(deck(VIEW, 2, peak_db=(-20.0, -20.0)))
        at = place_of(desk.app, desk.app.decks, "CLIP")
        await mouse(desk, events.MouseDown, at.x, at.y)
        await look(desk)
        assert "CLIP" not in text(desk)


@played
async def test_a_drop_out_that_just_happened_is_an_alarm_and_an_old_one_is_not() -> None:
    async with at_decks() as desk:
        assert not style_of(desk.app, desk.app.decks, "underruns 3").reverse
        desk.clock.now = 1e6
        await desk.show(deck(VIEW, 2, underruns=4))
        assert style_of(desk.app, desk.app.decks, "underruns 4").reverse
        desk.clock.now = 2e6
        await look(desk)
        assert not style_of(desk.app, desk.app.decks, "underruns 4").reverse


@played
async def test_what_is_learnt_says_so() -> None:
    async with at_decks(replace(VIEW, midi=replace(VIEW.midi, learning="/deck/1/class/wind"))) as desk:
        assert style_of(desk.app, desk.app.decks, "learn…").reverse


@played
async def test_another_theme_is_another_picture_at_once() -> None:
    async with at_decks() as desk:
        before = style_of(desk.app, desk.app.decks, "Textures")
        desk.app.theme = CONTRAST.name
        await desk.settle()
        after = style_of(desk.app, desk.app.decks, "Textures")
        assert before.color != after.color
        assert after.color is not None
        assert after.color.get_truecolor() == (255, 255, 255)


@played
async def test_it_fits_whatever_size_the_terminal_takes() -> None:
    async with at_decks() as desk:
        for size in ((80, 24), (37, 9), (200, 60), (20, 5), (121, 41)):
            await desk.pilot.resize_terminal(*size)
            await desk.settle()
            area = desk.app.decks
            if area.size.height:
                assert {strip.cell_length for strip in strips_of(desk.app, area)} <= {area.size.width}
        assert "36 ms to sound" in text(desk)


@played
async def test_jump_goes_to_decks_and_to_every_control_that_is_seen() -> None:
    async with at_decks(size=(99, 40)) as desk:
        area = desk.app.decks
        rows = rows_of(desk.app, area)
        found = {place.offset - area.region.offset: go for place, go in area.jump_targets()}
        rain = next(y for y, row in enumerate(rows) if row.startswith(" rain"))
        found[Offset(0, rain)]()
        assert desk.app.session.control == "/deck/1/class/rain"
        tab = next(place for place in found if place.y == 0 and place.x > 30)
        found[tab]()
        assert desk.app.session.deck == 2


@played
async def test_decks_come_and_go() -> None:
    async with at_decks(StageView()) as desk:
        assert text(desk).strip() == ""
        await desk.show(VIEW)
        assert "Textures" in text(desk)
        await desk.show(replace(VIEW, decks=(DeckView(1), DeckView(2))))
        assert "Textures" not in text(desk)
        assert text(desk).count("· empty") == 2
