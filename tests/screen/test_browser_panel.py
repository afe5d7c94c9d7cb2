from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.events import MouseScrollUp

from realtime.attach.view import DeckView, JobView, PatchView, StageView
from realtime.screen.patch_line import size_text, step_text
from realtime.screen.prompt import Prompt
from tests.screen.desk import Desk, at_panel, played
from tests.screen.views import library, stage_view

EMPTY = stage_view(audition=DeckView(4))
TRIES = replace(EMPTY, audition=DeckView(4, "field", "Field", "mosaic", "playing", peak_db=(-20.0, -20.0)))


@asynccontextmanager
async def at_browser(
    view: StageView = EMPTY, size: tuple[int, int] = (120, 40), patches: tuple[PatchView, ...] = library()
) -> AsyncIterator[Desk]:
    async with at_panel("browser", view, size) as desk:
        desk.link.library = patches
        await desk.press("v")
        yield desk


def row(desk: Desk, text: str) -> str:
    return next(row for row in desk.rows() if text in row)


@played
async def test_every_patch_is_a_line_with_kind_size_step_time_and_licence():
    async with at_browser(size=(200, 60)) as desk:
        assert desk.rows()[0].startswith(" 3 patches · Enter loads into deck 1 · / search")
        line = row(desk, "field ")
        for text in ("mosaic", "7.8 MB", " 0.31 ms", "MIT"):
            assert text in line
        assert "~1.8 ms" in row(desk, "textures "), "measured elsewhere"
        assert "✖ broken" in row(desk, "broken")
        assert "›▶ textures" in row(desk, "textures "), "what the selected deck plays is selected and marked"
        assert "❄ field" in row(desk, "field ")


@played
async def test_the_selected_patch_says_what_it_is():
    async with at_browser() as desk:
        text = "\n".join(desk.rows())
        assert "six textures from codec tokens" in text
        assert "classes: applause, bees, rain" in text
        assert "not measured here yet" in text
        await desk.press("home")
        text = "\n".join(desk.rows())
        assert "unit by unit" in text
        assert "not measured here yet" not in text
        await desk.press("end")
        await desk.press("home", "down")
        assert "the six" not in text


@played
async def test_enter_loads_into_the_selected_deck():
    async with at_browser() as desk:
        assert await desk.press("enter") == [("/deck/1/load", ("textures",))]
        assert await desk.press("3", "b", "home", "enter") == [("/deck/3/load", ("field",))]


@played
async def test_what_was_tried_ends_when_it_sounds_in_a_deck():
    async with at_browser(TRIES) as desk:
        assert await desk.press("home", "enter") == [("/deck/1/load", ("field",)), ("/audition/stop", ())]
        assert await desk.press("down", "enter") == [("/deck/1/load", ("textures",))], "another one is still being tried"
        desk.link.refuses["/deck/1/load"] = "the corpus is gone"
        assert await desk.press("home", "enter") == [("/deck/1/load", ("field",))], "what does not load goes on being tried"
        assert "the corpus is gone" in desk.said


@played
async def test_space_tries_and_ends():
    async with at_browser() as desk:
        await desk.press("home")
        assert await desk.press("space") == [("/audition/load", ("field",))]
        await desk.show(TRIES)
        assert "♪ trying field, playing" in desk.rows()[1]
        assert "-12 dB" in desk.rows()[1]
        assert "›♪ field" in row(desk, "field ")
        assert await desk.press("space") == [("/audition/stop", ())]
        assert await desk.press("down", "space") == [("/audition/load", ("textures",))], "another takes its place"
        await desk.show(replace(EMPTY, audition=DeckView(4, state="failed", error="no memory")))
        assert "failed: no memory" in desk.rows()[1]
        assert await desk.press("home", "space") == [("/audition/load", ("field",))], "a failed one is tried again"


@played
async def test_where_no_deck_is_hidden_it_is_said():
    async with at_browser(stage_view()) as desk:
        assert "no deck is free to try patches in" in desk.rows()[1]
        desk.link.refuses["/audition/load"] = "this stage has no hidden deck to try patches in"
        await desk.press("space")
        assert "no hidden deck" in desk.said


@played
async def test_a_solo_silences_what_is_tried_and_that_is_said():
    view = replace(TRIES, values={**TRIES.values, "/deck/1/solo": 1.0})
    async with at_browser(view) as desk:
        assert "a solo silences it" in desk.rows()[1]
        await desk.show(TRIES)
        assert "solo" not in desk.rows()[1]


@played
async def test_arrows_and_wheel_move_the_level_of_the_trial():
    async with at_browser(TRIES) as desk:
        assert await desk.press("right") == [("/audition/gain", (-11.0,))]
        assert await desk.press("left", "left") == [("/audition/gain", (-12.0,)), ("/audition/gain", (-13.0,))]
        assert "-13 dB" in desk.rows()[1]
        before = len(desk.link.asked)
        await desk.pilot._post_mouse_events([MouseScrollUp], offset=desk.place_of("-13 dB"))
        await desk.settle()
        assert desk.link.asked[before:] == [("/audition/gain", (-12.0,))]


@played
async def test_a_broken_patch_is_neither_loaded_nor_tried():
    async with at_browser() as desk:
        await desk.press("end")
        assert "install it again" in " ".join(desk.rows())
        assert await desk.press("enter", "space") == []
        assert "the hash is another" in desk.said


@played
@pytest.mark.parametrize(
    ("words", "slugs"), [("mos", {"field"}), ("TOKENS mit", {"textures"}), ("rain", {"field", "textures"}), ("nowhere", set())]
)
async def test_search_finds_by_name_kind_licence_and_class(words: str, slugs: set[str]) -> None:
    async with at_browser() as desk:
        assert await desk.press("slash") == []
        assert isinstance(desk.app.screen, Prompt)
        await desk.type(words)
        listed = {slug for slug in ("field", "textures", "broken") if any(line[3:].startswith(slug) for line in desk.rows()[4:])}
        assert listed == slugs
        assert f"{len(slugs)} of 3 patches" in desk.rows()[0]
        await desk.press("slash", "ctrl+u", "enter")
        assert "3 patches" in desk.rows()[0]


@played
async def test_a_search_that_hides_the_selected_one_selects_another():
    async with at_browser() as desk:
        await desk.press("slash")
        await desk.type("mosaic")
        assert await desk.press("enter") == [("/deck/1/load", ("field",))]


@played
async def test_a_click_selects_and_what_is_written_can_be_pressed():
    async with at_browser() as desk:
        assert await desk.click("field ") == []
        assert "› " in row(desk, "field ")[:2] or row(desk, "field ").startswith("›")
        assert await desk.click("load into deck 1") == [("/deck/1/load", ("field",))]
        assert await desk.click("audition") == [("/audition/load", ("field",))]


@played
async def test_a_corpus_is_made_from_a_folder_that_is_offered_again():
    async with at_browser() as desk:
        assert await desk.press("n") == []
        # The whole path: the stage may have been started in another folder.
        folder = str(Path("sounds").absolute())
        assert await desk.type("sounds") == [("/corpus/make", (folder,))]
        await desk.press("n")
        assert await desk.press("enter") == [("/corpus/make", (folder,))]
        await desk.press("n")
        assert await desk.type(" ") == []


@played
async def test_the_making_is_seen_and_can_be_cancelled():
    async with at_browser() as desk:
        assert await desk.press("x") == []
        assert "nothing is being loaded or made" in desk.said
        await desk.show(replace(EMPTY, job=JobView("glass", -1.0, "reads /sounds", "running")))
        assert "◌ corpus glass: reads /sounds" in desk.rows()[2]
        await desk.show(replace(EMPTY, job=JobView("glass", 0.25, "3 of 12 sounds", "running")))
        assert "◌ corpus glass 25 %: 3 of 12 sounds" in desk.rows()[2]
        assert await desk.press("x") == [("/corpus/cancel", ())]
        assert await desk.click("x cancels") == [("/corpus/cancel", ())]
        await desk.show(replace(EMPTY, job=JobView("glass", -1.0, "the disk is full", "failed")))
        assert "✖ corpus glass: the disk is full" in desk.rows()[2]


@played
async def test_a_load_that_does_not_sound_yet_can_be_left():
    loading = replace(EMPTY.decks[0], state="loading")
    view = replace(EMPTY, decks=(loading, *EMPTY.decks[1:]), job=JobView("glass", 0.25, "", "running"))
    async with at_browser(view) as desk:
        assert "◌ textures" in row(desk, "textures ")
        assert await desk.press("x") == [("/deck/1/load/cancel", ())]
        assert await desk.press("2", "b", "x") == [("/corpus/cancel", ())]


LOADING = {"loading": "low", "load_share": 0.624, "load_text": "measuring 30 of 48"}


@played
async def test_how_far_a_load_is_is_seen_and_what_leaves_it_in_the_order_in_which_it_does():
    decks = (replace(EMPTY.decks[0], **LOADING), *EMPTY.decks[1:])
    both = replace(EMPTY, decks=decks, audition=DeckView(4, "low", state="loading", **LOADING), job=JobView("glass", 0.25, "", "running"))
    async with at_browser(both) as desk:
        assert desk.rows()[1] == " ♪ trying low 62 % measuring 30 of 48"
        assert desk.rows()[2].startswith(" ◌ deck 1: low 62 % measuring 30 of 48  ")
        assert await desk.click("x cancels") == [("/deck/1/load/cancel", ())]
        await desk.show(replace(both, decks=EMPTY.decks))
        assert desk.rows()[1].startswith(" ♪ trying low 62 % measuring 30 of 48  ")
        assert desk.rows()[1].endswith("  x cancels")
        assert await desk.press("x") == [("/audition/load/cancel", ())]
        assert "corpus glass" in desk.rows()[2]
        await desk.show(replace(both, audition=DeckView(4)))
        assert "tries the selected patch" in desk.rows()[1]
        assert await desk.press("x") == [("/deck/1/load/cancel", ())]
        further = replace(decks[0], load_share=0.7)
        await desk.show(replace(both, decks=(further, *decks[1:])))
        assert "low 70 %" in desk.rows()[2]


@played
async def test_a_corpus_that_is_made_can_be_played_in_the_selected_deck():
    view = replace(EMPTY, job=JobView("glass", 1.0, "", "done"))
    async with at_browser(view) as desk:
        desk.link.answers["/corpus/state"] = ("done", "glass", 1.0, "", "/corpora/glass")
        assert "✔ corpus glass is made" in desk.rows()[2]
        await desk.press("2", "b")
        assert await desk.press("y") == [("/corpus/state", ())]
        assert isinstance(desk.app.screen, Prompt)
        assert await desk.press("enter") == [("/deck/2/corpora", ("/corpora/glass",))]


@played
async def test_nothing_is_drawn_again_where_nothing_changed():
    async with at_browser(TRIES) as desk:
        drawn = []
        draw = desk.panel._draw
        desk.panel._draw = lambda view, width: drawn.append(1) or draw(view, width)
        for _ in range(5):
            await desk.show(replace(TRIES, clock_frames=1))
        assert not drawn
        await desk.show(EMPTY)
        assert len(drawn) == 1


@played
async def test_an_empty_library_says_how_to_get_a_patch():
    async with at_browser(patches=()) as desk:
        assert "no patch is installed" in "\n".join(desk.rows())
        assert await desk.press("enter") == []


@played
async def test_a_long_library_scrolls_with_the_selection():
    many = tuple(PatchView(f"patch-{n:02d}", kind="mosaic", summary="one of many") for n in range(60))
    async with at_browser(size=(80, 24), patches=many) as desk:
        assert await desk.press("end", "enter") == [("/deck/1/load", ("patch-59",))]
        assert any("patch-59" in line for line in desk.rows())
        assert "60 patches" in desk.rows()[0]
        assert await desk.press("home", "pagedown", "enter") == [("/deck/1/load", ("patch-10",))]


def test_sizes_and_times_as_people_read_them() -> None:
    assert [size_text(n) for n in (900, 7_850_000, 2_400_000_000)] == ["0.9 kB", "7.8 MB", "2.4 GB"]
    assert step_text(PatchView("a", step_ms=0.314, here=True)) == "0.31 ms"
    assert step_text(PatchView("a", step_ms=12.0)) == "~12.0 ms"
