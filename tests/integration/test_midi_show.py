"""A controller and the real program: what is turned, struck and pulled out, seen in values over OSC and heard in the program's recording.

JACK's dummy driver carries both the sound and the MIDI; the controller is another process with ports of python-rtmidi.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from patches.library import SEARCH_VARIABLE, available
from realtime.instance import FOLDER_VARIABLE
from tests.integration.jack_server import wait_for
from tests.integration.midi_knobs import CLIENT, PORT, Knobs
from tests.integration.played_show import Osc, Program, played, take, until
from tests.mosaic_patch import make_mosaic
from tests.stage_patch import make_patch

pytestmark = pytest.mark.device
RATE_HZ = 44_100
BLOCK_FRAMES = 128
OPTIONS = ("--headless", "--seed", "1", "--lead-frames", "8192", "--midi-port", CLIENT)
SILENT = ("--device", "null", "--midi-backend", "jack")
"""A server that waits for its clients is a poor sound card; what is heard is the same."""
PARAM = "/deck/1/param"
CLASSES = ("hiss", "hum", "whistle")
SETTLED_S = 0.5
"""Longer than a hand may rest in a turn (0.25 s) and than learning waits for more (0.3 s)."""
TAKE_S = 0.6
SILENCE_DB = -170.0
TOP_14 = 16_383


def around(raw: int, top: int = 127) -> float:
    """-1 to 1: what a control's step is where 0 is in the middle. 64 of 127 and 8192 of 16 383 are 0, exactly."""
    middle = (top + 1) // 2
    return (raw - middle) / (middle if raw < middle else top - middle)


# --- what there is ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", name="patches")
def _patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hiss, a hum and a whistle in one patch, and two patches of one tone each."""
    folder = tmp_path_factory.mktemp("patches")
    make_patch(folder, "low", seconds=2.0, tone_hz=430.0)
    make_patch(folder, "high", seconds=2.0, tone_hz=3_000.0)
    make_mosaic(folder, "trio")
    return folder


@contextmanager
def server(name: str, sync: bool) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """One that waits for its clients, so that a busy machine loses no message; or one that goes on without those that died."""
    command = [
        "jackd",
        "-n",
        name,
        "--no-realtime",
        *(["--sync"] if sync else []),
        "-d",
        "dummy",
        "-r",
        str(RATE_HZ),
        "-p",
        str(BLOCK_FRAMES),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process, wait_for(process, name)
    finally:
        # Asked, not killed: a killed server leaves its place in the list of servers taken, and there are eight.
        process.terminate()
        process.wait()


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """For this process, whose children are the program and the controllers."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module", name="stage")
def _stage(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Osc]]:
    """Two decks that play on for all of these tests."""
    own = {SEARCH_VARIABLE: str(patches), FOLDER_VARIABLE: str(tmp_path_factory.mktemp("runtime"))}
    with (
        server("starling-midi-show", sync=True) as (_, jack),
        environment(own | jack),
        played("trio", "low", *OPTIONS, *SILENT, jack=jack) as stage,
    ):
        yield stage


@pytest.fixture(name="osc")
def _osc(stage: tuple[Program, Osc]) -> Osc:
    """The program with its ready mapping, its first patch in the first deck, and nothing moved."""
    osc = stage[1]
    osc.do("/midi/load", "eight-knobs-eight-pads")
    osc.do("/panic", 0)
    if osc.ask("/deck/1/state")[0] != "trio":
        osc.do("/deck/1/load", "trio")
    osc.set("/deck/1/pan", 0.0)
    osc.set("/deck/2/mute", 1.0)
    return osc


@pytest.fixture(name="knobs")
def _knobs(osc: Osc) -> Iterator[Knobs]:
    with plugged_in(osc) as knobs:
        yield knobs


@contextmanager
def plugged_in(osc: Osc) -> Iterator[Knobs]:
    """A controller that the program hears."""
    knobs = Knobs()
    try:
        until(lambda: PORT in osc.ask("/midi/ports"), "the controller")
        yield knobs
    finally:
        knobs.end()
        until(lambda: PORT not in osc.ask("/midi/ports"), "the end of the controller")


def reported(osc: Osc, knobs: Knobs, number: int) -> None:
    """Wait until everything that was sent was heard: a last message of a controller that moves nothing."""
    knobs.say(f"bf 77 {number:02x}")
    until(lambda: osc.ask("/midi/report") == (PORT, f"channel 16 cc 119 {number} of 127"), "the last message")


def is_at(osc: Osc, path: str, value: float, within: float = 1e-3) -> bool:
    return abs(osc.value(path) - value) < within


def comes_to(osc: Osc, path: str, value: float, within: float = 1e-3) -> None:
    until(lambda: is_at(osc, path, value, within), f"{path} {value}")


def plays(osc: Osc, deck: int, slug: str) -> None:
    """Wait until a patch that a controller asked for is the deck's, and sounds."""
    until(lambda: osc.ask(f"/deck/{deck}/state")[0] == slug, slug)
    osc.sync()


def learn(osc: Osc, wish: tuple[str | float, ...], move: Callable[[], None]) -> tuple[object, ...]:
    """Arm an address and move a control."""
    since = len(osc.heard)
    osc.do("/midi/learn", *wish)
    move()
    return osc.wait("/midi/learn.reply", since=since)


# --- knobs --------------------------------------------------------------------------------------------------------------------


def test_learn_by_osc_then_the_knob(osc: Osc, knobs: Knobs) -> None:
    moving = learn(osc, ("/deck/1/pan",), lambda: knobs.turn(20, 10, 20, 30, 40, channel=3))
    # The ready mapping has another knob there, which is said.
    assert moving == ("/deck/1/pan", f"cc 20, channel 3, {PORT}", "follow", "cc 10 from /deck/1/pan")
    assert f"cc 20, channel 3, {PORT}" in osc.ask("/midi/map")
    # What was moved in order to be learned moved nothing.
    assert is_at(osc, "/deck/1/pan", 0.0)
    knobs.turn(20, 50, 60, 64, 90, channel=3)
    comes_to(osc, "/deck/1/pan", around(90))
    # Another address by the same knob, in a range that is turned around: it is taken from the first.
    moving = learn(osc, ("/deck/2/gain", 0.0, -24.0), lambda: knobs.turn(20, 80, 60, 40, channel=3))
    assert moving == ("/deck/2/gain", f"cc 20, channel 3, {PORT}", "follow", f"cc 20, channel 3, {PORT} from /deck/1/pan")
    knobs.turn(20, 20, 0, 127, channel=3)
    comes_to(osc, "/deck/2/gain", -24.0)
    assert is_at(osc, "/deck/1/pan", around(90))
    osc.do("/midi/unlearn", "/deck/2/gain")
    knobs.turn(20, 0, channel=3)
    reported(osc, knobs, 1)
    assert is_at(osc, "/deck/2/gain", -24.0)
    osc.set("/deck/2/gain", 0.0)


@pytest.mark.parametrize(("number", "msb_first"), [(3, True), (4, False)])
def test_fourteen_bits_in_either_order(osc: Osc, knobs: Knobs, number: int, msb_first: bool) -> None:
    def pair(value: int) -> str:
        halves = (f"b0 {number:02x} {value >> 7:02x}", f"b0 {number + 32:02x} {value & 127:02x}")
        return ",".join(halves if msb_first else halves[::-1])

    path = f"{PARAM}/brightness"
    osc.set(path, 0.0)
    moving = learn(osc, (path,), lambda: knobs.say(*(pair(value) for value in range(3_000, 8_000, 700))))
    assert moving[1] == f"cc14 {number}, channel 1, {PORT}"
    # Over the place where both halves turn over, each value is there as it is: a step is 0.0004.
    for value in (8_190, 8_191, 8_192, 8_193, 8_191, TOP_14, 0, 1, 12_345):
        knobs.say(pair(value))
        comes_to(osc, path, 3.0 * around(value, TOP_14), within=1e-4)


def test_nrpn_moves_nothing_after_null(osc: Osc, knobs: Knobs) -> None:
    path = f"{PARAM}/noisiness"
    osc.set(path, 0.0)
    moving = learn(osc, (path,), lambda: knobs.say("b0 63 02,b0 62 2c", *(f"b0 06 {value:02x},b0 26 00" for value in range(30, 64, 4))))
    assert moving[1] == f"nrpn 300, channel 1, {PORT}"
    knobs.say("b0 63 02,b0 62 2c", "b0 06 40,b0 26 00", "b0 06 50,b0 26 11")
    comes_to(osc, path, 3.0 * around(0x50 << 7 | 0x11, TOP_14), within=1e-4)
    knobs.say("b0 63 7f,b0 62 7f", "b0 06 10,b0 26 00", "b0 06 00")
    reported(osc, knobs, 1)
    assert is_at(osc, path, 3.0 * around(0x50 << 7 | 0x11, TOP_14), within=1e-4)
    knobs.say("b0 63 02,b0 62 2c,b0 06 52,b0 26 00")
    comes_to(osc, path, 3.0 * around(0x52 << 7, TOP_14), within=1e-4)


def test_a_knob_waits_for_its_value_after_a_patch_change(osc: Osc, knobs: Knobs) -> None:
    """Knob 70 is the first parameter of whatever patch there is: the loudness, -3 to 3, at 0 when a patch comes."""
    path = f"{PARAM}/loudness"

    knobs.turn(70, 40, 60, 64, 90, 110)
    comes_to(osc, path, 3.0 * around(110))
    osc.do("/deck/1/load", "high")
    assert is_at(osc, path, 0.0)
    # The knob stands at 110, the value at its middle: on the way there nothing moves, from there on it follows.
    for step in (109, 100, 80, 70):
        knobs.turn(70, step)
        reported(osc, knobs, step)
        assert is_at(osc, path, 0.0)
    knobs.turn(70, 60)
    comes_to(osc, path, 3.0 * around(60))
    knobs.turn(70, 30)
    comes_to(osc, path, 3.0 * around(30))
    # Another hand is as good as a patch; and `scale` and `off` do what they say.
    osc.set(path, 2.0)
    knobs.turn(70, 31)
    reported(osc, knobs, 1)
    assert is_at(osc, path, 2.0)
    osc.send("/midi/takeover", "scale")
    until(lambda: osc.ask("/midi/takeover") == ("scale",))
    knobs.turn(70, 79)
    comes_to(osc, path, 2.0 + (around(79) - around(31)) / (1.0 - around(31)), within=0.01)
    osc.send("/midi/takeover", "off")
    until(lambda: osc.ask("/midi/takeover") == ("off",))
    knobs.turn(70, 20)
    comes_to(osc, path, 3.0 * around(20))


def test_garbage_and_cut_off_messages_move_nothing(stage: tuple[Program, Osc], osc: Osc, knobs: Knobs) -> None:
    knobs.turn(70, 60, 64, 70)
    comes_to(osc, f"{PARAM}/loudness", 3.0 * around(70))
    before, said = osc.all_values(), len(stage[0].said)
    knobs.say("05 06 07", "f0 7e 01", "46 10", "b0 46", "f4", "90", "f0 01 02 f7", "f7", "ff", "f0 b0 46", "b0", "e0 01", "f1", "fd")
    # A long SysEx without its end, and data without a status as a broken cable sends it. JACK's half of RtMidi waits for that end and keeps
    # what comes meanwhile.
    knobs.say("f0" + " 11" * 1_000, *(f"{value:02x} {value + 1:02x} {value + 2:02x}" for value in range(0, 126, 18)), "f7")
    knobs.say("b0 46 46")
    reported(osc, knobs, 1)
    after = osc.all_values()
    assert after == before
    assert len(stage[0].said) == said
    knobs.turn(70, 80)
    comes_to(osc, f"{PARAM}/loudness", 3.0 * around(80))


# --- notes, bends, programs ---------------------------------------------------------------------------------------------------


def test_pads_choose_what_is_heard(osc: Osc, knobs: Knobs, tmp_path: Path) -> None:
    heard = {}
    for number, name in enumerate(CLASSES):
        knobs.say(f"99 {36 + number:02x} 64", f"89 {36 + number:02x} 40")
        for other in CLASSES:
            comes_to(osc, f"/deck/1/class/{other}", float(other == name))
        time.sleep(SETTLED_S)
        heard[name] = take(osc, tmp_path / f"{name}.wav", TAKE_S)
    assert heard["hum"].share(0.0, 1_000.0) > 0.99
    assert heard["whistle"].share(1_300.0, 2_200.0) > 0.9
    assert heard["hiss"].share(5_000.0, 22_050.0) > 0.5


def test_a_gate_a_stroke_and_a_key(osc: Osc, knobs: Knobs, tmp_path: Path) -> None:
    mapping = tmp_path / "pads.toml"
    mapping.write_text(
        '[[binding]]\nsource = "note 50"\nchannel = 1\naddress = "/deck/1/mute"\naction = "momentary"\n'
        '[[binding]]\nsource = "note 51"\naddress = "/deck/1/param/density"\naction = "velocity"\n'
        '[[binding]]\nsource = "note 60-72"\naddress = "/deck/1/pan"\naction = "key"\n',
        encoding="utf-8",
    )
    osc.do("/midi/load", str(mapping))
    knobs.say("90 32 64")
    comes_to(osc, "/deck/1/mute", 1.0)
    time.sleep(0.1)
    assert take(osc, tmp_path / "shut.wav", 0.2).level_db < SILENCE_DB
    knobs.say("80 32 40")
    comes_to(osc, "/deck/1/mute", 0.0)
    time.sleep(0.1)
    assert take(osc, tmp_path / "open.wav", 0.2).level_db > -60.0
    # A note-on of velocity 0 lets go as well.
    knobs.say("90 32 01", "90 32 00")
    reported(osc, knobs, 1)
    assert is_at(osc, "/deck/1/mute", 0.0)
    knobs.say("93 33 7f", "83 33 00")
    comes_to(osc, f"{PARAM}/density", 43.0)
    knobs.say("93 33 01")
    until(lambda: osc.value(f"{PARAM}/density") < 1.1)
    knobs.say("90 48 10", "80 48 10")
    comes_to(osc, "/deck/1/pan", 1.0)
    knobs.say("90 42 10")
    comes_to(osc, "/deck/1/pan", 0.0)


def test_mpe_bend_is_heard(osc: Osc, knobs: Knobs, tmp_path: Path) -> None:
    """Four octaves of rate lie on a bend of two octaves either way, so a finger bends in tune."""
    path = f"{PARAM}/rate"
    knobs.say("99 26 64", "89 26 40")
    comes_to(osc, "/deck/1/class/whistle", 1.0)
    # A zone of three members (RPN 6), whose bends reach 24 semitones (RPN 0).
    knobs.say("b0 65 00,b0 64 06,b0 06 03", "b1 65 00,b1 64 00,b1 06 18")
    moving = learn(osc, (path,), lambda: knobs.say("91 3c 64", *(f"e1 00 {value:02x}" for value in (0x44, 0x50, 0x70, 0x50, 0x40))))
    assert moving == (path, f"mpe_bend, channel 1, {PORT}", "follow")
    knobs.say("e1 00 40")
    comes_to(osc, path, 1.0, within=0.01)
    time.sleep(SETTLED_S)
    plain = take(osc, tmp_path / "plain.wav", TAKE_S)
    knobs.say("e1 00 60")
    comes_to(osc, path, 2.0, within=0.01)
    time.sleep(SETTLED_S)
    bent = take(osc, tmp_path / "bent.wav", TAKE_S)
    assert plain.share(1_300.0, 2_200.0) > 0.9
    assert bent.share(2_600.0, 4_400.0) > 0.9
    # The master's wheel (2 semitones) is added to the finger's.
    knobs.say("e0 7f 7f")
    comes_to(osc, path, 2.0 ** (14 / 12), within=0.01)
    # The next note begins under the wheel that is still bent, on a finger at rest.
    knobs.say("81 3c 40", "92 40 64", "e2 00 40")
    comes_to(osc, path, 2.0 ** (2 / 12), within=0.01)
    # The zone goes; the knob of another player is a plain one again.
    knobs.say("82 40 40", "e0 00 40", "b0 65 00,b0 64 06,b0 06 00")


def test_programs_load_patches_and_recall_scenes(
    osc: Osc, knobs: Knobs, patches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SEARCH_VARIABLE, str(patches))
    slugs = sorted(entry.slug for entry in available())
    tones = {}
    for slug in ("low", "high"):
        knobs.say(f"c0 {slugs.index(slug):02x}")
        plays(osc, 1, slug)
        time.sleep(SETTLED_S)
        tones[slug] = take(osc, tmp_path / f"{slug}.wav", TAKE_S).strongest_hz
    # One tone each, of a period that divides the hop: 10 and 70 of them.
    assert tones == pytest.approx({"low": 10 * RATE_HZ / 1_024, "high": 70 * RATE_HZ / 1_024}, abs=10.0)
    # A program that there is no patch for is said, and plays on; channel 2 is the second deck.
    knobs.say("c0 7f", f"c1 {slugs.index('high'):02x}")
    plays(osc, 2, "high")
    assert osc.ask("/deck/1/state")[0] == "high"
    # Scenes are bank 1, in the order they were saved in: by bank LSB, and by MSB as others send it.
    for name, pan in (("left", -0.5), ("right", 0.5)):
        osc.set("/deck/1/pan", pan)
        osc.do("/scene/save", name)
    assert osc.ask("/scene/list") == ("left", "right")
    knobs.say("b0 00 00,b0 20 01,c0 00")
    comes_to(osc, "/deck/1/pan", -0.5)
    knobs.say("b0 00 01,b0 20 00,c0 01")
    comes_to(osc, "/deck/1/pan", 0.5)
    # Back in bank 0 it is patches again.
    knobs.say(f"b0 00 00,b0 20 00,c0 {slugs.index('trio'):02x},c1 {slugs.index('low'):02x}")
    plays(osc, 1, "trio")
    plays(osc, 2, "low")
    for name in ("left", "right"):
        osc.do("/scene/delete", name)


@pytest.mark.parametrize("controller", [120, 123])
def test_panic_silences_and_a_pad_brings_it_back(osc: Osc, knobs: Knobs, tmp_path: Path, controller: int) -> None:
    assert take(osc, tmp_path / "before.wav", 0.2).level_db > -60.0
    knobs.say(f"b5 {controller:02x} 00")
    reported(osc, knobs, 1)
    time.sleep(0.1)
    assert take(osc, tmp_path / "panic.wav", 0.3).peak == 0.0
    # A knob and a pad without a meaning leave it silent.
    knobs.turn(70, 10)
    knobs.say("9f 10 64", "8f 10 00")
    reported(osc, knobs, 2)
    assert take(osc, tmp_path / "still.wav", 0.2).peak == 0.0
    knobs.say("99 25 64", "89 25 40")
    comes_to(osc, "/deck/1/class/hum", 1.0)
    time.sleep(SETTLED_S)
    again = take(osc, tmp_path / "again.wav", TAKE_S)
    assert again.level_db > -60.0
    assert again.share(0.0, 1_000.0) > 0.99


# --- time ---------------------------------------------------------------------------------------------------------------------


def test_midi_clock_leads_and_a_scene_waits_for_its_bar(osc: Osc, knobs: Knobs) -> None:
    osc.send("/transport/source", "midi")
    osc.send("/transport/quantum", 4)
    for name, gain in (("loud", 0.0), ("soft", -30.0)):
        osc.set("/deck/1/gain", gain)
        osc.do("/scene/save", name)
    try:
        with knobs.clock(160.0) as ticks:
            until(lambda: osc.ask("/transport/beat")[2] == 1 and ticks.beat > 4.0, "the clock")
            for _ in range(5):
                least = ticks.beat
                beat, tempo_bpm, running = (float(value) for value in osc.ask("/transport/beat"))
                # A tick may be under way, and the beat goes on between two.
                assert least - 0.15 <= beat <= ticks.beat + 0.15
                assert tempo_bpm == pytest.approx(160.0, rel=0.05)
                assert running
                time.sleep(0.1)
            for program, gain in ((0, 0.0), (1, -30.0)):
                until(lambda: 0.5 < float(osc.ask("/transport/beat")[0]) % 4.0 < 2.5, "the middle of a bar")
                asked = float(osc.ask("/transport/beat")[0])
                knobs.say(f"b0 00 00,b0 20 01,c0 {program:02x}")
                bar = 4.0 * (asked // 4.0 + 1.0)
                before = asked
                while True:
                    now = float(osc.ask("/transport/beat")[0])
                    if is_at(osc, "/deck/1/gain", gain):
                        break
                    before = now
                after = float(osc.ask("/transport/beat")[0])
                # It was not there yet at `before`, and was at `after`: the bar is between. A beat is 0.375 s.
                assert before < bar + 0.25
                assert after > bar - 0.05
            # Stop stops; a song position and a continue go on from there.
            knobs.say("fc")
            until(lambda: osc.ask("/transport/beat")[2] == 0, "the stop")
            knobs.say("f2 20 00", "fb")
            until(lambda: osc.ask("/transport/beat")[2] == 1, "the continue")
            assert 8.0 <= float(osc.ask("/transport/beat")[0]) < 11.0
            knobs.say("fc")
            until(lambda: osc.ask("/transport/beat")[2] == 0, "the stop")
    finally:
        osc.send("/transport/source", "internal")
        for name in ("loud", "soft"):
            osc.do("/scene/delete", name)
        osc.set("/deck/1/gain", 0.0)


# --- the way back -------------------------------------------------------------------------------------------------------------


def test_values_go_back_to_the_controller_without_a_loop(osc: Osc, knobs: Knobs, tmp_path: Path) -> None:
    mapping = tmp_path / "rings.toml"
    where = f'channel = 1\nport = "{CLIENT}"\n'
    mapping.write_text(
        f'feedback = "show"\n[[binding]]\nsource = "cc 30"\n{where}address = "/deck/1/pan"\n'
        f'[[binding]]\nsource = "note 60"\n{where}address = "/deck/1/freeze"\naction = "toggle"\nfeedback = "show"\n',
        encoding="utf-8",
    )
    osc.do("/midi/load", str(mapping))
    until(lambda: len(knobs.told) == 2, "all there is to show")
    assert sorted(knobs.told) == ["90 3c 00", "b0 1e 40"]
    osc.set("/deck/1/pan", 1.0)
    until(lambda: knobs.told[2:] == ["b0 1e 7f"], "the ring")
    # The hand moves it: nothing pulls against it, and nothing is said of what it shows already.
    knobs.turn(30, 127, 120, 110, 100)
    comes_to(osc, "/deck/1/pan", around(100))
    time.sleep(SETTLED_S)
    knobs.say("90 3c 64", "80 3c 40")
    comes_to(osc, "/deck/1/freeze", 1.0)
    time.sleep(SETTLED_S)
    # The pad sent 0 when it was let go, and its light is to be on.
    assert knobs.told[3:] == ["90 3c 7f"]
    # A patch or a scene that moves the value is seen too.
    osc.set("/deck/1/pan", -1.0)
    until(lambda: knobs.told[4:] == ["b0 1e 00"], "the ring")
    # A controller that says everything back, at once or late, is heard, and it comes to rest.
    answered = len(knobs.told)
    for pan in (0.3, -0.7, 0.9):
        osc.send("/deck/1/pan", pan)
        for _ in range(20):
            time.sleep(0.05)
            for message in knobs.told[answered:]:
                knobs.say(message)
                answered += 1
        assert is_at(osc, "/deck/1/pan", pan, within=0.01)
    assert len(knobs.told) == 8
    osc.set("/deck/1/freeze", 0.0)


def test_a_controller_that_comes_back_has_its_mapping(osc: Osc) -> None:
    with plugged_in(osc) as knobs:
        learn(osc, ("/deck/1/pan",), lambda: knobs.turn(20, 10, 20, 30, 40))
        knobs.turn(20, 50, 64, 70)
        comes_to(osc, "/deck/1/pan", around(70))
    with plugged_in(osc) as knobs:
        # It goes on where it was; had it been turned while it was out, it would have to be picked up.
        knobs.turn(20, 72, 80)
        comes_to(osc, "/deck/1/pan", around(80))


def test_the_show_went_on(stage: tuple[Program, Osc]) -> None:
    """The last of these: what the program said of all that, and how it ended."""
    program, osc = stage
    assert osc.ask("/status")[5] == 0
    assert program.end() == 0
    assert stray(program.said) == []
    assert any(": 0 underruns" in line for line in program.said)


# --- what is not there --------------------------------------------------------------------------------------------------------

OWN_WORDS = (
    "playing on ",
    "OSC on ",
    "Starling is ",
    f"{PORT} is here",
    f"{PORT} is gone; it is opened again when it comes back",
    "learned ",
    "/deck/1/patch/program: program; got 127",
    "the MIDI system went away; it is looked for again",
    "no MIDI system (",
    "device system (JACK Audio Connection Kit) stopped; playing to null",
    "device system (JACK Audio Connection Kit) plays again",
    "played ",
    "deck 1: ",
    "deck 2: ",
)


def stray(said: list[str]) -> list[str]:
    """Lines of the terminal that the program did not mean to say."""
    return [line for line in said if not line.startswith(OWN_WORDS)]


def test_a_controller_pulled_out_mid_turn_and_a_server_that_dies(patches: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "gate.toml"
    mapping.write_text(
        '[[binding]]\nsource = "cc 30"\naddress = "/deck/1/pan"\n'
        '[[binding]]\nsource = "note 50"\naddress = "/deck/1/freeze"\naction = "momentary"\n',
        encoding="utf-8",
    )
    name = "starling-midi-gone"
    options = (*OPTIONS, "--mapping", str(mapping))
    with environment({SEARCH_VARIABLE: str(patches)}), server(name, sync=False) as (jackd, jack), environment(jack):
        with played("low", "high", *options, jack=jack) as (program, osc):
            for last in (70, 90):
                knobs = Knobs()
                until(lambda: PORT in osc.ask("/midi/ports"), "the controller")
                # This server does not wait for busy clients, so a message can be lost: until it was heard.
                until(lambda knobs=knobs: knobs.say("90 32 64") or is_at(osc, "/deck/1/freeze", 1.0), "the gate")
                sweep = range(60, last + 1, 2)
                until(lambda knobs=knobs, sweep=sweep: knobs.turn(30, *sweep) or osc.value("/deck/1/pan") > 0.0, "the knob")
                knobs.pull_out()
                # The gate that it held is let go, and what the knob did stays.
                comes_to(osc, "/deck/1/freeze", 0.0)
                until(lambda: PORT not in osc.ask("/midi/ports"), "the end of the controller")
                assert 0.0 < osc.value("/deck/1/pan") <= around(last) + 1e-3
            knobs = Knobs()
            until(lambda: PORT in osc.ask("/midi/ports"), "the controller")
            jackd.send_signal(signal.SIGKILL)
            jackd.wait()
            until(lambda: not osc.ask("/midi/ports"), "the end of the server")
            knobs.pull_out()
            frames = int(osc.ask("/status")[8])
            until(lambda: int(osc.ask("/status")[8]) > frames + RATE_HZ, "a second of sound")
            with server(name, sync=False), plugged_in(osc) as knobs:
                # Mapping and knob are as they were.
                until(lambda: knobs.turn(30, 88, 92, 110) or is_at(osc, "/deck/1/pan", around(110)), "the knob")
            assert osc.ask("/status")[5] == 0
        assert program.process.returncode == 0
    assert stray(program.said) == []
    assert program.said.count("the MIDI system went away; it is looked for again") <= 2


def test_without_a_midi_system_it_says_so_once_and_plays(patches: Path, tmp_path: Path) -> None:
    """No server to be found, and no library that could look for one; side by side."""
    library = tmp_path / "library"
    library.mkdir()
    (library / "rtmidi.py").write_text("raise ImportError('no rtmidi here')\n", encoding="utf-8")
    nowhere = {"JACK_DEFAULT_SERVER": "starling-no-such-server", "JACK_NO_START_SERVER": "1", SEARCH_VARIABLE: str(patches)}
    cases = {
        "no MIDI system (jack): ": nowhere | {FOLDER_VARIABLE: str(tmp_path / "first")},
        "MIDI is off: MIDI needs python-rtmidi: ": nowhere | {FOLDER_VARIABLE: str(tmp_path / "second"), "PYTHONPATH": str(library)},
    }
    options = ("low", "--headless", "--device", "null", "--midi-backend", "jack", "--seconds", "7")
    programs = {words: Program(*options, jack=case) for words, case in cases.items()}
    try:
        for program in programs.values():
            program.process.wait(120.0)
    finally:
        ends = [program.end() for program in programs.values()]
    assert ends == [0, 0]
    for words, program in programs.items():
        about = [line for line in program.said if "MIDI" in line]
        assert len(about) == 1, about
        assert about[0].startswith(words)
        assert stray([line for line in program.said if line not in about]) == []
        assert any(line.startswith("played 7.") for line in program.said)
