"""A monkey at the screen, while the stage behind it is another one all the time: nothing it does may break it."""

import gc
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from textual import events
from textual.pilot import Pilot
from textual.widgets._footer import FooterKey

from realtime.attach.view import PatchView, SceneView
from realtime.control.address import Value, take_argument
from realtime.plain import plain
from realtime.screen.actions import ACTIONS
from realtime.screen.app import StarlingScreen
from realtime.screen.help import Help
from realtime.screen.link import Told
from tests.screen.desk import HandClock, at_panel, played
from tests.screen.link import NotedLink
from tests.screen.wild import PLAIN, Wild

TYPED: Final = ("7", "-1e400", "nan", "0.5", "x", "[/]", "雨", " ")
SIZES: Final = ((1, 1), (2, 40), (20, 5), (80, 24), (99, 30), (120, 40), (300, 100), (40, 1))
MARKED: Final = ("[/]", "[red]deep[/red]", "[RED]", "[@click=app.quit]x[/]", "a\\", "[$accent]", "雨[b")
SEED: Final = 4
STEPS: Final = 45


class WildLink(NotedLink):
    """Takes only what the stage could take, by the row of each address, and answers with anything."""

    def __init__(self, wild: Wild) -> None:
        super().__init__(PLAIN)
        self.wild = wild

    def ask(self, path: str, *arguments: Value, then: Callable[[Told], None] | None = None) -> None:
        address = self.view.addresses.get(path)
        assert all(type(value) in (int, float, str) for value in arguments), (path, arguments)
        if address is not None:
            wanted = address.arguments
            least = sum(not argument.optional for argument in wanted)
            assert least <= len(arguments) <= len(wanted) or wanted[-1].many, (path, arguments)
            for argument, value in zip(wanted, arguments, strict=False):
                taken, _ = take_argument(argument, value)
                assert argument.tag == "f" or type(taken) is type(value), (path, arguments)
        self.answers = {path: tuple(plain(self.wild.name()) for _ in range(self.wild.chance.randrange(6)))}
        self.refuses = {path: plain(self.wild.name())} if self.wild.chance.random() < 0.2 else {}
        super().ask(path, *arguments, then=then)


class Monkey:
    """Hits keys, clicks, turns the wheel, drags the window, and looks at what became of it."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.wild = Wild(self.chance)
        self.link = WildLink(self.wild)
        self.clock = HandClock()
        self.app = StarlingScreen(self.link, clock=self.clock)
        self.exits: list[object] = []
        self.app.exit = lambda *told, **_: self.exits.append(told)  # type: ignore[assignment, method-assign]
        self.did: list[object] = []
        self._keys = [key for action in ACTIONS for key in action.keys]

    async def step(self, pilot: Pilot[str]) -> None:
        """One thing, and everything that comes of it."""
        chance = self.chance
        do = chance.choice((self._key, self._key, self._key, self._type, self._mouse, self._mouse, self._size, self._stage, self._stage))
        self.clock.now += chance.choice((0.0, 0.05, 0.4, 2.0, 70.0))
        await do(pilot)
        self.app.look()
        await pilot.pause()
        assert self.app._exception is None, self.did[-5:]
        strips = self.app.screen._compositor.render_strips()
        assert {strip.cell_length for strip in strips} <= {self.app.size.width}, (self.did[-5:], self.app.size)
        odd = {letter for strip in strips for letter in strip.text if unicodedata.category(letter) in ("Cc", "Zl", "Zp")}
        assert not odd, (odd, self.did[-5:])

    async def leave_all(self, pilot: Pilot[str]) -> None:
        """Leave what is open, on a terminal of ordinary size."""
        self.did.append("leaves")
        await pilot.resize_terminal(120, 40)
        while self.app.screen.is_modal:
            await pilot.press("escape")
        assert len(self.app.typeahead) == 0

    async def _key(self, pilot: Pilot[str]) -> None:
        await self._press(pilot, self.chance.choice((*self._keys, "enter", "escape", "tab", "shift+tab", "y", "n")))

    async def _type(self, pilot: Pilot[str]) -> None:
        for letter in self.chance.choice(TYPED):
            await self._press(pilot, "space" if letter == " " else letter)
        await self._press(pilot, self.chance.choice(("enter", "escape", "down")))

    async def _press(self, pilot: Pilot[str], key: str) -> None:
        self.did.append(key)
        await pilot.press(key)

    async def _mouse(self, pilot: Pilot[str]) -> None:
        size, chance = self.app.size, self.chance
        x, y = chance.randrange(size.width), chance.randrange(size.height)
        kinds = chance.choice(
            (
                (events.MouseDown, events.MouseUp, events.Click), (events.MouseDown,), (events.MouseMove,), (events.MouseUp,),
                (events.MouseScrollUp,), (events.MouseScrollDown,),
            )
        )  # fmt: skip
        self.did.append((x, y, [kind.__name__ for kind in kinds]))
        await pilot._post_mouse_events(list(kinds), None, offset=(x, y), button=chance.choice((0, 1, 1, 3)), shift=chance.random() < 0.2)

    async def _size(self, pilot: Pilot[str]) -> None:
        size = self.chance.choice((*SIZES, (self.chance.randint(1, 300), self.chance.randint(1, 100))))
        self.did.append(size)
        await pilot.resize_terminal(*size)

    async def _stage(self, pilot: Pilot[str]) -> None:
        self.did.append("stage")
        self.link.view = self.wild.news(self.link.view)
        self.link.library = self.wild.library()


@played
async def test_nothing_a_hand_does_on_any_stage_breaks_it() -> None:
    monkey = Monkey(SEED)
    async with monkey.app.run_test(size=(120, 40)) as pilot:
        for _ in range(STEPS):
            await monkey.step(pilot)
        await monkey.leave_all(pilot)
        await pilot.press("f1")
        assert isinstance(monkey.app.screen, Help)
        asked = len(monkey.link.asked)
        await pilot.press("p")
        assert [path for path, _ in monkey.link.asked[asked:]] == ["/panic"]
        await pilot.press("f1")


@played
async def test_the_palette_shows_names_as_they_are() -> None:
    link = NotedLink(
        replace(PLAIN, scenes=SceneView(MARKED)), [PatchView(f"rain{place}", summary=name) for place, name in enumerate(MARKED)]
    )
    app = StarlingScreen(link)
    async with app.run_test(size=(100, 50)) as pilot:
        for typed, lines in (("recallscene", [f"Recall scene {name}" for name in MARKED]), ("loadrain", MARKED)):
            await pilot.press("ctrl+p", *typed)
            await app.workers.wait_for_complete()
            await pilot.pause()
            seen = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            assert [line for line in lines if line not in seen] == []
            await pilot.press("escape")
        await pilot.press("ctrl+p", *"recallscene[red]")
        await app.workers.wait_for_complete()
        await pilot.press("enter")
        await pilot.pause()
        assert link.asked == [("/scene/recall", ("[red]deep[/red]",))]


@played
async def test_keys_that_are_shown_no_more_are_forgotten() -> None:
    async with at_panel("scenes", PLAIN) as desk:
        for _ in range(2):
            for name in ("takes", "doctor", "scenes"):
                desk.app.open_panel(name)
                await desk.settle()
        gc.collect()
        # Their types alone: some library's objects warn when they are asked for their class.
        kept = sum(type(one) is FooterKey for one in gc.get_objects())
        assert 0 < kept <= 2 * len(desk.app.screen.query(FooterKey))


@played
async def test_questions_and_notes_show_texts_as_they_are() -> None:
    text = "\x1b[31m[/][red]a\u202eb"
    async with at_panel("scenes", PLAIN) as desk:
        desk.app.session.say(text)
        desk.app.prompt(text, text, desk.notes.append)
        await desk.settle()
        seen = "\n".join(strip.text for strip in desk.app.screen._compositor.render_strips())
        assert seen.count(r"\x1b[31m[/][red]a\u202eb") == 2
        assert desk.notes == [r"\x1b[31m[/][red]a\u202eb"]
        assert not {"\x1b", "\u202e"} & set(seen)
