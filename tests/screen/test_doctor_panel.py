"""The doctor in the screen: advice, what the key does, and the look at the machine."""

import asyncio
import sys
from dataclasses import replace

import psutil

from realtime.attach.view import DeckView
from realtime.screen.doctor import EVERY_S, LOOKING, DoctorPanel
from realtime.screen.machine_report import LOWEST_PRIORITY, MachineReport
from tests.screen.desk import Desk, at_panel, played
from tests.screen.views import stage_view

VIEW = stage_view()
WELL = replace(VIEW, decks=(VIEW.decks[0], DeckView(2), DeckView(3)), midi=replace(VIEW.midi, waiting=()))
ILL = replace(VIEW, panicked=True, decks=(VIEW.decks[0], replace(VIEW.decks[1], underruns=9), DeckView(3)))
ANSWER_S = 60.0


def has(desk: Desk, text: str) -> bool:
    return any(text in row for row in desk.rows())


def selected(desk: Desk) -> str:
    (row,) = [row for row in desk.rows() if row.startswith("›")]
    return row


async def ill(desk: Desk) -> None:
    """Have something go wrong after the screen was opened, and the doctor look again."""
    assert isinstance(desk.panel, DoctorPanel)
    desk.clock.now += EVERY_S
    await desk.show(ILL)


@played
async def test_a_stage_that_is_well():
    async with at_panel("doctor", WELL) as desk:
        assert has(desk, "✓ Nothing is wrong")
        assert await desk.press("enter") == []
        assert "nothing here that the screen can do itself" in desk.said


@played
async def test_the_gravest_is_selected_and_the_key_does_it():
    async with at_panel("doctor", VIEW) as desk:
        await ill(desk)
        assert "Silent by panic" in selected(desk)
        assert await desk.press("enter") == [("/panic", (0,))]
        await desk.press("down")
        assert "Pops and crackles on deck 2" in selected(desk)
        assert await desk.press("enter") == [("/deck/2/lead", (768,))]
        assert "lead of deck 2 to 17 ms" in desk.said


@played
async def test_a_value_is_set_so_that_it_can_be_taken_back():
    quiet = replace(WELL, rms_db=(-120.0, -120.0), values={**WELL.values, "/master/gain": -60.0})
    async with at_panel("doctor", quiet) as desk:
        assert await desk.press("enter") == [("/master/gain", (-12.0,))]
        assert await desk.press("u") == [("/master/gain", (-60.0,))]


@played
async def test_a_click_selects_and_a_click_on_the_advice_does_it():
    async with at_panel("doctor", VIEW) as desk:
        await ill(desk)
        assert await desk.click("Pops and crackles") == []
        assert "Pops and crackles" in selected(desk)
        await desk.press("up")
        assert await desk.click("lead of deck 2 to") == [("/deck/2/lead", (768,))]


@played
async def test_what_is_selected_stays_when_something_graver_comes():
    async with at_panel("doctor", replace(VIEW, record=replace(VIEW.record, room_s=60.0))) as desk:
        assert "disk is nearly full" in selected(desk)
        await desk.press("down", "up")
        desk.link.view = ILL
        desk.clock.now += EVERY_S
        await desk.show(replace(ILL, record=replace(VIEW.record, room_s=60.0)))
        assert "disk is nearly full" in selected(desk)
        assert has(desk, "Silent by panic")


@played
async def test_the_machine_is_read_while_everything_goes_on():
    async with at_panel("doctor", WELL, (120, 50)) as desk:
        await desk.press("n")
        assert has(desk, LOOKING) or has(desk, "Python 3")
        async with asyncio.timeout(ANSWER_S):
            while not has(desk, "Python 3"):
                await asyncio.sleep(0.05)
                desk.app.look()
        assert has(desk, "PortAudio")
        assert has(desk, "onnxruntime")
        assert not has(desk, "patch  "), "patches are not measured during a show"


@played
async def test_leaving_leaves_no_process_behind():
    before = set(psutil.Process().children())
    async with at_panel("doctor", WELL) as desk:
        await desk.press("n")
        (process,) = set(psutil.Process().children()) - before
        assert process.nice() == LOWEST_PRIORITY
    assert not process.is_running()


def test_what_cannot_be_read_says_so(tmp_path) -> None:
    told = []
    MachineReport(told.append, [str(tmp_path / "none")])
    assert "could not be looked at: No such file" in told[0][0]
    report = MachineReport(told.append, [sys.executable, "-c", "print('one'); raise SystemExit(3)"])
    report._thread.join()
    assert told[1][0] == "one"
    assert "code 3" in told[1][1]
    report.close()
