from dataclasses import replace

import pytest

from realtime.attach.view import SceneView, TransportView
from realtime.screen.prompt import Confirm, Prompt
from tests.screen.desk import at_panel, played
from tests.screen.views import stage_view

STANDING = TransportView()
VIEW = stage_view(transport=STANDING)
MANY = replace(VIEW, scenes=SceneView(tuple(f"number {n}" for n in range(1, 41))))


@played
async def test_enter_recalls_what_the_arrows_selected():
    async with at_panel("scenes", VIEW) as desk:
        assert await desk.press("enter") == [("/scene/recall", ("rain",))], "begins at the one that was recalled last"
        assert await desk.press("right", "enter") == [("/scene/recall", ("swarm",))]
        assert await desk.press("left", "left", "left", "enter") == [("/scene/recall", ("rain",))]
        assert await desk.press("end", "left", "enter") == [("/scene/recall", ("quiet end",))]


@played
async def test_behind_the_last_scene_enter_stores():
    async with at_panel("scenes", VIEW) as desk:
        assert await desk.press("end", "enter") == []
        assert isinstance(desk.app.screen, Prompt)
        assert await desk.press("enter") == [("/scene/save", ("scene 1",))]


@played
async def test_store_asks_for_a_name_and_selects_what_comes_of_it():
    async with at_panel("scenes", VIEW) as desk:
        assert await desk.press("n") == []
        assert await desk.type("storm at sea") == [("/scene/save", ("storm at sea",))]
        await desk.show(replace(VIEW, scenes=replace(VIEW.scenes, names=(*VIEW.scenes.names, "storm at sea"))))
        assert await desk.press("enter") == [("/scene/recall", ("storm at sea",))]
        await desk.press("n", "escape")
        await desk.press("n")
        assert await desk.type("   ") == []


@played
async def test_nothing_is_stored_over_unasked():
    async with at_panel("scenes", VIEW) as desk:
        await desk.press("right")
        assert await desk.press("S") == []
        assert isinstance(desk.app.screen, Confirm)
        assert await desk.press("n") == []
        assert await desk.press("S", "y") == [("/scene/save", ("swarm",))]
        await desk.press("n")
        assert await desk.type("rain") == []
        assert isinstance(desk.app.screen, Confirm)
        assert await desk.press("y") == [("/scene/save", ("rain",))]


@played
async def test_a_morph_asks_for_seconds_and_offers_the_last_ones_again():
    async with at_panel("scenes", VIEW) as desk:
        assert await desk.press("o") == []
        assert await desk.press("enter") == [("/scene/morph", ("rain", 4.0))]
        await desk.press("right", "o")
        assert await desk.type("12,5 s") == [("/scene/morph", ("swarm", 12.5))]
        await desk.press("o")
        assert await desk.press("enter") == [("/scene/morph", ("swarm", 12.5))]
        await desk.press("o")
        assert await desk.type("soon") == []
        assert "got 'soon'; allowed: number 0 to 600 s" in desk.said
        assert isinstance(desk.app.screen, Prompt), "asks again"
        assert await desk.type("9999") == [("/scene/morph", ("swarm", 600.0))]


@played
async def test_rename_and_delete():
    async with at_panel("scenes", VIEW) as desk:
        await desk.press("f2")
        assert await desk.type("heavy rain") == [("/scene/rename", ("rain", "heavy rain"))]
        await desk.press("f2")
        assert await desk.press("enter") == [], "the same name is no other"
        assert await desk.press("x", "n") == []
        assert await desk.press("delete", "y") == [("/scene/delete", ("rain",))]
        await desk.show(replace(VIEW, scenes=SceneView(("swarm",))))
        await desk.press("end", "left", "x")
        assert await desk.press("y") == [("/scene/delete", ("swarm",))]


@played
async def test_without_a_scene_everything_says_how_to_have_one():
    async with at_panel("scenes", replace(VIEW, scenes=SceneView())) as desk:
        for key in ("o", "f2", "x"):
            assert await desk.press(key) == []
            assert "select a scene first; n stores one" in desk.said
        assert "0 scenes" in desk.rows()[0]
        assert "store a scene" in "\n".join(desk.rows())


@played
async def test_what_is_refused_is_said():
    async with at_panel("scenes", VIEW) as desk:
        desk.link.refuses["/scene/recall"] = "no such scene"
        await desk.press("enter")
        assert "/scene/recall: no such scene" in desk.said


@played
async def test_a_click_recalls_and_another_button_only_selects():
    async with at_panel("scenes", VIEW) as desk:
        assert await desk.click("swarm") == [("/scene/recall", ("swarm",))]
        assert await desk.click("quiet end", button=3) == []
        assert await desk.press("enter") == [("/scene/recall", ("quiet end",))]
        assert await desk.click("not saved") == []
        assert isinstance(desk.app.screen, Prompt), "saves the rack"
        await desk.press("escape")
        assert await desk.click("delete") == []
        assert await desk.press("y") == [("/scene/delete", ("quiet end",))]
        assert await desk.click("store a scene") == []
        assert isinstance(desk.app.screen, Prompt)


@played
async def test_jump_mode_has_a_letter_on_every_cell():
    async with at_panel("scenes", VIEW) as desk:
        corners = [place for place, _ in desk.panel.query_one("Lines").jump_targets()]
        for name, number in (("rain", 1), ("swarm", 2), ("quiet end", 3)):
            there = desk.place_of(f"{number} {name}")
            assert any(y == there.y and 0 <= there.x - x <= 3 for x, y in corners)
        (go,) = [go for place, go in desk.panel.query_one("Lines").jump_targets() if place[1] == desk.place_of("swarm").y][1:2]
        go()
        await desk.settle()
        assert desk.link.asked[-1] == ("/scene/recall", ("swarm",))


@played
async def test_the_states_of_scenes_have_signs_and_words():
    async with at_panel("scenes", VIEW) as desk:
        assert "recalled last" in desk.rows()[4]
        assert "F4" in desk.rows()[4], "the key that recalls it from everywhere"
        assert "not saved: Ctrl+S saves the rack" in desk.rows()[0]
        assert "next bar" not in desk.rows()[0]
        moving = SceneView(VIEW.scenes.names, "rain", 0.43, True, "swarm", "quiet end")
        await desk.show(replace(VIEW, scenes=moving, transport=replace(STANDING, running=True)))
        shown = desk.rows()
        assert "▶ recalled last" in shown[4]
        assert "▸ ▓▓▓░░░░░ 43 %" in shown[4]
        assert "in the file of the rack" in shown[0]
        assert "taken at the bar" in shown[0]
        assert "◌ at the next bar" in "\n".join(shown)


@pytest.mark.parametrize(("size", "columns"), [((80, 24), 4), ((120, 40), 2), ((200, 60), 4)])
@played
async def test_as_many_columns_as_fit_and_the_selected_scene_is_in_sight(size, columns):
    async with at_panel("scenes", MANY, size) as desk:
        assert sum(f"{n} number {n}" in desk.rows()[3] for n in range(1, 41)) == columns
        for _ in range(3):
            await desk.press("pagedown")
            assert any("›" in row for row in desk.rows())
        await desk.press("end")
        assert "› + store a scene" in "\n".join(desk.rows())
        assert "40 scenes" in desk.rows()[0], "the head stays"
        await desk.press("up")
        assert (await desk.press("enter"))[0] == ("/scene/recall", (f"number {41 - columns}",))
        await desk.press("home")
        assert "1 number 1" in desk.rows()[3]
        await desk.press("down", "enter")
        assert desk.link.asked[-1] == ("/scene/recall", (f"number {1 + columns}",))


@played
async def test_a_long_or_wide_name_leaves_its_neighbours_where_they_are():
    names = ("夜の雨のなかの長い名前の場面", "a name that is much longer than any cell", "third")
    async with at_panel("scenes", replace(VIEW, scenes=SceneView(names)), (80, 24)) as desk:
        x = desk.place_of("2 a name").x
        assert await desk.click("third") == [("/scene/recall", ("third",))]
        await desk.show(replace(VIEW, scenes=SceneView(("short", *names[1:]))))
        assert desk.place_of("2 a name").x == x


@played
async def test_a_view_that_shows_nothing_new_draws_nothing(monkeypatch):
    async with at_panel("scenes", VIEW) as desk:
        lines = desk.panel.query_one("Lines")
        drawn = []
        real = type(lines).render_line
        monkeypatch.setattr(type(lines), "render_line", lambda self, y: drawn.append(y) or real(self, y))
        await desk.show(replace(VIEW, clock_frames=1, peak_db=(-1.0, -1.0)))
        assert drawn == []
        await desk.show(replace(VIEW, scenes=replace(VIEW.scenes, morph=0.5, goal="swarm")))
        assert set(drawn) == {3, 4}, "only the rows of the scene that it goes to"
