"""A panel in front of a performer under test: the whole screen on a stage that notes what it is asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from rich.cells import cell_len
from textual.geometry import Offset
from textual.pilot import Pilot

from realtime.attach.view import StageView
from realtime.screen.actions import Where
from realtime.screen.app import StarlingScreen
from realtime.screen.panel import Panel
from tests.screen.link import NotedLink


def played(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test that is a coroutine."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))  # type: ignore[arg-type]

    return run


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    """What a test does and looks at."""

    app: StarlingScreen
    pilot: Pilot[str]
    link: NotedLink
    clock: HandClock
    notes: list[str] = field(default_factory=list)

    @property
    def panel(self) -> Panel:
        assert self.app.panel is not None
        return self.app.panel

    @property
    def said(self) -> str:
        """Everything that was shown for a while, also what is gone again."""
        return "\n".join(self.notes)

    async def press(self, *keys: str) -> list[tuple[str, tuple[Any, ...]]]:
        """Press keys; what was asked for meanwhile."""
        before = len(self.link.asked)
        await self.pilot.press(*keys)
        await self.settle()
        return self.link.asked[before:]

    async def type(self, text: str) -> list[tuple[str, tuple[Any, ...]]]:
        """Write over what is offered and press Enter."""
        return await self.press("ctrl+u", *("space" if letter == " " else letter for letter in text), "enter")

    async def show(self, view: StageView) -> None:
        """Have the stage look so."""
        self.link.view = view
        self.app.look()
        await self.settle()

    async def settle(self) -> None:
        """Wait until everything that was begun is drawn."""
        await self.pilot.pause()
        self.app.look()
        await self.pilot.pause()

    def rows(self) -> list[str]:
        """What the panel shows, row by row."""
        region = self.panel.region
        strips = self.app.screen._compositor.render_strips()
        return [strips[y].crop(region.x, region.right).text.rstrip() for y in range(region.y, min(region.bottom, self.app.size.height))]

    def place_of(self, text: str) -> Offset:
        """Where on the screen a text of the panel stands."""
        for y, row in enumerate(self.rows()):
            if text in row:
                return Offset(self.panel.region.x + cell_len(row[: row.index(text)]), self.panel.region.y + y)
        raise AssertionError(f"{text!r} is not to be seen in\n" + "\n".join(self.rows()))

    async def click(self, text: str, button: int = 1) -> list[tuple[str, tuple[Any, ...]]]:
        """Click on a text of the panel; what was asked for meanwhile."""
        before = len(self.link.asked)
        await self.pilot.click(offset=self.place_of(text), button=button)
        await self.settle()
        return self.link.asked[before:]


@asynccontextmanager
async def at_panel(name: Where, view: StageView, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Desk]:
    """A screen of this size with a panel open."""
    link = NotedLink(view)
    app = StarlingScreen(link, clock=(clock := HandClock()))
    async with app.run_test(size=size) as pilot:
        desk = Desk(app, pilot, link, clock)
        show = app.notify

        def notify(message: str, **how: Any) -> None:
            desk.notes.append(message)
            show(message, **how)

        app.notify = notify  # type: ignore[method-assign]
        await desk.settle()
        app.open_panel(name)
        await desk.settle()
        app.look()
        await desk.settle()
        yield desk
