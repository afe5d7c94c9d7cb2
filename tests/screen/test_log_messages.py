"""Single messages in the event log: where they stand, which are shown, and when they are asked for."""

from dataclasses import replace

from realtime.attach.view import LineView, StageView
from realtime.screen.log import DRAW_S, LogPanel
from tests.screen.desk import Desk, at_panel, played
from tests.screen.views import stage_view

VIEW = stage_view()
WAYS = ("osc in", "osc out", "midi in")
BEGIN_S = 1_700_000_000.0
KEPT = 200
"""Messages a screen keeps (`realtime.attach.news`)."""


def message(number: int, channel: str = "", after_s: float = 200.0) -> LineView:
    channel = channel or WAYS[number % len(WAYS)]
    return LineView(number, BEGIN_S + after_s, channel, f"127.0.0.1:57120  /deck/1/gain -{number}.0")


def passing(*numbers: int, channel: str = "") -> StageView:
    """A stage where these messages went by after everything else."""
    return replace(VIEW, traffic=tuple(message(number, channel, 200.0 + 0.01 * number) for number in numbers))


def body(desk: Desk) -> list[str]:
    """What the panel shows below its head, without time and scroll bar."""
    return [text for row in desk.rows()[2:] if (text := row.rstrip(" ▁▂▃▄▅▆▇█")[9:].strip())]


async def pass_by(desk: Desk, view: StageView) -> None:
    """Have a view shown when new messages are taken again."""
    desk.clock.now += DRAW_S
    await desk.show(view)


@played
async def test_they_stand_between_what_happened_by_their_time():
    traffic = (message(1, "osc in", 2.0), message(2, "osc out", 61.0), message(3, "midi in", 75.5))
    async with at_panel("log", replace(VIEW, traffic=traffic), (200, 60)) as desk:
        assert [row.split()[0] for row in body(desk)] == ["osc", "osc", "midi", "deck", "osc", "osc", "midi", "record"]
        assert desk.rows()[3].endswith("22:13:22 osc in   127.0.0.1:57120  /deck/1/gain -1.0")
        assert desk.rows()[6].endswith("22:14:21 osc out  127.0.0.1:57120  /deck/1/gain -2.0")
        assert desk.rows()[8].endswith("22:14:35 midi in  127.0.0.1:57120  /deck/1/gain -3.0")
        # They are no events: the filters count without them.
        assert "● OSC 32  ● MIDI 1" in desk.rows()[0]


@played
async def test_which_are_shown():
    view = passing(1, 2, 3)
    async with at_panel("log", replace(view, traffic=(*view.traffic, message(4, "midi out", 201.0)))) as desk:

        def shown() -> list[str]:
            return [row[:8].strip() for row in body(desk) if "/deck/1/gain -" in row]

        assert "● Messages  OSC in" in desk.rows()[1]
        assert shown() == ["osc out", "midi in", "osc in", "midi out"]
        await desk.press("space")
        assert "● Messages in  OSC in" in desk.rows()[1]
        assert shown() == ["midi in", "osc in"]
        await desk.click("● Messages in")
        assert "● Messages out  OSC in" in desk.rows()[1]
        assert shown() == ["osc out", "midi out"]
        await desk.press("space")
        assert "○ Messages  OSC in" in desk.rows()[1]
        assert shown() == []
        assert any("no such address" in row for row in body(desk))
        await desk.press("space", "o")
        assert shown() == ["midi in", "midi out"]
        await desk.press("i", "o")
        assert shown() == ["osc out", "osc in"]
        await desk.press("i", "slash")
        await desk.type("gain -2")
        assert body(desk) == ["midi in  127.0.0.1:57120  /deck/1/gain -2.0"]
        assert "only “gain -2” (1)" in desk.rows()[1]


@played
async def test_they_come_only_while_they_are_to_be_seen():
    async with at_panel("log", passing(*range(1, 101))) as desk:
        wanted = []
        for key in ("space", "space", "space", "space", "o", "i", "i", "o", "pageup", "end", "escape", "e"):
            await desk.press(key)
            wanted.append(desk.link.traffic_wanted)
        assert wanted == [True, True, False, True, True, False, True, True, False, True, False, True]


@played
async def test_whoever_scrolls_back_reads_on():
    async with at_panel("log", passing(*range(1, 151))) as desk:
        await desk.press("pageup")
        read = body(desk)
        # What was on its way when it was not wanted any more.
        await pass_by(desk, passing(*range(41, 191)))
        assert body(desk) == read
        assert "newer below" in desk.rows()[1]
        await desk.press("end")
        assert body(desk)[-1].endswith("-190.0")


@played
async def test_those_left_out_are_counted_where_they_are_missing():
    async with at_panel("log", passing(5, 6, 317, 318, 321)) as desk:

        def ends() -> list[str]:
            return [row.rpartition("gain ")[2] for row in body(desk) if "gain -" in row or " more" in row]

        assert ends() == ["-5.0", "-6.0", "… 310 more", "-317.0", "-318.0", "… 2 more", "-321.0"]
        # What is missing before a message that is hidden is missing before the next that is shown.
        await desk.press("i")
        assert ends() == ["-6.0", "… 310 more", "-318.0", "… 2 more", "-321.0"]


@played
async def test_a_flood_is_drawn_a_few_times_a_second_and_its_end_is_seen():
    async with at_panel("log", VIEW) as desk:
        await pass_by(desk, passing(1))
        assert body(desk)[-1].endswith("-1.0")
        drawn = []
        desk.panel._body.put = lambda lines: drawn.append(len(lines))
        desk.clock.now += 0.7 * DRAW_S
        for last in (2, 3, 4):
            await desk.show(passing(*range(1, last)))
        assert drawn == []
        del desk.panel._body.put
        desk.clock.now += 0.4 * DRAW_S
        desk.app.look()
        await desk.settle()
        assert body(desk)[-1].endswith("-3.0")


@played
async def test_it_keeps_no_more_than_it_was_given():
    async with at_panel("log", VIEW) as desk:
        assert isinstance(desk.panel, LogPanel)
        for first in range(1, 1_000, KEPT):
            await pass_by(desk, passing(*range(first, first + KEPT)))
        assert len(desk.panel._made) == KEPT + len(VIEW.lines)
        assert body(desk)[-1].endswith("-1000.0")
