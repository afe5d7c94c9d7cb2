"""The examples as they ship, run by the real SuperCollider, the real Pure Data and Python, drive the program; the recording tells."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.integration.jack_server import ROOT, server
from tests.integration.osc_stage import Stage, Take, distance_db, level_db, lines, program, stage
from tests.integration.pure_data import PureData

pytestmark = pytest.mark.device
EXAMPLES = ROOT / "examples"
RATE_HZ = 44_100
LIMIT_S = 150.0
SETTLED_S = 0.8
"""After this a change is heard through: the lead, the ramps and the first steps of another sound."""
SILENT_DB = -100.0
HEARD_DB = -55.0
OTHER_DB = 2.5
"""Sounds of two classes differ more than this from band to band; two pieces of one sound differ less (see the test of the measure)."""


@pytest.fixture(name="jack", scope="module")
def _jack() -> Iterator[dict[str, str]]:
    with server(128, RATE_HZ, "starling-examples") as environment:
        yield environment


@pytest.fixture(name="playing", scope="module")
def _playing(jack: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(jack, tmp_path_factory.mktemp("runtime"), "field", "textures", "--seed", "3") as playing:
        yield playing


@pytest.fixture(name="started")
def _started(playing: Stage) -> Stage:
    """As the test before left it, which is nobody's matter: each of them loads what it plays. At first `field`, `textures`."""
    playing.ask("/panic", 0)
    return playing


class Heard:
    """A take, and where on it things were said to happen."""

    def __init__(self, take: Take, master: Path, marks: dict[str, int]) -> None:
        self.take = take
        self._master = soundfile.read(master, dtype="float32", always_2d=True)[0].mean(axis=1)
        self.marks = marks

    def deck(self, number: int, mark: str, seconds: float, after_s: float = SETTLED_S) -> np.ndarray:
        return self.take.part(number, self.marks[mark] + after_s * RATE_HZ, seconds)

    def master(self, mark: str, seconds: float, after_s: float = SETTLED_S) -> np.ndarray:
        first = round(self.marks[mark] + after_s * RATE_HZ - self.take.start_frame)
        return self._master[first : first + round(seconds * RATE_HZ)]


def test_supercollider(started: Stage, tmp_path: Path) -> None:
    assert shutil.which("sclang"), "supercollider-language is not installed: .ci/run installs it"
    marks = {"before": started.frame()}
    said: list[str] = []
    quiet = {"QTWEBENGINE_DISABLE_SANDBOX": "1", "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)}
    with started.recorded(tmp_path / "take.wav") as take:
        sclang = program(["sclang", str(EXAMPLES / "supercollider.scd")], HOME=str(tmp_path), STARLING_OSC_PORT=str(started.port), **quiet)
        for line in lines(sclang, LIMIT_S):
            said.append(line)
            if found := re.fullmatch(r"starling: [\d.]+ s (.*)", line):
                marks[found[1]] = started.frame()
        assert sclang.wait() == 0
    text = "\n".join(said)
    assert "ERROR" not in text
    heard = Heard(take(), tmp_path / "take.wav", marks)

    # Loads, and what is answered to them and to questions.
    assert "starling: done /deck/1/load textures 7" in said
    assert [started.ask(f"/deck/{deck}/state")[0] for deck in (1, 2)] == ["textures", "field"]
    assert "This is starling" in text
    assert "Deck 1 stands at -12.0 dB; scenes: calm, storm" in said
    assert "WARNING: starling: /deck/1/load refused: no such patch" in text
    # A class, on both decks; a parameter: a spectrum an octave higher.
    assert distance_db(heard.deck(1, "wind", 2.5), heard.deck(1, "rain", 2.0), RATE_HZ) > OTHER_DB
    assert level_db(heard.deck(2, "rain", 2.0)) < SILENT_DB
    bees, octave = heard.deck(2, "bees over rain", 1.8), heard.deck(2, "bees an octave higher", 1.5)
    assert level_db(bees) > HEARD_DB
    assert centre_hz(octave) > 1.4 * centre_hz(bees)
    # Scenes: deck 2 is silent in one and sounds in the other, and moves between them.
    assert level_db(heard.deck(2, "calm", 0.6)) < SILENT_DB
    assert level_db(heard.deck(2, "to calm in three seconds", 0.4, 1.3)) > SILENT_DB
    storm = heard.deck(2, "storm", 1.5)
    assert level_db(storm) > HEARD_DB
    assert centre_hz(storm) < centre_hz(octave) / 1.2
    # Bundles with a time: beats, every other one silent; the last ends with the rhythm.
    for beat in range(7):
        level = level_db(heard.deck(2, "rhythm", 0.2, 0.35 + 0.5 * beat))
        assert (level > HEARD_DB) == (beat % 2 == 0), (beat, level)
        assert level > HEARD_DB or level < SILENT_DB
    # Panic silences all, and is taken back.
    assert level_db(heard.master("panic", 0.8)) < SILENT_DB
    assert level_db(heard.master("calm again", 1.0)) > HEARD_DB


def test_pure_data(started: Stage, tmp_path: Path) -> None:
    marks: dict[str, int] = {}
    with started.recorded(tmp_path / "take.wav") as take, PureData(EXAMPLES / "puredata.pd", started.port, tmp_path) as pd:

        def settle(mark: str, seconds: float) -> None:
            # The last seconds before what is done next; a clock that lags behind on a busy machine must not show that already.
            pd.wait(SETTLED_S + seconds)
            marks[mark] = started.frame() - round((SETTLED_S + seconds) * RATE_HZ)

        pd.hear("starling done: /notify 0")
        pd.click("/panic 0")
        pd.click("/deck/1/load field")
        pd.hear("starling done: /deck/1/load field")
        assert started.ask("/deck/1/state")[0] == "field"
        pd.click("/deck/1/load textures")
        pd.hear("starling done: /deck/1/load textures")
        pd.drag("/deck/1/gain", 0.0)
        # A class, by two faders.
        settle("applause", 1.5)
        pd.drag("/deck/1/class/applause", 0.0)
        pd.drag("/deck/1/class/wind", 1.0)
        settle("wind", 1.5)
        # A parameter, by one.
        pd.drag("/deck/1/class/wind", 0.0)
        pd.drag("/deck/1/class/rain", 1.0)
        for density, mark in ((0.0, "drizzle"), (1.0, "downpour")):
            pd.drag("/deck/1/param/density", density)
            # The model goes on from what it made before, for longer than a test lasts: it begins anew.
            started.ask("/deck/1/reset")
            settle(mark, 2.0)
        pd.click("/scene/save calm")
        pd.hear("starling done: /scene/save calm")
        # The level, and back to it by a scene.
        pd.drag("/deck/1/gain", -60.0)
        settle("down", 0.5)
        pd.click("/scene/recall calm")
        pd.hear("starling done: /scene/recall calm")
        settle("recalled", 1.0)
        # Questions; a fader that follows another's hand; a refusal.
        pd.click("/deck/1/state")
        pd.hear("starling deck 1: textures playing")
        pd.click("/status")
        pd.hear("starling: status.reply 2 ")
        pd.click("/scene/list")
        pd.hear(r"starling: scene list.reply .*\bcalm\b")
        started.ask("/deck/1/reset")
        started.tell("/deck/1/gain", -18.0)
        pd.hear("fader of gain: set -1[78]")
        pd.send("starling", "/deck/9/gain 0")
        # Pd prints the spaces of a text as escaped ones.
        pd.hear(r"starling REFUSED: /deck/9/gain no\\? such\\? address")
        pd.click("/panic 1")
        pd.hear("starling done: /panic 1")
        settle("panic", 0.5)
        pd.click("/panic 0")
        pd.hear("starling done: /panic 0")
        settle("after", 1.0)
    heard = Heard(take(), tmp_path / "take.wav", marks)
    assert started.ask("/deck/1/state")[0] == "textures"
    applause, wind = heard.deck(1, "applause", 1.5), heard.deck(1, "wind", 1.5)
    assert min(level_db(applause), level_db(wind)) > HEARD_DB
    assert distance_db(applause, wind, RATE_HZ) > OTHER_DB
    drizzle, downpour = heard.deck(1, "drizzle", 2.0), heard.deck(1, "downpour", 2.0)
    # In 576 pairs of renders, with any seeds and at any time: 5.8 dB or more.
    assert level_db(downpour) > level_db(drizzle) + 3.0
    assert level_db(heard.deck(1, "down", 0.5)) < SILENT_DB
    assert level_db(heard.deck(1, "recalled", 1.0)) > HEARD_DB
    assert level_db(heard.master("panic", 0.5)) < SILENT_DB
    assert level_db(heard.master("after", 1.0)) > HEARD_DB


def test_python(started: Stage, tmp_path: Path) -> None:
    marks: dict[str, int] = {}
    said: list[str] = []
    with started.recorded(tmp_path / "take.wav") as take:
        client = program([sys.executable, "-u", str(EXAMPLES / "python_client.py"), "--port", str(started.port)])
        for line in lines(client, LIMIT_S):
            said.append(line)
            if line in ("wind", "rain", "panic"):
                marks[line] = started.frame()
        assert client.wait() == 0, said
    heard = Heard(take(), tmp_path / "take.wav", marks)
    assert "deck 1 stands at -6.0 dB" in said
    assert "done: /deck/1/load textures 7" in said
    assert "clipped: /deck/1/pan 3 1.0" in said
    assert any(line.startswith("fail: /deck/1/load no such patch") for line in said)
    assert distance_db(heard.deck(1, "wind", 1.2), heard.deck(1, "rain", 1.2), RATE_HZ) > OTHER_DB


@pytest.mark.parametrize("name", ["supercollider.scd", "python_client.py"])
def test_without_starling_the_user_is_told(name: str, tmp_path: Path) -> None:
    command = {"supercollider.scd": ["sclang"], "python_client.py": [sys.executable, "-u"]}[name]
    nobody = "9"
    quiet = {"QTWEBENGINE_DISABLE_SANDBOX": "1", "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    port = ["--port", nobody] if name.endswith(".py") else []
    process = program([*command, str(EXAMPLES / name), *port], STARLING_OSC_PORT=nobody, **quiet)
    text = "\n".join(lines(process, LIMIT_S))
    assert process.wait() == 1
    assert "python -m realtime" in text


def test_pieces_of_one_sound_are_alike() -> None:
    noise = np.random.default_rng(1).standard_normal(4 * RATE_HZ)
    assert distance_db(noise[: 2 * RATE_HZ], 0.1 * noise[2 * RATE_HZ :], RATE_HZ) < 0.5 * OTHER_DB


def centre_hz(sound: np.ndarray) -> float:
    """Centre of the power spectrum."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    return float((np.fft.rfftfreq(len(sound), 1.0 / RATE_HZ) * power).sum() / power.sum())
