"""Racks taken by a show that goes on, and the one that is kept for `--resume`: the real engine on the device `null`."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from realtime import commands as do
from realtime.control.outcome import Origin, Outcome
from realtime.controls import DECK_CONTROLS
from realtime.engine import Engine, EngineConfig
from realtime.last_rack import KEPT, LONGEST_S, QUIET_S, LastRack, find_last
from realtime.options import check_setup
from realtime.rack import read_rack
from realtime.show import Show
from realtime.show_settings import SoundSettings
from tests.attach.stage import quiet_settings, until
from tests.stage_patch import make_patch

LIMIT_S = 60.0
WANTED = SoundSettings("Interface", 44_100, 128, None, "Microphone")
"""What the stage was started for and could not have: it plays to `null`."""
SECOND = """
[master]
gain = -4.0
[sound]
device = "USB Audio"
[osc]
port = 9123
[transport]
tempo = 77.0
[midi]
takeover = "scale"
[[midi.binding]]
source = "cc 7"
address = "/deck/1/gain"
[[deck]]
[deck.controls]
gain = -9.0
[[deck]]
patch = "{wide}"
seed = 11
lead_frames = 4096
mode = 0
[deck.controls]
pan = -0.5
density = 20.5
[[scene]]
name = "verse"
"""


class Stage:
    """A show, and one who asks."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.show = Show(engine, replace(quiet_settings(folder), sound=WANTED))

    def ask(self, path: str, *arguments: float | int | str) -> Outcome:
        """Ask and wait for what is told of it."""
        told: list[Outcome] = []
        self.show.core.request(path, arguments, Origin("osc", tell=lambda outcome: told.append(outcome) if outcome.path == path else None))
        until(lambda: told)
        return told[0]

    def set(self, path: str, value: float) -> None:
        """Set a value, and wait until whoever looks sees it."""
        self.show.core.request(path, (value,), Origin("osc"))
        until(lambda: value in self.show.core.recent().decks[0].stage)

    @property
    def patches(self) -> list[str]:
        return [deck.patch for deck in self.engine.snapshot().decks]

    def said(self) -> list[str]:
        return [line.text for line in self.show.log.lines()]


@pytest.fixture(name="engine", scope="module")
def _engine(patch_folder: Path) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARLING_PATCHES", str(patch_folder))
        with Engine(EngineConfig(decks=2, device="null", sample_rate_hz=44_100, block_frames=128, seed=3)) as engine:
            yield engine


@pytest.fixture(name="stage")
def _stage(engine: Engine, patch_folder: Path, tmp_path: Path) -> Iterator[Stage]:
    """A show in which both decks play, the one or the other patch, with nothing set."""
    engine.send(do.Panic(False))
    for deck, shown in enumerate(engine.snapshot().decks):
        for control in DECK_CONTROLS:
            engine.send(do.SetControl(deck, control.id, control.default))
        engine.send(do.SetLead(deck, None))
        engine.send(do.SetMode(deck, None))
        if shown.state != "playing":
            engine.send(do.Load(deck, "low"))
    made = Stage(engine, tmp_path)
    made.show.start()
    try:
        assert engine.settle(LIMIT_S)
        yield made
    finally:
        made.show.close()


def test_a_rack_is_taken_whole_by_a_stage_that_plays(stage: Stage, patch_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "set" / "second.toml"
    path.parent.mkdir()
    (path.parent / "mine").symlink_to(patch_folder)
    path.write_text(SECOND.format(wide="mine/wide"))
    for address, value in (("/deck/2/solo", 1), ("/deck/2/gain", -20.0), ("/deck/2/mode", 0), ("/master/input_gain", 6.0)):
        stage.show.core.request(address, (value,), Origin("osc"))
    stage.ask("/scene/save", "of before")
    stage.ask("/panic")
    told = Outcome("/rack/load", "done", (str(path),))
    later: list[Outcome] = []
    stage.show.core.request("/rack/load", (str(path),), Origin("osc", tell=later.append))
    # What is asked for after it is done after it.
    stage.show.core.request("/deck/2/param/density", (30.0,), Origin("osc"))
    until(lambda: later)
    assert later == [told]
    now = stage.engine.snapshot()
    empty, wide = now.decks
    assert (empty.state, empty.manifest, empty.stage) == ("empty", None, (-9.0, 0.0, 0.0, 0.0, 0.0))
    assert (wide.state, wide.patch, wide.seed, wide.lead_asked, wide.mode_asked) == ("playing", "wide", 11, 4_096, 0)
    assert Path(wide.folder) == path.parent / "mine" / "wide"
    # What a deck's table does not name is as at the start; what the file does not name of the whole stays.
    assert wide.stage == (0.0, -0.5, 0.0, 0.0, 0.0)
    assert now.master == (-4.0, 6.0)
    assert wide.manifest is not None
    assert dict(zip((c.id for c in wide.manifest.controls), wide.values, strict=True))["density"] == 30.0
    assert not now.panicked
    show = stage.show
    assert (show.scenes.names, show.scenes.saved, show.transport.tempo_bpm, show.racks.file) == (("verse",), True, 77.0, path)
    assert (show.mapper.mapping.takeover, [b.address for b in show.mapper.mapping.bindings]) == ("scale", ["/deck/1/gain"])
    (line,) = [line for line in stage.said() if "second.toml" in line]
    assert "[sound], [osc], ports and backend of [midi] left as it is" in line


def test_what_a_rack_does_not_name_stays_and_decks_beyond_it_are_emptied(stage: Stage, tmp_path: Path) -> None:
    stage.ask("/scene/save", "of before")
    mapping = stage.show.mapper.mapping
    stage.show.transport.set_tempo(90.0)
    (tmp_path / "a.toml").write_text('[[deck]]\npatch = "tiny"\n')
    assert stage.ask("/rack/load", str(tmp_path / "a.toml")).state == "done"
    until(lambda: stage.engine.snapshot().decks[1].state == "empty")
    assert stage.patches == ["tiny", ""]
    assert (stage.show.scenes.names, stage.show.transport.tempo_bpm, stage.show.mapper.mapping) == (("of before",), 90.0, mapping)


REFUSED = {
    "three decks": ('[[deck]]\n[[deck]]\n[[deck]]\npatch = "low"\n', "more decks than this stage has; got 3; allowed: up to 2"),
    "unknown key": ('colour = 1\n[[deck]]\npatch = "low"\n', "unknown key"),
    "unknown patch": ('[[deck]]\npatch = "low"\n[[deck]]\npatch = "no-such-patch"\n', "no-such-patch"),
    "no such folder": ('[[deck]]\npatch = "./gone"\n', "gone"),
    "out of range": ('[[deck]]\npatch = "low"\n[[deck]]\npatch = "low"\n[deck.controls]\npan = 2\n', "deck 2.pan: value out of range"),
    "unknown control": ('[[deck]]\npatch = "low"\n[deck.controls]\ncolour = 2\n', "no such control; got colour"),
    "of an empty deck": ("[[deck]]\n[deck.controls]\ndensity = 2\n", "deck 1 is empty; got density"),
    "of no master": ('[master]\ncolour = 1\n[[deck]]\npatch = "low"\n', "the master has no such control"),
    "master out of range": ('[master]\ngain = 99\n[[deck]]\npatch = "low"\n', "master.gain: value out of range"),
    "bad scene": ('[[deck]]\npatch = "low"\n[[scene]]\n', "no name"),
}


def test_a_rack_that_cannot_be_taken_changes_nothing(stage: Stage, tmp_path: Path) -> None:
    before = [(deck.patch, deck.playing, deck.stage, deck.values) for deck in stage.engine.snapshot().decks]
    for name, (text, why) in REFUSED.items():
        path = tmp_path / "refused.toml"
        path.write_text(text)
        outcome = stage.ask("/rack/load", str(path))
        assert (outcome.state, why in outcome.why) == ("failed", True), (name, outcome.why)
    assert "cannot be read" in stage.ask("/rack/load", str(tmp_path / "none.toml")).why
    assert [(deck.patch, deck.playing, deck.stage, deck.values) for deck in stage.engine.snapshot().decks] == before
    assert (stage.show.racks.file, stage.show.scenes.names) == (None, ())


def test_a_deck_that_fails_is_named_and_the_other_plays(stage: Stage, tmp_path: Path) -> None:
    before = stage.engine.snapshot().decks[0].patch
    corpus = make_patch(tmp_path, "cut", seconds=1.0) / "corpus.flac"
    corpus.write_bytes(corpus.read_bytes()[:-100])
    (tmp_path / "a.toml").write_text('[[deck]]\npatch = "./cut"\n[[deck]]\npatch = "tiny"\n')
    outcome = stage.ask("/rack/load", str(tmp_path / "a.toml"))
    assert (outcome.state, outcome.why.startswith("deck 1: "), "corpus.flac" in outcome.why) == ("failed", True, True), outcome.why
    decks = stage.engine.snapshot().decks
    assert [(deck.patch, deck.state, deck.playing != 0) for deck in decks] == [(before, "playing", True), ("tiny", "playing", True)]


def test_a_rack_is_saved_beside_the_takes_before_there_are_any(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "takes" / "starling.toml"
    assert stage.ask("/rack/save", str(path)).state == "done"
    assert stage.show.racks.file == path
    assert read_rack(path).show.sound == SoundSettings(), "another machine has another device"
    assert [manifest and manifest.slug for manifest in check_setup(read_rack(path))] == stage.patches
    assert stage.ask("/rack/save", str(tmp_path / "none" / "a.toml")).state == "failed"


# --- the one that is kept ---------------------------------------------------------------------------------------------------


class Kept:
    """The last rack of a stage, looked at when it is told to, by a clock turned by hand."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.now_s = 100.0
        self.folder = folder
        self.last = LastRack(stage.show, folder, lambda: self.now_s)

    def after(self, seconds: float) -> bool:
        """Whether it is written anew so much later."""
        path = self.folder / "last.toml"
        before = path.stat().st_ino if path.exists() else 0
        self.now_s += seconds
        self.last.look()
        return path.exists() and path.stat().st_ino != before


def test_what_changes_is_kept_when_it_is_quiet_and_now_and_then_while_it_is_not(stage: Stage, tmp_path: Path) -> None:
    kept = Kept(stage, tmp_path)
    assert not kept.after(0.0)
    assert not kept.after(QUIET_S - 0.1)
    assert kept.after(0.1)
    assert stat.S_IMODE((tmp_path / "last.toml").stat().st_mode) == 0o600
    assert not kept.after(100.0)
    # A hand that turns a knob all the time.
    written = []
    for turn in range(12):
        stage.set("/deck/1/gain", -1.0 - turn)
        written.append(kept.after(1.0))
    assert [place for place, is_so in enumerate(written) if is_so] == [LONGEST_S, 2 * LONGEST_S + 1]
    stage.set("/deck/1/gain", -12.5)
    assert not kept.after(0.0)
    assert kept.after(QUIET_S)
    stage.ask("/scene/save", "verse")
    stage.show.mapper.assignments.takeover = "off"
    assert not kept.after(0.0)
    assert kept.after(QUIET_S)
    setup = read_rack(tmp_path / "last.toml")
    assert [(manifest and manifest.slug) for manifest in check_setup(setup)] == stage.patches
    assert dict(setup.decks[0].controls)["gain"] == -12.5
    assert [scene.name for scene in setup.show.scenes] == ["verse"]
    assert setup.show.midi.mapping is not None
    assert setup.show.midi.mapping.takeover == "off"
    assert setup.show.sound == WANTED


def test_a_deck_that_was_given_up_is_kept_as_it_was(stage: Stage, tmp_path: Path) -> None:
    make_patch(tmp_path, "cut", seconds=1.0)
    corpus = tmp_path / "cut" / "corpus.flac"
    corpus.write_bytes(corpus.read_bytes()[:-100])
    before = stage.patches
    kept = Kept(stage, tmp_path)
    kept.after(0.0)
    assert kept.after(QUIET_S)
    stage.ask("/deck/1/unload")
    until(lambda: stage.patches[0] == "")
    assert stage.ask("/deck/1/load", str(tmp_path / "cut")).state == "failed"
    until(lambda: stage.show.core.recent().decks[0].state == "failed")
    assert not kept.after(0.0)
    assert kept.after(QUIET_S)
    assert [deck.patch for deck in read_rack(tmp_path / "last.toml").decks] == before
    stage.ask("/deck/1/unload")
    until(lambda: stage.show.core.recent().decks[0].state == "empty")
    assert not kept.after(0.0)
    assert kept.after(QUIET_S)
    assert [deck.patch for deck in read_rack(tmp_path / "last.toml").decks] == ["", before[1]]


def test_what_is_not_written_yet_is_at_the_end(stage: Stage, tmp_path: Path) -> None:
    last = LastRack(stage.show, tmp_path, lambda: 0.0)
    last.start()
    stage.set("/deck/1/gain", -7.5)
    last.close()
    assert dict(read_rack(tmp_path / "last.toml").decks[0].controls)["gain"] == -7.5


def test_a_folder_that_takes_nothing_is_said_once(stage: Stage, tmp_path: Path) -> None:
    kept = Kept(stage, tmp_path / "none")
    kept.after(0.0)
    for turn in range(3):
        stage.set("/deck/1/gain", -1.0 - turn)
        assert not kept.after(LONGEST_S)
    assert [line.startswith("the stage is not kept for --resume: ") for line in stage.said()] == [True]
    # Without another change: what could not be written is tried again.
    kept.folder.mkdir()
    assert kept.after(QUIET_S)
    assert dict(read_rack(kept.folder / "last.toml").decks[0].controls)["gain"] == -3.0
    assert len(stage.said()) == 1


def test_stages_before_are_kept_and_an_empty_one_takes_no_place(stage: Stage, tmp_path: Path) -> None:
    assert find_last(tmp_path) is None
    for number in range(KEPT + 2):
        (tmp_path / "last.toml").write_text(f"# {number}\n")
        kept = Kept(stage, tmp_path)
        kept.after(0.0)
        assert kept.after(QUIET_S)
    older = [(tmp_path / f"last-{number}.toml").read_text() for number in range(1, KEPT + 1)]
    assert older == [f"# {number}\n" for number in range(KEPT + 1, 1, -1)]
    assert len(list(tmp_path.glob("last*"))) == KEPT + 1
    # The same once more is no other stage.
    kept = Kept(stage, tmp_path)
    kept.after(0.0)
    kept.after(QUIET_S)
    assert (tmp_path / "last-1.toml").read_text() == older[0]
    for deck in (1, 2):
        stage.ask(f"/deck/{deck}/unload")
    until(lambda: {deck.patch for deck in stage.show.core.recent().decks} == {""})
    assert not kept.after(0.0)
    assert not kept.after(QUIET_S)
    (tmp_path / "last.toml").unlink()
    assert find_last(tmp_path) == tmp_path / "last-1.toml"
