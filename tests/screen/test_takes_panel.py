from dataclasses import replace

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from realtime.attach.view import AutomationView, RecordView, TransportView
from realtime.screen.amounts import about, length, size
from realtime.screen.prompt import Prompt
from tests.screen.desk import at_panel, played
from tests.screen.views import stage_view

TAKE = "/media/takes/live/Starling/2026-11-21 20-15-07 master.flac"
RECORDING = RecordView(True, TAKE, 75.4, 13_300_000, preroll_s=60.0, folder="/media/takes/live/Starling", room_s=45_000.0)
VIEW = stage_view(record=RECORDING, automation=AutomationView())
QUIET = replace(VIEW, record=RecordView(preroll_s=12.0, folder="/media/takes/live/Starling", last=TAKE, last_s=321.4))


@played
async def test_automation_is_played_recorded_and_stopped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with at_panel("takes", VIEW) as desk:
        assert await desk.press("enter") == []
        assert isinstance(desk.app.screen, Prompt)
        assert await desk.press("enter") == [("/automation/play", (str(tmp_path / "automation.toml"),))]
        await desk.press("n")
        assert await desk.type("storm") == [("/automation/record", (str(tmp_path / "storm"),))]
        await desk.press("enter")
        assert await desk.press("enter") == [("/automation/play", (str(tmp_path / "storm"),))], "offers the last one"
        desk.link.answers["/automation/stop"] = (str(tmp_path / "storm 2.toml"),)
        assert await desk.press("x") == [("/automation/stop", ())]
        assert f"automation written: {tmp_path / 'storm 2.toml'}" in desk.said
        await desk.press("enter")
        assert await desk.press("enter") == [("/automation/play", (str(tmp_path / "storm 2.toml"),))], "what was written can be played"
        desk.link.refuses["/automation/play"] = "automation: no such file"
        await desk.press("enter", "enter")
        assert "automation: no such file" in desk.said


@played
async def test_takes_with_stems_and_by_click():
    async with at_panel("takes", QUIET) as desk:
        assert await desk.press("o") == [("/record/start", ("", 1))]
        assert await desk.click("begins a take") == [("/record/start", ())]
        assert await desk.click("saves them") == [("/record/preroll", ())]
        await desk.show(VIEW)
        assert await desk.click("ends the take") == [("/record/stop", ())]


@played
async def test_the_path_of_the_last_take_can_be_copied():
    async with at_panel("takes", QUIET) as desk:
        assert await desk.press("y") == []
        assert desk.app.clipboard == TAKE
        assert f"copied: {TAKE}" in desk.said
        await desk.show(replace(VIEW, record=RecordView()))
        await desk.press("y")
        assert f"there is no take yet; {desk.app.keys_shown('record.toggle')} begins one" in desk.said


@played
async def test_the_clock():
    async with at_panel("takes", replace(VIEW, transport=TransportView(17.25, 96.0, True))) as desk:
        assert "runs, bar 5, beat 2" in "\n".join(desk.rows())
        assert await desk.press("space") == [("/transport/run", (0,))]
        await desk.show(replace(VIEW, transport=TransportView(17.25, 96.0), values={**VIEW.values, "/transport/run": 0}))
        assert "stands" in "\n".join(desk.rows())
        assert await desk.click("starts it") == [("/transport/run", (1,))]
        await desk.press("v")
        assert await desk.type("132.5 bpm") == [("/transport/tempo", (132.5,))]
        await desk.press("v")
        assert await desk.type("fast") == []
        assert "got 'fast'; allowed: number 20 to 400 bpm" in desk.said
        await desk.press("escape")
        await desk.press("h")
        assert await desk.type("3") == [("/transport/quantum", (3,))]
        assert await desk.press("i") == [("/transport/source", ("midi",))]
        assert await desk.press("u") == [("/transport/source", ("internal",))], "what was set can be taken back"


@played
async def test_wheel_and_click_on_a_value():
    async with at_panel("takes", VIEW) as desk:

        async def wheel(text, kind):
            before = len(desk.link.asked)
            at = desk.place_of(text)
            await desk.pilot._post_mouse_events([kind], offset=at, button=0)
            await desk.settle()
            return desk.link.asked[before:]

        assert await wheel("96.0 bpm", MouseScrollUp) == [("/transport/tempo", (pytest.approx(97.0),))]
        assert await wheel("96.0 bpm", MouseScrollDown) == [("/transport/tempo", (pytest.approx(96.0),))]
        assert await wheel("4 beats", MouseScrollUp) == [("/transport/quantum", (5,))]
        assert await wheel("own clock", MouseScrollUp) == [("/transport/source", ("midi",))]
        assert await wheel("Folder", MouseScrollUp) == []
        assert await desk.click("96.0 bpm") == []
        assert isinstance(desk.app.screen, Prompt)


@played
async def test_everything_about_a_take_is_to_be_seen_at_every_size():
    full = replace(RECORDING, lost_frames=441, clipped=3, waiting_s=2.2, room_s=300.0, problem="the disk is full", last=TAKE, last_s=61.0)
    view = replace(VIEW, record=full, automation=AutomationView("storm.toml", "gestures.toml", 120))
    for extent in ((80, 30), (120, 40), (200, 60)):
        async with at_panel("takes", view, extent) as desk:
            shown = "\n".join(desk.rows())
            for text in (
                "● recording 1:15", "13.3 MB", "▼ 3 clipped", "▼ 441 frames lost", "the disk is 2 s behind", "✖ the disk is full", "1:01",
                "60 s are kept", "▼ room for 5 min at least", "▶ playing storm.toml", "● recording gestures.toml · 120 points", "own clock",
            ):  # fmt: skip
                assert text in shown, (extent, text, shown)
            joined = "".join(row.strip() for row in desk.rows())
            assert TAKE.replace(" ", "") in joined.replace(" ", ""), "a long path goes on in the next line"
            assert desk.app.query_one("Lines").virtual_size.height <= extent[1]


@played
async def test_on_a_small_screen_it_scrolls():
    async with at_panel("takes", VIEW, (80, 12)) as desk:
        assert "Beat from" not in "\n".join(desk.rows())
        await desk.press("end")
        assert "Beat from" in "\n".join(desk.rows())
        await desk.press("home")
        assert "recording 1:15" in desk.rows()[0]


@played
async def test_only_what_changed_is_drawn(monkeypatch):
    async with at_panel("takes", VIEW) as desk:
        lines = desk.panel.query_one("Lines")
        drawn = []
        real = type(lines).render_line
        monkeypatch.setattr(type(lines), "render_line", lambda self, y: drawn.append(y) or real(self, y))
        await desk.show(replace(VIEW, record=replace(RECORDING, seconds=75.9, size_bytes=13_301_000)))
        assert drawn == [], "not a second more, not a tenth of a megabyte"
        await desk.show(replace(VIEW, record=replace(RECORDING, seconds=76.0)))
        assert set(drawn) == {0}


def test_amounts_in_words():
    assert [length(s) for s in (0.0, 75.9, 3600.0, 3723.0, -1.0)] == ["0:00", "1:15", "1:00:00", "1:02:03", "0:00"]
    assert [about(s) for s in (60.0, 300.0, 7_199.0, 9_000.0, 45_000.0, 400_000.0)] == [
        "60 s",
        "5 min",
        "120 min",
        "2.5 h",
        "12 h",
        "5 days",
    ]
    assert [size(b) for b in (999, 1_500, 13_300_000, 2_000_000_000)] == ["999 bytes", "1.5 kB", "13.3 MB", "2.0 GB"]
