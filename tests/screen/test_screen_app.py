"""The app around the parts: looking, opening, sizes, keymaps, questions, jump mode, and the end."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.widgets import Input, Label

from realtime.attach.view import PatchView, StageView
from realtime.control.address import Value
from realtime.screen.actions import ACTIONS, BY_ID, Where
from realtime.screen.app import WIDE, StarlingScreen
from realtime.screen.jump import LETTERS, Jump, names, targets
from realtime.screen.keymap import KEYMAP_VARIABLE
from realtime.screen.link import Told
from realtime.screen.panel import Panel, bindings
from realtime.screen.prompt import Prompt
from tests.screen.desk import HandClock, played
from tests.screen.link import NotedLink
from tests.screen.views import library, stage_view

VIEW = stage_view()
SIZE = (140, 50)


class Probe(Panel):
    """Counts what is done to it."""

    NAME: ClassVar[Where] = "scope"
    BINDINGS = bindings("scope")

    def __init__(self) -> None:
        super().__init__()
        self.shown = self.openings = self.closings = self.held = 0

    def compose(self) -> ComposeResult:
        yield Input()

    def show(self, view: StageView) -> None:
        self.shown += 1

    def opened(self) -> None:
        self.openings += 1
        super().opened()

    def closed(self) -> None:
        self.closings += 1

    def do_scope_hold(self) -> None:
        self.held += 1


@played
async def test_only_what_is_to_be_seen_is_shown() -> None:
    probe = Probe()
    app = StarlingScreen(NotedLink(VIEW), [probe])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert (probe.openings, probe.closings) == (1, 0)
        assert isinstance(app.focused, Input)
        assert probe.shown > 0
        assert not app.decks.display
        await pilot.press("escape")
        await pilot.pause()
        assert app.decks.display
        assert app.focused is app.decks
        assert probe.closings == 1
        before = probe.shown
        app.look()
        await pilot.pause()
        assert probe.shown == before


@played
async def test_a_panel_stands_beside_the_decks_where_there_is_room() -> None:
    app = StarlingScreen(NotedLink(VIEW))
    async with app.run_test(size=(WIDE, 40)) as pilot:
        await pilot.press("c")
        await pilot.pause()
        assert app.panel is not None
        assert app.decks.display
        assert app.panel.region.width >= 56
        assert app.decks.region.right == app.query_one("#panels").region.x
        await pilot.resize_terminal(WIDE - 1, 40)
        await pilot.pause(0.1)
        assert not app.decks.display
        assert app.panel.region.width == WIDE - 1
        await pilot.resize_terminal(200, 60)
        await pilot.pause(0.1)
        assert app.decks.display
        assert app.query_one("#panels").region.width == 90
        # The key leads back into a panel that has lost the focus, and closes one that has it.
        app.decks.focus()
        await pilot.press("c")
        await pilot.pause()
        assert app.place == "scenes"
        await pilot.press("c")
        await pilot.pause()
        assert app.place == ""
        assert app.decks.region.width == 200


@pytest.mark.parametrize("key", [""] + [BY_ID[f"panel.{name}"].keys[0] for name in ("scenes", "mapping", "takes", "log", "scope")])
@played
async def test_any_size_while_it_runs(key: str) -> None:
    app = StarlingScreen(NotedLink(VIEW, library()))
    async with app.run_test(size=(80, 24)) as pilot:
        if key:
            await pilot.press(key)
        for size in ((200, 60), (120, 40), (119, 39), (20, 6), (1, 1), (99, 24), (100, 24), (80, 24), (300, 90)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.screen.size == size
            app.look()


@played
async def test_many_sizes_come_together_and_the_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.screen.resizing.RESIZE_S", 0.3)
    app = StarlingScreen(NotedLink(VIEW), clock=(clock := HandClock()))
    async with app.run_test(size=(80, 24)) as pilot:
        clock.now += 1.0
        laid_out: list[int] = []
        layout = app.screen._screen_resized
        app.screen._screen_resized = lambda size: (laid_out.append(size.width), layout(size))[1]  # type: ignore[method-assign]
        for columns in range(81, 101):
            app.post_message(events.Resize(Size(columns, 24), Size(columns, 24)))
            await pilot.pause()
            clock.now += 0.0625
            app.look()
            await pilot.pause()
        clock.now += 0.3125
        app.look()
        await pilot.pause()
        # Textual lays out each of them; here the first counts, then the newest once in each RESIZE_S.
        assert list(dict.fromkeys(laid_out)) == [81, 85, 90, 95, 100]


@played
async def test_keys_faster_than_panels_open() -> None:
    app = StarlingScreen(NotedLink(VIEW, library()))
    async with app.run_test(size=SIZE) as pilot:
        for key in "cckkwaecw":
            app.simulate_key(key)
        await pilot.pause()
        await pilot.pause()
        assert app.place == "scope"


@played
async def test_every_key_of_every_action_is_bound_where_it_belongs() -> None:
    app = StarlingScreen(NotedLink(VIEW, library()))
    async with app.run_test(size=SIZE) as pilot:
        for place in dict.fromkeys(action.where for action in ACTIONS):
            if place not in ("", "decks"):
                app.open_panel(place)
            await pilot.pause()
            await pilot.pause()
            bound = {key: found.binding.action for key, found in app.screen.active_bindings.items()}
            for action in ACTIONS:
                if action.where == place:
                    # Textual's own binding of Ctrl-C copies what is selected, and leaves the key to ours where nothing is.
                    for key in set(action.keys) - {"ctrl+c"}:
                        assert bound[key] == f"app.perform('{action.id}')", (action, key)
            if place not in ("", "decks"):
                app.close_panel()


@played
async def test_an_action_of_a_panel_that_is_not_open_opens_it() -> None:
    app = StarlingScreen(NotedLink(VIEW))
    async with app.run_test(size=SIZE) as pilot:
        app.perform("scenes.store")
        await pilot.pause()
        await pilot.pause()
        assert app.place == "scenes"
        assert isinstance(app.screen, Prompt)


def keymap(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    path = folder / "keymap.toml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv(KEYMAP_VARIABLE, str(path))


def test_keys_of_one_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = ['"deck.mute" = "s"', '"deck.solo" = ["m", "X"]', '"control.more" = "f11"', '"stage.panic" = "Z"', '"stage.quit" = "nothing"']
    keymap(monkeypatch, tmp_path, "\n".join(lines))

    async def drive() -> None:
        link = NotedLink(VIEW)
        app = StarlingScreen(link)
        async with app.run_test(size=SIZE) as pilot:
            await pilot.press("s", "X", "f11", "p", "Z")
            await pilot.pause()
            asked = [path for path, _ in link.asked]
            assert asked == ["/deck/1/mute", "/deck/1/solo", "/deck/1/gain", "/panic"]
            assert any('stage.quit; got "nothing"' in note.message for note in app._notifications)
            await pilot.press("f1")
            await pilot.pause()
            assert any('stage.quit; got "nothing"' in str(label.content) for label in app.screen.query(Label))
            await pilot.press("escape", "q")
            await pilot.pause()
            assert app.screen.is_modal

    asyncio.run(drive())


@played
async def test_the_stage_goes_under_the_screen() -> None:
    link = NotedLink(VIEW)
    app = StarlingScreen(link)
    async with app.run_test(size=SIZE) as pilot:
        link.gone = "the stage ended unexpectedly"
        app.look()
        await pilot.pause()
    assert (app.return_value, app.return_code) == ("the stage ended unexpectedly", 1)


@played
async def test_the_stage_goes_because_it_was_asked_to() -> None:
    link = NotedLink(VIEW)
    app = StarlingScreen(link)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("q", "q")
        app.look()
        await pilot.pause()
        # It fades: the screen stays until it is gone.
        assert link.quits == 1
        assert app.return_value is None
        await pilot.press("q", "q")
        assert link.quits == 1
        link.gone = "the stage has ended"
        app.look()
        await pilot.pause()
    assert (app.return_value, app.return_code) == ("", 0)


@played
async def test_the_theme_is_remembered() -> None:
    async with (first := StarlingScreen(NotedLink(VIEW))).run_test(size=SIZE) as pilot:
        assert first.theme == "starling-dark"
        await pilot.press("t", "t")
        await pilot.pause()
    second = StarlingScreen(NotedLink(VIEW))
    async with second.run_test(size=SIZE):
        assert second.theme == "starling-contrast"


@played
async def test_the_same_message_is_shown_once() -> None:
    app = StarlingScreen(NotedLink(VIEW))
    async with app.run_test(size=SIZE) as pilot:
        for _ in range(50):
            app.session.say("/deck/9/gain: there is no such address", error=True)
        app.session.say("[b]another[/b")
        await pilot.pause()
        assert [note.message for note in app._notifications] == ["/deck/9/gain: there is no such address", "[b]another[/b"]


@played
async def test_a_question_is_answered_or_left() -> None:
    app = StarlingScreen(NotedLink(VIEW))
    taken: list[object] = []
    async with app.run_test(size=SIZE) as pilot:
        for keys in (["x", "y", "enter"], ["end", "x", "enter"], ["x", "escape"], ["enter"]):
            app.prompt("Name [of the scene", "old", taken.append)
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause()
        assert taken == ["xy", "oldx", "old"]
        for key in ("y", "n", "escape", "enter", "k"):
            app.confirm("Really?", lambda: taken.append("yes"), ("k",))
            await pilot.pause()
            await pilot.press(key)
            await pilot.pause()
        assert taken[3:] == ["yes", "yes", "yes"]


class FarLink(NotedLink):
    """Answers on a thread of its own, as the socket does."""

    def ask(self, path: str, *arguments: Value, then: Callable[[Told], None] | None = None) -> None:
        threading.Thread(target=super().ask, args=(path, *arguments), kwargs={"then": then}).start()

    def patches(self, then: Callable[[Sequence[PatchView]], None]) -> None:
        threading.Thread(target=then, args=(self.library,)).start()


@played
async def test_answers_come_on_the_screen_s_thread() -> None:
    app = StarlingScreen(FarLink(VIEW, library()))
    here: list[tuple[str, Any]] = []
    async with app.run_test(size=SIZE) as pilot:
        app.session.ask("/deck/1/reset", then=lambda told: here.append((told.path, threading.current_thread())))
        app.session.patches(lambda found: here.append((found[0].slug, threading.current_thread())))
        for _ in range(100):
            await pilot.pause(0.02)
            if len(here) == 2:
                break
    assert sorted(here) == [("/deck/1/reset", threading.main_thread()), ("field", threading.main_thread())]


@played
async def test_jump_goes_to_what_the_letter_stands_on() -> None:
    app = StarlingScreen(NotedLink(VIEW))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        found = targets(app)
        assert len(found) > 10
        await pilot.press("g")
        await pilot.pause()
        labels = {str(label.content): label.region.offset for label in app.screen.query(Label)}
        assert list(labels.values()) == [(target.x, target.y) for target in found]
        before = (app.session.deck, app.session.control)
        # The last target is a control far down.
        await pilot.press(*list(labels)[-1])
        await pilot.pause()
        assert not isinstance(app.screen, Jump)
        assert (app.session.deck, app.session.control) != before
        assert app.focused is app.decks


@played
async def test_jump_with_more_targets_than_letters() -> None:
    gone: list[int] = []

    class Many(Probe):
        def jump_targets(self) -> list[tuple[tuple[int, int], Callable[[], None]]]:
            return [((90 + 2 * (place % 20), 4 + place // 20), lambda place=place: gone.append(place)) for place in range(100)]

    app = StarlingScreen(NotedLink(VIEW), [Many()])
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        app.decks.display = False
        for place in (22, 23, 99):
            app.close_panel()
            app.open_panel("scope")
            await pilot.pause()
            app.decks.focus()
            app.perform("screen.jump")
            await pilot.pause()
            *first, last = names(100)[place]
            assert len(first) == (place > 22)
            for letter in first:
                await pilot.press(letter)
                await pilot.pause()
                assert {str(label.content)[0] for label in app.screen.query(Label) if label.display} == {letter}
            await pilot.press(last)
            await pilot.pause()
        assert gone == [22, 23, 99]


def test_names_of_targets() -> None:
    assert names(0) == []
    assert names(3) == ["a", "s", "d"]
    assert names(len(LETTERS)) == list(LETTERS)
    assert names(27)[24:] == ["n", "ma", "ms"]
    for count in range(len(LETTERS), len(LETTERS) ** 2 + 1, 7):
        made = names(count)
        assert len(set(made)) == count
        assert [len(name) for name in made] == sorted(len(name) for name in made)
        # Whoever has typed a name is there: it begins no other.
        alone = {name for name in made if len(name) == 1}
        assert not alone & {name[0] for name in made if len(name) == 2}
    assert {len(name) for name in names(len(LETTERS) ** 2)} == {2}
    assert names(1000) == names(len(LETTERS) ** 2)


@played
async def test_a_click_on_a_deck_selects_it() -> None:
    app = StarlingScreen(NotedLink(replace(VIEW)))
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.click(app.decks, offset=(100, 3))
        await pilot.pause()
        assert app.session.deck == 2


FORBIDDEN = (
    "numba", "llvmlite", "onnxruntime", "sounddevice", "soundfile", "soxr", "rtmidi", "zeroconf", "websockets", "pythonosc", "torch",
    "realtime.engine", "realtime.show", "realtime.device", "realtime.kernels", "realtime.deck_process", "realtime.voices", "realtime.osc",
    "realtime.midi", "realtime.control.core",
)  # fmt: skip
"""What plays: a screen that loads it starts slowly, and may break as that does."""
LATE = ("numpy", "realtime.screen.scope", "realtime.screen.help", "realtime.screen.jump")
"""What is wanted only when somebody opens it."""


def loaded(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split())


def test_the_screen_loads_nothing_that_plays() -> None:
    modules = loaded("import realtime.screen.app, realtime.attach.client")
    assert {"realtime.screen.app", "textual.app"} <= modules
    assert not modules & {*FORBIDDEN, *LATE}


def test_no_panel_loads_anything_that_plays() -> None:
    names_ = [where for where in dict.fromkeys(action.where for action in ACTIONS) if where not in ("", "decks")]
    lines = [
        "import realtime.screen.palette, realtime.screen.help, realtime.screen.jump",
        "from realtime.screen.panels import make_panel",
        f"panels = [make_panel(name) for name in {names_!r}]",
    ]
    modules = loaded("\n".join(lines))
    assert {f"realtime.screen.{name}" for name in names_} <= modules
    assert not modules & set(FORBIDDEN)


@pytest.mark.parametrize("keys", [["ctrl+s", "ctrl+u", *"/rack", "enter", "p"], ["b", "slash", *"rain", "enter", "escape", "p"]])
@played
async def test_keys_faster_than_questions(keys: list[str]) -> None:
    link = NotedLink(VIEW, library())
    app = StarlingScreen(link)
    async with app.run_test(size=SIZE) as pilot:
        for key in keys:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        assert link.asked[-1] == ("/panic", (1,))
        assert {path for path, _ in link.asked} <= {"/rack/save", "/panic"}
        assert len(app.typeahead) == 0
