"""Every action of the table through the whole screen: its key is pressed, and what is asked of the stage or seen is checked."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette

from realtime.attach.view import DeckView, JobView, LineView, PatchView, RecordView, SceneView, StageView
from realtime.screen.actions import ACTIONS, BY_ID
from realtime.screen.app import StarlingScreen
from realtime.screen.help import Help
from realtime.screen.jump import Jump
from realtime.screen.prompt import Confirm, Prompt
from tests.screen.desk import HandClock
from tests.screen.link import NotedLink
from tests.screen.views import library, stage_view

SIZE = (140, 50)
Asked = list[tuple[str, tuple[Any, ...]]]
CLASSES = ("applause", "bees", "fire", "pistons", "rain", "wind")
RAIN = "/deck/1/class/rain"
VIEW = stage_view()


@dataclass(frozen=True)
class Case:
    """One way to do an action. `keys` are pressed before its own, `then` after it; `asks` is all that the stage may be asked then."""

    asks: Asked = field(default_factory=list)
    sees: Callable[[StarlingScreen, NotedLink], bool] | None = None
    view: StageView = VIEW
    keys: Sequence[str] = ()
    then: Sequence[str] = ()
    deck: int = 1
    control: str = RAIN
    answers: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    library: Sequence[PatchView] = ()
    """What the library is when the key is pressed, where that is another than when the panel was opened."""


def shows(kind: type) -> Callable[[StarlingScreen, NotedLink], bool]:
    return lambda app, link: isinstance(app.screen, kind)


def text_of(app: StarlingScreen) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


def reads(*texts: str) -> Callable[[StarlingScreen, NotedLink], bool]:
    return lambda app, link: all(text in text_of(app) for text in texts)


def lacks(gone: str, there: str) -> Callable[[StarlingScreen, NotedLink], bool]:
    return lambda app, link: gone not in text_of(app) and there in text_of(app)


def says(text: str) -> Callable[[StarlingScreen, NotedLink], bool]:
    return lambda app, link: any(text in note.message for note in app._notifications)


def is_open(name: str) -> Callable[[StarlingScreen, NotedLink], bool]:
    return lambda app, link: app.place == name


def selects(deck: int, path: str = "") -> Callable[[StarlingScreen, NotedLink], bool]:
    return lambda app, link: app.session.deck == deck and (not path or app.session.control == path)


def typed(text: str) -> list[str]:
    return [*("space" if letter == " " else letter for letter in text), "enter"]


EMPTY = replace(VIEW, decks=tuple(DeckView(number) for number in (1, 2, 3)), record=RecordView())
QUIET = replace(VIEW, record=RecordView())
PANICKED = replace(VIEW, panicked=True)
MODES = replace(VIEW, decks=(replace(VIEW.decks[0], modes=("full", "light")),))
LEARNING = replace(VIEW, midi=replace(VIEW.midi, learning=RAIN))
AUDITIONING = replace(VIEW, audition=DeckView(0, "textures", "Textures", "tokens", "playing"))
MAKING = replace(VIEW, job=JobView("mine", 0.4, "12 of 30 files", "running"))
MADE = {"/corpus/state": ("done", "mine", 1.0, "120 units", "/corpora/mine")}
MANY_LINES = replace(VIEW, lines=tuple(LineView(number + 1, 1_700_000_000.0 + number, "osc", f"line {number}") for number in range(200)))
PASSING = replace(VIEW, traffic=tuple(LineView(n, 1_700_000_100.0, f"osc {way}", "/deck/1/gain") for n, way in ((1, "in"), (2, "out"))))
HERE = str(Path.cwd())
OSC_LINE = "/deck/9/gain: there is no such address"
MIDI_LINE = "nanoKONTROL2 is here"
ENGINE_LINE = "the model was late"
OTHER_LINE = "recording take 2026-11-21 20.15.wav"

CASES: dict[str, list[Case]] = {
    "stage.panic": [
        Case([("/panic", (1,))]),
        Case([("/panic", (0,))], view=PANICKED),
        # A hand that hits it twice means it.
        Case([("/panic", (1,)), ("/panic", (1,))], then=["p"]),
        # It works while something is asked, by the key that is no text there.
        Case([("/panic", (1,))], keys=["ctrl+s"], then=["ctrl+x"], sees=shows(Prompt)),
        Case([("/panic", (1,))], keys=["f1"], sees=shows(Help)),
    ],
    "stage.quit": [
        Case(sees=lambda app, link: isinstance(app.screen, Confirm) and link.quits == 0),
        Case(then=["q"], sees=lambda app, link: link.quits == 1),
        Case(then=["y"], sees=lambda app, link: link.quits == 1),
        Case(then=["n"], sees=lambda app, link: link.quits == 0 and not isinstance(app.screen, Confirm)),
        Case(then=["escape"], sees=lambda app, link: link.quits == 0 and not isinstance(app.screen, Confirm)),
        Case(view=EMPTY, sees=lambda app, link: link.quits == 1),
        Case(keys=["ctrl+c"], sees=lambda app, link: link.quits == 1),
        Case(view=EMPTY, then=["q"], sees=lambda app, link: link.quits == 1),
        Case(view=replace(EMPTY, record=VIEW.record), sees=shows(Confirm)),
    ],
    "stage.detach": [Case(sees=lambda app, link: app.return_value == "" and app.return_code == 0 and link.quits == 0)],
    "stage.undo": [
        Case([("/deck/1/mute", (1.0,)), ("/deck/1/mute", (0.0,))], keys=["m"]),
        Case(sees=says("nothing to take back")),
    ],
    "stage.save_rack": [
        Case(sees=shows(Prompt)),
        Case([("/rack/save", (str(Path.cwd() / "new.toml"),))], then=["ctrl+u", *typed("new.toml")], sees=says("rack saved")),
        Case(then=["ctrl+u", *typed("pyproject.toml")], sees=shows(Confirm)),
        Case([("/rack/save", (str(Path.cwd() / "pyproject.toml"),))], then=["ctrl+u", *typed("pyproject.toml"), "y"]),
        Case(then=["escape"], sees=lambda app, link: not isinstance(app.screen, Prompt)),
        # Beside the takes, until there is a rack of this show.
        Case([("/rack/save", (str(Path.cwd() / "Starling" / "starling.toml"),))], then=["enter"]),
        Case([("/rack/save", ("/racks/show.toml",))], view=replace(VIEW, rack="/racks/show.toml"), then=["enter"]),
    ],
    "stage.load_rack": [
        Case([("/rack/load", ("/racks/show.toml",))], view=replace(VIEW, rack="/racks/show.toml"), then=["enter"]),
        Case([("/rack/load", ("/racks/a.toml",))], then=["ctrl+u", *typed("/racks/a.toml")], sees=says("rack loaded: /racks/a.toml")),
    ],
    "stage.command": [
        Case([("/scene/morph", ("verse", 8.0))], then=typed("/scene/morph verse 8"), sees=says("done: /scene/morph verse 8")),
        Case([("/deck/2/seed", (7,))], deck=2, then=typed("seed 7")),
        # A value is set so that it can be taken back, and shown where nothing stands behind it.
        Case([("/deck/1/gain", (-6.5,)), ("/deck/1/gain", (0.0,))], then=[*typed("gain -6.5"), "u"]),
        Case(then=typed("gain"), sees=lambda app, link: says("/deck/1/gain 0")(app, link) and not link.asked),
        Case([("/deck/1/gain", (12.0,))], then=typed("gain 99"), sees=says("out of range: /deck/1/gain 12 was taken")),
        # What cannot be taken is offered again, and so is the last line.
        Case([("/panic", ())], then=[*typed("/panik"), *typed("/panic")], sees=says("no such address now; got /panik; allowed: /panic")),
        Case([("/deck/1/reset", ()), ("/deck/1/reset", ())], then=[*typed("reset"), "colon", "enter"]),
        Case([("/deck/1/corpora", ("a", "b"))], then=["c", "o", "r", "p", "right", *typed(" a b")]),
        Case([], then=["enter"], sees=lambda app, link: not app.screen.is_modal),
    ],
    "stage.clear_counts": [Case([("/counts/clear", ())], sees=says("drop-outs are counted from now on"))],
    "record.toggle": [
        Case([("/record/stop", ())], sees=says("take: Starling/take 2026-11-21 20.15.wav")),
        Case([("/record/start", ())], view=QUIET, answers={"/record/start": ("/music/a.wav",)}, sees=says("recording /music/a.wav")),
    ],
    "record.preroll": [
        Case([("/record/preroll", ())], answers={"/record/preroll": ("/music/b.wav", 60.0)}, sees=says("the last minute: /music/b.wav"))
    ],
    "master.up": [
        Case([("/master/gain", (1.0,))]),
        Case([("/master/gain", (12.0,))], view=replace(VIEW, values={**VIEW.values, "/master/gain": 11.5})),
    ],
    "master.down": [Case([("/master/gain", (-1.0,))])],
    "master.input_up": [Case([("/master/input_gain", (1.0,))], sees=says("input +1.0 dB"))],
    "master.input_down": [Case([("/master/input_gain", (-1.0,)), ("/master/input_gain", (-2.0,))], then=["{"], sees=says("input -2.0 dB"))],
    **{f"deck.select_{n}": [Case(sees=selects(n), deck=4 - n if n != 2 else 1)] for n in (1, 2, 3)},
    **{f"deck.select_{n}": [Case(sees=says(f"there is no deck {n}; there are 3"))] for n in range(4, 9)},
    "deck.next": [Case(sees=selects(2)), Case(deck=3, sees=selects(1))],
    "deck.previous": [Case(sees=selects(3)), Case(deck=3, sees=selects(2))],
    "deck.mute": [Case([("/deck/1/mute", (1.0,))]), Case([("/deck/1/mute", (1.0,)), ("/deck/1/mute", (0.0,))], keys=["m"])],
    "deck.solo": [Case([("/deck/2/solo", (1.0,))], deck=2)],
    "deck.freeze": [Case([("/deck/1/freeze", (1.0,))]), Case([("/deck/2/freeze", (0.0,))], deck=2)],
    "deck.reset": [Case([("/deck/2/reset", ())], deck=2)],
    "deck.new_seed": [Case(sees=lambda app, link: link.asked[-1][0] == "/deck/1/seed" and 0 <= link.asked[-1][1][0] < 2**31)],
    "deck.seed": [
        Case([("/deck/2/seed", (42,))], deck=2, then=typed("42")),
        Case([("/deck/1/seed", (2**62 + 1,))], then=typed(str(2**62 + 1))),
        Case([("/deck/1/seed", (1,))], then=[*typed("x"), *typed("1")], sees=says("seed: got 'x'; allowed: whole number from 0")),
    ],
    "deck.prime": [Case([("/deck/2/prime", ("/clips/one.wav",))], deck=2, then=["ctrl+u", *typed("/clips/one.wav")])],
    "deck.mode": [
        Case(
            [("/deck/1/mode", (0,)), ("/deck/1/mode", (1,)), ("/deck/1/mode", (-1,))], view=MODES, then=["M", "M"], sees=says("mode light")
        ),
        Case([("/deck/1/mode", (-1,))], view=replace(MODES, decks=(replace(MODES.decks[0], mode_asked=1),)), sees=says("chooses its mode")),
        Case(sees=says("deck 3 plays nothing"), deck=3),
    ],
    "deck.random_patch": [Case([("/deck/1/patch/random", ())])],
    "deck.unload": [Case([("/deck/1/unload", ())], then=("y",)), Case([], then=("n",))],
    "deck.next_patch": [Case([("/deck/1/patch/next", ())])],
    "deck.previous_patch": [Case([("/deck/1/patch/previous", ())])],
    "deck.longer_lead": [
        Case([("/deck/1/lead", (1920,))], sees=says("deck 1: lead 44 ms")),
        # The second press goes on from what the first asked for, before the deck has it.
        Case([("/deck/1/lead", (1920,)), ("/deck/1/lead", (2880,))], then=["]"]),
        Case(deck=3, sees=says("deck 3 has no lead: it is empty")),
    ],
    "deck.shorter_lead": [Case([("/deck/1/lead", (853,))])],
    "deck.auto_lead": [Case([("/deck/1/lead", (0,))])],
    "control.previous": [Case(sees=selects(1, "/deck/1/class/pistons")), Case(control="/deck/1/gain", sees=selects(1, "/deck/1/gain"))],
    "control.next": [Case(sees=selects(1, "/deck/1/class/wind"))],
    "control.first": [Case(sees=selects(1, "/deck/1/gain"))],
    "control.last": [Case(sees=lambda app, link: app.session.control.startswith("/deck/1/param/"))],
    "control.less": [Case([(RAIN, (pytest.approx(0.57),))])],
    "control.more": [Case([(RAIN, (pytest.approx(0.67),))])],
    "control.less_fine": [Case([(RAIN, (pytest.approx(0.615),))])],
    "control.more_fine": [Case([(RAIN, (pytest.approx(0.625),))])],
    "control.minimum": [Case([(RAIN, (0.0,))])],
    "control.maximum": [Case([(RAIN, (1.0,))])],
    "control.default": [Case([(RAIN, (0.0,))])],
    "control.type": [
        Case(sees=shows(Prompt)),
        Case([("/deck/1/gain", (-6.5,))], control="/deck/1/gain", then=typed("-6,5 dB")),
        Case([(RAIN, (1.0,))], then=typed("3"), sees=says("3 is out of range; 1 was taken")),
        Case([(RAIN, (0.5,))], then=[*typed("much"), *typed("0.5")], sees=says("got 'much'; allowed: number 0 to 1")),
    ],
    "control.only": [
        Case(
            [
                (f"/deck/1/class/{name}", (float(name == "bees"),))
                for name in CLASSES
                if VIEW.values[f"/deck/1/class/{name}"] != (name == "bees")
            ],
            control="/deck/1/class/bees",
        ),
        Case(control="/deck/1/gain", sees=says("select a class first")),
    ],
    "control.learn": [
        Case([("/midi/learn", (RAIN,))], sees=says("turn a knob now")),
        Case([("/midi/learn/cancel", ())], view=LEARNING),
    ],
    "control.unlearn": [Case([("/midi/unlearn", (RAIN,))])],
    "panel.decks": [Case(keys=["c"], sees=lambda app, link: app.place == "" and app.focused is app.decks)],
    **{f"panel.{name}": [Case(sees=is_open(name))] for name in ("browser", "scenes", "mapping", "takes", "log", "scope", "doctor")},
    "screen.help": [Case(sees=shows(Help)), Case(then=["f1"], sees=lambda app, link: not isinstance(app.screen, Help))],
    "screen.palette": [
        Case(sees=shows(CommandPalette)),
        Case([("/deck/1/mute", (1.0,))], then=typed("mute")),
        Case([("/scene/recall", ("swarm",))], then=typed("recall scene swarm")),
        Case([("/deck/1/load", ("field",))], then=typed("load field into")),
    ],
    "screen.jump": [Case(sees=shows(Jump)), Case(then=["escape"], sees=lambda app, link: not isinstance(app.screen, Jump))],
    "screen.theme": [
        Case(sees=lambda app, link: app.theme == "starling-light"),
        Case(then=["t", "t"], sees=lambda app, link: app.theme == "starling-dark"),
    ],
    "scene.store": [
        Case([("/scene/save", ("scene 1",))], sees=says("stored: scene 1")),
        Case([("/scene/save", ("scene 2",))], view=replace(VIEW, scenes=SceneView(("scene 1",)))),
    ],
    **{f"scene.recall_{n}": [Case([("/scene/recall", (VIEW.scenes.names[n - 1],))])] for n in (1, 2, 3)},
    **{f"scene.recall_{n}": [Case(sees=says(f"there is no scene {n}; Shift+S stores one"))] for n in range(4, 9)},
    "scene.next": [
        Case([("/scene/next", ())], answers={"/scene/next": ("swarm",)}, sees=says("recalled: swarm")),
        Case([("/scene/next", ())], keys=["c"]),
    ],
    "scene.previous": [Case([("/scene/previous", ())], answers={"/scene/previous": ("rain",)}, sees=says("recalled: rain"))],
    "takes.tap": [Case([("/transport/tap", ())] * 2, then=["j"]), Case([("/transport/tap", ())], keys=["a"])],
    # Panels: the panel is open.
    "browser.load": [Case([("/deck/1/load", ("textures",))]), Case([("/deck/1/load", ("field",))], keys=["up"])],
    "browser.audition": [Case([("/audition/load", ("textures",))]), Case([("/audition/stop", ())], view=AUDITIONING)],
    "browser.search": [Case([("/deck/1/load", ("textures",))], then=[*typed("tokens"), "enter"])],
    "browser.corpus": [Case([("/corpus/make", ("/sounds/mine",))], then=["ctrl+u", *typed("/sounds/mine")])],
    "browser.cancel": [Case([("/corpus/cancel", ())], view=MAKING), Case(sees=says("nothing is being loaded or made"))],
    "browser.take": [Case([("/corpus/state", ()), ("/deck/1/corpora", ("/corpora/mine",))], answers=MADE, then=["enter"])],
    "browser.refresh": [Case([("/deck/1/load", ("textures",))], library=library()[1:2], then=["enter"])],
    "scenes.recall": [Case([("/scene/recall", ("rain",))]), Case([("/scene/recall", ("swarm",))], keys=["right"])],
    "scenes.store": [Case([("/scene/save", ("scene 1",))], then=["enter"]), Case([("/scene/save", ("loud",))], then=typed("loud"))],
    "scenes.overwrite": [Case([("/scene/save", ("rain",))], then=["y"]), Case(then=["n"], sees=lambda app, link: not app.screen.is_modal)],
    "scenes.morph": [Case([("/scene/morph", ("rain", 4.0))], then=["enter"]), Case([("/scene/morph", ("rain", 8.0))], then=typed("8"))],
    "scenes.rename": [Case([("/scene/rename", ("rain", "storm"))], then=typed("storm"))],
    "scenes.delete": [Case([("/scene/delete", ("rain",))], then=["y"]), Case(then=["n"], sees=lambda app, link: not app.screen.is_modal)],
    "mapping.learn": [Case([("/midi/learn", (RAIN,))]), Case([("/midi/learn/cancel", ())], view=LEARNING)],
    "mapping.range": [Case([("/midi/learn", (RAIN, 0.2, 0.8))], then=typed("0.2 0.8"))],
    "mapping.unlearn": [Case([("/midi/unlearn", (RAIN,))])],
    "mapping.save": [Case([("/midi/save", (f"{HERE}/mapping.toml",))], then=["enter"])],
    "mapping.load": [Case([("/midi/load", ("/maps/mine.toml",))], then=["ctrl+u", *typed("/maps/mine.toml")])],
    "mapping.takeover": [Case([("/midi/takeover", ("scale",))], view=replace(VIEW, values={**VIEW.values, "/midi/takeover": "pickup"}))],
    "takes.play": [Case([("/automation/play", ("/takes/storm.toml",))], then=["ctrl+u", *typed("/takes/storm.toml")])],
    "takes.record": [Case([("/automation/record", ("/takes/calm.toml",))], then=["ctrl+u", *typed("/takes/calm.toml")])],
    "takes.stop": [Case([("/automation/stop", ())])],
    "takes.stems": [Case([("/record/start", ("", 1))])],
    "takes.clock": [Case([("/transport/run", (0,))], view=replace(VIEW, values={**VIEW.values, "/transport/run": 1}))],
    "takes.tempo": [
        Case([("/transport/tempo", (140.5,))], view=replace(VIEW, values={**VIEW.values, "/transport/tempo": 96.0}), then=typed("140.5"))
    ],
    "takes.source": [Case([("/transport/source", ("midi",))], view=replace(VIEW, values={**VIEW.values, "/transport/source": "internal"}))],
    "takes.bar": [
        Case([("/transport/quantum", (3,))], view=replace(VIEW, values={**VIEW.values, "/transport/quantum": 4}), then=typed("3"))
    ],
    "takes.copy": [Case(sees=lambda app, link: app.clipboard == VIEW.record.path)],
    "log.osc": [Case(sees=lacks(OSC_LINE, MIDI_LINE)), Case(then=["o"], sees=reads(OSC_LINE, MIDI_LINE))],
    "log.midi": [Case(sees=lacks(MIDI_LINE, OSC_LINE))],
    "log.engine": [Case(sees=lacks(ENGINE_LINE, OSC_LINE))],
    "log.other": [Case(sees=lacks(OTHER_LINE, OSC_LINE))],
    "log.messages": [
        Case(view=PASSING, sees=lacks("osc out", "osc in")),
        Case(
            view=PASSING, then=["space", "space"], sees=lambda app, link: lacks("osc in", OSC_LINE)(app, link) and not link.traffic_wanted
        ),
        Case(view=PASSING, then=["space", "space", "space"], sees=reads("osc in", "osc out")),
    ],
    "log.search": [Case(then=typed("NO SUCH"), sees=lacks(MIDI_LINE, OSC_LINE))],
    "log.end": [
        Case(keys=["home"], view=MANY_LINES, sees=reads("line 199")),
        Case(view=MANY_LINES, then=["home"], sees=lacks("line 199", "line 0")),
    ],
    "scope.view": [
        Case(sees=lambda app, link: reads("waveform")(app, link) and link.sound_wanted),
        Case(then=["space", "space"], sees=lambda app, link: reads("The scope is off")(app, link) and not link.sound_wanted),
    ],
    "scope.hold": [Case(sees=reads("held")), Case(then=["enter"], sees=lacks("held", "wave and spectrogram"))],
    "scope.range": [Case(keys=[], sees=reads("0 to -100 dB")), Case(then=["v"], sees=reads("0 to -60 dB"))],
    "doctor.fix": [Case([("/panic", (0,))], view=PANICKED), Case(sees=says("nothing here that the screen can do itself"))],
    "doctor.devices": [Case(sees=reads("looking …"))],
}


def run(case: Case, action_id: str) -> None:
    action = BY_ID[action_id]
    place = action.where if action.where not in ("", "decks") else ""

    async def drive() -> None:
        link = NotedLink(case.view, library())
        link.answers.update(case.answers)
        app = StarlingScreen(link, clock=HandClock())
        app.session.deck = case.deck
        if case.deck == 1:
            app.session.selected[1] = case.control
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause()
            if place:
                await pilot.press(BY_ID[f"panel.{place}"].keys[0])
                await pilot.pause()
                link.asked.clear()
                link.library = case.library or link.library
            await pilot.press(*case.keys, action.keys[0], *case.then)
            await pilot.pause()
            if case.sees is not None:
                assert case.sees(app, link), (link.asked, app.screen, [note.message for note in app._notifications])
            if case.asks or case.sees is None:
                assert link.asked == case.asks

    asyncio.run(drive())


@pytest.mark.parametrize(
    ("action_id", "number"), [(action_id, number) for action_id, cases in CASES.items() for number in range(len(cases))]
)
def test_what_an_action_does(action_id: str, number: int) -> None:
    run(CASES[action_id][number], action_id)


def test_no_action_lacks_a_test() -> None:
    assert sorted(CASES) == sorted(action.id for action in ACTIONS)
