import asyncio

from textual.app import App
from textual.events import MouseScrollDown, MouseScrollUp

from realtime.screen.lines import Lines, Piece
from realtime.screen.themes import THEMES

HEAD = ((Piece("head", "dim"), Piece(" press", "primary", "stage.panic")),)


class Page(App[None]):
    """Nothing but lines."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.lines = Lines(1)
        self.count = count
        self.heard = []
        for theme in THEMES:
            self.register_theme(theme)

    def compose(self):
        yield self.lines

    def on_mount(self):
        self.theme = THEMES[0].name
        self.put({})

    def put(self, changed):
        self.lines.put([*HEAD, *((Piece(changed.get(n, f"line {n}"), "foreground", f"/line/{n}"),) for n in range(self.count))])

    def on_lines_pressed(self, event):
        self.heard.append((event.does, event.button))

    def on_lines_turned(self, event):
        self.heard.append((event.path, event.steps))

    def text(self):
        return [strip.text.rstrip(" ▁▂▃▄▅▆▇█▔") for strip in self.screen._compositor.render_strips()]

    def colours(self):
        return {segment.style.bgcolor for strip in self.screen._compositor.render_strips() for segment in strip if segment.style}


def on_a_page(count, drive, size=(40, 8)):
    async def run():
        app = Page(count)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await drive(app, pilot)

    asyncio.run(run())


def test_the_head_stays_and_what_is_revealed_is_in_sight():
    async def drive(app, pilot):
        assert app.text()[:2] == ["head press", "line 0"]
        for number in (29, 3, 0, 15):
            app.lines.reveal(1 + number, 1 + number)
            await pilot.pause()
            assert any(row == f"line {number}" for row in app.text()), number
            assert app.text()[0] == "head press"
        assert len(app.text()) == 8

    on_a_page(30, drive)


def test_a_line_that_changed_is_drawn_and_no_other(monkeypatch):
    async def drive(app, pilot):
        drawn = []
        real = Lines.render_line
        monkeypatch.setattr(Lines, "render_line", lambda self, y: drawn.append(y) or real(self, y))
        app.put({3: "another"})
        await pilot.pause()
        assert drawn == [4]
        assert app.text()[4] == "another"
        app.put({3: "another", 28: "out of sight"})
        await pilot.pause()
        assert drawn == [4]
        app.lines.reveal(29, 29)
        await pilot.pause()
        assert "out of sight" in app.text()
        drawn.clear()
        app.put({3: "another", 28: "in sight"})
        await pilot.pause()
        assert len(drawn) == 1
        assert "in sight" in app.text()

    on_a_page(30, drive)


def test_more_or_fewer_lines():
    async def drive(app, pilot):
        app.lines.reveal(30, 30)
        app.count = 2
        app.put({})
        await pilot.pause()
        assert app.text()[:4] == ["head press", "line 0", "line 1", ""]
        app.count = 5
        app.put({})
        await pilot.pause()
        assert app.text()[5] == "line 4"

    on_a_page(30, drive)


def test_what_is_under_the_pointer_is_pressed_and_turned():
    async def drive(app, pilot):
        await pilot.click(offset=(6, 0))
        await pilot.click(offset=(2, 0))
        await pilot.click(offset=(3, 2), button=3)
        await pilot.click(offset=(30, 2))
        assert app.heard == [("stage.panic", 1), ("/line/1", 3)], "beside a text there is nothing"
        app.heard.clear()
        for event in (MouseScrollUp, MouseScrollDown):
            await pilot._post_mouse_events([event], offset=(3, 2), button=0)
        await pilot.pause()
        assert app.heard == [("/line/1", 1), ("/line/1", -1)]
        assert app.text()[1] == "line 0", "what is turned does not scroll"
        await pilot._post_mouse_events([MouseScrollDown], offset=(30, 2), button=0)
        await pilot.pause(0.4)
        assert app.text()[1] != "line 0"
        app.heard.clear()
        await pilot.click(offset=(3, 2))
        assert app.heard == [(app.text()[2].replace("line ", "/line/"), 1)], "what is pressed is what is to be seen"

    on_a_page(30, drive)


def test_jump_targets_are_where_things_are():
    async def drive(app, pilot):
        app.lines.reveal(30, 30)
        await pilot.pause()
        found = dict(app.lines.jump_targets())
        assert (4, 0) in found
        for (x, y), go in found.items():
            app.heard.clear()
            go()
            await pilot.pause()
            assert [(app.heard[0][0].replace("/line/", "line "), y)] == [(app.text()[y], y)] or (x, y) == (4, 0)
        assert len(found) == 8

    on_a_page(30, drive)


def test_another_theme_is_drawn_in_its_colours():
    async def drive(app, pilot):
        seen = []
        for theme in THEMES:
            app.theme = theme.name
            await pilot.pause()
            seen.append(app.colours())
        assert seen[0].isdisjoint(seen[1])
        assert not seen[2] <= seen[0]

    on_a_page(3, drive)
