"""A show on the device `null`: an engine within reach, and parts that cannot start."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from realtime import commands as do
from realtime.control.automation_file import read_automation
from realtime.control.outcome import Origin, Outcome
from realtime.controls import DECK_CONTROLS
from realtime.engine import Engine, EngineConfig
from realtime.kernels import layout as at
from realtime.midi.mapping import Mapping
from realtime.rack import read_rack
from realtime.show import Show
from realtime.show_settings import MidiSettings, OscSettings, RecordSettings, ShowSettings, TransportSettings

LIMIT_S = 60.0
SILENT = ShowSettings(osc=OscSettings(on=False), midi=MidiSettings(on=False))


@pytest.fixture(name="running", scope="module")
def _running(patch_folder: Path) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARLING_PATCHES", str(patch_folder))
        with Engine(EngineConfig(decks=2, device="null", sample_rate_hz=44_100, block_frames=128, seed=3)) as engine:
            yield engine


@pytest.fixture(name="engine")
def _engine(running: Engine, patch_folder: Path) -> Engine:
    """The engine with empty decks and nothing set."""
    running.send(do.Panic(False))
    running.block.words[at.W_RUN] = 1
    for deck in range(2):
        running.send(do.Unload(deck))
        for control in DECK_CONTROLS:
            running.send(do.SetControl(deck, control.id, control.default))
    assert running.settle(LIMIT_S)
    return running


class Stage:
    """A show that is started, and one who asks."""

    def __init__(self, engine: Engine, settings: ShowSettings) -> None:
        self.engine = engine
        self.show = Show(engine, settings)
        self.told: list[Outcome] = []

    def __enter__(self) -> "Stage":
        self.show.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.show.close()

    def ask(self, path: str, *arguments: float | int | str) -> Outcome:
        """Ask and wait for what is told."""
        told: list[Outcome] = []
        self.show.core.request(path, arguments, Origin("osc", tell=told.append))
        until(lambda: bool(told))
        return told[0]

    def said(self) -> list[str]:
        return [line.text for line in self.show.log.lines()]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_port_in_use_is_said_once_and_the_show_plays(engine: Engine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with Stage(engine, replace(SILENT, osc=OscSettings(port=port, query_port=0))) as stage:
            assert stage.ask("/deck/1/load", "tiny", 5).state == "done"
            assert engine.snapshot().decks[0].state == "playing"
            (line,) = stage.said()
            assert line.startswith("OSC is off: ")
            assert str(port) in line


def test_osc_is_there_where_only_the_port_of_oscquery_is_taken(engine: Engine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with Stage(engine, replace(SILENT, osc=OscSettings(port=0, query_port=taken.getsockname()[1]))) as stage:
            query, found = stage.said()
            assert query.startswith("OSCQuery is off: ")
            assert found == f"OSC on 127.0.0.1:{stage.show.osc.port}"


def test_no_midi_is_said_and_not_the_end(engine: Engine) -> None:
    with Stage(engine, replace(SILENT, midi=MidiSettings(backend="winmm"))) as stage:
        until(lambda: bool(stage.said()))
        (line,) = stage.said()
        assert "MIDI" in line
        assert stage.ask("/deck/1/load", "tiny").state == "done"


def test_a_clock_that_is_not_there_is_said(engine: Engine) -> None:
    settings = replace(SILENT, transport=TransportSettings(tempo_bpm=90.0, quantum_beats=3, source="internal", run=True))
    with Stage(engine, settings) as stage:
        assert [stage.show.core.read(f"/transport/{name}") for name in ("tempo", "quantum", "source", "run")] == [
            (90.0,), (3,), ("internal",), (1,),
        ]  # fmt: skip


def test_loads_and_corpora_are_done_when_they_sound_and_what_fails_says_why(engine: Engine, patch_folder: Path, tmp_path: Path) -> None:
    with Stage(engine, SILENT) as stage:
        assert stage.ask("/deck/1/load", "tiny").state == "done"
        assert engine.snapshot().decks[0].state == "playing"
        # A number of its own for each: none may be taken for lost before the engine's thread has seen it.
        for _ in range(3):
            outcome = stage.ask("/deck/1/corpora", "@patch")
            assert (outcome.state, outcome.why) == ("done", "")
        assert stage.ask("/deck/1/load", "none").state == "failed"
        assert stage.ask("/deck/2/corpora", str(tmp_path)).state == "failed"
        assert engine.snapshot().decks[0].patch == "tiny"


def test_a_panic_and_a_load_that_brings_the_sound_back(engine: Engine) -> None:
    with Stage(engine, SILENT) as stage:
        stage.ask("/deck/1/load", "tiny")
        assert stage.ask("/panic").values == (1,)
        assert engine.snapshot().panicked
        assert stage.ask("/deck/1/load", "low").state == "done"
        assert not engine.snapshot().panicked


def test_a_rack_that_is_saved_has_all_that_plays(engine: Engine, patch_folder: Path, tmp_path: Path) -> None:
    settings = ShowSettings(OscSettings(port=0, query_port=0), MidiSettings(on=False, mapping=Mapping()), RecordSettings(tmp_path, True))
    path = tmp_path / "racks.toml"
    with Stage(engine, settings) as stage:
        core = stage.show.core
        # All at once: the rack has what was asked for before it.
        for address, arguments in (
            ("/deck/1/load", ("tiny", 9)), ("/deck/1/param/density", (20.5,)), ("/deck/1/pan", (-0.5,)), ("/master/gain", (-2.0,)),
            ("/deck/2/load", (str(patch_folder / "wide"),)), ("/deck/2/freeze", (1,)), ("/scene/save", ("verse",)),
            ("/transport/tempo", (95.5,)),
        ):  # fmt: skip
            core.request(address, arguments, Origin("osc", tell=stage.told.append))
        assert stage.ask("/rack/save", str(path)).state == "done"
        assert stage.show.scenes.names == ("verse",)
        assert stage.show.scenes.saved
        assert stage.ask("/scene/save", "later").state == "done"
        assert not stage.show.scenes.saved
        until(lambda: len([o for o in stage.told if o.path.endswith("/load")]) == 2)
        assert {o.state for o in stage.told} == {"done"}
        snapshot = engine.snapshot()
    setup = read_rack(path)
    assert [deck.seed for deck in setup.decks] == [9, snapshot.decks[1].seed]
    assert setup.decks[0].patch == "tiny"
    assert dict(setup.decks[0].controls)["density"] == 20.5
    assert dict(setup.decks[0].controls)["pan"] == -0.5
    assert dict(setup.decks[1].controls)["freeze"] == 1.0
    assert dict(setup.master)["gain"] == -2.0
    assert setup.show.transport.tempo_bpm == 95.5
    assert [scene.name for scene in setup.show.scenes] == ["verse"]
    assert setup.show.osc == settings.osc
    assert setup.show.record == settings.record


def test_what_is_recorded_is_whole_after_the_end(engine: Engine, tmp_path: Path) -> None:
    with Stage(engine, replace(SILENT, record=RecordSettings(tmp_path))) as stage:
        stage.ask("/deck/1/load", "tiny")
        assert stage.ask("/record/start").state == "done"
        assert stage.ask("/automation/record", str(tmp_path / "hands")).state == "done"
        stage.show.ask("/deck/1/gain", -6.0)
        time.sleep(0.5)
        stage.show.ask("/deck/1/gain", -9.0)
        time.sleep(0.3)
        engine.fade_out()
    (take,) = tmp_path.glob("*.flac")
    assert soundfile.info(take).frames > 0.5 * 44_100
    # A show that ends with a recording of the controls going on loses nothing.
    lanes = read_automation(tmp_path / "hands.toml").lanes
    assert [lane.address for lane in lanes] == ["/deck/1/gain"]
    assert lanes[0].points[-1].value == -9.0
    assert any("hands.toml" in line for line in stage.said())


def test_what_waits_for_the_first_sound_is_asked_for_then(engine: Engine) -> None:
    with Stage(engine, SILENT) as stage:
        loads = {0: engine.send(do.Load(0, "tiny")), 1: engine.send(do.Load(1, "low"))}
        playing: list[set[str]] = []
        ask = stage.show.core.request
        stage.show.core.request = lambda *asked: (playing.append({d.state for d in engine.snapshot().decks}), ask(*asked))  # type: ignore[method-assign]
        stage.show.ask_when_heard(loads, "/deck/1/gain", -6.0)
        until(lambda: engine.snapshot().decks[0].stage[0] == -6.0)
        assert playing == [{"playing"}]


def test_what_the_command_line_asks_for_in_vain_is_said(engine: Engine) -> None:
    with Stage(engine, SILENT) as stage:
        stage.show.ask("/automation/play", "no such file")
        until(lambda: bool(stage.said()))
        assert stage.said()[0].startswith("/automation/play: ")
