"""The master strip on the whole screen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual import events

from realtime.attach.view import DeckView, RecordView, StageView
from realtime.screen.app import StarlingScreen
from realtime.screen.strip import MasterStrip
from tests.screen.cells import place_of, rows_of, style_of
from tests.screen.desk import Desk, HandClock, played
from tests.screen.link import NotedLink
from tests.screen.views import stage_view

VIEW = stage_view()


class Readings:
    """Processor time as a test says."""

    def __init__(self, **shares: float) -> None:
        self.shares = {int(pid[1:]): share for pid, share in shares.items()}

    def look(self, pids: object, now_s: float) -> None:
        pass

    def percent(self, pid: int) -> float | None:
        return self.shares.get(pid)


@asynccontextmanager
async def at_strip(view: StageView = VIEW, columns: int = 120) -> AsyncIterator[tuple[Desk, MasterStrip]]:
    link = NotedLink(view)
    app = StarlingScreen(link, clock=(clock := HandClock()))
    async with app.run_test(size=(columns, 30)) as pilot:
        desk = Desk(app, pilot, link, clock)
        await desk.settle()
        yield desk, app.query_one(MasterStrip)


def text(desk: Desk, strip: MasterStrip) -> str:
    return "\n".join(rows_of(desk.app, strip))


async def mouse(desk: Desk, strip: MasterStrip, kind: type[events.MouseEvent], words: str) -> None:
    at = place_of(desk.app, strip, words) + strip.region.offset
    desk.app.screen._forward_event(kind(None, at.x + 1, at.y, 0, 0, 1, False, False, False, screen_x=at.x + 1, screen_y=at.y))
    await desk.settle()


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
@played
async def test_level_lateness_recording_and_lights_are_there_at_every_width(columns: int) -> None:
    async with at_strip(columns=columns) as (desk, strip):
        rows = rows_of(desk.app, strip)
        assert {len(row) for row in rows} == {columns}
        for words in ("-5.0", "-6.0", "36 ms", "● REC 1:15", "OSC ○", "MIDI ○"):
            assert words in text(desk, strip)


@played
async def test_a_wide_strip_says_everything() -> None:
    async with at_strip(columns=200) as (desk, strip):
        for words in (
            "MASTER L",
            "36 ms to sound",
            "gain +0.0 dB",
            "▶ 5.2 96 bpm",
            "automation",
            "JACK system",
            "44.1 kHz · 128 frames",
            "audio 9 %",
        ):
            assert words in text(desk, strip)


@played
async def test_the_limiter_lights_while_it_works() -> None:
    async with at_strip() as (desk, strip):
        assert " lim " in text(desk, strip)
        await desk.show(replace(VIEW, limited_frames=64))
        assert style_of(desk.app, strip, " LIM ").reverse
        desk.clock.now += 1.0
        await desk.show(replace(VIEW, limited_frames=64))
        assert "LIM" not in text(desk, strip)


@pytest.mark.parametrize(
    ("light", "view"),
    [("OSC", replace(VIEW, osc=replace(VIEW.osc, packets=60_000))), ("MIDI", replace(VIEW, midi=replace(VIEW.midi, messages=900)))],
)
@played
async def test_a_light_is_on_while_its_count_grows(light: str, view: StageView) -> None:
    async with at_strip() as (desk, strip):
        assert f"{light} ○" in text(desk, strip)
        await desk.show(view)
        assert f"{light} ●" in text(desk, strip)
        desk.clock.now += 1.0
        await desk.show(view)
        assert f"{light} ○" in text(desk, strip)


@played
async def test_what_is_off_says_so() -> None:
    async with at_strip(StageView(decks=(DeckView(1),)), 200) as (desk, strip):
        assert "OSC off" in text(desk, strip)
        assert "MIDI off" in text(desk, strip)
        assert " ○ rec " in text(desk, strip)
        assert "■ 1.1" in text(desk, strip)


@played
async def test_a_peak_at_the_ceiling_of_the_limiter_is_a_clip_until_it_is_clicked() -> None:
    async with at_strip(replace(VIEW, peak_db=(-0.15, -3.0))) as (desk, strip):
        assert text(desk, strip).count("CLIP") == 1
        await desk.show(VIEW)
        assert "CLIP" in text(desk, strip)
        await mouse(desk, strip, events.MouseDown, "CLIP")
        await desk.show(VIEW)
        assert "CLIP" not in text(desk, strip)


@played
async def test_panic_is_a_sign_and_a_click_takes_it_back() -> None:
    async with at_strip(replace(VIEW, panicked=True), 80) as (desk, strip):
        assert style_of(desk.app, strip, " ✖ PANIC ").reverse
        await mouse(desk, strip, events.MouseDown, " ✖ PANIC ")
        assert desk.link.asked == [("/panic", (0,))]


@played
async def test_a_click_on_rec_begins_and_ends_a_take() -> None:
    async with at_strip(replace(VIEW, record=RecordView())) as (desk, strip):
        await mouse(desk, strip, events.MouseDown, " ○ rec ")
        assert [path for path, _ in desk.link.asked] == ["/record/start"]
        await desk.show(VIEW)
        await mouse(desk, strip, events.MouseDown, " ● REC ")
        assert desk.link.asked[-1][0] == "/record/stop"


@played
async def test_the_wheel_on_gain_and_on_the_meter_is_the_master_gain() -> None:
    async with at_strip() as (desk, strip):
        await mouse(desk, strip, events.MouseScrollUp, "gain +0.0 dB")
        await mouse(desk, strip, events.MouseScrollDown, "MASTER")
        assert [path for path, _ in desk.link.asked] == ["/master/gain", "/master/gain"]
        up, down = (arguments[0] for _, arguments in desk.link.asked)
        assert isinstance(up, float)
        assert up > 0.0
        assert down == pytest.approx(0.0)


@played
async def test_a_notice_takes_a_row_of_its_own_and_gives_it_back() -> None:
    async with at_strip(replace(VIEW, device="null", notice="no sound device: PortAudio is missing; playing to null"), 80) as (desk, strip):
        rows = rows_of(desk.app, strip)
        assert len(rows) == 3
        assert "no sound device: PortAudio is missing" in rows[2]
        assert rows[2].endswith("d: what to do ")
        await mouse(desk, strip, events.MouseDown, "what to do")
        assert desk.app.place == "doctor"
        await desk.show(VIEW)
        assert len(rows_of(desk.app, strip)) == 2


@played
async def test_device_drop_outs_are_counted_and_new_ones_are_an_alarm() -> None:
    async with at_strip(replace(VIEW, device_xruns=2), 80) as (desk, strip):
        assert not style_of(desk.app, strip, "xruns 2").reverse
        await desk.show(replace(VIEW, device_xruns=3))
        assert style_of(desk.app, strip, "xruns 3").reverse


@played
async def test_processor_time_is_said_for_every_deck() -> None:
    async with at_strip(columns=200) as (desk, strip):
        strip.cpu = Readings(p9004200=9.0, p9004242=12.0, p9004243=84.0)  # type: ignore[assignment]
        await desk.show(VIEW)
        assert "cpu stage  9 %  deck 1 12 %  deck 2 84 %" in text(desk, strip)
        assert style_of(desk.app, strip, "cpu stage").bold
        await desk.pilot.resize_terminal(80, 24)
        await desk.settle()
        await desk.show(VIEW)
        assert "cpu 12 84 %" in text(desk, strip)


@pytest.mark.parametrize(("seconds", "words"), [(0.0, "REC 0:00 "), (75.4, "REC 1:15 "), (3_723.0, "REC 1:02:03 ")])
@played
async def test_recording_time_grows_to_hours(seconds: float, words: str) -> None:
    async with at_strip(replace(VIEW, record=RecordView(True, seconds=seconds))) as (desk, strip):
        assert words in text(desk, strip)


@played
async def test_a_recording_in_trouble_has_a_sign() -> None:
    async with at_strip(replace(VIEW, record=RecordView(True, seconds=5.0, problem="the disk is full"))) as (desk, strip):
        assert "REC 0:05 ! " in text(desk, strip)


@played
async def test_bar_and_beat_follow_the_bar() -> None:
    transport = replace(VIEW.transport, beat=7.0, quantum_beats=3)
    async with at_strip(replace(VIEW, transport=transport)) as (desk, strip):
        assert "▶ 3.2 " in text(desk, strip)
        await desk.show(replace(VIEW, transport=replace(transport, quantum_beats=0)))
        assert "▶ 8 " in text(desk, strip)


@played
async def test_the_live_input_is_said_and_guarded() -> None:
    async with at_strip(replace(VIEW, input_name="mic", input_peak_db=-20.0), 200) as (desk, strip):
        assert "in -20 dB" in text(desk, strip)
        await desk.show(replace(VIEW, input_name="mic", input_guarded=True))
        assert "in guarded" in text(desk, strip)


@played
async def test_samples_that_are_no_numbers_are_said() -> None:
    async with at_strip(replace(VIEW, nonfinite=3), 200) as (desk, strip):
        assert "bad samples 3" in text(desk, strip)


@played
async def test_nothing_is_painted_where_nothing_changed() -> None:
    async with at_strip() as (_, strip):
        strip.paint()
        assert strip.paint() == set()
