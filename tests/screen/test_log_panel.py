"""The event log: what is shown, in which order, and whether it stays where it was put."""

from dataclasses import replace

import pytest

from realtime.attach.view import LineView, OscView, StageView
from realtime.screen.log import LogPanel, group_of
from tests.screen.desk import Desk, at_panel, played
from tests.screen.views import stage_view

VIEW = stage_view()
KEPT = 500
"""Lines the stage keeps (`realtime.control.event_log`)."""


def lines(first: int, last: int) -> StageView:
    """A stage whose log has these lines."""
    return replace(VIEW, lines=tuple(LineView(n, 1_700_000_000.0 + n, "osc", f"event {n}.") for n in range(first, last + 1)))


def rows(desk: Desk) -> list[str]:
    """What the panel shows, without the scroll bar."""
    return [row.rstrip(" ▁▂▃▄▅▆▇█") for row in desk.rows()]


def has(desk: Desk, text: str) -> bool:
    return any(text in row for row in desk.rows())


@pytest.mark.parametrize(
    ("channel", "group"),
    [
        ("osc", "osc"),
        ("oscquery", "osc"),
        ("midi", "midi"),
        ("engine", "engine"),
        ("deck 12", "engine"),
        ("record", "other"),
        ("scene", "other"),
    ],
)
def test_every_channel_has_a_filter(channel: str, group: str) -> None:
    assert group_of(channel) == group


@played
async def test_a_line_has_time_channel_text_and_how_often():
    async with at_panel("log", VIEW, (200, 60)) as desk:
        assert any(row.endswith("22:13:24 midi     nanoKONTROL2 is here") for row in desk.rows())
        assert any("/deck/9/gain: there is no such address ×31" in row for row in desk.rows())
        assert "OSC in 52012 out 900" in desk.rows()[1]
        # The count of a filter is of what happened, not of lines.
        assert "● OSC 32" in desk.rows()[0]
        await desk.show(replace(VIEW, osc=replace(VIEW.osc, packets=52_013)))
        assert "OSC in 52013" in desk.rows()[1]


@played
async def test_a_long_line_is_wrapped_and_nothing_of_it_lost():
    text = "one two three four five six seven eight nine ten eleven twelve " * 5
    async with at_panel("log", replace(VIEW, lines=(LineView(1, 0.0, "deck 1", text),)), (80, 24)) as desk:
        assert " ".join(" ".join(row[18:].split()) for row in desk.rows()[2:]).split() == text.split()


@played
async def test_filters_and_search_hide_and_say_so():
    async with at_panel("log", VIEW) as desk:
        await desk.press("o")
        assert not has(desk, "no such address")
        assert has(desk, "○ OSC 32")
        assert has(desk, "nanoKONTROL2 is here")
        await desk.click("○ OSC")
        assert has(desk, "no such address")
        await desk.press("slash")
        await desk.type("NANO")
        assert has(desk, "nanoKONTROL2 is here")
        assert not has(desk, "no such address")
        assert has(desk, "only “NANO” (1)")
        await desk.press("i")
        assert has(desk, "nothing matches")
        await desk.press("i", "slash")
        await desk.press("ctrl+u", "enter")
        assert has(desk, "no such address")


@played
async def test_it_stays_at_the_newest_line():
    async with at_panel("log", lines(1, 5)) as desk:
        for last in (50, 300, 301):
            await desk.show(lines(1, last))
            assert rows(desk)[-1].endswith(f"event {last}.")
        await desk.pilot.resize_terminal(90, 22)
        await desk.settle()
        await desk.show(lines(1, 302))
        assert rows(desk)[-1].endswith("event 302.")


@played
async def test_whoever_scrolls_back_is_left_there():
    async with at_panel("log", lines(1, 400)) as desk:
        await desk.press("pageup", "pageup")
        top = rows(desk)[2]
        assert "event 400." not in "".join(desk.rows())
        await desk.show(lines(1, 420))
        assert rows(desk)[2] == top
        assert has(desk, "newer below")
        # Old lines go, what is read stays.
        await desk.show(lines(101, 600))
        assert rows(desk)[2] == top
        await desk.press("end")
        assert rows(desk)[-1].endswith("event 600.")
        assert not has(desk, "newer below")
        await desk.show(lines(102, 601))
        assert rows(desk)[-1].endswith("event 601.")


@played
async def test_scrolling_down_to_the_end_follows_again():
    async with at_panel("log", lines(1, 100)) as desk:
        await desk.press("pageup")
        await desk.press("pagedown", "pagedown")
        await desk.show(lines(1, 120))
        assert rows(desk)[-1].endswith("event 120.")


@played
async def test_it_keeps_no_more_than_the_stage():
    async with at_panel("log", VIEW) as desk:
        assert isinstance(desk.panel, LogPanel)
        for last in range(KEPT, 5_000, KEPT):
            await desk.show(lines(last - KEPT + 1, last))
        assert len(desk.panel._made) == KEPT


@played
async def test_nothing_that_changed_draws_nothing():
    async with at_panel("log", VIEW) as desk:
        drawn = []
        body = desk.panel._body
        body.refresh = lambda *regions, **how: drawn.append(regions)
        for _ in range(20):
            desk.app.look()
        assert drawn == []
        desk.link.view = replace(VIEW, osc=OscView("127.0.0.1", 9000, 9001, 60_000, 900))
        desk.app.look()
        # The line of traffic, and nothing else.
        assert [region.height for (region,) in drawn] == [1]


@played
async def test_an_empty_log_says_so():
    async with at_panel("log", StageView()) as desk:
        assert has(desk, "nothing has happened yet")
