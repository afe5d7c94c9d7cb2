"""A performance by keys: the program in tmux, under JACK, with a controller. What was done is heard in the take and seen in the files."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.attach.client import SocketLink
from realtime.attach.endpoint import FILE_NAME
from realtime.attach.view import StageView
from realtime.rack import read_rack
from tests.integration.jack_server import server
from tests.integration.midi_knobs import CLIENT, Knobs
from tests.integration.terminal_stage import TerminalStage, Window, until

pytestmark = pytest.mark.device
RATE_HZ = 44_100
SETTLE_S = 1.0
"""What was asked for is heard in full by then, and what was before has gone."""
HEARD_S = 2.0
RAIN, APPLAUSE, GAIN = "/deck/1/class/rain", "/deck/1/class/applause", "/deck/1/gain"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TerminalStage]:
    with server(128, RATE_HZ, "starling-played") as jack:
        # The controller is a client of this server too.
        for name, value in jack.items():
            monkeypatch.setenv(name, value)
        made = TerminalStage(tmp_path, jack)
        yield made
        made.end()


class Hand:
    """Presses keys, and waits until the stage has what they ask for."""

    def __init__(self, window: Window, link: SocketLink) -> None:
        self.window = window
        self.link = link
        self.marks: dict[str, int] = {}
        """What sounded -> the frame of the stage at which it had sounded for `HEARD_S`."""

    @property
    def view(self) -> StageView:
        return self.link.look()

    def wait(self, is_so: Callable[[StageView], object], what: str) -> None:
        until(lambda: is_so(self.view), failed=lambda: f"waited in vain: {what}\n{self.window.text}")

    def wait_for(self, path: str, wanted: float) -> None:
        self.wait(lambda view: view.values.get(path) == pytest.approx(wanted, abs=0.01), f"{path} {wanted}")

    @property
    def chosen(self) -> str:
        """The selected control, as it is called on the screen."""
        found = re.search(r"›\s*(\w+)", self.window.text)
        return found[1] if found else ""

    def choose(self, name: str) -> None:
        """Go to a control of the deck from the first one on."""
        self.window.keys("Home")
        until(lambda: self.chosen == "gain", failed=lambda: self.window.text)
        while (here := self.chosen) != name:
            assert here != "Prime", f"{name} is not to be found:\n{self.window.text}"
            self.window.keys("Down")
            until(lambda here=here: self.chosen not in ("", here), failed=lambda: self.window.text)

    def hear(self, name: str) -> None:
        """Let it sound, and note when."""
        start = self.view.clock_frames
        self.wait(lambda view: view.clock_frames > start + (SETTLE_S + HEARD_S) * RATE_HZ, f"{name} sounds")
        self.marks[name] = start + round((SETTLE_S + HEARD_S) * RATE_HZ)


def test_a_performance_by_keys(stage: TerminalStage) -> None:
    window = stage.window(120, 40)
    command = [sys.executable, "-m", "realtime", "field", "--seed", "1", "--osc-port", "0", "--oscquery-port", "0"]
    window.run([*command, "--midi-backend", "jack", "--midi-port", CLIENT, "--record-folder", str(stage.takes)])
    until((stage.folder / FILE_NAME).exists, failed=lambda: window.text)
    with stage.link() as link:
        hand = Hand(window, link)
        hand.wait(lambda view: view.decks and view.decks[0].state == "playing", "field plays")
        window.wait_for("Patches")

        # Load a patch from the browser.
        window.keys("b")
        window.wait_for("textures")
        window.keys("Down")
        window.wait_for("steer, every")
        window.keys("Enter")
        hand.wait(lambda view: (view.decks[0].patch, view.decks[0].state) == ("textures", "playing"), "textures plays")
        window.keys("Escape")
        until(lambda: "2 patches" not in window.text, failed=lambda: window.text)

        window.keys("R")
        hand.wait(lambda view: view.record.recording, "a take runs")
        window.wait_for("REC")
        hand.hear("applause")

        # A class fader to its top, another to its bottom; the change before comes back and goes again.
        hand.choose("rain")
        window.keys("C-Right")
        hand.wait_for(RAIN, 1.0)
        hand.choose("applause")
        window.keys("C-Left")
        hand.wait_for(APPLAUSE, 0.0)
        window.keys("u")
        hand.wait_for(APPLAUSE, 1.0)
        window.keys("C-Left")
        hand.wait_for(APPLAUSE, 0.0)
        hand.hear("rain")
        window.keys("S")
        hand.wait(lambda view: len(view.scenes.names) == 1, "a scene is stored")

        # A knob learns the gain and turns it down.
        controller = Knobs()
        try:
            hand.wait(lambda view: any(CLIENT in port for port in view.midi.ports), "the controller is seen")
            hand.choose("gain")
            window.keys("l")
            hand.wait(lambda view: view.midi.learning == GAIN, "the gain is armed")
            controller.turn(21, 127, 116, 110, 106, 100, 90, 80, 70)
            hand.wait(lambda view: not view.midi.learning, "a knob is learned")
            controller.turn(21, 110, 106, 100, 90, 80, 70)
            hand.wait_for(GAIN, -60.0 + 72.0 * 70 / 127)
            window.wait_for("cc21")
            hand.hear("quiet")
        finally:
            controller.end()

        window.keys("F3")
        hand.wait_for(GAIN, 0.0)
        hand.hear("recalled")
        window.keys("p")
        hand.wait(lambda view: view.panicked, "panic")
        window.wait_for("PANIC")
        hand.hear("panic")
        window.keys("p")
        hand.wait(lambda view: not view.panicked, "the sound is open again")
        hand.hear("open")
        window.keys("R")
        hand.wait(lambda view: not view.record.recording, "the take has ended")
        # All keys at once: the question gets what was typed before it was there, and the fader nothing of it.
        rack = stage.folder / "mine.toml"
        window.keys("C-s", "C-u", *str(rack), "Enter", "s")
        hand.wait_for("/deck/1/solo", 1.0)
        until(rack.exists, failed=lambda: window.text)
        assert hand.view.values[RAIN] == pytest.approx(1.0)
    saved = read_rack(rack)
    assert [deck.patch for deck in saved.decks] == ["textures"]
    assert len(saved.show.scenes) == 1
    assert saved.show.midi.mapping is not None
    window.keys("q")
    window.wait_for("End it?")
    window.keys("y")
    window.wait_for("played ")
    check_take(stage.takes, hand.marks)


def check_take(folder: Path, marks: dict[str, int]) -> None:
    """What was done is what is heard."""
    (take,) = folder.glob("*master.flac")
    (sidecar,) = folder.glob("*.performance.json")
    sound, rate_hz = soundfile.read(take, dtype="float32")
    assert rate_hz == RATE_HZ
    origin = json.loads(sidecar.read_text(encoding="utf-8"))["from_frame"]
    heard = {name: sound[end - origin - round(HEARD_S * RATE_HZ) : end - origin].mean(axis=1) for name, end in marks.items()}
    level = {name: 10.0 * np.log10(np.mean(np.square(part)) + 1e-12) for name, part in heard.items()}
    # Rain comes and goes by some dB; what was done to it is more.
    rain = np.mean([level[name] for name in ("rain", "recalled", "open")])
    assert rain > -50.0, level
    assert rain - level["quiet"] == pytest.approx(20.3, abs=6.0), level
    assert min(level["recalled"], level["open"]) > level["quiet"] + 10.0, level
    assert level["panic"] < -110.0, level
    # Rain is not applause: what was heard first is further from rain than pieces of rain are from each other.
    spectra = {name: bands(part) for name, part in heard.items()}
    rains = np.stack([spectra[name] for name in ("rain", "recalled", "open")])
    same = np.abs(rains - rains.mean(axis=0)).mean()
    other = np.abs(spectra["applause"] - rains.mean(axis=0)).mean()
    assert other > 2.0 * same, (other, same)


def bands(sound: np.ndarray) -> np.ndarray:
    """Level of every octave from 125 Hz on, in dB, without the level of the whole."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1.0 / RATE_HZ)
    edges = 88.4 * 2.0 ** np.arange(8)
    found = [power[(frequency >= low) & (frequency < high)].sum() for low, high in pairwise(edges)]
    levels = 10.0 * np.log10(np.array(found) + 1e-12)
    return levels - levels.mean()
